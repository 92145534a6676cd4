"""Runs the conformance vectors (``sdks/conformance``): ``python conformance.py [VECTORS]``. With
HEADWATER_VECTORS_SERVER, where ``cargo run -p conformance -- serve`` listens, those of sync and merge too.

Invariants: what is not run is counted as not run; a case that raises has failed, and the others go on; the exit code is 0
only if none failed.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import re
import sys
import tempfile
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from headwater import HeadwaterError
from headwater.port import Port

EVENT_WAIT_S = 20
UNTIL_PAUSE_S = 0.005
FILES_AT_ONCE = 6
SERVER = os.environ.get("HEADWATER_VECTORS_SERVER")
NAME = re.compile(r"\$[a-z_]+")
MISSING = object()


class Difference(Exception):
    """Something is not as the vectors say."""


def dump(value) -> bytes:
    """As it stands: what no message can be is sent too."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def answer_to(port: Port, request) -> dict:
    return json.loads(port.call_bytes(dump(request)))


def answer_of(ask) -> dict:
    try:
        ask()
        return {}
    except HeadwaterError as error:
        return {"error": {"code": error.code, "message": error.message}}


class Names:
    """What names such as ``$id`` stand for."""

    def __init__(self, known=()) -> None:
        self.known = dict(known)

    def fill(self, it):
        if isinstance(it, str) and NAME.fullmatch(it):
            return self.known[it]
        if isinstance(it, list):
            return [self.fill(element) for element in it]
        if isinstance(it, dict):
            return {name: self.fill(value) for name, value in it.items()}
        return it

    def check(self, expected, actual) -> None:
        if expected == "$any":
            return
        if isinstance(expected, str) and NAME.fullmatch(expected):
            if expected not in self.known:
                self.known[expected] = actual
                return
            expected = self.known[expected]
        if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
            for one, other in zip(expected, actual):
                self.check(one, other)
        elif isinstance(expected, dict) and isinstance(actual, dict):
            self.check_fields(expected, actual)
        elif isinstance(expected, (list, dict)) or type(expected) is not type(actual) or expected != actual:
            raise Difference(f"{dump(actual).decode()}, not {dump(expected).decode()}")

    def check_fields(self, expected: dict, actual: dict) -> None:
        for name, value in expected.items():
            if value == "$optional":
                continue
            if name not in actual:
                raise Difference(f"{actual} has no {name!r}")
            if name == "error":
                error = actual[name]
                if error["code"] != value["code"] or not error["message"]:
                    raise Difference(f"the error {error}, not {value['code']}")
            else:
                self.check(value, actual[name])
        others = actual.keys() - expected.keys()
        if others:
            raise Difference(f"{actual} has {others}, which nobody expects")


class Watched:
    """What a watch told."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue = queue.SimpleQueue()
        self.last = MISSING
        self.end_watch = lambda: None

    def tell(self, message: bytes) -> None:
        self.events.put(json.loads(message))

    def drop(self) -> None:
        pass

    def next(self):
        while True:
            try:
                event = self.events.get(timeout=EVENT_WAIT_S)
            except queue.Empty:
                raise Difference("no event came") from None
            is_new, self.last = event != self.last, event
            if is_new:
                return event

    def end(self) -> None:
        self.end_watch()
        while not self.events.empty():
            event = self.events.get()
            if event != self.last and event.get("error", {}).get("code") != "closed":
                raise Difference(f"{event} came, which nobody expects")


class Script:
    """A script that is under way."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.names = Names()
        self.watches: dict[str, Watched] = {}
        self.port = None

    def open(self, config) -> None:
        self.port = Port({"dir": self.directory, **(config or {})})

    def run(self, it) -> None:
        self.open(it.get("config"))
        try:
            for number, step in enumerate(it["steps"], 1):
                try:
                    self.step(step)
                except Exception as error:
                    raise Difference(f"step {number}, {dump(step).decode()}: {error!r}") from error
            for watched in self.watches.values():
                watched.end()
        finally:
            self.port.close()

    def step(self, step) -> None:
        if "call" in step:
            self.names.check(step["gives"], answer_to(self.port, self.names.fill(step["call"])))
        elif "until" in step:
            self.until(step)
        elif "watch" in step:
            self.watch(step)
        elif "of" in step:
            self.names.check(step["event"], self.watches[step["of"]].next())
        elif "unwatch" in step:
            self.watches.pop(step["unwatch"]).end()
        elif "close" in step:
            self.port.close()
        elif "open" in step:
            self.names.check(step["gives"], answer_of(lambda: self.open(step["open"])))
        else:
            raise Difference("it is no step")

    def until(self, step) -> None:
        ends = time.monotonic() + EVENT_WAIT_S
        while True:
            names = Names(self.names.known)
            try:
                names.check(step["gives"], answer_to(self.port, self.names.fill(step["until"])))
                self.names = names
                return
            except Difference:
                if time.monotonic() > ends:
                    raise
            time.sleep(UNTIL_PAUSE_S)

    def watch(self, step) -> None:
        watched = Watched()

        def subscribe() -> None:
            watched.end_watch = self.port.stream(self.names.fill(step["watch"]), watched)

        answer = answer_of(subscribe)
        if "gives" in step:
            self.names.check(step["gives"], answer if "error" in answer else watched.next())
            watched.end_watch()
            return
        self.names.check({}, answer)
        self.watches[step["as"]] = watched
        if "event" in step:
            self.names.check(step["event"], watched.next())


