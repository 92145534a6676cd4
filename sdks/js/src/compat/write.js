/**
 * Changing documents by functions, and write transactions, by the vendor's names.
 *
 * Invariants: what a function changes is one transaction; functions that change documents may not wait.
 */
import { inTransaction } from '../transaction.js';
import { CHANGES, DocumentID, Document, MutableDocument, idValue, typesOf } from './documents.js';

/** @typedef {import('../port.js').Port} Port */
/** @typedef {import('../port.js').Message} Message */
/** @typedef {'merge' | 'insertIfAbsent' | 'insertDefaultIfAbsent' | 'updateDifferentValues'} WriteStrategy */

/**
 * What was written of a document.
 *
 * @typedef {{type: 'inserted' | 'updated' | 'removed', docID: DocumentID, collectionName: string}} WriteResult
 */

/**
 * A change that was made.
 *
 * @typedef {{type: string, docID: DocumentID, path: string, value?: any, amount?: number | bigint}} UpdateResult
 */

/** How statements write what the other strategies mean. */
const STATEMENTS = {
  insertIfAbsent: ['DOCUMENTS', 'ON ID CONFLICT DO NOTHING'],
  insertDefaultIfAbsent: ['INITIAL DOCUMENTS', ''],
  updateDifferentValues: ['DOCUMENTS', 'ON ID CONFLICT DO UPDATE_LOCAL_DIFF'],
};

/**
 * Upserts a document: its id.
 *
 * @param {Port} port
 * @param {string} collection
 * @param {any} value
 * @param {{writeStrategy?: WriteStrategy}} [options]
 * @param {number} [transaction]
 */
export async function upsert(port, collection, value, options, transaction) {
  const strategy = options?.writeStrategy ?? 'merge';
  if (strategy === 'merge') {
    const types = typesOf(value);
    const asked = Object.keys(types).length ? types : undefined;
    const request = { call: 'upsert', collection, value, types: asked, transaction };
    return new DocumentID((await port.call(request)).id);
  }
  const [documents, conflict] = STATEMENTS[strategy];
  const quoted = `\`${collection.replaceAll('`', '``')}\``;
  const statement = `INSERT INTO ${quoted} ${documents} (:value) ${conflict}`;
  const { mutated } = await port.call({ call: 'execute', statement, args: { value }, transaction });
  return new DocumentID(mutated[0] ?? value?._id);
}

/**
 * Has `change` change documents: which paths of which were changed.
 *
 * @param {Port} port
 * @param {string} collection
 * @param {Message} which an id, or what `find` takes
 * @param {(documents: MutableDocument[]) => unknown} change
 * @param {number} [transaction] the one that it belongs to, if there is one
 * @returns {Promise<UpdateResultsMap>}
 */
export async function updateWith(port, collection, which, change, transaction) {
  if (transaction === undefined) {
    return (await inTransaction(port, (number) => updateWith(port, collection, which, change, number))).value;
  }
  const found = await findIn(port, collection, which, transaction);
  const documents = found.map((it) => new MutableDocument(it));
  change(documents);
  const results = new UpdateResultsMap();
  for (const { id, [CHANGES]: changes } of documents) {
    if (changes.length > 0) {
      await port.call({ call: 'update', collection, id: id.value, changes, transaction });
    }
    results.add(id, changes.map((it) => updateResult(id, it)));
  }
  return results;
}

/**
 * @param {DocumentID} docID
 * @param {import('../change.js').ChangeMessage} change
 * @returns {UpdateResult}
 */
function updateResult(docID, change) {
  const { path, set, increment, attach } = change;
  if (change.unset) {
    return { type: 'removed', docID, path };
  }
  return increment === undefined
    ? { type: 'set', docID, path, value: attach ?? set } : { type: 'incremented', docID, path, amount: increment };
}

/** Which changes were made, by documents. */
export class UpdateResultsMap {
  /** @type {Map<string, {id: DocumentID, results: UpdateResult[]}>} */
  #all = new Map();

  /**
   * @param {DocumentID} id
   * @param {UpdateResult[]} results
   */
  add(id, results) {
    this.#all.set(id.toQueryCompatibleString(), { id, results });
  }

  /**
   * The changes of a document.
   *
   * @param {unknown} id
   * @returns {UpdateResult[]}
   */
  get(id) {
    return this.#all.get(new DocumentID(id).toQueryCompatibleString())?.results ?? [];
  }

  /** The documents. */
  keys() {
    return Array.from(this.#all.values(), (it) => it.id);
  }
}

/**
 * @param {Port} port
 * @param {string} collection
 * @param {Message} which
 * @param {number} [transaction]
 * @returns {Promise<any[]>}
 */
export async function findIn(port, collection, which, transaction) {
  if ('id' in which) {
    const { document } = await port.call({ call: 'find_by_id', collection, id: which.id, transaction });
    return document === null ? [] : [document];
  }
  return (await port.call({ call: 'find', collection, ...which, transaction })).documents;
}

/**
 * Runs `run` with a write transaction: what was written.
 *
 * @param {Port} port
 * @param {(transaction: WriteTransaction) => unknown} run
 * @returns {Promise<WriteResult[]>}
 */
export async function writeTransaction(port, run) {
  /** @type {WriteResult[]} */
  const results = [];
  await inTransaction(port, async (number) => run(new WriteTransaction(port, number, results)));
  return results;
}

/** Writes that are committed together, or not at all. */
export class WriteTransaction {
  #port;
  #number;
  #results;

