// The copy in SQLite: documents, and the offsets up to which they were read, in one transaction.
import { createRequire } from 'node:module'

// Node 22.13 and later have this themselves: import { DatabaseSync } from 'node:sqlite'
const { DatabaseSync } = createRequire(import.meta.url)('@photostructure/sqlite') // not `import`: this looks in NODE_PATH too

const TABLES = `
CREATE TABLE IF NOT EXISTS documents (  -- id: JSON as in the record's key; document: JSON, NULL when it was removed
    collection TEXT, id TEXT, txn_id INTEGER NOT NULL, document TEXT, PRIMARY KEY (collection, id));
CREATE TABLE IF NOT EXISTS positions (
    topic TEXT, partition INTEGER, next_offset INTEGER NOT NULL, PRIMARY KEY (topic, partition))`
// What is not newer than what is known changes nothing: an event read twice, or one that a re-query has overtaken.
const PUT = `
INSERT INTO documents VALUES (?, ?, ?, ?) ON CONFLICT (collection, id) DO UPDATE
    SET txn_id = excluded.txn_id, document = excluded.document WHERE excluded.txn_id > documents.txn_id`

export class Store {
  constructor(path, topic) {
    this.topic = topic
    this.db = new DatabaseSync(path, { timeout: 5000 })
    this.db.exec('PRAGMA journal_mode = WAL') // so that others can read meanwhile
    this.db.exec(TABLES)
    this.put = this.db.prepare(PUT)
    this.note = this.db.prepare('REPLACE INTO positions VALUES (?, ?, ?)')
    const noted = this.db.prepare('SELECT partition, next_offset FROM positions WHERE topic = ?').all(topic)
    this.offsets = new Map(noted.map(row => [row.partition, row.next_offset]))
  }

  nextOffset(partition) {
    return this.offsets.get(partition) ?? 0
  }

  // Takes the documents that are new, and notes the next offset of the partition to read.
  commit(documents, partition, offset) {
    this.#transaction(() => {
      for (const row of documents) this.put.run(row.collection, row.id, row.txnId, row.document)
      this.note.run(this.topic, partition, offset)
    })
    this.offsets.set(partition, offset)
  }

  // Forgets the copy and where it was: everything is to be read again.
  forget() {
    this.#transaction(() => this.db.exec('DELETE FROM documents; DELETE FROM positions'))
    this.offsets.clear()
  }

  close() {
    this.db.exec('PRAGMA wal_checkpoint(TRUNCATE)') // the file alone has everything then
    this.db.close()
  }

  #transaction(change) {
    this.db.exec('BEGIN IMMEDIATE')
    try {
      change()
      this.db.exec('COMMIT')
    } catch (error) {
      this.db.exec('ROLLBACK')
      throw error
    }
  }
}
