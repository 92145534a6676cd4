// Statements and their observers, by the vendor's names.
//
// Not here: attachments.
#pragma once

#include <algorithm>
#include <cctype>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "collection.hpp"

namespace ditto::HEADWATER_DITTO {

/// A row. It is always in memory.
class QueryResultItem {
 public:
  explicit QueryResultItem(headwater::Json value) : value_(std::move(value)) {}

  detail::Object value() const { return detail::object_of(value_); }
  std::string json_string() const { return value_.text(); }
  bool is_materialized() const { return true; }
  void materialize() const {}
  void dematerialize() const {}

 private:
  headwater::Json value_;
};

/// What a statement came to.
class QueryResult {
 public:
  QueryResult() = default;
  explicit QueryResult(const std::vector<headwater::Json> &items) : items_(items.begin(), items.end()) {}
  explicit QueryResult(const headwater::Executed &executed)
      : items_(executed.items().begin(), executed.items().end()),
        mutated(detail::ids_of(executed.ids())),
        sequence(executed.sequence()) {}

  size_t item_count() const { return items_.size(); }
  /// std::out_of_range is thrown if there are not so many.
  QueryResultItem get_item(size_t index) const { return items_.at(index); }
  std::vector<QueryResultItem> items() const { return items_; }
  /// The documents that were written or evicted.
  std::vector<DocumentId> mutated_document_ids() const { return mutated; }
  /// The number of its transaction here; nullptr if nothing was written.
  std::unique_ptr<uint64_t> get_commit_id() const { return sequence ? std::make_unique<uint64_t>(*sequence) : nullptr; }

 private:
  std::vector<QueryResultItem> items_;
  std::vector<DocumentId> mutated;
  std::optional<uint64_t> sequence;
};

using StoreObservationHandler = std::function<void(QueryResult)>;
using StoreObservationHandlerWithNextSignal = std::function<void(QueryResult, SignalNext)>;

namespace detail {

inline headwater::detail::Message select(const char *kind, const char *name, const std::string &query,
                                         const Object &args) {
  headwater::detail::Message message(kind, name);
  return message.text("statement", query).json("args", arguments(args));
}

/// The words of a statement, in capitals; `=` is one, and `;` is none.
inline std::vector<std::string> words_of(const std::string &statement) {
  std::vector<std::string> words(1);
  for (char c : statement) {
    if (std::isspace(static_cast<unsigned char>(c)) || c == ';') {
      if (!words.back().empty()) words.emplace_back();
    } else if (c == '=') {
      words.insert(words.end(), {"=", ""});
    } else {
      words.back() += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
  }
  words.erase(std::remove(words.begin(), words.end(), ""), words.end());
  return words;
}

/// Settings of the vendor's engine, which has others: taken, but for one that would change what statements mean.
inline bool is_setting(const std::string &statement) {
  constexpr size_t begin_max = 16;
  if (statement.find_first_of("aA") > begin_max) return false;  // most statements are none, and are not taken apart
  std::vector<std::string> words = words_of(statement);
  bool is_it = words.size() == 6 && words[0] == "ALTER" && words[1] == "SYSTEM" && words[2] == "SET" &&
               (words[4] == "=" || words[4] == "TO");
  if (is_it && words[3] == "DQL_STRICT_MODE" && words[5] != "FALSE" && words[5] != "0" && words[5] != "OFF") {
    throw DittoError(headwater::Code::unsupported, "strict mode is chosen when a peer is opened: set_strict_mode");
  }
  return is_it;
}

inline QueryResult execute(uint64_t peer, const std::string &query, const Object &args,
                           std::optional<uint64_t> transaction) {
  if (is_setting(query)) return QueryResult();
  auto message = select("call", "execute", query, args);
  auto answer = headwater::detail::ask(peer, message.number("transaction", transaction));
  return QueryResult(headwater::Executed(peer, answer.text()));
}

}  // namespace detail

/// One who is told of a result, until `cancel`, or until the peer is closed.
class StoreObserver {
 public:
  template <typename Tell>
  StoreObserver(const detail::Shared &peer, std::string query, const detail::Object &args, Tell tell)
      : peer(peer),
        query(std::move(query)),
        watching(peer->number, detail::select("watch", "select", this->query, args), std::move(tell)) {}

