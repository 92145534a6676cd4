// Functions of an app that the library's thread calls.
//
// Invariants: no exception leaves them into the library; what they throw goes to the handler of uncaught exceptions; a
// function is destroyed once, when it will not be called any more.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "message.hpp"

namespace headwater {

/// Is told what a callback threw, on the thread where it did. What it throws itself ends the program.
using UncaughtHandler = std::function<void(std::exception_ptr)>;

namespace detail {

struct Uncaught {
  std::mutex mutex;
  UncaughtHandler handler;

  /// It is never destroyed: callbacks may run while the process ends.
  static Uncaught &instance() {
    static Uncaught *uncaught = new Uncaught;
    return *uncaught;
  }
};

inline void report_uncaught(std::exception_ptr thrown) noexcept {
  Uncaught &uncaught = Uncaught::instance();
  std::unique_lock lock(uncaught.mutex);
  UncaughtHandler handler = uncaught.handler;
  lock.unlock();
  if (!handler) std::rethrow_exception(thrown);  // ends the program, as any exception that leaves a thread
  handler(thrown);
}

/// Calls what an app gave to be called.
template <typename Call>
void call_out(Call &&call) noexcept {
  try {
    call();
  } catch (...) {
    report_uncaught(std::current_exception());
  }
}

/// What the library holds as a context: a function that takes messages.
struct Context {
  std::function<void(std::string_view)> tell;

  static void on_message(void *context, const uint8_t *message, size_t length) {
    std::string_view text(reinterpret_cast<const char *>(message), length);
    call_out([&] { static_cast<Context *>(context)->tell(text); });
  }

  static void on_drop(void *context) {
    std::unique_ptr<Context> dropped(static_cast<Context *>(context));
    call_out([&] { dropped.reset(); });
  }
};

/// Asks without waiting: `tell` is called once with the answer, which may be an error, on the peer's thread of
/// callbacks. It throws if the peer is closed.
inline void ask_later(uint64_t peer, std::string_view message, std::function<void(std::string_view)> tell) {
  auto context = std::make_unique<Context>(Context{std::move(tell)});
  int32_t number = headwater_call_async(peer, bytes_of(message), message.size(), Context::on_message, Context::on_drop,
                                        context.release());
  if (number != 0) throw Error(static_cast<Code>(number), "the peer is closed, or the message is none");
}

/// Has `tell` called with each event, which may be an error: the number of the watch.
inline uint64_t watch(uint64_t peer, std::string_view message, std::function<void(std::string_view)> tell) {
  auto context = std::make_unique<Context>(Context{std::move(tell)});
  uint64_t number = 0;
  Answer answer;
  int32_t error = headwater_subscribe(peer, bytes_of(message), message.size(), Context::on_message, Context::on_drop,
                                      context.release(), &number, &answer.data, &answer.length);
  if (error != 0) throw error_in(answer.text(), error);
  return number;
}

}  // namespace detail

/// Has `handler` told of every exception that leaves a callback, from now on. Without one it ends the program
/// (`std::terminate`), as an exception that leaves a thread does.
inline void set_uncaught_handler(UncaughtHandler handler) {
  detail::Uncaught &uncaught = detail::Uncaught::instance();
  std::lock_guard lock(uncaught.mutex);
  uncaught.handler = std::move(handler);
}

}  // namespace headwater
