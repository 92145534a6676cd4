/**
 * Sync with the server: subscriptions, and what became of local writes.
 */
import { Events, observe } from './observer.js';
import { callOut } from './errors.js';
import { logIn } from './login.js';
import { verdict } from './written.js';

/** @typedef {import('./port.js').Port} Port */
/** @typedef {import('./observer.js').Observer} Observer */

/**
 * Where sync stands.
 *
 * @typedef {'stopped' | 'connecting' | 'catching_up' | 'live' | 'waiting' | 'needs_token' | 'refused'} State
 */

/**
 * A write that the server refused.
 *
 * @typedef {object} Rejected
 * @property {number} sequence its transaction's number
 * @property {string} why what the server says of it
 * @property {{collection: string, id: any}[]} documents those that it would have written
 * @property {{collection: string, value: any}[]} values what upserts in it would have written; it is nowhere else
 */

/** Sync of a peer. */
export class Sync {
  #port;
  #server;
  /** @type {Observer | undefined} */
  #token;

  /**
   * @param {Port} port
   * @param {import('./login.js').LoginServer} [server] where to log in
   */
  constructor(port, server = {}) {
    this.#port = port;
    this.#server = server;
  }

  /**
   * Connects, and connects again whenever the connection is lost. It is done before there is a connection.
   *
   * @returns {Promise<void>}
   */
  async start() {
    await this.#port.call({ call: 'start_sync' });
  }

  /**
   * Ends the connection. Local work goes on.
   *
   * @returns {Promise<void>}
   */
  async stop() {
    await this.#port.call({ call: 'stop_sync' });
  }

  /**
   * Subscribes to a collection, or a part of it: `SELECT * FROM … [WHERE …]`. One that asks for the same as an
   * earlier one is the same one.
   *
   * @param {string} statement
   * @param {object} [args]
   */
  async registerSubscription(statement, args) {
    const { subscription } = await this.#port.call({ call: 'register_subscription', statement, args });
    return new Subscription(this.#port, subscription);
  }

  /**
   * Where sync stands.
   *
   * @returns {Promise<State>}
   */
  async state() {
    return (await this.#status()).state;
  }

  /**
   * Where sync stands, now and whenever it stands elsewhere, as an async iterator.
   *
   * @returns {Events<State>}
   */
  states() {
    return new Events(this.#port, { watch: 'state' }, (event) => event.state);
  }

  /**
   * The same with a callback.
   *
   * @param {(state: State) => void} callback
   * @returns {Observer}
   */
  observeState(callback) {
    return observe(this.#port, { watch: 'state' }, (event) => callback(event.state));
  }

  /**
   * How many local transactions the server has said nothing of.
   *
   * @returns {Promise<number>}
   */
  async pending() {
    return (await this.#status()).pending;
  }

  /**
   * Why it does not sync, for people, if something is wrong.
   *
   * @returns {Promise<string | undefined>}
   */
  async lastError() {
    return (await this.#status()).last_error ?? undefined;
  }

  /**
   * Waits until the server has a write, by its `sequence`: the id of its transaction there, as in `X-DITTO-TXN-ID`
   * and in the event. undefined: the server has it, but it is not known as what; or it never was.
   *
   * @param {number} sequence
   * @param {{timeoutMs?: number}} [options] without a time it waits for ever
   */
  async committed(sequence, options) {
    return verdict(this.#port, 'committed', options, sequence);
  }

  /**
   * Waits until the server has said of everything that is pending now whether it takes it: the newest transaction
   * that it made of writes from here, if one is known.
   *
   * @param {{timeoutMs?: number}} [options] without a time it waits for ever
   */
  async flushed(options) {
    return verdict(this.#port, 'flushed', options);
  }

  /**
   * The writes that the server refused, the oldest first, as far as they are kept.
   *
   * @returns {Promise<Rejected[]>}
   */
  async rejected() {
    return (await this.#port.call({ call: 'rejected' })).rejected;
  }

  /**
   * Calls `callback` with each write that the server refuses, from now on.
   *
   * @param {(rejected: Rejected) => void} callback
   * @returns {Observer}
   */
  onRejected(callback) {
    return observe(this.#port, { watch: 'rejected' }, (event) => callback(event.rejected));
  }

  /**
   * A refused write was seen to, and need not be kept.
   *
   * @param {number} sequence
   * @returns {Promise<void>}
   */
  async forgetRejected(sequence) {
    await this.#port.call({ call: 'forget_rejected', sequence });
  }

  /**
   * A newer token.
   *
   * @param {string} token
   * @returns {Promise<void>}
   */
  async authenticate(token) {
    await this.#port.call({ call: 'authenticate', token });
  }

  /**
   * Logs in with what a provider gave: the server asks the app's login hook, and its token is used from now on. When it
   * ends, the source of tokens is asked, and may log in again: there is no refresh token.
   *
   * @param {string} token
   * @param {string} provider
   * @returns {Promise<{userId: string, expires: Date}>}
   */
  async login(token, provider) {
    const { userId, accessToken, expires } = await logIn(this.#server, token, provider);
    await this.authenticate(accessToken);
    return { userId, expires };
  }

  /**
   * Who gives a newer token: asked when the server does not take the old one, and a minute before that ends. Where
   * it has none, it is asked again later. Another source takes the place of an earlier one; null takes it away.
   *
   * @param {(() => string | undefined | Promise<string | undefined>) | null} source
   */
  tokenSource(source) {
    this.#token?.cancel();
    const ask = async (/** @type {() => string | undefined | Promise<string | undefined>} */ source) => {
      const token = await source();
      if (token !== undefined) {
        await this.authenticate(token);
      }
    };
    this.#token = source ? observe(this.#port, { watch: 'token' }, () => callOut(() => ask(source))) : undefined;
  }

  async #status() {
    return this.#port.call({ call: 'state' });
  }
}

/** A subscription: it is stored and outlives the process, until `cancel`. */
export class Subscription {
  #port;
  #number;

  /**
   * @param {Port} port
   * @param {number} number
   */
  constructor(port, number) {
    this.#port = port;
    this.#number = number;
  }

  /**
   * Ends it. Its documents stay.
   *
   * @returns {Promise<void>}
   */
  async cancel() {
    await this.#port.call({ call: 'cancel_subscription', subscription: this.#number });
  }

  /**
   * Whether all its documents are here.
   *
   * @returns {Promise<boolean>}
   */
  async isComplete() {
    return (await this.#port.call({ call: 'subscription', subscription: this.#number })).complete;
  }

  /**
   * Why the server does not take it, if it does not: the key may not read the collection, for one.
   *
   * @returns {Promise<string | undefined>}
   */
  async refused() {
    return (await this.#port.call({ call: 'subscription', subscription: this.#number })).refused ?? undefined;
  }
}
