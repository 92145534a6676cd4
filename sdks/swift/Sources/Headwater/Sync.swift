// Sync with the server: subscriptions, and what became of local writes.

import Foundation

/// Sync of a peer.
public struct Sync {
  let peer: Peer

  /// Connects, and connects again whenever the connection is lost. It is done before there is a connection.
  public func start() throws { _ = try peer.call(["call": "start_sync"]) }

  /// Ends the connection. Local work goes on.
  public func stop() throws { _ = try peer.call(["call": "stop_sync"]) }

  /// Subscribes to a collection, or a part of it: `SELECT * FROM … [WHERE …]`.
  public func registerSubscription(_ statement: String, _ arguments: Document? = nil) throws -> Subscription {
    var message: Document = ["call": "register_subscription", "statement": statement]
    message["args"] = arguments
    return Subscription(peer: peer, number: try peer.call(message)["subscription"] as? Int ?? 0)
  }

  /// Where sync stands: stopped, connecting, catching_up, live, waiting, needs_token or refused.
  public func state() throws -> String { try peer.call(["call": "state"])["state"] as? String ?? "" }

  /// How many local transactions the server has said nothing of.
  public func pending() throws -> Int { try peer.call(["call": "state"])["pending"] as? Int ?? 0 }

  /// Why it does not sync, for people, if something is wrong.
  public func lastError() throws -> String? { try peer.call(["call": "state"])["last_error"] as? String }

  /// Calls `callback` with where sync stands, now and whenever it stands elsewhere.
  public func observeState(_ callback: @escaping (String) -> Void) throws -> Observer {
    try peer.watch(["watch": "state"]) { callback($0["state"] as? String ?? "") }
  }

  /// Waits until the server has said of everything that is pending now whether it takes it: the newest transaction that
  /// it made of writes from here, if one is known.
  public func flushed(timeout: TimeInterval? = nil) async throws -> Int? {
    try await verdict(peer, "flushed", timeout)
  }

  /// Waits until the server has a write, by its `sequence`.
  public func committed(_ sequence: Int, timeout: TimeInterval? = nil) async throws -> Int? {
    try await verdict(peer, "committed", timeout, sequence)
  }

  /// The writes that the server refused, the oldest first, as far as they are kept.
  public func rejected() throws -> [Rejected] {
    (try peer.call(["call": "rejected"])["rejected"] as? [Document] ?? []).map(Rejected.init)
  }

  /// Calls `callback` with each write that the server refuses, from now on.
  public func onRejected(_ callback: @escaping (Rejected) -> Void) throws -> Observer {
    try peer.watch(["watch": "rejected"]) { callback(Rejected($0["rejected"] as? Document ?? [:])) }
  }

  /// A refused write was seen to, and need not be kept.
  public func forgetRejected(_ sequence: Int) throws {
    _ = try peer.call(["call": "forget_rejected", "sequence": sequence])
  }

  /// A newer token.
  public func authenticate(_ token: String) throws { _ = try peer.call(["call": "authenticate", "token": token]) }

  /// Logs in with what a provider gave: the server asks the app's login hook, and its token is used from now on. When that
  /// ends, the source of tokens is asked: there is no refresh token. An error is `rejected`, `timed_out` or `no_server`.
  public func login(_ token: String, _ provider: String) async throws -> Login {
    Login(try await peer.callLater(["call": "login", "token": token, "provider": provider]))
  }

  /// Has `source` give a newer token, as long as somebody holds what this gives. It may log in, and give none.
  public func tokenSource(_ source: @escaping () -> String?) throws -> Observer {
    try onTokenWanted { _ in
      if let token = source() {
        try? authenticate(token)  // of a peer that is closed nobody asks
      }
    }
  }

  /// Calls `callback` where a source of tokens would be asked, with how long the server takes the token yet, which is 0
  /// where it takes none.
  public func onTokenWanted(_ callback: @escaping (TimeInterval) -> Void) throws -> Observer {
    try peer.watch(["watch": "token"]) { callback(Double($0["remaining_ms"] as? Int ?? 0) / 1000) }
  }
}

/// A user who has logged in.
public struct Login {
  /// Who it is, as the app's login hook says.
  public let userID: String
  /// When the server's token ends.
  public let expires: Date

  init(_ message: Document) {
    userID = message["userId"] as? String ?? ""
    expires = ISO8601DateFormatter().date(from: message["expires"] as? String ?? "") ?? .distantPast
  }
}

/// A write that the server refused.
public struct Rejected {
  /// The number of its transaction here.
  public let sequence: Int
  /// What the server says of it.
  public let why: String
  /// Those that it would have written: each its `collection` and `id`.
  public let documents: [Document]
  /// What upserts in it would have written: each its `collection` and `value`. It is nowhere else.
  public let values: [Document]

  init(_ message: Document) {
    sequence = message["sequence"] as? Int ?? 0
    why = message["why"] as? String ?? ""
    documents = message["documents"] as? [Document] ?? []
    values = message["values"] as? [Document] ?? []
  }
}

/// A subscription: it is stored and outlives this value and the process, until `cancel`.
public struct Subscription {
  let peer: Peer
  let number: Int

  /// Ends it. Its documents stay.
  public func cancel() throws { _ = try ask("cancel_subscription") }

  /// Whether all its documents are here.
  public func isComplete() throws -> Bool { try ask("subscription")["complete"] as? Bool ?? false }

  /// Why the server does not take it, if it does not.
  public func refused() throws -> String? { try ask("subscription")["refused"] as? String }

  private func ask(_ call: String) throws -> Document { try peer.call(["call": call, "subscription": number]) }
}
