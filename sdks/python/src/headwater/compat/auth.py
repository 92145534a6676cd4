"""Logging in, by the vendor's names. With a provider the server asks the app's login hook; with the one for development, or
none, the token is a key of the server.

Not here: who asks the server (the library).
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Callable, Optional

from .. import observer as own
from ..errors import HeadwaterError, call_out
from ..observer import observe
from ..port import Message, Port
from .events import Observer

if TYPE_CHECKING:
    from .ditto import Ditto


@dataclass(frozen=True)
class AuthenticationStatus:
    """Whether the server has taken the token."""

    is_authenticated: bool
    #: Who has logged in, as the app's login hook says; None where a key was given.
    user_id: Optional[str] = None


class Authenticator:
    """Gives the server tokens."""

    #: The provider of tokens for development: keys of the server.
    DEVELOPMENT_PROVIDER = "__playgroundProvider"

    def __init__(self, port: Port, ditto: Ditto, has_server: bool) -> None:
        self._port = port
        self._ditto = weakref.ref(ditto)
        self._asked: Optional[own.Observer] = None
        #: Whether there is a server to log in to.
        self.login_supported = has_server
        #: As far as an observer has told.
        self.status = AuthenticationStatus(is_authenticated=False)

    def login(self, token: str, provider: Optional[str] = None) -> Optional[HeadwaterError]:
        """Logs in with what a provider gave; without one, or with the one for development, it is a key of the server. What
        is wrong, or None. Waits for the server, some seconds at most."""
        try:
            self.login_with_token(token, provider)
        except HeadwaterError as error:
            return error
        return None

    def login_with_token(self, token: str, provider: Optional[str] = None) -> None:
        """The same, which raises ``rejected``, ``timed_out`` or ``no_server``."""
        if provider is None or provider == self.DEVELOPMENT_PROVIDER:
            self._port.call({"call": "authenticate", "token": token})
            return
        answer = self._port.wait({"call": "login", "token": token, "provider": provider})
        self.status = replace(self.status, user_id=answer["userId"])

    def login_with_username_and_password(self, username: str, password: str, provider: Optional[str] = None) -> None:
        """There are no passwords."""
        raise HeadwaterError("unsupported", "a server knows no passwords: login(token, provider)")

    def logout(self, clean_up: Optional[Callable[[Ditto], object]] = None) -> None:
        """Ends sync. What is here stays, unless ``clean_up`` evicts it."""
        ditto = self._ditto()
        if ditto is not None:
            ditto.stop_sync()
            if clean_up is not None:
                clean_up(ditto)

    def set_expiration_handler(self, handler: Optional[Callable[[Ditto, float], object]]) -> None:
        """Calls ``handler`` whenever the server does not take the token, and a minute before that ends, with the seconds
        that are left. It logs in: there is no refresh token. Where it does not, it is called again later. None takes it
        away."""
        if self._asked is not None:
            self._asked.cancel()
            self._asked = None
        if handler is not None:
            ditto, asked = self._ditto, handler  # who is asked does not keep the peer open

            def ask(event: Message) -> None:
                found = ditto()
                if found is not None:
                    asked(found, event.get("remaining_ms", 0) / 1000)

            self._asked = observe(self._port, {"watch": "token"}, ask)

    def observe_status(self, callback: Callable[[AuthenticationStatus], object]) -> Observer:
        """Calls ``callback`` with whether the server has taken the token, now and whenever that changes."""
        auth = weakref.ref(self)
        last: Optional[bool] = None

        def tell(event: Message) -> None:
            nonlocal last
            is_authenticated = event["state"] in ("live", "catching_up")
            if is_authenticated != last:
                found = auth()
                user_id = found.status.user_id if found is not None else None
                last, status = is_authenticated, AuthenticationStatus(is_authenticated, user_id)
                if found is not None:
                    found.status = status
                call_out(callback, status)

        return Observer(observe(self._port, {"watch": "state"}, tell).cancel)
