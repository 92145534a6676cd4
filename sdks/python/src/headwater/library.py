"""The library ``libheadwater``: where it lies, and its seven functions.

Invariants: it is loaded once, when the first peer is opened, and never unloaded; a library that is not there, or is not
of this list of calls, is an ``unsupported``.
Not here: what is said over it (``port``).
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from .errors import HeadwaterError

#: Which list of calls this package knows (``sdks/calls.json``).
ABI = 1

#: Where the library is, if it is not in the package.
VARIABLE = "HEADWATER_LIBRARY"

OnMessage = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
OnDrop = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_out = ctypes.POINTER
_FUNCTIONS: Dict[str, List[Any]] = {
    "open": [ctypes.c_char_p, ctypes.c_size_t, _out(ctypes.c_uint64), _out(ctypes.c_void_p), _out(ctypes.c_size_t)],
    "call": [ctypes.c_uint64, ctypes.c_char_p, ctypes.c_size_t, _out(ctypes.c_void_p), _out(ctypes.c_size_t)],
    "call_async": [ctypes.c_uint64, ctypes.c_char_p, ctypes.c_size_t, OnMessage, OnDrop, ctypes.c_void_p],
    "subscribe": [
        ctypes.c_uint64, ctypes.c_char_p, ctypes.c_size_t, OnMessage, OnDrop, ctypes.c_void_p,
        _out(ctypes.c_uint64), _out(ctypes.c_void_p), _out(ctypes.c_size_t),
    ],
    "unsubscribe": [ctypes.c_uint64, ctypes.c_uint64],
    "close": [ctypes.c_uint64],
    "free": [ctypes.c_void_p, ctypes.c_size_t],
}


class Library:
    """The functions. Each gives the number of an error, or 0, and the bytes of an answer where there is one."""

    def __init__(self, path: str) -> None:
        self.path = path
        functions = ctypes.CDLL(path)  # its calls let other threads of Python run
        self._open, self._call, self._call_async, self._subscribe, self._unsubscribe, self._close, self._free = (
            _function(functions, name, takes) for name, takes in _FUNCTIONS.items())

    def open(self, config: bytes) -> Tuple[int, bytes]:
        """The number of a peer, or 0 and why there is none."""
        peer, answer, length = ctypes.c_uint64(), ctypes.c_void_p(), ctypes.c_size_t()
        by_ref = ctypes.byref
        self._open(config, len(config), by_ref(peer), by_ref(answer), by_ref(length))
        return peer.value, self._take(answer, length)

    def call(self, peer: int, request: bytes) -> Tuple[int, bytes]:
        answer, length = ctypes.c_void_p(), ctypes.c_size_t()
        by_ref = ctypes.byref
        number = self._call(peer, request, len(request), by_ref(answer), by_ref(length))
        return number, self._take(answer, length)

    def call_async(self, peer: int, request: bytes, on_answer: object, on_drop: object, context: int) -> int:
        number: int = self._call_async(peer, request, len(request), on_answer, on_drop, context)
        return number

    def subscribe(
        self, peer: int, request: bytes, on_event: object, on_drop: object, context: int, watch: ctypes.c_uint64,
    ) -> Tuple[int, bytes]:
        """``watch`` is set before the first event."""
        answer, length = ctypes.c_void_p(), ctypes.c_size_t()
        by_ref = ctypes.byref
        number = self._subscribe(
            peer, request, len(request), on_event, on_drop, context, by_ref(watch), by_ref(answer), by_ref(length))
        return number, self._take(answer, length)

    def unsubscribe(self, peer: int, watch: int) -> None:
        self._unsubscribe(peer, watch)

    def close(self, peer: int) -> int:
        number: int = self._close(peer)
        return number

    def _take(self, answer: ctypes.c_void_p, length: ctypes.c_size_t) -> bytes:
        """Copies an answer and gives it back."""
        if not answer.value:
            return b""
        copied = ctypes.string_at(answer.value, length.value)
        self._free(answer, length)
        return copied


def _function(functions: ctypes.CDLL, name: str, takes: List[Any]) -> Any:
    function = getattr(functions, f"headwater_{name}")
    function.argtypes = takes
    function.restype = ctypes.c_int32
    return function


_loaded: Optional[Library] = None
_loading = threading.Lock()


def library() -> Library:
    """The library, which is loaded now if it was not."""
    global _loaded
    if _loaded is None:
        with _loading:
            if _loaded is None:
                _loaded = _load(_places())
    return _loaded


def _places() -> List[str]:
    """Where it may be: the first place is the only one if the environment names it."""
    named = os.environ.get(VARIABLE)
    if named:
        return [named]
    name = {"darwin": "libheadwater.dylib", "win32": "headwater.dll"}.get(sys.platform, "libheadwater.so")
    return [str(Path(__file__).with_name(name)), name]


def _load(places: List[str]) -> Library:
    faults = []
    for place in places:
        try:
            return Library(place)
        except AttributeError as error:
            raise HeadwaterError("unsupported", f"{place} is not the library of this package: {error}") from error
        except OSError as error:
            faults.append(f"{place}: {error}")
    looked = "; ".join(faults)
    raise HeadwaterError("unsupported", f"there is no library of Headwater (set {VARIABLE}, or install the wheel): {looked}")
