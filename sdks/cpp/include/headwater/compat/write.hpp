// Upserts and write transactions, by the vendor's names.
//
// Invariants: what a transaction's function does is all done, or nothing of it if it throws.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "documents.hpp"

namespace ditto::HEADWATER_DITTO {

enum class WriteStrategy { merge, insert_if_absent, insert_default_if_absent, update_different_values };

enum class SortDirection { ascending, descending };

enum class WriteTransactionResultType { inserted, updated, removed, evicted };

/// What was written of a document.
struct WriteTransactionResult {
  WriteTransactionResultType type;
  DocumentId doc_id;
  std::string collection_name;
};

using WriteTransactionResults = std::vector<std::unique_ptr<WriteTransactionResult>>;

namespace detail {

/// How statements write what the other strategies mean.
inline std::string statement_of(WriteStrategy strategy, const std::string &collection) {
  std::string quoted = "`";
  for (char c : collection) quoted += c == '`' ? std::string("``") : std::string(1, c);
  std::string statement = "INSERT INTO " + quoted + "` ";
  switch (strategy) {
    case WriteStrategy::insert_if_absent: return statement + "DOCUMENTS (:value) ON ID CONFLICT DO NOTHING";
    case WriteStrategy::insert_default_if_absent: return statement + "INITIAL DOCUMENTS (:value)";
    default: return statement + "DOCUMENTS (:value) ON ID CONFLICT DO UPDATE_LOCAL_DIFF";
  }
}

inline DocumentId upsert(uint64_t peer, const std::string &collection, const Object &content, WriteStrategy strategy,
                         std::optional<uint64_t> transaction) {
  using headwater::detail::Message;
  headwater::Json value = content;
  if (strategy == WriteStrategy::merge) {
    Message message = headwater::detail::upsert(collection, value, {});
    auto answer = headwater::detail::ask(peer, message.number("transaction", transaction));
    return headwater::Json(headwater::detail::needed(answer.text(), "id"));
  }
  Message message("call", "execute");
  Message args("value", "");  // looks at the value
  args.json("value", value);
  message.text("statement", statement_of(strategy, collection)).raw("args", "{\"value\":" + value.text() + '}');
  auto answer = headwater::detail::ask(peer, message.number("transaction", transaction));
  auto mutated = headwater::detail::list_in<headwater::Id>(answer.text(), "mutated");
  return mutated.empty() ? DocumentId(value.at("_id")) : DocumentId(mutated.front());
}

inline std::string sorted_by(const std::string &path, SortDirection direction) {
  std::string by = "{\"path\":" + headwater::detail::write_text(path);
  return by + (direction == SortDirection::descending ? ",\"descending\":true}" : "}");
}

/// Where a write transaction is, and what it has written.
struct Writing {
  uint64_t peer, transaction;
  std::shared_ptr<WriteTransactionResults> results;

  void note(WriteTransactionResultType type, const DocumentId &id, const std::string &collection) const {
    results->push_back(std::make_unique<WriteTransactionResult>(WriteTransactionResult{type, id, collection}));
  }

  UpdateResultsMap update(const headwater::detail::Which &which, const UpdateAllFunction &change) const {
    UpdateResultsMap changed = detail::update(peer, which, change, transaction);
    for (const auto &[id, all] : changed) note(WriteTransactionResultType::updated, id, which.collection);
    return changed;
  }

  std::vector<DocumentId> remove(const headwater::detail::Which &which) const {
    auto message = which.matching("call", "remove");
    auto answer = headwater::detail::ask(peer, message.number("transaction", transaction));
    auto ids = ids_of(headwater::detail::list_in<headwater::Id>(answer.text(), "ids"));
    for (const DocumentId &id : ids) note(WriteTransactionResultType::removed, id, which.collection);
    return ids;
  }

  std::vector<Document> found(const headwater::detail::Which &which) const {
    return documents_of(headwater::detail::found(peer, which, transaction));
  }
};

}  // namespace detail

/// Documents in a write transaction. Nothing is looked for until one of the last calls.
class WriteTransactionPendingCursorOperation {
 public:
  WriteTransactionPendingCursorOperation(detail::Writing writing, headwater::detail::Which which)
      : writing(std::move(writing)), which(std::move(which)) {}

  WriteTransactionPendingCursorOperation &sort(const std::string &path, SortDirection direction) {
    which.sort.push_back(detail::sorted_by(path, direction));
    return *this;
  }
  WriteTransactionPendingCursorOperation &limit(uint32_t limit) {
    which.limit = limit;
    return *this;
  }
  WriteTransactionPendingCursorOperation &offset(uint32_t offset) {
    which.offset = offset;
    return *this;
  }

  std::vector<Document> exec() const { return writing.found(which); }
  UpdateResultsMap update(const UpdateAllFunction &change) const { return writing.update(which, change); }
  std::vector<DocumentId> remove() const { return writing.remove(which); }

 private:
  detail::Writing writing;
  headwater::detail::Which which;
};

/// A document in a write transaction.
class WriteTransactionPendingIDSpecificOperation {
 public:
  WriteTransactionPendingIDSpecificOperation(detail::Writing writing, headwater::detail::Which which)
      : writing(std::move(writing)), which(std::move(which)) {}

  /// nullptr if it is not there.
  std::shared_ptr<Document> exec() const {
    std::vector<Document> found = writing.found(which);
    return found.empty() ? nullptr : std::make_shared<Document>(found.front());
  }
  UpdateResults update(const UpdateFunction &change) const {
    return detail::first_of(writing.update(which, detail::each(change)));
  }
  /// Whether it was there.
  bool remove() const { return !writing.remove(which).empty(); }

 private:
  detail::Writing writing;
  headwater::detail::Which which;
};

/// A collection in a write transaction.
class ScopedWriteTransaction {
 public:
  ScopedWriteTransaction(detail::Writing writing, std::string name)
      : collection_name(std::move(name)), writing(std::move(writing)) {}

  std::string collection_name;

  DocumentId upsert(const detail::Object &content, WriteStrategy strategy = WriteStrategy::merge) const {
    DocumentId id = detail::upsert(writing.peer, collection_name, content, strategy, writing.transaction);
    writing.note(WriteTransactionResultType::inserted, id, collection_name);
    return id;
  }
  WriteTransactionPendingCursorOperation find(const std::string &query,
                                              const detail::Object &args = detail::Object()) const {
    return {writing, {collection_name, {}, query, detail::arguments(args), {}, {}, {}}};
  }
  WriteTransactionPendingCursorOperation find_all() const { return find("true"); }
  WriteTransactionPendingIDSpecificOperation find_by_id(const DocumentId &id) const {
    return {writing, {collection_name, id.id(), {}, {}, {}, {}, {}}};
  }

 private:
  detail::Writing writing;
};

/// Writes that are committed together, or not at all.
class WriteTransaction {
 public:
  explicit WriteTransaction(detail::Writing writing) : writing(std::move(writing)) {}

  /// A collection in it.
  ScopedWriteTransaction scoped(const std::string &name) const { return {writing, name}; }
  ScopedWriteTransaction operator[](const std::string &name) const { return scoped(name); }

 private:
  detail::Writing writing;
};

}  // namespace ditto::HEADWATER_DITTO
