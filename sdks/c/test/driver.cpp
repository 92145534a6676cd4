// Runs the tests, and what they share.

#include "driver.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

using namespace std::string_literals;

// How long anything may take here.
static const auto LONG = std::chrono::seconds(60);

static std::vector<Test> &tests() {
  static std::vector<Test> all;
  return all;
}

Test::Test(const char *name, void (*run)()) : name(name), run(run) { tests().push_back(*this); }

void check(bool holds, const char *what, const char *file, int line) {
  if (!holds) throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

static const uint8_t *data(std::string_view text) { return reinterpret_cast<const uint8_t *>(text.data()); }

const char *name_of(int32_t code) {
#define NAME(number, text) \
  if (code == number) return text;
  HEADWATER_CODES(NAME)
#undef NAME
  return "";
}

bool Answer::is_error(int32_t code) const {
  return number == code && has("{\"error\":{\"code\":\""s + name_of(code) + "\"");
}

// Takes the answer over, and gives its bytes back.
static Answer take(int32_t number, uint8_t *bytes, size_t length) {
  Answer answer{number, std::string(reinterpret_cast<char *>(bytes), length)};
  CHECK(headwater_free(bytes, length) == 0);
  return answer;
}

Answer call(uint64_t peer, std::string_view request) {
  uint8_t *answer = nullptr;
  size_t length = 0;
  int32_t number = headwater_call(peer, data(request), request.size(), &answer, &length);
  return take(number, answer, length);
}

Answer open(std::string_view config, uint64_t &peer) {
  uint8_t *answer = nullptr;
  size_t length = 0;
  int32_t number = headwater_open(data(config), config.size(), &peer, &answer, &length);
  return take(number, answer, length);
}

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "headwater-c-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder: "s + strerror(errno));
  path = name;
}

Folder::~Folder() { std::filesystem::remove_all(path); }

std::string Folder::config(std::string_view more) const {
  return "{\"abi\":1,\"dir\":\"" + path + "\"" + std::string(more) + "}";
}

Peer::Peer(std::string_view more) {
  Answer answer = open(folder.config(more), number);
  if (answer.number != 0) throw std::runtime_error("not opened: " + answer.text);
}

Peer::~Peer() { headwater_close(number); }

void Told::on_message(void *context, const uint8_t *message, size_t length) {
  auto &told = *static_cast<Told *>(context);
  size_t number;
  {
    std::lock_guard lock(told.mutex);
    if (told.dropped > 0) std::abort();  // it is not ours any more
    if (told.is_running) std::abort();   // one at a time
    told.is_running = true;
    told.messages.emplace_back(reinterpret_cast<const char *>(message), length);
    number = told.messages.size();
    told.changed.notify_all();
  }
  if (told.meanwhile) told.meanwhile(number);
  std::lock_guard lock(told.mutex);
  told.is_running = false;
  told.changed.notify_all();
}

void Told::on_drop(void *context) {
  auto &told = *static_cast<Told *>(context);
  std::lock_guard lock(told.mutex);
  if (told.is_running) std::abort();
  ++told.dropped;
  told.changed.notify_all();
}

void Told::wait_until(const std::function<bool()> &holds, const char *what) {
  std::unique_lock lock(mutex);
  if (!changed.wait_for(lock, LONG, holds)) throw std::runtime_error("waited in vain for "s + what);
}

std::string Told::at(size_t index) {
  wait_until([&] { return messages.size() > index; }, "a message");
  std::lock_guard lock(mutex);
  return messages[index];
}

std::string Told::wait(size_t number) { return at(number - 1); }

void Told::wait_for_drop() {
  wait_until([&] { return dropped > 0; }, "the drop of a context");
}

size_t Told::count() {
  std::lock_guard lock(mutex);
  return messages.size();
}

size_t Told::drops() {
  std::lock_guard lock(mutex);
  return dropped;
}

int32_t call_async(uint64_t peer, std::string_view request, Told &told) {
  return headwater_call_async(peer, data(request), request.size(), Told::on_message, Told::on_drop, &told);
}

Answer subscribe(uint64_t peer, std::string_view request, Told &told, uint64_t &watch) {
  uint8_t *answer = nullptr;
  size_t length = 0;
  watch = 0;
  int32_t number = headwater_subscribe(peer, data(request), request.size(), Told::on_message, Told::on_drop, &told,
                                       &watch, &answer, &length);
  Answer error = take(number, answer, length);
  CHECK((number == 0) == (watch != 0));
  CHECK((number == 0) == error.text.empty());
  return error;
}

uint64_t subscribe(uint64_t peer, std::string_view request, Told &told) {
  uint64_t watch = 0;
  subscribe(peer, request, told, watch);
  return watch;
}

// An answer that is not given back: whether a leak across the border is seen at all.
static int leak() {
  Peer peer;
  uint8_t *answer = nullptr;
  size_t length = 0;
  std::string_view request = "{\"call\":\"echo\",\"value\":\"lost\"}";
  return headwater_call(peer.number, data(request), request.size(), &answer, &length);
}

static void run_tests(std::string_view named, size_t &passed, size_t &failed) {
  for (const Test &test : tests()) {
    if (std::string_view(test.name).find(named) == std::string_view::npos) continue;
    try {
      test.run();
      ++passed;
    } catch (const std::exception &error) {
      ++failed;
      std::printf("FAILED border: %s: %s\n", test.name, error.what());
    }
    std::fflush(stdout);
  }
  std::printf("border: %zu passed, %zu failed\n", passed, failed);
}

// `driver [--vectors=FOLDER [--server=URL]] [NAME]`: the tests with this in their names; `driver --leak`.
int main(int count, char **arguments) {
  std::string vectors, server, named;
  for (int n = 1; n < count; ++n) {
    std::string argument = arguments[n];
    if (argument == "--leak") return leak();
    bool is_vectors = argument.rfind("--vectors=", 0) == 0, is_server = argument.rfind("--server=", 0) == 0;
    if (is_vectors) vectors = argument.substr(10);
    if (is_server) server = argument.substr(9);
    if (!is_vectors && !is_server) named = argument;
  }
  size_t passed = 0, failed = 0;
  run_tests(named, passed, failed);
  if (!vectors.empty()) run_vectors(vectors, server, passed, failed);
  std::printf("%zu passed, %zu failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
