"""A peer that is open, by the vendor's names."""

from __future__ import annotations

from typing import Any, Callable, List, Optional

from ..port import Message, Port
from .auth import Authenticator
from .config import DittoConfig, Identity, handler_of, message_of_config, message_of_identity, plain_identity
from .events import Observer
from .presence import Peer, Presence
from .store import Store
from .sync import Sync
from .transport import TransportConfig


def init() -> None:
    """Nothing: nothing must be loaded before a peer is opened."""


class Ditto:
    """A small peer. A context manager, too."""

    #: The version of the package.
    VERSION = "0.1.0"

    def __init__(self, identity: Identity, path: str = "ditto") -> None:
        """Opens a peer in the older way; ``path`` is its folder."""
        plain = plain_identity(identity)
        self._set_up(message_of_identity(plain, path), plain.get("app_id") or "")
        handler = handler_of(plain)
        if handler is not None:
            required, soon = handler

            def ask(ditto: Ditto, seconds: float) -> None:
                if seconds > 0 and soon is not None:
                    soon(ditto.auth, seconds)
                else:
                    required(ditto.auth)

            self.auth.set_expiration_handler(ask)

    @classmethod
    def open(cls, config: DittoConfig) -> Ditto:
        """Opens a peer."""
        ditto = cls.__new__(cls)
        ditto._set_up(message_of_config(config), config.database_id)
        return ditto

    def _set_up(self, message: Message, app_id: str) -> None:
        has_server = message.get("server") is not None
        self._port = Port(message)
        #: The app at the server.
        self.app_id = app_id
        #: The folder.
        self.path = self.persistence_directory = self.absolute_persistence_directory = message["dir"]
        self.device_name = "headwater"
        self.transport_config = TransportConfig()
        self.store = Store(self._port)
        self.sync = Sync(self._port, has_server)
        self.auth = Authenticator(self._port, self, has_server)
        self.presence = Presence(self._port, self.device_name)

    @property
    def is_sync_active(self) -> bool:
        """Whether sync was started."""
        return self.sync.is_active

    @property
    def is_activated(self) -> bool:
        """Whether it may sync; it always may."""
        return True

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._port.is_closed

    def start_sync(self) -> None:
        """As ``sync.start``."""
        self.sync.start()

    def stop_sync(self) -> None:
        """As ``sync.stop``."""
        self.sync.stop()

    def close(self) -> None:
        """Closes the peer, and waits until its files are closed."""
        self._port.close()

    def __enter__(self) -> Ditto:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set_offline_only_license_token(self, token: Optional[str] = None) -> None:
        """Nothing: there are no licences."""

    def disable_sync_with_v2(self) -> None:
        """Nothing: there is one protocol."""

    def disable_sync_with_v3(self) -> None:
        """Nothing: there is one protocol."""

    def run_garbage_collection(self) -> None:
        """Nothing: the store cleans up by itself."""

    def update_transport_config(self, update: Callable[[TransportConfig], object]) -> None:
        """Lets an app say something of transports, which means nothing here."""
        config = self.transport_config.copy()
        update(config)
        self.transport_config = config

    def set_transport_config(self, config: TransportConfig) -> None:
        """The same with a whole configuration."""
        self.transport_config = config

    def observe_transport_conditions(self, callback: Callable[[Any, Any], object]) -> Observer:
        """Nobody is ever called: a peer's one transport has no conditions."""
        return Observer(lambda: None)

    def observe_peers(self, callback: Callable[[List[Peer]], object]) -> Observer:
        """The older ``presence.observe``: peers do not know of each other."""
        return self.presence.observe(lambda graph: callback(graph.remote_peers))
