// The error codes: what `HeadwaterError.code` may be.
// Made of sdks/calls.json by `cargo xtask sdk generate`. Texts never change.

/// A code, by the text that messages have. One that a newer library has stays text.
public struct Code: RawRepresentable, Hashable, Sendable {
  public let rawValue: String

  public init(rawValue: String) {
    self.rawValue = rawValue
  }

  /// The peer is closed.
  public static let closed = Code(rawValue: "closed")
  /// A message is none: its bytes, a name, a type, what is missing or too much.
  public static let invalidMessage = Code(rawValue: "invalid_message")
  /// This library does not know the call, the option or the list of calls.
  public static let unsupported = Code(rawValue: "unsupported")
  /// Another process has the folder open.
  public static let inUse = Code(rawValue: "in_use")
  /// The folder cannot be opened or made.
  public static let openFailed = Code(rawValue: "open_failed")
  /// What is stored is damaged, or a newer program's.
  public static let damaged = Code(rawValue: "damaged")
  /// The store cannot be read or written: a full disk or quota, say; nothing of the write is there.
  public static let storeFailed = Code(rawValue: "store_failed")
  /// A statement, a query or its arguments are none.
  public static let invalidQuery = Code(rawValue: "invalid_query")
  /// A query would take too long or too much memory.
  public static let tooExpensive = Code(rawValue: "too_expensive")
  /// A value can be no document, id, path, name or change.
  public static let invalidValue = Code(rawValue: "invalid_value")
  /// An INSERT of a document that is there.
  public static let exists = Code(rawValue: "exists")
  /// What a peer does not do: write a system collection, make an index.
  public static let notAllowed = Code(rawValue: "not_allowed")
  /// A document or transaction that would not fit into a frame.
  public static let tooLarge = Code(rawValue: "too_large")
  /// Too much waits for the server: sync first.
  public static let pendingFull = Code(rawValue: "pending_full")
  /// More observers or subscriptions than there may be.
  public static let tooMany = Code(rawValue: "too_many")
  /// Sync or a login was asked for, and no server is named.
  public static let noServer = Code(rawValue: "no_server")
  /// The URL of the server, its app or a certificate is none.
  public static let invalidServer = Code(rawValue: "invalid_server")
  /// The server refused the write, which is among the rejected ones, or the login.
  public static let rejected = Code(rawValue: "rejected")
  /// Nothing came within the time; it may still come.
  public static let timedOut = Code(rawValue: "timed_out")
  /// A call within a transaction that would wait for itself.
  public static let inTransaction = Code(rawValue: "in_transaction")
  /// There is no such transaction, or it was ended because nothing came of it.
  public static let noTransaction = Code(rawValue: "no_transaction")
  /// A fault of the library; what was durable is there.
  public static let `internal` = Code(rawValue: "internal")
  /// The browser's tab that had the store went away; whether a write is there is not known.
  public static let interrupted = Code(rawValue: "interrupted")
  /// The server has no such attachment, or not for this user.
  public static let notFound = Code(rawValue: "not_found")
}
