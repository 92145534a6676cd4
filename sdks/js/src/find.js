/**
 * Documents that match a condition of the legacy query language.
 *
 * Invariants: a Find never changes; `sort`, `limit` and `offset` give another.
 */
import { updateWith, write } from './collection.js';
import { difference } from './difference.js';
import { Events, observe } from './observer.js';
import { Subscription } from './sync.js';

/** @typedef {import('./port.js').Port} Port */
/** @typedef {import('./difference.js').LocalEvent} LocalEvent */
/** @typedef {import('./errors.js').HeadwaterError} HeadwaterError */

/** Documents that match. Nothing is looked for until one of the last calls. */
export class Find {
  #port;
  #collection;
  #request;

  /**
   * @param {Port} port
   * @param {string} collection
   * @param {string} query
   * @param {object} [args]
   * @param {import('./port.js').Message} [request] the rest of it
   */
  constructor(port, collection, query, args, request) {
    this.#port = port;
    this.#collection = collection;
    this.#request = /** @type {import('./port.js').Message} */ ({ ...request, query, args });
  }

  /**
   * Sorts by what stands at `path`, after earlier ones; the smallest first.
   *
   * @param {string} path
   */
  sort(path) {
    return this.#with({ sort: [...(this.#request.sort ?? []), { path }] });
  }

  /**
   * The same, the greatest first.
   *
   * @param {string} path
   */
  sortDescending(path) {
    return this.#with({ sort: [...(this.#request.sort ?? []), { path, descending: true }] });
  }

  /**
   * Leaves the first ones out.
   *
   * @param {number} offset
   */
  offset(offset) {
    return this.#with({ offset });
  }

  /**
   * At most so many.
   *
   * @param {number} limit
   */
  limit(limit) {
    return this.#with({ limit });
  }

  /**
   * The documents, each with its `_id`.
   *
   * @returns {Promise<any[]>}
   */
  async documents() {
    return (await this.#port.call({ call: 'find', ...this.#all() })).documents;
  }

  /**
   * Changes all that match, in one transaction. Order, offset and limit count only for a function, which is called
   * with the documents and may not wait.
   *
   * @param {import('./change.js').ChangeMessage[] |
   *   ((documents: import('./change.js').MutableDocument[]) => void)} changes
   */
  async update(changes) {
    if (typeof changes === 'function') {
      return updateWith(this.#port, this.#collection, this.#request, changes);
    }
    return write(this.#port, { call: 'update', ...this.#matching(), changes });
  }

  /** Removes all that match, in one transaction; order, offset and limit do not count. */
  async remove() {
    return write(this.#port, { call: 'remove', ...this.#matching() });
  }

  /**
   * Takes all that match out of this store alone; order, offset and limit do not count. The ids of those that were
   * there.
   *
   * @returns {Promise<any[]>}
   */
  async evict() {
    return (await this.#port.call({ call: 'evict', ...this.#matching() })).ids;
  }

  /**
   * Calls `callback` with the documents now, and again whenever they may be others.
   *
   * @param {(documents: any[]) => void} callback
   * @param {{onError?: (error: HeadwaterError) => void}} [options]
   */
  observe(callback, options) {
    const request = { watch: 'find', ...this.#all() };
    return observe(this.#port, request, (event) => callback(event.documents), options?.onError);
  }

  /**
   * The same as an async iterator.
   *
   * @returns {Events<any[]>}
   */
  stream() {
    return new Events(this.#port, { watch: 'find', ...this.#all() }, (event) => event.documents);
  }

  /**
   * Calls `callback` with the documents now, and again with what is different whenever they change.
   *
   * @param {(documents: any[], event: LocalEvent) => void} callback
   * @param {{onError?: (error: HeadwaterError) => void}} [options]
   */
  observeLocal(callback, options) {
    /** @type {any[] | undefined} */
    let before;
    return this.observe((documents) => {
      const event = difference(before, documents);
      before = documents;
      return callback(documents, event);
    }, options);
  }

  /** Subscribes to all that match; order, offset and limit do not count. */
  async subscribe() {
    const { subscription } = await this.#port.call({ call: 'register_subscription', ...this.#matching() });
    return new Subscription(this.#port, subscription);
  }

  /**
   * @param {import('./port.js').Message} more
   */
  #with(more) {
    const { query, args, ...rest } = this.#request;
    return new Find(this.#port, this.#collection, query, args, { ...rest, ...more });
  }

  #all() {
    return { collection: this.#collection, ...this.#request };
  }

  #matching() {
    return { collection: this.#collection, query: this.#request.query, args: this.#request.args };
  }
}
