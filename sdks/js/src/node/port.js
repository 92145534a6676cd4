/**
 * Peers in this process, by the native library.
 *
 * Invariants: a promise that is waited for keeps the process alive, and nothing else does: no observer, no sync. But a
 * process that would end by itself first pushes what is pending to a server that is there. Calls that wait for the disk
 * wait in a thread of the library; what only reads one document is done at once.
 */
import { HeadwaterError, errorOf } from '../errors.js';
import { decode, encode } from '../values.js';
import { Lane } from './lane.js';
import { native } from './native.js';

/** @typedef {import('../port.js').Port} Port */
/** @typedef {import('../port.js').Message} Message */
/** @typedef {import('../port.js').Watch} Watch */
/**
 * @typedef {object} Waiting
 * @property {(answer: any) => void} resolve
 * @property {(error: unknown) => void} reject
 * @property {Message} request
 * @property {Lane | undefined} lane
 * @property {boolean} isHeld whether it keeps the process alive
 */

/** Calls that read so little that a thread would cost more. */
const CHEAP = new Set(['echo', 'find_by_id', 'info']);

/** Calls for which no other waits. */
const LONG = new Set(['committed', 'flushed', 'new_attachment']);

/** The longest time of a timer. */
const FOR_EVER_MS = 2 ** 31 - 1;

/** How long a process that would end waits for the server's word. */
const FAREWELL_MS = 5_000;

/** Where sync stands while there may be a server. */
const HOPEFUL = new Set(['connecting', 'catching_up', 'live']);

/**
 * Opens a peer.
 *
 * @param {Message} config
 * @returns {Promise<Port>}
 */
export async function openPort(config) {
  return openPortNow(config);
}

/**
 * Opens a peer.
 *
 * @param {Message} config
 * @returns {Port}
 */
export function openPortNow(config) {
  return new NodePort(config);
}

/** Where the environment says that the server is. */
export function serverUrl() {
  return process.env.HEADWATER_URL;
}

/** @implements {Port} */
class NodePort {
  /** @type {import('./native.js').NativePeer | undefined} */
  #peer;
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  /** @type {Map<number, (event: any) => void>} */
  #watches = new Map();
  /** @type {Set<number>} */
  #transactions = new Set();
  #beginning = 0;
  #calls = new Lane();
  #steps = new Lane();
  #number = 0;
  #held = 0;
  #timer;
  /** @type {Promise<void> | undefined} */
  #closing;
  #isFarewellSaid = false;
  #sayFarewell = () => void this.#farewell();

  /**
   * @param {Message} config
   */
  constructor(config) {
    const text = encode(config);
    const { Peer } = native();
    try {
      this.#peer = Peer.open(text, () => this.#deliver());
    } catch (error) {
      throw errorOf(decode(/** @type {Error} */ (error).message).error);
    }
    this.#timer = setInterval(() => {}, FOR_EVER_MS).unref();
  }

