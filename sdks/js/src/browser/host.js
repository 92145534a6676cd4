/**
 * The one page that has the core: it says to it what comes, keeps what it writes, and does what it wants.
 *
 * ```text
 * calls, frames, time ──> queue ──> core ──log──> IndexedDB ──complete──> answers, frames, events
 * ```
 *
 * Invariants: nothing is answered or sent before what the core wrote is durable; what waits in the queue together is
 * one transaction of IndexedDB. If that fails the core is opened again as IndexedDB has it, and whoever wrote since is
 * told so. While a transaction of an app is open, other writes and what the server sends wait.
 * Not here: who calls (`tabs.js`).
 */
import { HeadwaterError } from '../errors.js';
import { Database } from './database.js';
import { Instance, Trapped, kinds, textOf } from './instance.js';
import { Socket } from './socket.js';

/** So many inputs are done before what they wrote is kept. */
const BATCH_MAX = 256;

/** After the store failed and could not be opened, it is tried again after so long, if nobody calls before. */
const RETRY_MS = 5_000;

/** Events that took longer are followed by a rest of as long, so that the page has its turn. */
const TELL_MS = 4;

/**
 * @typedef {object} Opening
 * @property {string} name of the store
 * @property {{[name: string]: any}} config
 * @property {string | undefined} url of the server
 *
 * @typedef {object} Input something that comes for the core
 * @property {'read' | 'write' | 'step' | 'frame'} kind
 * @property {(instance: Instance) => void} run
 * @property {number=} call whose answer is waited for
 *
 * @typedef {object} Watched
 * @property {string} message
 * @property {(text: string, told: () => void) => void} tell
 */

/** The answer of a peer that is closed. */
export const CLOSED = errorText('closed', 'the peer is closed');

/** The core, with what it needs. */
export class Host {
  #opening;
  #instance;
  /** @type {Database} */
  #database;
  /** @type {Input[]} */
  #queue = [];
  /** @type {Map<number, (text: string) => void>} */
  #calls = new Map();
  /** @type {Map<number, Watched>} */
  #watches = new Map();
  #last = 0;
  /** @type {Socket | undefined} */
  #socket;
  /** @type {HeadwaterError | undefined} why the core is not there */
  #failed;
  #isPumping = false;
  #isSyncWanted = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #tellAfter = 0;
  #packAfter = 0;
  /** @type {(() => void) | undefined} */
  #closing;
  #isClosed = false;

  /**
   * @param {Opening} opening
   * @param {Instance} instance
   * @param {Database} database
   */
  constructor(opening, instance, database) {
    this.#opening = opening;
    this.#instance = instance;
    this.#database = database;
    this.#wake();
  }

  /**
   * Opens a store. This page alone may have it.
   *
   * @param {Opening} opening
   */
  static async open(opening) {
    const [instance, kept] = await Promise.all([Instance.create(), Host.#keep(opening)]);
    try {
      kept.logs.forEach((log) => instance.load(log));
      instance.open(JSON.stringify(opening.config));
    } catch (error) {
      kept.database.close();
      throw error;
    }
    return new Host(opening, instance, kept.database);
  }

  /**
   * @param {Opening} opening
   */
  static async #keep({ name, config }) {
    /** @type {Uint8Array[]} */
    const logs = [];
    const database = await Database.open(name, config.relaxed === true, (log) => logs.push(log));
    return { database, logs };
  }

  /**
   * Does a call.
   *
   * @param {import('./requests.js').Asked} asked
   * @param {(text: string) => void} answer called once
   */
  call({ kind, message, wish }, answer) {
    if (this.#closing) {
      answer(CLOSED);
      return;
    }
    this.#remember(wish);
    const number = this.#number();
    this.#calls.set(number, answer);
    this.#push({ kind, call: number, run: (instance) => instance.call(number, message) });
  }

  /**
   * Has events come. `tell` is called with one at a time: the next comes after it called `told`.
   *
   * @param {string} message
   * @param {(text: string, told: () => void) => void} tell
   * @returns {number} for `unsubscribe`
   */
  subscribe(message, tell) {
    const number = this.#number();
    this.#watches.set(number, { message, tell });
    this.#push({ kind: 'read', run: (instance) => this.#subscribe(instance, number) });
    return number;
  }

  /**
   * @param {Instance} instance
   * @param {number} number
   */
  #subscribe(instance, number) {
    const watched = this.#watches.get(number);
    if (watched) {
      instance.subscribe(number, watched.message);
    }
  }

  /**
   * Nothing is told from here on.
   *
   * @param {number} number
   */
  unsubscribe(number) {
    if (this.#watches.delete(number)) {
      this.#push({ kind: 'read', run: (instance) => instance.unsubscribe(number) });
    }
  }

