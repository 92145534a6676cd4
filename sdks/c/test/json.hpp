// JSON as the vectors need it: integers of 64 bits stay what they are, and numbers keep their text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct Json {
  enum Kind { Null, Bool, Number, String, Array, Object };

  Kind kind = Null;
  bool truth = false;
  // Of a string its characters in UTF-8; of a number as it is written.
  std::string text;
  std::vector<Json> elements;
  std::vector<std::pair<std::string, Json>> fields;

  // Throws if it is none.
  static Json read(std::string_view text);
  static Json of(std::string text);
  std::string write() const;

  // The field of this name, if there is one.
  const Json *find(std::string_view name) const;
  const Json &operator[](std::string_view name) const;
  void set(std::string_view name, Json value);
  bool is_name() const;
};

// Whether they are the same number, and both or neither are integers.
bool is_same_number(const std::string &one, const std::string &other);
