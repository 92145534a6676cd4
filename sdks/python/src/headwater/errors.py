"""Why something was not done: the one exception, with a code of ``sdks/calls.json``, and where the exceptions of an
app's callbacks go.

Not here: which code a fault has (the library says that).
"""

from __future__ import annotations

import sys
import threading
from typing import Any, Callable, Mapping, Optional

__all__ = ["HeadwaterError"]


class HeadwaterError(Exception):
    """Why something was not done. ``code`` says it for programs (``headwater.Code``), the text for people."""

    code: str
    message: str

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"


def error_of(error: Mapping[str, Any]) -> HeadwaterError:
    """The error that an answer or an event has. A code that this package does not know stays as it is."""
    return HeadwaterError(str(error.get("code", "internal")), str(error.get("message", "")))


def call_out(callback: Callable[..., object], *arguments: Any) -> None:
    """Runs what an app gave to be called. What it raises goes where uncaught exceptions of threads go."""
    try:
        callback(*arguments)
    except BaseException:
        report_uncaught()


def report_uncaught(error: Optional[BaseException] = None) -> None:
    """Hands an exception, or the one that is being handled, to ``threading.excepthook``."""
    found = (type(error), error, error.__traceback__) if error is not None else sys.exc_info()
    try:
        threading.excepthook(threading.ExceptHookArgs((*found, threading.current_thread())))
    except Exception:
        sys.__excepthook__(*sys.exc_info())
