// Writes that are committed together, or not at all.
//
// Invariants: nothing of other writers comes between the calls of a transaction; if its function throws, nothing of it
// was done.

/// A transaction in the making. Its reads see what it has written.
public struct Transaction {
  let peer: Peer
  let number: Int

  public func collection(_ name: String) -> TransactionCollection {
    TransactionCollection(peer: peer, number: number, name: name)
  }

  /// Runs a statement of DQL: the rows of a SELECT, or what RETURNING says.
  public func execute(_ statement: String, _ arguments: Document? = nil) throws -> Executed {
    var message: Document = ["call": "execute", "statement": statement, "transaction": number]
    message["args"] = arguments
    return Executed(peer: peer, answer: try peer.call(message))
  }
}

/// A collection in a transaction.
public struct TransactionCollection {
  let peer: Peer
  let number: Int
  public let name: String

  /// As `Collection.upsert`: the document's id.
  public func upsert(_ document: Document) throws -> Any {
    let message: Document = ["call": "upsert", "collection": name, "value": document, "transaction": number]
    guard let id = try peer.call(message)["id"] else { throw HeadwaterError(.internal, "an upsert has no id") }
    return id
  }

  public func findByID(_ id: Any) throws -> Document? {
    try found(peer, ["collection": name, "id": id], number).first
  }

  /// The documents that match a condition of the legacy query language.
  public func find(_ query: String = "true", _ arguments: Document? = nil) throws -> [Document] {
    var request: Document = ["collection": name, "query": query]
    request["args"] = arguments
    return try found(peer, request, number)
  }

  /// Whether the document is there.
  public func update(_ id: Any, _ changes: [Change]) throws -> Bool {
    let changes = changes.map(\.message)
    return try wrote(["call": "update", "collection": name, "id": id, "changes": changes, "transaction": number])
  }

  /// Whether the document was there.
  public func remove(_ id: Any) throws -> Bool {
    try wrote(["call": "remove", "collection": name, "id": id, "transaction": number])
  }

  private func wrote(_ message: Document) throws -> Bool {
    !(try peer.call(message)["ids"] as? [Any] ?? []).isEmpty
  }
}

/// Runs `run` with the number of a transaction, which is committed then, or rolled back if it throws.
func inTransaction<Result>(_ peer: Peer, _ run: (Int) throws -> Result) throws -> (value: Result, written: Written) {
  guard let number = try peer.call(["call": "begin"])["transaction"] as? Int else {
    throw HeadwaterError(.internal, "a transaction has no number")
  }
  let value: Result
  do {
    value = try run(number)
  } catch {
    // It may have ended by itself: the peer was closed, or nothing came of it for too long.
    _ = try? peer.call(["call": "rollback", "transaction": number])
    throw error
  }
  return (value, try write(peer, ["call": "commit", "transaction": number]))
}

/// The documents that are meant: by an `id`, or by what `find` takes.
func found(_ peer: Peer, _ which: Document, _ transaction: Int?) throws -> [Document] {
  var message = which
  message["call"] = which["id"] == nil ? "find" : "find_by_id"
  message["transaction"] = transaction
  let answer = try peer.call(message)
  return answer["documents"] as? [Document] ?? (answer["document"] as? Document).map { [$0] } ?? []
}

/// Has `change` change the documents that are meant, and writes what it changed: the documents with their changes.
@discardableResult
func updateWith(
  _ peer: Peer, _ which: Document, _ transaction: Int, _ change: ([MutableDocument]) throws -> Void
) throws -> [MutableDocument] {
  let documents = try found(peer, which, transaction).map(MutableDocument.init)
  try change(documents)
  for document in documents where !document.changes.isEmpty {
    var message: Document = ["call": "update", "transaction": transaction, "changes": document.changes.map(\.message)]
    message["collection"] = which["collection"]
    message["id"] = document.id
    _ = try peer.call(message)
  }
  return documents
}
