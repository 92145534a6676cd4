// Documents, and changing them, by the vendor's names.
//
// Not here: attachments.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "values.hpp"

namespace ditto::HEADWATER_DITTO {

/// A document that was found.
class Document {
 public:
  explicit Document(headwater::Json value) : value_(std::make_shared<headwater::Json>(std::move(value))) {}

  DocumentId id() const { return value_->at("_id"); }
  /// Its fields, with its `_id`.
  detail::Object value() const { return detail::object_of(*value_); }
  DocumentPath operator[](const std::string &name) const {
    return DocumentPath({value_, headwater::detail::join("", name)});
  }

 private:
  std::shared_ptr<headwater::Json> value_;
};

class MutableDocumentPath;

/// A counter in a document that may be changed.
class MutableCounter : public Counter {
 public:
  MutableCounter(double value, headwater::MutableField field) : Counter(value), field(std::move(field)) {}
  /// Adds to it: increments of several peers all count.
  void increment(double amount) { field.increment(amount); }

 private:
  headwater::MutableField field;
};

/// A place in a document that may be changed. Reading it gives what it was before.
class MutableDocumentPath : public PathReader {
 public:
  MutableDocumentPath(detail::Place place, headwater::MutableField field)
      : PathReader(std::move(place)), field(std::move(field)) {}

  MutableDocumentPath operator[](const std::string &name) const { return {place_.at(name), field.at(name)}; }
  MutableDocumentPath operator[](size_t index) const { return {place_.at(index), field.at(index)}; }

  /// Replaces what stands there.
  void set(const detail::Field &value) { field.set(value); }
  /// The same: `doc["age"] = 32`.
  MutableDocumentPath &operator=(const detail::Field &value) {
    field.set(value);
    return *this;
  }
  /// Takes away what stands there.
  void remove() { field.unset(); }
  /// Adds to the counter there.
  void increment(double amount) { field.increment(amount); }
  /// Makes a counter of the number there, or one that begins with 0.
  void replace_with_counter() { field.increment(0); }
  /// The counter there, if it is a number; otherwise nullptr.
  std::shared_ptr<MutableCounter> get_counter() const {
    std::shared_ptr<Counter> counter = PathReader::get_counter();
    return counter ? std::make_shared<MutableCounter>(counter->value(), field) : nullptr;
  }

 private:
  headwater::MutableField field;
};

/// A document in a function that changes it: `doc["age"].set(32)`.
class MutableDocument {
 public:
  explicit MutableDocument(headwater::MutableDocument document)
      : document(std::move(document)), value_(std::make_shared<headwater::Json>(this->document.value())) {}

  DocumentId id() const { return document.id(); }
  /// What it was before.
  detail::Object value() const { return detail::object_of(*value_); }
  MutableDocumentPath operator[](const std::string &name) {
    std::string path = headwater::detail::join("", name);
    return {{value_, path}, document.at(path)};
  }

 private:
  headwater::MutableDocument document;
  std::shared_ptr<headwater::Json> value_;
};

enum class UpdateResultType { set, removed, incremented };

/// A change that was made.
struct UpdateResult {
  UpdateResultType type;
  DocumentId doc_id;
  std::string path;
  /// What was set, or added.
  detail::Field value;
};

using UpdateResults = std::vector<std::unique_ptr<UpdateResult>>;
/// Which changes were made, by documents.
using UpdateResultsMap = std::unordered_map<DocumentId, UpdateResults, DocumentIdHasher>;

using UpdateFunction = std::function<void(MutableDocument &)>;
using UpdateAllFunction = std::function<void(std::vector<MutableDocument> &)>;

namespace detail {

inline UpdateResults results_of(const headwater::MutableDocument &document) {
  UpdateResults results;
  for (const headwater::Change &change : document.changes()) {
    constexpr UpdateResultType types[] = {UpdateResultType::set, UpdateResultType::incremented,
                                          UpdateResultType::removed};
    UpdateResult result{types[static_cast<int>(change.kind())], document.id(), change.path(), field_of(change.value())};
    results.push_back(std::make_unique<UpdateResult>(std::move(result)));
  }
  return results;
}

/// Has `change` change documents within a transaction: what it changed.
inline UpdateResultsMap update(uint64_t peer, const headwater::detail::Which &which, const UpdateAllFunction &change,
                               uint64_t transaction) {
  auto change_all = [&](std::vector<headwater::MutableDocument> &documents) {
    std::vector<MutableDocument> all(documents.begin(), documents.end());
    change(all);
  };
  UpdateResultsMap results;
  for (const auto &document : headwater::detail::update_with(peer, which, change_all, transaction)) {
    results.emplace(document.id(), results_of(document));
  }
  return results;
}

/// The same in a transaction of its own.
inline UpdateResultsMap update(uint64_t peer, const headwater::detail::Which &which, const UpdateAllFunction &change) {
  UpdateResultsMap results;
  headwater::detail::in_transaction(
      peer, [&](uint64_t transaction) { results = update(peer, which, change, transaction); });
  return results;
}

inline UpdateAllFunction each(const UpdateFunction &change) {
  return [&change](std::vector<MutableDocument> &documents) {
    for (MutableDocument &document : documents) change(document);
  };
}

/// Of one document; none if it is not there.
inline UpdateResults first_of(UpdateResultsMap results) {
  return results.empty() ? UpdateResults() : std::move(results.begin()->second);
}

inline std::vector<Document> documents_of(const std::vector<headwater::Json> &values) {
  return {values.begin(), values.end()};
}

}  // namespace detail

}  // namespace ditto::HEADWATER_DITTO
