// Subscriptions: what the server sends to this peer.
#pragma once

#include <optional>
#include <string>

#include "message.hpp"

namespace headwater {

/// A subscription: it is stored and outlives this object and the process, until `cancel`.
class Subscription {
 public:
  Subscription(uint64_t peer, uint64_t number) : peer_(peer), number_(number) {}

  /// Ends it. Its documents stay.
  void cancel() const { ask("cancel_subscription"); }

  /// Whether all its documents are here.
  bool is_complete() const { return detail::needed(ask("subscription").text(), "complete") == "true"; }

  /// Why the server does not take it, if it does not: the key may not read the collection, for one.
  std::optional<std::string> refused() const { return detail::text_in(ask("subscription").text(), "refused"); }

 private:
  uint64_t peer_, number_;

  detail::Answer ask(std::string_view call) const {
    return detail::ask(peer_, detail::Message("call", call).number("subscription", number_));
  }
};

namespace detail {

inline Subscription register_subscription(uint64_t peer, const Message &message) {
  Answer answer = ask(peer, message);
  return Subscription(peer, number_in(answer.text(), "subscription").value_or(0));
}

}  // namespace detail

}  // namespace headwater
