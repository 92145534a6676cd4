# Keeps a copy through a restore, with confluent-kafka: prints each event as offset, txnId, op, key and value with tabs
# between, and begins again where it is told to. Commits by itself: librdkafka's own commits come from another thread, and
# could overtake that of offset 0. Ends when its input does. Arguments: file for librdkafka, endpoint, group, topic.
import json, os, sys, threading, time
from confluent_kafka import Consumer, KafkaException, TopicPartition

properties, endpoint, group, topic = sys.argv[1:]
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
pairs = [line.strip().split('=', 1) for line in open(properties) if '=' in line and not line.startswith('#')]
consumer = Consumer(dict(pairs) | {
    'bootstrap.servers': endpoint, 'group.id': group, 'auto.offset.reset': 'earliest', 'enable.auto.commit': False,
    'session.timeout.ms': 6000, 'heartbeat.interval.ms': 500, 'reconnect.backoff.max.ms': 1000,
})
consumer.subscribe([topic])


def commit(partition, offset):
    """Whether the group stands there now: not if it is not a member at the moment."""
    try:
        done = consumer.commit(offsets=[TopicPartition(topic, partition, offset)], asynchronous=False)
        return done[0].error is None
    except KafkaException as error:
        print(error, file=sys.stderr, flush=True)
        return False


committed_at = time.monotonic()
while True:
    message = consumer.poll(0.1)
    if message is None:
        continue
    if message.error():
        print(message.error(), file=sys.stderr, flush=True)
        continue
    partition, offset = message.partition(), message.offset()
    op = dict(message.headers())['op'].decode()
    # Offset 0 is committed before anything is read on; where that fails, the resync is read once more.
    begins = op == 'resync' and commit(partition, 0)
    if op != 'resync' or begins:
        txn = json.loads(message.value())['txnId']
        print(offset, txn, op, message.key().decode(), message.value().decode(), sep='\t', flush=True)
    if op == 'resync':
        try:
            consumer.seek(TopicPartition(topic, partition, 0 if begins else offset))
        except KafkaException as error:
            print(error, file=sys.stderr, flush=True)  # not assigned: whoever has it next begins where the group stands
    elif time.monotonic() - committed_at > 0.5:
        commit(partition, offset + 1)
        committed_at = time.monotonic()
