// What a write came to, and waiting for the server's word.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "callbacks.hpp"

namespace headwater {

/// How long something is waited for; for ever if no time is given.
using Timeout = std::optional<std::chrono::milliseconds>;

/// The server's number of a transaction, as in `X-DITTO-TXN-ID` and in the event.
using Txn = std::optional<uint64_t>;

namespace detail {

inline Message verdict(std::string_view call, std::optional<uint64_t> sequence, Timeout timeout) {
  Message message("call", call);
  message.number("sequence", sequence);
  if (timeout) message.number("timeout_ms", static_cast<uint64_t>(std::max<int64_t>(timeout->count(), 0)));
  return message;
}

/// Asks without waiting: what `read` makes of the answer, or its Error, as a future.
template <typename Result, typename Read>
std::future<Result> promised(uint64_t peer, const Message &message, Read read) {
  auto promise = std::make_shared<std::promise<Result>>();
  std::future<Result> future = promise->get_future();
  ask_later(peer, message.done(), [promise, read = std::move(read)](std::string_view answer) {
    try {
      if (is_error(answer)) throw error_in(answer);
      promise->set_value(read(answer));
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  });
  return future;
}

inline Txn txn_in(std::string_view answer) { return number_in(answer, "txn"); }

}  // namespace detail

/// A write. It is durable here.
class Written {
 public:
  Written(uint64_t peer, std::vector<Id> ids, std::optional<uint64_t> sequence)
      : peer_(peer), ids_(std::move(ids)), sequence_(sequence) {}

  /// The document's id: of an upsert there is always one. `invalid_value` is thrown where nothing was written.
  Id id() const {
    if (ids_.empty()) throw Error(Code::invalid_value, "no document was written");
    return ids_.front();
  }

  /// The documents that were written.
  const std::vector<Id> &ids() const &noexcept { return ids_; }
  std::vector<Id> ids() && { return std::move(ids_); }

  /// The number of its transaction here; none if there was nothing to do.
  std::optional<uint64_t> sequence() const noexcept { return sequence_; }

  /// Waits until the server has it: the number of its transaction there, if it is known.
  Txn committed(Timeout timeout = std::nullopt) const {
    if (!sequence_) return std::nullopt;
    return detail::txn_in(detail::ask(peer_, detail::verdict("committed", sequence_, timeout)).text());
  }

  /// The same as a future, which must not be waited for in a callback.
  std::future<Txn> committed_later(Timeout timeout = std::nullopt) const {
    if (sequence_) {
      return detail::promised<Txn>(peer_, detail::verdict("committed", sequence_, timeout), detail::txn_in);
    }
    std::promise<Txn> nothing;
    nothing.set_value(std::nullopt);
    return nothing.get_future();
  }

 private:
  uint64_t peer_;
  std::vector<Id> ids_;
  std::optional<uint64_t> sequence_;
};

/// What a statement came to.
class Executed : public Written {
 public:
  Executed(uint64_t peer, std::string_view answer)
      : Written(peer, detail::list_in<Id>(answer, "mutated"), detail::number_in(answer, "sequence")),
        items_(detail::list_in<Json>(answer, "items")) {}

  /// The rows of a SELECT, or what RETURNING says.
  const std::vector<Json> &items() const &noexcept { return items_; }
  std::vector<Json> items() && { return std::move(items_); }

  /// The documents that were written or evicted.
  const std::vector<Id> &mutated_document_ids() const &noexcept { return ids(); }
  std::vector<Id> mutated_document_ids() && { return std::move(*this).ids(); }

 private:
  std::vector<Json> items_;
};

namespace detail {

inline Written write(uint64_t peer, const Message &message) {
  Answer answer = ask(peer, message);
  return Written(peer, list_in<Id>(answer.text(), "ids"), number_in(answer.text(), "sequence"));
}

}  // namespace detail

}  // namespace headwater
