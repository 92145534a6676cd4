// Documents that match a condition of the legacy query language.
//
// Invariants: a Find never changes; `sort`, `limit` and `offset` give another.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "observer.hpp"
#include "subscription.hpp"
#include "transaction.hpp"

namespace headwater {

/// What is different from the result before.
struct LocalEvent {
  /// Whether this is the first result: everything is new then, and nothing is named below.
  bool is_initial = true;
  std::vector<Json> old_documents;
  /// Places of new documents in this result.
  std::vector<size_t> insertions;
  /// Places of documents in the result before that are not in this one.
  std::vector<size_t> deletions;
  /// Places of documents in this result that were in the one before, and are others now.
  std::vector<size_t> updates;
  /// From and to where documents moved.
  std::vector<std::pair<size_t, size_t>> moves;
};

using OnDocuments = std::function<void(const std::vector<Json> &)>;
using OnLocalEvent = std::function<void(const std::vector<Json> &, const LocalEvent &)>;

namespace detail {

inline std::vector<size_t> places_in(std::string_view text) {
  std::vector<size_t> places;
  if (text.empty()) return places;
  for_elements(text, [&](std::string_view place) { places.push_back(static_cast<size_t>(Json(place).as_integer())); });
  return places;
}

inline LocalEvent local_event(std::string_view changes, std::vector<Json> old_documents) {
  LocalEvent event;
  event.is_initial = field(changes, "initial") == "true";
  if (!event.is_initial) event.old_documents = std::move(old_documents);
  event.insertions = places_in(field(changes, "insertions"));
  event.deletions = places_in(field(changes, "deletions"));
  event.updates = places_in(field(changes, "updates"));
  std::string_view moves = field(changes, "moves");
  if (moves.empty()) return event;
  for_elements(moves, [&](std::string_view move) {
    std::vector<size_t> ends = places_in(move);
    event.moves.emplace_back(ends.at(0), ends.at(1));
  });
  return event;
}

/// Has `callback` called with documents and with what is different from those before.
inline Observer observe_local(uint64_t peer, const Which &which, OnLocalEvent callback, OnError on_error) {
  auto before = std::make_shared<std::vector<Json>>();
  auto tell = [before, callback = std::move(callback)](std::string_view event) {
    std::vector<Json> documents = list_in<Json>(event, "documents");
    LocalEvent change = local_event(needed(event, "changes"), std::exchange(*before, documents));
    callback(documents, change);
  };
  return observe(peer, which.all("watch", "find").flag("changes", true), std::move(tell), std::move(on_error));
}

}  // namespace detail

/// Documents that match. Nothing is looked for until one of the last calls.
class Find {
 public:
  Find(uint64_t peer, detail::Which which) : peer_(peer), which_(std::move(which)) {}

  /// Sorts by what stands at `path`, after earlier ones; the smallest first.
  Find sort(std::string_view path) const { return sorted("{\"path\":" + detail::write_text(path) + '}'); }

  /// The same, the greatest first.
  Find sort_descending(std::string_view path) const {
    return sorted("{\"path\":" + detail::write_text(path) + ",\"descending\":true}");
  }

  /// Leaves the first ones out.
  Find offset(uint64_t offset) const {
    Find other = *this;
    other.which_.offset = offset;
    return other;
  }

  /// At most so many.
  Find limit(uint64_t limit) const {
    Find other = *this;
    other.which_.limit = limit;
    return other;
  }

  /// The documents, each with its `_id`.
  std::vector<Json> documents() const { return detail::found(peer_, which_, std::nullopt); }

  /// Changes all that match, in one transaction; order, offset and limit do not count.
  Written update(const Changes &changes) const {
    detail::Message message = which_.matching("call", "update");
    return detail::write(peer_, message.raw("changes", detail::list_of(changes)));
  }

  /// The same by a function, for which order, offset and limit count. It may ask this peer for nothing that waits.
  Written update(const UpdaterOfAll &change) const {
    return detail::in_transaction(
        peer_, [&](uint64_t transaction) { detail::update_with(peer_, which_, change, transaction); });
  }

  /// Removes all that match, in one transaction; order, offset and limit do not count.
  Written remove() const { return detail::write(peer_, which_.matching("call", "remove")); }

  /// Takes all that match out of this store alone; order, offset and limit do not count. The ids of those that were
  /// there.
  std::vector<Id> evict() const {
    return detail::list_in<Id>(detail::ask(peer_, which_.matching("call", "evict")).text(), "ids");
  }

  /// Calls `callback` with the documents now, and again whenever they may be others.
  Observer observe(OnDocuments callback, OnError on_error = {}) const {
    auto tell = [callback = std::move(callback)](std::string_view event) {
      callback(detail::list_in<Json>(event, "documents"));
    };
    return detail::observe(peer_, which_.all("watch", "find"), std::move(tell), std::move(on_error));
  }

  /// The same, to be asked for one after another.
  Events<std::vector<Json>> stream() const {
    return {peer_, which_.all("watch", "find"), [](auto event) { return detail::list_in<Json>(event, "documents"); }};
  }

  /// Calls `callback` with the documents now, and again with what is different whenever they change.
  Observer observe_local(OnLocalEvent callback, OnError on_error = {}) const {
    return detail::observe_local(peer_, which_, std::move(callback), std::move(on_error));
  }

  /// Subscribes to all that match; order, offset and limit do not count.
  Subscription subscribe() const {
    return detail::register_subscription(peer_, which_.matching("call", "register_subscription"));
  }

 private:
  uint64_t peer_;
  detail::Which which_;

  Find sorted(std::string by) const {
    Find other = *this;
    other.which_.sort.push_back(std::move(by));
    return other;
  }
};

}  // namespace headwater
