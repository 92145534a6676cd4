"""What apps say of logging, by the vendor's names. The library says nothing by itself: what goes wrong is an error."""

from __future__ import annotations

import sys
from typing import Callable, Optional

LEVELS = ("error", "warning", "info", "debug", "verbose")


class Logger:
    """Prints what apps log, to standard error."""

    enabled = True
    emoji_log_level_headings_enabled = False
    #: One of ``error``, ``warning``, ``info``, ``debug``, ``verbose``.
    minimum_log_level = "info"
    custom_log_callback: Optional[Callable[[str, str], object]] = None

    @classmethod
    def set_custom_log_callback(cls, callback: Optional[Callable[[str, str], object]]) -> None:
        """Who is told instead."""
        cls.custom_log_callback = staticmethod(callback) if callback is not None else None

    @classmethod
    def set_log_file(cls, path: Optional[str] = None) -> None:
        """There is no file of logs."""

    @classmethod
    def log(cls, level: str, message: str) -> None:
        """Prints a message, if its level is wanted."""
        if not cls.enabled or LEVELS.index(level.lower()) > LEVELS.index(cls.minimum_log_level.lower()):
            return
        if cls.custom_log_callback is not None:
            cls.custom_log_callback(level, message)
        else:
            print(message, file=sys.stderr)

    @classmethod
    def error(cls, message: str) -> None:
        """Prints what went wrong."""
        cls.log("error", message)

    @classmethod
    def warning(cls, message: str) -> None:
        """Prints what may go wrong."""
        cls.log("warning", message)

    @classmethod
    def info(cls, message: str) -> None:
        """Prints what is so."""
        cls.log("info", message)

    @classmethod
    def debug(cls, message: str) -> None:
        """Prints what helps to find a fault."""
        cls.log("debug", message)

    @classmethod
    def verbose(cls, message: str) -> None:
        """Prints more of it."""
        cls.log("verbose", message)
