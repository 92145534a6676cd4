// Collections and what is found in them, by the vendor's names.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "events.hpp"
#include "sync.hpp"
#include "write.hpp"

namespace ditto::HEADWATER_DITTO {

/// Documents that match. Nothing is looked for until one of the last calls.
class PendingCursorOperation {
 public:
  PendingCursorOperation(detail::Shared peer, headwater::detail::Which which)
      : collection_name(which.collection), peer(std::move(peer)), which(std::move(which)) {}

  std::string collection_name;

  /// Sorts by what stands at `path`, after earlier ones.
  PendingCursorOperation &sort(const std::string &path, SortDirection direction = SortDirection::ascending) {
    which.sort.push_back(detail::sorted_by(path, direction));
    return *this;
  }
  /// At most so many.
  PendingCursorOperation &limit(uint32_t limit) {
    which.limit = limit;
    return *this;
  }
  /// Leaves the first ones out.
  PendingCursorOperation &offset(uint32_t offset) {
    which.offset = offset;
    return *this;
  }
  /// What `$args.name` stands for in the condition.
  PendingCursorOperation &with_args(const detail::Object &args) {
    which.args = detail::arguments(args);
    return *this;
  }

  std::vector<Document> exec() const {
    return detail::documents_of(headwater::detail::found(peer->number, which, std::nullopt));
  }
  /// Has a function change the documents in one transaction. It may ask this peer for nothing that waits.
  UpdateResultsMap update(const UpdateAllFunction &change) const { return detail::update(peer->number, which, change); }
  /// Removes all that match: their ids.
  std::vector<DocumentId> remove() const { return detail::ids_of(headwater::Find(peer->number, which).remove().ids()); }
  /// Takes all that match out of this store alone: their ids.
  std::vector<DocumentId> evict() const { return detail::ids_of(headwater::Find(peer->number, which).evict()); }
  /// Subscribes to all that match. It is stored, and holds until it is cancelled.
  std::shared_ptr<SyncSubscription> subscribe() const {
    return detail::subscribe(peer, which.matching("call", "register_subscription"), which.query);
  }
  /// Calls `handler` with the documents now, and again with what is different whenever they change, as long as somebody
  /// holds what it gives.
  std::shared_ptr<LiveQuery> observe_local(LiveQueryEventCallback handler) const {
    return detail::live_query(peer->number, which, std::move(handler));
  }
  /// The same, but not before the handler has called the third thing that it is given.
  std::shared_ptr<LiveQuery> observe_local_with_next_signal(LiveQueryEventWithNextSignalCallback handler) const {
    return detail::live_query(peer->number, which, std::move(handler));
  }

 private:
  detail::Shared peer;
  headwater::detail::Which which;
};

/// A document that is named by its id. Nothing is looked for until one of its calls.
class PendingIDSpecificOperation {
 public:
  PendingIDSpecificOperation(detail::Shared peer, std::string collection, DocumentId id)
      : collection_name(std::move(collection)), id(std::move(id)), peer(std::move(peer)) {}

  std::string collection_name;
  DocumentId id;

  /// The document, or nullptr.
  std::shared_ptr<Document> exec() const {
    std::optional<headwater::Json> found = by_id().get();
    return found ? std::make_shared<Document>(*std::move(found)) : nullptr;
  }
  /// Has a function change the document, which is not called if there is none. It may ask this peer for nothing that
  /// waits.
  UpdateResults update(const UpdateFunction &change) const {
    headwater::detail::Which which{collection_name, id.id(), {}, {}, {}, {}, {}};
    return detail::first_of(detail::update(peer->number, which, detail::each(change)));
  }
  /// Removes it: whether it was there.
  bool remove() const { return !by_id().remove().ids().empty(); }
  /// Takes it out of this store alone: whether it was there.
  bool evict() const { return by_id().evict(); }
  std::shared_ptr<SyncSubscription> subscribe() const {
    return detail::subscribe(peer, query().matching("call", "register_subscription"), query().query);
  }
  /// Calls `handler` with the document now, or nullptr, and again whenever it changes, as long as somebody holds what
  /// it gives.
  std::shared_ptr<LiveQuery> observe_local(SingleDocumentLiveQueryEventCallback handler) const {
    auto tell = [handler = std::move(handler)](std::vector<Document> documents, LiveQueryEvent event) {
      handler(first(documents), {event.is_initial, first(event.old_documents)});
    };
    return detail::live_query(peer->number, query(), LiveQueryEventCallback(std::move(tell)));
  }

 private:
  detail::Shared peer;

  headwater::ById by_id() const { return {peer->number, collection_name, id.id()}; }
  headwater::detail::Which query() const {
    headwater::Json args = "{\"id\":" + id.to_query_compatible_string() + '}';
    return {collection_name, {}, "_id == $args.id", std::move(args), {}, {}, {}};
  }
  static std::shared_ptr<Document> first(const std::vector<Document> &documents) {
    return documents.empty() ? nullptr : std::make_shared<Document>(documents.front());
  }
};

/// A collection.
class Collection {
 public:
  Collection(detail::Shared peer, std::string name) : name(std::move(name)), peer(std::move(peer)) {}

  std::string name;
  const std::string &get_name() const { return name; }

  /// Merges an object into the document that its `_id` names, or makes a new one: its id.
  DocumentId upsert(const detail::Object &content, WriteStrategy strategy = WriteStrategy::merge) const {
    return detail::upsert(peer->number, name, content, strategy, std::nullopt);
  }
  /// Documents that match a condition of the legacy query language.
  PendingCursorOperation find(const std::string &query, const detail::Object &args = detail::Object()) const {
    return {peer, {name, {}, query, detail::arguments(args), {}, {}, {}}};
  }
  PendingCursorOperation find_all() const { return find("true"); }
  PendingIDSpecificOperation find_by_id(const DocumentId &id) const { return {peer, name, id}; }

 private:
  detail::Shared peer;
};

/// The collections that have documents.
class PendingCollectionsOperation {
 public:
  explicit PendingCollectionsOperation(detail::Shared peer) : peer(std::move(peer)) {}

  std::vector<Collection> exec() const {
    std::vector<Collection> all;
    headwater::Store store(peer->number);
    for (const auto &row : store.execute("SELECT name FROM system:collections").items()) {
      all.emplace_back(peer, row.at("name").as_string());
    }
    return all;
  }

 private:
  detail::Shared peer;
};

}  // namespace ditto::HEADWATER_DITTO
