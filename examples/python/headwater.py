"""How to reach a Headwater server: flags, the Kafka consumer, re-queries, and documents as JSON."""
import argparse
import json
import os
import sys
import time
import urllib.request

from confluent_kafka import Consumer, KafkaException, TopicPartition


def consumer(options):
    """A consumer, and for each partition of the topic where it ended just now."""
    files = {"ca": "ca.pem", "certificate": "user.pem", "key": "user.key"}
    made = Consumer({
        **{f"ssl.{it}.location": f"{options.credentials}/{file}" for it, file in files.items()},
        "security.protocol": "ssl",
        "bootstrap.servers": options.bootstrap,
        "group.id": options.group,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
    })
    topic = made.list_topics(options.topic, timeout=30).topics[options.topic]
    if topic.error:
        raise KafkaException(topic.error)
    return made, {it: made.get_watermark_offsets(TopicPartition(options.topic, it), 30)[1] for it in topic.partitions}


def requery(entry, txn_id, options):
    """The document that an entry names, as a row: not as it was in that transaction, but as it is in the answer's."""
    headers = {"X-DITTO-TXN-ID": str(txn_id), "Content-Type": "application/json"}
    if options.key:
        headers["Authorization"] = f"Bearer {options.key}"
    url = f"{options.http}/{entry['appId']}/api/v4/store/requery"
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, json.dumps(entry).encode(), headers), timeout=60) as reply:
                answer = json.load(reply)
            found = [{"_id": entry["documentId"], **it["fields"]} for it in answer["documents"]] or [None]
            return row(entry["collectionName"], entry["documentId"], answer["txnId"], found[0])
        except OSError as error:  # 404: that transaction is not applied yet. A document that is gone is no 404
            if getattr(error, "code", 503) not in (404, 408, 500, 503):
                raise
            print(f"asking again for {entry}: {error}", file=sys.stderr)
            time.sleep(1)


def row(collection, document_id, txn_id, document):
    """What the store keeps of a document. Python's JSON keeps 64-bit integers and the 1.0 that is not 1."""
    text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    return collection, text(document_id), txn_id, None if document is None else text(document)


def read_options(description):
    """From the command line, the environment, and the files that the server wrote."""
    flags = argparse.ArgumentParser(description=description)
    defaults = {"credentials": "headwater-data/credentials/default", "group": "copy-python", "database": "copy.db"}
    for name in ("credentials", "bootstrap", "http", "key", "topic", "group", "database", "collection"):
        flags.add_argument(f"--{name}", default=os.environ.get(f"COPY_{name.upper()}", defaults.get(name)))
    flags.add_argument("--until-caught-up", action="store_true")
    options = flags.parse_args()

    def read(file):
        with open(f"{options.credentials}/{file}") as text:
            return json.load(text)

    options.topic = options.topic or read("live-query-settings.json")["topic"]
    options.bootstrap = options.bootstrap or read("../../run.json")["kafka"]
    options.http = options.http or read("../../run.json")["http"]
    return options
