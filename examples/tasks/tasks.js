/**
 * A list of tasks that several programs share: what the terminal's app and the web page have in common.
 *
 * Invariants: nothing here waits for a network; each task is a document of its own, so that what two people do to
 * different tasks never crosses.
 * Not here: how a list looks (`terminal.js`, `page.js`).
 */
import { Headwater } from 'headwater';

const COLLECTION = 'tasks';

/**
 * A task, as it is stored.
 *
 * @typedef {object} Task
 * @property {string} _id
 * @property {string} text
 * @property {boolean} done
 * @property {number} added when, in milliseconds since 1970; by it the list is sorted
 */

/**
 * Where sync stands.
 *
 * @typedef {object} Status
 * @property {import('headwater').State} state
 * @property {number} pending how many writes the server does not have yet
 * @property {string} [lastError] why it does not sync, if something is wrong
 */

/** The list. */
export class Tasks {
  #peer;
  #tasks;

  /** @param {Headwater} peer */
  constructor(peer) {
    this.#peer = peer;
    this.#tasks = peer.store.collection(COLLECTION);
  }

  /**
   * Opens the list that is kept here. Its sync is off at first.
   *
   * @param {import('headwater').Config} config
   */
  static async open(config) {
    const peer = await Headwater.open(config);
    try {
      await peer.sync.registerSubscription(`SELECT * FROM ${COLLECTION}`);
    } catch (error) {
      await peer.close();
      throw error;
    }
    return new Tasks(peer);
  }

  /**
   * Adds one.
   *
   * @param {string} text
   */
  async add(text) {
    await this.#tasks.upsert({ text, done: false, added: Date.now() });
  }

  /**
   * Marks one as done, or as not done.
   *
   * @param {string} id
   * @param {boolean} done
   */
  async setDone(id, done) {
    await this.#tasks.update(id, [{ path: 'done', set: done }]);
  }

  /**
   * Takes one away, for everybody.
   *
   * @param {string} id
   */
  async remove(id) {
    await this.#tasks.remove(id);
  }

  /**
   * All of them, the oldest first.
   *
   * @returns {Promise<Task[]>}
   */
  async list() {
    return wholeOnes(await this.#sorted().documents());
  }

  /**
   * Calls `callback` with all of them, now and whenever they change, whoever changes them.
   *
   * @param {(tasks: Task[]) => void} callback
   */
  onChange(callback) {
    return this.#sorted().observe((documents) => callback(wholeOnes(documents)));
  }

  /**
   * The offline switch.
   *
   * @param {boolean} online
   */
  async setOnline(online) {
    await (online ? this.#peer.startSync() : this.#peer.stopSync());
  }

  /**
   * Where sync stands.
   *
   * @returns {Promise<Status>}
   */
  async status() {
    const { sync } = this.#peer;
    const [state, pending, lastError] = await Promise.all([sync.state(), sync.pending(), sync.lastError()]);
    return { state, pending, lastError };
  }

  /**
   * Calls `callback` with where sync stands, now and whenever that changes.
   *
   * @param {(status: Status) => void} callback
   */
  onStatus(callback) {
    let isTelling = false;
    let isStale = false;
    let isWaiting = false;
    const tell = async () => {
      isStale = true;
      if (isTelling) {
        return;
      }
      isTelling = true;
      let pending = 0;
      while (isStale) {
        isStale = false;
        const status = await this.status();
        pending = status.pending;
        callback(status);
      }
      isTelling = false;
      if (pending > 0 && !isWaiting) {
        isWaiting = true;
        await this.synced();
        isWaiting = false;
        await tell();
      }
    };
    const tellUnlessClosed = () => tell().catch(unlessClosed);
    this.#peer.sync.observeState(tellUnlessClosed);
    this.onChange(tellUnlessClosed);
  }

  /**
   * Waits until the server has said of everything that is pending now whether it takes it.
   *
   * @param {number} [timeoutMs] without one, for ever
   */
  async synced(timeoutMs) {
    await this.#peer.sync.flushed({ timeoutMs });
  }

  /**
   * Calls `callback` with why the server refused a write, which is taken back here.
   *
   * @param {(why: string) => void} callback
   */
  onRefused(callback) {
    this.#peer.sync.onRejected(({ why }) => callback(why));
  }

  /** Closes it; what is pending is synced the next time. */
  async close() {
    await this.#peer.close();
  }

  #sorted() {
    return this.#tasks.find().sort('added').sort('_id');
  }
}

/**
 * Those that are there. Of a task that was removed here while somebody else marked it later, that mark is left alone
 * (docs/guides/small-peers.md, "Removing").
 *
 * @param {any[]} documents
 * @returns {Task[]}
 */
function wholeOnes(documents) {
  return documents.filter(({ text }) => typeof text === 'string');
}

/**
 * A list that is closed while somebody asks it is nobody's fault.
 *
 * @param {any} error
 */
function unlessClosed(error) {
  if (error.code !== 'closed') {
    throw error;
  }
}

/**
 * Where sync stands, in words.
 *
 * @param {Status} status
 */
export function inWords({ state, pending }) {
  const states = {
    stopped: 'offline',
    connecting: 'connecting',
    catching_up: 'catching up',
    live: 'in sync',
    waiting: 'no connection',
    needs_token: 'needs a key',
    refused: 'refused',
  };
  const word = state === 'live' && pending > 0 ? 'syncing' : states[state];
  return pending === 0 ? word : `${word}, ${pending} pending`;
}
