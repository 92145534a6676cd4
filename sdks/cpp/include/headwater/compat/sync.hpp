// Subscriptions and sync, by the vendor's names, and what the handles of one peer share.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "values.hpp"

namespace ditto::HEADWATER_DITTO {

class StoreObserver;
class SyncSubscription;

namespace detail {

/// What the handles of one peer share. It does not keep the peer open.
struct Peer {
  uint64_t number = 0;
  bool has_server = false;
  std::atomic<bool> is_active{false};
  std::mutex mutex;
  std::set<std::shared_ptr<StoreObserver>> observers;
  std::set<std::shared_ptr<SyncSubscription>> subscriptions;

  template <typename Element>
  void keep(std::set<std::shared_ptr<Element>> &set, const std::shared_ptr<Element> &element) {
    std::lock_guard lock(mutex);
    set.insert(element);
  }

  /// Takes it out of the set, and destroys it without the lock.
  template <typename Element>
  void forget(std::set<std::shared_ptr<Element>> &set, const Element *element) {
    std::unique_lock lock(mutex);
    auto found = std::find_if(set.begin(), set.end(), [&](const auto &it) { return it.get() == element; });
    if (found == set.end()) return;
    std::shared_ptr<Element> forgotten = *found;
    set.erase(found);
    lock.unlock();
  }

  template <typename Element>
  std::set<std::shared_ptr<Element>> copy(const std::set<std::shared_ptr<Element>> &set) {
    std::lock_guard lock(mutex);
    return set;
  }
};

using Shared = std::shared_ptr<Peer>;

}  // namespace detail

/// A subscription: it is stored and outlives the process, until `cancel`.
class SyncSubscription {
 public:
  SyncSubscription(const detail::Shared &peer, headwater::Subscription subscription, std::string query)
      : peer(peer), subscription(subscription), query(std::move(query)) {}

  /// Ends it. Its documents stay.
  void cancel() {
    if (is_ended.exchange(true)) return;
    try {
      subscription.cancel();
    } catch (const DittoError &error) {
      if (error.code() != headwater::Code::closed) throw;
    }
    if (detail::Shared it = peer.lock()) it->forget(it->subscriptions, this);
  }
  bool is_cancelled() const { return is_ended; }
  const std::string &query_string() const { return query; }

 private:
  std::weak_ptr<detail::Peer> peer;
  headwater::Subscription subscription;
  std::string query;
  std::atomic<bool> is_ended{false};
};

using Subscription = SyncSubscription;

namespace detail {

inline std::shared_ptr<SyncSubscription> subscribe(const Shared &peer, const headwater::detail::Message &message,
                                                   const std::string &query) {
  auto registered = headwater::detail::register_subscription(peer->number, message);
  auto subscription = std::make_shared<SyncSubscription>(peer, registered, query);
  peer->keep(peer->subscriptions, subscription);
  return subscription;
}

}  // namespace detail

/// Sync of a peer.
class Sync {
 public:
  explicit Sync(detail::Shared peer) : peer(std::move(peer)) {}

  /// Connects, and connects again whenever the connection is lost. A peer without a server has nobody to sync with.
  void start() const {
    if (peer->has_server) headwater::Sync(peer->number).start();
    peer->is_active = true;
  }
  /// Ends the connection. Local work goes on.
  void stop() const {
    peer->is_active = false;
    try {
      headwater::Sync(peer->number).stop();
    } catch (const DittoError &error) {
      if (error.code() != headwater::Code::closed) throw;  // a peer that is closed does not sync
    }
  }
  bool is_active() const { return peer->is_active; }

  /// Subscribes to a collection, or a part of it: `SELECT * FROM … [WHERE …]`.
  std::shared_ptr<SyncSubscription> register_subscription(const std::string &query,
                                                          const detail::Object &args = detail::Object()) const {
    headwater::detail::Message message("call", "register_subscription");
    return detail::subscribe(peer, message.text("statement", query).json("args", detail::arguments(args)), query);
  }
  /// Those that were registered here and not cancelled.
  std::set<std::shared_ptr<SyncSubscription>> get_subscriptions() const { return peer->copy(peer->subscriptions); }

 private:
  detail::Shared peer;
};

}  // namespace ditto::HEADWATER_DITTO
