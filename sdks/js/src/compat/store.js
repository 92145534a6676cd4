/**
 * Statements and their observers, by the vendor's names.
 */
import { encode } from '../values.js';
import { HeadwaterError } from '../errors.js';
import { observe } from '../observer.js';
import { inTransaction } from '../transaction.js';
import { AttachmentFetcher, createAttachment } from './attachments.js';
import { Collection, PendingCollectionsOperation } from './collection.js';
import { DocumentID } from './documents.js';
import { observePaced } from './events.js';
import { writeTransaction } from './write.js';

/** @typedef {import('../port.js').Port} Port */

/** What a statement came to. */
export class QueryResult {
  #mutated;

  /**
   * @param {any[]} items
   * @param {any[]} mutated
   */
  constructor(items, mutated) {
    this.items = items.map((it) => new QueryResultItem(it));
    this.#mutated = mutated;
  }

  /** The documents that were written or evicted. */
  mutatedDocumentIDs() {
    return this.#mutated.map((it) => new DocumentID(it));
  }

  /** The same as plain values. */
  mutatedDocumentIDsV2() {
    return [...this.#mutated];
  }
}

/** A row. It is always in memory. */
export class QueryResultItem {
  /**
   * @param {any} value
   */
  constructor(value) {
    this.value = value;
  }

  /** Whether it is in memory. */
  get isMaterialized() {
    return true;
  }

  /** Nothing: it is in memory. */
  materialize() {}

  /** Nothing: it stays in memory. */
  dematerialize() {}

  /** As JSON. */
  jsonString() {
    return encode(this.value);
  }
}

/** One who is told of a result. */
export class StoreObserver {
  #observer;
  #forget;

  /**
   * @param {import('../observer.js').Observer} observer
   * @param {string} queryString
   * @param {object | undefined} queryArguments
   * @param {(observer: StoreObserver) => void} forget
   */
  constructor(observer, queryString, queryArguments, forget) {
    this.#observer = observer;
    this.#forget = forget;
    this.queryString = queryString;
    this.queryArguments = queryArguments;
  }

  /** Whether it was ended. */
  get isCancelled() {
    return this.#observer.isCancelled;
  }

  /** Ends it: after this has returned its handler does not run. */
  cancel() {
    this.#observer.cancel();
    this.#forget(this);
  }
}

/** The documents of a peer. */
export class Store {
  #port;
  /** @type {Set<StoreObserver>} */
  #observers = new Set();

  /**
   * @param {Port} port
   */
  constructor(port) {
    this.#port = port;
  }

  /**
   * A collection.
   *
   * @param {string} name
   */
  collection(name) {
    return new Collection(this.#port, name);
  }

  /** The collections that have documents. */
  collections() {
    return new PendingCollectionsOperation(this.#port);
  }

  /** Their names. */
  async collectionNames() {
    return (await this.collections().exec()).map((it) => it.name);
  }

  /** Those who were registered and have not ended. */
  get observers() {
    return [...this.#observers];
  }

  /**
   * Runs a statement of DQL.
   *
   * @param {string} query
   * @param {object} [args] what `:name` stands for
   */
  async execute(query, args) {
    return execute(this.#port, query, args);
  }

  /**
   * Calls `handler` with what a SELECT gives now, and again whenever that may be something else.
   *
   * @param {string} query
   * @param {(result: QueryResult) => unknown} handler
   * @param {object} [args]
   */
  registerObserver(query, handler, args) {
    const request = { watch: 'select', statement: query, args };
    const tell = (/** @type {any} */ event) => handler(new QueryResult(event.items, []));
    return this.#observer(observe(this.#port, request, tell), query, args);
  }

  /**
   * The same, but not before the handler has called the second thing that it is given.
   *
   * @param {string} query
   * @param {(result: QueryResult, signalNext: () => void) => unknown} handler
   * @param {object} [args]
   */
  registerObserverWithSignalNext(query, handler, args) {
    const request = { watch: 'select', statement: query, args };
    const tell = (/** @type {any} */ event, /** @type {() => void} */ next) =>
      handler(new QueryResult(event.items, []), next);
    return this.#observer(observePaced(this.#port, request, tell), query, args);
  }

  /**
   * Takes a copy of a file, or of bytes, to be referred to from documents.
   *
   * @param {string | Uint8Array} pathOrData
   * @param {{[name: string]: string}} [metadata] goes into the token
   */
  async newAttachment(pathOrData, metadata) {
    return createAttachment(this.#port, pathOrData, metadata);
  }

  /**
   * Fetches the file that a token in a document names. Without a network it waits for one.
   *
   * @param {{id: string, len: number}} token a token, or the value of a document's field
   * @param {(event: import('./attachments.js').AttachmentFetchEvent) => unknown} [handler]
   */
  fetchAttachment(token, handler) {
    return new AttachmentFetcher(this.#port, token, handler);
  }

  /**
   * What `write` does with the collections of what it is given is one transaction.
   *
   * @param {(transaction: import('./write.js').WriteTransaction) => unknown} write
   */
  async write(write) {
    return writeTransaction(this.#port, write);
  }

  /**
   * The statements that `run` executes are one transaction, unless it gives `'rollback'`.
   *
   * @template T
   * @param {(transaction: {execute: (query: string, args?: object) => Promise<QueryResult>}) => Promise<T> | T} run
   * @returns {Promise<T>}
   */
  async transaction(run) {
    const rolledBack = {};
    /** @type {any} */
    let value;
    try {
      await inTransaction(this.#port, async (number) => {
        value = await run({ execute: (query, args) => execute(this.#port, query, args, number) });
        if (value === 'rollback') {
          throw rolledBack;
        }
      });
    } catch (error) {
      if (error !== rolledBack) {
        throw error;
      }
    }
    return value;
  }

  /**
   * @param {import('../observer.js').Observer} observer
   * @param {string} query
   * @param {object} [args]
   */
  #observer(observer, query, args) {
    const registered = new StoreObserver(observer, query, args, (it) => this.#observers.delete(it));
    this.#observers.add(registered);
    return registered;
  }
}

/**
 * @param {Port} port
 * @param {string} statement
 * @param {object} [args]
 * @param {number} [transaction]
 */
async function execute(port, statement, args, transaction) {
  const setting = /^\s*ALTER\s+SYSTEM\s+SET\s+(\w+)\s*(?:=|TO)\s*(\S+?)\s*;?\s*$/i.exec(statement);
  if (setting) {
    return alterSystem(setting[1], setting[2]);
  }
  const { items, mutated } = await port.call({ call: 'execute', statement, args, transaction });
  return new QueryResult(items, mutated);
}

/**
 * Settings of the vendor's engine, which has others: taken, but for one that would change what statements mean.
 *
 * @param {string} name
 * @param {string} value
 */
function alterSystem(name, value) {
  if (name.toUpperCase() === 'DQL_STRICT_MODE' && !/^(false|0|off)$/i.test(value)) {
    throw new HeadwaterError('unsupported', 'strict mode is chosen when a peer is opened: new DittoConfig(…).strict = true');
  }
  return new QueryResult([], []);
}
