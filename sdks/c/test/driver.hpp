// What the tests of the border share: how one is written, and a peer in a folder of its own.
//
// Not here: a library for programs in C++.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "headwater.h"

// A test registers itself; what it says by `check` counts.
struct Test {
  Test(const char *name, void (*run)());
  const char *name;
  void (*run)();
};

#define TEST(name)                                \
  static void name();                             \
  static const Test registered_##name(#name, name); \
  static void name()

// Ends the test if it does not hold.
#define CHECK(holds) check((holds), #holds, __FILE__, __LINE__)
void check(bool holds, const char *what, const char *file, int line);

// Of an answer: its number, and its bytes.
struct Answer {
  int32_t number;
  std::string text;

  bool has(std::string_view part) const { return text.find(part) != std::string::npos; }
  // Whether it says this error, by its number and by its text.
  bool is_error(int32_t code) const;
};

const char *name_of(int32_t code);

Answer call(uint64_t peer, std::string_view request);
Answer open(std::string_view config, uint64_t &peer);

// A folder that goes with it.
struct Folder {
  Folder();
  ~Folder();
  Folder(const Folder &) = delete;
  std::string path;
  std::string config(std::string_view more = "") const;
};

// A peer that is closed with it, if it was not before.
struct Peer {
  explicit Peer(std::string_view more = "");
  ~Peer();
  Folder folder;
  uint64_t number = 0;
};

// What a context was told. It is kept after it was dropped, so that what comes then is seen.
struct Told {
  // What is done in a callback, by the number of the message.
  std::function<void(size_t)> meanwhile;

  static void on_message(void *told, const uint8_t *message, size_t length);
  static void on_drop(void *told);

  // Waits for so many messages, and gives the last of them.
  std::string wait(size_t messages);
  // Waits for the message with this index.
  std::string at(size_t index);
  void wait_for_drop();
  size_t count();
  size_t drops();

 private:
  void wait_until(const std::function<bool()> &holds, const char *what);

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> messages;
  size_t dropped = 0;
  bool is_running = false;
};

int32_t call_async(uint64_t peer, std::string_view request, Told &told);
// The number of the watch; 0 if there is none.
uint64_t subscribe(uint64_t peer, std::string_view request, Told &told);
// The same with what it answers.
Answer subscribe(uint64_t peer, std::string_view request, Told &told, uint64_t &watch);

// Does what the vectors in this folder say, and prints what came of them.
// With a server those of sync too.
void run_vectors(const std::string &root, const std::string &server, size_t &passed, size_t &failed);
