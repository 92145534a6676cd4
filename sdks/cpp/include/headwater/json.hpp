// Values that go in and come out: documents, arguments, fields, ids. They are kept as text, and read where somebody
// asks for a part.
//
// Invariants: a `Json` that was made of text is looked at when it is read or sent, not before; one that came from the
// library is JSON.
#pragma once

#include <charconv>
#include <cstddef>
#include <locale>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nlohmann.hpp"
#include "paths.hpp"
#include "text.hpp"

namespace headwater {

class Json;

namespace detail {

template <typename T>
constexpr bool is_text = std::is_convertible_v<const std::decay_t<T> &, std::string_view> &&
                         !std::is_same_v<std::decay_t<T>, std::nullptr_t> && !std::is_same_v<std::decay_t<T>, Json> &&
                         !is_nlohmann<T>;

template <typename Text>
std::string owned(Text &&text) {
  if constexpr (std::is_same_v<Text, std::string>) {
    return std::move(text);
  } else {
    return std::string(std::string_view(text));
  }
}

template <typename T>
constexpr bool is_number = std::is_arithmetic_v<std::decay_t<T>> && !std::is_same_v<std::decay_t<T>, bool>;

/// A number as JSON has it. What is no integer here is none there.
template <typename Number>
std::string written_number(Number number) {
  if constexpr (std::is_integral_v<Number>) {
    return std::to_string(number);
  } else {
    if (number - number != 0) throw Error(Code::invalid_value, "NaN and infinity are no numbers of JSON");
    std::ostringstream out;
    out.imbue(std::locale::classic());
    out.precision(std::is_same_v<Number, float> ? 9 : 17);
    out << number;
    std::string text = out.str();
    return text.find_first_of(".eE") == NOWHERE ? text + ".0" : text;
  }
}

}  // namespace detail

/// A value of JSON, as text. A string makes one that it is the text of; a nlohmann::json makes one that says it.
class Json {
 public:
  enum class Kind { null, boolean, number, string, array, object };

  /// null
  Json() : text_("null") {}

  /// What this is the text of: `{"name": "Susan"}`. Text that is no JSON is `invalid_value` where it is used.
  template <typename Text, std::enable_if_t<detail::is_text<Text>, int> = 0>
  Json(Text &&text) : text_(detail::owned(std::forward<Text>(text))) {}

  template <typename Value, std::enable_if_t<detail::is_nlohmann<Value>, long> = 0>
  Json(const Value &value) : text_(detail::written(value)) {}

  const std::string &text() const &noexcept { return text_; }
  std::string text() &&noexcept { return std::move(text_); }

  Kind kind() const;
  bool is_null() const { return kind() == Kind::null; }

  /// Of a string its text, of other kinds: each throws `invalid_value` if it is none such.
  std::string as_string() const;
  bool as_bool() const;
  int64_t as_integer() const;
  double as_number() const;

  /// What stands at a path such as `address.town` or `tags[0]`, if something does.
  std::optional<Json> find(std::string_view path) const;
  /// The same, which throws `invalid_value` if nothing does.
  Json at(std::string_view path) const;
  /// Of an array.
  std::vector<Json> elements() const;
  /// Of an object, by their names.
  std::vector<std::pair<std::string, Json>> fields() const;

#if HEADWATER_HAS_NLOHMANN
  nlohmann::json value() const { return detail::read(text_); }

  friend void to_json(nlohmann::json &out, const Json &json) { out = json.value(); }
#endif

  friend std::ostream &operator<<(std::ostream &out, const Json &json) { return out << json.text_; }

 private:
  std::string text_;

  std::string_view trimmed() const;
  [[noreturn]] void refuse(const char *wanted) const {
    throw Error(Code::invalid_value, "no " + std::string(wanted) + ": " + text_.substr(0, 60));
  }
};

/// A field's value, or the id of a document: text is a string here. What is no text, number, boolean or nullptr is
/// given as a Json, or as a nlohmann::json.
class Value {
 public:
  Value() = default;
  Value(std::nullptr_t) {}
  Value(Json json) : json_(std::move(json)) {}
  Value(bool truth) : json_(truth ? "true" : "false") {}

