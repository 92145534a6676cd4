// The driver of the conformance vectors for the C library: sdks/conformance/README.md says what they mean.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <thread>

#include "driver.hpp"
#include "http.hpp"
#include "json.hpp"
#include "names.hpp"

namespace {


Json empty_object() {
  Json it;
  it.kind = Json::Object;
  return it;
}

// A peer in a folder that others may have opened before.
struct Opened {
  uint64_t number = 0;

  ~Opened() { headwater_close(number); }

  // What it answers to being opened; who was open before is closed then.
  Json open(const Folder &folder, const Json *config) {
    Json filled = Json::read(R"({"abi":1})");
    filled.set("dir", Json::of(folder.path));
    if (config != nullptr) {
      for (const auto &[name, value] : config->fields) filled.set(name, value);
    }
    uint64_t opened = 0;
    Answer answer = ::open(filled.write(), opened);
    if (answer.number != 0) return Json::read(answer.text);
    headwater_close(number);
    number = opened;
    return empty_object();
  }

  Json ask(const Json &message) const {
    Answer answer = call(number, message.write());
    return Json::read(answer.text);
  }
};

std::string bytes_of(const std::string &hex) {
  std::string bytes;
  for (size_t n = 0; n + 1 < hex.size(); n += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(n, 2), nullptr, 16));
  }
  return bytes;
}

// What a watch told, as a script looks at it.
struct Watched {
  Told told;
  uint64_t peer = 0, watch = 0;
  size_t seen = 0;
  std::string last;

  ~Watched() { headwater_unsubscribe(peer, watch); }

  // The next event that is another than the one before.
  Json next() {
    for (;;) {
      std::string event = told.at(seen++);
      bool is_new = event != last;
      last = event;
      if (is_new) return Json::read(event);
    }
  }

  // There is no event that nobody asked for.
  void end() {
    headwater_unsubscribe(peer, watch);
    for (; seen < told.count(); ++seen) {
      Answer event{HEADWATER_ERROR_CLOSED, told.at(seen)};
      if (event.text != last && !event.is_error(HEADWATER_ERROR_CLOSED)) {
        throw std::runtime_error(event.text + " came, which nobody expects");
      }
    }
  }
};

class Script {
 public:
  explicit Script(const Json &it) {
    Json opened = peer.open(folder, it.find("config"));
    names.check(empty_object(), opened);
  }

  void step(const Json &step) {
    if (const Json *message = step.find("until")) {
      until(names.fill(*message), step["gives"]);
    } else if (const Json *message = step.find("call")) {
      names.check(step["gives"], peer.ask(names.fill(*message)));
    } else if (step.find("watch") != nullptr) {
      watch(step);
    } else if (const Json *name = step.find("of")) {
      names.check(step["event"], watched(*name).next());
    } else if (const Json *name = step.find("unwatch")) {
      watched(*name).end();
      watches.erase(name->text);
    } else if (step.find("close") != nullptr) {
      headwater_close(peer.number);
    } else if (const Json *config = step.find("open")) {
      names.check(step["gives"], peer.open(folder, config));
    } else {
      throw std::runtime_error("it is no step");
    }
  }

  void end() {
    for (auto &[name, it] : watches) it->end();
  }

 private:
  Folder folder;
  Opened peer;
  Names names;
  std::map<std::string, std::unique_ptr<Watched>> watches;

  Watched &watched(const Json &name) {
    auto found = watches.find(name.text);
    if (found == watches.end()) throw std::runtime_error("nothing is watched as " + name.text);
    return *found->second;
  }

