// Statements, their observers and write transactions, by the vendor's names.

import Foundation
import Headwater

/// The documents of a peer.
public final class DittoStore {
  private let headwater: Headwater

  init(headwater: Headwater) {
    self.headwater = headwater
  }

  public func collection(_ name: String) -> DittoCollection {
    DittoCollection(headwater.store.collection(name))
  }

  public subscript(name: String) -> DittoCollection { collection(name) }

  /// Runs a statement of DQL.
  @discardableResult
  public func execute(query: String, arguments: [String: Any?]? = nil) async throws -> DittoQueryResult {
    let executed: Executed = try await headwater.store.execute(query, plain(arguments))
    return DittoQueryResult(items: executed.items, mutated: executed.mutatedDocumentIDs)
  }

  /// Calls `handler` with what a SELECT gives now, and again whenever that may be something else.
  public func registerObserver(
    query: String, arguments: [String: Any?]? = nil, deliverOn queue: DispatchQueue = .main,
    handler: @escaping (DittoQueryResult) -> Void
  ) throws -> DittoStoreObserver {
    let observer = DittoStoreObserver(query)
    observer.observer = try headwater.store.registerObserver(query, plain(arguments)) { items in
      queue.async { [weak observer] in
        if observer?.isCancelled == false {
          handler(DittoQueryResult(items: items, mutated: []))
        }
      }
    }
    return observer
  }

  /// What `write` does with the collections of what it is given is one transaction.
  @discardableResult
  public func write(_ write: (DittoWriteTransaction) throws -> Void) throws -> [DittoWriteTransactionResult] {
    let results = WriteResults()
    _ = try headwater.store.transaction { try write(DittoWriteTransaction(transaction: $0, results: results)) }
    return results.all
  }
}

/// What a statement came to.
public struct DittoQueryResult {
  public let items: [DittoQueryResultItem]
  private let mutated: [Any]

  init(items: [Document], mutated: [Any]) {
    self.items = items.map(DittoQueryResultItem.init)
    self.mutated = mutated
  }

  /// The documents that were written or evicted.
  public func mutatedDocumentIDs() -> [DittoDocumentID] { mutated.map(DittoDocumentID.init(value:)) }
}

/// A row. It is always in memory.
public struct DittoQueryResultItem {
  public let value: [String: Any?]

  init(_ value: Document) {
    self.value = value
  }

  public func jsonString() -> String {
    let bytes = try? JSONSerialization.data(withJSONObject: value.mapValues { $0 ?? NSNull() })
    return bytes.flatMap { String(data: $0, encoding: .utf8) } ?? "{}"
  }
}

/// One who is told of a result, as long as somebody holds it and it is not cancelled.
public final class DittoStoreObserver {
  fileprivate var observer: Observer?
  public let queryString: String
  public private(set) var isCancelled = false

  fileprivate init(_ query: String) {
    queryString = query
  }

  public func cancel() {
    isCancelled = true
    observer?.cancel()
  }
}

/// What was written of a document.
public enum DittoWriteTransactionResult {
  case inserted(id: DittoDocumentID, collection: String)
  case updated(id: DittoDocumentID, collection: String)
  case removed(id: DittoDocumentID, collection: String)
}

final class WriteResults {
  var all: [DittoWriteTransactionResult] = []
}

/// Writes that are committed together, or not at all.
public struct DittoWriteTransaction {
  let transaction: Transaction
  let results: WriteResults

  public func scoped(toCollectionNamed name: String) -> DittoScopedWriteTransaction {
    DittoScopedWriteTransaction(collection: transaction.collection(name), results: results)
  }

  public subscript(name: String) -> DittoScopedWriteTransaction { scoped(toCollectionNamed: name) }
}

/// A collection in a write transaction.
public struct DittoScopedWriteTransaction {
  let collection: TransactionCollection
  let results: WriteResults

  @discardableResult
  public func upsert(_ content: [String: Any?]) throws -> DittoDocumentID {
    let id = DittoDocumentID(value: try collection.upsert(plain(content) ?? [:]))
    results.all.append(.inserted(id: id, collection: collection.name))
    return id
  }

  public func findByID(_ id: Any) -> DittoWriteTransactionPendingIDSpecificOperation {
    DittoWriteTransactionPendingIDSpecificOperation(
      collection: collection, results: results, id: DittoDocumentID(value: id))
  }
}

/// A document in a write transaction.
public struct DittoWriteTransactionPendingIDSpecificOperation {
  let collection: TransactionCollection
  let results: WriteResults
  let id: DittoDocumentID

  public func exec() throws -> DittoDocument? { try collection.findByID(id.value).map(DittoDocument.init) }

  /// Has `change` change the document, which is nil if there is none.
  public func update(_ change: (DittoMutableDocument?) -> Void) throws {
    guard let found = try collection.findByID(id.value) else { return change(nil) }
    let document = DittoMutableDocument(value: found)
    change(document)
    if try !document.changes.isEmpty && collection.update(id.value, document.changes) {
      results.all.append(.updated(id: id, collection: collection.name))
    }
  }

  /// Whether it was there.
  @discardableResult
  public func remove() throws -> Bool {
    let wasThere = try collection.remove(id.value)
    if wasThere {
      results.all.append(.removed(id: id, collection: collection.name))
    }
    return wasThere
  }
}
