"""What the tests share: peers in folders of their own, and waiting with a bound."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest
from pathlib import Path

from headwater import Headwater, HeadwaterError

#: How long anything may take here, in seconds.
LONG = 60


class PeerTest(unittest.TestCase):
    """A test that has a folder, and may have peers in it."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def open(self, name: str = "peer", **more) -> Headwater:
        headwater = Headwater.open(self.folder / name, **{"relaxed": True, **more})
        self.addCleanup(headwater.close)
        return headwater

    def assert_code(self, code: str, do, *arguments, **named) -> None:
        with self.assertRaises(HeadwaterError) as raised:
            do(*arguments, **named)
        self.assertEqual(raised.exception.code, code, raised.exception)
        self.assertTrue(raised.exception.message)

    def run_program(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """Runs a program of Python that must end by itself."""
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *arguments], capture_output=True, text=True,
            timeout=LONG, cwd=self.folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, check=False)


class Seen:
    """What a callback was told."""

    def __init__(self) -> None:
        self.all: list = []
        self._changed = threading.Condition()

    def __call__(self, *told) -> None:
        with self._changed:
            self.all.append(told[0] if len(told) == 1 else told)
            self._changed.notify_all()

    def wait(self, holds) -> None:
        """Waits until it holds of all that was told."""
        with self._changed:
            if not self._changed.wait_for(lambda: holds(self.all), LONG):
                raise AssertionError(f"waited in vain; told was {self.all}")

    def wait_for(self, count: int) -> list:
        self.wait(lambda all: len(all) >= count)
        return self.all


class Uncaught:
    """Takes what would be reported as uncaught, of threads."""

    def __enter__(self) -> Seen:
        self._before = threading.excepthook
        seen = Seen()
        threading.excepthook = lambda arguments: seen(arguments.exc_value)
        return seen

    def __exit__(self, *_: object) -> None:
        threading.excepthook = self._before
