# Keeps on through a restore, with confluent-kafka: prints each event as offset, txnId, op, key and value with tabs
# between, and begins again where it is told to. Arguments: file for librdkafka, endpoint, group, topic.
import json, signal, sys
from confluent_kafka import Consumer, TopicPartition

properties, endpoint, group, topic = sys.argv[1:]
pairs = [line.strip().split('=', 1) for line in open(properties) if '=' in line and not line.startswith('#')]
more = {'bootstrap.servers': endpoint, 'group.id': group, 'auto.offset.reset': 'earliest', 'session.timeout.ms': 6000}
stopping = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))

consumer = Consumer(dict(pairs) | more | {'auto.commit.interval.ms': 500})
consumer.subscribe([topic])
while not stopping:
    message = consumer.poll(0.1)
    if message is None:
        continue
    if message.error():
        print(message.error(), file=sys.stderr, flush=True)
        continue
    op = dict(message.headers())['op'].decode()
    txn = json.loads(message.value())['txnId']
    print(message.offset(), txn, op, message.key().decode(), message.value().decode(), sep='\t', flush=True)
    if op == 'resync':
        consumer.seek(TopicPartition(topic, message.partition(), 0))
consumer.close()