  template <typename Text, std::enable_if_t<detail::is_text<Text>, int> = 0>
  Value(const Text &text) : json_(detail::write_text(text)) {}

  template <typename Number, std::enable_if_t<detail::is_number<Number>, long> = 0>
  Value(Number number) : json_(detail::written_number(number)) {}

  template <typename Other, std::enable_if_t<detail::is_nlohmann<Other>, long long> = 0>
  Value(const Other &value) : json_(value) {}

  const Json &json() const noexcept { return json_; }

  /// A string is itself, everything else is JSON.
  std::string text() const { return json_.kind() == Json::Kind::string ? json_.as_string() : json_.text(); }

  friend bool operator==(const Value &one, const Value &other) { return one.json_.text() == other.json_.text(); }
  friend bool operator!=(const Value &one, const Value &other) { return !(one == other); }
  friend bool operator<(const Value &one, const Value &other) { return one.json_.text() < other.json_.text(); }
  friend std::ostream &operator<<(std::ostream &out, const Value &value) { return out << value.text(); }

#if HEADWATER_HAS_NLOHMANN
  friend void to_json(nlohmann::json &out, const Value &value) { out = value.json_.value(); }
#endif

 private:
  Json json_;
};

/// The id of a document: a string most of the time.
using Id = Value;

inline std::string_view Json::trimmed() const {
  size_t at = 0;
  std::string_view value = detail::next_value(text_, at);
  if (at != text_.size()) detail::no_json(text_);
  return value;
}

inline Json::Kind Json::kind() const {
  switch (trimmed().front()) {
    case '"': return Kind::string;
    case '{': return Kind::object;
    case '[': return Kind::array;
    case 't':
    case 'f': return Kind::boolean;
    case 'n': return Kind::null;
    default: return Kind::number;
  }
}

inline std::string Json::as_string() const {
  if (kind() != Kind::string) refuse("string");
  return detail::read_text(trimmed());
}

inline bool Json::as_bool() const {
  std::string_view text = trimmed();
  if (text != "true" && text != "false") refuse("boolean");
  return text == "true";
}

inline int64_t Json::as_integer() const {
  std::string_view text = trimmed();
  int64_t number = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size()) refuse("integer of 64 bits");
  return number;
}

inline double Json::as_number() const {
  if (kind() != Kind::number) refuse("number");
  std::istringstream in{std::string(trimmed())};
  in.imbue(std::locale::classic());
  double number = 0;
  if (!(in >> number) || in.peek() != std::istringstream::traits_type::eof()) refuse("number");
  return number;
}

inline std::vector<Json> Json::elements() const {
  std::vector<Json> all;
  detail::for_elements(trimmed(), [&](std::string_view text) { all.emplace_back(text); });
  return all;
}

inline std::vector<std::pair<std::string, Json>> Json::fields() const {
  std::vector<std::pair<std::string, Json>> all;
  detail::for_fields(trimmed(), [&](std::string_view name, std::string_view text) {
    all.emplace_back(detail::read_text(name), Json(text));
  });
  return all;
}

namespace detail {

/// The element or field that a step names; empty if there is none.
inline std::string_view step_into(std::string_view value, std::string_view step) {
  std::string_view found;
  if (value.front() == '[' && step.front() == '#') {
    std::string wanted(step.substr(1));
    size_t place = 0;
    for_elements(value, [&](std::string_view element) {
      if (std::to_string(place++) == wanted) found = element;
    });
  } else if (value.front() == '{' && step.front() == '.') {
    for_fields(value, [&](std::string_view name, std::string_view text) {
      if (read_text(name) == step.substr(1)) found = text;
    });
  }
  return found;
}

}  // namespace detail

inline std::optional<Json> Json::find(std::string_view path) const {
  std::string_view at = trimmed();
  for (const std::string &step : detail::steps(path)) {
    at = detail::step_into(at, step);
    if (at.empty()) return std::nullopt;
  }
  return Json(at);
}

inline Json Json::at(std::string_view path) const {
  if (std::optional<Json> found = find(path)) return *std::move(found);
  throw Error(Code::invalid_value, "nothing stands at " + std::string(path));
}

}  // namespace headwater
