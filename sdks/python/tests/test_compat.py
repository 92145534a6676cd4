"""The vendor's names."""

import inspect
import json
from pathlib import Path

import headwater
from headwater import compat
from headwater.compat import Counter, Ditto, DittoConfig, DocumentID, Register
from support import PeerTest, Seen


class Compat(PeerTest):
    def ditto(self) -> Ditto:
        ditto = Ditto.open(DittoConfig("default", {"mode": "small_peers_only"}, str(self.folder / "peer")))
        self.addCleanup(ditto.close)
        return ditto

    def test_a_tasks_app(self):
        ditto = self.ditto()
        ditto.start_sync()
        subscription = ditto.sync.register_subscription("SELECT * FROM tasks")
        seen = Seen()
        observer = ditto.store.register_observer(
            "SELECT * FROM tasks ORDER BY _id", lambda result: seen([it.value["_id"] for it in result.items]))
        made = ditto.store.execute("INSERT INTO tasks DOCUMENTS (:task)", {"task": {"_id": "milk", "done": False}})
        self.assertEqual(made.mutated_document_ids(), [DocumentID("milk")])
        seen.wait(lambda all: all[-1:] == [["milk"]])
        ditto.store.execute("UPDATE tasks SET done = :done WHERE _id = :id", {"done": True, "id": DocumentID("milk")})
        self.assertEqual(ditto.store.execute("SELECT done FROM tasks").items[0].json_string(), '{"done":true}')
        self.assertEqual(ditto.store.observers, [observer])
        observer.cancel()
        self.assertEqual(ditto.store.observers, [])
        ditto.store.execute("ALTER SYSTEM SET DQL_STRICT_MODE = false")
        self.assert_code("unsupported", ditto.store.execute, "ALTER SYSTEM SET DQL_STRICT_MODE = true")
        subscription.cancel()
        self.assertEqual(ditto.store.collection_names(), ["tasks"])

    def test_a_legacy_app(self):
        ditto = self.ditto()
        people = ditto.store.collection("people")
        doc_id = people.upsert({"name": "Susan", "visits": Counter(3), "home": Register({"town": "Bath"})})
        self.assertEqual(str(doc_id), doc_id.value)
        seen = Seen()
        live = people.find("name == $args.name", {"name": "Susan"}).observe_local(seen)
        seen.wait_for(1)

        def change(susan) -> None:
            susan.at("visits").counter.increment(2)
            susan["age"] = 31
            susan["home"]["town"].set("Wells")
            self.assertEqual(susan["home"]["town"].value, "Bath")

        results = people.find_by_id(doc_id).update(change)
        self.assertEqual([(it.type, it.path) for it in results], [("incremented", "visits"), ("set", "age"), ("set", "home.town")])
        seen.wait(lambda all: all[-1][1].updates == [0])
        susan = people.find_by_id(doc_id).exec()
        self.assertEqual((susan.at("visits").counter.value, susan["age"].value, susan.id), (5, 31, doc_id))
        people.find_all().update(lambda documents: [it.__delitem__("age") for it in documents])
        self.assertNotIn("age", people.find_by_id(doc_id).exec().value)
        live.stop()
        for number in range(3):
            people.upsert({"_id": number, "name": "n"}, write_strategy="insert_if_absent")
        numbers = people.find("name == 'n'").sort("_id", "descending").offset(1).limit(1)
        self.assertEqual([it.id.value for it in numbers.exec()], [1])
        self.assertTrue(people.find_by_id(0).remove())
        self.assertFalse(people.find_by_id(0).evict())
        self.assertEqual([it.value for it in people.find("_id == 1").evict()], [1])
        self.assertEqual(people.find("_id == 2").remove(), [DocumentID(2)])

    def test_transactions(self):
        ditto = self.ditto()

        def write(transaction) -> None:
            stock = transaction.scoped("stock")
            stock.upsert({"_id": "tea", "left": Counter(2)})
            stock.find_by_id("tea").update(lambda tea: tea.at("left").increment(-1))
            self.assertEqual(len(stock.find("left == 1").exec()), 1)

        results = ditto.store.write(write)
        self.assertEqual([(it.type, it.doc_id.value, it.collection_name) for it in results],
                         [("inserted", "tea", "stock"), ("updated", "tea", "stock")])
        with self.assertRaises(ZeroDivisionError):
            ditto.store.write(lambda transaction: transaction.scoped("stock").upsert({"_id": 1 // 0}))
        rows = ditto.store.transaction(lambda tx: len(tx.execute("SELECT * FROM stock").items))
        self.assertEqual(rows, 1)
        ditto.store.transaction(lambda tx: tx.execute("DELETE FROM stock") and "rollback")
        self.assertEqual(len(ditto.store.collection("stock").find_all().exec()), 1)

    def test_pacing(self):
        ditto = self.ditto()
        people, seen = ditto.store.collection("people"), Seen()
        live = people.find_all().observe_local_with_next_signal(lambda documents, _, go_on: seen((len(documents), go_on)))
        seen.wait_for(1)
        for number in range(5):
            people.upsert({"_id": number})
        ditto.store.execute("SELECT * FROM people")
        self.assertEqual(len(seen.all), 1)
        seen.all[0][1]()
        seen.wait_for(2)
        live.stop()

    def test_the_older_way_and_the_rest(self):
        identity = {"type": "onlinePlayground", "appID": "shop", "token": "key", "customAuthURL": "http://127.0.0.1:9"}
        with Ditto(identity, str(self.folder / "older")) as ditto:
            ditto.update_transport_config(lambda config: config.set_all_peer_to_peer_enabled(True))
            ditto.start_sync()
            self.assertTrue(ditto.is_sync_active)
            self.assertFalse(ditto.presence.graph.local_peer.is_connected_to_ditto_server)
            seen = Seen()
            ditto.presence.observe(seen)
            ditto.auth.observe_status(seen)
            seen.wait_for(2)
            self.assertIsNone(ditto.auth.login("another"))
            self.assertEqual(ditto.auth.login("what it gave", "own").code, "timed_out")
            ditto.auth.set_expiration_handler(lambda *_: None)
            ditto.auth.logout(lambda it: it.store.collection("people").find_all().evict())
            self.assertFalse(ditto.is_sync_active)
            self.assert_code("unsupported", ditto.auth.login_with_username_and_password, "a", "b")
        self.assertTrue(ditto.is_closed)
        self.assert_code("unsupported", Ditto, {"type": "sharedKey"}, "x")
        self.assert_code("unsupported", Ditto.open, DittoConfig("x", {"mode": "else"}))


class Names(PeerTest):
    def test_every_name_of_the_table_is_there(self):
        rows = json.loads((Path(__file__).resolve().parents[1] / "names.json").read_text(encoding="utf-8"))
        named = [(headwater, row["ours"]) for row in rows] + [(compat, row["compat"]) for row in rows]
        named = [(module, name) for module, name in named if name is not None]
        self.assertEqual([name for module, name in named if not is_there(module, name)], [])
        self.assertGreater(len(named), 60)


def is_there(module, name: str) -> bool:
    """``Class.method``, or a field that its objects are given."""
    of, _, member = name.partition(".")
    found = getattr(module, of, None)
    return found is not None and (
        hasattr(found, member) or any(f"self.{member}" in inspect.getsource(it) for it in found.__mro__[:-1]))
