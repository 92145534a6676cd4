// Those who are told: by a callback, or by asking for the next result.
//
// Invariants: the current result comes first; what changes while nobody looks is told once; after `cancel` returned no
// callback runs, but one that ended its own observer returns to its end.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "callbacks.hpp"

namespace headwater {

/// Is told of a result that cannot be had.
using OnError = std::function<void(const Error &)>;

/// One who is called. It ends with `cancel`, with this object, or with the peer.
class [[nodiscard]] Observer {
 public:
  Observer() = default;
  Observer(uint64_t peer, uint64_t watch) : peer_(peer), watch_(watch) {}
  Observer(Observer &&other) noexcept : peer_(other.peer_), watch_(other.watch_.exchange(0)) {}
  Observer &operator=(Observer &&other) noexcept {
    cancel();
    peer_ = other.peer_;
    watch_ = other.watch_.exchange(0);
    return *this;
  }
  ~Observer() { cancel(); }

  /// Ends it, and waits for a callback that runs: after this has returned it does not run. On any thread.
  void cancel() noexcept {
    if (uint64_t watch = watch_.exchange(0); watch != 0) headwater_unsubscribe(peer_, watch);
  }

  /// Whether it was ended, here at least.
  bool is_cancelled() const noexcept { return watch_ == 0; }

  /// Lets it go on without this object, until the peer is closed.
  void detach() noexcept { watch_ = 0; }

 private:
  uint64_t peer_ = 0;
  std::atomic<uint64_t> watch_{0};
};

namespace detail {

/// Has `tell` called with each event. An error goes to `on_error`, or else is uncaught; that a peer was closed is none.
inline Observer observe(uint64_t peer, const Message &message, std::function<void(std::string_view)> tell,
                        OnError on_error = {}) {
  auto on_event = [tell = std::move(tell), on_error = std::move(on_error)](std::string_view event) {
    if (!is_error(event)) return tell(event);
    Error error = error_in(event);
    if (error.code() == Code::closed) return;
    if (!on_error) throw error;
    on_error(error);
  };
  return Observer(peer, watch(peer, message.done(), std::move(on_event)));
}

}  // namespace detail

/// Results one after another, each the newest: `for (const auto &tasks : store.observe("SELECT …"))`. The loop ends
/// when the peer is closed, and throws an Error where a result cannot be had. Not for use within callbacks, on whose
/// thread nothing new would come.
template <typename Result>
class Events {
 public:
  Events(uint64_t peer, const detail::Message &message, std::function<Result(std::string_view)> read)
      : state(std::make_shared<State>()) {
    auto told = std::make_shared<Told>(state, std::move(read));
    auto take = [told = std::move(told)](std::string_view event) { told->state->take(event, told->read); };
    observer = Observer(peer, detail::watch(peer, message.done(), std::move(take)));
  }

  /// Waits for a result that was not given yet; none comes after the peer was closed.
  std::optional<Result> next() { return state->next(std::nullopt); }

  /// The same, for so long: `timed_out` is thrown then.
  std::optional<Result> next(std::chrono::milliseconds timeout) {
    return state->next(std::chrono::steady_clock::now() + timeout);
  }

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Result;
    using difference_type = std::ptrdiff_t;
    using pointer = const Result *;
    using reference = const Result &;

    explicit Iterator(Events *events) : events(events) { ++*this; }
    Iterator() = default;
    reference operator*() const { return *result; }
    pointer operator->() const { return &*result; }
    Iterator &operator++() {
      result = events->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator &one, const Iterator &other) {
      return one.result.has_value() == other.result.has_value();
    }
    friend bool operator!=(const Iterator &one, const Iterator &other) { return !(one == other); }

   private:
    Events *events = nullptr;
    std::optional<Result> result;
  };

  Iterator begin() { return Iterator(this); }
  Iterator end() { return Iterator(); }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Result> newest;
    std::optional<Error> error;
    bool is_over = false;

    void end() {
      std::lock_guard lock(mutex);
      is_over = true;
      changed.notify_all();
    }

    void take(std::string_view event, const std::function<Result(std::string_view)> &read) {
      std::lock_guard lock(mutex);
      if (detail::is_error(event)) {
        error = detail::error_in(event);
      } else {
        newest = read(event);
      }
      changed.notify_all();
    }

    std::optional<Result> next(std::optional<std::chrono::steady_clock::time_point> end) {
      std::unique_lock lock(mutex);
      auto is_told = [&] { return newest || error || is_over; };
      if (!end) {
        changed.wait(lock, is_told);
      } else if (!changed.wait_until(lock, *end, is_told)) {
        throw Error(Code::timed_out, "no result came within the time");
      }
      if (newest) return std::exchange(newest, std::nullopt);
      if (!error || error->code() == Code::closed) return std::nullopt;
      throw *std::exchange(error, std::nullopt);
    }
  };

  /// What the library holds: it is over once that is dropped, when the peer is closed.
  struct Told {
    std::shared_ptr<State> state;
    std::function<Result(std::string_view)> read;

    Told(std::shared_ptr<State> state, std::function<Result(std::string_view)> read)
        : state(std::move(state)), read(std::move(read)) {}
    ~Told() { state->end(); }
  };

  std::shared_ptr<State> state;
  Observer observer;
};

}  // namespace headwater
