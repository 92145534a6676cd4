/**
 * What a peer keeps in IndexedDB: one database a store, in it the log of the core's spaces, in records of some batches
 * each, under numbers that grow.
 *
 * Invariants: a record is whole or absent (a transaction is), and nothing is told or sent before its transaction is
 * complete; a record that somebody else put there meanwhile fails the write. Small records are joined as they come, and
 * the whole log is packed when most of it is over.
 * Not here: what a log says (`key_values::LoggedMemory`), which tab has the database (`tabs.js`).
 */
import { HeadwaterError } from '../errors.js';

/** Of the database; a greater one is a newer program's. */
const FORMAT = 1;

const LOG = 'log';

/** So many records are read at once. */
const READ_COUNT = 32;

/** After so many records have come since the last joint, they become one. */
const JOIN_COUNT = 64;

/** A record of so many bytes is not joined any more. */
const JOIN_BYTES_MAX = 1 << 20;

/** A packed log has records of about so many bytes. */
const PACKED_BYTES = 1 << 20;

/** A log is packed when it is more than twice as long as it need be, and this. */
const PACK_BYTES_MIN = 4 << 20;

/** One database, which this tab alone writes to. */
export class Database {
  /** @type {IDBDatabase} */
  #db;
  #durability;
  /** The key of the next record. */
  #next = 0;
  /** Bytes of all records. */
  #bytes = 0;
  /** The newest records, which may be joined, and the key of the first. */
  #tail = /** @type {Uint8Array[]} */ ([]);
  #tailKey = 0;
  /** @type {unknown} */
  #lost;

  /**
   * @param {IDBDatabase} db
   * @param {IDBTransactionDurability} durability
   */
  constructor(db, durability) {
    this.#db = db;
    this.#durability = durability;
    db.onclose = () => {
      this.#lost = new Error('the browser closed the database');
    };
    // Somebody deletes it, or has a newer program: what is kept here is theirs to decide.
    db.onversionchange = () => {
      this.#lost = new Error('the database is deleted or changed by another page');
      db.close();
    };
  }

  /**
   * Opens it, or makes it, and gives its records to `load`, in their order.
   *
   * @param {string} name of the store
   * @param {boolean} isRelaxed whether a loss of power may take the newest writes
   * @param {(log: Uint8Array) => void} load
   */
  static async open(name, isRelaxed, load) {
    const db = await openDatabase(name);
    try {
      const database = new Database(db, isRelaxed ? 'relaxed' : 'strict');
      await database.#read(load);
      return database;
    } catch (error) {
      db.close();
      throw error;
    }
  }

  close() {
    this.#db.close();
  }

  /**
   * @param {(log: Uint8Array) => void} load
   */
  async #read(load) {
    const log = this.#db.transaction(LOG, 'readonly').objectStore(LOG);
    const keys = await done(log.getAllKeys());
    for (let at = 0; at < keys.length; at += READ_COUNT) {
      const range = IDBKeyRange.bound(keys[at], keys[Math.min(at + READ_COUNT, keys.length) - 1]);
      for (const record of await done(log.getAll(range))) {
        load(record);
        this.#bytes += record.length;
      }
    }
    this.#next = keys.length === 0 ? 0 : Number(keys[keys.length - 1]) + 1;
    this.#tailKey = this.#next;
    this.#count = keys.length;
  }

  #count = 0;

  /**
   * Keeps a log. It is durable when this is done; if it fails, nothing of it is there.
   *
   * @param {Uint8Array} log
   */
  async append(log) {
    const tail = [...this.#tail, log];
    const tailBytes = tail.reduce((sum, it) => sum + it.length, 0);
    const isJoined = tail.length >= JOIN_COUNT;
    await this.#write((records) => {
      if (isJoined) {
        records.delete(IDBKeyRange.bound(this.#tailKey, this.#next - 1));
        records.add(concatenated(tail, tailBytes), this.#tailKey);
      } else {
        records.add(log, this.#next);
      }
    });
    this.#bytes += log.length;
    this.#count += 1;
    if (isJoined) {
      this.#count -= tail.length - 1;
      this.#next = this.#tailKey + 1;
    } else {
      this.#next += 1;
    }
    const isOver = isJoined || tailBytes > JOIN_BYTES_MAX;
    this.#tail = isOver ? [] : tail;
    this.#tailKey = isOver ? this.#next : this.#tailKey;
  }

  /**
   * Whether a packed log would be much smaller.
   *
   * @param {number} packedBytes what it would have
   */
  isPackDue(packedBytes) {
    return this.#bytes > PACK_BYTES_MIN + 2 * packedBytes || this.#count > 1_000 + (4 * packedBytes) / PACKED_BYTES;
  }

  /**
   * Puts a packed log in the place of all records.
   *
   * @param {(bytes: number) => Uint8Array[]} pack gives it, in records of about so many bytes
   */
  async pack(pack) {
    const logs = pack(PACKED_BYTES);
    await this.#write((records) => {
      records.clear();
      logs.forEach((log, key) => records.add(log, key));
    });
    this.#bytes = logs.reduce((sum, it) => sum + it.length, 0);
    this.#count = logs.length;
    this.#next = logs.length;
    this.#tail = [];
    this.#tailKey = this.#next;
  }

  /**
   * One transaction: all of it or nothing.
   *
   * @param {(records: IDBObjectStore) => void} act
   * @returns {Promise<void>}
   */
  #write(act) {
    return new Promise((resolve, reject) => {
      if (this.#lost) {
        throw this.#lost;
      }
      const transaction = this.#db.transaction(LOG, 'readwrite', { durability: this.#durability });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error('the browser ended the transaction'));
      act(transaction.objectStore(LOG));
      transaction.commit?.();
    });
  }
}

/**
 * @param {string} name
 * @returns {Promise<IDBDatabase>}
 */
function openDatabase(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(`headwater:${name}`, FORMAT);
    request.onupgradeneeded = () => request.result.createObjectStore(LOG);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(openError(request.error));
    // A page that was left has it open yet: it is told, and closes it.
    request.onblocked = () => {};
  });
}

/**
 * @param {DOMException | null} error
 */
function openError(error) {
  if (error?.name === 'VersionError') {
    return new HeadwaterError('damaged', 'the store in the browser is of a newer program', { cause: error });
  }
  return new HeadwaterError('open_failed', `the browser cannot open its store: ${error?.message}`, { cause: error });
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(openError(request.error));
  });
}

/**
 * @param {Uint8Array[]} parts
 * @param {number} length
 */
function concatenated(parts, length) {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
