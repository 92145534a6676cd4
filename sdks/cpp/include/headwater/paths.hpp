// Paths to places in documents, as text: `a.b`, `a['b-c']`, `a[0]`.
//
// Not here: what a path means (docs/reference/query-language.md, "Fields").
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "text.hpp"

namespace headwater::detail {

inline bool may_stand_bare(std::string_view name) {
  auto is_special = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f || std::string_view(".[]'\"`").find(c) != NOWHERE;
  };
  return !name.empty() && std::none_of(name.begin(), name.end(), is_special);
}

/// The path of a field of what stands at `path`, which is empty for the document.
inline std::string join(std::string_view path, std::string_view name) {
  std::string joined(path);
  if (may_stand_bare(name)) return (path.empty() ? joined : joined += '.') += name;
  joined += "['";
  for (char c : name) {
    if (c == '\\' || c == '\'') joined += '\\';
    joined += c;
  }
  return joined += "']";
}

inline std::string join(std::string_view path, size_t index) {
  return (std::string(path) += '[') += std::to_string(index) + ']';
}

/// The name in the quotes that `at` stands behind, and moves over with the bracket.
inline std::string quoted_step(std::string_view path, size_t &at, char quote) {
  std::string name = ".";
  while (at < path.size() && path[at] != quote) {
    if (path[at] == '\\' && at + 1 < path.size()) ++at;
    name += path[at++];
  }
  at = std::min(at + 2, path.size());
  return name;
}

/// A field is `.` and its name, an element `#` and its index.
inline std::vector<std::string> steps(std::string_view path) {
  std::vector<std::string> all;
  for (size_t at = 0; at < path.size();) {
    if (path[at] == '.' || path[at] == ']') {
      ++at;
    } else if (path[at] == '[') {
      char next = ++at < path.size() ? path[at] : ']';
      if (next == '\'' || next == '"') {
        all.push_back(quoted_step(path, ++at, next));
      } else {
        size_t end = std::min(path.find(']', at), path.size());
        all.push_back('#' + std::string(path.substr(at, end - at)));
        at = end;
      }
    } else {
      size_t end = std::min(path.find_first_of(".[", at), path.size());
      all.push_back('.' + std::string(path.substr(at, end - at)));
      at = end;
    }
  }
  return all;
}

}  // namespace headwater::detail
