// What a call costs over the border, in nanoseconds: `border` prints a name and a figure a line; `border --messages`
// the messages themselves, in hex, for whoever measures what reading and writing them costs alone.
//
// The best of many short rounds: on a machine that does other things too, the others measure those.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "../test/json.hpp"
#include "headwater.h"

namespace {

struct Message {
  std::string name, bytes;
  int turns;
};

void head(std::string &out, unsigned char kind, uint64_t length) {
  int more = length < 24 ? 0 : length < 256 ? 1 : length < 65536 ? 2 : length < (uint64_t{1} << 32) ? 4 : 8;
  static const int marks[] = {0, 24, 25, 0, 26, 0, 0, 0, 27};
  out += static_cast<char>(kind << 5 | (more == 0 ? length : marks[more]));
  while (more-- > 0) out += static_cast<char>(length >> (8 * more));
}

void write_cbor(std::string &out, const Json &it) {
  switch (it.kind) {
    case Json::Null: out += '\xf6'; break;
    case Json::Bool: out += it.truth ? '\xf5' : '\xf4'; break;
    case Json::Number: head(out, 0, std::stoull(it.text)); break;
    case Json::String: head(out, 3, it.text.size()), out += it.text; break;
    case Json::Array:
      head(out, 4, it.elements.size());
      for (const Json &element : it.elements) write_cbor(out, element);
      break;
    case Json::Object:
      head(out, 5, it.fields.size());
      for (const auto &[name, value] : it.fields) {
        head(out, 3, name.size()), out += name;
        write_cbor(out, value);
      }
  }
}

// A document of about so many bytes of JSON, of short fields.
std::string document(size_t bytes) {
  std::string text = R"({"_id":"customer-000017","name":"Susan","age":31,"tags":["new","vip"],"active":true)";
  for (size_t n = 0; text.size() + 24 < bytes; ++n) {
    text += ",\"field" + std::to_string(n) + "\":\"value" + std::to_string(n * 7919) + "\"";
  }
  return text + "}";
}

std::vector<Message> messages() {
  std::vector<Message> all;
  auto add = [&](const std::string &name, const std::string &json, int turns) {
    std::string cbor;
    write_cbor(cbor, Json::read(json));
    all.push_back({name + " JSON", json, turns});
    all.push_back({name + " CBOR", cbor, turns});
  };
  std::string small = document(164), large = document(988);
  add("echo_200", R"({"call":"echo","value":)" + small + "}", 2000);
  add("echo_1000", R"({"call":"echo","value":)" + large + "}", 2000);
  add("echo_1", R"({"call":"echo","value":1})", 2000);
  add("upsert_200", R"({"call":"upsert","collection":"people","value":)" + small + "}", 20);
  add("find_by_id_200", R"({"call":"find_by_id","collection":"people","id":"customer-000017"})", 2000);
  return all;
}

void call(uint64_t peer, const std::string &request) {
  uint8_t *answer = nullptr;
  size_t length = 0;
  auto bytes = reinterpret_cast<const uint8_t *>(request.data());
  if (headwater_call(peer, bytes, request.size(), &answer, &length) != 0) throw std::runtime_error(request);
  headwater_free(answer, length);
}

double measure(uint64_t peer, const Message &message) {
  const int calls = 100;
  double best = 1e12;
  for (int turn = 0; turn < message.turns; ++turn) {
    auto began = std::chrono::steady_clock::now();
    for (int n = 0; n < calls; ++n) call(peer, message.bytes);
    std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    best = std::min(best, took.count() / calls);
  }
  return best;
}

}  // namespace

int main(int count, char **arguments) {
  if (count == 2 && std::string(arguments[1]) == "--messages") {
    for (const Message &message : messages()) {
      std::printf("%s ", message.name.c_str());
      for (unsigned char byte : message.bytes) std::printf("%02x", byte);
      std::printf("\n");
    }
    return 0;
  }
  std::string folder = (std::filesystem::temp_directory_path() / "headwater-border-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 1;
  std::string config = R"({"abi":1,"relaxed":true,"dir":")" + folder + "\"}";
  uint64_t peer = 0;
  uint8_t *answer = nullptr;
  size_t length = 0;
  if (headwater_open(reinterpret_cast<const uint8_t *>(config.data()), config.size(), &peer, &answer, &length) != 0) {
    return 1;
  }
  for (const Message &message : messages()) std::printf("%s %.0f\n", message.name.c_str(), measure(peer, message));
  headwater_close(peer);
  std::filesystem::remove_all(folder);
  return 0;
}
