// What observers are told, by the vendor's names.
//
// Invariants: handlers run on the peer's thread of callbacks, one at a time; after `cancel` or `stop` returned none of
// its runs, but one that ended itself returns to its end.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "documents.hpp"

namespace ditto::HEADWATER_DITTO {

using SignalNext = std::function<void()>;

/// From where to where a document moved.
struct LiveQueryMove {
  size_t from, to;
};

/// What is different from the documents before. Places of deletions are in `old_documents`.
struct LiveQueryEvent {
  bool is_initial;
  std::vector<Document> old_documents;
  std::vector<size_t> insertions, deletions, updates;
  std::vector<LiveQueryMove> moves;
};

/// The same of one document.
struct SingleDocumentLiveQueryEvent {
  bool is_initial;
  /// nullptr if it was not there.
  std::shared_ptr<Document> old_document;
};

using LiveQueryEventCallback = std::function<void(std::vector<Document>, LiveQueryEvent)>;
using LiveQueryEventWithNextSignalCallback = std::function<void(std::vector<Document>, LiveQueryEvent, SignalNext)>;
using SingleDocumentLiveQueryEventCallback =
    std::function<void(std::shared_ptr<Document>, SingleDocumentLiveQueryEvent)>;

namespace detail {

/// Tells events, but the next one not before it was said that the one before is done with. What comes meanwhile is told
/// once.
class Paced : public std::enable_shared_from_this<Paced> {
 public:
  using Tell = std::function<void(std::string_view, SignalNext)>;

  Paced(uint64_t peer, Tell tell) : peer(peer), tell(std::move(tell)) {}

  /// On the peer's thread of callbacks.
  void take(std::string_view event) {
    std::unique_lock lock(mutex);
    waiting = std::string(event);
    lock.unlock();
    go();
  }

  /// Nothing is told any more once this has returned, but within what is told.
  void end() {
    std::unique_lock lock(mutex);
    is_ended = true;
    if (runs_on == std::this_thread::get_id()) return;
    ended.wait(lock, [&] { return runs_on == std::thread::id(); });
  }

 private:
  uint64_t peer;
  Tell tell;
  std::mutex mutex;
  std::condition_variable ended;
  std::optional<std::string> waiting;
  bool is_busy = false, is_ended = false;
  std::thread::id runs_on;

  void go() {
    std::unique_lock lock(mutex);
    if (is_busy || is_ended || !waiting) return;
    is_busy = true;
    std::string event = *std::exchange(waiting, std::nullopt);
    runs_on = std::this_thread::get_id();
    lock.unlock();
    auto is_done = std::make_shared<std::atomic<bool>>(false);
    headwater::detail::call_out([&] {
      tell(event, [self = weak_from_this(), is_done] {
        std::shared_ptr<Paced> paced = self.lock();
        if (paced && !is_done->exchange(true)) paced->next();
      });
    });
    lock.lock();
    runs_on = std::thread::id();
    ended.notify_all();
  }

  /// The next one is told on the peer's thread too, wherever this is called.
  void next() {
    std::unique_lock lock(mutex);
    is_busy = false;
    lock.unlock();
    try {
      headwater::detail::ask_later(peer, R"({"call":"info"})", [self = weak_from_this()](std::string_view) {
        if (std::shared_ptr<Paced> paced = self.lock()) paced->go();
      });
    } catch (const DittoError &) {
      // The peer is closed: nothing comes any more.
    }
  }
};

/// One who is told, paced or not.
class Watching {
 public:
  Watching(uint64_t peer, const headwater::detail::Message &message, std::function<void(std::string_view)> tell)
      : observer(headwater::detail::observe(peer, message, std::move(tell))) {}

  Watching(uint64_t peer, const headwater::detail::Message &message, Paced::Tell tell)
      : paced(std::make_shared<Paced>(peer, std::move(tell))),
        observer(headwater::detail::observe(peer, message, [it = paced](auto event) { it->take(event); })) {}

  ~Watching() { cancel(); }
  void cancel() {
    observer.cancel();
    if (paced) paced->end();
  }
  bool is_cancelled() const { return observer.is_cancelled(); }

 private:
  std::shared_ptr<Paced> paced;
  headwater::Observer observer;
};

inline LiveQueryEvent event_of(headwater::LocalEvent event) {
  std::vector<LiveQueryMove> moves;
  for (const auto &[from, to] : event.moves) moves.push_back({from, to});
  return {event.is_initial, documents_of(event.old_documents), std::move(event.insertions), std::move(event.deletions),
          std::move(event.updates), std::move(moves)};
}

/// Takes documents and what is different apart, for a handler of them.
template <typename Handler>
auto of_documents(Handler handler) {
  auto before = std::make_shared<std::vector<headwater::Json>>();
  return [before, handler = std::move(handler)](std::string_view event, auto... next) {
    auto documents = headwater::detail::list_in<headwater::Json>(event, "documents");
    std::string_view changes = headwater::detail::needed(event, "changes");
    LiveQueryEvent change = event_of(headwater::detail::local_event(changes, std::exchange(*before, documents)));
    handler(documents_of(documents), std::move(change), next...);
  };
}

}  // namespace detail

/// One who is told of documents, until it is stopped or destroyed.
class LiveQuery {
 public:
  template <typename Tell>
  LiveQuery(uint64_t peer, const headwater::detail::Which &which, Tell tell)
      : watching(peer, which.all("watch", "find").flag("changes", true), std::move(tell)) {}

  void stop() { watching.cancel(); }
  void cancel() { watching.cancel(); }
  bool is_stopped() const { return watching.is_cancelled(); }

 private:
  detail::Watching watching;
};

namespace detail {

inline std::shared_ptr<LiveQuery> live_query(uint64_t peer, const headwater::detail::Which &which,
                                             LiveQueryEventCallback handler) {
  std::function<void(std::string_view)> tell = of_documents(std::move(handler));
  return std::make_shared<LiveQuery>(peer, which, std::move(tell));
}

inline std::shared_ptr<LiveQuery> live_query(uint64_t peer, const headwater::detail::Which &which,
                                             LiveQueryEventWithNextSignalCallback handler) {
  Paced::Tell tell = of_documents(std::move(handler));
  return std::make_shared<LiveQuery>(peer, which, std::move(tell));
}

}  // namespace detail

}  // namespace ditto::HEADWATER_DITTO
