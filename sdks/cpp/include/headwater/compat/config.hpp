// The vendor's ways to say what is opened: configurations, and the older identities.
//
// Invariants: the name of an app or database is the app at the server; where no server is named it is the one of the
// environment (`HEADWATER_URL`), or of this machine.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "values.hpp"

namespace ditto::HEADWATER_DITTO {

class Authenticator;

/// Is asked for tokens.
class AuthenticationCallback {
 public:
  virtual ~AuthenticationCallback() = default;
  virtual void authentication_required(std::shared_ptr<Authenticator> authenticator) = 0;
  /// The token ends in so many seconds; unless it is said otherwise, this is as `authentication_required`.
  virtual void authentication_expiring_soon(std::shared_ptr<Authenticator> authenticator, int64_t) {
    authentication_required(std::move(authenticator));
  }
  virtual void authentication_status_did_change(std::shared_ptr<Authenticator>) {}
};

namespace detail {

inline std::string server_of(const std::string &url) {
  if (!url.empty()) return url;
  const char *named = std::getenv("HEADWATER_URL");
  return named != nullptr && *named != '\0' ? named : "http://localhost:8080";
}

}  // namespace detail

/// What is opened.
class DittoConfig {
 public:
  static DittoConfig default_config() { return DittoConfig(); }

  /// The app at the server.
  DittoConfig &set_database_id(std::string id) {
    database_id = std::move(id);
    return *this;
  }
  /// The folder.
  DittoConfig &set_persistence_directory(std::string path) {
    config.dir = std::move(path);
    return *this;
  }
  DittoConfig &set_server_connect(const std::string &url = "") {
    config.server = detail::server_of(url);
    return *this;
  }
  /// Without a server there is nobody to sync with.
  DittoConfig &set_small_peers_only_connect(const std::string & = "") {
    config.server.clear();
    return *this;
  }
  /// DQL's strict mode.
  DittoConfig &set_strict_mode(bool strict) {
    config.strict = strict;
    return *this;
  }
  /// In PEM, of servers that made their own.
  DittoConfig &set_ca_certificates(std::vector<std::string> certificates) {
    config.ca_certificates = std::move(certificates);
    return *this;
  }

  const std::string &get_database_id() const { return database_id; }
  std::string get_persistence_directory() const { return config.dir.empty() ? "ditto-" + database_id : config.dir; }

  /// By Headwater's own names.
  headwater::Config message() const {
    headwater::Config message = config;
    message.dir = get_persistence_directory();
    if (!message.server.empty()) message.app = database_id;
    return message;
  }

 private:
  DittoConfig() { config.server = detail::server_of(""); }

  std::string database_id;
  headwater::Config config;
};

/// What is opened, in the older way.
class Identity {
 public:
  /// `token` is a key of the server, or empty where none is needed. The vendor's cloud is not there, whether it is
  /// wanted or not.
  static Identity OnlinePlayground(std::string app_id, std::string token, bool = true,
                                   const std::string &custom_auth_url = "") {
    Identity identity(std::move(app_id));
    identity.config.server = detail::server_of(custom_auth_url);
    identity.config.token = std::move(token);
    return identity;
  }
  static Identity OnlineWithAuthentication(std::string app_id, std::shared_ptr<AuthenticationCallback> callback,
                                           bool = true, const std::string &custom_auth_url = "") {
    Identity identity(std::move(app_id));
    identity.config.server = detail::server_of(custom_auth_url);
    identity.callback = std::move(callback);
    return identity;
  }
  /// Without a server.
  static Identity OfflinePlayground(std::string app_id = "", uint64_t = 0) { return Identity(std::move(app_id)); }
  /// Without a server.
  static Identity Development(std::string app_id = "", uint64_t = 0) { return Identity(std::move(app_id)); }
  static Identity SharedKey(const std::string &, const std::string &) { return unsupported("SharedKey"); }
  static Identity Manual(const std::string &) { return unsupported("Manual"); }

  std::string app_id;
  headwater::Config config;
  std::shared_ptr<AuthenticationCallback> callback;

 private:
  explicit Identity(std::string id) : app_id(std::move(id)) { config.app = app_id; }

  [[noreturn]] static Identity unsupported(const char *name) {
    throw DittoError(headwater::Code::unsupported,
                     std::string("there is no identity ") + name +
                         " here: OnlinePlayground and OnlineWithAuthentication have a server, OfflinePlayground and "
                         "Development have none");
  }
};

}  // namespace ditto::HEADWATER_DITTO
