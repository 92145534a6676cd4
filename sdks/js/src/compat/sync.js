/**
 * Subscriptions and sync, by the vendor's names.
 *
 * Invariants: what the vendor's calls do at once is begun at once; where it can only fail later, that is reported as
 * uncaught.
 */
import { HeadwaterError, throwUncaught } from '../errors.js';

/** @typedef {import('../port.js').Port} Port */
/** @typedef {import('../port.js').Message} Message */

/**
 * Calls at once: waits for the answer if the port can, or is told of a fault later.
 *
 * @param {Port} port
 * @param {Message} request
 * @returns {Promise<any>}
 */
export function callAtOnce(port, request) {
  const answer = port.callNow ? Promise.resolve(port.callNow(request)) : port.call(request);
  answer.catch((error) => {
    if (error.code !== 'closed') {
      throwUncaught(error);
    }
  });
  return answer;
}

/**
 * @param {Port} port
 * @param {Message} what a statement, or a collection and a condition
 */
export function subscribe(port, what) {
  return new SyncSubscription(port, what);
}

/** A subscription: it is stored and outlives the process, until `cancel`. */
export class SyncSubscription {
  #port;
  #registered;
  #isCancelled = false;

  /**
   * @param {Port} port
   * @param {Message} what
   */
  constructor(port, what) {
    this.#port = port;
    this.#registered = callAtOnce(port, { call: 'register_subscription', ...what });
    /** The query. */
    this.queryString = what.statement ?? what.query;
    /** What stands for its parameters. */
    this.queryArguments = what.args;
  }

  /** Whether it was ended. */
  get isCancelled() {
    return this.#isCancelled;
  }

  /** Ends it. Its documents stay. */
  cancel() {
    if (this.#isCancelled) {
      return;
    }
    this.#isCancelled = true;
    const cancel = ({ subscription = 0 }) => this.#port.call({ call: 'cancel_subscription', subscription });
    this.#registered.then(cancel).catch(() => {}); // it was never there, or the peer is closed
  }
}

/** Sync of a peer. */
export class Sync {
  #port;
  #hasServer;
  #isActive = false;

  /**
   * @param {Port} port
   * @param {boolean} hasServer
   */
  constructor(port, hasServer) {
    this.#port = port;
    this.#hasServer = hasServer;
  }

  /** Whether it was started. */
  get isActive() {
    return this.#isActive;
  }

  /** Connects, and connects again whenever the connection is lost. A peer without a server has nobody to sync with. */
  start() {
    if (this.#hasServer) {
      callAtOnce(this.#port, { call: 'start_sync' });
    }
    this.#isActive = true;
  }

  /** Ends the connection. Local work goes on. */
  stop() {
    this.#isActive = false;
    try {
      callAtOnce(this.#port, { call: 'stop_sync' });
    } catch (error) {
      if (!(error instanceof HeadwaterError && error.code === 'closed')) {
        throw error; // a peer that is closed does not sync
      }
    }
  }

  /**
   * Subscribes to a collection, or a part of it: `SELECT * FROM … [WHERE …]`.
   *
   * @param {string} query
   * @param {object} [args]
   */
  registerSubscription(query, args) {
    return subscribe(this.#port, { statement: query, args });
  }
}
