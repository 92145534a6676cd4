// A collection, and a document that is named by its id.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "find.hpp"

namespace headwater {

/// A document that is named by its id. Nothing is looked for until one of its calls.
class ById {
 public:
  ById(uint64_t peer, std::string collection, Id id)
      : peer_(peer), collection_(std::move(collection)), id_(std::move(id)) {}

  const Id &id() const noexcept { return id_; }

  /// The document with its `_id`, if it is there.
  std::optional<Json> get() const {
    std::vector<Json> found = detail::found(peer_, which(), std::nullopt);
    return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
  }

  /// Changes the document, if it is there.
  Written update(const Changes &changes) const {
    detail::Message message = which().matching("call", "update");
    return detail::write(peer_, message.raw("changes", detail::list_of(changes)));
  }

  /// Has `change` look at the document and change it, in one transaction; it is not called if there is none. It may ask
  /// this peer for nothing that waits.
  Written update(const Updater &change) const {
    return detail::in_transaction(peer_, [&](uint64_t transaction) {
      detail::update_with(peer_, which(), detail::each(change), transaction);
    });
  }

  /// Removes the document, if it is there, here and at the server.
  Written remove() const { return detail::write(peer_, which().matching("call", "remove")); }

  /// Takes it out of this store alone: whether it was there.
  bool evict() const {
    return !detail::list_in<Id>(detail::ask(peer_, which().matching("call", "evict")).text(), "ids").empty();
  }

  /// Subscribes to the document.
  Subscription subscribe() const { return find().subscribe(); }

  /// The same document as what a query finds, to be observed, say.
  Find find() const {
    Json args = "{\"id\":" + id_.json().text() + '}';
    return Find(peer_, {collection_, {}, "_id == $args.id", std::move(args), {}, {}, {}});
  }

 private:
  uint64_t peer_;
  std::string collection_;
  Id id_;

  detail::Which which() const { return {collection_, id_, {}, {}, {}, {}, {}}; }
};

/// A collection. It is there once it has a document.
class Collection {
 public:
  Collection(uint64_t peer, std::string name) : peer_(peer), name_(std::move(name)) {}

  const std::string &name() const noexcept { return name_; }

  /// Merges an object into the document that its `_id` names, or makes a new one. `types` says of some paths what kind
  /// of field stands there: counter, register or map.
  Written upsert(const Json &document, const FieldTypes &types = {}) const {
    detail::Answer answer = detail::ask(peer_, detail::upsert(name_, document, types));
    Json id = detail::needed(answer.text(), "id");
    return Written(peer_, {std::move(id)}, detail::number_in(answer.text(), "sequence"));
  }

  /// The document with its `_id`, if it is there.
  std::optional<Json> find_by_id(const Id &id) const { return by_id(id).get(); }

  /// The document with this id, to be read, changed or observed.
  ById by_id(const Id &id) const { return {peer_, name_, id}; }

  /// The documents that match a condition of the legacy query language; all if there is none. `args` is what
  /// `$args.name` stands for.
  Find find(std::string_view query = "true", std::optional<Json> args = std::nullopt) const {
    return Find(peer_, {name_, {}, std::string(query), std::move(args), {}, {}, {}});
  }

  Written update(const Id &id, const Changes &changes) const { return by_id(id).update(changes); }
  Written update(const Id &id, const Updater &change) const { return by_id(id).update(change); }
  Written remove(const Id &id) const { return by_id(id).remove(); }
  bool evict(const Id &id) const { return by_id(id).evict(); }

#if HEADWATER_HAS_NLOHMANN
  Written upsert(nlohmann::json::initializer_list_t document, const FieldTypes &types = {}) const {
    return upsert(Json(nlohmann::json(document)), types);
  }
  Find find(std::string_view query, nlohmann::json::initializer_list_t args) const {
    return find(query, Json(nlohmann::json(args)));
  }
#endif

 private:
  uint64_t peer_;
  std::string name_;
};

}  // namespace headwater
