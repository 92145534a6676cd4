// Documents and their ids, by the vendor's names.

import Foundation
import Headwater

/// The id of a document: a string most of the time.
public struct DittoDocumentID: CustomStringConvertible, ExpressibleByStringLiteral {
  public let value: Any

  public init(value: Any) {
    self.value = (value as? DittoDocumentID)?.value ?? value
  }

  public init(stringLiteral value: String) {
    self.value = value
  }

  /// A string is itself, everything else is JSON.
  public var description: String { stringValue }

  public var stringValue: String {
    if let text = value as? String {
      return text
    }
    let bytes = try? JSONSerialization.data(withJSONObject: value, options: [.fragmentsAllowed, .sortedKeys])
    return bytes.flatMap { String(data: $0, encoding: .utf8) } ?? "\(value)"
  }
}

extension DittoDocumentID: Hashable {
  public static func == (one: DittoDocumentID, other: DittoDocumentID) -> Bool { one.stringValue == other.stringValue }
  public func hash(into hasher: inout Hasher) { hasher.combine(stringValue) }
}

/// A document that was found.
public struct DittoDocument {
  public let value: [String: Any?]
  private let document: Document

  init(_ document: Document) {
    self.document = document
    value = document
  }

  public var id: DittoDocumentID { DittoDocumentID(value: document["_id"] ?? NSNull()) }
  public subscript(name: String) -> DittoDocumentPath { DittoDocumentPath(document: document, path: join("", name)) }
}

/// A place in a document.
public struct DittoDocumentPath {
  let document: Document
  let path: String

  public subscript(name: String) -> DittoDocumentPath { DittoDocumentPath(document: document, path: join(path, name)) }
  public subscript(index: Int) -> DittoDocumentPath { DittoDocumentPath(document: document, path: "\(path)[\(index)]") }

  public var value: Any? { lookUp(document, path) }
  public var string: String? { value as? String }
  public var stringValue: String { string ?? "" }
  public var int: Int? { value as? Int }
  public var intValue: Int { int ?? 0 }
  public var double: Double? { value as? Double }
  public var doubleValue: Double { double ?? 0 }
  public var bool: Bool? { value as? Bool }
  public var boolValue: Bool { bool ?? false }
}

/// A document in a function that changes it: `document["age"].set(32)`.
public struct DittoMutableDocument {
  private let document: MutableDocument

  init(document: MutableDocument) {
    self.document = document
  }

  init(value: Document) {
    document = MutableDocument(value)
  }

  var changes: [Change] { document.changes }

  public var id: DittoDocumentID { DittoDocumentID(value: document.id ?? NSNull()) }
  /// What it was before.
  public var value: [String: Any?] { document.value }
  public subscript(name: String) -> DittoMutableDocumentPath {
    DittoMutableDocumentPath(field: document.at(join("", name)))
  }
}

/// A place in a document that may be changed. Reading it gives what it was before.
public struct DittoMutableDocumentPath {
  let field: MutableField

  public subscript(name: String) -> DittoMutableDocumentPath { DittoMutableDocumentPath(field: field.at(name)) }
  public subscript(index: Int) -> DittoMutableDocumentPath { DittoMutableDocumentPath(field: field.at(index)) }

  public var value: Any? { field.value }

  /// Replaces what stands there.
  public func set(_ value: Any?) { field.set(value ?? NSNull()) }
  /// Takes away what stands there.
  public func remove() { field.unset() }
  /// Adds to the counter there.
  public func increment(amount: Double) { field.increment(amount) }
  /// Makes a counter of the number there, or one that begins with 0.
  public func replaceWithCounter() { field.increment(0) }
  public var counter: DittoMutableCounter { DittoMutableCounter(field: field) }
}

/// A counter in a document that may be changed.
public struct DittoMutableCounter {
  let field: MutableField

  public var value: Double { field.value as? Double ?? 0 }
  public func increment(by amount: Double) { field.increment(amount) }
}
