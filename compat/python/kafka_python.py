"""kafka-python."""

import logging

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError
from command_line import options, settings, show, tls


def start_at(consumer, topic, time):
    partitions = [TopicPartition(topic, it) for it in consumer.partitions_for_topic(topic)]
    consumer.assign(partitions)
    consumer.seek_to_end(*partitions)
    for partition, found in consumer.offsets_for_times({it: time for it in partitions}).items():
        if found is not None:
            consumer.seek(partition, found.offset)


def main():
    logging.basicConfig(level=logging.WARNING)
    wanted = options()
    bundle = settings(wanted.config)
    consumer = KafkaConsumer(
        bootstrap_servers=bundle["bootstrap.servers"],
        security_protocol="SSL",
        ssl_context=tls(bundle),
        group_id=wanted.group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=wanted.session_timeout,
        heartbeat_interval_ms=1000,
    )
    if wanted.group:
        consumer.subscribe([wanted.topic])
    else:
        start_at(consumer, wanted.topic, wanted.from_time)
    left = wanted.count
    for record in consumer:
        show(record.partition, record.offset, record.key)
        if wanted.group:
            partition = TopicPartition(record.topic, record.partition)
            try:
                consumer.commit({partition: OffsetAndMetadata(record.offset + 1, "", -1)})
            except CommitFailedError as moved:
                logging.warning(moved)  # whoever has the partition next gets the event again
        left -= 1
        if left == 0:
            break
    consumer.close()


main()
