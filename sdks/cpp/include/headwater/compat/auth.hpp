// Tokens, by the vendor's names. A token is a key of the server.
//
// Not here: providers; the server knows keys alone.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "config.hpp"
#include "sync.hpp"

namespace ditto::HEADWATER_DITTO {

class Ditto;

/// Whether the server has taken the token.
class AuthenticationStatus {
 public:
  explicit AuthenticationStatus(bool is_authenticated) : authenticated(is_authenticated) {}
  bool is_authenticated() const { return authenticated; }
  /// The server tells none.
  std::string get_user_id() const { return ""; }

 private:
  bool authenticated;
};

using LoginHandler = std::function<void(std::unique_ptr<std::string>, std::unique_ptr<DittoError>)>;
using LoginErrorHandler = std::function<void(std::unique_ptr<DittoError>)>;
using ExpirationHandler = std::function<void(Ditto &, uint32_t)>;

/// Gives the server tokens.
class Authenticator {
 public:
  explicit Authenticator(detail::Shared peer) : peer(std::move(peer)) {}

  /// The provider of tokens for development; every provider is the same here.
  static std::string get_development_provider() { return "__playgroundProvider"; }

  /// Gives the server a key, and calls `handler` with the error if there is one.
  void login(const std::string &token, const std::string &, const LoginHandler &handler = nullptr) const {
    std::unique_ptr<DittoError> error = give(token);
    if (handler) handler(nullptr, std::move(error));
  }
  void login_with_token(const std::string &token, const std::string &, const LoginErrorHandler &handler) const {
    std::unique_ptr<DittoError> error = give(token);
    if (handler) handler(std::move(error));
  }
  /// There are no passwords.
  void login_with_credentials(const std::string &, const std::string &, const std::string &,
                              const LoginErrorHandler &handler) const {
    DittoError error(headwater::Code::unsupported, "a server knows keys, no passwords: login(token, provider)");
    if (handler) handler(std::make_unique<DittoError>(error));
  }
  /// Ends sync. What is here stays.
  void logout() const { Sync(peer).stop(); }

  AuthenticationStatus get_status() const {
    std::string state = headwater::Sync(peer->number).state();
    return AuthenticationStatus(state == "live" || state == "catching_up");
  }

  /// Calls `handler` whenever the server does not take the token, and a minute before that ends. An earlier handler is
  /// called no more.
  void set_expiration_handler(ExpirationHandler handler);

 private:
  friend class Ditto;

  detail::Shared peer;
  /// Gives the Ditto that asks, while it is open.
  std::function<std::unique_ptr<Ditto>()> ditto;
  std::mutex mutex;
  headwater::Observer asked;

  std::unique_ptr<DittoError> give(const std::string &token) const {
    try {
      headwater::Sync(peer->number).authenticate(token);
    } catch (const DittoError &error) {
      return std::make_unique<DittoError>(error);
    }
    return nullptr;
  }

  void ask(std::function<void()> tell) {
    auto observer = headwater::detail::observe(peer->number, headwater::detail::Message("watch", "token"),
                                               [tell = std::move(tell)](std::string_view) { tell(); });
    std::unique_lock lock(mutex);
    std::swap(asked, observer);
    lock.unlock();
  }
};

}  // namespace ditto::HEADWATER_DITTO
