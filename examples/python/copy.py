#!/usr/bin/env python3
"""Keeps a copy of an app's documents in an SQLite file, from Headwater's change feed. The rules are in ../README.md."""
import os
import sys

# Nothing is to be imported from this file's own directory: to other modules, `copy` is Python's own.
sys.path = [it for it in sys.path if it != os.path.dirname(os.path.realpath(__file__))]

import argparse
import json
import sqlite3
import time
import urllib.request

from confluent_kafka import Consumer, KafkaException, TopicPartition

TABLES = """
CREATE TABLE IF NOT EXISTS documents (  -- id: JSON as in the record's key; document: JSON, NULL when it was removed
    collection TEXT, id TEXT, txn_id INTEGER NOT NULL, document TEXT, PRIMARY KEY (collection, id));
CREATE TABLE IF NOT EXISTS positions (
    topic TEXT, partition INTEGER, next_offset INTEGER NOT NULL, PRIMARY KEY (topic, partition));
"""
# What is not newer than what is known changes nothing: an event read twice, or one that a re-query has overtaken.
STORE = """
INSERT INTO documents VALUES (?, ?, ?, ?) ON CONFLICT (collection, id) DO UPDATE
    SET txn_id = excluded.txn_id, document = excluded.document WHERE excluded.txn_id > documents.txn_id
"""


def follow(options):
    db = sqlite3.connect(options.database)
    db.execute("PRAGMA journal_mode = WAL")  # so that others can read meanwhile
    db.executescript(TABLES)
    files = {"ca": "ca.pem", "certificate": "user.pem", "key": "user.key"}
    consumer = Consumer({
        **{f"ssl.{it}.location": f"{options.credentials}/{file}" for it, file in files.items()},
        "security.protocol": "ssl",
        "bootstrap.servers": options.bootstrap,
        "group.id": options.group,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
    })
    topic = consumer.list_topics(options.topic, timeout=30).topics[options.topic]
    if topic.error:
        raise KafkaException(topic.error)
    ends = {it: consumer.get_watermark_offsets(TopicPartition(options.topic, it), 30)[1] for it in topic.partitions}

    def start(over=False):
        """Reads on where the file says. What is committed to Kafka is only for those who watch the lag."""
        stored = dict(db.execute("SELECT partition, next_offset FROM positions WHERE topic = ?", [options.topic]))
        if over or any(stored.get(it, 0) > ends[it] for it in ends):  # the history of a restored backup, or of a new server
            with db:
                db.execute("DELETE FROM documents")
                db.execute("DELETE FROM positions")
            stored = {}
        at = {it: stored.get(it, 0) for it in ends}
        consumer.assign([TopicPartition(options.topic, *place) for place in at.items()])
        return at

    at = start()
    while not options.until_caught_up or any(at[it] < ends[it] for it in ends):
        records = consumer.consume(1, timeout=1) + consumer.consume(499, timeout=0)
        if not records:
            continue
        with db:  # one transaction: the documents, and the offsets up to which they were read
            for record in records:
                if record.error():  # not a lost connection: the client makes that again by itself
                    raise KafkaException(record.error())
                if ("op", b"resync") in (record.headers() or []):
                    at = start(over=True)
                    break
                db.executemany(STORE, rows_of(record, options))
                at[record.partition()] = record.offset() + 1
            db.executemany("REPLACE INTO positions VALUES (?, ?, ?)", [(options.topic, *it) for it in at.items()])
        places = [TopicPartition(options.topic, *place) for place in at.items()]
        consumer.commit(offsets=places, asynchronous=not options.until_caught_up)
    consumer.close()


def rows_of(record, options):
    """What an event says, as rows of the table. With a live query that filters, an event also comes for a document that
    leaves the filter; its new value is kept here like any other, so the copy has every document that was ever in it."""
    event = json.loads(record.value())
    if event["type"] == "documentChanged":
        collection, document_id = json.loads(record.key())
        if options.collection in (None, collection):
            yield row(collection, document_id, event["txnId"], event["change"].get("newValue"))  # a remove has none
    else:  # requeryRequired
        for entry in event["documents"]:
            if options.collection in (None, entry["collectionName"]):
                answer = requery(entry, event["txnId"], options)
                found = [{"_id": entry["documentId"], **it["fields"]} for it in answer["documents"]] or [None]
                yield row(entry["collectionName"], entry["documentId"], answer["txnId"], found[0])


def requery(entry, txn_id, options):
    """Asks for the document that an entry names: not as it was in that transaction, but as it is in the answer's."""
    headers = {"X-DITTO-TXN-ID": str(txn_id), "Content-Type": "application/json"}
    if options.key:
        headers["Authorization"] = f"Bearer {options.key}"
    url = f"{options.http}/{entry['appId']}/api/v4/store/requery"
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, json.dumps(entry).encode(), headers), timeout=60) as reply:
                return json.load(reply)
        except OSError as error:  # 404: that transaction is not applied yet. A document that is gone is no 404
            if getattr(error, "code", 503) not in (404, 408, 500, 503):
                raise
            print(f"asking again for {entry}: {error}", file=sys.stderr)
            time.sleep(1)


def row(collection, document_id, txn_id, document):
    """Python's JSON keeps 64-bit integers and the 1.0 that is not 1."""
    text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    return collection, text(document_id), txn_id, None if document is None else text(document)


def read_options():
    flags = argparse.ArgumentParser(description=__doc__)
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


if __name__ == "__main__":
    try:
        follow(read_options())
    except KeyboardInterrupt:
        pass  # what is not in the file yet is read again
