// What each call gives. It is compiled with nlohmann::json and without.

#include <cmath>

#include "opened.hpp"

using namespace headwater;

TEST(a_document_is_written_found_and_changed) {
  Opened it;
  Collection people = it.store.collection("people");
  Written written = people.upsert(R"({"_id": "s", "name": "Susan", "age": 31, "tags": ["new", {"x": null}]})");
  CHECK(written.id() == "s" && written.id().text() == "s" && written.sequence() == 1);
  CHECK(people.find_by_id("s")->at("tags[1].x").is_null() && people.find_by_id("s")->at("tags").elements().size() == 2);
  CHECK(!people.find_by_id("nobody") && !people.by_id(7).get());
  people.by_id("s").update([](MutableDocument &susan) {
    CHECK(susan.id() == "s" && susan.at("age").value()->as_integer() == 31);
    susan.at("age").increment(1);
    susan.at("address").at("home town").set("Bath");
    susan.at("tags").at(0).set(2.0);
    susan.at("name").unset();
  });
  Json susan = *people.find_by_id("s");
  CHECK(susan.at("age").as_integer() == 32 && !susan.find("name"));
  CHECK(susan.at("address['home town']").as_string() == "Bath" && susan.at("tags[0]").text() == "2.0");
  CHECK(people.update("s", {Change::set("age", 33)}).ids().size() == 1);
  CHECK(people.update("nobody", {Change::set("age", 33)}).ids().empty());
  CHECK(people.remove("s").ids() == std::vector<Id>{"s"} && !people.find_by_id("s"));
  CHECK_ERROR(Code::invalid_value, people.remove("s").id());
  CHECK(!people.evict("s"));
}

TEST(documents_are_found_in_an_order_and_a_number) {
  Opened it;
  Collection numbers = it.store.collection("numbers");
  for (int n = 0; n < 6; ++n) {
    numbers.upsert("{\"_id\":" + std::to_string(n) + ",\"odd\":" + (n % 2 ? "true}" : "false}"));
  }
  auto ids = [](const std::vector<Json> &documents) {
    std::string all;
    for (const Json &document : documents) all += document.at("_id").text();
    return all;
  };
  Find odd = numbers.find("odd == $args.odd", R"({"odd": true})");
  CHECK(ids(odd.sort("_id").documents()) == "135" && ids(odd.sort_descending("_id").limit(2).documents()) == "53");
  CHECK(ids(numbers.find().sort("odd").sort_descending("_id").offset(2).documents()) == "0531");
  CHECK(odd.update({Change::set("seen", true)}).ids().size() == 3);
  odd.sort("_id").limit(1).update([](std::vector<MutableDocument> &all) { all.at(0).at("first").set(Json("[1]")); });
  CHECK(numbers.find_by_id(1)->at("first").text() == "[1]");
  CHECK(odd.evict().size() == 3 && odd.documents().empty());
  CHECK(numbers.find().remove().ids().size() == 3);
}

TEST(statements_give_rows_and_ids) {
  Opened it;
  Executed inserted = it.store.execute("INSERT INTO people DOCUMENTS (:p)", R"({"p": {"_id": "a", "age": 40}})");
  CHECK(inserted.mutated_document_ids() == std::vector<Id>{"a"} && inserted.items().empty() && inserted.sequence());
  Executed selected = it.store.execute("SELECT age FROM people WHERE age > :age", R"({"age": 18})");
  CHECK(selected.items().at(0).text() == R"({"age":40})" && !selected.sequence());
  CHECK(it.store.execute_later("SELECT * FROM people").get().items().size() == 1);
  CHECK_ERROR(Code::invalid_query, it.store.execute("SELECT"));
  CHECK_ERROR(Code::invalid_query, it.store.execute_later("SELECT").get());
  CHECK_ERROR(Code::exists, it.store.execute("INSERT INTO people DOCUMENTS (:p)", R"({"p": {"_id": "a"}})"));
}

TEST(a_transaction_is_whole_or_nothing) {
  Opened it;
  auto committed = it.store.transaction([](Transaction &transaction) {
    Id id = transaction.collection("orders").upsert(R"({"_id": "o", "left": 2})", {{"left", "counter"}});
    CHECK(transaction.collection("orders").find_by_id("o")->at("left").as_number() == 2);
    CHECK(transaction.collection("orders").update("o", {Change::increment("left", -1)}));
    CHECK(!transaction.collection("orders").update("none", [](MutableDocument &) {}));
    CHECK(transaction.collection("orders").find("left == 1").size() == 1);
    CHECK(transaction.execute("SELECT * FROM orders").size() == 1 && !transaction.collection("orders").remove("none"));
    return id.text();
  });
  CHECK(committed.value == "o" && committed.written.sequence() == 1);
  try {
    it.store.transaction([](Transaction &transaction) {
      transaction.collection("orders").remove("o");
      throw 7;
    });
    CHECK(false);
  } catch (int thrown) {
    CHECK(thrown == 7);
  }
  CHECK(it.store.collection("orders").find_by_id("o").has_value());
  it.store.transaction([](Transaction &transaction) { transaction.collection("orders").remove("o"); });
  CHECK(!it.store.collection("orders").find_by_id("o"));
}

