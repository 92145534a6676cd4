// Logging in, by the vendor's names. With a provider the server asks the app's login hook; with the one for development the
// token is a key of the server.
//
// Not here: who asks the server (the library).
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
  AuthenticationStatus(bool is_authenticated, std::string user_id)
      : authenticated(is_authenticated), user_id(std::move(user_id)) {}
  bool is_authenticated() const { return authenticated; }
  /// Who has logged in, as the app's login hook says; empty where a key was given.
  std::string get_user_id() const { return user_id; }

 private:
  bool authenticated;
  std::string user_id;
};

using LoginHandler = std::function<void(std::unique_ptr<std::string>, std::unique_ptr<DittoError>)>;
using LoginErrorHandler = std::function<void(std::unique_ptr<DittoError>)>;
using ExpirationHandler = std::function<void(Ditto &, uint32_t)>;

namespace detail {

/// Who has logged in last.
struct User {
  std::mutex mutex;
  std::string id;
};

}  // namespace detail

/// Logs users in.
class Authenticator {
 public:
  explicit Authenticator(detail::Shared peer) : peer(std::move(peer)) {}

  /// The provider of tokens for development: keys of the server.
  static std::string get_development_provider() { return "__playgroundProvider"; }

  /// Logs in with what a provider gave; with the one for development it is a key of the server. It does not wait:
  /// `handler` is called with the error, or nullptr, on the thread of callbacks: `rejected`, `timed_out`, …
  void login(const std::string &token, const std::string &provider, const LoginHandler &handler = nullptr) const {
    auto tell = [user = user, handler](std::string_view answer) {
      std::unique_ptr<DittoError> error;
      if (headwater::detail::is_error(answer)) {
        error = std::make_unique<DittoError>(headwater::detail::error_in(answer));
      } else {
        std::lock_guard lock(user->mutex);
        user->id = headwater::detail::text_in(answer, "userId").value_or("");
      }
      if (handler) handler(nullptr, std::move(error));
    };
    try {
      headwater::detail::ask_later(peer->number, message(token, provider).done(), std::move(tell));
    } catch (const DittoError &error) {
      if (handler) handler(nullptr, std::make_unique<DittoError>(error));
    }
  }
  void login_with_token(const std::string &token, const std::string &provider, const LoginErrorHandler &handler) const {
    login(token, provider, [handler](std::unique_ptr<std::string>, std::unique_ptr<DittoError> error) {
      if (handler) handler(std::move(error));
    });
  }
  /// There are no passwords.
  void login_with_credentials(const std::string &, const std::string &, const std::string &,
                              const LoginErrorHandler &handler) const {
    DittoError error(headwater::Code::unsupported, "a server knows no passwords: login(token, provider)");
    if (handler) handler(std::make_unique<DittoError>(error));
  }
  /// Ends sync. What is here stays.
  void logout() const { Sync(peer).stop(); }

  AuthenticationStatus get_status() const {
    std::string state = headwater::Sync(peer->number).state();
    std::lock_guard lock(user->mutex);
    return AuthenticationStatus(state == "live" || state == "catching_up", user->id);
  }

  /// Calls `handler` whenever the server does not take the token, and a minute before that ends, with the seconds that are
  /// left. It logs in: there is no refresh token. Where it does not, it is called again later. An earlier handler is called
  /// no more.
  void set_expiration_handler(ExpirationHandler handler);

 private:
  friend class Ditto;

  detail::Shared peer;
  std::shared_ptr<detail::User> user = std::make_shared<detail::User>();
  /// Gives the Ditto that asks, while it is open.
  std::function<std::unique_ptr<Ditto>()> ditto;
  std::mutex mutex;
  headwater::Observer asked;

  static headwater::detail::Message message(const std::string &token, const std::string &provider) {
    if (provider != get_development_provider()) return headwater::detail::logging_in(token, provider);
    return headwater::detail::Message("call", "authenticate").text("token", token);
  }

  /// `tell` is given the seconds that are left; 0 where the server does not take the token.
  void ask(std::function<void(uint32_t)> tell) {
    auto observer = headwater::detail::observe(
        peer->number, headwater::detail::Message("watch", "token"), [tell = std::move(tell)](std::string_view event) {
          uint64_t left = headwater::detail::number_in(event, "remaining_ms").value_or(0);
          tell(static_cast<uint32_t>((left + 999) / 1000));
        });
    std::unique_lock lock(mutex);
    std::swap(asked, observer);
    lock.unlock();
  }
};

}  // namespace ditto::HEADWATER_DITTO
