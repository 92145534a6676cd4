// A peer that is open, and how it is opened.
//
// Invariants: a peer is open as long as its Headwater; what was made of it may outlive it, and is `closed` then.

/// How a peer is opened.
public struct Config {
  /// The folder of the peer.
  public var dir: String
  /// Where the server is: `https://host` or `http://host`, with a port if it is another one.
  public var server: String?
  /// Which app of the server; its default one if none is named.
  public var app: String?
  /// A key of the server.
  public var token: String?
  /// Who gives a newer one: asked when the server does not take the old one, and a minute before that ends.
  public var tokenSource: (() -> String?)?
  /// In PEM, of servers that made their own.
  public var caCertificates: [String]?
  /// DQL's strict mode.
  public var strict = false
  /// Writes return before they are durable: a kill may take those of the last 100 ms.
  public var relaxed = false

  public init(dir: String, server: String? = nil) {
    self.dir = dir
    self.server = server
  }

  var message: Document {
    var message: Document = ["abi": abi, "dir": dir, "sdk": "swift", "strict": strict, "relaxed": relaxed]
    message["server"] = server
    message["app"] = app
    message["token"] = token
    message["ca_certificates"] = caCertificates
    return message
  }
}

/// A small peer that is open. It is closed when nobody holds it any more.
public final class Headwater {
  let peer: Peer
  /// Its documents.
  public let store: Store
  /// Subscriptions, and what became of writes.
  public let sync: Sync
  private var token: Observer?

  /// Opens the peer, or makes a new one. No network is needed, and sync is stopped at first.
  public init(_ config: Config) throws {
    peer = try Peer.open(config.message)
    store = Store(peer: peer)
    sync = Sync(peer: peer)
    token = try config.tokenSource.map(sync.tokenSource)
  }

  /// The same.
  public static func open(_ config: Config) throws -> Headwater {
    try Headwater(config)
  }

  deinit {
    close()
  }

  /// Connects, and connects again whenever the connection is lost. It is done before there is a connection.
  public func startSync() throws {
    try sync.start()
  }

  /// Ends the connection. Local work goes on.
  public func stopSync() throws {
    try sync.stop()
  }

  /// Closes the peer, and waits until its files are closed. Whatever is asked of it from then on is `closed`.
  public func close() {
    peer.close()
  }

  /// What the library is.
  public func info() throws -> (abi: Int, version: String) {
    let info = try peer.call(["call": "info"])
    return (info["abi"] as? Int ?? 0, info["version"] as? String ?? "")
  }
}

/// One who is called, until `cancel`, or until nobody holds it, or until the peer is closed.
public final class Observer {
  private let peer: Peer
  private let watch: UInt64
  public private(set) var isCancelled = false

  init(peer: Peer, watch: UInt64) {
    self.peer = peer
    self.watch = watch
  }

  deinit {
    peer.unwatch(watch)
  }

  /// Ends it: after this has returned its callback does not run.
  public func cancel() {
    isCancelled = true
    peer.unwatch(watch)
  }
}
