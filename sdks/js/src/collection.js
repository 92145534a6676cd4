/**
 * A collection, and a document that is named by its id.
 */
import { MutableDocument } from './change.js';
import { Find } from './find.js';
import { inTransaction } from './transaction.js';
import { Written } from './written.js';

/** @typedef {import('./port.js').Port} Port */
/** @typedef {import('./change.js').ChangeMessage} ChangeMessage */
/** @typedef {'counter' | 'register' | 'map' | 'attachment'} FieldType */

/** A collection. It is there once it has a document. */
export class Collection {
  #port;

  /**
   * @param {Port} port
   * @param {string} name
   */
  constructor(port, name) {
    this.#port = port;
    this.name = name;
  }

  /**
   * Merges an object into the document that its `_id` names, or makes a new one.
   *
   * @param {object} value
   * @param {{[path: string]: FieldType}} [types] what kind of field stands at some paths
   */
  async upsert(value, types) {
    const request = { call: 'upsert', collection: this.name, value, types };
    const answer = await this.#port.call(request);
    return new Written(this.#port, [answer.id], answer.sequence);
  }

  /**
   * The document with its `_id`, or null.
   *
   * @param {unknown} id
   * @returns {Promise<any>}
   */
  async findByID(id) {
    return (await this.#port.call({ call: 'find_by_id', collection: this.name, id })).document;
  }

  /**
   * The document with this id, to be read, changed or observed.
   *
   * @param {unknown} id
   */
  byID(id) {
    return new ByID(this.#port, this, id);
  }

  /**
   * The documents that match a condition of the legacy query language; all if there is none. Nothing is looked for
   * until one of its calls.
   *
   * @param {string} [query]
   * @param {object} [args] what `$args.name` stands for
   */
  find(query = 'true', args) {
    return new Find(this.#port, this.name, query, args);
  }

  /**
   * Changes a document, if it is there.
   *
   * @param {unknown} id
   * @param {ChangeMessage[] | ((document: MutableDocument) => void)} changes what to change, or a function that does
   */
  async update(id, changes) {
    if (typeof changes === 'function') {
      return updateWith(this.#port, this.name, { id }, ([document]) => document && changes(document));
    }
    return write(this.#port, { call: 'update', collection: this.name, id, changes });
  }

  /**
   * Removes a document, if it is there, here and at the server.
   *
   * @param {unknown} id
   */
  async remove(id) {
    return write(this.#port, { call: 'remove', collection: this.name, id });
  }

  /**
   * Takes a document out of this store alone: whether it was there.
   *
   * @param {unknown} id
   * @returns {Promise<boolean>}
   */
  async evict(id) {
    return (await this.#port.call({ call: 'evict', collection: this.name, id })).ids.length > 0;
  }
}

/** A document that is named by its id. Nothing is looked for until one of its calls. */
export class ByID {
  #port;
  #collection;

  /**
   * @param {Port} port
   * @param {Collection} collection
   * @param {unknown} id
   */
  constructor(port, collection, id) {
    this.#port = port;
    this.#collection = collection;
    this.id = id;
  }

  /** The document with its `_id`, or null. */
  async get() {
    return this.#collection.findByID(this.id);
  }

  /**
   * Has `change` look at the document and change it, in one transaction; it is not called if there is none. It may
   * not wait.
   *
   * @param {(document: MutableDocument) => void} change
   */
  async update(change) {
    return this.#collection.update(this.id, change);
  }

  /** As `collection.remove`. */
  async remove() {
    return this.#collection.remove(this.id);
  }

  /** As `collection.evict`. */
  async evict() {
    return this.#collection.evict(this.id);
  }

  /** Subscribes to the document. */
  async subscribe() {
    return this.find().subscribe();
  }

  /** The same document as what a query finds, to be observed, say. */
  find() {
    return new Find(this.#port, this.#collection.name, '_id == $args.id', { id: this.id });
  }
}

/**
 * @param {Port} port
 * @param {import('./port.js').Message} request
 */
export async function write(port, request) {
  const answer = await port.call(request);
  return new Written(port, answer.ids, answer.sequence);
}

/**
 * Reads documents, has them changed and writes the changes, in one transaction.
 *
 * @param {Port} port
 * @param {string} collection
 * @param {import('./port.js').Message} which an id, or what `find` takes
 * @param {(documents: MutableDocument[]) => unknown} change
 */
export async function updateWith(port, collection, which, change) {
  const { written } = await inTransaction(port, async (transaction) => {
    const documents = (await found(port, collection, which, transaction)).map((it) => new MutableDocument(it));
    change(documents);
    for (const { id, changes } of documents) {
      if (changes.length > 0) {
        await port.call({ call: 'update', collection, id, changes, transaction });
      }
    }
  });
  return written;
}

/**
 * @param {Port} port
 * @param {string} collection
 * @param {import('./port.js').Message} which
 * @param {number} transaction
 * @returns {Promise<any[]>}
 */
async function found(port, collection, which, transaction) {
  if ('id' in which) {
    const { document } = await port.call({ call: 'find_by_id', collection, id: which.id, transaction });
    return document === null ? [] : [document];
  }
  return (await port.call({ call: 'find', collection, ...which, transaction })).documents;
}
