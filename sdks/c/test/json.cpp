#include "json.hpp"

#include <cstdlib>
#include <stdexcept>

namespace {

struct Reader {
  std::string_view text;
  size_t at = 0;

  [[noreturn]] void fail(const char *why) const {
    throw std::runtime_error(std::string(why) + " at byte " + std::to_string(at));
  }

  void skip() {
    while (at < text.size() && std::string_view(" \n\r\t").find(text[at]) != std::string_view::npos) ++at;
  }

  char next() {
    if (at == text.size()) fail("the text ends");
    return text[at++];
  }

  bool takes(std::string_view word) {
    bool begins = text.substr(at, word.size()) == word;
    if (begins) at += word.size();
    return begins;
  }

  Json value() {
    skip();
    Json it;
    if (takes("null")) return it;
    if (takes("true") || takes("false")) {
      it.kind = Json::Bool;
      it.truth = text[at - 2] == 'u';
    } else if (takes("\"")) {
      it.kind = Json::String;
      it.text = string();
    } else if (takes("[")) {
      it.kind = Json::Array;
      list(']', [&] { it.elements.push_back(value()); });
    } else if (takes("{")) {
      it.kind = Json::Object;
      list('}', [&] { field(it); });
    } else {
      it.kind = Json::Number;
      size_t begin = at;
      while (at < text.size() && std::string_view("+-.0123456789eE").find(text[at]) != std::string_view::npos) ++at;
      it.text = text.substr(begin, at - begin);
      if (it.text.empty()) fail("no value");
    }
    return it;
  }

  template <typename Element>
  void list(char end, Element element) {
    skip();
    if (at < text.size() && text[at] == end) {
      ++at;
      return;
    }
    for (;;) {
      element();
      skip();
      char after = next();
      if (after == end) return;
      if (after != ',') fail("no comma");
    }
  }

  void field(Json &object) {
    skip();
    if (!takes("\"")) fail("no name");
    std::string name = string();
    skip();
    if (!takes(":")) fail("no colon");
    object.fields.emplace_back(std::move(name), value());
  }

  std::string string() {
    std::string out;
    for (;;) {
      char c = next();
      if (c == '"') return out;
      if (c != '\\') {
        out += c;
        continue;
      }
      char escaped = next();
      size_t plain = std::string_view("bfnrt").find(escaped);
      if (escaped == 'u') {
        character(out);
      } else {
        out += plain == std::string_view::npos ? escaped : "\b\f\n\r\t"[plain];
      }
    }
  }

  uint32_t unit() {
    uint32_t unit = std::stoul(std::string(text.substr(at, 4)), nullptr, 16);
    at += 4;
    return unit;
  }

  void character(std::string &out) {
    uint32_t code = unit();
    if (code >= 0xd800 && code < 0xdc00 && takes("\\u")) code = 0x10000 + ((code - 0xd800) << 10) + (unit() - 0xdc00);
    if (code < 0x80) {
      out += static_cast<char>(code);
      return;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char begins[] = {0, 0xc0, 0xe0, 0xf0};
    out += static_cast<char>(begins[more] | (code >> (6 * more)));
    while (more-- > 0) out += static_cast<char>(0x80 | ((code >> (6 * more)) & 0x3f));
  }
};

std::string quoted(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      const char *digits = "0123456789abcdef";
      ((out += "\\u00") += digits[c >> 4]) += digits[c & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

bool is_integer(const std::string &number) { return number.find_first_of(".eE") == std::string::npos; }

}  // namespace

Json Json::read(std::string_view text) {
  Reader reader{text};
  Json it = reader.value();
  reader.skip();
  if (reader.at != text.size()) reader.fail("more after the end");
  return it;
}

Json Json::of(std::string text) {
  Json it;
  it.kind = String;
  it.text = std::move(text);
  return it;
}

std::string Json::write() const {
  std::string out;
  switch (kind) {
    case Null: return "null";
    case Bool: return truth ? "true" : "false";
    case Number: return text;
    case String: return quoted(text);
    case Array:
      for (const Json &it : elements) out += (out.empty() ? "" : ",") + it.write();
      return "[" + out + "]";
    case Object:
      for (const auto &[name, it] : fields) out += (out.empty() ? "" : ",") + quoted(name) + ":" + it.write();
      return "{" + out + "}";
  }
  return out;
}

const Json *Json::find(std::string_view name) const {
  for (const auto &[field, value] : fields) {
    if (field == name) return &value;
  }
  return nullptr;
}

const Json &Json::operator[](std::string_view name) const {
  const Json *found = find(name);
  if (found == nullptr) throw std::runtime_error(write() + " has no " + std::string(name));
  return *found;
}

void Json::set(std::string_view name, Json value) {
  kind = Object;
  for (auto &[field, old] : fields) {
    if (field == name) {
      old = std::move(value);
      return;
    }
  }
  fields.emplace_back(name, std::move(value));
}

bool Json::is_name() const {
  bool names = kind == String && text.size() > 1 && text[0] == '$';
  return names && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", 1) == std::string::npos;
}

bool is_same_number(const std::string &one, const std::string &other) {
  if (is_integer(one) != is_integer(other)) return false;
  return is_integer(one) ? one == other : std::strtod(one.c_str(), nullptr) == std::strtod(other.c_str(), nullptr);
}
