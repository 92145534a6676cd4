/**
 * The core as WebAssembly: its functions with JavaScript's values.
 *
 * Invariants: what it gives is copied out before the next call; a trap ends the instance, and every call of it from
 * then on throws `Trapped`.
 * Not here: when a function is called (`host.js`).
 */
import { HeadwaterError } from '../errors.js';

/** What the core wants done; the numbers of `sdks/js/wasm/src/outputs.rs`. */
export const kinds = Object.freeze({ answer: 1, verdict: 2, event: 3, connect: 4, disconnect: 5, send: 6 });

/**
 * @typedef {object} Output
 * @property {number} kind
 * @property {number} whose the call or watch
 * @property {Uint8Array} bytes
 */

/**
 * What the module exports (`sdks/js/wasm/src/exports.rs`).
 *
 * @typedef {{
 *   memory: WebAssembly.Memory,
 *   input: (bytes: number) => number,
 *   given: () => number,
 *   begin_load: () => void,
 *   load: () => number,
 *   open: (seed: bigint, seedToo: bigint) => number,
 *   open_again: (seed: bigint, seedToo: bigint, steady: bigint, wall: bigint) => number,
 *   call: (number: number, steady: bigint, wall: bigint) => void,
 *   subscribe: (number: number, steady: bigint, wall: bigint) => void,
 *   unsubscribe: (number: number) => void,
 *   told: (number: number) => void,
 *   connected: (steady: bigint, wall: bigint) => void,
 *   disconnected: (steady: bigint, wall: bigint) => void,
 *   frame: (steady: bigint, wall: bigint) => void,
 *   tick: (steady: bigint, wall: bigint) => void,
 *   follow: (steady: bigint, wall: bigint) => number,
 *   tell: () => number,
 *   take_log: () => number,
 *   pack: (bytes: number) => number,
 *   next_packed: () => number,
 *   packed_bytes: () => bigint,
 *   next_tick: () => bigint,
 *   is_transaction_open: () => number,
 *   is_event_due: () => number,
 * }} Exports
 */

