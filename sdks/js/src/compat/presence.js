/**
 * Who is there, by the vendor's names: this peer and whether it has the server. Peers do not know of each other.
 */
import { callOut } from '../errors.js';
import { observe } from '../observer.js';

/**
 * @typedef {object} Peer
 * @property {string} peerKey
 * @property {string} peerKeyString
 * @property {string} deviceName
 * @property {string} os
 * @property {boolean} isConnectedToDittoCloud whether it has the server
 * @property {boolean} isConnectedToDittoServer the same
 * @property {boolean} isCompatible
 * @property {object[]} connections
 * @property {object} peerMetadata
 * @property {object} identityServiceMetadata
 *
 * @typedef {{localPeer: Peer, remotePeers: Peer[]}} PresenceGraph
 */

/** Who is there. */
export class Presence {
  #port;
  #ditto;
  #isConnected = false;
  #peerMetadata = {};

  /**
   * @param {import('../port.js').Port} port
   * @param {import('./ditto.js').Ditto} ditto
   */
  constructor(port, ditto) {
    this.#port = port;
    this.#ditto = ditto;
  }

  /**
   * Who is there now, as far as an observer has told.
   *
   * @returns {PresenceGraph}
   */
  get graph() {
    const localPeer = {
      peerKey: 'local', peerKeyString: 'local', deviceName: this.#ditto.deviceName, os: 'unknown',
      isConnectedToDittoCloud: this.#isConnected, isConnectedToDittoServer: this.#isConnected, isCompatible: true,
      connections: [], peerMetadata: this.#peerMetadata, identityServiceMetadata: {},
    };
    return { localPeer, remotePeers: [] };
  }

  /** What this peer says of itself; nobody else sees it. */
  get peerMetadata() {
    return this.#peerMetadata;
  }

  /**
   * @param {object} peerMetadata
   */
  async setPeerMetadata(peerMetadata) {
    this.#peerMetadata = peerMetadata;
  }

  /**
   * Calls `callback` with who is there, now and whenever the server comes or goes.
   *
   * @param {(graph: PresenceGraph) => unknown} callback
   */
  observe(callback) {
    let isFirst = true;
    const observer = observe(this.#port, { watch: 'state' }, ({ state }) => {
      const isConnected = state === 'live' || state === 'catching_up';
      if (isFirst || isConnected !== this.#isConnected) {
        isFirst = false;
        this.#isConnected = isConnected;
        callOut(() => callback(this.graph));
      }
    });
    return { stop: () => observer.cancel(), cancel: () => observer.cancel() };
  }
}
