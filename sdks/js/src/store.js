/**
 * The documents of a peer: statements, observers, transactions, and the way to collections.
 */
import { Collection } from './collection.js';
import { Events, observe } from './observer.js';
import { Transaction, inTransaction } from './transaction.js';
import { Executed } from './written.js';

/** @typedef {import('./port.js').Port} Port */

/** The documents of a peer. */
export class Store {
  #port;

  /**
   * @param {Port} port
   */
  constructor(port) {
    this.#port = port;
  }

  /**
   * A collection; it is there once it has a document.
   *
   * @param {string} name
   */
  collection(name) {
    return new Collection(this.#port, name);
  }

  /**
   * Runs a statement of DQL: SELECT, INSERT, UPDATE, DELETE or EVICT.
   *
   * @param {string} statement
   * @param {object} [args] what `:name` stands for
   */
  async execute(statement, args) {
    return new Executed(this.#port, await this.#port.call({ call: 'execute', statement, args }));
  }

  /**
   * Everything that `write` does with what it is given is one transaction, here and at the server: all of it or, if
   * it fails, nothing. While it runs nothing else is written or synced, so it should be short; it may not wait for
   * other writes.
   *
   * @template T
   * @param {(transaction: Transaction) => Promise<T> | T} write
   */
  async transaction(write) {
    return inTransaction(this.#port, async (number) => write(new Transaction(this.#port, number)));
  }

  /**
   * Calls `callback` with what a SELECT gives now, and again whenever that may be something else. A result that
   * cannot be had goes to `onError`, or is reported as uncaught.
   *
   * @param {string} statement
   * @param {(items: any[]) => void} callback
   * @param {object} [args]
   * @param {{onError?: (error: import('./errors.js').HeadwaterError) => void}} [options]
   */
  registerObserver(statement, callback, args, options) {
    const request = { watch: 'select', statement, args };
    return observe(this.#port, request, (event) => callback(event.items), options?.onError);
  }

  /**
   * The same as an async iterator: `for await (const items of store.observe('SELECT …')) …`.
   *
   * @param {string} statement
   * @param {object} [args]
   * @returns {Events<any[]>}
   */
  observe(statement, args) {
    return new Events(this.#port, { watch: 'select', statement, args }, (event) => event.items);
  }
}
