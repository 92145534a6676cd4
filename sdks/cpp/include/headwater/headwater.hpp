// A small peer in a program: it writes to a store of its own first, without a network too, and syncs with a server when
// there is one. This header is all of Headwater's own API; the vendor's names are in compat.hpp.
//
// Invariants: a peer is open as long as its Headwater; what was made of it may outlive it, and is `closed` then.
// Not here: what a message can ask (docs/reference/small-peer-calls.md).
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "store.hpp"
#include "sync.hpp"

namespace headwater {

/// How a peer is opened.
struct Config {
  Config() = default;
  explicit Config(std::string dir) : dir(std::move(dir)) {}

  /// The folder of the peer.
  std::string dir;
  /// Where the server is: `https://host` or `http://host`, with a port if it is another one. Empty: there is none.
  std::string server;
  /// Which app of the server; its default one if it is empty.
  std::string app;
  /// A key of the server.
  std::string token;
  /// Who gives a newer one: asked when the server does not take the old one, and a minute before that ends.
  TokenSource token_source;
  /// In PEM, of servers that made their own.
  std::vector<std::string> ca_certificates;
  /// DQL's strict mode.
  bool strict = false;
  /// Writes return before they are durable: a kill may take those of the last 100 ms.
  bool relaxed = false;

  /// The same with a server.
  Config with_server(std::string url) && {
    server = std::move(url);
    return std::move(*this);
  }

  /// As the library takes it.
  std::string message() const {
    std::string text = "{\"abi\":" + std::to_string(detail::ABI) + ",\"sdk\":\"c++\"";
    text += ",\"dir\":" + detail::write_text(dir);
    auto add = [&](const char *name, const std::string &value) {
      if (!value.empty()) text += std::string(",\"") + name + "\":" + detail::write_text(value);
    };
    add("server", server);
    add("app", app);
    add("token", token);
    std::vector<std::string> certificates;
    for (const std::string &pem : ca_certificates) certificates.push_back(detail::write_text(pem));
    if (!certificates.empty()) text += ",\"ca_certificates\":" + detail::list_of(certificates);
    if (strict) text += ",\"strict\":true";
    if (relaxed) text += ",\"relaxed\":true";
    return text + '}';
  }
};

/// What the library is.
struct Info {
  int64_t abi;
  std::string version;
};

/// A small peer that is open. It is closed with this object.
class Headwater {
 public:
  /// Opens the peer, or makes a new one. No network is needed, and sync is stopped at first.
  static Headwater open(const Config &config) {
    Headwater headwater = open_message(config.message());
    if (config.token_source) headwater.sync().token_source(config.token_source).detach();
    return headwater;
  }

  /// The same with the configuration as a message, for whoever writes one.
  static Headwater open_message(std::string_view config) {
    Headwater headwater;
    detail::Answer answer;
    int32_t error = headwater_open(detail::bytes_of(config), config.size(), &headwater.peer_, &answer.data,
                                   &answer.length);
    if (error != 0) throw detail::error_in(answer.text(), error);
    if (int64_t abi = headwater.info().abi; abi != detail::ABI) {
      throw Error(Code::unsupported, "the library has list " + std::to_string(abi) + " of calls, this program needs " +
                                         std::to_string(detail::ABI));
    }
    return headwater;
  }

  Headwater(Headwater &&other) noexcept : peer_(std::exchange(other.peer_, 0)) {}
  Headwater &operator=(Headwater &&other) noexcept {
    Headwater old(std::move(*this));
    peer_ = std::exchange(other.peer_, 0);
    return *this;
  }
  ~Headwater() { close(); }

  /// Its documents.
  Store store() const { return Store(peer_); }

  /// Subscriptions, and what became of writes.
  Sync sync() const { return Sync(peer_); }

  /// Connects, and connects again whenever the connection is lost. It is done before there is a connection.
  void start_sync() const { sync().start(); }

  /// Ends the connection. Local work goes on.
  void stop_sync() const { sync().stop(); }

  /// Closes the peer, and waits until its files are closed and no callback runs; in a callback those come later.
  /// Whatever is asked of it from then on is `closed`. Twice does nothing.
  void close() noexcept {
    if (peer_ != 0) headwater_close(peer_);
  }

  /// What the library is.
  Info info() const {
    detail::Answer answer = detail::ask(peer_, R"({"call":"info"})");
    int64_t abi = Json(detail::needed(answer.text(), "abi")).as_integer();
    return {abi, detail::text_in(answer.text(), "version").value_or("")};
  }

  /// One message of docs/reference/small-peer-calls.md, for calls that have no name here: its answer.
  std::string call(std::string_view message) const { return std::string(detail::ask(peer_, message).text()); }

  /// One watch of them: `tell` is called with each event, which may be an error.
  Observer watch(std::string_view message, std::function<void(std::string_view)> tell) const {
    return Observer(peer_, detail::watch(peer_, message, std::move(tell)));
  }

  /// The number by which the C functions know the peer.
  uint64_t number() const noexcept { return peer_; }

 private:
  Headwater() = default;

  uint64_t peer_ = 0;
};

}  // namespace headwater
