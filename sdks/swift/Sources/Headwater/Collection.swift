// Collections, and what is found in them.
//
// Invariants: a Find never changes; `sort`, `limit` and `offset` give another.

/// A collection. It is there once it has a document.
public struct Collection {
  let peer: Peer
  public let name: String

  /// Merges an object into the document that its `_id` names, or makes a new one. `types` says of some paths what kind
  /// of field stands there: counter, register or map.
  public func upsert(_ document: Document, types: [String: String]? = nil) throws -> Written {
    var message: Document = ["call": "upsert", "collection": name, "value": document]
    message["types"] = types
    let answer = try peer.call(message)
    return Written(peer: peer, ids: answer["id"].map { [$0] } ?? [], sequence: answer["sequence"] as? Int)
  }

  /// The document with its `_id`, if it is there.
  public func findByID(_ id: Any) throws -> Document? {
    try found(peer, ["collection": name, "id": id], nil).first
  }

  /// The document with this id, to be read, changed or observed.
  public func byID(_ id: Any) -> ByID {
    ByID(peer: peer, collection: name, id: id)
  }

  /// The documents that match a condition of the legacy query language; all if there is none.
  public func find(_ query: String = "true", _ arguments: Document? = nil) -> Find {
    var request: Document = ["collection": name, "query": query]
    request["args"] = arguments
    return Find(peer: peer, request: request)
  }

  public func update(_ id: Any, _ changes: [Change]) throws -> Written { try byID(id).update(changes) }
  public func remove(_ id: Any) throws -> Written { try byID(id).remove() }
  public func evict(_ id: Any) throws -> Bool { try byID(id).evict() }
}

/// A document that is named by its id. Nothing is looked for until one of its calls.
public struct ByID {
  let peer: Peer
  let collection: String
  public let id: Any

  public func get() throws -> Document? { try found(peer, which, nil).first }

  /// Changes the document, if it is there.
  public func update(_ changes: [Change]) throws -> Written {
    try write(peer, with(["call": "update", "changes": changes.map(\.message)]))
  }

  /// Has `change` look at the document and change it, in one transaction; it is not called if there is none.
  public func update(_ change: (MutableDocument) throws -> Void) throws -> Written {
    try inTransaction(peer) { number in
      try updateWith(peer, which, number) { try $0.forEach(change) }
    }.written
  }

  /// Removes the document, if it is there, here and at the server.
  public func remove() throws -> Written { try write(peer, with(["call": "remove"])) }

  /// Takes it out of this store alone: whether it was there.
  public func evict() throws -> Bool {
    !(try peer.call(with(["call": "evict"]))["ids"] as? [Any] ?? []).isEmpty
  }

  public func subscribe() throws -> Subscription { try find().subscribe() }

  /// The same document as what a query finds, to be observed, say.
  public func find() -> Find {
    Find(peer: peer, request: ["collection": collection, "query": "_id == $args.id", "args": ["id": id]])
  }

  private var which: Document { ["collection": collection, "id": id] }

  private func with(_ more: Document) -> Document {
    which.merging(more) { _, newer in newer }
  }
}

/// Documents that match. Nothing is looked for until one of the last calls.
public struct Find {
  let peer: Peer
  var request: Document

  /// Sorts by what stands at `path`, after earlier ones.
  public func sort(_ path: String, descending: Bool = false) -> Find {
    let earlier = request["sort"] as? [Document] ?? []
    return with(["sort": earlier + [["path": path, "descending": descending]]])
  }

  /// Leaves the first ones out.
  public func offset(_ offset: Int) -> Find { with(["offset": offset]) }

  /// At most so many.
  public func limit(_ limit: Int) -> Find { with(["limit": limit]) }

  /// The documents, each with its `_id`.
  public func documents() throws -> [Document] { try found(peer, request, nil) }

  /// Changes all that match, in one transaction; order, offset and limit do not count.
  public func update(_ changes: [Change]) throws -> Written {
    try write(peer, matching(["call": "update", "changes": changes.map(\.message)]))
  }

  /// The same by a function, for which order, offset and limit count.
  public func update(_ change: ([MutableDocument]) throws -> Void) throws -> Written {
    try inTransaction(peer) { try updateWith(peer, request, $0, change) }.written
  }

  /// Removes all that match, in one transaction; order, offset and limit do not count.
  public func remove() throws -> Written { try write(peer, matching(["call": "remove"])) }

  /// Takes all that match out of this store alone: the ids of those that were there.
  public func evict() throws -> [Any] { try peer.call(matching(["call": "evict"]))["ids"] as? [Any] ?? [] }

  /// Calls `callback` with the documents now, and again whenever they may be others, on the library's thread.
  public func observe(
    onError: ((HeadwaterError) -> Void)? = nil, _ callback: @escaping ([Document]) -> Void
  ) throws -> Observer {
    try peer.watch(with(["watch": "find"]).request, onError: onError) { callback($0["documents"] as? [Document] ?? []) }
  }

  /// Calls `callback` with the documents now, and again with what is different whenever they change.
  public func observeLocal(
    onError: ((HeadwaterError) -> Void)? = nil, _ callback: @escaping ([Document], LocalEvent) -> Void
  ) throws -> Observer {
    var before: [Document] = []  // events come one at a time
    return try peer.watch(with(["watch": "find", "changes": true]).request, onError: onError) { event in
      let documents = event["documents"] as? [Document] ?? []
      let change = LocalEvent(event["changes"] as? Document ?? [:], before)
      before = documents
      callback(documents, change)
    }
  }

  /// Subscribes to all that match; order, offset and limit do not count.
  public func subscribe() throws -> Subscription {
    let answer = try peer.call(matching(["call": "register_subscription"]))
    return Subscription(peer: peer, number: answer["subscription"] as? Int ?? 0)
  }

  private func with(_ more: Document) -> Find {
    Find(peer: peer, request: request.merging(more) { _, newer in newer })
  }

  private func matching(_ more: Document) -> Document {
    request.filter { ["collection", "query", "args"].contains($0.key) }.merging(more) { _, newer in newer }
  }
}

/// What is different from the result before.
public struct LocalEvent {
  /// Whether this is the first result: everything is new then, and nothing is named below.
  public let isInitial: Bool
  public let oldDocuments: [Document]
  /// Places of new documents in this result.
  public let insertions: [Int]
  /// Places of documents in the result before that are not in this one.
  public let deletions: [Int]
  /// Places of documents in this result that were in the one before, and are others now.
  public let updates: [Int]
  /// From and to where documents moved.
  public let moves: [(from: Int, to: Int)]

  init(_ changes: Document, _ before: [Document]) {
    isInitial = changes["initial"] as? Bool ?? false
    oldDocuments = isInitial ? [] : before
    insertions = changes["insertions"] as? [Int] ?? []
    deletions = changes["deletions"] as? [Int] ?? []
    updates = changes["updates"] as? [Int] ?? []
    moves = (changes["moves"] as? [[Int]] ?? []).map { (from: $0[0], to: $0[1]) }
  }
}
