/**
 * A peer that is open, and how it is opened.
 */
import { HeadwaterError } from './errors.js';
import { platform } from './port.js';
import { Store } from './store.js';
import { Sync } from './sync.js';

/** Which list of calls this package knows (`sdks/calls.json`). */
const ABI = 1;

/**
 * How a peer is opened.
 *
 * @typedef {object} Config
 * @property {string} [dir] the folder of the peer; in a browser the name of the store
 * @property {string} [server] where the server is: `https://host` or `http://host`, with a port if it is another one
 * @property {string} [app] which app there; its default one if none is named
 * @property {string} [token] a key of the server
 * @property {() => string | undefined | Promise<string | undefined>} [tokenSource] who gives a newer one
 * @property {string[]} [caCertificates] PEM, of servers that made their own
 * @property {boolean} [strict] DQL's strict mode
 * @property {boolean} [relaxed] writes return before they are durable: a kill may take those of the last 100 ms
 */

const NAMES = ['dir', 'server', 'app', 'token', 'tokenSource', 'caCertificates', 'strict', 'relaxed'];

/** A small peer that is open. */
export class Headwater {
  #port;

  /**
   * @param {import('./port.js').Port} port
   * @param {import('./login.js').LoginServer} [server] where to log in
   */
  constructor(port, server) {
    this.#port = port;
    /** Its documents. */
    this.store = new Store(port);
    /** Subscriptions, and what became of writes. */
    this.sync = new Sync(port, server);
  }

  /**
   * Opens the peer, or makes a new one. No network is needed, and sync is stopped at first.
   *
   * @param {Config} config
   */
  static async open(config) {
    const headwater = new Headwater(
      await platform().openPort(configMessage(config)), { url: config?.server, app: config?.app },
    );
    if (config.tokenSource) {
      headwater.sync.tokenSource(config.tokenSource);
    }
    return headwater;
  }

  /**
   * Connects, and connects again whenever the connection is lost, until `stopSync`. It is done before there is a
   * connection.
   */
  async startSync() {
    await this.sync.start();
  }

  /** Ends the connection. Local work goes on. */
  async stopSync() {
    await this.sync.stop();
  }

  /** Closes the peer, and waits until its files are closed. Whatever is asked of it from then on is `closed`. */
  async close() {
    await this.#port.close();
  }

  /** The same, for `await using`. */
  async [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    await this.close();
  }

  /**
   * What the library is.
   *
   * @returns {Promise<{abi: number, version: string}>}
   */
  async info() {
    return this.#port.call({ call: 'info' });
  }
}

/**
 * A configuration as a message.
 *
 * @param {Config} config
 * @returns {import('./port.js').Message}
 */
export function configMessage(config) {
  const unknown = Object.keys(config ?? {}).find((name) => !NAMES.includes(name));
  if (unknown !== undefined) {
    throw new HeadwaterError('unsupported', `there is no option ${JSON.stringify(unknown)}; there are ${NAMES.join(', ')}`);
  }
  const { dir, server, app, token, caCertificates, strict, relaxed } = config ?? {};
  return { abi: ABI, dir, server, app, token, ca_certificates: caCertificates, strict, relaxed, sdk: 'js' };
}