TEST(observers_are_told_what_is_there_and_what_is_different) {
  Opened it;
  Told<std::string> selected, local;
  Observer observer = it.store.register_observer("SELECT * FROM a ORDER BY _id", [&](const std::vector<Json> &items) {
    std::string all;
    for (const Json &item : items) all += item.at("_id").text();
    selected.say(all);
  });
  auto tell = [&](const std::vector<Json> &documents, const LocalEvent &event) {
    std::string said = event.is_initial ? "first" : "then";
    for (size_t place : event.insertions) said += " +" + documents.at(place).at("_id").text();
    for (size_t place : event.deletions) said += " -" + event.old_documents.at(place).at("_id").text();
    for (size_t place : event.updates) said += " *" + documents.at(place).at("_id").text();
    for (auto [from, to] : event.moves) said += " " + std::to_string(from) + ">" + std::to_string(to);
    local.say(said);
  };
  Observer local_observer = it.store.collection("a").find().sort("n").observe_local(tell);
  CHECK(selected.wait(1).empty() && local.wait(1) == "first");
  Events<std::vector<Json>> events = it.store.observe("SELECT * FROM a");
  CHECK(events.next(LONG)->empty());
  it.store.collection("a").upsert(R"({"_id": 1, "n": 1})");
  CHECK(selected.wait(2) == "1" && local.wait(2) == "then +1" && events.next(LONG)->size() == 1);
  it.store.collection("a").upsert(R"({"_id": 2, "n": 0})");
  CHECK(local.wait(3) == "then +2 0>1");
  it.store.collection("a").upsert(R"({"_id": 1, "n": 2})");
  CHECK(local.wait(4) == "then *1");
  it.store.collection("a").remove(2);
  CHECK(local.wait(5) == "then -2 1>0");
  selected.wait_for("1");
  observer.cancel();
  size_t told = selected.count();
  it.store.collection("a").upsert(R"({"_id": 3})");
  local.wait(6);
  CHECK(selected.count() == told && observer.is_cancelled() && !local_observer.is_cancelled());
  auto wait_in_vain = [&] {
    for (;;) events.next(std::chrono::milliseconds(20));
  };
  CHECK_ERROR(Code::timed_out, wait_in_vain());
  it.peer.close();
  size_t rest = 0;
  for (const auto &items : events) rest += items.size();
  CHECK(rest == 0);
}

TEST(sync_says_where_it_stands) {
  Folder folder;
  Headwater peer = Headwater::open(Config(folder.path).with_server("http://127.0.0.1:9"));
  Told<std::string> states;
  Observer observer = peer.sync().observe_state([&](const std::string &state) { states.say(state); });
  CHECK(states.wait(1) == "stopped" && peer.sync().state() == "stopped" && peer.sync().states().next() == "stopped");
  Subscription subscription = peer.sync().register_subscription("SELECT * FROM a WHERE b = :b", R"({"b": 1})");
  CHECK(!subscription.is_complete() && !subscription.refused());
  subscription.cancel();
  Written written = peer.store().collection("a").upsert("{}");
  peer.start_sync();
  CHECK(peer.sync().pending() == 1);
  states.wait_for("waiting");
  auto soon = std::chrono::milliseconds(1);
  CHECK_ERROR(Code::timed_out, written.committed(soon));
  CHECK_ERROR(Code::timed_out, written.committed_later(soon).get());
  CHECK_ERROR(Code::timed_out, peer.sync().flushed(soon));
  CHECK_ERROR(Code::timed_out, peer.sync().flushed_later(soon).get());
  CHECK_ERROR(Code::timed_out, peer.sync().committed(*written.sequence(), soon));
  CHECK(!peer.store().collection("a").remove("none").committed());
  CHECK(!peer.store().collection("a").remove("none").committed_later().get());
  Observer rejected = peer.sync().on_rejected([](const Rejected &) {});
  Observer token = peer.sync().token_source([] { return std::nullopt; });
  CHECK(peer.sync().rejected().empty());
  peer.sync().forget_rejected(1);
  peer.sync().authenticate("newer");
  CHECK_ERROR(Code::timed_out, peer.sync().login("what it gave", "own"));
  CHECK_ERROR(Code::timed_out, peer.sync().login_later("what it gave", "own").get());
  peer.stop_sync();
  CHECK(peer.info().abi == 1 && !peer.info().version.empty());
  Opened alone;
  CHECK_ERROR(Code::no_server, alone.peer.start_sync());
}

