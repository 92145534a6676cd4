/**
 * Logging in, by the vendor's names. With a provider the server asks the app's login hook; with the one for development,
 * or none, the token is a key of the server.
 *
 * Not here: the call to the server (`login`).
 */
import { HeadwaterError, callOut } from '../errors.js';
import { logIn } from '../login.js';
import { observe } from '../observer.js';

/** @typedef {import('../port.js').Message} Message */
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
  /** The provider of tokens for development: keys of the server. */
  static DEVELOPMENT_PROVIDER = '__playgroundProvider';

  #port;
  #ditto;
  #server;
  /** @type {import('../observer.js').Observer | undefined} */
  #asked;

  /**
   * @param {Port} port
   * @param {Ditto} ditto
   * @param {import('../login.js').LoginServer} server
   */
  constructor(port, ditto, server) {
    this.#port = port;
    this.#ditto = ditto;
    this.#server = server;
    /** Whether there is a server to log in to. */
    this.loginSupported = server.url !== undefined;
    /** @type {AuthenticationStatus} */
    this.status = { isAuthenticated: false, userID: null };
  }

  /**
   * Logs in with what a provider gave. When the token that the server gives for it ends, the expiration handler is
   * called, and logs in again: there is no refresh token.
   *
   * @param {string} token
   * @param {string} [provider] without one, or with the one for development, the token is a key of the server
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
   * @param {string} [provider] as there
   * @returns {Promise<void>}
   */
  async loginWithToken(token, provider = Authenticator.DEVELOPMENT_PROVIDER) {
    let given = token;
    if (provider !== Authenticator.DEVELOPMENT_PROVIDER) {
      const { userId, accessToken } = await logIn(this.#server, token, provider);
      given = accessToken;
      this.status = { ...this.status, userID: userId };
    }
    await this.#port.call({ call: 'authenticate', token: given });
  }

  /** There are no passwords: a hook may take one as the token of a provider. */
  async loginWithUsernameAndPassword() {
    throw new HeadwaterError('unsupported', 'a server knows no passwords: login(token, provider)');
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
    const ask = (/** @type {Message} */ event) => handler && callOut(() => handler(this.#ditto, secondsLeft(event)));
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
        this.status = { ...this.status, isAuthenticated };
        callOut(() => callback(this.status));
      }
    });
    callOut(() => callback(this.status));
    return { stop: () => observer.cancel(), cancel: () => observer.cancel() };
  }
}

/**
 * Has an identity's handler log in.
 *
 * @param {AuthenticationHandler} handler
 * @param {Authenticator} authenticator
 * @param {Message} event of the watch `token`
 */
export function askToLogIn(handler, authenticator, event) {
  const seconds = secondsLeft(event);
  return seconds > 0 && handler.authenticationExpiringSoon
    ? handler.authenticationExpiringSoon(authenticator, seconds)
    : handler.authenticationRequired(authenticator);
}

/**
 * Until the token ends; 0 where the server does not take it.
 *
 * @param {Message} event of the watch `token`
 * @returns {number}
 */
function secondsLeft({ remaining_ms: remainingMs }) {
  return Math.ceil((remainingMs ?? 0) / 1000);
}
