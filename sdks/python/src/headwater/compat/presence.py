"""Who is there, by the vendor's names: this peer and whether it has the server. Peers do not know of each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional

from ..observer import observe
from ..port import Message, Port
from .events import Observer


@dataclass(frozen=True)
class Peer:
    """One who is there."""

    device_name: str
    #: Whether it has the server.
    is_connected_to_ditto_cloud: bool
    #: The same.
    is_connected_to_ditto_server: bool
    peer_key: str = "local"
    peer_key_string: str = "local"
    os: str = "unknown"
    is_compatible: bool = True
    connections: List[Any] = field(default_factory=list)
    peer_metadata: Dict[str, Any] = field(default_factory=dict)
    identity_service_metadata: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PresenceGraph:
    """All that are there."""

    local_peer: Peer
    remote_peers: List[Peer] = field(default_factory=list)


class Presence:
    """Who is there."""

    def __init__(self, port: Port, device_name: str) -> None:
        self._port = port
        self._device_name = device_name
        #: What this peer says of itself; nobody else sees it.
        self.peer_metadata: Dict[str, Any] = {}

    @property
    def graph(self) -> PresenceGraph:
        """Who is there now."""
        return self._graph(self._port.call({"call": "state"})["state"])

    def set_peer_metadata(self, metadata: Dict[str, Any]) -> None:
        """What this peer says of itself."""
        self.peer_metadata = metadata

    def observe(self, callback: Callable[[PresenceGraph], object]) -> Observer:
        """Calls ``callback`` with who is there, now and whenever the server comes or goes."""
        last: Optional[PresenceGraph] = None
        name, metadata = self._device_name, self.peer_metadata

        def tell(event: Message) -> None:
            nonlocal last
            graph = _graph(event["state"], name, metadata)
            if graph != last:
                last = graph
                callback(graph)

        return Observer(observe(self._port, {"watch": "state"}, tell).cancel)

    def _graph(self, state: str) -> PresenceGraph:
        return _graph(state, self._device_name, self.peer_metadata)


def _graph(state: str, device_name: str, metadata: Dict[str, Any]) -> PresenceGraph:
    is_connected = state in ("live", "catching_up")
    return PresenceGraph(Peer(device_name, is_connected, is_connected, peer_metadata=metadata))
