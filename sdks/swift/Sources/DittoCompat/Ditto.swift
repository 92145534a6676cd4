// A peer that is open, by the vendor's names.
//
// Invariants: the name of an app or database is the app at the server; where no server is named it is the one of the
// environment (`HEADWATER_URL`), or of this machine.
// Not here: attachments, presence, transports; logging in (`DittoAuthenticator`).

import Foundation
import Headwater

public typealias DittoSwiftError = HeadwaterError

/// What is opened, in the older way.
public enum DittoIdentity {
  case onlinePlayground(appID: String, token: String, enableDittoCloudSync: Bool = true, customAuthURL: URL? = nil)
  case onlineWithAuthentication(
    appID: String, authenticationDelegate: DittoAuthenticationDelegate, enableDittoCloudSync: Bool = true,
    customAuthURL: URL? = nil)
  case offlinePlayground(appID: String = "")

  func config(_ dir: String) -> Config {
    var config = Config(dir: dir)
    if case .onlinePlayground(let appID, let token, _, let url) = self {
      config.server = serverURL(url)
      config.app = appID.isEmpty ? nil : appID
      config.token = token.isEmpty ? nil : token
    }
    if case .onlineWithAuthentication(let appID, _, _, let url) = self {
      config.server = serverURL(url)
      config.app = appID.isEmpty ? nil : appID
    }
    return config
  }
}

/// What is opened.
public struct DittoConfig {
  public enum Connect {
    case server(url: URL? = nil)
    case smallPeersOnly(privateKey: String? = nil)
  }

  /// The app at the server.
  public var databaseID: String
  public var connect: Connect
  public var persistenceDirectory: URL?

  public init(databaseID: String, connect: Connect = .server(), persistenceDirectory: URL? = nil) {
    self.databaseID = databaseID
    self.connect = connect
    self.persistenceDirectory = persistenceDirectory
  }

  var config: Config {
    var config = Config(dir: persistenceDirectory?.path ?? "ditto-\(databaseID)")
    if case .server(let url) = connect {
      config.server = serverURL(url)
      config.app = databaseID.isEmpty ? nil : databaseID
    }
    return config
  }
}

private func serverURL(_ url: URL?) -> String {
  url?.absoluteString ?? ProcessInfo.processInfo.environment["HEADWATER_URL"] ?? "http://localhost:8080"
}

/// A small peer.
public final class Ditto {
  let headwater: Headwater
  public let store: DittoStore
  public let sync: DittoSync
  /// Logs users in; nil if there is no server.
  public private(set) var auth: DittoAuthenticator?

  /// Opens a peer in the older way. It throws, as the vendor's does not.
  public convenience init(identity: DittoIdentity, persistenceDirectory: URL? = nil) throws {
    try self.init(identity.config(persistenceDirectory?.path ?? "ditto"))
    if case .onlineWithAuthentication(_, let delegate, _, _) = identity {
      auth?.expirationHandler = { [weak delegate] ditto, remaining in
        guard let delegate = delegate, let auth = ditto.auth else { return }
        if remaining > 0 {
          delegate.authenticationExpiringSoon(authenticator: auth, secondsRemaining: Int64(remaining.rounded(.up)))
        } else {
          delegate.authenticationRequired(authenticator: auth)
        }
      }
    }
  }

  private init(_ config: Config) throws {
    headwater = try Headwater(config)
    store = DittoStore(headwater: headwater)
    sync = DittoSync(headwater: headwater, hasServer: config.server != nil)
    auth = config.server == nil ? nil : DittoAuthenticator(ditto: self, sync: headwater.sync)
  }

  /// Opens a peer.
  public static func open(config: DittoConfig) async throws -> Ditto {
    try Ditto(config.config)
  }

  public var isSyncActive: Bool { sync.isActive }
  public func startSync() throws { try sync.start() }
  public func stopSync() { sync.stop() }
  public func close() { headwater.close() }

  /// Nothing: there is one protocol, and there are no licences.
  public func disableSyncWithV3() throws {}
  public func setOfflineOnlyLicenseToken(_ token: String) throws {}
}

/// Sync of a peer.
public final class DittoSync {
  private let headwater: Headwater
  private let hasServer: Bool
  public private(set) var isActive = false

  init(headwater: Headwater, hasServer: Bool) {
    self.headwater = headwater
    self.hasServer = hasServer
  }

  /// A peer without a server has nobody to sync with.
  public func start() throws {
    if hasServer {
      try headwater.startSync()
    }
    isActive = true
  }

  public func stop() {
    isActive = false
    try? headwater.stopSync()  // a peer that is closed does not sync
  }

  public func registerSubscription(query: String, arguments: [String: Any?]? = nil) throws -> DittoSyncSubscription {
    DittoSyncSubscription(try headwater.sync.registerSubscription(query, plain(arguments)), query)
  }
}

/// A subscription: it is stored and outlives the process, until `cancel`.
public final class DittoSyncSubscription {
  private let subscription: Subscription
  public let queryString: String
  public private(set) var isCancelled = false

  init(_ subscription: Subscription, _ query: String) {
    self.subscription = subscription
    queryString = query
  }

  /// Ends it. Its documents stay.
  public func cancel() {
    guard !isCancelled else { return }
    isCancelled = true
    try? subscription.cancel()
  }
}

public typealias DittoSubscription = DittoSyncSubscription

/// Arguments with null where nil stands.
func plain(_ arguments: [String: Any?]?) -> Document? {
  arguments?.mapValues { $0 ?? NSNull() }
}
