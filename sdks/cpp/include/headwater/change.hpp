// Changes of fields.
//
// Not here: what becomes of changes of several peers (docs/guides/small-peers.md).
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "message.hpp"

namespace headwater {

/// A change of what stands at a path such as `address.town` or `tags[0]`.
class Change {
 public:
  enum class Kind { set, increment, unset };

  /// Replaces what stands at `path`.
  static Change set(std::string_view path, const Value &value) {
    if (!detail::is_one_value(value.json().text())) detail::no_json(value.json().text());
    return Change(Kind::set, path, value);
  }

  /// Adds to the counter at `path`: increments of several peers all count.
  static Change increment(std::string_view path, double by) {
    constexpr double exact_max = 9007199254740992.0;
    bool is_integer = std::trunc(by) == by && std::abs(by) <= exact_max;
    return Change(Kind::increment, path, is_integer ? Value(static_cast<int64_t>(by)) : Value(by));
  }

  /// Takes away what stands at `path`.
  static Change unset(std::string_view path) { return Change(Kind::unset, path, Value(true)); }

  Kind kind() const noexcept { return kind_; }
  const std::string &path() const noexcept { return path_; }
  /// What is set, or added.
  const Value &value() const noexcept { return value_; }

  /// As a message has it.
  std::string message() const {
    constexpr const char *names[] = {"set", "increment", "unset"};
    std::string text = "{\"path\":" + detail::write_text(path_) + ",\"";
    return (text += names[static_cast<int>(kind_)]) += "\":" + value_.json().text() + '}';
  }

 private:
  Change(Kind kind, std::string_view path, Value value) : kind_(kind), path_(path), value_(std::move(value)) {}

  Kind kind_;
  std::string path_;
  Value value_;
};

using Changes = std::vector<Change>;

class MutableField;

/// A document in a function that changes it. Reading it gives what it was before.
class MutableDocument {
 public:
  explicit MutableDocument(Json value)
      : value_(std::make_shared<Json>(std::move(value))), changes_(std::make_shared<Changes>()) {}

  Id id() const { return value_->at("_id"); }
  const Json &value() const noexcept { return *value_; }
  /// The field at `path`, as in `address.town` or `tags[0]`.
  MutableField at(std::string_view path) const;
  /// What was asked of it, in order.
  const Changes &changes() const noexcept { return *changes_; }

 private:
  std::shared_ptr<Json> value_;
  std::shared_ptr<Changes> changes_;
};

/// A place in a MutableDocument.
class MutableField {
 public:
  MutableField(std::shared_ptr<Json> document, std::shared_ptr<Changes> changes, std::string path)
      : document_(std::move(document)), changes_(std::move(changes)), path_(std::move(path)) {}

  const std::string &path() const noexcept { return path_; }
  /// What stood there before.
  std::optional<Json> value() const { return document_->find(path_); }

  /// A field of what stands here, or an element.
  MutableField at(std::string_view name) const { return {document_, changes_, detail::join(path_, name)}; }
  MutableField at(size_t index) const { return {document_, changes_, detail::join(path_, index)}; }

  void set(const Value &value) { changes_->push_back(Change::set(path_, value)); }
  void increment(double by) { changes_->push_back(Change::increment(path_, by)); }
  /// Takes it away.
  void unset() { changes_->push_back(Change::unset(path_)); }

 private:
  std::shared_ptr<Json> document_;
  std::shared_ptr<Changes> changes_;
  std::string path_;
};

inline MutableField MutableDocument::at(std::string_view path) const {
  return {value_, changes_, std::string(path)};
}

namespace detail {

inline std::string list_of(const Changes &changes) {
  std::vector<std::string> texts;
  for (const Change &change : changes) texts.push_back(change.message());
  return list_of(texts);
}

}  // namespace detail

}  // namespace headwater
