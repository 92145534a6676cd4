# Keeps on through a restore, with aiokafka: prints each event as offset, txnId, op, key and value with tabs between,
# and begins again where it is told to. Arguments: directory of credentials, endpoint, group, topic.
import asyncio, json, sys
from aiokafka import AIOKafkaConsumer
from aiokafka.helpers import create_ssl_context

directory, endpoint, group, topic = sys.argv[1:]


async def follow():
    context = create_ssl_context(
        cafile=f'{directory}/ca.pem', certfile=f'{directory}/user.pem', keyfile=f'{directory}/user.key'
    )
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=endpoint, group_id=group, security_protocol='SSL', ssl_context=context,
        auto_offset_reset='earliest', session_timeout_ms=6000, heartbeat_interval_ms=500, auto_commit_interval_ms=500,
        retry_backoff_ms=100, request_timeout_ms=5000, metadata_max_age_ms=2000,
    )
    await consumer.start()
    while True:
        for partition, messages in (await consumer.getmany(timeout_ms=200)).items():
            for message in messages:
                op = dict(message.headers)['op'].decode()
                txn = json.loads(message.value)['txnId']
                print(message.offset, txn, op, message.key.decode(), message.value.decode(), sep='\t', flush=True)
                if op == 'resync':
                    await consumer.seek_to_beginning(partition)
                    break


asyncio.run(follow())
