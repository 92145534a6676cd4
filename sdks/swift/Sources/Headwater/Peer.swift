// The seven functions of the C library.
//
// Invariants: bytes of an answer are given back once; a context is released once, by the library's drop; no Swift error
// leaves a callback.

import CHeadwater
import Foundation

/// Which list of calls this package knows (`sdks/calls.json`).
let abi = 1

/// A peer by its number. A number whose peer is closed is `closed` in every call.
struct Peer: Sendable {
  let number: UInt64

  static func open(_ config: Document) throws -> Peer {
    let request = try Json.encode(config)
    var number: UInt64 = 0
    var answer: UnsafeMutablePointer<UInt8>?
    var length = 0
    let error = request.withUnsafeBytes { bytes in
      headwater_open(bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, &number, &answer, &length)
    }
    defer { headwater_free(answer, length) }
    if error != 0 {
      throw HeadwaterError.of(taking: answer, length)
    }
    let peer = Peer(number: number)
    let known = (try? peer.call(["call": "info"]))?["abi"] as? Int
    guard known == abi else {
      peer.close()
      throw HeadwaterError(.unsupported, "the library has another list of calls than \(abi)")
    }
    return peer
  }

  /// Waits for the answer.
  func call(_ message: Document) throws -> Document {
    let request = try Json.encode(message)
    var answer: UnsafeMutablePointer<UInt8>?
    var length = 0
    let error = request.withUnsafeBytes { bytes in
      headwater_call(number, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, &answer, &length)
    }
    defer { headwater_free(answer, length) }
    if error != 0 {
      throw HeadwaterError.of(taking: answer, length)
    }
    return try Json.decode(copy(answer, length))
  }

  /// The same without a thread that waits.
  func callLater(_ message: Document) async throws -> Document {
    let request = try Json.encode(message)
    let bytes: Data = try await withCheckedThrowingContinuation { continuation in
      let context = Context { continuation.resume(returning: $0) }
      let error = request.withUnsafeBytes { bytes in
        headwater_call_async(
          number, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, onMessage, onDrop, context.retained())
      }
      // Then the context was dropped, and is told nothing.
      if error != 0 {
        continuation.resume(throwing: HeadwaterError(.closed, "the peer is closed"))
      }
    }
    let answer = try Json.decode(bytes)
    if let error = HeadwaterError.said(by: answer) {
      throw error
    }
    return answer
  }

  /// Has `tell` called with each event on the library's thread. An error goes to `onError`.
  func watch(
    _ message: Document, onError: ((HeadwaterError) -> Void)? = nil, tell: @escaping (Document) -> Void
  ) throws -> Observer {
    let request = try Json.encode(message)
    let context = Context { bytes in
      guard let event = try? Json.decode(bytes) else { return }
      guard let error = HeadwaterError.said(by: event) else { return tell(event) }
      if error.code != .closed {
        onError?(error)
      }
    }
    var watch: UInt64 = 0
    var answer: UnsafeMutablePointer<UInt8>?
    var length = 0
    let error = request.withUnsafeBytes { bytes in
      headwater_subscribe(
        number, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, onMessage, onDrop, context.retained(), &watch,
        &answer, &length)
    }
    defer { headwater_free(answer, length) }
    if error != 0 {
      throw HeadwaterError.of(taking: answer, length)
    }
    return Observer(peer: self, watch: watch)
  }

  func unwatch(_ watch: UInt64) {
    headwater_unsubscribe(number, watch)
  }

  func close() {
    headwater_close(number)
  }
}

/// What the library holds, until it drops it.
private final class Context {
  let tell: (Data) -> Void

  init(_ tell: @escaping (Data) -> Void) {
    self.tell = tell
  }

  func retained() -> UnsafeMutableRawPointer {
    Unmanaged.passRetained(self).toOpaque()
  }
}

private func onMessage(_ context: UnsafeMutableRawPointer?, _ message: UnsafePointer<UInt8>?, _ length: Int) {
  guard let context, let message else { return }
  Unmanaged<Context>.fromOpaque(context).takeUnretainedValue().tell(Data(bytes: message, count: length))
}

private func onDrop(_ context: UnsafeMutableRawPointer?) {
  guard let context else { return }
  Unmanaged<Context>.fromOpaque(context).release()
}

private func copy(_ answer: UnsafeMutablePointer<UInt8>?, _ length: Int) -> Data {
  answer.map { Data(bytes: $0, count: length) } ?? Data()
}

extension HeadwaterError {
  /// The error that an answer or event says.
  static func said(by message: Document) -> HeadwaterError? {
    guard message.count == 1, let error = message["error"] as? Document, let code = error["code"] as? String else {
      return nil
    }
    return HeadwaterError(Code(rawValue: code), error["message"] as? String ?? "")
  }

  fileprivate static func of(taking answer: UnsafeMutablePointer<UInt8>?, _ length: Int) -> HeadwaterError {
    let said = (try? Json.decode(copy(answer, length))).flatMap(HeadwaterError.said)
    return said ?? HeadwaterError(.internal, "the library does not say why it did not do it")
  }
}
