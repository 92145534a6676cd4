/**
 * What apps say of transports, by the vendor's names. It is kept and means nothing: a peer has one connection, to the
 * server that it was opened with.
 */

/** How peers would find each other. */
export class TransportConfig {
  peerToPeer = {
    bluetoothLE: { isEnabled: false },
    awdl: { isEnabled: false },
    lan: { isEnabled: false, isMdnsEnabled: false, isMulticastEnabled: false },
    wifiAware: { isEnabled: false },
  };

  connect = { tcpServers: /** @type {string[]} */ ([]), websocketURLs: /** @type {string[]} */ ([]), retryInterval: 5000 };

  listen = {
    tcp: { isEnabled: false, interfaceIP: '[::]', port: 4040 },
    http: { isEnabled: false, interfaceIP: '[::]', port: 80, websocketSync: true },
  };

  global = { syncGroup: 0, routingHint: 0 };

  /**
   * @param {boolean} isEnabled
   */
  setAllPeerToPeerEnabled(isEnabled) {
    for (const transport of Object.values(this.peerToPeer)) {
      transport.isEnabled = isEnabled;
    }
  }

  /**
   * @param {boolean} isEnabled
   */
  setAvailablePeerToPeerEnabled(isEnabled) {
    this.setAllPeerToPeerEnabled(isEnabled);
  }

  /** Itself. */
  freeze() {
    return this;
  }

  /** Another one that says the same. */
  copy() {
    const { peerToPeer, connect, listen, global } = this;
    return Object.assign(new TransportConfig(), structuredClone({ peerToPeer, connect, listen, global }));
  }
}
