"""Sync with the server: subscriptions, and what became of local writes."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable, Dict, List, Mapping, Optional

from .observer import Events, Observer, OnError, observe
from .port import Message, Port
from .written import read_verdict, verdict


@dataclass(frozen=True)
class Rejected:
    """A write that the server refused."""

    #: The number of its transaction.
    sequence: int
    #: What the server says of it.
    why: str
    #: Those that it would have written: ``collection``, ``id``.
    documents: List[Dict[str, Any]]
    #: What upserts in it would have written: ``collection``, ``value``. It is nowhere else.
    values: List[Dict[str, Any]]


@dataclass(frozen=True)
class Login:
    """A user who has logged in."""

    #: Who it is, as the app's login hook says.
    user_id: str
    #: When the server's token ends.
    expires: datetime


def _login(answer: Message) -> Login:
    # Of Python 3.11 on ``Z`` is known.
    return Login(answer["userId"], datetime.fromisoformat(answer["expires"].replace("Z", "+00:00")))


def _rejected(message: Message) -> Rejected:
    return Rejected(message["sequence"], message["why"], message["documents"], message["values"])


class Sync:
    """Sync of a peer."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._token: Optional[Observer] = None

    def start(self) -> None:
        """Connects, and connects again whenever the connection is lost. It returns before there is a connection."""
        self._port.call({"call": "start_sync"})

    def stop(self) -> None:
        """Ends the connection. Local work goes on."""
        self._port.call({"call": "stop_sync"})

    def register_subscription(self, statement: str, args: Optional[Mapping[str, Any]] = None) -> Subscription:
        """Subscribes to a collection, or a part of it: ``SELECT * FROM … [WHERE …]``. One that asks for the same as an
        earlier one is the same one."""
        request = {"call": "register_subscription", "statement": statement, "args": args}
        return Subscription(self._port, self._port.call(request)["subscription"])

    async def register_subscription_async(
        self, statement: str, args: Optional[Mapping[str, Any]] = None,
    ) -> Subscription:
        """The same for an event loop."""
        request = {"call": "register_subscription", "statement": statement, "args": args}
        return Subscription(self._port, (await self._port.call_async(request))["subscription"])

    def state(self) -> str:
        """Where sync stands: ``stopped``, ``connecting``, ``catching_up``, ``live``, ``waiting``, ``needs_token`` or
        ``refused``."""
        return str(self._status()["state"])

    def states(self) -> Events[str]:
        """Where sync stands, now and whenever it stands elsewhere, for ``for`` and ``async for``."""
        return Events(self._port, {"watch": "state"}, lambda event: str(event["state"]))

    def observe_state(self, callback: Callable[[str], object]) -> Observer:
        """The same with a callback."""
        return observe(self._port, {"watch": "state"}, lambda event: callback(event["state"]))

    def pending(self) -> int:
        """How many local transactions the server has said nothing of."""
        return int(self._status()["pending"])

    def last_error(self) -> Optional[str]:
        """Why it does not sync, for people, if something is wrong."""
        error: Optional[str] = self._status().get("last_error")
        return error

    def committed(self, sequence: int, timeout: Optional[float] = None) -> Optional[int]:
        """Waits until the server has a write, by its ``sequence``, ``timeout`` seconds at most: the id of its
        transaction there, as in ``X-DITTO-TXN-ID`` and in the event. None: the server has it, but it is not known as
        what; or it never was."""
        return read_verdict(self._port.wait(verdict("committed", timeout, sequence)))

    async def committed_async(self, sequence: int, timeout: Optional[float] = None) -> Optional[int]:
        """The same for an event loop."""
        return read_verdict(await self._port.call_async(verdict("committed", timeout, sequence)))

    def flushed(self, timeout: Optional[float] = None) -> Optional[int]:
        """Waits until the server has said of everything that is pending now whether it takes it, ``timeout`` seconds
        at most: the newest transaction that it made of writes from here, if one is known."""
        return read_verdict(self._port.wait(verdict("flushed", timeout)))

    async def flushed_async(self, timeout: Optional[float] = None) -> Optional[int]:
        """The same for an event loop."""
        return read_verdict(await self._port.call_async(verdict("flushed", timeout)))

    def rejected(self) -> List[Rejected]:
        """The writes that the server refused, the oldest first, as far as they are kept."""
        return [_rejected(it) for it in self._port.call({"call": "rejected"})["rejected"]]

    def on_rejected(self, callback: Callable[[Rejected], object], on_error: OnError = None) -> Observer:
        """Calls ``callback`` with each write that the server refuses, from now on."""
        return observe(
            self._port, {"watch": "rejected"}, lambda event: callback(_rejected(event["rejected"])), on_error)

    def forget_rejected(self, sequence: int) -> None:
        """A refused write was seen to, and need not be kept."""
        self._port.call({"call": "forget_rejected", "sequence": sequence})

    def authenticate(self, token: str) -> None:
        """A newer token."""
        self._port.call({"call": "authenticate", "token": token})

    def login(self, token: str, provider: str) -> Login:
        """Logs in with what a provider gave: the server asks the app's login hook, and its token is used from now on.
        When that ends, the source of tokens is asked: there is no refresh token. Waits for the server, some seconds at
        most. Raises ``rejected``, ``timed_out`` or ``no_server``."""
        return _login(self._port.wait({"call": "login", "token": token, "provider": provider}))

    async def login_async(self, token: str, provider: str) -> Login:
        """The same for an event loop."""
        return _login(await self._port.call_async({"call": "login", "token": token, "provider": provider}))

    def token_source(self, source: Optional[Callable[[], Optional[str]]]) -> None:
        """Who gives a newer token: asked, on the executor, when the server does not take the old one, and a minute
        before that ends. It may log in, and give None. Where no token comes, it is asked again later. Another source
        takes the place of an earlier one; None takes it away."""
        if self._token is not None:
            self._token.cancel()
            self._token = None
        if source is not None:
            self._token = observe(self._port, {"watch": "token"}, _asks(weakref.ref(self), source))

    def _status(self) -> Message:
        return self._port.call({"call": "state"})


def _asks(sync: weakref.ref[Sync], source: Callable[[], Optional[str]]) -> Callable[[Message], None]:
    """Asks a source; it does not keep the peer open."""

    def ask(_: Message) -> None:
        token = source()
        found = sync()
        if token is not None and found is not None:
            found.authenticate(token)

    return ask


class Subscription:
    """A subscription: it is stored and outlives the process, until ``cancel``."""

    def __init__(self, port: Port, number: int) -> None:
        self._port = port
        self._number = number

    def cancel(self) -> None:
        """Ends it. Its documents stay."""
        self._port.call({"call": "cancel_subscription", "subscription": self._number})

    def is_complete(self) -> bool:
        """Whether all its documents are here."""
        return bool(self._status()["complete"])

    def refused(self) -> Optional[str]:
        """Why the server does not take it, if it does not: the key may not read the collection, for one."""
        refused: Optional[str] = self._status().get("refused")
        return refused

    def _status(self) -> Message:
        return self._port.call({"call": "subscription", "subscription": self._number})
