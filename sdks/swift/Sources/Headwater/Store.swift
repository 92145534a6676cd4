// The documents of a peer: statements, observers, transactions, and the way to collections.

/// The documents of a peer.
public struct Store {
  let peer: Peer

  /// A collection; it is there once it has a document.
  public func collection(_ name: String) -> Collection {
    Collection(peer: peer, name: name)
  }

  /// Runs a statement of DQL: SELECT, INSERT, UPDATE, DELETE or EVICT. `arguments` is what `:name` stands for.
  public func execute(_ statement: String, _ arguments: Document? = nil) throws -> Executed {
    Executed(peer: peer, answer: try peer.call(message("call", "execute", statement, arguments)))
  }

  /// The same without a thread that waits.
  public func execute(_ statement: String, _ arguments: Document? = nil) async throws -> Executed {
    Executed(peer: peer, answer: try await peer.callLater(message("call", "execute", statement, arguments)))
  }

  /// Everything that `write` does with what it is given is one transaction, here and at the server: all of it or, if it
  /// throws, nothing. While it runs nothing else is written or synced, so it should be short.
  public func transaction<Result>(_ write: (Transaction) throws -> Result) throws -> (value: Result, written: Written) {
    try inTransaction(peer) { try write(Transaction(peer: peer, number: $0)) }
  }

  /// Calls `callback` with what a SELECT gives now, and again whenever that may be something else, on the library's
  /// thread. A result that cannot be had goes to `onError`.
  public func registerObserver(
    _ statement: String, _ arguments: Document? = nil, onError: ((HeadwaterError) -> Void)? = nil,
    _ callback: @escaping ([Document]) -> Void
  ) throws -> Observer {
    try peer.watch(message("watch", "select", statement, arguments), onError: onError) {
      callback($0["items"] as? [Document] ?? [])
    }
  }

  /// The same as a stream, of which whoever looks late sees the newest.
  public func observe(_ statement: String, _ arguments: Document? = nil) throws -> AsyncStream<[Document]> {
    try stream { try registerObserver(statement, arguments, $0) }
  }

  private func message(_ kind: String, _ name: String, _ statement: String, _ arguments: Document?) -> Document {
    var message: Document = [kind: name, "statement": statement]
    message["args"] = arguments
    return message
  }
}

/// What an observer tells as a stream. It ends the observer.
func stream<Element>(_ observe: (@escaping (Element) -> Void) throws -> Observer) throws -> AsyncStream<Element> {
  var told: AsyncStream<Element>.Continuation!
  let stream = AsyncStream<Element>(bufferingPolicy: .bufferingNewest(1)) { told = $0 }
  let continuation = told!
  let observer = try observe { continuation.yield($0) }
  continuation.onTermination = { _ in observer.cancel() }
  return stream
}
