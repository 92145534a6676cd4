"""The copy in SQLite: documents, and the offsets up to which they were read, in one transaction."""
import sqlite3

TABLES = """
CREATE TABLE IF NOT EXISTS documents (  -- id: JSON as in the record's key; document: JSON, NULL when it was removed
    collection TEXT, id TEXT, txn_id INTEGER NOT NULL, document TEXT, PRIMARY KEY (collection, id));
CREATE TABLE IF NOT EXISTS positions (
    topic TEXT, partition INTEGER, next_offset INTEGER NOT NULL, PRIMARY KEY (topic, partition));
"""
# What is not newer than what is known changes nothing: an event read twice, or one that a re-query has overtaken.
PUT = """
INSERT INTO documents VALUES (?, ?, ?, ?) ON CONFLICT (collection, id) DO UPDATE
    SET txn_id = excluded.txn_id, document = excluded.document WHERE excluded.txn_id > documents.txn_id
"""


class Store:
    def __init__(self, path, topic):
        self.topic = topic
        self.db = sqlite3.connect(path)
        self.db.execute("PRAGMA journal_mode = WAL")  # so that others can read meanwhile
        self.db.executescript(TABLES)
        self.offsets = dict(self.db.execute("SELECT partition, next_offset FROM positions WHERE topic = ?", [topic]))

    def next_offset(self, partition):
        return self.offsets.get(partition, 0)

    def commit(self, documents, offsets):
        """Takes the documents that are new, and notes for each partition the next offset to read."""
        with self.db:
            self.db.executemany(PUT, documents)
            positions = [(self.topic, *it) for it in offsets.items()]
            self.db.executemany("REPLACE INTO positions VALUES (?, ?, ?)", positions)
        self.offsets.update(offsets)

    def forget(self):
        """Forgets the copy and where it was: everything is to be read again."""
        with self.db:
            self.db.execute("DELETE FROM documents")
            self.db.execute("DELETE FROM positions")
        self.offsets = {}
