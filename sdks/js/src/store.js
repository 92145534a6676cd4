/**
 * The documents of a peer: statements, observers, transactions, attachments, and the way to collections.
 */
import { fetchAttachment, newAttachment } from './attachments.js';
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
   * Takes a copy of a file, or of bytes, to be referred to from documents: `upsert({ photo: attachment.token },
   * { photo: 'attachment' })`. Nothing of it is sent before a document has its token.
   *
   * @param {string | Uint8Array} source a path, or what is in it
   * @param {{[name: string]: string}} [metadata] goes into the token
   */
  async newAttachment(source, metadata) {
    return newAttachment(this.#port, source, metadata);
  }

  /**
   * The file that a token in a document names: at once if it is here, else once it has come from the server, from where
   * an earlier fetch broke off. Without a network it waits for one.
   *
   * @param {{id: string, len: number}} token
   * @param {{onProgress?: (here: number, len: number) => void, signal?: AbortSignal}} [options]
   * @returns {Promise<import('./attachments.js').Attachment>}
   */
  async fetchAttachment(token, { onProgress, signal } = {}) {
    signal?.throwIfAborted();
    return new Promise((done, failed) => {
      const progress = (/** @type {number} */ here) => onProgress?.(here, token.len);
      const stop = fetchAttachment(this.#port, token, { progress, done, failed });
      signal?.addEventListener('abort', () => {
        stop();
        failed(signal.reason);
      }, { once: true });
    });
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
