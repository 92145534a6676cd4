// Whether nlohmann::json is there, and how its values become messages. `HEADWATER_NO_NLOHMANN` is for programs that
// have it and want to do without.
//
// Invariants: what JSON cannot say (NaN, infinity, bytes, text that is no UTF-8) is an `invalid_value`, and never
// something else in silence.
#pragma once

#if !defined(HEADWATER_NO_NLOHMANN) && defined(__has_include)
#if __has_include(<nlohmann/json.hpp>)
#define HEADWATER_HAS_NLOHMANN 1
#include <nlohmann/json.hpp>
#endif
#endif

#ifndef HEADWATER_HAS_NLOHMANN
#define HEADWATER_HAS_NLOHMANN 0
#endif

#include <type_traits>

#include "text.hpp"

namespace headwater::detail {

#if HEADWATER_HAS_NLOHMANN

template <typename T>
constexpr bool is_nlohmann = std::is_same_v<std::decay_t<T>, nlohmann::json>;

inline void check_sayable(const nlohmann::json &value) {
  if (value.is_number_float()) {
    double number = value.get<double>();
    if (number - number != 0) throw Error(Code::invalid_value, "NaN and infinity are no numbers of JSON");
  } else if (value.is_binary() || value.is_discarded()) {
    throw Error(Code::invalid_value, "bytes are no JSON");
  } else if (value.is_structured()) {
    for (const nlohmann::json &element : value) check_sayable(element);
  }
}

inline std::string written(const nlohmann::json &value) {
  check_sayable(value);
  try {
    return value.dump();
  } catch (const nlohmann::json::exception &error) {
    throw Error(Code::invalid_value, error.what());
  }
}

inline nlohmann::json read(const std::string &text) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception &error) {
    throw Error(Code::invalid_value, error.what());
  }
}

#else

template <typename T>
constexpr bool is_nlohmann = false;

template <typename Value>
std::string written(const Value &) = delete;

#endif

}  // namespace headwater::detail
