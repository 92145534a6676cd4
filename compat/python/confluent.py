"""confluent-kafka (librdkafka)."""

import sys

from confluent_kafka import Consumer, KafkaException, TopicPartition
from command_line import options, settings, show


def complain(error):
    print(error, file=sys.stderr, flush=True)


def start_at(consumer, topic, time):
    known = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign(consumer.offsets_for_times([TopicPartition(topic, it, time) for it in known], timeout=30))


def main():
    wanted = options()
    config = settings(wanted.config) | {
        "group.id": wanted.group or "none",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "error_cb": complain,
    }
    if wanted.protocol == "consumer":
        config["group.protocol"] = "consumer"
    else:
        config |= {"session.timeout.ms": wanted.session_timeout, "heartbeat.interval.ms": 1000}
    consumer = Consumer(config)
    if wanted.group:
        consumer.subscribe([wanted.topic])
    else:
        start_at(consumer, wanted.topic, wanted.from_time)
    left = wanted.count
    while left > 0:
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            complain(message.error())
            continue
        show(message.partition(), message.offset(), message.key())
        left -= 1
        if wanted.group:
            try:
                consumer.commit(message=message, asynchronous=False)
            except KafkaException as moved:
                complain(moved)  # whoever has the partition next gets the event again
    consumer.close()


main()
