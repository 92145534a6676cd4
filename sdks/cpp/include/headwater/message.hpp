// Messages to the library and its answers: docs/reference/small-peer-calls.md says which there are.
//
// Invariants: bytes of an answer are given back once, by the library that made them; an answer that is an error is
// thrown.
#pragma once

#include <headwater.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json.hpp"

namespace headwater::detail {

/// Which list of calls these headers know (`sdks/calls.json`).
constexpr int64_t ABI = 1;

/// A request in the making.
class Message {
 public:
  /// `call` or `watch`, and which.
  Message(std::string_view kind, std::string_view name) : text_("{\"") {
    ((text_ += kind) += "\":\"") += name;
    text_ += '"';
  }

  Message &text(std::string_view name, std::string_view value) { return raw(name, write_text(value)); }
  Message &number(std::string_view name, uint64_t value) { return raw(name, std::to_string(value)); }
  Message &flag(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }

  /// Text that an app gives is looked at first: it is one value, and no more.
  Message &json(std::string_view name, const Json &value) {
    if (!is_one_value(value.text())) no_json(value.text());
    return raw(name, value.text());
  }

  /// The same if there is one.
  Message &json(std::string_view name, const std::optional<Json> &value) {
    return value ? json(name, *value) : *this;
  }

  Message &number(std::string_view name, const std::optional<uint64_t> &value) {
    return value ? number(name, *value) : *this;
  }

  /// What is known to be one value of JSON.
  Message &raw(std::string_view name, std::string_view value) {
    ((text_ += ",\"") += name) += "\":";
    text_ += value;
    return *this;
  }

  std::string done() const { return text_ + '}'; }

 private:
  std::string text_;
};

/// A list of texts that are known to be JSON.
inline std::string list_of(const std::vector<std::string> &texts) {
  std::string list = "[";
  for (const std::string &text : texts) (list += list.size() > 1 ? "," : "") += text;
  return list += ']';
}

/// What the library answered, which goes back to it.
class Answer {
 public:
  Answer() = default;
  Answer(Answer &&other) noexcept : data(std::exchange(other.data, nullptr)), length(std::exchange(other.length, 0)) {}
  Answer &operator=(Answer &&other) noexcept {
    std::swap(data, other.data);
    std::swap(length, other.length);
    return *this;
  }
  ~Answer() { headwater_free(data, length); }

  std::string_view text() const { return {reinterpret_cast<const char *>(data), length}; }

  uint8_t *data = nullptr;
  size_t length = 0;
};

inline const uint8_t *bytes_of(std::string_view text) { return reinterpret_cast<const uint8_t *>(text.data()); }

/// Whether an answer or event says an error.
inline bool is_error(std::string_view message) { return message.rfind("{\"error\":", 0) == 0; }

/// The error that an answer or event says; if it is no JSON, the one of the number that came with it.
inline Error error_in(std::string_view message, int32_t number = static_cast<int32_t>(Code::internal)) {
  if (!is_error(message)) return Error(static_cast<Code>(number), "the library did not do it");
  std::string_view error = field(message, "error");
  return Error(read_text(field(error, "code")), read_text(field(error, "message")));
}

/// Asks a peer, and waits for what it answers.
inline Answer ask(uint64_t peer, std::string_view message) {
  Answer answer;
  int32_t error = headwater_call(peer, bytes_of(message), message.size(), &answer.data, &answer.length);
  if (error != 0) throw error_in(answer.text(), error);
  return answer;
}

inline Answer ask(uint64_t peer, const Message &message) { return ask(peer, message.done()); }

/// What an answer has at a name that it always has.
inline std::string_view needed(std::string_view answer, std::string_view name) {
  std::string_view found = field(answer, name);
  if (found.empty()) throw Error(Code::internal, "the library's answer has no " + std::string(name));
  return found;
}

/// A number that an answer may have.
inline std::optional<uint64_t> number_in(std::string_view answer, std::string_view name) {
  std::string_view found = field(answer, name);
  if (found.empty() || found == "null") return std::nullopt;
  return static_cast<uint64_t>(Json(found).as_integer());
}

/// Text that an answer may have.
inline std::optional<std::string> text_in(std::string_view answer, std::string_view name) {
  std::string_view found = field(answer, name);
  if (found.empty() || found == "null") return std::nullopt;
  return read_text(found);
}

/// A list of values, or of ids.
template <typename Element>
std::vector<Element> list_in(std::string_view answer, std::string_view name) {
  std::vector<Element> all;
  for_elements(needed(answer, name), [&](std::string_view text) { all.emplace_back(Json(text)); });
  return all;
}

}  // namespace headwater::detail
