// Why something was not done: the one class of errors, with a code of the list in sdks/calls.json.
//
// Not here: which code a fault has (the library says that).
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "codes.hpp"

namespace headwater {

/// Why something was not done. `code()` says it for programs, `what()` for people.
class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string &message) : std::runtime_error(message), code_(code), name_(name_of(code)) {}

  /// By the name of its code: of a newer library it may be one that is not known here.
  Error(std::string_view name, const std::string &message)
      : std::runtime_error(message), code_(code_of(name)), name_(name) {}

  /// `Code::unknown` if this header is older than the library: then `code_name()` says more.
  Code code() const noexcept { return code_; }

  /// As messages name it: `invalid_query`, say.
  const std::string &code_name() const noexcept { return name_; }

 private:
  Code code_;
  std::string name_;
};

}  // namespace headwater