TEST(values_are_what_they_say) {
  CHECK(Value("a\"\\\n").json().text() == R"("a\"\\\u000a")" && Value("a\"\\\n").text() == "a\"\\\n");
  CHECK(Value(7).json().text() == "7" && Value(UINT64_MAX).json().text() == "18446744073709551615");
  CHECK(Value(true).json().text() == "true" && Value(nullptr).json().is_null() && Value(0.5).json().text() == "0.5");
  CHECK(Value(1e300).json().as_number() == 1e300 && Value(3.0).json().text() == "3.0");
  CHECK_ERROR(Code::invalid_value, Value(std::nan("")));
  CHECK(Json(R"( "\ud83d\ude00\u00e9\/" )").as_string() == "\xf0\x9f\x98\x80\xc3\xa9/");
  CHECK(Json(R"({"a b": [1, [2]], "": {}})").at("['a b'][1][0]").as_integer() == 2);
  CHECK(Json(R"({"a": 1, "b": "x"})").fields().at(1).second.as_string() == "x");
  for (const char *none : {"", " ", "{", "[1", "\"a", "1,2", "{\"a\" 1}", "{a:1}", "]", "{\"a\":1}]"}) {
    CHECK_ERROR(Code::invalid_value, (Json(none).kind(), Json(none).fields()));
  }
  CHECK_ERROR(Code::invalid_value, Json("1.5").as_integer());
  CHECK_ERROR(Code::invalid_value, Json("18446744073709551615").as_integer());
  CHECK_ERROR(Code::invalid_value, Json("\"a\"").as_number());
  CHECK_ERROR(Code::invalid_value, Json("1").as_string());
  CHECK_ERROR(Code::invalid_value, Json("1").as_bool());
  CHECK_ERROR(Code::invalid_value, Json(R"("\u12")").as_string());
  CHECK_ERROR(Code::invalid_value, Json("{}").at("a"));
}

TEST(bad_input_has_its_code) {
  Opened it;
  Collection a = it.store.collection("a");
  CHECK_ERROR(Code::invalid_value, a.upsert(R"({}, "transaction": 1)"));
  CHECK_ERROR(Code::invalid_value, a.upsert("1} {"));
  CHECK_ERROR(Code::invalid_value, a.upsert("7"));
  CHECK_ERROR(Code::invalid_message, a.upsert("{\"a\"}"));
  CHECK_ERROR(Code::invalid_message, a.upsert("{\"x\": \"\xff\"}"));
  CHECK_ERROR(Code::invalid_message, a.find_by_id("\xc3\x28"));
  CHECK_ERROR(Code::invalid_value, a.find_by_id(nullptr));
  CHECK_ERROR(Code::invalid_value, it.store.execute("SELECT * FROM a", "{} {}"));
  CHECK_ERROR(Code::too_large, a.upsert("{\"x\": \"" + std::string(20 << 20, 'x') + "\"}"));
  CHECK_ERROR(Code::invalid_value, a.upsert("{\"x\": 1}", {{"x", "elephant"}}));
  CHECK_ERROR(Code::unsupported, it.peer.call(R"({"call":"fly"})"));
  CHECK_ERROR(Code::invalid_message, it.peer.call(""));
  CHECK(a.find().documents().empty());
  CHECK_ERROR(Code::open_failed, Headwater::open(Config("/dev/null/x")));
  CHECK_ERROR(Code::in_use, Headwater::open(Config(it.folder.path)));
  Config config(it.folder.path + "/other");
  config.ca_certificates = {"no certificate"};
  CHECK_ERROR(Code::invalid_server, (Headwater::open(std::move(config).with_server("https://h")).start_sync()));
}

#if HEADWATER_HAS_NLOHMANN
TEST(values_of_nlohmann_go_in_and_come_out) {
  using nlohmann::json;
  Opened it;
  Collection people = it.store.collection("people");
  json susan = {{"_id", "s"}, {"age", 31}, {"big", UINT64_MAX / 2}, {"tags", {1, 2.5, nullptr}}};
  people.upsert(susan);
  CHECK(people.find_by_id("s")->value() == susan && people.find_by_id(json("s"))->value() == susan);
  CHECK(people.upsert({{"_id", 7}, {"age", 3}}).id() == 7);
  CHECK(people.find("age > $args.age", {{"age", 18}}).documents().size() == 1);
  CHECK(json(it.store.execute("SELECT _id FROM people WHERE age < :age", {{"age", 18}}).items())[0]["_id"] == 7);
  people.by_id("s").update([](MutableDocument &document) { document.at("tags").set(json{"a"}); });
  CHECK(people.find_by_id("s")->value()["tags"] == json{"a"});
  it.peer.sync().register_subscription("SELECT * FROM people WHERE age = :age", {{"age", 1}});
  CHECK_ERROR(Code::invalid_value, people.upsert(json{{"x", std::nan("")}}));
  CHECK_ERROR(Code::invalid_value, people.upsert(json{{"x", "\xff"}}));
  CHECK_ERROR(Code::invalid_value, people.upsert(json{{"x", json::binary({1})}}));
  CHECK_ERROR(Code::invalid_value, Json("{1}").value());
}
#endif
