// What a write came to, and waiting for the server's word.

import Foundation

/// A write. It is durable here.
public class Written {
  let peer: Peer
  /// The documents that were written.
  public let ids: [Any]
  /// The number of its transaction here; nil if there was nothing to do.
  public let sequence: Int?

  init(peer: Peer, ids: [Any], sequence: Int?) {
    self.peer = peer
    self.ids = ids
    self.sequence = sequence
  }

  /// The document's id: of an upsert there is always one.
  public var id: Any? { ids.first }

  /// Waits until the server has it: the number of its transaction there, if it is known.
  public func committed(timeout: TimeInterval? = nil) async throws -> Int? {
    guard let sequence else { return nil }
    return try await verdict(peer, "committed", timeout, sequence)
  }
}

/// What a statement came to.
public final class Executed: Written {
  /// The rows of a SELECT, or what RETURNING says.
  public let items: [Document]

  init(peer: Peer, answer: Document) {
    items = answer["items"] as? [Document] ?? []
    super.init(peer: peer, ids: answer["mutated"] as? [Any] ?? [], sequence: answer["sequence"] as? Int)
  }

  /// The documents that were written or evicted.
  public var mutatedDocumentIDs: [Any] { ids }
}

/// Waits for the server's word.
func verdict(_ peer: Peer, _ call: String, _ timeout: TimeInterval?, _ sequence: Int? = nil) async throws -> Int? {
  var message: Document = ["call": call]
  message["sequence"] = sequence
  message["timeout_ms"] = timeout.map { Int(max($0, 0) * 1000) }
  return try await peer.callLater(message)["txn"] as? Int
}

func write(_ peer: Peer, _ message: Document) throws -> Written {
  let answer = try peer.call(message)
  return Written(peer: peer, ids: answer["ids"] as? [Any] ?? [], sequence: answer["sequence"] as? Int)
}
