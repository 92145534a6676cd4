/**
 * The vendor's ways to say what is opened: configurations, and the older identities.
 *
 * Invariants: the name of an app or database is the app at the server; where no server is named it is the one of the
 * environment, or of this machine.
 */
import { HeadwaterError } from '../errors.js';
import { configMessage } from '../headwater.js';
import { platform } from '../port.js';

/** Where `headwater serve` listens if it is not told otherwise. */
const LOOPBACK = 'http://localhost:8080';

/**
 * @typedef {{mode: 'server', url?: string} | {mode: 'smallPeersOnly', privateKey?: string}} DittoConfigConnect
 *
 * @typedef {object} Identity
 * @property {'onlinePlayground' | 'onlineWithAuthentication' | 'offlinePlayground' | 'development'} type
 * @property {string} [appID]
 * @property {string} [token]
 * @property {string} [customAuthURL]
 * @property {boolean} [enableDittoCloudSync] the vendor's cloud is not there, whether it is wanted or not
 * @property {import('./auth.js').AuthenticationHandler} [authHandler]
 */

/** What is opened. */
export class DittoConfig {
  /**
   * @param {string} databaseID the app at the server
   * @param {DittoConfigConnect} [connect]
   * @param {string} [persistenceDirectory] the folder; in a browser the name of the store
   */
  constructor(databaseID, connect = { mode: 'server' }, persistenceDirectory) {
    this.databaseID = databaseID;
    this.connect = connect;
    this.persistenceDirectory = persistenceDirectory;
    /** DQL's strict mode. */
    this.strict = false;
    /** @type {string[] | undefined} PEM, of servers that made their own certificates */
    this.caCertificates = undefined;
  }
}

/**
 * A configuration as a message.
 *
 * @param {DittoConfig} config
 */
export function messageOfConfig(config) {
  const { databaseID, connect, persistenceDirectory, strict, caCertificates } = config;
  const dir = persistenceDirectory ?? `ditto-${databaseID}`;
  if (connect.mode === 'smallPeersOnly') {
    return configMessage({ dir, strict });
  }
  if (connect.mode !== 'server') {
    throw new HeadwaterError('unsupported', `there is no mode ${shown(/** @type {any} */ (connect).mode)} to connect`);
  }
  return configMessage({ dir, server: serverOf(connect.url), app: databaseID || undefined, strict, caCertificates });
}

/**
 * An older identity as a message.
 *
 * @param {Identity} identity
 * @param {string} dir
 */
export function messageOfIdentity(identity, dir) {
  switch (identity.type) {
    case 'onlinePlayground':
    case 'onlineWithAuthentication': {
      const server = serverOf(identity.customAuthURL);
      return configMessage({ dir, server, app: identity.appID || undefined, token: identity.token || undefined });
    }
    case 'offlinePlayground':
    case 'development':
      return configMessage({ dir });
    default:
      throw new HeadwaterError('unsupported', `there is no identity ${shown(/** @type {any} */ (identity)?.type)} here: `
        + 'onlinePlayground and onlineWithAuthentication have a server, offlinePlayground and development have none');
  }
}

/**
 * @param {string | undefined} url
 */
function serverOf(url) {
  return url || platform().serverUrl?.() || LOOPBACK;
}

/**
 * @param {unknown} value
 */
function shown(value) {
  return JSON.stringify(value) ?? 'undefined';
}
