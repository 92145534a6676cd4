/**
 * Writes that are committed together, or not at all.
 *
 * Invariants: nothing of other writers comes between the calls of a transaction; if its function fails, nothing of it
 * was done.
 */
import { MutableDocument } from './change.js';
import { Written } from './written.js';

/** @typedef {import('./port.js').Port} Port */
/** @typedef {import('./port.js').Message} Message */

/** A transaction in the making. Its reads see what it has written. */
export class Transaction {
  #port;
  #number;

  /**
   * @param {Port} port
   * @param {number} number
   */
  constructor(port, number) {
    this.#port = port;
    this.#number = number;
  }

  /**
   * A collection in it.
   *
   * @param {string} name
   */
  collection(name) {
    return new TransactionCollection(this.#port, this.#number, name);
  }

  /**
   * Runs a statement of DQL: the rows of a SELECT, or what RETURNING says.
   *
   * @param {string} statement
   * @param {object} [args]
   * @returns {Promise<any[]>}
   */
  async execute(statement, args) {
    return (await this.#port.call({ call: 'execute', statement, args, transaction: this.#number })).items;
  }
}

/** A collection in a transaction. */
export class TransactionCollection {
  #port;
  #number;

  /**
   * @param {Port} port
   * @param {number} number
   * @param {string} name
   */
  constructor(port, number, name) {
    this.#port = port;
    this.#number = number;
    this.name = name;
  }

  /**
   * As `collection.upsert`: the document's id.
   *
   * @param {object} value
   * @param {{[path: string]: 'counter' | 'register' | 'map' | 'attachment'}} [types]
   * @returns {Promise<any>}
   */
  async upsert(value, types) {
    return (await this.#call({ call: 'upsert', value, types })).id;
  }

  /**
   * As `collection.findByID`.
   *
   * @param {unknown} id
   * @returns {Promise<any>}
   */
  async findByID(id) {
    return (await this.#call({ call: 'find_by_id', id })).document;
  }

  /**
   * The documents that match a condition of the legacy query language.
   *
   * @param {string} [query]
   * @param {object} [args]
   * @returns {Promise<any[]>}
   */
  async find(query = 'true', args) {
    return (await this.#call({ call: 'find', query, args })).documents;
  }

  /**
   * As `collection.update`: whether the document is there.
   *
   * @param {unknown} id
   * @param {import('./change.js').ChangeMessage[] | ((document: MutableDocument) => void)} changes
   * @returns {Promise<boolean>}
   */
  async update(id, changes) {
    if (typeof changes !== 'function') {
      return (await this.#call({ call: 'update', id, changes })).ids.length > 0;
    }
    const found = await this.findByID(id);
    if (found === null) {
      return false;
    }
    const document = new MutableDocument(found);
    changes(document);
    return document.changes.length === 0 || this.update(id, document.changes);
  }

  /**
   * As `collection.remove`: whether the document was there.
   *
   * @param {unknown} id
   * @returns {Promise<boolean>}
   */
  async remove(id) {
    return (await this.#call({ call: 'remove', id })).ids.length > 0;
  }

  /**
   * @param {Message} request
   */
  async #call(request) {
    return this.#port.call({ ...request, collection: this.name, transaction: this.#number });
  }
}

/**
 * Runs `run` in a transaction: what it gives, and what was written.
 *
 * @template T
 * @param {Port} port
 * @param {(transaction: number) => Promise<T>} run
 * @returns {Promise<{value: T, written: Written}>}
 */
export async function inTransaction(port, run) {
  const { transaction } = await port.call({ call: 'begin' });
  let value;
  try {
    value = await run(transaction);
  } catch (error) {
    await rollBack(port, transaction);
    throw error;
  }
  const { ids, sequence } = await port.call({ call: 'commit', transaction });
  return { value, written: new Written(port, ids, sequence) };
}

/**
 * @param {Port} port
 * @param {number} transaction
 */
export async function rollBack(port, transaction) {
  try {
    await port.call({ call: 'rollback', transaction });
  } catch {
    // It has ended by itself: the peer was closed, or nothing came of it for too long.
  }
}
