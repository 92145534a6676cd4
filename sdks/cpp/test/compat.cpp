// The vendor's names, as apps of the vendor's use them.

#include <headwater/compat.hpp>

#include "test.hpp"

using namespace ditto;
using nlohmann::json;

// A Ditto without a server in a folder of its own.
struct Alone {
  Folder folder;
  std::shared_ptr<Ditto> ditto = Ditto::open(
      DittoConfig::default_config().set_database_id("a").set_persistence_directory(folder.path).set_small_peers_only_connect());
  Store store = ditto->get_store();
  Collection cars = store.collection("cars");
};

TEST(compat_opens_in_both_ways) {
  Folder folder;
  {
    Ditto ditto;
    CHECK_ERROR(headwater::Code::closed, ditto.get_store());
    ditto = Ditto(Identity::OnlinePlayground("app", "token", true, "http://127.0.0.1:9"), folder.path);
    ditto.update_transport_config([](TransportConfig &config) {
      config.enable_all_peer_to_peer();
      config.connect.websocket_urls.insert("wss://somewhere");
    });
    ditto.disable_sync_with_v3();
    Ditto copy = ditto;
    copy.start_sync();
    CHECK(ditto.get_is_sync_active() && ditto.get_sync().is_active() && ditto.get_auth());
    CHECK(ditto.get_app_id() == "app" && ditto.get_persistence_directory() == folder.path);
    CHECK(ditto.get_transport_config().peer_to_peer.lan.enabled && !ditto.get_auth()->get_status().is_authenticated());
    CHECK(!ditto.get_presence().get_graph().local_peer.is_connected_to_ditto_server);
    ditto.stop_sync();
    CHECK(!copy.is_sync_active());
  }
  Ditto offline(Identity::OfflinePlayground("app"), folder.path);
  offline.set_offline_only_license_token("any");
  offline.start_sync();
  CHECK(offline.is_sync_active() && offline.get_auth() == nullptr && !Ditto::get_version().empty());
  offline.close();
  CHECK_ERROR(headwater::Code::closed, offline.get_store().execute("SELECT * FROM a"));
  offline.stop_sync();
  CHECK_ERROR(headwater::Code::unsupported, Identity::SharedKey("app", "key"));
}

TEST(compat_statements) {
  Alone it;
  it.store.execute("ALTER SYSTEM SET DQL_STRICT_MODE = false");
  CHECK_ERROR(headwater::Code::unsupported, it.store.execute("ALTER SYSTEM SET DQL_STRICT_MODE = true"));
  const json task = {{"_id", "t"}, {"title", "tea"}, {"done", false}};
  auto inserted = it.store.execute("INSERT INTO tasks DOCUMENTS (:task)", {{"task", task}});
  CHECK(inserted.mutated_document_ids()[0].to_string() == "t" && inserted.get_commit_id());
  auto result = it.store.execute("SELECT * FROM tasks WHERE _id = :id", {{"id", inserted.mutated_document_ids()[0]}});
  CHECK(result.item_count() == 1 && result.get_item(0).value() == task && !result.get_commit_id());
  CHECK(json::parse(result.items().at(0).json_string()) == task);
  try {
    result.get_item(1);
    CHECK(false);
  } catch (const std::out_of_range &) {
  }
  try {
    it.store.execute("SELECT");
    CHECK(false);
  } catch (const DittoError &error) {
    CHECK(error.code() == headwater::Code::invalid_query);
  }
  auto run = [&](TransactionCompletionAction action) {
    return it.store.transaction([&](Transaction &transaction) {
      CHECK(transaction.execute("UPDATE tasks SET done = :d", {{"d", true}}).mutated_document_ids().size() == 1);
      return action;
    });
  };
  CHECK(run(TransactionCompletionAction::rollback) == TransactionCompletionAction::rollback);
  CHECK(it.store.execute("SELECT * FROM tasks WHERE done").item_count() == 0);
  CHECK(run(TransactionCompletionAction::commit) == TransactionCompletionAction::commit);
  CHECK(it.store.execute("SELECT * FROM tasks WHERE done").item_count() == 1);
  CHECK(it.store.collection_names() == std::vector<std::string>{"tasks"});
}