  /// Ends it: after this has returned its handler does not run.
  void cancel() {
    watching.cancel();
    if (detail::Shared it = peer.lock()) it->forget(it->observers, this);
  }
  bool is_cancelled() const { return watching.is_cancelled(); }
  const std::string &query_string() const { return query; }

 private:
  std::weak_ptr<detail::Peer> peer;
  std::string query;
  detail::Watching watching;
};

/// What becomes of a transaction.
enum class TransactionCompletionAction { commit, rollback };

/// Executes statements in a transaction.
class Transaction {
 public:
  Transaction(uint64_t peer, uint64_t number) : peer(peer), number(number) {}

  QueryResult execute(const std::string &query, const detail::Object &args = detail::Object()) const {
    return detail::execute(peer, query, args, number);
  }

 private:
  uint64_t peer, number;
};

/// The documents of a peer.
class Store {
 public:
  explicit Store(detail::Shared peer) : peer(std::move(peer)) {}

  Collection collection(const std::string &name) const { return {peer, name}; }
  Collection operator[](const std::string &name) const { return collection(name); }
  /// The collections that have documents.
  PendingCollectionsOperation collections() const { return PendingCollectionsOperation(peer); }
  /// Their names.
  std::vector<std::string> collection_names() const {
    std::vector<std::string> names;
    for (const Collection &it : collections().exec()) names.push_back(it.name);
    return names;
  }

  /// Runs a statement of DQL. `args` is what `:name` stands for.
  QueryResult execute(const std::string &query, const detail::Object &args = detail::Object()) const {
    return detail::execute(peer->number, query, args, std::nullopt);
  }

  /// Calls `handler` with what a SELECT gives now, and again whenever that may be something else.
  std::shared_ptr<StoreObserver> register_observer(const std::string &query, StoreObservationHandler handler) const {
    return register_observer(query, detail::Object(), std::move(handler));
  }
  std::shared_ptr<StoreObserver> register_observer(const std::string &query, const detail::Object &args,
                                                   StoreObservationHandler handler) const {
    std::function<void(std::string_view)> tell = [handler = std::move(handler)](std::string_view event) {
      handler(QueryResult(headwater::detail::list_in<headwater::Json>(event, "items")));
    };
    return registered(query, args, std::move(tell));
  }
  /// The same, but not before the handler has called the second thing that it is given.
  std::shared_ptr<StoreObserver> register_observer(const std::string &query,
                                                   StoreObservationHandlerWithNextSignal handler) const {
    return register_observer(query, detail::Object(), std::move(handler));
  }
  std::shared_ptr<StoreObserver> register_observer(const std::string &query, const detail::Object &args,
                                                   StoreObservationHandlerWithNextSignal handler) const {
    detail::Paced::Tell tell = [handler = std::move(handler)](std::string_view event, SignalNext next) {
      handler(QueryResult(headwater::detail::list_in<headwater::Json>(event, "items")), std::move(next));
    };
    return registered(query, args, std::move(tell));
  }
  /// Those that were registered and have not ended.
  std::set<std::shared_ptr<StoreObserver>> get_observers() const { return peer->copy(peer->observers); }

  /// What `write` does with the collections of what it is given is one transaction.
  WriteTransactionResults write(const std::function<void(WriteTransaction &)> &write) const {
    auto results = std::make_shared<WriteTransactionResults>();
    headwater::detail::in_transaction(peer->number, [&](uint64_t number) {
      WriteTransaction transaction({peer->number, number, results});
      write(transaction);
    });
    return std::move(*results);
  }

  /// The statements that `run` executes are one transaction, unless it says `rollback`.
  TransactionCompletionAction transaction(
      const std::function<TransactionCompletionAction(Transaction &)> &run) const {
    struct RolledBack {};
    try {
      headwater::detail::in_transaction(peer->number, [&](uint64_t number) {
        Transaction transaction(peer->number, number);
        if (run(transaction) == TransactionCompletionAction::rollback) throw RolledBack();
      });
    } catch (const RolledBack &) {
      return TransactionCompletionAction::rollback;
    }
    return TransactionCompletionAction::commit;
  }

 private:
  detail::Shared peer;

  template <typename Tell>
  std::shared_ptr<StoreObserver> registered(const std::string &query, const detail::Object &args, Tell tell) const {
    auto observer = std::make_shared<StoreObserver>(peer, query, args, std::move(tell));
    peer->keep(peer->observers, observer);
    return observer;
  }
};

}  // namespace ditto::HEADWATER_DITTO
