"""What apps say of transports, by the vendor's names. It is kept and means nothing: a peer has one connection, to the
server that it was opened with.
"""

from __future__ import annotations

import copy
from types import SimpleNamespace


class TransportConfig:
    """How peers would find each other."""

    def __init__(self) -> None:
        def off(**more: object) -> SimpleNamespace:
            return SimpleNamespace(is_enabled=False, **more)

        self.peer_to_peer = SimpleNamespace(
            bluetooth_le=off(), awdl=off(), wifi_aware=off(),
            lan=off(is_mdns_enabled=False, is_multicast_enabled=False))
        self.connect = SimpleNamespace(tcp_servers=[], websocket_urls=[], retry_interval=5000)
        self.listen = SimpleNamespace(
            tcp=off(interface_ip="[::]", port=4040), http=off(interface_ip="[::]", port=80, websocket_sync=True))
        self.global_ = SimpleNamespace(sync_group=0, routing_hint=0)

    def set_all_peer_to_peer_enabled(self, is_enabled: bool) -> None:
        """Kept, and without meaning."""
        for transport in vars(self.peer_to_peer).values():
            transport.is_enabled = is_enabled

    def set_available_peer_to_peer_enabled(self, is_enabled: bool) -> None:
        """Kept, and without meaning."""
        self.set_all_peer_to_peer_enabled(is_enabled)

    def freeze(self) -> TransportConfig:
        """Itself."""
        return self

    def copy(self) -> TransportConfig:
        """Another one that says the same."""
        return copy.deepcopy(self)
