// The driver of the conformance vectors for C++: sdks/conformance/README.md says what they mean. Messages go through
// `Headwater::call` and `Headwater::watch`; values are compared by the reader of sdks/c/test.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <thread>

#include "../../c/test/http.hpp"
#include "../../c/test/json.hpp"
#include "../../c/test/names.hpp"
#include "opened.hpp"

namespace {

using headwater::Headwater;

Json empty_object() {
  Json it;
  it.kind = Json::Object;
  return it;
}

Json answer_of(const headwater::Error &error) {
  Json parts = empty_object(), answer = empty_object();
  parts.set("code", Json::of(error.code_name()));
  parts.set("message", Json::of(error.what()));
  answer.set("error", parts);
  return answer;
}

// A peer in a folder that others may have opened before.
struct Peer {
  std::unique_ptr<Headwater> open_one;

  // What it answers to being opened; who was open before is closed then.
  Json open(const Folder &folder, const Json *config) {
    Json filled = Json::read(R"({"abi":1})");
    filled.set("dir", Json::of(folder.path));
    if (config != nullptr) {
      for (const auto &[name, value] : config->fields) filled.set(name, value);
    }
    try {
      open_one = std::make_unique<Headwater>(Headwater::open_message(filled.write()));
    } catch (const headwater::Error &error) {
      return answer_of(error);
    }
    return empty_object();
  }

  Json ask(const Json &message) const {
    try {
      return Json::read(open_one->call(message.write()));
    } catch (const headwater::Error &error) {
      return answer_of(error);
    }
  }
};

// What a watch told, as a script looks at it.
struct Watched {
  Told<std::string> told;
  headwater::Observer observer;
  size_t seen = 0;
  std::string last;

  // The next event that is another than the one before.
  Json next() {
    for (;;) {
      std::string event = told.wait(++seen);
      bool is_new = event != last;
      last = event;
      if (is_new) return Json::read(event);
    }
  }

  // There is no event that nobody asked for.
  void end() {
    observer.cancel();
    while (seen < told.count()) {
      std::string event = told.wait(++seen);
      if (event != last && event.rfind(R"({"error":{"code":"closed")", 0) != 0) {
        throw std::runtime_error(event + " came, which nobody expects");
      }
    }
  }
};

class Script {
 public:
  explicit Script(const Json &it) { names.check(empty_object(), peer.open(folder, it.find("config"))); }

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
      peer.open_one->close();
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
  Names names;
  // What is watched outlives the peer, whose close waits for what is told.
  std::map<std::string, std::unique_ptr<Watched>> watches;
  Peer peer;

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
    const Json *gives = step.find("gives");
    try {
      auto tell = [told = &watched->told](std::string_view event) { told->say(std::string(event)); };
      watched->observer = peer.open_one->watch(names.fill(step["watch"]).write(), tell);
    } catch (const headwater::Error &error) {
      if (gives == nullptr) throw;
      return names.check(*gives, answer_of(error));
    }
    if (gives != nullptr) {
      names.check(*gives, watched->next());
      watched->observer.cancel();
      return;
    }
    Watched &begun = *(watches[step["as"].text] = std::move(watched));
    if (const Json *event = step.find("event")) names.check(*event, begun.next());
  }
};

// Where a case stands, and what runs it.
struct Context {
  const Peer &peer;
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
  std::string app = named + "-cpp" + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
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

std::string bytes_of(const std::string &hex) {
  std::string bytes;
  for (size_t n = 0; n + 1 < hex.size(); n += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(n, 2), nullptr, 16));
  }
  return bytes;
}

void check_bytes(const Json &it, const Peer &peer, const std::string &request, const std::string *expected) {
  const Json *refused = it.find("refused");
  std::string answer;
  try {
    answer = peer.open_one->call(request);
  } catch (const headwater::Error &error) {
    if (refused == nullptr || error.code_name() != refused->text) throw;
    return;
  }
  if (refused != nullptr) throw std::runtime_error(answer + ", not " + refused->text);
  if (expected != nullptr && answer != *expected) throw std::runtime_error(answer + ", not " + *expected);
}

void run_message(const Json &it, const Context &context) {
  if (const Json *json = it.find("json")) {
    const Json *gives = it.find("gives_json");
    check_bytes(it, context.peer, json->text, gives == nullptr ? nullptr : &gives->text);
  }
  if (const Json *cbor = it.find("cbor")) {
    const Json *gives = it.find("gives_cbor");
    std::string expected = gives == nullptr ? "" : bytes_of(gives->text);
    check_bytes(it, context.peer, bytes_of(cbor->text), gives == nullptr ? nullptr : &expected);
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
void prepare(const Json &body, const Folder &folder, Peer &peer) {
  Names().check(empty_object(), peer.open(folder, body.find("config")));
  const Json *documents = body.find("documents");
  if (documents == nullptr) return;
  for (const auto &[collection, values] : documents->fields) {
    for (const Json &value : values.elements) {
      peer.open_one->store().collection(collection).upsert(value.write());
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
  Peer peer;
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

// Does what the vectors in this folder say, and prints what came of them. With a server those of sync too.
int run_vectors(const std::string &root, const std::string &server) {
  std::map<std::string, Group> groups;
  std::vector<std::filesystem::path> files;
  for (const auto &entry : std::filesystem::recursive_directory_iterator(root + "/vectors")) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto &file : files) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    std::string group = file.parent_path().filename().string();
    run_file(groups[group], group, file.stem().string(), server, Json::read(text.str()));
  }
  size_t passed = 0, failed = files.empty() ? 1 : 0;
  for (const auto &[name, group] : groups) {
    std::printf("%s: %zu passed, %zu failed\n", name.c_str(), group.passed, group.failed);
    for (const auto &[what, count] : group.not_run) {
      std::printf("%s: %zu of %s not run\n", name.c_str(), count, what.c_str());
    }
    passed += group.passed;
    failed += group.failed;
  }
  std::printf("%zu passed, %zu failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

const Verb verb("--vectors", run_vectors);

}  // namespace