  // Asks until the answer is what is expected, for 20 seconds at most.
  void until(const Json &message, const Json &expected) {
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (;;) {
      Names tried = names;
      Json answer = peer.ask(message);
      try {
        tried.check(expected, answer);
        names = tried;
        return;
      } catch (const std::exception &) {
        if (std::chrono::steady_clock::now() > end) throw;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  void watch(const Json &step) {
    auto watched = std::make_unique<Watched>();
    watched->peer = peer.number;
    Answer refused = subscribe(peer.number, names.fill(step["watch"]).write(), watched->told, watched->watch);
    if (const Json *gives = step.find("gives")) {
      names.check(*gives, refused.number == 0 ? watched->next() : Json::read(refused.text));
      return;
    }
    if (refused.number != 0) throw std::runtime_error(refused.text);
    Watched &begun = *(watches[step["as"].text] = std::move(watched));
    if (const Json *event = step.find("event")) names.check(*event, begun.next());
  }
};

// Where a case stands, and what runs it.
struct Context {
  const Opened &peer;
  std::string file;
  size_t place;
  std::string server;
};

void run_script(const Json &it, const Context &) {
  Script script(it);
  size_t number = 0;
  for (const Json &step : it["steps"].elements) {
    ++number;
    try {
      script.step(step);
    } catch (const std::exception &error) {
      throw std::runtime_error("step " + std::to_string(number) + ", " + step.write() + ": " + error.what());
    }
  }
  script.end();
}

void run_query(const Json &it, const Context &context) { Names().check(it["gives"], context.peer.ask(it["call"])); }

// A script with the server of transcripts, which says in the end whether the peer said what it should.
void run_with_server(Json it, const Context &context, const std::string &named) {
  std::string app = named + "-c" + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
  Json config = it.find("config") == nullptr ? empty_object() : it["config"];
  config.set("server", Json::of(context.server));
  config.set("app", Json::of(app));
  it.set("config", config);
  std::string fault;
  try {
    run_script(it, context);
  } catch (const std::exception &error) {
    fault = error.what();
  }
  std::string verdict = http_get(context.server, "/" + app + "/verdict");
  if (!fault.empty() || verdict != "passed") throw std::runtime_error("the server: " + verdict + "; " + fault);
}

void run_transcript(const Json &it, const Context &context) {
  run_with_server(it, context, context.file + "-" + std::to_string(context.place));
}

// A merge's deltas come over the wire, in each order.
void run_merge(const Json &it, const Context &context) {
  Json document;
  if (it["json"].kind == Json::String) {
    document = Json::read(it["json"].text);
    document.set("_id", Json::of("x"));
  }
  for (size_t order = 0; order < it["orders"].elements.size(); ++order) {
    Json script = Json::read(R"({"steps":[
      {"call":{"call":"register_subscription","collection":"c"},"gives":{"subscription":"$subscription"}},
      {"call":{"call":"start_sync"},"gives":{}},
      {"until":{"call":"find_by_id","collection":"c","id":"end"},"gives":{"document":{"_id":"end"}}},
      {"call":{"call":"find_by_id","collection":"c","id":"x"}}]})");
    Json gives = empty_object();
    gives.set("document", document);
    script.fields[0].second.elements[3].set("gives", gives);
    std::string place = std::to_string(context.place) + "-" + std::to_string(order);
    run_with_server(script, context, "merge-" + context.file + "-" + place);
  }
}

void check_bytes(const Json &it, const Opened &peer, const std::string &request, const std::string *expected) {
  Answer answer = call(peer.number, request);
  if (expected != nullptr && (answer.number != 0 || answer.text != *expected)) {
    throw std::runtime_error(answer.text + ", not " + *expected);
  }
  if (const Json *refused = it.find("refused")) {
    bool is_it = name_of(answer.number) == refused->text && answer.has(refused->text);
    if (!is_it) throw std::runtime_error(answer.text + ", not " + refused->text);
  }
}

void run_message(const Json &it, const Context &context) {
  const Opened &peer = context.peer;
  if (const Json *json = it.find("json")) {
    const Json *gives = it.find("gives_json");
    check_bytes(it, peer, json->text, gives == nullptr ? nullptr : &gives->text);
  }
  if (const Json *cbor = it.find("cbor")) {
    const Json *gives = it.find("gives_cbor");
    std::string expected = gives == nullptr ? "" : bytes_of(gives->text);
    check_bytes(it, peer, bytes_of(cbor->text), gives == nullptr ? nullptr : &expected);
  }
}

struct Group {
  size_t passed = 0, failed = 0;
  std::map<std::string, size_t> not_run;
};

using Run = void (*)(const Json &, const Context &);

const std::map<std::string, Run> KINDS = {
    {"script", run_script}, {"queries", run_query},          {"messages", run_message},
    {"merge", run_merge},   {"transcripts", run_transcript},
};

// A peer with the documents that all cases of a file ask.
void prepare(const Json &body, const Folder &folder, Opened &peer) {
  Names().check(empty_object(), peer.open(folder, body.find("config")));
  const Json *documents = body.find("documents");
  if (documents == nullptr) return;
  for (const auto &[collection, values] : documents->fields) {
    for (const Json &value : values.elements) {
      Json upsert = Json::read(R"({"call":"upsert"})");
      upsert.set("collection", Json::of(collection));
      upsert.set("value", value);
      if (peer.ask(upsert).find("error") != nullptr) throw std::runtime_error("not written: " + value.write());
    }
  }
}

void run_file(Group &group, const std::string &name, const std::string &file, const std::string &server,
              const Json &body) {
  auto kind = KINDS.find(body["kind"].text);
  bool needs_server = body["kind"].text == "merge" || body["kind"].text == "transcripts";
  if (kind == KINDS.end() || (needs_server && server.empty())) {
    group.not_run[body["kind"].text] += body["cases"].elements.size();
    return;
  }
  Folder folder;
  Opened peer;
  prepare(body, folder, peer);
  const auto &cases = body["cases"].elements;
  for (size_t place = 0; place < cases.size(); ++place) {
    const Json &it = cases[place];
    try {
      kind->second(it, {peer, file, place, server});
      ++group.passed;
    } catch (const std::exception &error) {
      ++group.failed;
      std::printf("FAILED %s/%s: %s: %s\n", name.c_str(), file.c_str(), it["name"].text.c_str(), error.what());
    }
  }
}

}  // namespace

void run_vectors(const std::string &root, const std::string &server, size_t &passed, size_t &failed) {
  std::map<std::string, Group> groups;
  std::vector<std::filesystem::path> files;
  for (const auto &entry : std::filesystem::recursive_directory_iterator(root + "/vectors")) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  if (files.empty()) throw std::runtime_error("there are no vectors in " + root);
  std::sort(files.begin(), files.end());
  for (const auto &file : files) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    std::string group = file.parent_path().filename().string();
    run_file(groups[group], group, file.stem().string(), server, Json::read(text.str()));
  }
  for (const auto &[name, group] : groups) {
    std::printf("%s: %zu passed, %zu failed\n", name.c_str(), group.passed, group.failed);
    for (const auto &[what, count] : group.not_run) {
      std::printf("%s: %zu of %s not run\n", name.c_str(), count, what.c_str());
    }
    passed += group.passed;
    failed += group.failed;
  }
}
