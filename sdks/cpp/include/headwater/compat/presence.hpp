// Who is there, transports and logs, by the vendor's names: this peer and whether it has the server. Peers do not know
// of each other, and what is said of transports and logs is taken and means nothing.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sync.hpp"

namespace ditto::HEADWATER_DITTO {

/// One who is there.
struct Peer {
  std::string peer_key_string;
  std::string device_name;
  /// Whether it has the server.
  bool is_connected_to_ditto_cloud;
  bool is_connected_to_ditto_server;
};

struct PresenceGraph {
  Peer local_peer;
  std::vector<Peer> remote_peers;
};

/// One who is told of who is there, until it is stopped or destroyed.
class PresenceObserver {
 public:
  explicit PresenceObserver(headwater::Observer observer) : observer(std::move(observer)) {}
  void stop() { observer.cancel(); }
  void cancel() { observer.cancel(); }

 private:
  headwater::Observer observer;
};

class Presence {
 public:
  Presence(detail::Shared peer, std::string device_name)
      : peer(std::move(peer)), device_name(std::move(device_name)) {}

  PresenceGraph get_graph() const { return graph_in(headwater::Sync(peer->number).state()); }

  /// Calls `callback` with who is there, now and whenever the server comes or goes, as long as somebody holds what it
  /// gives.
  std::shared_ptr<PresenceObserver> observe(std::function<void(PresenceGraph)> callback) const {
    auto was_connected = std::make_shared<std::optional<bool>>();
    auto tell = [self = *this, was_connected, callback = std::move(callback)](const std::string &state) {
      PresenceGraph graph = self.graph_in(state);
      bool is_connected = graph.local_peer.is_connected_to_ditto_server;
      if (*was_connected == is_connected) return;
      *was_connected = is_connected;
      callback(std::move(graph));
    };
    return std::make_shared<PresenceObserver>(headwater::Sync(peer->number).observe_state(std::move(tell)));
  }

 private:
  detail::Shared peer;
  std::string device_name;

  PresenceGraph graph_in(const std::string &state) const {
    bool is_connected = state == "live" || state == "catching_up";
    return {{"local", device_name, is_connected, is_connected}, {}};
  }
};

/// How peers would find each other: kept, and without meaning here.
struct TransportConfig {
  struct Transport {
    bool enabled = false;
  };
  struct {
    Transport bluetooth_le, awdl, lan, wifi_aware;
  } peer_to_peer;
  struct {
    std::set<std::string> tcp_servers, websocket_urls;
  } connect;
  struct {
    uint32_t sync_group = 0;
    uint32_t routing_hint = 0;
  } global;

  void set_all_peer_to_peer_enabled(bool enabled) {
    auto &[bluetooth_le, awdl, lan, wifi_aware] = peer_to_peer;
    for (Transport *it : {&bluetooth_le, &awdl, &lan, &wifi_aware}) it->enabled = enabled;
  }
  void enable_all_peer_to_peer() { set_all_peer_to_peer_enabled(true); }
};

enum class LogLevel { error, warning, info, debug, verbose };

/// The library logs nothing.
class Log {
 public:
  static void set_minimum_log_level(LogLevel level) { minimum() = level; }
  static LogLevel get_minimum_log_level() { return minimum(); }
  static void set_logging_enabled(bool enabled) { is_enabled() = enabled; }
  static bool get_logging_enabled() { return is_enabled(); }

 private:
  static std::atomic<LogLevel> &minimum() {
    static std::atomic<LogLevel> level{LogLevel::info};
    return level;
  }
  static std::atomic<bool> &is_enabled() {
    static std::atomic<bool> enabled{true};
    return enabled;
  }
};

}  // namespace ditto::HEADWATER_DITTO