  /** Does what was called before, then ends. Watches hear nothing of it. */
  close() {
    return new Promise((/** @type {(value: undefined) => void} */ resolve) => {
      if (this.#isClosed) {
        resolve(undefined);
        return;
      }
      const before = this.#closing;
      this.#closing = () => {
        before?.();
        resolve(undefined);
      };
      const stop = (/** @type {Instance} */ instance) => instance.call(0, '{"call":"stop_sync"}');
      this.#push({ kind: 'read', run: stop });
    });
  }

  #number() {
    this.#last = (this.#last + 1) >>> 0 || 1;
    return this.#last;
  }

  /**
   * @param {Input} input
   */
  #push(input) {
    this.#queue.push(input);
    this.#wake();
  }

  #wake() {
    if (!this.#isPumping) {
      this.#isPumping = true;
      // What the same turn brings more goes with it.
      queueMicrotask(() => this.#pump());
    }
  }

  async #pump() {
    clearTimeout(this.#timer);
    for (;;) {
      try {
        if (this.#failed && !(await this.#reopen())) {
          break;
        }
        if (!(await this.#turn())) {
          break;
        }
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#isPumping = false;
    if (this.#isMore()) {
      this.#wake(); // it came while the last turn ended
    } else if (this.#closing) {
      this.#end();
    } else {
      this.#schedule();
    }
  }

  #isMore() {
    return !this.#failed && this.#queue.some((it) => this.#mayRun(it));
  }

  /** Does what waits, keeps it, and tells. Whether there may be more. */
  async #turn() {
    const instance = this.#instance;
    const didRun = this.#runQueue(instance);
    if (instance.nextTick <= performance.now()) {
      instance.tick();
    }
    const outputs = instance.follow();
    const log = instance.log();
    if (log.length > 0) {
      await this.#keepLog(log, outputs);
    }
    this.#act(outputs);
    this.#tell();
    if (!didRun) {
      await this.#packIfDue(instance);
    }
    return didRun || this.#isMore();
  }

  /**
   * @param {Instance} instance
   */
  #runQueue(instance) {
    const queue = this.#queue;
    /** @type {Input[]} */
    const left = [];
    let at = 0;
    let count = 0;
    try {
      while (at < queue.length && count < BATCH_MAX) {
        const input = queue[at];
        at += 1; // one that traps does not come again
        if (this.#mayRun(input)) {
          count += 1;
          input.run(instance);
        } else {
          left.push(input);
        }
      }
    } finally {
      this.#queue = [...left, ...queue.slice(at)];
    }
    return count > 0;
  }

  /**
   * @param {Input} input
   */
  #mayRun({ kind }) {
    return kind === 'read' || kind === 'step' || !this.#instance.isTransactionOpen;
  }

  /**
   * @param {Uint8Array} log
   * @param {import('./instance.js').Output[]} outputs
   */
  async #keepLog(log, outputs) {
    try {
      await this.#database.append(log);
    } catch (error) {
      const failed = storeFailed(error);
      const text = errorText(failed.code, failed.message);
      for (const output of outputs) {
        // What the server said is true in any case; no frame may say more than is durable.
        if (output.kind === kinds.verdict) {
          this.#answer(output.whose, textOf(output));
        } else if (output.kind === kinds.answer) {
          this.#answer(output.whose, text);
        }
      }
      throw failed;
    }
  }

  /**
   * @param {Instance} instance
   */
  async #packIfDue(instance) {
    const packedBytes = instance.packedBytes;
    if (performance.now() < this.#packAfter || !this.#database.isPackDue(packedBytes)) {
      return;
    }
    try {
      await this.#database.pack((bytes) => instance.packed(bytes));
    } catch {
      this.#packAfter = performance.now() + 60_000; // there may be no room: all is there as it was
    }
  }

  /**
   * @param {import('./instance.js').Output[]} outputs
   */
  #act(outputs) {
    for (const output of outputs) {
      switch (output.kind) {
        case kinds.answer:
        case kinds.verdict:
          this.#answer(output.whose, textOf(output));
          break;
        case kinds.event:
          this.#event(output);
          break;
        case kinds.connect:
          this.#connect();
          break;
        case kinds.disconnect:
          this.#socket?.close();
          this.#socket = undefined;
          break;
        case kinds.send:
          this.#socket?.send(output.bytes);
          break;
      }
    }
  }

  /**
   * @param {number} number
   * @param {string} text
   */
  #answer(number, text) {
    const answer = this.#calls.get(number);
    this.#calls.delete(number);
    answer?.(text);
  }

  #tell() {
    const begun = performance.now();
    if (begun < this.#tellAfter || !this.#instance.isEventDue) {
      return;
    }
    for (const output of this.#instance.tell()) {
      this.#event(output);
    }
    const took = performance.now() - begun;
    this.#tellAfter = took > TELL_MS ? begun + 2 * took : 0;
  }

  /**
   * @param {import('./instance.js').Output} output
   */
  #event(output) {
    const number = output.whose;
    const told = () => {
      if (this.#watches.has(number)) {
        this.#push({ kind: 'read', run: (instance) => instance.told(number) });
      }
    };
    this.#watches.get(number)?.tell(textOf(output), told);
  }

  #connect() {
    this.#socket?.close();
    const url = this.#opening.url;
    if (url === undefined) {
      return;
    }
    // What one says that was given up meanwhile is late.
    const heard = (/** @type {(instance: Instance) => void} */ run) => {
      this.#push({ kind: 'frame', run: (instance) => (this.#socket === socket ? run(instance) : undefined) });
    };
    const socket = new Socket(url, {
      connected: () => heard((instance) => instance.connected()),
      frame: (frame) => heard((instance) => instance.frame(frame)),
      disconnected: (why) => heard((instance) => instance.disconnected(why)),
    });
    this.#socket = socket;
  }

  /**
   * @param {unknown} error
   */
  #fail(error) {
    this.#socket?.close();
    this.#socket = undefined;
    this.#failed = error instanceof HeadwaterError ? error : new Trapped(error);
    if (this.#instance.isTrapped) {
      this.#answerAll(this.#failed);
    }
  }

  /**
   * Those whose call was begun.
   *
   * @param {HeadwaterError} error
   */
  #answerAll(error) {
    const waiting = new Set(this.#queue.map((it) => it.call));
    for (const number of [...this.#calls.keys()].filter((it) => !waiting.has(it))) {
      this.#answer(number, errorText(error.code, error.message));
    }
  }

  /** Opens the core as IndexedDB has it. Whether that went well; if not, those who wait are told. */
  async #reopen() {
    const failed = /** @type {HeadwaterError} */ (this.#failed);
    try {
      this.#database.close();
      const kept = await Host.#keep(this.#opening);
      this.#database = kept.database;
      await this.#load(kept.logs, failed);
      this.#failed = undefined;
      return true;
    } catch (error) {
      this.#failed = storeFailed(error);
      this.#queue = this.#queue.filter((it) => it.call === undefined);
      this.#answerAll(this.#failed);
      return false;
    }
  }

  /**
   * @param {Uint8Array[]} logs
   * @param {HeadwaterError} failed
   */
  async #load(logs, failed) {
    if (!this.#instance.isTrapped) {
      this.#instance.beginLoad();
      logs.forEach((log) => this.#instance.load(log));
      this.#instance.openAgain(failed.message);
      return;
    }
    const instance = await Instance.create();
    logs.forEach((log) => instance.load(log));
    instance.open(JSON.stringify(this.#opening.config));
    this.#watches.forEach((_, number) => this.#subscribe(instance, number));
    this.#instance = instance;
    setTimeout(() => this.#startAgain(), RETRY_MS);
  }

  #startAgain() {
    if (this.#isSyncWanted && !this.#closing) {
      this.#push({ kind: 'read', run: (instance) => instance.call(0, '{"call":"start_sync"}') });
    }
  }

  #schedule() {
    const now = performance.now();
    const due = [this.#failed ? now + RETRY_MS : this.#instance.nextTick];
    if (!this.#failed && this.#instance.isEventDue) {
      due.push(this.#tellAfter);
    }
    const at = Math.min(...due);
    if (at < Infinity) {
      this.#timer = setTimeout(() => this.#wake(), Math.min(Math.max(at - now, 0), 0x7fffffff));
    }
  }

  #end() {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    this.#socket?.close();
    this.#database.close();
    const text = CLOSED;
    for (const number of [...this.#calls.keys()]) {
      this.#answer(number, text);
    }
    this.#watches.clear();
    this.#closing?.();
  }

  /**
   * What a core that is made anew must know.
   *
   * @param {import('./requests.js').Wish} wish
   */
  #remember({ isSyncWanted, token }) {
    this.#isSyncWanted = isSyncWanted ?? this.#isSyncWanted;
    if (token !== undefined) {
      this.#opening = { ...this.#opening, config: { ...this.#opening.config, token } };
    }
  }
}

/**
 * @param {string} code
 * @param {string} message
 */
export function errorText(code, message) {
  return JSON.stringify({ error: { code, message } });
}

/**
 * @param {unknown} error
 */
function storeFailed(error) {
  if (error instanceof HeadwaterError && error.code !== 'open_failed') {
    return error;
  }
  const name = error instanceof Error && error.name !== 'Error' ? `${error.name}: ` : '';
  const why = `the browser's store failed: ${name}${error instanceof Error ? error.message : error}`;
  return new HeadwaterError('store_failed', why, { cause: error });
}
