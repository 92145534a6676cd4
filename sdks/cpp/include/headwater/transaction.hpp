// Writes that are committed together, or not at all.
//
// Invariants: nothing of other writers comes between the calls of a transaction; if its function throws, nothing of it
// was done.
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "change.hpp"
#include "written.hpp"

namespace headwater {

/// What kinds of fields there are, by their paths: how writes of several peers to one come together.
using FieldTypes = std::vector<std::pair<std::string, std::string>>;

/// A function that changes one document, or all that match.
using Updater = std::function<void(MutableDocument &)>;
using UpdaterOfAll = std::function<void(std::vector<MutableDocument> &)>;

namespace detail {

/// Which documents are meant: by an id, or by a condition and what it says of order and number.
struct Which {
  std::string collection;
  std::optional<Id> id;
  std::string query = "true";
  std::optional<Json> args;
  std::vector<std::string> sort;
  std::optional<uint64_t> offset, limit;

  /// With order and number.
  Message all(std::string_view kind, std::string_view name) const {
    Message message = matching(kind, name);
    if (!sort.empty()) message.raw("sort", list_of(sort));
    return message.number("offset", offset).number("limit", limit);
  }

  /// All that match.
  Message matching(std::string_view kind, std::string_view name) const {
    Message message(kind, name);
    message.text("collection", collection);
    if (id) return message.json("id", id->json());
    return message.text("query", query).json("args", args);
  }
};

inline Message upsert(const std::string &collection, const Json &document, const FieldTypes &types) {
  Message message("call", "upsert");
  message.text("collection", collection).json("value", document);
  if (types.empty()) return message;
  std::string object = "{";
  for (const auto &[path, type] : types) {
    (object += object.size() > 1 ? "," : "") += write_text(path) + ':' + write_text(type);
  }
  return message.raw("types", object + '}');
}

/// The documents that are meant.
inline std::vector<Json> found(uint64_t peer, const Which &which, std::optional<uint64_t> transaction) {
  if (!which.id) {
    return list_in<Json>(ask(peer, which.all("call", "find").number("transaction", transaction)).text(), "documents");
  }
  Answer answer = ask(peer, which.matching("call", "find_by_id").number("transaction", transaction));
  std::string_view document = needed(answer.text(), "document");
  if (document == "null") return {};
  return {Json(document)};
}

/// Runs `run` with the number of a transaction, which is committed then, or rolled back if it throws.
template <typename Run>
Written in_transaction(uint64_t peer, Run run) {
  Answer begun = ask(peer, R"({"call":"begin"})");
  uint64_t transaction = number_in(begun.text(), "transaction").value_or(0);
  try {
    run(transaction);
  } catch (...) {
    try {
      ask(peer, Message("call", "rollback").number("transaction", transaction));
    } catch (const Error &) {
      // It has ended by itself: the peer was closed, or nothing came of it for too long.
    }
    throw;
  }
  return write(peer, Message("call", "commit").number("transaction", transaction));
}

/// Has `change` change the documents that are meant, and writes what it changed: the documents with their changes.
inline std::vector<MutableDocument> update_with(uint64_t peer, const Which &which, const UpdaterOfAll &change,
                                                uint64_t transaction) {
  std::vector<MutableDocument> documents;
  for (Json &document : found(peer, which, transaction)) documents.emplace_back(std::move(document));
  change(documents);
  for (const MutableDocument &document : documents) {
    if (document.changes().empty()) continue;
    Message message("call", "update");
    message.text("collection", which.collection).json("id", document.id().json());
    ask(peer, message.raw("changes", list_of(document.changes())).number("transaction", transaction));
  }
  return documents;
}

/// The same of one document, if it is there.
inline UpdaterOfAll each(const Updater &change) {
  return [change](std::vector<MutableDocument> &documents) {
    for (MutableDocument &document : documents) change(document);
  };
}

}  // namespace detail

/// A collection in a transaction.
class TransactionCollection {
 public:
  TransactionCollection(uint64_t peer, uint64_t transaction, std::string name)
      : peer_(peer), transaction_(transaction), name_(std::move(name)) {}

  const std::string &name() const noexcept { return name_; }

  /// As `Collection::upsert`: the document's id.
  Id upsert(const Json &document, const FieldTypes &types = {}) const {
    detail::Answer answer = ask(detail::upsert(name_, document, types));
    return Json(detail::needed(answer.text(), "id"));
  }

  std::optional<Json> find_by_id(const Id &id) const {
    std::vector<Json> found = detail::found(peer_, which(id), transaction_);
    return found.empty() ? std::nullopt : std::optional(found.front());
  }

  /// The documents that match a condition of the legacy query language.
  std::vector<Json> find(std::string_view query = "true", std::optional<Json> args = std::nullopt) const {
    detail::Which all{name_, {}, std::string(query), std::move(args), {}, {}, {}};
    return detail::found(peer_, all, transaction_);
  }

  /// Whether the document is there.
  bool update(const Id &id, const Changes &changes) const {
    detail::Message message = which(id).matching("call", "update");
    return wrote(message.raw("changes", detail::list_of(changes)));
  }

  bool update(const Id &id, const Updater &change) const {
    return !detail::update_with(peer_, which(id), detail::each(change), transaction_).empty();
  }

  /// Whether the document was there.
  bool remove(const Id &id) const { return wrote(which(id).matching("call", "remove")); }

#if HEADWATER_HAS_NLOHMANN
  Id upsert(nlohmann::json::initializer_list_t document, const FieldTypes &types = {}) const {
    return upsert(Json(nlohmann::json(document)), types);
  }
#endif

 private:
  uint64_t peer_, transaction_;
  std::string name_;

  detail::Which which(const Id &id) const { return {name_, id, {}, {}, {}, {}, {}}; }
  detail::Answer ask(detail::Message message) const {
    return detail::ask(peer_, message.number("transaction", transaction_));
  }
  bool wrote(const detail::Message &message) const {
    return !detail::list_in<Id>(ask(message).text(), "ids").empty();
  }
};

/// A transaction in the making. Its reads see what it has written.
class Transaction {
 public:
  Transaction(uint64_t peer, uint64_t number) : peer_(peer), number_(number) {}

  TransactionCollection collection(std::string_view name) const { return {peer_, number_, std::string(name)}; }

  /// Runs a statement of DQL: the rows of a SELECT, or what RETURNING says.
  std::vector<Json> execute(std::string_view statement, std::optional<Json> args = std::nullopt) const {
    detail::Message message("call", "execute");
    message.text("statement", statement).json("args", args).number("transaction", number_);
    return detail::list_in<Json>(detail::ask(peer_, message).text(), "items");
  }

#if HEADWATER_HAS_NLOHMANN
  std::vector<Json> execute(std::string_view statement, nlohmann::json::initializer_list_t args) const {
    return execute(statement, Json(nlohmann::json(args)));
  }
#endif

 private:
  uint64_t peer_, number_;
};

/// What a transaction's function gave, and what was written.
template <typename Result>
struct Committed {
  Result value;
  Written written;
};

}  // namespace headwater
