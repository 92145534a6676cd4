// Sync with the server: subscriptions, and what became of local writes.
#pragma once

#include <functional>
#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "observer.hpp"
#include "subscription.hpp"
#include "written.hpp"

namespace headwater {

/// A write that the server refused.
struct Rejected {
  /// The number of its transaction here.
  uint64_t sequence = 0;
  /// What the server says of it.
  std::string why;
  /// Those that it would have written: each its collection and id.
  std::vector<std::pair<std::string, Id>> documents;
  /// What upserts in it would have written, each with its collection; it is nowhere else.
  std::vector<std::pair<std::string, Json>> values;
};

/// A user who has logged in.
struct Login {
  /// Who it is, as the app's login hook says.
  std::string user_id;
  /// When the server's token ends: RFC 3339, in UTC.
  std::string expires;
};

/// Gives a token, or none.
using TokenSource = std::function<std::optional<std::string>()>;

namespace detail {

template <typename Element>
std::vector<std::pair<std::string, Element>> of_collections(std::string_view object, std::string_view list,
                                                            std::string_view name) {
  std::vector<std::pair<std::string, Element>> all;
  for_elements(needed(object, list), [&](std::string_view element) {
    all.emplace_back(read_text(needed(element, "collection")), Json(needed(element, name)));
  });
  return all;
}

inline Rejected rejected_in(std::string_view object) {
  return {number_in(object, "sequence").value_or(0), text_in(object, "why").value_or(""),
          of_collections<Id>(object, "documents", "id"), of_collections<Json>(object, "values", "value")};
}

inline Login login_in(std::string_view answer) {
  return {read_text(needed(answer, "userId")), read_text(needed(answer, "expires"))};
}

inline Message logging_in(std::string_view token, std::string_view provider) {
  return Message("call", "login").text("token", token).text("provider", provider);
}

inline std::string state_in(std::string_view message) { return read_text(needed(message, "state")); }

}  // namespace detail

/// Sync of a peer. Copies of it mean the same peer; after that was closed its calls are `closed`.
class Sync {
 public:
  explicit Sync(uint64_t peer) : peer_(peer) {}

  /// Connects, and connects again whenever the connection is lost. It is done before there is a connection.
  void start() const { ask("start_sync"); }

  /// Ends the connection. Local work goes on.
  void stop() const { ask("stop_sync"); }

  /// Subscribes to a collection, or a part of it: `SELECT * FROM … [WHERE …]`. One that asks for the same as an earlier
  /// one is the same one.
  Subscription register_subscription(std::string_view statement, std::optional<Json> args = std::nullopt) const {
    detail::Message message("call", "register_subscription");
    return detail::register_subscription(peer_, message.text("statement", statement).json("args", args));
  }

  /// Where sync stands: stopped, connecting, catching_up, live, waiting, needs_token or refused.
  std::string state() const { return detail::state_in(ask("state").text()); }

  /// Calls `callback` with where sync stands, now and whenever it stands elsewhere.
  Observer observe_state(std::function<void(const std::string &)> callback) const {
    auto tell = [callback = std::move(callback)](std::string_view event) { callback(detail::state_in(event)); };
    return detail::observe(peer_, detail::Message("watch", "state"), std::move(tell));
  }

  /// The same, to be asked for one after another.
  Events<std::string> states() const { return {peer_, detail::Message("watch", "state"), detail::state_in}; }

  /// How many local transactions the server has said nothing of.
  uint64_t pending() const { return detail::number_in(ask("state").text(), "pending").value_or(0); }

  /// Why it does not sync, for people, if something is wrong.
  std::optional<std::string> last_error() const { return detail::text_in(ask("state").text(), "last_error"); }

  /// Waits until the server has a write, by its `sequence`: the number of its transaction there. None: the server has
  /// it, but it is not known as what; or it never was.
  Txn committed(uint64_t sequence, Timeout timeout = std::nullopt) const {
    return detail::txn_in(detail::ask(peer_, detail::verdict("committed", sequence, timeout)).text());
  }

  /// Waits until the server has said of everything that is pending now whether it takes it: the newest transaction that
  /// it made of writes from here, if one is known.
  Txn flushed(Timeout timeout = std::nullopt) const {
    return detail::txn_in(detail::ask(peer_, detail::verdict("flushed", std::nullopt, timeout)).text());
  }

  /// The same as a future, which must not be waited for in a callback.
  std::future<Txn> flushed_later(Timeout timeout = std::nullopt) const {
    return detail::promised<Txn>(peer_, detail::verdict("flushed", std::nullopt, timeout), detail::txn_in);
  }

  /// The writes that the server refused, the oldest first, as far as they are kept.
  std::vector<Rejected> rejected() const {
    detail::Answer answer = ask("rejected");
    std::vector<Rejected> all;
    detail::for_elements(detail::needed(answer.text(), "rejected"),
                         [&](std::string_view object) { all.push_back(detail::rejected_in(object)); });
    return all;
  }

  /// Calls `callback` with each write that the server refuses, from now on.
  Observer on_rejected(std::function<void(const Rejected &)> callback) const {
    auto tell = [callback = std::move(callback)](std::string_view event) {
      callback(detail::rejected_in(detail::needed(event, "rejected")));
    };
    return detail::observe(peer_, detail::Message("watch", "rejected"), std::move(tell));
  }

  /// A refused write was seen to, and need not be kept.
  void forget_rejected(uint64_t sequence) const {
    detail::ask(peer_, detail::Message("call", "forget_rejected").number("sequence", sequence));
  }

  /// A newer token.
  void authenticate(std::string_view token) const {
    detail::ask(peer_, detail::Message("call", "authenticate").text("token", token));
  }

  /// Logs in with what a provider gave: the server asks the app's login hook, and its token is used from now on. When that
  /// ends, the source of tokens is asked: there is no refresh token. Waits for the server, some seconds at most. Throws
  /// `rejected`, `timed_out` or `no_server`.
  Login login(std::string_view token, std::string_view provider) const {
    return detail::login_in(detail::ask(peer_, detail::logging_in(token, provider)).text());
  }

  /// The same as a future, which must not be waited for in a callback.
  std::future<Login> login_later(std::string_view token, std::string_view provider) const {
    return detail::promised<Login>(peer_, detail::logging_in(token, provider), detail::login_in);
  }

  /// Has `source` give a newer token: it is asked when the server does not take the old one, and a minute before that
  /// ends. It may log in, and give none. Where no token comes, it is asked again later.
  Observer token_source(TokenSource source) const {
    auto tell = [sync = *this, source = std::move(source)](std::string_view) {
      if (std::optional<std::string> token = source()) sync.authenticate(*token);
    };
    return detail::observe(peer_, detail::Message("watch", "token"), std::move(tell));
  }

#if HEADWATER_HAS_NLOHMANN
  Subscription register_subscription(std::string_view statement, nlohmann::json::initializer_list_t args) const {
    return register_subscription(statement, Json(nlohmann::json(args)));
  }
#endif

 private:
  uint64_t peer_;

  detail::Answer ask(std::string_view call) const { return detail::ask(peer_, detail::Message("call", call)); }
};

}  // namespace headwater
