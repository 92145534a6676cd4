// What the tests share: how one is written, a folder, and waiting for what a callback tells.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <headwater/error.hpp>
#include <mutex>
#include <string>
#include <vector>

// A test registers itself; what it says by `CHECK` counts.
struct Test {
  Test(const char *name, void (*run)());
  const char *name;
  void (*run)();
};

#define TEST(name)                                  \
  static void name();                               \
  static const Test registered_##name(#name, name); \
  static void name()

// Ends the test if it does not hold.
#define CHECK(holds) check((holds), #holds, __FILE__, __LINE__)
void check(bool holds, const char *what, const char *file, int line);

// Ends the test if the error of `doing` is not this one.
#define CHECK_ERROR(code, doing) check_error(code, [&] { (void)(doing); }, #doing, __FILE__, __LINE__)
void check_error(headwater::Code code, const std::function<void()> &doing, const char *what, const char *file, int line);

// How long anything may take here.
constexpr auto LONG = std::chrono::seconds(60);

// A folder that goes with it.
struct Folder {
  Folder();
  ~Folder();
  Folder(const Folder &) = delete;
  std::string path;
};

// What was told, one after another.
template <typename Said>
class Told {
 public:
  void say(Said said) {
    std::lock_guard lock(mutex);
    all.push_back(std::move(said));
    changed.notify_all();
  }

  // Waits for so many, and gives the last of them.
  Said wait(size_t count) {
    std::unique_lock lock(mutex);
    if (!changed.wait_for(lock, LONG, [&] { return all.size() >= count; })) check(false, "told", __FILE__, __LINE__);
    return all[count - 1];
  }

  // Waits until this was told.
  void wait_for(const Said &wanted) {
    std::unique_lock lock(mutex);
    auto is_told = [&] { return !all.empty() && all.back() == wanted; };
    if (!changed.wait_for(lock, LONG, is_told)) check(false, "told", __FILE__, __LINE__);
  }

  size_t count() {
    std::lock_guard lock(mutex);
    return all.size();
  }

 private:
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Said> all;
};

// What the program does beside the tests when its first argument is this.
using Deed = int (*)(const std::string &argument, const std::string &other);

struct Verb {
  Verb(const char *name, Deed deed);
};
