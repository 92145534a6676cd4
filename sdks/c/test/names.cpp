#include "names.hpp"

#include <stdexcept>

static void check_error(const Json &expected, const Json &actual) {
  const Json *code = actual.find("code"), *message = actual.find("message");
  if (code == nullptr || code->text != expected["code"].text || message == nullptr || message->text.empty()) {
    throw std::runtime_error("the error " + actual.write() + ", not " + expected["code"].text);
  }
}

Json Names::fill(const Json &json) const {
  if (json.is_name()) {
    auto found = known.find(json.text);
    if (found == known.end()) throw std::runtime_error(json.text + " stands for nothing");
    return found->second;
  }
  Json filled = json;
  for (Json &it : filled.elements) it = fill(it);
  for (auto &field : filled.fields) field.second = fill(field.second);
  return filled;
}

void Names::check(const Json &expected, const Json &actual) {
  if (expected.kind == Json::String && expected.text == "$any") return;
  if (expected.is_name()) {
    auto [found, is_new] = known.emplace(expected.text, actual);
    if (!is_new) check(Json(found->second), actual);
    return;
  }
  bool is_same = expected.kind == actual.kind && expected.elements.size() == actual.elements.size();
  if (is_same && expected.kind == Json::Number) is_same = is_same_number(expected.text, actual.text);
  if (is_same && expected.kind == Json::String) is_same = expected.text == actual.text;
  if (is_same && expected.kind == Json::Bool) is_same = expected.truth == actual.truth;
  if (!is_same) throw std::runtime_error(actual.write() + ", not " + expected.write());
  for (size_t n = 0; n < expected.elements.size(); ++n) check(expected.elements[n], actual.elements[n]);
  check_fields(expected, actual);
}

void Names::check_fields(const Json &expected, const Json &actual) {
  for (const auto &[name, value] : expected.fields) {
    if (value.kind == Json::String && value.text == "$optional") continue;
    if (name == "error") {
      check_error(value, actual[name]);
    } else {
      check(value, actual[name]);
    }
  }
  for (const auto &field : actual.fields) {
    if (expected.find(field.first) == nullptr) {
      throw std::runtime_error(actual.write() + " has " + field.first + ", which nobody expects");
    }
  }
}
