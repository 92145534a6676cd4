#!/usr/bin/env python3
"""Keeps a copy of an app's documents in an SQLite file, from Headwater's change feed. The rules are in ../README.md."""
import json
import sqlite3

from confluent_kafka import KafkaException, TopicPartition

import headwater

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
    consumer, ends = headwater.consumer(options)

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
            yield headwater.row(collection, document_id, event["txnId"], event["change"].get("newValue"))  # a remove has none
    else:  # requeryRequired
        for entry in event["documents"]:
            if options.collection in (None, entry["collectionName"]):
                answer = headwater.requery(entry, event["txnId"], options)
                found = [{"_id": entry["documentId"], **it["fields"]} for it in answer["documents"]] or [None]
                yield headwater.row(entry["collectionName"], entry["documentId"], answer["txnId"], found[0])


if __name__ == "__main__":
    try:
        follow(headwater.read_options(__doc__))
    except KeyboardInterrupt:
        pass  # what is not in the file yet is read again