class Driver:
    """All vectors, in groups."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.peers = itertools.count()
        self.passed = self.failed = 0
        self.kinds = {
            "messages": self.messages, "queries": self.queries, "script": self.script,
            "transcripts": self.transcript, "merge": self.merge,
        }

    def new_dir(self) -> str:
        return str(self.folder / str(next(self.peers)))

    def run(self, vectors: Path) -> None:
        """Files are run at once: most of the time is waiting for the disk."""
        files = [path for group in sorted(vectors.iterdir()) for path in sorted(group.iterdir())]
        with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
            results = list(pool.map(self.run_file, files))
        groups: dict = {}
        for path, result in zip(files, results):
            groups.setdefault(path.parent.name, []).append((path, result))
        for group, of_group in groups.items():
            self.report(group, of_group)

    def run_file(self, path: Path):
        """Its kind, how many cases it has, and which failed; None if it is not run."""
        body = json.loads(path.read_text(encoding="utf-8"))
        kind, count = body["kind"], len(body["cases"])
        if kind not in self.kinds or (kind in ("transcripts", "merge") and SERVER is None):
            return kind, count, None
        return kind, count, list(self.failures(body, self.kinds[kind], path.stem))

    def report(self, group: str, of_group) -> None:
        passed, failed, not_run = 0, 0, {}
        for path, (kind, count, failures) in of_group:
            if failures is None:
                not_run[kind] = not_run.get(kind, 0) + count
                continue
            for name, error in failures:
                print(f"FAILED {group}/{path.stem}: {name}: {error}")
            failed += len(failures)
            passed += count - len(failures)
        print(f"{group}: {passed} passed, {failed} failed")
        for what, count in not_run.items():
            print(f"{group}: {count} of {what} not run")
        self.passed += passed
        self.failed += failed

    def failures(self, body, kind, stem: str):
        shared = self.opened_for(body) if body["kind"] in ("messages", "queries") else None
        for place, it in enumerate(body["cases"]):
            try:
                kind(it, shared, f"{stem}-{place}")
            except Exception as error:
                yield it["name"], error if isinstance(error, Difference) else repr(error)
        if shared is not None:
            shared.close()

    def opened_for(self, body) -> Port:
        port = Port({"dir": self.new_dir(), **body.get("config", {})})
        for collection, documents in body.get("documents", {}).items():
            for value in documents:
                port.call({"call": "upsert", "collection": collection, "value": value})
        return port

    def messages(self, it, port: Port, _) -> None:
        for name, to_bytes in (("json", str.encode), ("cbor", bytes.fromhex)):
            if name not in it:
                continue
            answer = port.call_bytes(to_bytes(it[name]))
            if "refused" in it:
                is_refused = it["refused"].encode() in answer and b"error" in answer
                if not is_refused:
                    raise Difference(f"{answer!r}, not {it['refused']}")
            elif answer != to_bytes(it[f"gives_{name}"]):
                raise Difference(f"{answer!r}, not {it[f'gives_{name}']}")

    def queries(self, it, port: Port, _) -> None:
        Names().check(it["gives"], answer_to(port, it["call"]))

    def script(self, it, *_) -> None:
        Script(self.new_dir()).run(it)

    def transcript(self, it, _, place: str) -> None:
        self.with_server(it, f"{place}-{uuid.uuid4().hex}")

    def merge(self, it, _, place: str) -> None:
        document = None if it["json"] is None else {"_id": "x", **json.loads(it["json"])}
        steps = [
            {"call": {"call": "register_subscription", "collection": "c"}, "gives": {"subscription": 1}},
            {"call": {"call": "start_sync"}, "gives": {}},
            {"until": {"call": "find_by_id", "collection": "c", "id": "end"}, "gives": {"document": {"_id": "end"}}},
            {"call": {"call": "find_by_id", "collection": "c", "id": "x"}, "gives": {"document": document}},
        ]
        for order in range(len(it["orders"])):
            self.with_server({"steps": steps}, f"merge-{place}-{order}-{uuid.uuid4().hex}")

    def with_server(self, it, app: str) -> None:
        """A script with the server of transcripts, which says whether the peer said what it should."""
        fault = None
        try:
            Script(self.new_dir()).run({**it, "config": {**it.get("config", {}), "server": SERVER, "app": app}})
        except Exception as error:
            fault = error
        with urllib.request.urlopen(f"{SERVER}/{app}/verdict", timeout=EVENT_WAIT_S) as answer:
            verdict = answer.read().decode("utf-8")
        if fault is not None or verdict != "passed":
            raise Difference(f"the server: {verdict}; {fault}")


def main() -> int:
    vectors = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "conformance/vectors"
    with tempfile.TemporaryDirectory() as folder:
        driver = Driver(folder)
        driver.run(vectors)
    print(f"{driver.passed} passed, {driver.failed} failed")
    return 0 if driver.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
