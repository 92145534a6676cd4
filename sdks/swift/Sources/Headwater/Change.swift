// Changes of fields.
//
// Not here: what becomes of changes of several peers (docs/guides/small-peers.md).

import Foundation

/// A change of what stands at a path such as `address.town` or `tags[0]`.
public enum Change {
  /// Replaces what stands there.
  case set(String, Any)
  /// Adds to the counter there: increments of several peers all count.
  case increment(String, Double)
  /// Takes away what stands there.
  case unset(String)

  var message: Document {
    switch self {
    case .set(let path, let value): return ["path": path, "set": value]
    case .increment(let path, let by):
      let isInteger = by.rounded() == by && abs(by) <= 9_007_199_254_740_992
      return ["path": path, "increment": isInteger ? Int(by) as Any : by as Any]
    case .unset(let path): return ["path": path, "unset": true]
    }
  }
}

/// A document in a function that changes it. Reading it gives what it was before.
public final class MutableDocument {
  public let value: Document
  public private(set) var changes: [Change] = []

  public init(_ value: Document) {
    self.value = value
  }

  public var id: Any? { value["_id"] }

  /// The field at `path`, as in `address.town` or `tags[0]`.
  public func at(_ path: String) -> MutableField {
    MutableField(document: self, path: path)
  }

  fileprivate func add(_ change: Change) {
    changes.append(change)
  }
}

/// A place in a MutableDocument.
public struct MutableField {
  let document: MutableDocument
  let path: String

  /// What stood there before.
  public var value: Any? { lookUp(document.value, path) }

  /// A field of what stands here.
  public func at(_ name: String) -> MutableField {
    MutableField(document: document, path: join(path, name))
  }

  /// An element.
  public func at(_ index: Int) -> MutableField {
    MutableField(document: document, path: "\(path)[\(index)]")
  }

  public func set(_ value: Any) {
    document.add(.set(path, value))
  }

  public func increment(_ by: Double) {
    document.add(.increment(path, by))
  }

  /// Takes it away.
  public func unset() {
    document.add(.unset(path))
  }
}

/// The path of a field of what stands at `path`, which is empty for the document.
public func join(_ path: String, _ name: String) -> String {
  let isSpecial = { (letter: Character) in letter.isWhitespace || ".[]'\"`".contains(letter) }
  if !name.isEmpty && !name.contains(where: isSpecial) {
    return path.isEmpty ? name : "\(path).\(name)"
  }
  let escaped = name.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "'", with: "\\'")
  return "\(path)['\(escaped)']"
}

/// What stands at a path in a value, if something does.
public func lookUp(_ value: Any, _ path: String) -> Any? {
  var at: Any? = value
  for step in steps(path) {
    switch step {
    case .field(let name): at = (at as? Document)?[name]
    case .element(let index): at = (at as? [Any]).flatMap { $0.indices.contains(index) ? $0[index] : nil }
    }
  }
  return at
}

enum Step {
  case field(String)
  case element(Int)
}

func steps(_ path: String) -> [Step] {
  var all: [Step] = []
  var rest = Substring(path)
  while let first = rest.first {
    if first == "." || first == "]" {
      rest.removeFirst()
    } else if first == "[" {
      rest.removeFirst()
      if let quote = rest.first, quote == "'" || quote == "\"" {
        rest.removeFirst()
        all.append(.field(quotedName(&rest, quote)))
      } else {
        let digits = rest.prefix { $0 != "]" }
        rest.removeFirst(digits.count)
        all.append(.element(Int(digits) ?? -1))
      }
    } else {
      let name = rest.prefix { $0 != "." && $0 != "[" }
      rest.removeFirst(name.count)
      all.append(.field(String(name)))
    }
  }
  return all
}

private func quotedName(_ rest: inout Substring, _ quote: Character) -> String {
  var name = ""
  while let letter = rest.popFirst(), letter != quote {
    if letter == "\\", let escaped = rest.popFirst() {
      name.append(escaped)
    } else {
      name.append(letter)
    }
  }
  return name
}
