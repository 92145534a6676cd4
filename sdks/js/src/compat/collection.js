/**
 * Collections and what is found in them, by the vendor's names.
 */
import { AttachmentFetcher, createAttachment } from './attachments.js';
import { DocumentID, Document, idValue } from './documents.js';
import { SingleDocumentLiveQueryEvent, observeLocal } from './events.js';
import { subscribe } from './sync.js';
import { findIn, updateWith, upsert } from './write.js';

/** @typedef {import('../port.js').Port} Port */
/** @typedef {import('../port.js').Message} Message */
/** @typedef {import('./events.js').LiveQueryEvent} LiveQueryEvent */

/** A collection. */
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
   * Merges an object into the document that its `_id` names, or makes a new one: its id.
   *
   * @param {object} value
   * @param {{writeStrategy?: import('./write.js').WriteStrategy}} [options]
   */
  async upsert(value, options) {
    return upsert(this.#port, this.name, value, options);
  }

  /**
   * Documents that match a condition of the legacy query language.
   *
   * @param {string} query
   * @param {object} [args] what `$args.name` stands for
   */
  find(query, args) {
    return new PendingCursorOperation(this.#port, this.name, { query, args });
  }

  /** All documents. */
  findAll() {
    return this.find('true');
  }

  /**
   * As `store.newAttachment`.
   *
   * @param {string | Uint8Array} pathOrData
   * @param {{[name: string]: string}} [metadata]
   */
  async newAttachment(pathOrData, metadata) {
    return createAttachment(this.#port, pathOrData, metadata);
  }

  /**
   * As `store.fetchAttachment`.
   *
   * @param {{id: string, len: number}} token
   * @param {(event: import('./attachments.js').AttachmentFetchEvent) => unknown} [handler]
   */
  fetchAttachment(token, handler) {
    return new AttachmentFetcher(this.#port, token, handler);
  }

  /**
   * The document with this id.
   *
   * @param {unknown} id
   */
  findByID(id) {
    return new PendingIDSpecificOperation(this.#port, this.name, idValue(id));
  }
}

/** Documents that match. Nothing is looked for until one of the last calls, or until it is awaited. */
export class PendingCursorOperation {
  #port;
  #collection;
  #request;

  /**
   * @param {Port} port
   * @param {string} collection
   * @param {Message} request
   */
  constructor(port, collection, request) {
    this.#port = port;
    this.#collection = collection;
    this.#request = request;
  }

  /**
   * Sorts by what stands at `path`, after earlier ones.
   *
   * @param {string} path
   * @param {'ascending' | 'descending'} [direction]
   */
  sort(path, direction = 'ascending') {
    return this.#with({ sort: [...(this.#request.sort ?? []), { path, descending: direction === 'descending' }] });
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
   * Leaves the first ones out.
   *
   * @param {number} offset
   */
  offset(offset) {
    return this.#with({ offset });
  }

  /**
   * The documents.
   *
   * @returns {Promise<Document[]>}
   */
  async exec() {
    return (await findIn(this.#port, this.#collection, this.#request)).map((it) => new Document(it));
  }

  /**
   * As `exec`, for `await`.
   *
   * @template [T = Document[]]
   * @template [R = never]
   * @param {((value: Document[]) => T | PromiseLike<T>) | null} [resolve]
   * @param {((error: any) => R | PromiseLike<R>) | null} [reject]
   */
  then(resolve, reject) {
    return this.exec().then(resolve, reject);
  }

  /**
   * Has a function change the documents in one transaction; it may not wait.
   *
   * @param {(documents: import('./documents.js').MutableDocument[]) => unknown} change
   */
  async update(change) {
    return updateWith(this.#port, this.#collection, this.#request, change);
  }

  /** Removes all that match: their ids. */
  async remove() {
    return this.#ids('remove');
  }

  /** Takes all that match out of this store alone: their ids. */
  async evict() {
    return this.#ids('evict');
  }

  /** Subscribes to all that match. */
  subscribe() {
    const { query, args } = this.#request;
    return subscribe(this.#port, { collection: this.#collection, query, args });
  }

  /**
   * Calls `handler` with the documents now, and again with what is different whenever they change.
   *
   * @param {(documents: Document[], event: LiveQueryEvent) => unknown} handler
   */
  observeLocal(handler) {
    return observeLocal(this.#port, { collection: this.#collection, ...this.#request }, handler, false);
  }

  /**
   * The same, but not before the handler has called the third thing that it is given.
   *
   * @param {(documents: Document[], event: LiveQueryEvent, signalNext: () => void) => unknown} handler
   */
  observeLocalWithNextSignal(handler) {
    return observeLocal(this.#port, { collection: this.#collection, ...this.#request }, handler, true);
  }

  /**
   * @param {'remove' | 'evict'} call
   * @returns {Promise<DocumentID[]>}
   */
  async #ids(call) {
    const { query, args } = this.#request;
    const { ids } = await this.#port.call({ call, collection: this.#collection, query, args });
    return ids.map((/** @type {any} */ it) => new DocumentID(it));
  }

  /**
   * @param {Message} more
   */
  #with(more) {
    return new PendingCursorOperation(this.#port, this.#collection, { ...this.#request, ...more });
  }
}

/** A document that is named by its id. Nothing is looked for until one of its calls, or until it is awaited. */
export class PendingIDSpecificOperation {
  #port;
  #collection;
  #id;

  /**
   * @param {Port} port
   * @param {string} collection
   * @param {unknown} id
   */
  constructor(port, collection, id) {
    this.#port = port;
    this.#collection = collection;
    this.#id = id;
  }

  /**
   * The document, or undefined.
   *
   * @returns {Promise<Document | undefined>}
   */
  async exec() {
    const [found] = await findIn(this.#port, this.#collection, { id: this.#id });
    return found && new Document(found);
  }

  /**
   * As `exec`, for `await`.
   *
   * @template [T = Document | undefined]
   * @template [R = never]
   * @param {((value: Document | undefined) => T | PromiseLike<T>) | null} [resolve]
   * @param {((error: any) => R | PromiseLike<R>) | null} [reject]
   */
  then(resolve, reject) {
    return this.exec().then(resolve, reject);
  }

  /**
   * Has a function change the document, which is not called if there is none, and may not wait.
   *
   * @param {(document: import('./documents.js').MutableDocument) => unknown} change
   */
  async update(change) {
    const which = { id: this.#id };
    const all = (/** @type {any[]} */ [document]) => document && change(document);
    const results = await updateWith(this.#port, this.#collection, which, all);
    return results.get(this.#id);
  }

  /** Removes it: whether it was there. */
  async remove() {
    return this.#wasThere('remove');
  }

  /** Takes it out of this store alone: whether it was there. */
  async evict() {
    return this.#wasThere('evict');
  }

  /** Subscribes to it. */
  subscribe() {
    return subscribe(this.#port, { collection: this.#collection, ...this.#query() });
  }

  /**
   * Calls `handler` with the document now, and again whenever it changes.
   *
   * @param {(document: Document | undefined, event: SingleDocumentLiveQueryEvent) => unknown} handler
   */
  observeLocal(handler) {
    return this.#observe(handler, false);
  }

  /**
   * The same, but not before the handler has called the third thing that it is given.
   *
   * @param {(document: Document | undefined, event: SingleDocumentLiveQueryEvent, signalNext: () => void) => unknown}
   *   handler
   */
  observeLocalWithNextSignal(handler) {
    return this.#observe(handler, true);
  }

  /**
   * @param {(document: Document | undefined, event: SingleDocumentLiveQueryEvent, signalNext: () => void) => unknown}
   *   handler
   * @param {boolean} isPaced
   */
  #observe(handler, isPaced) {
    const all = (
      /** @type {Document[]} */ [document], /** @type {LiveQueryEvent} */ event, /** @type {() => void} */ next,
    ) => handler(document, new SingleDocumentLiveQueryEvent(event.isInitial, event.oldDocuments[0]), next);
    return observeLocal(this.#port, { collection: this.#collection, ...this.#query() }, all, isPaced);
  }

  /**
   * @param {'remove' | 'evict'} call
   * @returns {Promise<boolean>}
   */
  async #wasThere(call) {
    return (await this.#port.call({ call, collection: this.#collection, id: this.#id })).ids.length > 0;
  }

  #query() {
    return { query: '_id == $args.id', args: { id: this.#id } };
  }
}

/** The collections that have documents. Nothing is looked for until one of its calls, or until it is awaited. */
export class PendingCollectionsOperation {
  #port;

  /**
   * @param {Port} port
   */
  constructor(port) {
    this.#port = port;
  }

  /**
   * The collections.
   *
   * @returns {Promise<Collection[]>}
   */
  async exec() {
    const { items } = await this.#port.call({ call: 'execute', statement: 'SELECT name FROM system:collections' });
    return items.map((/** @type {any} */ it) => new Collection(this.#port, it.name));
  }

  /**
   * As `exec`, for `await`.
   *
   * @template [T = Collection[]]
   * @template [R = never]
   * @param {((value: Collection[]) => T | PromiseLike<T>) | null} [resolve]
   * @param {((error: any) => R | PromiseLike<R>) | null} [reject]
   */
  then(resolve, reject) {
    return this.exec().then(resolve, reject);
  }
}

