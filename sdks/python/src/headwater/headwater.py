"""A peer that is open, and how it is opened."""

from __future__ import annotations

import asyncio
import functools
import os
from typing import Any, Callable, Mapping, Optional, Sequence, TypeVar, Union

from .port import Port
from .store import Store
from .sync import Sync

T = TypeVar("T")
TokenSource = Callable[[], Optional[str]]


class Headwater:
    """A small peer that is open. ``with Headwater.open(…) as headwater`` closes it in the end."""

    def __init__(self, port: Port) -> None:
        self._port = port
        #: Its documents.
        self.store = Store(port)
        #: Subscriptions, and what became of writes.
        self.sync = Sync(port)

    @classmethod
    def open(
        cls, dir: Union[str, os.PathLike[str]], server: Optional[str] = None, *, app: Optional[str] = None,
        token: Optional[str] = None, token_source: Optional[TokenSource] = None,
        ca_certificates: Optional[Sequence[str]] = None, strict: bool = False, relaxed: bool = False,
    ) -> Headwater:
        """Opens the peer, or makes a new one. No network is needed, and sync is stopped at first.

        ``dir`` is its folder; ``server`` where the server is, ``https://host`` or ``http://host``, with a port if it is
        another one; ``app`` which app there; ``token`` a key of the server, and ``token_source`` who gives a newer one;
        ``ca_certificates`` PEM, of servers that made their own; ``strict`` DQL's strict mode; ``relaxed``: writes return
        before they are durable, and a kill may take those of the last 100 ms.
        """
        headwater = cls(Port({
            "dir": os.fspath(dir), "server": server, "app": app, "token": token,
            "ca_certificates": None if ca_certificates is None else list(ca_certificates),
            "strict": strict, "relaxed": relaxed,
        }))
        if token_source is not None:
            headwater.sync.token_source(token_source)
        return headwater

    @classmethod
    async def open_async(cls, dir: Union[str, os.PathLike[str]], server: Optional[str] = None, **more: Any) -> Headwater:
        """The same for an event loop."""
        return await _in_thread(functools.partial(cls.open, dir, server, **more))

    def start_sync(self) -> None:
        """Connects, and connects again whenever the connection is lost, until ``stop_sync``. It returns before there
        is a connection."""
        self.sync.start()

    def stop_sync(self) -> None:
        """Ends the connection. Local work goes on."""
        self.sync.stop()

    def close(self) -> None:
        """Closes the peer, and waits until its files are closed and its callbacks have ended. Whatever is asked of it
        from then on is ``closed``; to close it again does nothing."""
        self._port.close()

    async def close_async(self) -> None:
        """The same for an event loop."""
        await _in_thread(self.close)

    def info(self) -> Mapping[str, Any]:
        """What the library is: ``abi``, ``version``."""
        return self._port.call({"call": "info"})

    def __enter__(self) -> Headwater:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Headwater:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close_async()


async def _in_thread(do: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, do)
