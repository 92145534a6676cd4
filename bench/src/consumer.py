# Prints the value of every event of a topic, read with librdkafka (confluent-kafka) over mutual TLS.
import os
import sys

from confluent_kafka import Consumer, TopicPartition, OFFSET_BEGINNING

properties, endpoint, topic = sys.argv[1:4]
config = dict(line.strip().split("=", 1) for line in open(properties) if "=" in line and not line.startswith("#"))
config |= {"bootstrap.servers": endpoint, "group.id": "bench-latency", "enable.auto.commit": "false"}
consumer = Consumer(config)
consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
while True:
    message = consumer.poll(1.0)
    if message is not None and not message.error():
        os.write(1, message.value() + b"\n")
