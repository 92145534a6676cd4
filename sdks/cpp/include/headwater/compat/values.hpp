// Values by the vendor's names: ids, and what stands at a place in a document.
//
// Invariants: with nlohmann::json every value is one, as with the vendor; without it documents and arguments are texts
// of JSON, and fields are headwater::Value. The two are different types to the linker.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "../headwater.hpp"

#if HEADWATER_HAS_NLOHMANN
#define HEADWATER_DITTO with_json
#else
#define HEADWATER_DITTO with_text
#endif

namespace ditto {

inline namespace HEADWATER_DITTO {}

using DittoError = headwater::Error;

}  // namespace ditto

namespace ditto::HEADWATER_DITTO {

namespace detail {

#if HEADWATER_HAS_NLOHMANN
using Object = nlohmann::json;
using Field = nlohmann::json;

inline std::optional<headwater::Json> arguments(const Object &args) {
  return args.is_null() ? std::nullopt : std::optional<headwater::Json>(headwater::Json(args));
}

inline Object object_of(const headwater::Json &json) { return json.value(); }
inline Field field_of(const headwater::Value &value) { return value.json().value(); }
#else
using Object = headwater::Json;
using Field = headwater::Value;

inline std::optional<headwater::Json> arguments(const Object &args) {
  return args.is_null() ? std::nullopt : std::optional<headwater::Json>(args);
}

inline Object object_of(const headwater::Json &json) { return json; }
inline Field field_of(const headwater::Value &value) { return value; }
#endif

/// What stands at a place in a value that others may hold too.
struct Place {
  std::shared_ptr<headwater::Json> value;
  std::string path;

  Place at(const std::string &name) const { return {value, headwater::detail::join(path, name)}; }
  Place at(size_t index) const { return {value, headwater::detail::join(path, index)}; }
  std::optional<headwater::Json> find() const { return value->find(path); }
};

}  // namespace detail

/// A number to which several peers add.
class Counter {
 public:
  explicit Counter(double value = 0) : value_(value) {}
  double value() const { return value_; }
  double get_value() const { return value_; }

 private:
  double value_;
};

/// Reads what stands at a place. Where nothing stands, or something else, each gives 0, false, or an empty text.
class PathReader {
 public:
  explicit PathReader(detail::Place place) : place_(std::move(place)) {}

  std::string get_string_value() const {
    auto found = of(headwater::Json::Kind::string);
    return found ? found->as_string() : "";
  }
  int get_int_value() const { return static_cast<int>(get_double_value()); }
  double get_double_value() const {
    auto found = of(headwater::Json::Kind::number);
    return found ? found->as_number() : 0;
  }
  float get_float_value() const { return static_cast<float>(get_double_value()); }
  bool get_bool_value() const {
    auto found = of(headwater::Json::Kind::boolean);
    return found && found->as_bool();
  }
  /// The counter there, if it is a number; otherwise nullptr.
  std::shared_ptr<Counter> get_counter() const {
    auto found = of(headwater::Json::Kind::number);
    return found ? std::make_shared<Counter>(found->as_number()) : nullptr;
  }
  /// What stands there, or null.
  detail::Object get_json() const { return detail::object_of(place_.find().value_or(headwater::Json())); }

 protected:
  detail::Place place_;

 private:
  std::optional<headwater::Json> of(headwater::Json::Kind kind) const {
    std::optional<headwater::Json> found = place_.find();
    return found && found->kind() == kind ? found : std::nullopt;
  }
};

/// A place in a document.
class DocumentPath : public PathReader {
 public:
  using PathReader::PathReader;
  DocumentPath operator[](const std::string &name) const { return DocumentPath(place_.at(name)); }
  DocumentPath operator[](size_t index) const { return DocumentPath(place_.at(index)); }
};

using DocumentIdPath = DocumentPath;

/// The id of a document: a string most of the time.
class DocumentId {
 public:
  DocumentId() = default;

  template <typename Id, std::enable_if_t<std::is_constructible_v<headwater::Value, const Id &> &&
                                              !std::is_same_v<std::decay_t<Id>, DocumentId>,
                                          int> = 0>
  DocumentId(const Id &id) : value_(id) {}

  /// A string is itself, everything else is JSON.
  std::string to_string() const { return value_.text(); }
  /// As a query takes it.
  std::string to_query_compatible_string() const { return value_.json().text(); }
  detail::Field value() const { return detail::field_of(value_); }
  /// A place in an id that is an object.
  DocumentIdPath operator[](const std::string &name) const {
    return DocumentIdPath({std::make_shared<headwater::Json>(value_.json()), headwater::detail::join("", name)});
  }
  /// By Headwater's own name.
  const headwater::Id &id() const noexcept { return value_; }

  friend bool operator==(const DocumentId &one, const DocumentId &other) { return one.value_ == other.value_; }
  friend bool operator!=(const DocumentId &one, const DocumentId &other) { return one.value_ != other.value_; }
  friend bool operator<(const DocumentId &one, const DocumentId &other) { return one.value_ < other.value_; }
  friend std::ostream &operator<<(std::ostream &out, const DocumentId &id) { return out << id.value_; }

#if HEADWATER_HAS_NLOHMANN
  friend void to_json(nlohmann::json &out, const DocumentId &id) { out = id.value(); }
#endif

 private:
  headwater::Id value_;
};

/// For unordered containers.
struct DocumentIdHasher {
  size_t operator()(const DocumentId &id) const { return std::hash<std::string>()(id.to_query_compatible_string()); }
};

namespace detail {

inline std::vector<DocumentId> ids_of(const std::vector<headwater::Id> &ids) { return {ids.begin(), ids.end()}; }

}  // namespace detail

}  // namespace ditto::HEADWATER_DITTO
