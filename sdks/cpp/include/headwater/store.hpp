// The documents of a peer: statements, observers, transactions, and the way to collections.
#pragma once

#include <functional>
#include <future>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "collection.hpp"

namespace headwater {

using OnItems = std::function<void(const std::vector<Json> &)>;

/// The documents of a peer. Copies of it mean the same store; after the peer was closed its calls are `closed`.
class Store {
 public:
  explicit Store(uint64_t peer) : peer_(peer) {}

  /// A collection; it is there once it has a document.
  Collection collection(std::string_view name) const { return {peer_, std::string(name)}; }

  /// Runs a statement of DQL: SELECT, INSERT, UPDATE, DELETE or EVICT. `args` is what `:name` stands for.
  Executed execute(std::string_view statement, std::optional<Json> args = std::nullopt) const {
    return {peer_, detail::ask(peer_, select("call", "execute", statement, args)).text()};
  }

  /// The same as a future, which must not be waited for in a callback.
  std::future<Executed> execute_later(std::string_view statement, std::optional<Json> args = std::nullopt) const {
    return detail::promised<Executed>(peer_, select("call", "execute", statement, args),
                                      [peer = peer_](std::string_view answer) { return Executed(peer, answer); });
  }

  /// Everything that `write` does with the Transaction that it is given is one transaction, here and at the server: all
  /// of it or, if it throws, nothing. While it runs nothing else is written or synced, so it should be short. What it
  /// gives, with the Written; the Written alone if it gives nothing.
  template <typename Write>
  auto transaction(Write &&write) const {
    using Result = std::invoke_result_t<Write, Transaction &>;
    if constexpr (std::is_void_v<Result>) {
      return detail::in_transaction(peer_, [&](uint64_t number) {
        Transaction transaction(peer_, number);
        write(transaction);
      });
    } else {
      std::optional<Result> result;
      Written written = detail::in_transaction(peer_, [&](uint64_t number) {
        Transaction transaction(peer_, number);
        result.emplace(write(transaction));
      });
      return Committed<Result>{*std::move(result), std::move(written)};
    }
  }

  /// Calls `callback` with what a SELECT gives now, and again whenever that may be something else. A result that cannot
  /// be had goes to `on_error`, or else to the handler of uncaught exceptions.
  Observer register_observer(std::string_view statement, OnItems callback, std::optional<Json> args = std::nullopt,
                             OnError on_error = {}) const {
    auto tell = [callback = std::move(callback)](std::string_view event) {
      callback(detail::list_in<Json>(event, "items"));
    };
    return detail::observe(peer_, select("watch", "select", statement, args), std::move(tell), std::move(on_error));
  }

  /// The same, to be asked for one after another.
  Events<std::vector<Json>> observe(std::string_view statement, std::optional<Json> args = std::nullopt) const {
    return {peer_, select("watch", "select", statement, args),
            [](std::string_view event) { return detail::list_in<Json>(event, "items"); }};
  }

#if HEADWATER_HAS_NLOHMANN
  Executed execute(std::string_view statement, nlohmann::json::initializer_list_t args) const {
    return execute(statement, Json(nlohmann::json(args)));
  }
  Observer register_observer(std::string_view statement, OnItems callback, nlohmann::json::initializer_list_t args,
                             OnError on_error = {}) const {
    return register_observer(statement, std::move(callback), Json(nlohmann::json(args)), std::move(on_error));
  }
#endif

 private:
  uint64_t peer_;

  static detail::Message select(std::string_view kind, std::string_view name, std::string_view statement,
                                const std::optional<Json> &args) {
    return detail::Message(kind, name).text("statement", statement).json("args", args);
  }
};

}  // namespace headwater
