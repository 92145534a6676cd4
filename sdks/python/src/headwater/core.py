"""What stays of a peer when nobody holds it: its number, its executor, and what the library's contexts stand for.

Invariants: numbers go over the border, objects stay here until the library drops them; what the library calls takes no
lock, so that it never waits for Python code that waits for it; when Python ends each peer is closed, and nothing hangs.
Not here: messages (``port``).
"""

from __future__ import annotations

import atexit
import ctypes
import itertools
import os
import queue
import threading
import time
from typing import Callable, Dict, Optional, Protocol

from .errors import HeadwaterError, error_of
from .library import Library, OnDrop, OnMessage
from .values import decode

#: How long the end of Python waits for callbacks that run.
EXIT_WAIT_S = 2.0


class Told(Protocol):
    """What a context stands for. It is told on the library's thread, and must not hold that up."""

    def tell(self, message: bytes) -> None:
        """An answer, or an event."""

    def drop(self) -> None:
        """Nothing more comes."""


_contexts: Dict[int, Told] = {}
_numbers = itertools.count(1)


def await_context(told: Told) -> int:
    """The context that stands for it, until the library drops that."""
    context = next(_numbers)
    _contexts[context] = told
    return context


def _tell(context: int, message: int, length: int) -> None:
    """The library says something."""
    told = _contexts.get(context)
    if told is not None:
        told.tell(ctypes.string_at(message, length))


def _drop(context: int) -> None:
    """The library will not use a context any more."""
    told = _contexts.pop(context, None)
    if told is not None:
        told.drop()


# They stay here as long as the library may call them: for ever.
on_message = OnMessage(_tell)
on_drop = OnDrop(_drop)


class Core:
    """An open peer of the library."""

    def __init__(self, opened: Library, number: int) -> None:
        self.library = opened
        self.number = number
        self.is_closed = False
        self.work: queue.SimpleQueue[Optional[Callable[[], None]]] = queue.SimpleQueue()
        self._process = os.getpid()
        self._executor = threading.Thread(
            target=_execute, args=(self.work,), name=f"headwater-{number}", daemon=True)

    @classmethod
    def open(cls, loaded: Library, config: bytes) -> Core:
        """Opens a peer. Not when Python ends."""
        if _end.has_begun:
            raise HeadwaterError("closed", "Python ends")
        number, answer = loaded.open(config)
        if number == 0:
            raise error_of(decode(answer)["error"])
        core = cls(loaded, number)
        try:
            core._executor.start()
        except RuntimeError as error:
            loaded.close(number)
            raise HeadwaterError("internal", f"there is no thread for callbacks: {error}") from error
        _open[number] = core
        return core

    def close(self) -> None:
        """The files are closed and contexts dropped when it has returned; the executor ends by itself."""
        was_closed, self.is_closed = self.is_closed, True
        if self._process != os.getpid():
            return  # a child of fork has nothing to close
        self.library.close(self.number)
        if not was_closed:
            _open.pop(self.number, None)
            self.work.put(None)

    def join(self, timeout: Optional[float] = None) -> None:
        """Waits until the last callback has ended, unless it is called within one."""
        if self._process == os.getpid() and threading.current_thread() is not self._executor:
            self._executor.join(timeout)


def _execute(work: queue.SimpleQueue[Optional[Callable[[], None]]]) -> None:
    """The executor of a peer: it holds what it works on, and nothing between."""
    while True:
        run = work.get()
        if run is None:
            return
        run()
        del run


_open: Dict[int, Core] = {}


class _End:
    """Whether Python ends."""

    has_begun = False


_end = _End()


@atexit.register
def _close_all() -> None:
    _end.has_begun = True
    cores = list(_open.values())
    for core in cores:
        core.close()
    ends = time.monotonic() + EXIT_WAIT_S
    for core in cores:
        core.join(max(0.0, ends - time.monotonic()))
