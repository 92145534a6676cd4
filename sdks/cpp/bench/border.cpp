// What these headers cost over the C functions, in the same run and in turns: a name and a figure a line. `echo` is in
// nanoseconds a call, the best of many short rounds; `upsert` in documents a second of a relaxed peer, in the middle of
// all rounds.

#include <headwater/compat.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <stdexcept>

using namespace headwater;
using nlohmann::json;

using Run = std::function<void(size_t)>;

static std::string document(size_t bytes) {
  std::string text = R"({"name":"Susan","age":31,"tags":["new","vip"],"active":true)";
  for (size_t n = 0; text.size() + 24 < bytes; ++n) {
    text += ",\"field" + std::to_string(n) + "\":\"value" + std::to_string(n * 7919) + "\"";
  }
  return text + "}";
}

static void call(uint64_t peer, const std::string &request) {
  uint8_t *answer = nullptr;
  size_t length = 0;
  auto bytes = reinterpret_cast<const uint8_t *>(request.data());
  if (headwater_call(peer, bytes, request.size(), &answer, &length) != 0) throw std::runtime_error(request);
  headwater_free(answer, length);
}

// Runs all of them in turns, so many calls a round: the nanoseconds a call of each round.
static std::map<std::string, std::vector<double>> measure(const std::map<std::string, Run> &runs, size_t rounds,
                                                          size_t calls) {
  std::map<std::string, std::vector<double>> took;
  for (size_t round = 0; round < rounds; ++round) {
    for (const auto &[name, run] : runs) {
      auto began = std::chrono::steady_clock::now();
      run(calls);
      std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - began;
      took[name].push_back(time.count() / static_cast<double>(calls));
    }
  }
  for (auto &[name, all] : took) std::sort(all.begin(), all.end());
  return took;
}

static Run each(std::function<void()> once) {
  return [once = std::move(once)](size_t calls) {
    for (size_t n = 0; n < calls; ++n) once();
  };
}

int main() {
  std::string folder = (std::filesystem::temp_directory_path() / "headwater-border-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 1;
  {
    Config config(folder);
    config.relaxed = true;
    Headwater peer = Headwater::open(config);
    std::string text = document(200), echo = R"({"call":"echo","value":)" + text + "}";
    json value = json::parse(text);
    for (const auto &[name, took] : measure(
             {
                 {"echo_200 C", each([&] { call(peer.number(), echo); })},
                 {"echo_200 C++", each([&] { peer.call(echo); })},
             },
             4000, 100)) {
      std::printf("%s: %.0f ns\n", name.c_str(), took.front());
    }
    size_t number = 0;
    Collection people = peer.store().collection("people");
    auto upsert_by_c = [&] {
      std::string request = R"({"call":"upsert","collection":"people","value":{"_id":)" + std::to_string(number++) + ",";
      call(peer.number(), request + text.substr(1) + "}");
    };
    auto upsert = [&] { people.upsert("{\"_id\":" + std::to_string(number++) + "," + text.substr(1)); };
    auto upsert_json = [&] {
      value["_id"] = number++;
      people.upsert(value);
    };
    for (const auto &[name, took] : measure(
             {
                 {"upsert_200 C", each(upsert_by_c)},
                 {"upsert_200 C++", each(upsert)},
                 {"upsert_200 C++ with nlohmann::json", each(upsert_json)},
             },
             60, 500)) {
      std::printf("%s: %.0f a second\n", name.c_str(), 1e9 / took[took.size() / 2]);
    }
  }
  std::filesystem::remove_all(folder);
}
