// Why something was not done: the one type of errors, with a code of the list in sdks/calls.json.
//
// Not here: which code a fault has (the library says that).

/// Why something was not done. `code` says it for programs, `message` for people.
public struct HeadwaterError: Error, CustomStringConvertible, Sendable {
  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { "\(code.rawValue): \(message)" }
}
