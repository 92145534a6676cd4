// Logging in, by the vendor's names. With a provider the server asks the app's login hook; with the one for development the
// token is a key of the server.
//
// Not here: who asks the server (the library).

import Foundation
import Headwater

/// Who gave a token.
public struct DittoAuthenticationProvider: ExpressibleByStringLiteral, Equatable, Sendable {
  public let rawValue: String

  /// Tokens for development: keys of the server.
  public static let development = DittoAuthenticationProvider("__playgroundProvider")

  public init(_ name: String) { rawValue = name }
  public init(stringLiteral name: String) { rawValue = name }
}

/// Logs in, on the thread of callbacks, for `DittoIdentity.onlineWithAuthentication`.
public protocol DittoAuthenticationDelegate: AnyObject {
  /// The server does not take the token, or there is none.
  func authenticationRequired(authenticator: DittoAuthenticator)
  /// The token ends in so many seconds.
  func authenticationExpiringSoon(authenticator: DittoAuthenticator, secondsRemaining: Int64)
}

/// Logs users in.
public final class DittoAuthenticator {
  private weak var ditto: Ditto?
  private let sync: Sync
  private var asked: Observer?

  init(ditto: Ditto, sync: Sync) {
    self.ditto = ditto
    self.sync = sync
  }

  /// Is called whenever the server does not take the token, and a minute before that ends, with the seconds that are left,
  /// and logs in: there is no refresh token. Where it does not, it is called again later.
  public var expirationHandler: ((Ditto, TimeInterval) -> Void)? {
    didSet {
      asked?.cancel()
      // Of a peer that is closed nobody asks.
      asked = try? expirationHandler.map { handler in
        try sync.onTokenWanted { [weak self] remaining in
          if let ditto = self?.ditto {
            handler(ditto, remaining)
          }
        }
      }
    }
  }

  /// Logs in with what a provider gave: an error is `rejected`, `timed_out`, …
  public func login(token: String, provider: DittoAuthenticationProvider) async throws {
    if provider == .development {
      try sync.authenticate(token)
      return
    }
    _ = try await sync.login(token, provider.rawValue)
  }

  /// The same without waiting. What the server says of the client is always nil.
  public func login(
    token: String, provider: DittoAuthenticationProvider, completion: @escaping (String?, DittoSwiftError?) -> Void
  ) {
    Task {
      do {
        try await login(token: token, provider: provider)
        completion(nil, nil)
      } catch {
        completion(nil, error as? DittoSwiftError ?? DittoSwiftError(.internal, "\(error)"))
      }
    }
  }

  /// Ends sync. What is here stays, unless `cleanUp` evicts it.
  public func logout(cleanUp: ((Ditto) -> Void)? = nil) {
    guard let ditto = ditto else { return }
    ditto.stopSync()
    cleanUp?(ditto)
  }
}