TEST(compat_legacy_reads_and_writes) {
  Alone it;
  DocumentId id = it.cars.upsert({{"make", "Ford"}, {"miles", 3}, {"tags", {"old", {{"a", 1}}}}});
  CHECK(it.cars.find_by_id(id).exec()->id() == id && !id.to_string().empty());
  auto results = it.cars.find_by_id(id).update([&](MutableDocument &doc) {
    CHECK(doc.id() == id && doc["miles"].get_int_value() == 3 && doc.value()["make"] == "Ford");
    doc["miles"].increment(2);
    doc["color"].set("blue");
    doc["owner"]["name"] = "Susan";
    doc["rides"].replace_with_counter();
    doc["make"].remove();
    doc["miles"].get_counter()->increment(1);
  });
  CHECK(results.size() == 6 && results[0]->type == UpdateResultType::incremented && results[1]->value == "blue");
  auto car = it.cars.find_by_id(id).exec();
  Document &doc = *car;
  CHECK(doc["miles"].get_double_value() == 6 && doc["color"].get_string_value() == "blue");
  CHECK(doc["owner"]["name"].get_json() == "Susan" && doc["make"].get_json().is_null() && doc["rides"].get_counter());
  CHECK(doc["tags"][0].get_string_value() == "old" && doc["tags"][1]["a"].get_int_value() == 1);
  CHECK(doc["none"].get_string_value().empty() && !doc["color"].get_bool_value() && !doc["color"].get_counter());
  CHECK(it.cars.find_by_id("none").update([](MutableDocument &) { CHECK(false); }).empty());
  CHECK(!it.cars.find_by_id("none").exec() && !it.cars.find_by_id("none").remove());
  it.cars.upsert({{"_id", "b"}, {"miles", 9}});
  it.cars.upsert({{"_id", {{"x", 1}}}, {"miles", 7}});
  auto far = it.cars.find("miles > $args.m", {{"m", 5}}).sort("miles", SortDirection::descending).limit(2).offset(1).exec();
  CHECK(far.size() == 2 && far[0]["miles"].get_int_value() == 7 && far[0].id()["x"].get_int_value() == 1);
  CHECK(it.cars.find("miles > $args.m").with_args({{"m", 8}}).exec().size() == 1);
  auto changed = it.cars.find("miles > 6").update([](std::vector<MutableDocument> &docs) {
    for (auto &doc : docs) doc["far"].set(true);
  });
  CHECK(changed.size() == 2 && changed.at("b").size() == 1 && changed.at("b")[0]->path == "far");
  CHECK(it.cars.find_by_id("b").evict() && it.cars.find("far == true").remove().size() == 1);
  CHECK(it.cars.find_all().evict().size() == 1 && it.cars.find_all().exec().empty());
  CHECK(it.cars.upsert({{"_id", "d"}, {"n", 1}}, WriteStrategy::insert_if_absent) == "d");
  CHECK(it.cars.upsert({{"_id", "d"}, {"n", 2}}, WriteStrategy::insert_if_absent) == "d");
  CHECK(it.cars.find_by_id("d").exec()->value()["n"] == 1);
  CHECK(it.cars.upsert({{"_id", "e"}}, WriteStrategy::insert_default_if_absent) == "e");
  CHECK(it.cars.upsert({{"_id", "d"}, {"n", 3}}, WriteStrategy::update_different_values) == "d");
  CHECK(it.cars.find_by_id("d").exec()->value()["n"] == 3);
}

TEST(compat_write_transactions) {
  Alone it;
  auto results = it.store.write([](WriteTransaction &transaction) {
    ScopedWriteTransaction cars = transaction.scoped("cars");
    DocumentId id = cars.upsert({{"_id", "c"}, {"n", 1}});
    cars.find_by_id(id).update([](MutableDocument &car) { car["n"].set(2); });
    CHECK(cars.find("n == $args.n", {{"n", 2}}).sort("n", SortDirection::ascending).exec().size() == 1);
    transaction.scoped("people").upsert({{"_id", "p"}});
    CHECK(transaction["people"].find_by_id("p").remove() && !transaction["people"].find_by_id("p").exec());
  });
  CHECK(results.size() == 4 && results[1]->type == WriteTransactionResultType::updated);
  CHECK(results[3]->type == WriteTransactionResultType::removed && results[3]->collection_name == "people");
  try {
    it.store.write([](WriteTransaction &transaction) {
      transaction["cars"].find_all().remove();
      throw std::runtime_error("no");
    });
    CHECK(false);
  } catch (const std::runtime_error &error) {
    CHECK(error.what() == std::string("no"));
  }
  CHECK(it.cars.find_all().exec().size() == 1);
}