  /**
   * @param {Message} request
   * @returns {Promise<any>}
   */
  call(request) {
    try {
      const text = encode(request);
      const peer = this.#open();
      this.#noteSync(request);
      if (CHEAP.has(request.call) && request.transaction === undefined) {
        return Promise.resolve(answerOf(peer.callNow(text)));
      }
      return this.#wait(request, this.#laneOf(request), (number) => peer.call(number, text));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * @param {Message} request
   * @returns {any}
   */
  callNow(request) {
    if (this.#isInTransaction()) {
      return this.call(request);
    }
    const text = encode(request);
    const answer = answerOf(this.#open().callNow(text));
    this.#noteSync(request);
    return answer;
  }

  /**
   * @param {Message} request
   * @param {(event: any) => void} onEvent
   * @returns {Watch}
   */
  subscribe(request, onEvent) {
    const text = encode(request);
    const number = this.#number++;
    /** @type {number} */
    let watch;
    this.#watches.set(number, onEvent);
    try {
      watch = watchOf(this.#open().subscribe(number, text, request.watch === 'rejected'));
    } catch (error) {
      this.#watches.delete(number);
      throw error;
    }
    return {
      cancel: () => {
        if (this.#watches.delete(number)) {
          this.#peer?.unsubscribe(number, watch);
        }
      },
    };
  }

  /** @returns {Promise<void>} */
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Keeps the process alive until what it gives is called. */
  hold() {
    let isHeld = true;
    this.#hold();
    return () => {
      if (isHeld) {
        isHeld = false;
        this.#release();
      }
    };
  }

  async #close() {
    const peer = this.#open();
    process.off('beforeExit', this.#sayFarewell);
    await this.#wait({}, undefined, (number) => peer.close(number));
    this.#calls.fail(closed());
    this.#steps.fail(closed());
    this.#deliver(); // what was answered while this was on its way
    this.#peer = undefined; // with it goes what the library holds of this thread
    clearInterval(this.#timer);
    const watches = [...this.#watches.values()];
    this.#watches.clear();
    watches.forEach((tell) => tell({ error: { code: 'closed', message: 'the peer is closed' } }));
  }

  #open() {
    if (!this.#peer) {
      throw closed();
    }
    return this.#peer;
  }

  /**
   * What waits for a server or copies a file is none's, and what is done in a transaction does not wait for what waits for its end.
   *
   * @param {Message} request
   */
  #laneOf(request) {
    if (LONG.has(request.call)) {
      return undefined;
    }
    return request.transaction === undefined ? this.#calls : this.#steps;
  }

  /**
   * @param {Message} request
   * @param {Lane | undefined} lane
   * @param {(number: number) => void} send
   * @param {boolean} [isHeld] whether it keeps the process alive
   */
  #wait(request, lane, send, isHeld = true) {
    return new Promise((resolve, reject) => {
      const number = this.#number++;
      this.#waiting.set(number, { resolve, reject, request, lane, isHeld });
      isHeld && this.#hold();
      this.#beginning += request.call === 'begin' ? 1 : 0;
      lane ? lane.push(() => send(number), (error) => this.#forget(number, error)) : send(number);
    });
  }

  /**
   * @param {number} number
   * @param {unknown} error
   */
  #forget(number, error) {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    this.#release();
    waiting?.reject(error);
  }

  /** Hands on what waits in the library. */
  #deliver() {
    const ready = this.#peer?.drain() ?? [];
    for (let n = 0; n < ready.length; n += 2) {
      const number = /** @type {number} */ (ready[n]);
      const text = /** @type {string} */ (ready[n + 1]);
      const waiting = this.#waiting.get(number);
      if (waiting) {
        this.#waiting.delete(number);
        waiting.isHeld && this.#release();
        this.#settle(waiting, decode(text));
      } else {
        this.#watches.get(number)?.(decode(text));
      }
    }
  }

  /**
   * @param {Waiting} waiting
   * @param {any} answer
   */
  #settle({ resolve, reject, request, lane }, answer) {
    this.#noteTransaction(request, answer);
    lane?.answered();
    answer.error ? reject(errorOf(answer.error)) : resolve(answer);
  }

  /**
   * @param {Message} request
   * @param {any} answer
   */
  #noteTransaction(request, answer) {
    if (request.call === 'begin') {
      this.#beginning--;
      if (!answer.error) {
        this.#transactions.add(answer.transaction);
      }
    }
    const isEnd = request.call === 'commit' || request.call === 'rollback';
    if (isEnd || answer.error?.code === 'no_transaction') {
      this.#transactions.delete(request.transaction);
    }
  }

  /**
   * @param {Message} request
   */
  #noteSync({ call }) {
    this.#isFarewellSaid = false;
    if (call === 'start_sync' || call === 'stop_sync') {
      process.off('beforeExit', this.#sayFarewell);
      call === 'start_sync' && process.on('beforeExit', this.#sayFarewell);
    }
  }

  /** The process would end: what is pending goes to a server that is there. */
  async #farewell() {
    if (this.#isFarewellSaid || !this.#peer) {
      return;
    }
    const peer = this.#peer;
    const { pending } = await this.#wait({}, undefined, (number) => peer.call(number, '{"call":"state"}'));
    this.#isFarewellSaid = true;
    if (pending > 0) {
      await this.#untilFlushed(peer);
    }
  }

  /**
   * @param {import('./native.js').NativePeer} peer
   */
  async #untilFlushed(peer) {
    /** @type {Watch | undefined} */
    let watch;
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const inVain = new Promise((resolve) => {
      timer = setTimeout(resolve, FAREWELL_MS);
      watch = this.subscribe({ watch: 'state' }, ({ state }) => HOPEFUL.has(state) || resolve(undefined));
    });
    await Promise.race([inVain, this.#wait({}, undefined, (number) => peer.call(number, '{"call":"flushed"}'), false)]);
    clearTimeout(timer);
    watch?.cancel();
  }

  /** Whether a transaction of this process has the peer: to wait for the peer in this thread would be for ever. */
  #isInTransaction() {
    return this.#beginning > 0 || this.#transactions.size > 0;
  }

  #hold() {
    this.#held++;
    if (this.#held === 1) {
      this.#timer.ref();
    }
  }

  #release() {
    this.#held--;
    if (this.#held === 0) {
      this.#timer.unref();
    }
  }
}

function closed() {
  return new HeadwaterError('closed', 'the peer is closed');
}

/**
 * @param {string} text
 */
function answerOf(text) {
  const answer = decode(text);
  if (answer.error) {
    throw errorOf(answer.error);
  }
  return answer;
}

/**
 * @param {number | string} subscribed
 */
function watchOf(subscribed) {
  return typeof subscribed === 'number' ? subscribed : answerOf(subscribed);
}
