/**
 * The pages of one site that have one store open: one leads, and has the core; the others go through it.
 *
 * ```text
 * page ──> member ──> host (here)
 *             └─────> channel ──> the leader's member ──> host
 * ```
 * Who leads holds a lock of the browser (Web Locks) that is free again when the page is gone; the others wait for it,
 * and the next one opens the store.
 *
 * Invariants: at most one page has the store open. When the leader went away, those that only read or wait ask again,
 * those that wrote are told `interrupted`, observers are placed again.
 * Not here: the core and what it keeps (`host.js`).
 */
import { HeadwaterError } from '../errors.js';
import { CLOSED, Host, errorText } from './host.js';
import { asked } from './requests.js';

/**
 * @typedef {import('./requests.js').Asked} Asked
 *
 * @typedef {object} Call one that is not answered yet
 * @property {Asked} asked
 * @property {(text: string) => void} answer
 * @property {boolean} isSent
 *
 * @typedef {object} Watched
 * @property {string} message
 * @property {(text: string) => void} onEvent
 *
 * @typedef {object} Follower a page that goes through this one
 * @property {BroadcastChannel} channel
 * @property {Map<number, number>} watches its numbers to the host's
 */

/** One store in this page, however often it was opened here. */
export class Member {
  #opening;
  #id = randomId();
  /** All pages of this store hear it. */
  #channel;
  /** Between this page and the one that leads. */
  #line;
  /** Who leads, if it is another page. @type {string | undefined} */
  #leader;
  /** @type {Host | undefined} */
  #host;
  /** @type {Map<string, Follower>} */
  #followers = new Map();
  /** @type {Map<number, Call>} */
  #calls = new Map();
  /** @type {Map<number, Watched>} */
  #watches = new Map();
  /** The host's numbers of these. @type {Map<number, number>} */
  #placed = new Map();
  #last = 0;
  /** @type {import('./requests.js').Wish} */
  #wish = {};
  /** Gives this page's locks back. @type {(() => void)[]} */
  #releases = [];
  #stop = new AbortController();
  #isClosed = false;

  /**
   * @param {import('./host.js').Opening} opening
   */
  constructor(opening) {
    this.#opening = opening;
    this.#channel = new BroadcastChannel(lockOf(opening.name));
    this.#channel.onmessage = ({ data }) => this.#heard(data);
    this.#line = new BroadcastChannel(lockOf(opening.name, this.#id));
    this.#line.onmessage = ({ data }) => this.#said(data);
  }

  /**
   * Opens the store, here or through the page that has it open.
   *
   * @param {import('./host.js').Opening} opening
   */
  static async open(opening) {
    /** @type {Member | undefined} */
    let member;
    try {
      if (!navigator.locks || !globalThis.indexedDB) {
        throw new Error('it needs IndexedDB and Web Locks: a page from https or localhost');
      }
      member = new Member(opening);
      await member.#join();
      return member;
    } catch (error) {
      await member?.close();
      throw openFailed(error);
    }
  }

  /** Leads if nobody does; else is in once the leader says so, or leads after it. */
  async #join() {
    await this.#hold(lockOf(this.#opening.name, this.#id), {});
    if (await this.#hold(lockOf(this.#opening.name), { ifAvailable: true })) {
      await this.#lead();
      return;
    }
    await new Promise((resolve, reject) => {
      this.#whenIn = () => resolve(undefined);
      const signal = this.#stop.signal;
      const lead = (/** @type {boolean} */ isHeld) => (isHeld ? this.#lead() : undefined);
      this.#hold(lockOf(this.#opening.name), { signal }).then(lead).catch((error) => this.#failed(error, reject));
      this.#channel.postMessage({ hello: this.#id });
    });
  }

  #whenIn = () => {};

