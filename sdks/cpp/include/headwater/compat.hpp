// The vendor's names for the same things, in the namespace `ditto`: an app changes its include and where its server is.
//
// Invariants: a Ditto that is copied means the same peer, which is closed with the last copy; what was made of it may
// outlive it, and is `closed` then. With nlohmann::json values are such, as with the vendor.
// Not here: attachments, peers without a server that sync with each other, other identities.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "compat/auth.hpp"
#include "compat/config.hpp"
#include "compat/presence.hpp"
#include "compat/store.hpp"
#include "headwater.hpp"

namespace ditto::HEADWATER_DITTO {

/// A small peer.
class Ditto {
 public:
  /// None: every call is `closed`.
  Ditto() = default;

  /// Opens a peer in the older way; `path` is its folder.
  explicit Ditto(const Identity &identity, std::string path = "ditto") {
    headwater::Config config = identity.config;
    config.dir = std::move(path);
    open(config, identity.app_id);
    if (identity.callback) {
      auto ask = [callback = identity.callback, authenticator = std::weak_ptr(opened->authenticator)](uint32_t seconds) {
        auto it = authenticator.lock();
        if (it && seconds > 0) callback->authentication_expiring_soon(it, seconds);
        if (it && seconds == 0) callback->authentication_required(it);
      };
      opened->authenticator->ask(std::move(ask));
    }
  }

  /// Opens a peer.
  static std::shared_ptr<Ditto> open(const DittoConfig &config) {
    auto ditto = std::make_shared<Ditto>();
    ditto->open(config.message(), config.get_database_id());
    return ditto;
  }

  static std::string get_version() { return "0.1.0"; }
  static std::string get_sdk_version() { return get_version(); }

  Store get_store() const { return Store(peer()); }
  Store store() const { return get_store(); }
  Sync get_sync() const { return Sync(peer()); }
  Sync sync() const { return get_sync(); }
  /// nullptr if there is no server.
  std::shared_ptr<Authenticator> get_auth() const { return peer()->has_server ? opened->authenticator : nullptr; }
  Presence get_presence() const { return Presence(peer(), opened->device_name); }
  Presence presence() const { return get_presence(); }

  void start_sync() const { get_sync().start(); }
  void stop_sync() const { get_sync().stop(); }
  bool get_is_sync_active() const { return peer()->is_active; }
  bool is_sync_active() const { return get_is_sync_active(); }

  /// Closes the peer, and waits until its files are closed; in a callback that comes later.
  void close() const {
    if (opened) opened->headwater.close();
  }

  std::string get_app_id() const { return peer() ? opened->app_id : ""; }
  /// The folder.
  std::string get_persistence_directory() const { return peer() ? opened->folder : ""; }
  std::string get_device_name() const { return peer() ? opened->device_name : ""; }
  void set_device_name(std::string name) const { peer(), opened->device_name = std::move(name); }

  /// Lets an app say something of transports, which means nothing here.
  void update_transport_config(const std::function<void(TransportConfig &)> &update) const {
    peer(), update(opened->transports);
  }
  void set_transport_config(TransportConfig config) const { peer(), opened->transports = std::move(config); }
  TransportConfig get_transport_config() const { return peer() ? opened->transports : TransportConfig(); }

  /// Nothing: there are no licences.
  void set_offline_only_license_token(const std::string &) const {}
  bool get_is_activated() const { return true; }
  /// Nothing: there is one protocol.
  void disable_sync_with_v3() const {}
  /// Nothing: the store cleans up by itself.
  void run_garbage_collection() const {}
  static void set_minimum_log_level(LogLevel level) { Log::set_minimum_log_level(level); }

 private:
  struct Opened {
    headwater::Headwater headwater;
    std::string app_id, folder;
    detail::Shared peer;
    std::shared_ptr<Authenticator> authenticator;
    std::string device_name;
    TransportConfig transports;
  };

  std::shared_ptr<Opened> opened;

  const detail::Shared &peer() const {
    if (!opened) throw DittoError(headwater::Code::closed, "no peer was opened");
    return opened->peer;
  }

  void open(const headwater::Config &config, const std::string &app_id) {
    headwater::Headwater headwater = headwater::Headwater::open(config);
    auto peer = std::make_shared<detail::Peer>();
    peer->number = headwater.number();
    peer->has_server = !config.server.empty();
    auto authenticator = std::make_shared<Authenticator>(peer);
    opened = std::make_shared<Opened>(Opened{std::move(headwater), app_id, config.dir, peer, authenticator, "headwater", {}});
    authenticator->ditto = [weak = std::weak_ptr(opened)] {
      std::shared_ptr<Opened> it = weak.lock();
      if (!it) return std::unique_ptr<Ditto>();
      auto ditto = std::make_unique<Ditto>();
      ditto->opened = std::move(it);
      return ditto;
    };
  }
};

inline void Authenticator::set_expiration_handler(ExpirationHandler handler) {
  ask([handler = std::move(handler), ditto = ditto](uint32_t seconds) {
    std::unique_ptr<Ditto> asks = ditto();
    if (asks && handler) handler(*asks, seconds);
  });
}

}  // namespace ditto::HEADWATER_DITTO