TEST(compat_observers) {
  Alone it;
  Told<size_t> items, paced, documents, single;
  Told<SignalNext> next;
  auto observer = it.store.register_observer("SELECT * FROM cars", [&](const QueryResult &result) {
    items.say(result.item_count());
  });
  auto older = it.store.register_observer("SELECT * FROM cars WHERE n > :n", {{"n", 1}},
                                          [&](QueryResult result, SignalNext signal_next) {
                                            paced.say(result.item_count());
                                            next.say(std::move(signal_next));
                                          });
  auto live = it.cars.find_all().sort("n").observe_local([&](std::vector<Document> docs, LiveQueryEvent event) {
    documents.say(docs.size() * 100 + event.insertions.size() * 10 + (event.is_initial ? 1 : 0));
  });
  auto one = it.cars.find_by_id("c").observe_local([&](std::shared_ptr<Document> doc, SingleDocumentLiveQueryEvent event) {
    single.say((doc ? 10 : 0) + (event.old_document ? 1 : 0));
  });
  CHECK(it.store.get_observers().size() == 2 && items.wait(1) == 0 && paced.wait(1) == 0 && documents.wait(1) == 1);
  CHECK(single.wait(1) == 0);
  it.cars.upsert({{"_id", "c"}, {"n", 2}});
  CHECK(items.wait(2) == 1 && documents.wait(2) == 110 && single.wait(2) == 10);
  it.cars.upsert({{"_id", "d"}, {"n", 3}});
  CHECK(items.wait(3) == 2 && documents.wait(3) == 210 && paced.count() == 1);
  next.wait(1)();
  next.wait(1)();
  CHECK(paced.wait(2) == 2);
  it.cars.find_by_id("c").remove();
  CHECK(single.wait(3) == 1);
  older->cancel();
  next.wait(2)();
  live->stop();
  observer->cancel();
  CHECK(observer->is_cancelled() && live->is_stopped() && it.store.get_observers().empty() && paced.count() == 2);
  it.ditto->close();
}

TEST(compat_observers_end_with_the_ditto_that_they_hold) {
  Folder folder;
  Told<size_t> told;
  {
    Ditto ditto(Identity::OfflinePlayground(), folder.path);
    auto held = std::make_shared<int>(7);
    ditto.get_store().register_observer("SELECT * FROM a", [&, held](QueryResult) { told.say(held.use_count()); });
    told.wait(1);
  }
  Ditto again(Identity::OfflinePlayground(), folder.path);
}

TEST(compat_subscriptions_and_tokens) {
  struct Callback : AuthenticationCallback {
    void authentication_required(std::shared_ptr<Authenticator>) override {}
  };
  Folder folder;
  Ditto ditto(Identity::OnlineWithAuthentication("app", std::make_shared<Callback>(), false, "http://127.0.0.1:9"),
              folder.path);
  auto subscription = ditto.get_sync().register_subscription("SELECT * FROM tasks WHERE done = :d", {{"d", false}});
  auto legacy = ditto.get_store().collection("tasks").find("done == false").subscribe();
  auto one = ditto.get_store().collection("tasks").find_by_id("t").subscribe();
  CHECK(ditto.sync().get_subscriptions().size() == 3);
  for (const auto &it : {subscription, legacy, one}) it->cancel();
  CHECK(subscription->is_cancelled() && ditto.sync().get_subscriptions().empty());
  Told<std::string> answers;
  auto tell = [&](const std::unique_ptr<DittoError> &error) { answers.say(error ? error->code_name() : "none"); };
  auto auth = ditto.get_auth();
  auth->set_expiration_handler([](Ditto &, uint32_t) {});
  auth->login("token", Authenticator::get_development_provider(),
              [&](std::unique_ptr<std::string>, std::unique_ptr<DittoError> error) { tell(error); });
  CHECK(answers.wait(1) == "none" && auth->get_status().get_user_id().empty());
  auth->login_with_token("what it gave", "own", [&](std::unique_ptr<DittoError> error) { tell(error); });
  CHECK(answers.wait(2) == "timed_out");
  auth->login_with_credentials("me", "secret", "own", [&](std::unique_ptr<DittoError> error) { tell(error); });
  CHECK(answers.wait(3) == "unsupported");
  Told<size_t> peers;
  auto presence = ditto.get_presence().observe([&](PresenceGraph graph) { peers.say(graph.remote_peers.size()); });
  CHECK(peers.wait(1) == 0);
  auth->logout();
  subscription->cancel();
}
