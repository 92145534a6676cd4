#!/usr/bin/env python3
"""Keeps a copy of an app's documents in an SQLite file, from Headwater's change feed. The rules are in ../README.md."""
import json

from confluent_kafka import KafkaException, TopicPartition

import headwater
from store import Store


def follow(options):
    store = Store(options.database, options.topic)
    consumer, ends = headwater.consumer(options)

    def seek():
        """Reads on where the store says. What is committed to Kafka is only for those who watch the lag."""
        consumer.assign([TopicPartition(options.topic, it, store.next_offset(it)) for it in ends])

    if any(store.next_offset(it) > end for it, end in ends.items()):  # the history of a restored backup, or of a new server
        store.forget()
    seek()
    while not options.until_caught_up or any(store.next_offset(it) < end for it, end in ends.items()):
        rows, offsets = [], {}
        for record in consumer.consume(1, timeout=1) + consumer.consume(499, timeout=0):
            if record.error():  # not a lost connection: the client makes that again by itself
                raise KafkaException(record.error())
            if ("op", b"resync") in (record.headers() or []):
                rows, offsets = [], {}
                store.forget()
                seek()
                break
            rows.extend(rows_of(record, options))
            offsets[record.partition()] = record.offset() + 1
        if offsets:
            store.commit(rows, offsets)  # one transaction
            places = [TopicPartition(options.topic, *it) for it in offsets.items()]
            consumer.commit(offsets=places, asynchronous=not options.until_caught_up)
    consumer.close()


def rows_of(record, options):
    """What an event says, as rows. With a live query that filters, an event also comes for a document that leaves the filter;
    its new value is kept here like any other, so the copy has every document that was ever in it."""
    event = json.loads(record.value())
    if event["type"] == "documentChanged":
        collection, document_id = json.loads(record.key())
        if options.collection in (None, collection):
            yield headwater.row(collection, document_id, event["txnId"], event["change"].get("newValue"))  # a remove has none
    else:  # requeryRequired
        for entry in event["documents"]:
            if options.collection in (None, entry["collectionName"]):
                yield headwater.requery(entry, event["txnId"], options)


if __name__ == "__main__":
    try:
        follow(headwater.read_options(__doc__))
    except KeyboardInterrupt:
        pass  # what is not in the file yet is read again
