"""Observers and the life of a peer: what is told when, and how everything ends."""

import asyncio
import gc
import os
import sys
import threading
import tracemalloc
import unittest
import warnings
import weakref

from headwater import Headwater, HeadwaterError
from headwater.observer import observe
from support import LONG, PeerTest, Seen, Uncaught

ALL = "SELECT * FROM people"


class Observers(PeerTest):
    def test_the_current_result_comes_first_and_then_what_changes(self):
        headwater = self.open()
        people, seen, local = headwater.store.collection("people"), Seen(), Seen()
        with headwater.store.register_observer(ALL, seen) as observer:
            seen.wait(lambda all: all[:1] == [[]])
            people.upsert({"_id": "ann", "age": 1})
            seen.wait(lambda all: all[-1] == [{"_id": "ann", "age": 1}])
        self.assertTrue(observer.is_cancelled)
        people.find().sort("_id").observe_local(local)
        local.wait_for(1)
        people.upsert({"_id": "abe"})
        local.wait(lambda all: len(all[-1][0]) == 2)
        event = local.all[-1][1]
        self.assertEqual((event.is_initial, event.insertions, event.moves), (False, [0], [(0, 1)]))
        self.assertEqual(event.old_documents, [{"_id": "ann", "age": 1}])
        people.update("ann", lambda ann: ann.at("age").set(True))
        people.remove("abe")
        local.wait(lambda all: all[-1][0] == [{"_id": "ann", "age": True}])

    def test_callbacks_run_on_one_thread_of_the_sdk(self):
        headwater = self.open()
        names = Seen()
        for _ in range(3):
            headwater.store.register_observer(ALL, lambda _: names(threading.current_thread().name))
        self.assertEqual(len(set(names.wait_for(3))), 1)
        self.assertTrue(names.all[0].startswith("headwater-"))

    def test_a_callback_that_raises_harms_nobody(self):
        headwater = self.open()
        seen = Seen()
        with Uncaught() as uncaught:
            headwater.store.register_observer(ALL, lambda _: 1 // 0)
            headwater.store.register_observer(ALL, lambda _: sys.exit(3))
            headwater.store.register_observer(ALL, seen)
            uncaught.wait_for(2)
        self.assertEqual([type(it) for it in uncaught.all], [ZeroDivisionError, SystemExit])
        seen.wait_for(1)

    def test_a_result_that_cannot_be_had_goes_to_on_error(self):
        class Failing:
            """A port whose watches tell errors."""

            def subscribe(self, request, tell):
                tell({"error": {"code": "too_expensive", "message": "it is"}})
                tell({"error": {"code": "closed", "message": "it is"}})

        errors = Seen()
        observe(Failing(), {}, print, errors)
        self.assertEqual([it.code for it in errors.all], ["too_expensive"])
        with Uncaught() as uncaught:
            observe(Failing(), {}, print)
        self.assertEqual([it.code for it in uncaught.all], ["too_expensive"])

    def test_cancel_waits_for_a_callback_that_runs(self):
        headwater = self.open()
        began, go, ended = threading.Event(), threading.Event(), threading.Event()

        def callback(_) -> None:
            began.set()
            go.wait(LONG)
            ended.set()

        observer = headwater.store.register_observer(ALL, callback)
        began.wait(LONG)
        cancelling = threading.Thread(target=observer.cancel)
        cancelling.start()
        self.assertFalse(ended.is_set())
        go.set()
        cancelling.join(LONG)
        self.assertTrue(ended.is_set())

    def test_cancel_and_close_within_a_callback(self):
        headwater = self.open()
        seen, ready = Seen(), threading.Event()

        def cancels(items) -> None:
            ready.wait(LONG)
            observer.cancel()
            observer.cancel()
            seen("cancelled")

        observer = headwater.store.register_observer(ALL, cancels)
        ready.set()
        seen.wait_for(1)
        for number in range(5):
            headwater.store.collection("people").upsert({"_id": number})

        def closes(_) -> None:
            headwater.close()
            headwater.close()
            seen("closed")

        headwater.store.register_observer(ALL, closes)
        seen.wait_for(2)
        headwater.close()
        self.assertEqual(seen.all, ["cancelled", "closed"])
        observer.cancel()

    def test_everything_is_closed_after_close(self):
        headwater = self.open()
        store = headwater.store
        loop, seen, observer = store.observe(ALL), Seen(), store.register_observer(ALL, lambda _: None)
        looping = threading.Thread(target=lambda: [seen(items) for items in loop])
        looping.start()
        seen.wait_for(1)
        headwater.close()
        looping.join(LONG)
        self.assertFalse(looping.is_alive())
        for call in (
            headwater.start_sync, headwater.info, lambda: store.execute(ALL), lambda: store.collection("a").upsert({}),
            lambda: store.register_observer(ALL, print), lambda: store.transaction().__enter__(), lambda: next(iter(loop)),
            headwater.sync.flushed, lambda: headwater.sync.register_subscription(ALL),
        ):
            self.assert_code("closed", call)
        observer.cancel()
        headwater.close()

    def test_ten_thousand_observers_leave_nothing(self):
        headwater = self.open()
        store = headwater.store

        def rounds(count: int) -> int:
            for _ in range(count):
                store.register_observer(ALL, lambda _: None).cancel()
            headwater.sync.state()
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before = rounds(1000)
        after = rounds(10_000)
        self.assertLess(after - before, 64 << 10)
        from headwater import core
        self.assertEqual(len(core._contexts), 0)


class Forgotten(PeerTest):
    def test_a_peer_that_is_collected_is_closed(self):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            headwater = Headwater.open(self.folder / "peer")
            headwater.store.register_observer(ALL, lambda _: None)
            headwater.sync.token_source(lambda: None)
            port = weakref.ref(headwater._port)
            del headwater
            gc.collect()
        self.assertIsNone(port())
        self.assertEqual([it.category for it in warned], [ResourceWarning])
        self.open("peer")

    def test_what_is_got_from_a_peer_keeps_it_open(self):
        people = Headwater.open(self.folder / "peer").store.collection("people")
        gc.collect()
        people.upsert({})
        people._port.close()


class Ends(PeerTest):
    def ends(self, program: str, expected: str = "") -> str:
        ran = self.run_program(program)
        self.assertEqual((ran.returncode, ran.stdout), (0, expected), ran.stderr)
        return ran.stderr

    def test_the_end_of_python_closes_what_is_open(self):
        said = self.ends("""
            import threading, headwater
            peers = [headwater.Headwater.open(str(number)) for number in range(3)]
            seen = threading.Event()
            for peer in peers:
                peer.store.register_observer("SELECT * FROM a", lambda _: seen.set())
                peer.store.collection("a").upsert({})
            seen.wait(60)
        """)
        self.assertEqual(said, "")
        Headwater.open(self.folder / "0").close()

    def test_the_end_does_not_wait_for_ever(self):
        self.ends("""
            import threading, headwater
            peer = headwater.Headwater.open("peer")
            seen, never = threading.Event(), threading.Event()
            peer.store.register_observer("SELECT * FROM a", lambda _: (seen.set(), never.wait()))
            seen.wait(60)
            print("ends", flush=True)
        """, "ends\n")

    def test_callbacks_during_the_end_and_opening_in_it(self):
        self.ends("""
            import atexit

            @atexit.register  # before the package's own: it runs after that
            def late():
                for do in (lambda: headwater.Headwater.open("other"), peer.info):
                    try:
                        do()
                    except headwater.HeadwaterError as error:
                        print(error.code)

            import headwater

            peer = headwater.Headwater.open("peer", relaxed=True)
            changes = peer.store.collection("a")  # each callback makes the next one
            peer.store.register_observer("SELECT * FROM a", lambda items: changes.upsert({"n": len(items)}))
        """, "closed\nclosed\n")

    @unittest.skipUnless(hasattr(os, "fork"), "there is no fork")
    def test_a_child_of_fork_has_nothing_open(self):
        self.ends("""
            import os, headwater
            peer = headwater.Headwater.open("peer")
            child = os.fork()
            if child == 0:
                for do in (peer.info, lambda: headwater.Headwater.open("other")):
                    try:
                        do()
                    except headwater.HeadwaterError as error:
                        print(error.code, flush=True)
                peer.close()
                raise SystemExit(0)
            print(os.waitpid(child, 0)[1], peer.info()["abi"])
        """, "closed\nclosed\n0 1\n")

    def test_a_loop_that_is_gone(self):
        headwater = self.open()

        async def leave() -> None:
            asyncio.ensure_future(headwater.sync.flushed_async())
            async for _ in headwater.store.observe(ALL):
                break

        asyncio.run(leave())
        headwater.close()

    def test_waiting_ends_with_the_peer(self):
        headwater = self.open()
        headwater.store.collection("a").upsert({})
        codes = Seen()

        def wait() -> None:
            try:
                headwater.sync.flushed()
            except HeadwaterError as error:
                codes(error.code)

        waiting = threading.Thread(target=wait)
        waiting.start()
        headwater.close()
        waiting.join(LONG)
        self.assertEqual(codes.all, ["closed"])
