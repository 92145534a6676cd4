"""A peer as messages: what is asked, what is answered, what is told.

Invariants: no code of an app, and no exception, is on the library's thread; what a watch tells runs on the peer's one
executor, one at a time; after ``cancel`` returned no callback of it runs, and after ``close`` none at all; each call that
was begun has its one answer; a peer that nobody holds any more is closed.
Not here: what messages mean (docs/reference/small-peer-calls.md), and what is open at the end (``core``).
"""

from __future__ import annotations

import asyncio
import ctypes
import queue
import threading
import warnings
import weakref
from collections import deque
from typing import Any, Callable, Deque, Dict, Generator, Mapping, TypeVar, Union

from .core import Core, Told, await_context, on_drop, on_message
from .errors import HeadwaterError, call_out, error_of
from .library import ABI, library
from .values import decode, encode

Message = Dict[str, Any]
T = TypeVar("T")
#: What yields requests, is sent their answers, and returns what they came to.
Steps = Generator[Message, Message, T]


class Port:
    """A peer that is open. Whoever holds it keeps it open."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        loaded = library()
        self._core = Core.open(loaded, encode({"abi": ABI, **config, "sdk": "python"}))
        self._finalizer = weakref.finalize(self, _forgotten, self._core)
        self._finalizer.atexit = False  # the core sees to that
        self._check_abi()

    def _check_abi(self) -> None:
        """An older library takes a configuration without a look at its number."""
        try:
            abi = self.call({"call": "info"}).get("abi")
        except HeadwaterError as error:
            abi = error.code
        if abi != ABI:
            self.close()
            raise HeadwaterError("unsupported", f"{self._core.library.path} has list {abi} of calls, not {ABI}")

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._core.is_closed

    def call(self, request: Message) -> Message:
        """Waits for the answer; one that is an error is raised."""
        return given(self.call_bytes(encode(request)))

    def call_bytes(self, request: bytes) -> bytes:
        """The same without a look at the messages."""
        return self._core.library.call(self._core.number, request)[1]

    def wait(self, request: Message) -> Message:
        """The same for what may take long: Ctrl-C ends the waiting."""
        waited = _Waited()
        if not self._begin(encode(request), waited):
            return self.call(request)  # which says what is wrong
        return given(waited.answers.get())

    async def call_async(self, request: Message) -> Message:
        """The same for an event loop, which is not held up. To cancel it ends the waiting alone."""
        awaited = _Awaited(asyncio.get_running_loop())
        if not self._begin(encode(request), awaited):
            return self.call(request)
        return given(await awaited.answer)

    def _begin(self, request: bytes, told: Told) -> bool:
        core, context = self._core, await_context(told)
        return core.library.call_async(core.number, request, on_message, on_drop, context) == 0

    def subscribe(self, request: Message, tell: Callable[[Message], object]) -> Watch:
        """Has ``tell`` called with each event, on the executor."""
        watch = Watch(self._core, tell, is_state=request["watch"] not in ("rejected", "token"))
        self._subscribe(request, watch, watch.number)
        return watch

    def stream(self, request: Message, told: Told) -> Callable[[], None]:
        """Has ``told`` told on the library's thread, which it must not hold up: what ends it."""
        core, number = self._core, ctypes.c_uint64()
        self._subscribe(request, told, number)
        return lambda: core.library.unsubscribe(core.number, number.value)

    def _subscribe(self, request: Message, told: Told, watch: ctypes.c_uint64) -> None:
        message = encode(request)
        core, context = self._core, await_context(told)
        number, answer = core.library.subscribe(core.number, message, on_message, on_drop, context, watch)
        if number != 0:
            raise error_of(decode(answer)["error"])

    def close(self) -> None:
        """Waits until the files are closed and callbacks have ended; within one that comes after it."""
        self._finalizer.detach()
        self._core.close()
        self._core.join()

    def run(self, steps: Steps[T]) -> T:
        """Does what steps ask for, each call waiting for its answer."""
        answer: Union[Message, BaseException, None] = None
        try:
            while True:
                request = steps.throw(answer) if isinstance(answer, BaseException) else steps.send(answer)  # type: ignore[arg-type]
                try:
                    answer = self.call(request)
                except Exception as error:
                    answer = error
        except StopIteration as end:
            came_to: T = end.value
            return came_to

    async def run_async(self, steps: Steps[T]) -> T:
        """The same for an event loop."""
        answer: Union[Message, BaseException, None] = None
        try:
            while True:
                request = steps.throw(answer) if isinstance(answer, BaseException) else steps.send(answer)  # type: ignore[arg-type]
                try:
                    answer = await self.call_async(request)
                except BaseException as error:  # to be cancelled is one
                    answer = error
        except StopIteration as end:
            came_to: T = end.value
            return came_to


class Watch:
    """What is told until it is cancelled. Where what is told is a state, what nobody looked at yet is told once."""

    def __init__(self, core: Core, tell: Callable[[Message], object], is_state: bool) -> None:
        self.number = ctypes.c_uint64()
        self.is_cancelled = False
        self._core = core
        self._tell = tell
        self._waiting: Deque[bytes] = deque(maxlen=1 if is_state else None)
        self._is_queued = False
        self._running = threading.RLock()

    def tell(self, message: bytes) -> None:
        """Takes an event, on the library's thread."""
        self._waiting.append(message)
        if not self._is_queued:
            self._is_queued = True
            self._core.work.put(self.run)

    def drop(self) -> None:
        """Nothing comes any more; what waits may still be told."""

    def run(self) -> None:
        """Tells what waits, on the executor."""
        self._is_queued = False
        with self._running:
            while self._waiting and not self.is_cancelled and not self._core.is_closed:
                call_out(self._tell, decode(self._waiting.popleft()))

    def cancel(self) -> None:
        """Ends it: after this has returned it tells nothing. Within its own callback it returns at once."""
        self.is_cancelled = True
        self._core.library.unsubscribe(self._core.number, self.number.value)
        with self._running:  # one that runs is waited for
            self._waiting.clear()


class _Awaited:
    """An answer that an event loop waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.answer: asyncio.Future[bytes] = loop.create_future()

    def tell(self, message: bytes) -> None:
        try:
            self._loop.call_soon_threadsafe(self._settle, message)
        except RuntimeError:
            pass  # the loop is closed: nobody waits

    def drop(self) -> None:
        """Its answer was told."""

    def _settle(self, message: bytes) -> None:
        if not self.answer.done():
            self.answer.set_result(message)


class _Waited:
    """An answer that a thread waits for."""

    def __init__(self) -> None:
        self.answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def tell(self, message: bytes) -> None:
        self.answers.put(message)

    def drop(self) -> None:
        """Its answer was told."""


def given(answer: bytes) -> Message:
    """What an answer gives; if it is an error, that is raised."""
    message = decode(answer)
    if "error" in message:
        raise error_of(message["error"])
    return message


def _forgotten(core: Core) -> None:
    """Nobody holds a peer any more that was not closed."""
    core.close()
    warnings.warn(f"peer {core.number} was not closed", ResourceWarning, stacklevel=2)
