/**
 * A peer that is open, by the vendor's names.
 */
import { callOut } from '../errors.js';
import { observe } from '../observer.js';
import { lazyPort } from '../lazy-port.js';
import { platform } from '../port.js';
import { Authenticator, askToLogIn } from './auth.js';
import { messageOfConfig, messageOfIdentity } from './config.js';
import { Presence } from './presence.js';
import { Store } from './store.js';
import { Sync } from './sync.js';
import { TransportConfig } from './transport.js';

/** @typedef {import('../port.js').Port} Port */
/** @typedef {import('../port.js').Message} Message */

/** Loads what must be loaded before a peer is opened; in Node.js nothing must. */
export async function init() {
  await platform().init?.();
}

/** A port that was opened, and of what. */
class Opened {
  /**
   * @param {Port} port
   * @param {Message} config
   * @param {string} appID
   */
  constructor(port, config, appID) {
    this.port = port;
    this.config = config;
    this.appID = appID;
  }
}

/** A small peer. */
export class Ditto {
  /** The version of the package. */
  static VERSION = '0.1.0';

  #port;
  #isClosed = false;

  /**
   * Opens a peer in the older way. In Node.js it is open when it is made, or an error was thrown; in a browser its calls
   * wait until it is.
   *
   * @param {import('./config.js').Identity} identity
   * @param {string} [path] the folder; in a browser the name of the store
   */
  constructor(identity, path = 'ditto') {
    const opened = /** @type {unknown} */ (identity) instanceof Opened
      ? /** @type {Opened} */ (/** @type {unknown} */ (identity)) : openIdentity(identity, path);
    const { port, config } = opened;
    const server = /** @type {string | undefined} */ (config.server);
    this.#port = port;
    /** The app at the server. */
    this.appID = opened.appID;
    /** The folder. */
    this.path = this.persistenceDirectory = this.absolutePersistenceDirectory = config.dir;
    this.deviceName = 'headwater';
    this.transportConfig = new TransportConfig();
    this.store = new Store(port);
    this.sync = new Sync(port, server !== undefined);
    this.auth = new Authenticator(port, this, { url: server, app: /** @type {string | undefined} */ (config.app) });
    this.presence = new Presence(port, this);
    const handler = opened === /** @type {unknown} */ (identity) ? undefined : identity.authHandler;
    if (handler) {
      observe(port, { watch: 'token' }, (event) => callOut(() => askToLogIn(handler, this.auth, event)));
    }
  }

  /**
   * Opens a peer.
   *
   * @param {import('./config.js').DittoConfig} config
   */
  static async open(config) {
    const message = messageOfConfig(config);
    const port = await platform().openPort(message);
    return new Ditto(/** @type {any} */ (new Opened(port, message, config.databaseID)));
  }

  /** Whether sync was started. */
  get isSyncActive() {
    return this.sync.isActive;
  }

  /** Whether it may sync; it always may. */
  get isActivated() {
    return true;
  }

  /** Whether it was closed. */
  get isClosed() {
    return this.#isClosed;
  }

  /** As `sync.start`. */
  startSync() {
    this.sync.start();
  }

  /** As `sync.stop`. */
  stopSync() {
    this.sync.stop();
  }

  /** Closes the peer, and waits until its files are closed. */
  async close() {
    this.#isClosed = true;
    await this.#port.close();
  }

  /** Nothing: there are no licences. */
  setOfflineOnlyLicenseToken() {}

  /** Nothing: there is one protocol. */
  async disableSyncWithV3() {}

  /** Nothing: there is one protocol. */
  async disableSyncWithV2() {}

  /** Nothing: the store cleans up by itself. */
  async runGarbageCollection() {}

  /**
   * Lets an app say something of transports, which means nothing here.
   *
   * @param {(config: TransportConfig) => unknown} update
   */
  updateTransportConfig(update) {
    const config = this.transportConfig.copy();
    update(config);
    this.transportConfig = config;
  }

  /**
   * The same with a whole configuration.
   *
   * @param {TransportConfig} config
   */
  setTransportConfig(config) {
    this.transportConfig = config;
  }

  /**
   * Nobody is ever called: a peer's one transport has no conditions.
   *
   * @param {(condition: string, source: string) => unknown} _callback
   */
  observeTransportConditions(_callback) {
    return { stop() {}, cancel() {} };
  }

  /**
   * The older `presence.observe`: peers do not know of each other.
   *
   * @param {(peers: import('./presence.js').Peer[]) => unknown} callback
   */
  observePeers(callback) {
    return this.presence.observe((graph) => callback(graph.remotePeers));
  }
}

/**
 * @param {import('./config.js').Identity} identity
 * @param {string} path
 */
function openIdentity(identity, path) {
  const config = messageOfIdentity(identity, path);
  const { openPort, openPortNow } = platform();
  const port = openPortNow ? openPortNow(config) : lazyPort(openPort(config));
  return new Opened(port, config, identity.appID ?? '');
}
