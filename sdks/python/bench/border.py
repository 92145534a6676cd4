"""What a call costs: a name and a figure a line. The best of many short rounds: on a machine that does other things too,
the others measure those."""

import ctypes
import json
import tempfile
import time

from headwater import Headwater
from headwater.values import encode

ECHO = {"call": "echo", "value": {"_id": "customer-000017", "name": "Susan", "age": 31, "more": "x" * 120}}
DOCUMENT = {"name": "Susan", "age": 31, "tags": ["new", "vip"], "active": True, "more": "x" * 100}


def best(rounds: int, calls: int, do) -> float:
    """Nanoseconds a call."""
    least = float("inf")
    for _ in range(rounds):
        began = time.perf_counter_ns()
        for _ in range(calls):
            do()
        least = min(least, (time.perf_counter_ns() - began) / calls)
    return least


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Headwater.open(folder, relaxed=True) as headwater:
        port, request = headwater._port, encode(ECHO)
        print(f"echo of {len(request)} B, bytes: {best(200, 50, lambda: port.call_bytes(request)) / 1000:.2f} us")
        print(f"echo of {len(request)} B, values: {best(200, 50, lambda: port.call(ECHO)) / 1000:.2f} us")
        print(f"JSON of it both ways: {best(200, 50, lambda: json.loads(encode(ECHO))) / 1000:.2f} us")
        function, buffer = ctypes.CDLL(None).strlen, b"x"
        print(f"a call of C by ctypes: {best(200, 50, lambda: function(buffer)) / 1000:.2f} us")
        people, number = headwater.store.collection("people"), iter(range(10**9))
        took = best(20, 50, lambda: people.upsert({"_id": next(number) % 1000, **DOCUMENT}))
        raw = best(20, 50, lambda: port.call_bytes(encode({
            "call": "upsert", "collection": "people", "value": {"_id": next(number) % 1000, **DOCUMENT}})))
        print(f"upserts: {1e9 / took:.0f} /s; the same message by hand: {1e9 / raw:.0f} /s")
        print(f"find_by_id: {best(100, 100, lambda: people.find_by_id(7)) / 1000:.2f} us")


if __name__ == "__main__":
    main()
