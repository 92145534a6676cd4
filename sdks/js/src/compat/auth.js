/**
 * Tokens, by the vendor's names. A token is a key of the server.
 *
 * Not here: providers; the server knows keys alone.
 */
import { HeadwaterError, callOut } from '../errors.js';
import { observe } from '../observer.js';

/** @typedef {import('../port.js').Port} Port */
/** @typedef {import('./ditto.js').Ditto} Ditto */

/**
 * @typedef {{isAuthenticated: boolean, userID: string | null}} AuthenticationStatus
 *
 * @typedef {object} AuthenticationHandler
 * @property {(authenticator: Authenticator) => unknown} authenticationRequired
 * @property {(authenticator: Authenticator, secondsRemaining: number) => unknown} [authenticationExpiringSoon]
 */

/** Gives the server tokens. */
export class Authenticator {
  /** The provider of tokens for development; every provider is the same here. */
  static DEVELOPMENT_PROVIDER = '__playgroundProvider';

  #port;
  #ditto;
  /** @type {import('../observer.js').Observer | undefined} */
  #asked;

  /**
   * @param {Port} port
   * @param {Ditto} ditto
   * @param {boolean} hasServer
   */
  constructor(port, ditto, hasServer) {
    this.#port = port;
    this.#ditto = ditto;
    /** Whether there is a server to log in to. */
    this.loginSupported = hasServer;
    /** @type {AuthenticationStatus} */
    this.status = { isAuthenticated: false, userID: null };
  }

  /**
   * Gives the server a key.
   *
   * @param {string} token
   * @param {string} [provider] makes no difference
   * @returns {Promise<{clientInfo: string | null, error: HeadwaterError | null}>}
   */
  async login(token, provider) {
    try {
      await this.loginWithToken(token, provider);
    } catch (error) {
      return { clientInfo: null, error: /** @type {HeadwaterError} */ (error) };
    }
    return { clientInfo: null, error: null };
  }

  /**
   * The same, which throws.
   *
   * @param {string} token
   * @param {string} [_provider] makes no difference
   * @returns {Promise<void>}
   */
  async loginWithToken(token, _provider) {
    await this.#port.call({ call: 'authenticate', token });
  }

  /** There are no passwords. */
  async loginWithUsernameAndPassword() {
    throw new HeadwaterError('unsupported', 'a server knows keys, no passwords: login(token)');
  }

  /**
   * Ends sync. What is here stays, unless `cleanUp` evicts it.
   *
   * @param {(ditto: Ditto) => unknown} [cleanUp]
   */
  async logout(cleanUp) {
    this.#ditto.stopSync();
    await cleanUp?.(this.#ditto);
  }

  /**
   * Calls `handler` whenever the server does not take the token, and a minute before that ends.
   *
   * @param {((ditto: Ditto, secondsUntilExpiration: number) => unknown) | null} handler
   */
  async setExpirationHandler(handler) {
    this.#asked?.cancel();
    const ask = () => handler && callOut(() => handler(this.#ditto, 0));
    this.#asked = handler ? observe(this.#port, { watch: 'token' }, ask) : undefined;
  }

  /**
   * Calls `callback` with whether the server has taken the token, now and whenever that changes.
   *
   * @param {(status: AuthenticationStatus) => unknown} callback
   */
  observeStatus(callback) {
    const observer = observe(this.#port, { watch: 'state' }, ({ state }) => {
      const isAuthenticated = state === 'live' || state === 'catching_up';
      if (isAuthenticated !== this.status.isAuthenticated) {
        this.status = { isAuthenticated, userID: null };
        callOut(() => callback(this.status));
      }
    });
    callOut(() => callback(this.status));
    return { stop: () => observer.cancel(), cancel: () => observer.cancel() };
  }
}
