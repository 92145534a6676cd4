// The error codes: what `Error::code()` may be, each with its number.
// Made of sdks/calls.json by `cargo xtask sdk generate`. Numbers and texts never change.
#pragma once

#include <cstdint>
#include <string_view>

namespace headwater {

/// Why something was not done.
enum class Code : int32_t {
  /// One that a newer library has, and these headers have not.
  unknown = 0,
  /// The peer is closed.
  closed = 1,
  /// A message is none: its bytes, a name, a type, what is missing or too much.
  invalid_message = 2,
  /// This library does not know the call, the option or the list of calls.
  unsupported = 3,
  /// Another process has the folder open.
  in_use = 4,
  /// The folder cannot be opened or made.
  open_failed = 5,
  /// What is stored is damaged, or a newer program's.
  damaged = 6,
  /// The store cannot be read or written: a full disk or quota, say; nothing of the write is there.
  store_failed = 7,
  /// A statement, a query or its arguments are none.
  invalid_query = 8,
  /// A query would take too long or too much memory.
  too_expensive = 9,
  /// A value can be no document, id, path, name or change.
  invalid_value = 10,
  /// An INSERT of a document that is there.
  exists = 11,
  /// What a peer does not do: write a system collection, make an index.
  not_allowed = 12,
  /// A document or transaction that would not fit into a frame.
  too_large = 13,
  /// Too much waits for the server: sync first.
  pending_full = 14,
  /// More observers or subscriptions than there may be.
  too_many = 15,
  /// Sync or a login was asked for, and no server is named.
  no_server = 16,
  /// The URL of the server, its app or a certificate is none.
  invalid_server = 17,
  /// The server refused the write, which is among the rejected ones, or the login.
  rejected = 18,
  /// Nothing came within the time; it may still come.
  timed_out = 19,
  /// A call within a transaction that would wait for itself.
  in_transaction = 20,
  /// There is no such transaction, or it was ended because nothing came of it.
  no_transaction = 21,
  /// A fault of the library; what was durable is there.
  internal = 22,
  /// The browser's tab that had the store went away; whether a write is there is not known.
  interrupted = 23,
  /// The server has no such attachment, or not for this user.
  not_found = 24,
};

/// As messages name it.
constexpr const char *name_of(Code code) {
  switch (code) {
    case Code::closed: return "closed";
    case Code::invalid_message: return "invalid_message";
    case Code::unsupported: return "unsupported";
    case Code::in_use: return "in_use";
    case Code::open_failed: return "open_failed";
    case Code::damaged: return "damaged";
    case Code::store_failed: return "store_failed";
    case Code::invalid_query: return "invalid_query";
    case Code::too_expensive: return "too_expensive";
    case Code::invalid_value: return "invalid_value";
    case Code::exists: return "exists";
    case Code::not_allowed: return "not_allowed";
    case Code::too_large: return "too_large";
    case Code::pending_full: return "pending_full";
    case Code::too_many: return "too_many";
    case Code::no_server: return "no_server";
    case Code::invalid_server: return "invalid_server";
    case Code::rejected: return "rejected";
    case Code::timed_out: return "timed_out";
    case Code::in_transaction: return "in_transaction";
    case Code::no_transaction: return "no_transaction";
    case Code::internal: return "internal";
    case Code::interrupted: return "interrupted";
    case Code::not_found: return "not_found";
    case Code::unknown: break;
  }
  return "unknown";
}

/// The code that messages name so.
constexpr Code code_of(std::string_view name) {
  if (name == "closed") return Code::closed;
  if (name == "invalid_message") return Code::invalid_message;
  if (name == "unsupported") return Code::unsupported;
  if (name == "in_use") return Code::in_use;
  if (name == "open_failed") return Code::open_failed;
  if (name == "damaged") return Code::damaged;
  if (name == "store_failed") return Code::store_failed;
  if (name == "invalid_query") return Code::invalid_query;
  if (name == "too_expensive") return Code::too_expensive;
  if (name == "invalid_value") return Code::invalid_value;
  if (name == "exists") return Code::exists;
  if (name == "not_allowed") return Code::not_allowed;
  if (name == "too_large") return Code::too_large;
  if (name == "pending_full") return Code::pending_full;
  if (name == "too_many") return Code::too_many;
  if (name == "no_server") return Code::no_server;
  if (name == "invalid_server") return Code::invalid_server;
  if (name == "rejected") return Code::rejected;
  if (name == "timed_out") return Code::timed_out;
  if (name == "in_transaction") return Code::in_transaction;
  if (name == "no_transaction") return Code::no_transaction;
  if (name == "internal") return Code::internal;
  if (name == "interrupted") return Code::interrupted;
  if (name == "not_found") return Code::not_found;
  return Code::unknown;
}

}  // namespace headwater
