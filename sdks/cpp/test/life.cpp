// The life of peers, observers and callbacks: what is ended, closed, forgotten, or throws.

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <thread>

#include "opened.hpp"

// Of AddressSanitizer: bytes that are allocated, the library's too.
extern "C" size_t __sanitizer_get_current_allocated_bytes();

using namespace headwater;

// Runs in a child, which has no threads of the parent's; its exit code.
static int in_child(const std::function<int()> &run) {
  pid_t child = fork();
  if (child == 0) _exit(run());
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Has a folder open until the input ends.
static int hold(const std::string &folder, const std::string &) {
  Headwater peer = Headwater::open(Config(folder));
  std::puts("open"), std::fflush(stdout);
  while (std::getchar() != EOF) continue;
  return 0;
}

// Writes, and never closes what it opened.
static int forget(const std::string &folder, const std::string &) {
  static auto *peer = new Headwater(Headwater::open(Config(folder)));
  static auto *observer = new Observer(peer->store().collection("a").find().observe([](const auto &) {}));
  peer->store().collection("a").upsert("{}");
  std::puts("open"), std::fflush(stdout);
  return observer->is_cancelled() ? 1 : 0;
}

static const Verb verbs[] = {{"--hold", hold}, {"--forget", forget}};

// Runs this program anew, with a pipe to and from it.
struct Program {
  pid_t process;
  int in, out;

  Program(const char *what, const std::string &folder) {
    int to[2], from[2];
    CHECK(pipe(to) == 0 && pipe(from) == 0);
    process = fork();
    if (process == 0) {
      dup2(to[0], 0), dup2(from[1], 1);
      for (int end : {to[0], to[1], from[0], from[1]}) close(end);
      execl("/proc/self/exe", "driver", what, folder.c_str(), nullptr);
      _exit(127);
    }
    close(to[0]), close(from[1]);
    in = to[1], out = from[0];
  }

  // Waits until it has said something.
  void wait_for_word() {
    char byte = 0;
    CHECK(read(out, &byte, 1) == 1);
  }

  // Ends its input, and gives its exit code.
  int end() {
    close(in), close(out);
    int status = -1;
    CHECK(waitpid(process, &status, 0) == process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
};

TEST(two_processes_cannot_have_one_folder) {
  Folder folder;
  Program holder("--hold", folder.path);
  holder.wait_for_word();
  CHECK_ERROR(Code::in_use, Headwater::open(Config(folder.path)));
  CHECK(holder.end() == 0);
  Headwater::open(Config(folder.path));
}

TEST(a_peer_that_is_forgotten_ends_with_the_process) {
  Folder folder;
  Program forgets("--forget", folder.path);
  forgets.wait_for_word();
  CHECK(forgets.end() == 0);
  Headwater peer = Headwater::open(Config(folder.path));
  CHECK(peer.store().collection("a").find().documents().size() == 1);
}

TEST(everything_is_closed_after_close) {
  Opened it;
  Collection a = it.store.collection("a");
  Written written = a.upsert("{}");
  Sync sync = it.peer.sync();
  Subscription subscription = sync.register_subscription("SELECT * FROM a");
  Observer observer = a.find().observe([](const std::vector<Json> &) {});
  it.peer.close();
  it.peer.close();
  CHECK_ERROR(Code::closed, a.upsert("{}"));
  CHECK_ERROR(Code::closed, a.find().documents());
  CHECK_ERROR(Code::closed, it.store.execute_later("SELECT * FROM a").get());
  CHECK_ERROR(Code::closed, it.store.register_observer("SELECT * FROM a", [](const std::vector<Json> &) {}));
  CHECK_ERROR(Code::closed, it.store.transaction([](Transaction &) {}));
  CHECK_ERROR(Code::closed, written.committed());
  CHECK_ERROR(Code::closed, subscription.cancel());
  CHECK_ERROR(Code::closed, sync.state());
  CHECK_ERROR(Code::closed, it.peer.info());
  observer.cancel();
  Headwater moved = std::move(it.peer);
  CHECK_ERROR(Code::closed, it.peer.info());
}

TEST(a_peer_is_closed_with_its_object_and_moves) {
  Folder folder;
  Headwater peer = Headwater::open(Config(folder.path));
  Headwater other = std::move(peer);
  CHECK(other.info().abi == 1);
  Folder another;
  other = Headwater::open(Config(another.path));
  Headwater::open(Config(folder.path));
}

TEST(pending_calls_are_answered_when_the_peer_is_closed) {
  Folder folder;
  Headwater peer = Headwater::open(Config(folder.path).with_server("http://127.0.0.1:9"));
  peer.store().collection("a").upsert("{}");
  std::future<Txn> flushed = peer.sync().flushed_later();
  std::thread waiting([sync = peer.sync()] { CHECK_ERROR(Code::closed, sync.flushed()); });
  peer.close();
  CHECK_ERROR(Code::closed, flushed.get());
  waiting.join();
}

TEST(a_callback_may_do_everything) {
  Opened it;
  Told<size_t> told, inner;
  Collection a = it.store.collection("a");
  Observer second;
  Observer first = it.store.register_observer("SELECT * FROM b", [&](const std::vector<Json> &) {
    a.upsert(R"({"_id": 1})");
    second = a.find().observe([&](const std::vector<Json> &documents) { inner.say(documents.size()); });
    Opened another;
    told.say(1);
  });
  told.wait(1);
  CHECK(inner.wait(1) == 1);
}

TEST(an_observer_may_be_ended_in_its_callback) {
  Opened it;
  for (bool by_destruction : {false, true}) {
    Told<size_t> told, begun;
    std::unique_ptr<Observer> observer;
    auto callback = [&](const std::vector<Json> &documents) {
      begun.wait(1);
      by_destruction ? observer.reset() : observer->cancel();
      told.say(documents.size());
    };
    observer = std::make_unique<Observer>(it.store.collection("a").find().observe(callback));
    begun.say(1);
    told.wait(1);
    it.store.collection("a").upsert("{}");
    Told<size_t> later;
    Observer other = it.store.collection("a").find().observe([&](const auto &documents) { later.say(documents.size()); });
    later.wait(1);
    CHECK(told.count() == 1);
  }
}

TEST(a_peer_may_be_closed_in_a_callback) {
  Opened it;
  Told<std::string> told;
  Observer observer = it.store.register_observer("SELECT * FROM a", [&](const std::vector<Json> &) {
    it.peer.close();
    try {
      it.peer.info();
    } catch (const Error &error) {
      told.say(error.code_name());
    }
  });
  CHECK(told.wait(1) == "closed");
  observer.cancel();
  Headwater again = std::move(it.peer);
  CHECK(told.count() == 1);
}

TEST(no_callback_runs_after_cancel_or_close) {
  Opened it;
  for (bool by_close : {false, true}) {
    auto alive = std::make_shared<int>(7);
    std::weak_ptr<int> watched = alive;
    std::atomic<bool> is_over{false}, was_late{false};
    Observer observer = it.store.collection("a").find().observe([&, alive = std::move(alive)](const auto &) {
      std::this_thread::yield();
      if (is_over || *alive != 7) was_late = true;
    });
    for (int n = 0; n < 20; ++n) it.store.collection("a").upsert("{}");
    by_close ? it.peer.close() : observer.cancel();
    is_over = true;
    CHECK(watched.expired() && !was_late);
  }
}

// The handler of uncaught exceptions, for a test.
struct Handler {
  explicit Handler(UncaughtHandler handler) { set_uncaught_handler(std::move(handler)); }
  ~Handler() { set_uncaught_handler(nullptr); }
};

TEST(what_callbacks_throw_goes_to_its_handler) {
  Told<std::string> uncaught;
  Handler handler([&](std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Error &error) {
      uncaught.say(error.code_name());
    } catch (const std::exception &error) {
      uncaught.say(error.what());
    } catch (...) {
      uncaught.say("something");
    }
  });
  {
    Opened it;
    Told<size_t> others;
    Observer other = it.store.collection("a").find().observe([&](const auto &documents) { others.say(documents.size()); });
    Observer one = it.store.collection("a").find().observe([](const auto &) { throw std::runtime_error("oh"); });
    CHECK(uncaught.wait(1) == "oh");
    one.cancel();
    it.store.collection("a").upsert("{}");
    others.wait_for(1);
    Observer seven = it.store.collection("a").find().observe([](const auto &) { throw 7; });
    CHECK(uncaught.wait(2) == "something");
    CHECK_ERROR(Code::invalid_query, it.store.register_observer("SELECT", [](const auto &) {}));
  }
}

TEST(without_a_handler_what_a_callback_throws_ends_the_process) {
  // The child opens nothing itself: it calls what the library's thread would call.
  int code = in_child([] {
    std::set_terminate([] { _exit(42); });
    detail::Context context{[](std::string_view) { throw std::runtime_error("oh"); }};
    detail::Context::on_message(&context, nullptr, 0);
    return 0;
  });
  CHECK(code == 42);
}

TEST(a_child_of_fork_has_nothing_open) {
  Opened it;
  int code = in_child([&] {
    try {
      it.peer.info();
    } catch (const Error &error) {
      return error.code() == Code::closed ? 0 : 2;
    }
    return 1;
  });
  CHECK(code == 0 && it.peer.info().abi == 1);
}

TEST(threads_call_end_and_close_at_once) {
  for (int round = 0; round < 10; ++round) {
    Opened it;
    std::atomic<size_t> told{0};
    std::vector<std::thread> threads;
    for (int number = 0; number < 4; ++number) {
      threads.emplace_back([&, number] {
        try {
          for (int turn = 0;; ++turn) {
            it.store.collection("a").upsert("{\"_id\":" + std::to_string(number) + "}");
            Observer observer = it.store.collection("a").find().observe([&](const auto &) { ++told; });
            std::thread ender([&] { observer.cancel(); });
            observer.cancel();
            ender.join();
            if (number == 0 && turn == 3) it.peer.close();
          }
        } catch (const Error &error) {
          if (error.code() != Code::closed) std::abort();
        }
      });
    }
    for (std::thread &thread : threads) thread.join();
  }
}

// Queues that once were longer keep their room: less than the 16 bytes that one allocation a round takes.
static const size_t QUEUES_MAX = 128 << 10;

// What is allocated after many observers is what was after a few.
TEST(ten_thousand_observers_leak_nothing) {
  Folder folder;
  Config config(folder.path);
  config.relaxed = true;
  Headwater peer = Headwater::open(config);
  Store store = peer.store();
  store.collection("a").upsert("{}");
  auto make = [&](size_t times) {
    for (size_t round = 0; round < times; ++round) {
      auto held = std::make_shared<std::string>(100, 'x');
      Observer observer = store.register_observer("SELECT * FROM a", [held](const std::vector<Json> &) {});
    }
    peer.sync().state();  // the peer has ended them too
  };
  make(1000);
  size_t before = __sanitizer_get_current_allocated_bytes();
  make(10000);
  size_t after = __sanitizer_get_current_allocated_bytes();
  if (after > before + QUEUES_MAX) throw std::runtime_error(std::to_string(after - before) + " bytes stay");
}

TEST(ten_thousand_calls_leak_nothing) {
  Opened it;
  it.store.collection("a").upsert("{}");
  auto call = [&](size_t times) {
    for (size_t round = 0; round < times; ++round) {
      it.store.execute("SELECT * FROM a");
      it.store.execute_later("SELECT * FROM a").get();
      try {
        it.store.execute("SELECT");
      } catch (const Error &) {
      }
    }
  };
  call(1000);
  size_t before = __sanitizer_get_current_allocated_bytes();
  call(5000);
  size_t after = __sanitizer_get_current_allocated_bytes();
  if (after > before + QUEUES_MAX) throw std::runtime_error(std::to_string(after - before) + " bytes stay");
}