  /**
   * @param {Port} port
   * @param {number} number
   * @param {WriteResult[]} results
   */
  constructor(port, number, results) {
    this.#port = port;
    this.#number = number;
    this.#results = results;
  }

  /**
   * A collection in it.
   *
   * @param {string} name
   */
  scoped(name) {
    return new WriteTransactionCollection(this.#port, this.#number, this.#results, name);
  }
}

/** A collection in a write transaction. */
export class WriteTransactionCollection {
  #port;
  #number;
  #results;
  #name;

  /**
   * @param {Port} port
   * @param {number} number
   * @param {WriteResult[]} results
   * @param {string} name
   */
  constructor(port, number, results, name) {
    this.#port = port;
    this.#number = number;
    this.#results = results;
    this.#name = name;
  }

  /**
   * Merges an object into the document that its `_id` names, or makes a new one: its id.
   *
   * @param {any} value
   * @param {{writeStrategy?: WriteStrategy}} [options]
   */
  async upsert(value, options) {
    const docID = await upsert(this.#port, this.#name, value, options, this.#number);
    this.#results.push({ type: 'inserted', docID, collectionName: this.#name });
    return docID;
  }

  /**
   * Documents that match a condition.
   *
   * @param {string} query
   * @param {object} [args]
   */
  find(query, args) {
    return new WriteTransactionPending(this.#port, this.#number, this.#results, this.#name, { query, args });
  }

  /** All documents. */
  findAll() {
    return this.find('true');
  }

  /**
   * The document with this id.
   *
   * @param {unknown} id
   */
  findByID(id) {
    const which = { id: idValue(id) };
    return new WriteTransactionPendingByID(this.#port, this.#number, this.#results, this.#name, which);
  }
}

/** Documents in a write transaction. Nothing is looked for until one of the last calls, or until it is awaited. */
export class WriteTransactionPending {
  #port;
  #number;
  #results;
  #name;
  #which;

  /**
   * @param {Port} port
   * @param {number} number
   * @param {WriteResult[]} results
   * @param {string} name
   * @param {Message} which
   */
  constructor(port, number, results, name, which) {
    this.#port = port;
    this.#number = number;
    this.#results = results;
    this.#name = name;
    this.#which = which;
  }

  /**
   * Sorts by what stands at `path`.
   *
   * @param {string} path
   * @param {'ascending' | 'descending'} [direction]
   */
  sort(path, direction = 'ascending') {
    return this.#with({ sort: [...(this.#which.sort ?? []), { path, descending: direction === 'descending' }] });
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
   * @returns {Promise<any>}
   */
  async exec() {
    const found = await findIn(this.#port, this.#name, this.#which, this.#number);
    return found.map((it) => new Document(it));
  }

  /**
   * As `exec`, for `await`.
   *
   * @template T, [R = never]
   * @param {((value: any) => T | PromiseLike<T>) | null} [resolve]
   * @param {((error: any) => R | PromiseLike<R>) | null} [reject]
   */
  then(resolve, reject) {
    return this.exec().then(resolve, reject);
  }

  /**
   * Has a function change the documents, which may not wait.
   *
   * @param {(documents: any) => unknown} change
   * @returns {Promise<any>}
   */
  async update(change) {
    const results = await updateWith(this.#port, this.#name, this.#which, change, this.#number);
    this.#note('updated', results.keys());
    return results;
  }

  /**
   * Removes them: their ids.
   *
   * @returns {Promise<any>}
   */
  async remove() {
    const { id, query, args } = this.#which;
    const request = { call: 'remove', collection: this.#name, id, query, args, transaction: this.#number };
    const ids = (await this.#port.call(request)).ids.map((/** @type {any} */ it) => new DocumentID(it));
    this.#note('removed', ids);
    return ids;
  }

  /**
   * @param {'updated' | 'removed'} type
   * @param {DocumentID[]} ids
   */
  #note(type, ids) {
    this.#results.push(...ids.map((docID) => ({ type, docID, collectionName: this.#name })));
  }

  /**
   * @param {Message} more
   */
  #with(more) {
    const which = { ...this.#which, ...more };
    return new WriteTransactionPending(this.#port, this.#number, this.#results, this.#name, which);
  }
}

/** A document in a write transaction. */
export class WriteTransactionPendingByID extends WriteTransactionPending {
  /** The document, or undefined. */
  async exec() {
    return (await super.exec())[0];
  }

  /**
   * Has a function change the document, which is not called if there is none, and may not wait.
   *
   * @param {(document: MutableDocument) => unknown} change
   */
  async update(change) {
    const results = await super.update((/** @type {any[]} */ [document]) => document && change(document));
    return results.keys().flatMap((/** @type {any} */ id) => results.get(id));
  }

  /** Removes it: whether it was there. */
  async remove() {
    return (await super.remove()).length > 0;
  }
}
