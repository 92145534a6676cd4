// Collections and what is found in them, by the vendor's names. The legacy calls wait, as the vendor's do.

import Foundation
import Headwater

/// A collection.
public struct DittoCollection {
  let collection: Collection

  init(_ collection: Collection) {
    self.collection = collection
  }

  public var name: String { collection.name }

  /// Merges an object into the document that its `_id` names, or makes a new one: its id.
  @discardableResult
  public func upsert(_ content: [String: Any?]) throws -> DittoDocumentID {
    guard let id = try collection.upsert(plain(content) ?? [:]).id else {
      throw DittoSwiftError(.internal, "an upsert has no id")
    }
    return DittoDocumentID(value: id)
  }

  /// Documents that match a condition of the legacy query language.
  public func find(_ query: String, args: [String: Any?]? = nil) -> DittoPendingCursorOperation {
    DittoPendingCursorOperation(find: collection.find(query, plain(args)), query: query)
  }

  public func findAll() -> DittoPendingCursorOperation { find("true") }

  public func findByID(_ id: Any) -> DittoPendingIDSpecificOperation {
    DittoPendingIDSpecificOperation(byID: collection.byID(DittoDocumentID(value: id).value))
  }
}

public enum DittoSortDirection {
  case ascending
  case descending
}

/// Documents that match. Nothing is looked for until one of the last calls.
public struct DittoPendingCursorOperation {
  let find: Find
  let query: String

  public func sort(_ path: String, direction: DittoSortDirection = .ascending) -> DittoPendingCursorOperation {
    with(find.sort(path, descending: direction == .descending))
  }

  public func limit(_ limit: Int) -> DittoPendingCursorOperation { with(find.limit(limit)) }
  public func offset(_ offset: Int) -> DittoPendingCursorOperation { with(find.offset(offset)) }

  /// The documents; none if they cannot be had.
  public func exec() -> [DittoDocument] { ((try? find.documents()) ?? []).map(DittoDocument.init) }

  /// Has a function change the documents in one transaction.
  public func update(_ change: ([DittoMutableDocument]) -> Void) throws {
    _ = try find.update { documents in change(documents.map(DittoMutableDocument.init(document:))) }
  }

  /// Removes all that match: their ids.
  @discardableResult
  public func remove() throws -> [DittoDocumentID] { try find.remove().ids.map(DittoDocumentID.init(value:)) }

  /// Takes all that match out of this store alone: their ids.
  @discardableResult
  public func evict() throws -> [DittoDocumentID] { try find.evict().map(DittoDocumentID.init(value:)) }

  /// Subscribes to all that match. It is stored, and holds until it is cancelled.
  public func subscribe() throws -> DittoSubscription { DittoSubscription(try find.subscribe(), query) }

  /// Calls `handler` with the documents now, and again with what is different whenever they change.
  public func observeLocal(
    deliverOn queue: DispatchQueue = .main, eventHandler handler: @escaping ([DittoDocument], DittoLiveQueryEvent) -> Void
  ) throws -> DittoLiveQuery {
    let live = DittoLiveQuery()
    live.observer = try find.observeLocal { documents, event in
      queue.async { [weak live] in
        if live?.isStopped == false {
          handler(documents.map(DittoDocument.init), DittoLiveQueryEvent(event))
        }
      }
    }
    return live
  }

  private func with(_ find: Find) -> DittoPendingCursorOperation {
    DittoPendingCursorOperation(find: find, query: query)
  }
}

/// A document that is named by its id. Nothing is looked for until one of its calls.
public struct DittoPendingIDSpecificOperation {
  let byID: ByID

  /// The document; nil if it is not there, or cannot be had.
  public func exec() -> DittoDocument? { (try? byID.get()).flatMap { $0 }.map(DittoDocument.init) }

  /// Has a function change the document, which is nil if there is none.
  public func update(_ change: (DittoMutableDocument?) -> Void) throws {
    var wasThere = false
    _ = try byID.update { document in
      wasThere = true
      change(DittoMutableDocument(document: document))
    }
    if !wasThere {
      change(nil)
    }
  }

  /// Removes it: whether it was there.
  @discardableResult
  public func remove() throws -> Bool { try !byID.remove().ids.isEmpty }

  /// Takes it out of this store alone: whether it was there.
  @discardableResult
  public func evict() throws -> Bool { try byID.evict() }

  public func subscribe() throws -> DittoSubscription {
    DittoSubscription(try byID.subscribe(), "_id == $args.id")
  }
}

/// What is different from the documents before.
public enum DittoLiveQueryEvent {
  case initial
  case update(DittoLiveQueryUpdate)

  init(_ event: LocalEvent) {
    self = event.isInitial ? .initial : .update(DittoLiveQueryUpdate(event))
  }
}

/// Places of deletions are in `oldDocuments`.
public struct DittoLiveQueryUpdate {
  public let oldDocuments: [DittoDocument]
  public let insertions: [Int]
  public let deletions: [Int]
  public let updates: [Int]
  public let moves: [(from: Int, to: Int)]

  init(_ event: LocalEvent) {
    oldDocuments = event.oldDocuments.map(DittoDocument.init)
    insertions = event.insertions
    deletions = event.deletions
    updates = event.updates
    moves = event.moves
  }
}

/// One who is told of documents, as long as somebody holds it and it is not stopped.
public final class DittoLiveQuery {
  fileprivate var observer: Observer?
  public private(set) var isStopped = false

  public func stop() {
    isStopped = true
    observer?.cancel()
  }
}