/** The core has ended: what it was doing is not known, and what was durable is there. */
export class Trapped extends HeadwaterError {
  /**
   * @param {unknown} cause
   */
  constructor(cause) {
    super('internal', `a fault of the library: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/** Where the module lies: below the package's folder. */
const MODULE_URL = new URL('../../dist/headwater.wasm', import.meta.url);

/** @type {Promise<WebAssembly.Module> | undefined} */
let loading;

/**
 * Loads the module, once for all peers of this page. Of the first call `url` says where it lies, if a bundler put it
 * elsewhere.
 *
 * @param {string | URL} [url]
 * @returns {Promise<WebAssembly.Module>}
 */
export function loadModule(url = MODULE_URL) {
  loading ??= compile(url).catch((error) => {
    loading = undefined; // the network may be there the next time
    throw new HeadwaterError('open_failed', `cannot load ${url}: ${error.message}`, { cause: error });
  });
  return loading;
}

/**
 * @param {string | URL} url
 */
async function compile(url) {
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`the server says ${response.status}`);
  }
  const isWasm = response.headers.get('content-type')?.startsWith('application/wasm');
  return isWasm ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One core. */
export class Instance {
  /** @type {Exports} */
  #exports;
  /** @type {Trapped | undefined} */
  #trapped;

  /**
   * @param {Exports} exports
   */
  constructor(exports) {
    this.#exports = exports;
  }

  /**
   * A new one, without a peer yet.
   */
  static async create() {
    const { exports } = await WebAssembly.instantiate(await loadModule(), {});
    return new Instance(/** @type {Exports} */ (/** @type {unknown} */ (exports)));
  }

  /** Whether it has ended. */
  get isTrapped() {
    return this.#trapped !== undefined;
  }

  /** What was loaded so far, and not opened, is forgotten. */
  beginLoad() {
    this.#run((it) => it.begin_load());
  }

  /**
   * A log that was kept, in its order.
   *
   * @param {Uint8Array} log
   */
  load(log) {
    if (!this.#run((it) => it.load(), log)) {
      throw new HeadwaterError('damaged', 'what is stored in the browser is damaged');
    }
  }

  /**
   * Opens the peer on what was loaded.
   *
   * @param {string} config
   */
  open(config) {
    this.#check(this.#give((it) => it.open(...seed()), config));
  }

  /**
   * Opens the peer again on what was loaded.
   *
   * @param {string} why what was written since is not there
   */
  openAgain(why) {
    this.#check(this.#give((it) => it.open_again(...seed(), ...now()), why));
  }

  /**
   * @param {Uint8Array} answer
   */
  #check(answer) {
    const { error } = JSON.parse(decoder.decode(answer));
    if (error) {
      throw new HeadwaterError(error.code, error.message);
    }
  }

  /**
   * @param {number} number
   * @param {string} message
   */
  call(number, message) {
    this.#run((it) => it.call(number, ...now()), message);
  }

  /**
   * @param {number} number
   * @param {string} message
   */
  subscribe(number, message) {
    this.#run((it) => it.subscribe(number, ...now()), message);
  }

  /**
   * @param {number} number
   */
  unsubscribe(number) {
    this.#run((it) => it.unsubscribe(number));
  }

  /**
   * The last event of a watch was taken.
   *
   * @param {number} number
   */
  told(number) {
    this.#run((it) => it.told(number));
  }

  connected() {
    this.#run((it) => it.connected(...now()));
  }

  /**
   * @param {string} why
   */
  disconnected(why) {
    this.#run((it) => it.disconnected(...now()), why);
  }

  /**
   * @param {Uint8Array} frame
   */
  frame(frame) {
    this.#run((it) => it.frame(...now()), frame);
  }

  tick() {
    this.#run((it) => it.tick(...now()));
  }

  /**
   * What the core wants done.
   *
   * @returns {Output[]}
   */
  follow() {
    return outputs(this.#give((it) => it.follow(...now())));
  }

  /**
   * The events that are due.
   *
   * @returns {Output[]}
   */
  tell() {
    return outputs(this.#give((it) => it.tell()));
  }

  /** What was written, and is to be kept. */
  log() {
    return this.#give((it) => it.take_log());
  }

  /**
   * Logs of all that is there.
   *
   * @param {number} bytes of each, about
   */
  packed(bytes) {
    const count = this.#run((it) => it.pack(bytes));
    return Array.from({ length: count }, () => this.#give((it) => it.next_packed()));
  }

  /** How many bytes they are. */
  get packedBytes() {
    return Number(this.#run((it) => it.packed_bytes()));
  }

  /** When `tick` is due, as `performance.now()` says it. */
  get nextTick() {
    const due = this.#run((it) => it.next_tick());
    return due < 0n ? Infinity : Number(due);
  }

  get isTransactionOpen() {
    return this.#run((it) => it.is_transaction_open()) !== 0;
  }

  get isEventDue() {
    return this.#run((it) => it.is_event_due()) !== 0;
  }

  /**
   * @template T
   * @param {(exports: Exports) => T} act
   * @param {Uint8Array | string} [input] what it takes
   * @returns {T}
   */
  #run(act, input) {
    if (this.#trapped) {
      throw this.#trapped;
    }
    const it = this.#exports;
    try {
      if (input !== undefined) {
        const bytes = typeof input === 'string' ? encoder.encode(input) : input;
        const at = it.input(bytes.length);
        new Uint8Array(it.memory.buffer, at, bytes.length).set(bytes);
      }
      return act(it);
    } catch (error) {
      this.#trapped = new Trapped(error);
      throw this.#trapped;
    }
  }

  /**
   * @param {(exports: Exports) => number} act gives how many bytes there are
   * @param {Uint8Array | string} [input]
   */
  #give(act, input) {
    return this.#run((it) => {
      const length = act(it);
      return new Uint8Array(it.memory.buffer, it.given(), length).slice();
    }, input);
  }
}

/** The clock that never goes back, and the wall clock. */
function now() {
  return /** @type {const} */ ([BigInt(Math.floor(performance.now())), BigInt(Math.max(Date.now(), 0))]);
}

function seed() {
  const [first, second] = crypto.getRandomValues(new BigUint64Array(2));
  return /** @type {const} */ ([first, second]);
}

/**
 * @param {Uint8Array} bytes
 */
function outputs(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const all = [];
  let at = 0;
  while (at < bytes.length) {
    const length = view.getUint32(at + 5, true);
    const begin = at + 9;
    all.push({ kind: bytes[at], whose: view.getUint32(at + 1, true), bytes: bytes.subarray(begin, begin + length) });
    at = begin + length;
  }
  return all;
}

/**
 * @param {Output} output
 */
export function textOf(output) {
  return decoder.decode(output.bytes);
}
