"""Subscriptions and sync, by the vendor's names."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from ..errors import HeadwaterError
from ..port import Message, Port


class SyncSubscription:
    """A subscription: it is stored and outlives the process, until ``cancel``."""

    def __init__(self, port: Port, what: Message) -> None:
        self._port = port
        self._number = port.call({"call": "register_subscription", **what})["subscription"]
        #: The query.
        self.query_string: str = what.get("statement") or what.get("query") or ""
        #: What stands for its parameters.
        self.query_arguments = what.get("args")
        #: Whether it was ended.
        self.is_cancelled = False

    def cancel(self) -> None:
        """Ends it. Its documents stay."""
        if self.is_cancelled:
            return
        self.is_cancelled = True
        ignoring_closed(self._port, {"call": "cancel_subscription", "subscription": self._number})


class Sync:
    """Sync of a peer."""

    def __init__(self, port: Port, has_server: bool) -> None:
        self._port = port
        self._has_server = has_server
        #: Whether it was started.
        self.is_active = False

    def start(self) -> None:
        """Connects, and connects again whenever the connection is lost. A peer without a server has nobody to sync
        with."""
        if self._has_server:
            self._port.call({"call": "start_sync"})
        self.is_active = True

    def stop(self) -> None:
        """Ends the connection. Local work goes on."""
        self.is_active = False
        ignoring_closed(self._port, {"call": "stop_sync"})

    def register_subscription(self, query: str, args: Optional[Mapping[str, Any]] = None) -> SyncSubscription:
        """Subscribes to a collection, or a part of it: ``SELECT * FROM … [WHERE …]``."""
        return SyncSubscription(self._port, {"statement": query, "args": args})


def ignoring_closed(port: Port, request: Message) -> None:
    """Ends something; of a peer that is closed it has ended."""
    try:
        port.call(request)
    except HeadwaterError as error:
        if error.code != "closed":
            raise
