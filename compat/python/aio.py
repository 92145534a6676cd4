"""aiokafka."""

import asyncio
import logging

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from command_line import options, settings, show, tls


async def start_at(consumer, time):
    partitions = consumer.assignment()
    await consumer.seek_to_end(*partitions)
    for partition, found in (await consumer.offsets_for_times({it: time for it in partitions})).items():
        if found is not None:
            consumer.seek(partition, found.offset)


async def main():
    logging.basicConfig(level=logging.WARNING)
    wanted = options()
    bundle = settings(wanted.config)
    consumer = AIOKafkaConsumer(
        wanted.topic,
        bootstrap_servers=bundle["bootstrap.servers"],
        security_protocol="SSL",
        ssl_context=tls(bundle),
        group_id=wanted.group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=wanted.session_timeout,
        heartbeat_interval_ms=1000,
    )
    await consumer.start()
    if not wanted.group:
        await start_at(consumer, wanted.from_time)
    left = wanted.count
    async for record in consumer:
        show(record.partition, record.offset, record.key)
        if wanted.group:
            try:
                await consumer.commit({TopicPartition(record.topic, record.partition): record.offset + 1})
            except (CommitFailedError, IllegalStateError) as moved:
                logging.warning(moved)  # whoever has the partition next gets the event again
        left -= 1
        if left == 0:
            break
    await consumer.stop()


asyncio.run(main())
