// What names such as `$id` in vectors stand for, and how values are compared.
#pragma once

#include <map>
#include <string>

#include "json.hpp"

class Names {
 public:
  // With what the names in it stand for.
  Json fill(const Json &json) const;
  // Throws if it is not what is expected. A name stands for what it meets first.
  void check(const Json &expected, const Json &actual);

 private:
  std::map<std::string, Json> known;

  void check_fields(const Json &expected, const Json &actual);
};
