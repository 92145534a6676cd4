# One member of a group, written with confluent-kafka. Prints a JSON line for each event (as its value is), and
# {"assigned": […]} for each assignment, {"revoked": […]} for partitions that it gives back.
# Arguments: file for librdkafka, endpoint, group, topic (or an expression that begins with ^), further settings as name=value.
import json, signal, sys
from confluent_kafka import Consumer

properties, endpoint, group, topic, *settings = sys.argv[1:]
pairs = [line.strip().split('=', 1) for line in open(properties) if '=' in line and not line.startswith('#')]
config = dict(pairs) | {'bootstrap.servers': endpoint, 'group.id': group, 'auto.offset.reset': 'earliest'}
config |= dict(setting.split('=', 1) for setting in settings)
stopping = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))


def say(what):
    print(json.dumps(what, separators=(',', ':')), flush=True)


def places(partitions):
    return sorted(f'{it.topic}/{it.partition}' for it in partitions)


consumer = Consumer(config)
consumer.subscribe(
    [topic],
    on_assign=lambda _, partitions: say({'assigned': places(partitions)}),
    on_revoke=lambda _, partitions: say({'revoked': places(partitions)}),
    on_lost=lambda _, partitions: say({'lost': places(partitions)}),
)
while not stopping:
    message = consumer.poll(0.1)
    if message is None:
        continue
    if message.error():
        print(message.error(), file=sys.stderr, flush=True)
    else:
        print(message.value().decode(), flush=True)
consumer.close()
