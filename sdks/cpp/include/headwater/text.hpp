// Texts of JSON: where their parts begin and end. Nothing is decoded that nobody asks for.
//
// Invariants: `is_one_value` is true only of text that can stand in a message without being more than one value there;
// whether it is a good one says the library. Text that is none throws `invalid_value`, and is not read beyond its end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "error.hpp"

namespace headwater::detail {

constexpr size_t NOWHERE = std::string_view::npos;

[[noreturn]] inline void no_json(std::string_view text) {
  constexpr size_t shown = 60;
  throw Error(Code::invalid_value, "no JSON: " + std::string(text.substr(0, shown)));
}

inline bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

inline size_t skip_spaces(std::string_view text, size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

/// The place after the string whose quote is at `at`.
inline size_t string_end(std::string_view text, size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '"') return at + 1;
    if (text[at] == '\\') ++at;
  }
  return NOWHERE;
}

/// The place after the array or object that begins at `at`.
inline size_t nested_end(std::string_view text, size_t at) {
  size_t depth = 0;
  while (at < text.size()) {
    switch (text[at]) {
      case '"':
        at = string_end(text, at);
        continue;
      case '[':
      case '{': ++depth; break;
      case ']':
      case '}':
        if (--depth == 0) return at + 1;
        break;
      default: break;
    }
    ++at;
  }
  return NOWHERE;
}

/// The place after the value that begins at `at`, where no space stands.
inline size_t value_end(std::string_view text, size_t at) {
  if (at >= text.size()) return NOWHERE;
  if (text[at] == '"') return string_end(text, at);
  if (text[at] == '[' || text[at] == '{') return nested_end(text, at);
  size_t begin = at;
  while (at < text.size() && !is_space(text[at]) && std::string_view(",:[]{}\"").find(text[at]) == NOWHERE) ++at;
  return at == begin ? NOWHERE : at;
}

inline bool is_one_value(std::string_view text) {
  size_t end = value_end(text, skip_spaces(text, 0));
  return end != NOWHERE && skip_spaces(text, end) == text.size();
}

/// The value that begins after spaces at `at`, which moves behind it.
inline std::string_view next_value(std::string_view text, size_t &at) {
  at = skip_spaces(text, at);
  size_t end = value_end(text, at);
  if (end == NOWHERE) no_json(text);
  std::string_view value = text.substr(at, end - at);
  at = skip_spaces(text, end);
  return value;
}

/// Whether another element follows; `at` moves behind the comma, or the end.
inline bool has_more(std::string_view text, size_t &at, char end) {
  if (at >= text.size() || (text[at] != ',' && text[at] != end)) no_json(text);
  return text[at++] == ',';
}

/// The place after the bracket that a list begins with, and the spaces after it.
inline size_t list_begin(std::string_view text, char begin) {
  size_t at = skip_spaces(text, 0);
  if (at >= text.size() || text[at] != begin) no_json(text);
  return skip_spaces(text, at + 1);
}

/// Calls `each` with the text of each element of an array.
template <typename Each>
void for_elements(std::string_view array, Each each) {
  size_t at = list_begin(array, '[');
  if (at < array.size() && array[at] == ']') return;
  do each(next_value(array, at));
  while (has_more(array, at, ']'));
}

/// Calls `each` with the name of each field of an object, in quotes, and the text of its value.
template <typename Each>
void for_fields(std::string_view object, Each each) {
  size_t at = list_begin(object, '{');
  if (at < object.size() && object[at] == '}') return;
  do {
    std::string_view name = next_value(object, at);
    if (name.front() != '"' || at >= object.size() || object[at] != ':') no_json(object);
    ++at;
    each(name, next_value(object, at));
  } while (has_more(object, at, '}'));
}

/// The text of a field of an answer, whose names need no escapes; empty if it is not there.
inline std::string_view field(std::string_view object, std::string_view name) {
  std::string_view found;
  for_fields(object, [&](std::string_view quoted, std::string_view value) {
    if (quoted.substr(1, quoted.size() - 2) == name) found = value;
  });
  return found;
}

/// A string of JSON with this text.
inline std::string write_text(std::string_view text) {
  std::string out = "\"";
  out.reserve(text.size() + 2);
  for (char c : text) {
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr const char *digits = "0123456789abcdef";
      ((out += "\\u00") += digits[c >> 4]) += digits[c & 15];
    } else {
      out += c;
    }
  }
  return out += '"';
}

inline uint32_t code_unit(std::string_view quoted, size_t &at) {
  uint32_t unit = 0;
  for (int n = 0; n < 4; ++n, ++at) {
    size_t digit = at < quoted.size() ? std::string_view("0123456789abcdefABCDEF").find(quoted[at]) : NOWHERE;
    if (digit == NOWHERE) no_json(quoted);
    unit = unit << 4 | static_cast<uint32_t>(digit < 16 ? digit : digit - 6);
  }
  return unit;
}

/// Adds the character that the escape `\u` before `at` stands for, as UTF-8.
inline void unescape(std::string &out, std::string_view quoted, size_t &at) {
  uint32_t code = code_unit(quoted, at);
  if (code >= 0xd800 && code < 0xdc00 && quoted.substr(at, 2) == "\\u") {
    at += 2;
    code = 0x10000 + ((code - 0xd800) << 10) + (code_unit(quoted, at) - 0xdc00);
  }
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr unsigned char begins[] = {0, 0xc0, 0xe0, 0xf0};
  out += static_cast<char>(begins[more] | (code >> (6 * more)));
  while (more-- > 0) out += static_cast<char>(0x80 | ((code >> (6 * more)) & 0x3f));
}

/// The text of a string of JSON.
inline std::string read_text(std::string_view quoted) {
  if (quoted.size() < 2 || string_end(quoted, 0) != quoted.size()) no_json(quoted);
  std::string out;
  size_t at = 1, end = quoted.size() - 1;
  while (at < end) {
    char c = quoted[at++];
    if (c != '\\') {
      out += c;
      continue;
    }
    char escaped = quoted[at++];
    size_t plain = std::string_view("bfnrt").find(escaped);
    if (escaped == 'u') {
      unescape(out, quoted.substr(0, end), at);
    } else {
      out += plain == NOWHERE ? escaped : "\b\f\n\r\t"[plain];
    }
  }
  return out;
}

}  // namespace headwater::detail
