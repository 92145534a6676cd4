// A copy in a file of JSON lines. One line is one transaction: documents, and the offsets up to which they were read. A line that
// was cut off does not count, so the two always belong together. With a database, put both into one transaction of it.
import { closeSync, existsSync, fdatasyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

export class Store {
  // '["people","abc123"]' -> { collection, id, txnId, document }. id and document are JSON text; a removed document is null.
  documents = new Map()
  offsets = {} // partition -> the next offset to read

  constructor(path) {
    this.path = path
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
    for (const line of lines.slice(0, -1)) this.#apply(JSON.parse(line)) // the last has no end: empty, or cut off by a crash
    this.#compact()
    this.file = openSync(path, 'a')
  }

  commit(transaction) {
    try {
      writeFileSync(this.file, JSON.stringify(transaction) + '\n')
      fdatasyncSync(this.file)
    } catch (error) {
      console.error(error)
      process.exit(1) // nothing may come after half a line; the next start cuts it off
    }
    this.#apply(transaction)
  }

  close() {
    closeSync(this.file)
    this.#compact()
  }

  #apply({ startOver = false, documents = [], offsets = {} }) {
    if (startOver) {
      this.documents.clear()
      this.offsets = {}
    }
    for (const row of documents) {
      const key = `[${JSON.stringify(row.collection)},${row.id}]`
      // What is not newer than what is known changes nothing: an event read twice, or one that a re-query has overtaken.
      if (!(row.txnId <= this.documents.get(key)?.txnId)) this.documents.set(key, row)
    }
    Object.assign(this.offsets, offsets)
  }

  // Writes the file anew, a line for each document, and puts it in the place of the old one whole.
  #compact() {
    const lines = [...this.documents.values()].map(row => JSON.stringify({ documents: [row] }) + '\n')
    writeFileSync(`${this.path}.new`, lines.join('') + JSON.stringify({ offsets: this.offsets }) + '\n', { flush: true })
    renameSync(`${this.path}.new`, this.path)
  }
}
