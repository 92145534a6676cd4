# Keeps a copy through a restore, with aiokafka: prints each event as offset, txnId, op, key and value with tabs between,
# and begins again where it is told to. Commits by itself: with automatic commits the offset behind a resync could be
# committed before offset 0 is. Ends when its input does. Arguments: directory of credentials, endpoint, group, topic.
import asyncio, json, os, sys, threading, time
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.helpers import create_ssl_context

directory, endpoint, group, topic = sys.argv[1:]
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()


async def commit(consumer, partition, offset):
    """Whether the group stands there now: not if it is not a member at the moment."""
    try:
        await consumer.commit({partition: offset})
        return True
    except (KafkaError, IllegalStateError) as error:
        print(repr(error), file=sys.stderr, flush=True)
        return False


async def follow():
    context = create_ssl_context(
        cafile=f'{directory}/ca.pem', certfile=f'{directory}/user.pem', keyfile=f'{directory}/user.key'
    )
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=endpoint, group_id=group, security_protocol='SSL', ssl_context=context,
        auto_offset_reset='earliest', enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=500,
        request_timeout_ms=5000,
    )
    await consumer.start()
    committed_at = time.monotonic()
    while True:
        for partition, messages in (await consumer.getmany(timeout_ms=200)).items():
            for message in messages:
                op = dict(message.headers)['op'].decode()
                # Offset 0 is committed before anything is read on; where that fails, the resync is read once more.
                begins = op == 'resync' and await commit(consumer, partition, 0)
                if op != 'resync' or begins:
                    txn = json.loads(message.value)['txnId']
                    print(message.offset, txn, op, message.key.decode(), message.value.decode(), sep='\t', flush=True)
                if op == 'resync':
                    try:
                        consumer.seek(partition, 0 if begins else message.offset)
                    except IllegalStateError:
                        pass  # not assigned: whoever has it next begins where the group stands
                    break
            else:
                if time.monotonic() - committed_at > 0.5:
                    await commit(consumer, partition, messages[-1].offset + 1)
                    committed_at = time.monotonic()


asyncio.run(follow())
