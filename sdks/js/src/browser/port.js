/**
 * The port of a browser: messages to the core, which this page or another one of the site has.
 *
 * Invariants: a store that is opened twice in a page is one store, closed when both are; who opened it first says how.
 * The transactions of a port have the numbers 1, 2, …, whichever page has the core.
 * Not here: pages (`tabs.js`), the core (`host.js`).
 */
import { HeadwaterError, errorOf } from '../errors.js';
import { decode, encode } from '../values.js';
import { CLOSED } from './host.js';
import { endpoint } from './socket.js';
import { Member } from './tabs.js';

/** @typedef {import('../port.js').Message} Message */

/** The store of who names none. */
const NAME = 'default';

/** @type {Map<string, {member: Promise<Member>, count: number}>} */
const stores = new Map();

/**
 * Opens a store.
 *
 * @param {Message} config
 * @returns {Promise<import('../port.js').Port>}
 */
export async function openPort(config) {
  const { server, app, ca_certificates: certificates } = config;
  if (certificates?.length > 0) {
    throw new HeadwaterError('unsupported', 'a browser knows its certificates itself');
  }
  const url = server === undefined ? undefined : endpoint(server, app);
  const plain = JSON.parse(encode(config)); // as it was at this moment
  const name = plain.dir ?? NAME;
  if (typeof name !== 'string') {
    throw new HeadwaterError('invalid_message', '"dir" of the configuration is a string');
  }
  const member = await enter(name, { name, config: plain, url });
  return new BrowserPort(member, () => leave(name, member));
}

/**
 * @param {string} name
 * @param {import('./host.js').Opening} opening
 */
async function enter(name, opening) {
  const store = stores.get(name) ?? { member: Member.open(opening), count: 0 };
  stores.set(name, store);
  store.count += 1;
  try {
    return await store.member;
  } catch (error) {
    if (stores.get(name) === store) {
      stores.delete(name);
    }
    throw error;
  }
}

/**
 * @param {string} name
 * @param {Member} member
 */
async function leave(name, member) {
  const store = stores.get(name);
  if (!store || (await store.member) !== member) {
    return;
  }
  store.count -= 1;
  if (store.count === 0) {
    stores.delete(name);
    await member.close();
  }
}

/**
 * One opening of a store.
 */
class BrowserPort {
  #member;
  #leave;
  /** @type {Map<number, (event: any) => void>} */
  #watches = new Map();
  /** Open transactions: this port's numbers, from 1, to the core's. @type {Map<number, number>} */
  #transactions = new Map();
  #begun = 0;
  #isClosed = false;

  /**
   * @param {Member} member
   * @param {() => Promise<void>} leave
   */
  constructor(member, leave) {
    this.#member = member;
    this.#leave = leave;
  }

  /**
   * @param {Message} request
   */
  async call(request) {
    if (this.#isClosed) {
      throw errorOf(decode(CLOSED).error);
    }
    const answer = decode(await this.#member.call(this.#numbered(request)));
    if (answer.error) {
      throw errorOf(answer.error);
    }
    if (request.call === 'begin') {
      this.#begun += 1;
      this.#transactions.set(this.#begun, answer.transaction);
      answer.transaction = this.#begun;
    }
    return answer;
  }

  /**
   * A request with the core's number of its transaction: one that a core of another page knows is none to the next.
   *
   * @param {Message} request
   * @returns {Message}
   */
  #numbered(request) {
    const transaction = this.#transactions.get(request.transaction);
    if (transaction === undefined) {
      return request;
    }
    if (request.call === 'commit' || request.call === 'rollback') {
      this.#transactions.delete(request.transaction);
    }
    return { ...request, transaction };
  }

  /**
   * @param {Message} request
   * @param {(event: any) => void} onEvent
   */
  subscribe(request, onEvent) {
    if (this.#isClosed) {
      throw errorOf(decode(CLOSED).error);
    }
    const number = this.#member.subscribe(encode(request), (text) => onEvent(decode(text)));
    this.#watches.set(number, onEvent);
    const cancel = () => {
      if (this.#watches.delete(number)) {
        this.#member.unsubscribe(number);
      }
    };
    return { cancel };
  }

  async close() {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    const watches = [...this.#watches];
    this.#watches.clear();
    for (const [number, onEvent] of watches) {
      this.#member.unsubscribe(number);
      onEvent(decode(CLOSED));
    }
    await this.#leave();
  }
}
