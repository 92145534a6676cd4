"""Documents come and go: the own API, with calls that wait and with an event loop."""

import asyncio

from headwater import Change, HeadwaterError
from support import PeerTest


class Documents(PeerTest):
    def test_a_document_is_written_found_changed_and_removed(self):
        people = self.open().store.collection("people")
        written = people.upsert({"_id": "susan", "name": "Susan", "age": 31})
        self.assertEqual((written.id, written.ids, written.sequence), ("susan", ["susan"], 1))
        self.assertEqual(people.find_by_id("susan"), {"_id": "susan", "name": "Susan", "age": 31})
        people.update("susan", [Change.set("age", 32), Change.unset("name")])
        people.by_id("susan").update(lambda susan: susan.at("address").at("town").set(f"Bath {susan.at('age').value}"))
        self.assertEqual(people.by_id("susan").get(), {"_id": "susan", "age": 32, "address": {"town": "Bath 32"}})
        self.assertEqual(people.remove("susan").ids, ["susan"])
        self.assertIsNone(people.find_by_id("susan"))
        self.assertEqual(people.remove("susan").ids, [])
        self.assertIsNone(people.update("susan", lambda _: self.fail("there is none")).committed())
        self.assertRegex(people.upsert({}).id, "^[0-9a-f]{24}$")

    def test_integers_of_64_bits_stay_and_floats_stay_floats(self):
        numbers = self.open().store.collection("numbers")
        value = {"_id": 7, "least": -(2**63), "most": 2**64 - 1, "float": 1e20, "whole": 2.0, "yes": True, "none": None}
        numbers.upsert(value)
        found = numbers.find_by_id(7)
        self.assertEqual(found, value)
        self.assertEqual({name: type(it) for name, it in found.items()}, {name: type(it) for name, it in value.items()})

    def test_documents_that_match(self):
        stock = self.open().store.collection("stock")
        for number, name in enumerate(["tea", "milk", "salt", "rice"]):
            stock.upsert({"_id": name, "left": number}, {"left": "counter"})
        some = stock.find("left >= $args.least", {"least": 1})
        self.assertEqual([it["_id"] for it in some.sort("left").documents()], ["milk", "salt", "rice"])
        self.assertEqual([it["_id"] for it in some.sort_descending("left").offset(1).limit(1).documents()], ["salt"])
        some.update([Change.increment("left", -1)])
        some.update(lambda documents: [it.at("left").increment(10) for it in documents if it.id == "salt"])
        self.assertEqual(stock.find_by_id("salt")["left"], 11)
        self.assertEqual(some.remove().ids, ["rice", "salt"])
        self.assertEqual(stock.find().evict(), ["milk", "tea"])

    def test_statements_and_transactions(self):
        store = self.open().store
        made = store.execute("INSERT INTO people DOCUMENTS (:one)", {"one": {"_id": "ann"}})
        self.assertEqual((made.mutated_document_ids, made.items), (["ann"], []))
        with store.transaction() as tx:
            people = tx.collection("people")
            self.assertEqual(people.upsert({"_id": "ben", "age": 1}), "ben")
            self.assertTrue(people.update("ben", lambda ben: ben.at("age").set(ben.value["age"] + 1)))
            self.assertFalse(people.update("nobody", [Change.set("age", 1)]))
            self.assertTrue(people.remove("ann"))
            self.assertEqual(tx.execute("SELECT * FROM people"), [{"_id": "ben", "age": 2}])
            self.assertEqual(people.find("age == 2"), [people.find_by_id("ben")])
        self.assertEqual((tx.written.sequence, sorted(tx.written.ids)), (2, ["ann", "ben"]))
        self.assert_code("no_transaction", tx.execute, "SELECT * FROM people")
        with self.assertRaises(ZeroDivisionError):
            with store.transaction() as tx:
                tx.collection("people").upsert({"_id": "eve", "age": 1 // 0})
        self.assertIsNone(tx.written)
        self.assertEqual(len(store.execute("SELECT * FROM people").items), 1)

    def test_sync_without_a_server(self):
        headwater = self.open(server="http://127.0.0.1:9", app="shop")
        subscription = headwater.sync.register_subscription("SELECT * FROM people")
        self.assertEqual((subscription.is_complete(), subscription.refused()), (False, None))
        headwater.start_sync()
        written = headwater.store.collection("people").upsert({})
        self.assertEqual(headwater.sync.pending(), 1)
        self.assert_code("timed_out", written.committed, timeout=0.001)
        self.assert_code("timed_out", headwater.sync.flushed, timeout=0.001)
        self.assertIn(headwater.sync.state(), ("connecting", "waiting"))
        self.assertEqual(headwater.sync.rejected(), [])
        headwater.sync.forget_rejected(1)
        headwater.sync.authenticate("a newer key")
        self.assert_code("timed_out", headwater.sync.login, "what it gave", "own")
        headwater.stop_sync()
        subscription.cancel()
        self.assertEqual(headwater.sync.state(), "stopped")
        self.assertEqual(headwater.info()["abi"], 1)


class Loops(PeerTest):
    def test_everything_in_an_event_loop(self):
        asyncio.run(self.everything())

    async def everything(self):
        headwater = self.open()
        store, people = headwater.store, headwater.store.collection("people")
        written = await asyncio.gather(*(people.upsert_async({"_id": number}) for number in range(20)))
        self.assertEqual(sorted(it.id for it in written), list(range(20)))
        await people.update_async(1, lambda one: one.at("name").set("Ann"))
        async with store.transaction() as tx:
            await tx.execute_async("UPDATE people SET name = 'Ben' WHERE _id = 2")
            await tx.collection("people").upsert_async({"_id": 3, "name": "Eve"})
        named = people.find("name != $args.none", {"none": None}).sort("_id")
        self.assertEqual([it["name"] for it in await named.documents_async() if "name" in it], ["Ann", "Ben", "Eve"])
        self.assertEqual((await store.execute_async("SELECT name FROM people WHERE _id = 1")).items, [{"name": "Ann"}])
        with self.assertRaises(HeadwaterError) as raised:
            await store.execute_async("SELECT")
        self.assertEqual(raised.exception.code, "invalid_query")
        results = []
        async for items in store.observe("SELECT * FROM people WHERE name = 'Zoe'"):
            results.append(len(items))
            if items:
                break
            await people.upsert_async({"name": "Zoe"})
        self.assertEqual(results, [0, 1])
        waiting = asyncio.ensure_future(headwater.sync.flushed_async())
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.01)
        await headwater.close_async()
        with self.assertRaises(HeadwaterError) as raised:
            await waiting
        self.assertEqual(raised.exception.code, "closed")
        with self.assertRaises(HeadwaterError) as raised:
            await people.upsert_async({})
        self.assertEqual(raised.exception.code, "closed")