  /**
   * It leads, and cannot open the store.
   *
   * @param {unknown} error
   * @param {(error: unknown) => void} reject
   */
  #failed(error, reject) {
    if (this.#isClosed) {
      return;
    }
    reject(error);
    const { code, message } = openFailed(error);
    this.#end(errorText(code, message));
  }

  /**
   * Waits for a lock, and has it until this member is closed. Whether it was to be had.
   *
   * @param {string} name
   * @param {LockOptions} options
   * @returns {Promise<boolean>}
   */
  #hold(name, options) {
    return new Promise((resolve, reject) => {
      const held = (/** @type {Lock | null} */ lock) => {
        resolve(lock !== null);
        return lock && new Promise((release) => this.#releases.push(() => release(undefined)));
      };
      navigator.locks.request(name, options, held).catch(reject);
    });
  }

  async #lead() {
    const { token = this.#opening.config.token } = this.#wish;
    const config = { ...this.#opening.config, token };
    const host = await Host.open({ ...this.#opening, config });
    if (this.#isClosed) {
      await host.close();
      return;
    }
    this.#host = host;
    this.#placeAgain();
    this.#channel.postMessage({ leader: this.#id });
    this.#whenIn();
  }

  /**
   * Asks for something.
   *
   * @param {import('../port.js').Message} request
   * @returns {Promise<string>} the answer
   */
  call(request) {
    return new Promise((resolve) => {
      if (this.#isClosed) {
        resolve(CLOSED);
        return;
      }
      const it = asked(request);
      this.#wish = { ...this.#wish, ...it.wish };
      const number = this.#number();
      this.#calls.set(number, { asked: it, answer: resolve, isSent: false });
      this.#send(number);
    });
  }

  /**
   * Has events come.
   *
   * @param {string} message
   * @param {(text: string) => void} onEvent
   */
  subscribe(message, onEvent) {
    const number = this.#number();
    this.#watches.set(number, { message, onEvent });
    this.#place(number);
    return number;
  }

  /**
   * No event comes after this.
   *
   * @param {number} number
   */
  unsubscribe(number) {
    if (!this.#watches.delete(number)) {
      return;
    }
    this.#host?.unsubscribe(this.#placed.get(number) ?? 0);
    this.#placed.delete(number);
    this.#say({ unsubscribe: number });
  }

  async close() {
    if (this.#isClosed) {
      return;
    }
    this.#say({ bye: true });
    await this.#host?.close();
    this.#end(CLOSED);
  }

  /**
   * Says something to the page that leads, if it is another one.
   *
   * @param {object} message
   */
  #say(message) {
    if (this.#leader !== undefined && !this.#host) {
      this.#line.postMessage(message);
    }
  }

  /**
   * @param {string} text for all who wait
   */
  #end(text) {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    this.#host = undefined;
    this.#stop.abort();
    this.#releases.forEach((release) => release());
    this.#channel.close();
    this.#line.close();
    this.#followers.forEach((follower) => follower.channel.close());
    const calls = [...this.#calls.values()];
    const watches = [...this.#watches.values()];
    this.#calls.clear();
    this.#watches.clear();
    calls.forEach((call) => call.answer(text));
    watches.forEach((watch) => watch.onEvent(text));
  }

  #number() {
    this.#last += 1;
    return this.#last;
  }

  /**
   * @param {number} number of a call
   */
  #send(number) {
    const call = this.#calls.get(number);
    if (!call || (!this.#host && this.#leader === undefined)) {
      return; // it is sent once somebody leads
    }
    call.isSent = true;
    if (this.#host) {
      this.#host.call(call.asked, (text) => this.#answer(number, text));
    } else {
      this.#say({ call: number, asked: call.asked });
    }
  }

  /**
   * @param {number} number
   * @param {string} text
   */
  #answer(number, text) {
    const call = this.#calls.get(number);
    this.#calls.delete(number);
    call?.answer(text);
  }

  /**
   * @param {number} number of a watch
   */
  #place(number) {
    const watched = this.#watches.get(number);
    if (!watched) {
      return;
    }
    if (this.#host) {
      const tell = (/** @type {string} */ text, /** @type {() => void} */ told) => {
        this.#watches.get(number)?.onEvent(text);
        told();
      };
      this.#placed.set(number, this.#host.subscribe(watched.message, tell));
    } else {
      this.#say({ subscribe: number, message: watched.message });
    }
  }

  /** Another leads from here on. */
  #placeAgain() {
    for (const [number, call] of [...this.#calls]) {
      if (!call.isSent || call.asked.kind === 'read') {
        this.#send(number);
      } else {
        this.#answer(number, interrupted(call.asked.kind));
      }
    }
    [...this.#watches.keys()].forEach((number) => this.#place(number));
    const { isSyncWanted, token } = this.#wish;
    if (token !== undefined) {
      this.#again({ call: 'authenticate', token });
    }
    if (isSyncWanted) {
      this.#again({ call: 'start_sync' });
    }
  }

  /**
   * @param {import('../port.js').Message} request
   */
  #again(request) {
    const number = this.#number();
    this.#calls.set(number, { asked: asked(request), answer: () => {}, isSent: false });
    this.#send(number);
  }

  /**
   * What all pages hear.
   *
   * @param {{hello?: string, leader?: string}} data
   */
  #heard({ hello, leader }) {
    if (hello !== undefined && this.#host) {
      this.#welcome(hello);
    }
    if (leader !== undefined && !this.#host && !this.#isClosed) {
      this.#channel.postMessage({ hello: this.#id });
    }
  }

  /**
   * Another page wants to go through this one.
   *
   * @param {string} id
   */
  #welcome(id) {
    if (this.#followers.has(id)) {
      return;
    }
    const channel = new BroadcastChannel(lockOf(this.#opening.name, id));
    const follower = { channel, watches: new Map() };
    this.#followers.set(id, follower);
    channel.onmessage = ({ data }) => this.#serve(id, follower, data);
    channel.postMessage({ welcome: this.#id });
    // Its lock is free once it is gone.
    const signal = this.#stop.signal;
    navigator.locks.request(lockOf(this.#opening.name, id), { signal }, () => this.#gone(id)).catch(() => {});
  }

  /**
   * @param {string} id
   */
  #gone(id) {
    const follower = this.#followers.get(id);
    this.#followers.delete(id);
    follower?.channel.close();
    follower?.watches.forEach((watch) => this.#host?.unsubscribe(watch));
  }

  /**
   * Does what a follower asks for.
   *
   * @param {string} id
   * @param {Follower} follower
   * @param {any} data
   */
  #serve(id, { channel, watches }, data) {
    const host = this.#host;
    if (!host) {
      return;
    }
    const say = (/** @type {object} */ message) => {
      if (this.#followers.get(id)?.channel === channel) {
        channel.postMessage(message);
      }
    };
    if (data.bye) {
      this.#gone(id);
    } else if (data.call !== undefined) {
      // The store is not closed for the others when this page closes it.
      host.call(data.asked, (text) => (text === CLOSED ? undefined : say({ answer: data.call, text })));
    } else if (data.subscribe !== undefined) {
      const number = data.subscribe;
      const tell = (/** @type {string} */ text, /** @type {() => void} */ told) => {
        this.#tolds.set(`${id} ${number}`, told);
        say({ event: number, text });
      };
      watches.set(number, host.subscribe(data.message, tell));
    } else if (data.told !== undefined) {
      this.#tolds.get(`${id} ${data.told}`)?.();
      this.#tolds.delete(`${id} ${data.told}`);
    } else if (data.unsubscribe !== undefined) {
      host.unsubscribe(watches.get(data.unsubscribe) ?? 0);
      watches.delete(data.unsubscribe);
      this.#tolds.delete(`${id} ${data.unsubscribe}`);
    }
  }

  /** Of events that followers have not taken yet. @type {Map<string, () => void>} */
  #tolds = new Map();

  /**
   * Another page leads. Once its own lock is free it is gone: what is asked from then on waits for the next.
   *
   * @param {string} id
   */
  #follow(id) {
    this.#leader = id;
    const gone = () => {
      this.#leader = this.#leader === id ? undefined : this.#leader;
    };
    navigator.locks.request(lockOf(this.#opening.name, id), { signal: this.#stop.signal }, gone).catch(() => {});
  }

  /**
   * What the leader says to this page.
   *
   * @param {any} data
   */
  #said(data) {
    if (data.welcome !== undefined) {
      if (this.#leader !== data.welcome && !this.#host) {
        this.#follow(data.welcome);
        this.#placeAgain();
        this.#whenIn();
      }
    } else if (data.answer !== undefined) {
      this.#answer(data.answer, data.text);
    } else if (data.event !== undefined) {
      this.#watches.get(data.event)?.onEvent(data.text);
      this.#say({ told: data.event });
    }
  }
}

/**
 * The name of a store's lock and channel, or of one page's own.
 *
 * @param {string} name
 * @param {string} [id]
 */
function lockOf(name, id) {
  return id === undefined ? `headwater:${name}` : `headwater:${name}:${id}`;
}

function randomId() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (it) => it.toString(16)).join('-');
}

/**
 * What became of a call whose page went away.
 *
 * @param {'write' | 'step' | 'read'} kind
 */
function interrupted(kind) {
  return kind === 'write'
    ? errorText('interrupted', 'the page that had the store went away; whether the write is there is not known')
    : errorText('interrupted', 'the page that had the store went away in the middle of the transaction');
}

/**
 * @param {unknown} error of a browser that gives no store to this page, or of the store
 */
function openFailed(error) {
  if (error instanceof HeadwaterError) {
    return error;
  }
  const why = error instanceof Error ? error.message : String(error);
  return new HeadwaterError('open_failed', `the browser cannot open a store: ${why}`, { cause: error });
}
