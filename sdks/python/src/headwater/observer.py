"""Those who are told: by a callback, or by a loop.

Invariants: the current result comes first; what changes while nobody looks is told once; after ``cancel`` returned no
callback runs; an exception of a callback harms nobody, and goes to ``threading.excepthook``.
"""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from typing import Any, AsyncIterator, Callable, Deque, Generic, Iterator, Optional, TypeVar

from .errors import HeadwaterError, error_of, report_uncaught
from .port import Message, Port, Watch, given
from .values import decode

T = TypeVar("T")
OnError = Optional[Callable[[HeadwaterError], object]]


class Observer:
    """One who is called. It ends with ``cancel``, with the peer, or with the process. A context manager, too."""

    def __init__(self, port: Port, watch: Watch) -> None:
        self._port = port  # what is observed stays open
        self._watch = watch

    @property
    def is_cancelled(self) -> bool:
        """Whether it was ended by ``cancel``."""
        return self._watch.is_cancelled

    def cancel(self) -> None:
        """Ends it: after this has returned its callback does not run. Within its callback it returns at once."""
        self._watch.cancel()

    def __enter__(self) -> Observer:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()


def observe(port: Port, request: Message, tell: Callable[[Message], object], on_error: OnError = None) -> Observer:
    """Has ``tell`` called with each event. One that is an error goes to ``on_error``, or is reported as uncaught."""

    def told(event: Message) -> None:
        error = event.get("error")
        if error is None:
            tell(event)
        elif error["code"] != "closed":
            (on_error or report_uncaught)(error_of(error))

    return Observer(port, port.subscribe(request, told))


class Events(Generic[T]):
    """Events for loops, ``for`` and ``async for``: each loop is one who is told, from the current result on, until it
    is left. An event that is an error is raised; the loop ends when the peer is closed."""

    def __init__(self, port: Port, request: Message, read: Callable[[Message], T]) -> None:
        self._port = port
        self._request = request
        self._read = read

    def __iter__(self) -> Iterator[T]:
        rings: queue.SimpleQueue[None] = queue.SimpleQueue()
        newest = _Newest(lambda: rings.put(None))
        end = self._port.stream(self._request, newest)
        try:
            while True:
                rings.get()
                if not newest.has_more():
                    return
                yield from (self._read(it) for it in newest.take())
        finally:
            end()

    async def __aiter__(self) -> AsyncIterator[T]:
        loop, ring = asyncio.get_running_loop(), asyncio.Event()
        newest = _Newest(lambda: loop.call_soon_threadsafe(ring.set))
        end = self._port.stream(self._request, newest)
        try:
            while True:
                await ring.wait()
                ring.clear()
                if not newest.has_more():
                    return
                for it in newest.take():
                    yield self._read(it)
        finally:
            end()


class _Newest:
    """The newest event that nobody took."""

    def __init__(self, ring: Callable[[], object]) -> None:
        self._events: Deque[bytes] = deque(maxlen=1)
        self._is_ended = False
        self._ring = ring

    def tell(self, message: bytes) -> None:
        self._events.append(message)
        self._rings()

    def drop(self) -> None:
        self._is_ended = True
        self._rings()

    def has_more(self) -> bool:
        return bool(self._events) or not self._is_ended

    def take(self) -> Iterator[Message]:
        """An event, or none."""
        while self._events:
            try:
                yield given(self._events.popleft())
            except HeadwaterError as error:
                if error.code != "closed":
                    raise

    def _rings(self) -> None:
        try:
            self._ring()
        except RuntimeError:
            pass  # the loop is closed


