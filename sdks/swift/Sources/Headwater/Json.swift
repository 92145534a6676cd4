// Messages as JSON, by Foundation.
//
// Invariants: what Foundation cannot write as JSON (NaN, a Date, a class) is an `invalid_value`.
// Not here: the difference of 1 and 1.0, which Foundation does not keep.

import Foundation

/// A document, or arguments: what JSONSerialization takes.
public typealias Document = [String: Any]

enum Json {
  static func encode(_ value: Document) throws -> Data {
    let wanted = value.compactMapValues { field -> Any? in
      // An Optional in an Any is left out if it is nil.
      let mirror = Mirror(reflecting: field)
      return mirror.displayStyle == .optional ? mirror.children.first?.value : field
    }
    guard JSONSerialization.isValidJSONObject(wanted) else {
      throw HeadwaterError(.invalidValue, "cannot take the value: it is no JSON")
    }
    do {
      return try JSONSerialization.data(withJSONObject: wanted)
    } catch {
      throw HeadwaterError(.invalidValue, "cannot take the value: \(error.localizedDescription)")
    }
  }

  static func decode(_ bytes: Data) throws -> Document {
    guard let object = try? JSONSerialization.jsonObject(with: bytes) as? Document else {
      throw HeadwaterError(.internal, "the library's answer is no object of JSON")
    }
    return object
  }
}
