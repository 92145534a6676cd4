// A user of an app logs in, as a program: `login FOLDER SERVER PROVIDER TOKEN…`.
//
// It tries one token after another, says what came of each, writes once it is logged in, and logs in with the last token
// again whenever it is asked to. It ends when its input does.

#include <future>
#include <headwater/compat.hpp>
#include <iostream>

using namespace ditto;
using nlohmann::json;

// Does not wait: `tell` is called with what came of it.
static void log_in(const Authenticator &auth, const std::string &token, const std::string &provider,
                   std::function<void(const std::string &)> tell) {
  auth.login(token, provider, [tell = std::move(tell)](std::unique_ptr<std::string>, std::unique_ptr<DittoError> error) {
    tell(error ? error->code_name() : "logged in");
  });
}

int main(int count, char **arguments) {
  if (count < 5) {
    std::cerr << "usage: login FOLDER SERVER PROVIDER TOKEN…, as in: login till-7 http://localhost:8080 own secret\n";
    return 2;
  }
  const std::string folder = arguments[1], server = arguments[2], provider = arguments[3];
  Ditto ditto = *Ditto::open(
      DittoConfig::default_config().set_database_id("default").set_persistence_directory(folder).set_server_connect(server));
  for (int at = 4; at < count; at++) {
    std::promise<std::string> came;
    log_in(*ditto.get_auth(), arguments[at], provider, [&](const std::string &what) { came.set_value(what); });
    std::cout << came.get_future().get() << std::endl;
  }
  const std::string last = arguments[count - 1];
  ditto.get_auth()->set_expiration_handler([=](Ditto &asking, uint32_t) {
    log_in(*asking.get_auth(), last, provider, [](const std::string &what) { std::cout << "again: " << what << std::endl; });
  });
  ditto.start_sync();
  std::cout << ditto.get_store().collection("people").upsert(json({{"name", "Susan"}})) << std::endl;
  while (std::cin.get() != EOF) continue;
}
