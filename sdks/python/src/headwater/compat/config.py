"""The vendor's ways to say what is opened: configurations, and the older identities.

Invariants: the name of an app or database is the app at the server; where no server is named it is the one of the
environment, or of this machine.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

from ..errors import HeadwaterError
from ..port import Message

#: Where ``headwater serve`` listens if it is not told otherwise.
LOOPBACK = "http://localhost:8080"

#: What opens a peer in the older way: ``{"type": "online_playground", "app_id": …, "token": …, "custom_auth_url": …}``.
#: The vendor's own spellings (``onlinePlayground``, ``appID``, …) are taken too.
Identity = Mapping[str, Any]

_SPELLINGS = {"appID": "app_id", "customAuthURL": "custom_auth_url", "authHandler": "auth_handler"}


class DittoConfig:
    """What is opened."""

    def __init__(
        self, database_id: str, connect: Optional[Mapping[str, Any]] = None, persistence_directory: Optional[str] = None,
    ) -> None:
        """``connect`` is ``{"mode": "server", "url": …}`` or ``{"mode": "small_peers_only"}``."""
        #: The app at the server.
        self.database_id = database_id
        self.connect = {"mode": "server"} if connect is None else connect
        #: The folder.
        self.persistence_directory = persistence_directory
        #: DQL's strict mode.
        self.strict = False
        #: PEM, of servers that made their own certificates.
        self.ca_certificates: Optional[Sequence[str]] = None


def message_of_config(config: DittoConfig) -> Message:
    """A configuration as a message."""
    directory = config.persistence_directory or f"ditto-{config.database_id}"
    mode = config.connect.get("mode")
    if mode in ("small_peers_only", "smallPeersOnly"):
        return {"dir": directory, "strict": config.strict}
    if mode != "server":
        raise HeadwaterError("unsupported", f"there is no mode {mode!r} to connect")
    return {
        "dir": directory, "server": _server_of(config.connect.get("url")), "app": config.database_id or None,
        "strict": config.strict,
        "ca_certificates": None if config.ca_certificates is None else list(config.ca_certificates),
    }


def plain_identity(identity: Identity) -> Dict[str, Any]:
    """An identity in this package's spelling."""
    return {_SPELLINGS.get(name, name): value for name, value in identity.items()}


def message_of_identity(identity: Mapping[str, Any], directory: str) -> Message:
    """An older identity as a message."""
    kind = identity.get("type")
    if kind in ("online_playground", "onlinePlayground", "online_with_authentication", "onlineWithAuthentication"):
        return {
            "dir": directory, "server": _server_of(identity.get("custom_auth_url")),
            "app": identity.get("app_id") or None, "token": identity.get("token") or None,
        }
    if kind in ("offline_playground", "offlinePlayground", "development"):
        return {"dir": directory}
    raise HeadwaterError(
        "unsupported",
        f"there is no identity {kind!r} here: online_playground and online_with_authentication have a server, "
        "offline_playground and development have none")


def _server_of(url: Optional[str]) -> str:
    return url or os.environ.get("HEADWATER_URL") or LOOPBACK


def handler_of(
    identity: Mapping[str, Any],
) -> Optional[Tuple[Callable[[Any], object], Optional[Callable[[Any, float], object]]]]:
    """Who logs in: an object with ``authentication_required``, and ``authentication_expiring_soon`` if it has that, or a
    function."""
    handler = identity.get("auth_handler")
    if handler is None:
        return None
    return getattr(handler, "authentication_required", handler), getattr(handler, "authentication_expiring_soon", None)
