"""Bad input, each with its code, and libraries that are not of this package."""

import os
import subprocess
import threading

from headwater import Headwater
from support import PeerTest


class Input(PeerTest):
    def test_what_json_cannot_say_is_refused(self):
        people = self.open().store.collection("people")
        cycle: dict = {}
        cycle["again"] = [cycle]
        deep: list = []
        for _ in range(5000):
            deep = [deep]
        strange = [
            float("nan"), float("inf"), b"bytes", "\ud800", {1: 2}, {None: 1}, 2**64, -(2**63) - 1, object(), {1, 2}, cycle,
            deep, 1j,
        ]
        for value in strange:
            self.assert_code("invalid_value", people.upsert, {"x": value})
            self.assert_code("invalid_value", people.find_by_id, {"x": value})
        self.assert_code("invalid_value", people.upsert, {"\udfff": 1})
        self.assertEqual(people.find().documents(), [])

    def test_wrong_types_are_refused(self):
        headwater = self.open()
        people = headwater.store.collection("people")
        for value in (1, "text", None, [1]):
            self.assert_code("invalid_value", people.upsert, value)
        self.assert_code("invalid_value", people.upsert, {"_id": None})
        self.assert_code("invalid_message", headwater.store.execute, 7)
        self.assert_code("invalid_message", headwater.store.collection(7).upsert, {})
        self.assert_code("invalid_message", people.find("true", [1]).documents)
        self.assert_code("invalid_message", people.find().limit(-1).documents)
        self.assert_code("invalid_query", people.find("((").documents)
        self.assert_code("invalid_query", headwater.store.execute, "DELETE")
        self.assert_code("invalid_query", headwater.store.register_observer, "SELECT", print)
        people.upsert({"_id": "x"})
        self.assert_code("invalid_value", people.update, "x", [{"path": "_id", "set": 1}])
        self.assert_code("not_allowed", headwater.store.collection("system:x").upsert, {})
        self.assert_code("no_server", headwater.start_sync)
        self.assert_code("unsupported", headwater._port.call, {"call": "fly"})

    def test_a_document_of_8_mib_is_too_large_and_one_of_5_is_not(self):
        people = self.open().store.collection("people")
        self.assert_code("too_large", people.upsert, {"x": "x" * (8 << 20)})
        self.assertEqual(people.find().documents(), [])
        people.upsert({"_id": 1, "x": "x" * (5 << 20)})
        self.assertEqual(len(people.find_by_id(1)["x"]), 5 << 20)

    def test_what_cannot_be_opened(self):
        first = self.open("one")
        self.assert_code("in_use", Headwater.open, self.folder / "one")
        other = self.run_program("""
            import sys, headwater
            try:
                headwater.Headwater.open(sys.argv[1])
            except headwater.HeadwaterError as error:
                print(error.code)
        """, str(self.folder / "one"))
        self.assertEqual((other.stdout, other.stderr), ("in_use\n", ""))
        first.close()
        self.open("one")
        self.assert_code("open_failed", Headwater.open, "/dev/null/x")
        self.assert_code("invalid_server", self.open, "two", server="no url", ca_certificates=["none"])


FAKE = """
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define GIVE(text) (*answer = (uint8_t *)strdup(text), *length = strlen(text))
int32_t headwater_open(const uint8_t *c, size_t n, uint64_t *peer, uint8_t **answer, size_t *length) {
  *answer = 0; *length = 0; *peer = IS_NEWER ? 0 : 7;
  return IS_NEWER ? (GIVE("{\\"error\\":{\\"code\\":\\"from_the_future\\",\\"message\\":\\"list 2\\"}}"), 99) : 0;
}
int32_t headwater_call(uint64_t p, const uint8_t *r, size_t n, uint8_t **answer, size_t *length) {
  return GIVE("{\\"abi\\":0,\\"version\\":\\"0.0.1\\"}"), 0;
}
int32_t headwater_call_async() { return 1; }
int32_t headwater_subscribe() { return 1; }
int32_t headwater_unsubscribe() { return 0; }
int32_t headwater_free(uint8_t *data, size_t length) { free(data); return 0; }
#ifndef HAS_NO_CLOSE
int32_t headwater_close() { return 0; }
#endif
"""

TRY = """
    import headwater
    try:
        headwater.Headwater.open("peer")
    except headwater.HeadwaterError as error:
        print(error.code, error.message)
"""


class Libraries(PeerTest):
    def said_of(self, *flags: str) -> str:
        source, library = self.folder / "fake.c", self.folder / "libfake.so"
        source.write_text(FAKE)
        subprocess.run(
            [os.environ.get("CC", "gcc"), "-w", "-shared", "-fPIC", *flags, str(source), "-o", str(library)], check=True)
        return self.run_program(TRY, HEADWATER_LIBRARY=str(library)).stdout

    def test_one_of_another_list_of_calls_is_unsupported(self):
        self.assertRegex(self.said_of("-DIS_NEWER=0"), r"^unsupported .*libfake.so has list 0 of calls, not 1")

    def test_a_code_of_a_newer_one_stays_text(self):
        self.assertEqual(self.said_of("-DIS_NEWER=1"), "from_the_future list 2\n")

    def test_one_without_a_function_is_unsupported(self):
        said = self.said_of("-DIS_NEWER=0", "-DHAS_NO_CLOSE")
        self.assertRegex(said, r"^unsupported .*libfake.so is not the library of this package: .*headwater_close")

    def test_one_that_is_not_there_is_unsupported(self):
        said = self.run_program(TRY, HEADWATER_LIBRARY="/nowhere/libheadwater.so").stdout
        self.assertRegex(said, r"^unsupported .*/nowhere/libheadwater.so")


class Threads(PeerTest):
    def test_many_threads_write_observe_and_close_at_once(self):
        headwater = self.open()
        people, codes = headwater.store.collection("people"), set()

        def work(number: int) -> None:
            for turn in range(1000):
                try:
                    people.upsert({"_id": number, "turn": turn})
                    headwater.store.register_observer("SELECT * FROM people", lambda _: None).cancel()
                    if number == 0 and turn == 5:
                        headwater.close()
                except Exception as error:
                    codes.add(getattr(error, "code", repr(error)))
                    return

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(codes, {"closed"})
