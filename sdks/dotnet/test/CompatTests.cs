// An app of the vendor's: its calls, by its names.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using DittoSDK;

namespace Headwater.Tests
{
    internal static class CompatTests
    {
        [Test]
        internal static void ThePage()
        {
            Run(ditto =>
            {
                var docId = ditto.Store.Collection("people").Upsert(new Dictionary<string, object> { { "name", "Susan" }, { "age", 31 } });
                Expect.That(docId.ToString().Length == 24, "an id is 24 digits: " + docId);
                var susan = ditto.Store["people"].FindById(docId).Exec();
                Expect.That(susan["name"].StringValue == "Susan" && susan["age"].IntValue == 31, "it is there");
                Expect.That(susan.Id.Equals(docId) && susan.Value["_id"].Equals(docId.Value), "by its id");
                Expect.That(ditto.Store.Collection("people").FindById("nobody").Exec() == null, "nobody else is");
            });
        }

        [Test]
        internal static void ATasksApp()
        {
            Run(ditto =>
            {
                var seen = new BlockingCollection<int>();
                ditto.DisableSyncWithV3();
                Expect.Wait(ditto.Store.ExecuteAsync("ALTER SYSTEM SET DQL_STRICT_MODE = false"));
                var observer = ditto.Store.RegisterObserver(
                    "SELECT * FROM tasks WHERE done = :done", new Dictionary<string, object> { { "done", false } },
                    result => result.Items.ForEach(item => seen.Add(item.Value.Count)));
                var subscription = ditto.Sync.RegisterSubscription("SELECT * FROM tasks");
                var task = new Dictionary<string, object> { { "_id", "milk" }, { "done", false } };
                var inserted = Expect.Wait(ditto.Store.ExecuteAsync(
                    "INSERT INTO tasks DOCUMENTS (:task)", new Dictionary<string, object> { { "task", task } }));
                Expect.Same("milk", inserted.MutatedDocumentIds[0].StringValue);
                Expect.That(seen.TryTake(out var count, Expect.Long) && count == 2, "the observer sees it");
                Expect.That(ditto.Store.Observers.Count == 1, "it is known");
                observer.Cancel();
                Expect.That(ditto.Store.Observers.Count == 0 && observer.IsCancelled, "until it ends");
                var row = Expect.Wait(ditto.Store.ExecuteAsync("SELECT * FROM tasks")).Items[0];
                Expect.Same("{\"_id\":\"milk\",\"done\":false}", row.JsonString());
                subscription.Cancel();
                Expect.That(subscription.IsCancelled, "it ends");
            });
        }

        [Test]
        internal static void ALegacyApp()
        {
            Run(ditto =>
            {
                var cars = ditto.Store.Collection("cars");
                foreach (var miles in new[] { 30, 10, 20 })
                {
                    cars.Upsert(Expect.Map("_id", "c" + miles, "miles", miles, "seats", new DittoCounter(4), "tags", new[] { "a", "b" }));
                }
                var args = Expect.Map("least", 15);
                var found = cars.Find("miles > $args.least", args).Sort("miles", DittoSortDirection.Descending).Exec();
                Expect.Same("c30,c20", string.Join(",", found.Select(it => it.Id)));
                found = cars.FindAll().Sort("miles").Offset(1).Limit(1).Exec();
                Expect.Same("c20", found.Single().Id.StringValue);
                Expect.Same("b", found[0]["tags"][1].StringValue);

                var changes = cars.FindById("c20").Update(car =>
                {
                    car["miles"].Set(car["miles"].IntValue + 1);
                    car["seats"].Counter.Increment(2);
                    car["owner"]["name"].Set("Susan");
                    car.At("tags").Remove();
                });
                Expect.Same("set,incremented,set,removed", string.Join(",", changes.Select(it => it.Type)));
                var changed = cars.FindById(new DittoDocumentId("c20")).Exec();
                Expect.Same(21L, changed["miles"].Value);
                Expect.Same(6L, Convert.ToInt64(changed["seats"].DoubleValue));
                Expect.Same("Susan", changed["owner"]["name"].StringValue);
                Expect.That(changed["tags"].Value == null, "a field is gone");
                var all = cars.FindAll().Update(documents => documents.ForEach(it => it["seen"].Set(true)));
                Expect.That(all.Count == 3 && all[new DittoDocumentId("c10")].Count == 1, "each has its changes");
                Expect.That(cars.FindById("nobody").Update(_ => throw new Mismatch("there is nobody")).Count == 0, "none");

                Expect.That(cars.FindById("c10").Remove() && !cars.FindById("c10").Remove(), "removed once");
                Expect.That(cars.FindById("c30").Evict(), "evicted");
                Expect.Same("c20", cars.Find("seen == true").Remove().Single().StringValue);
                Expect.That(cars.FindAll().Evict().Count == 0, "nothing is left");
                Expect.That(ditto.Store.CollectionNames().Count <= 1, "collections are named");
            });
        }

        [Test]
        internal static void LiveQueries()
        {
            Run(ditto =>
            {
                var cars = ditto.Store["cars"];
                var events = new BlockingCollection<string>();
                var live = cars.FindAll().Sort("miles").ObserveLocal((documents, it) => events.Add(
                    documents.Count + (it is DittoLiveQueryEvent.Update update ? " +" + update.Insertions.Count : " first")));
                Expect.Same("0 first", Next(events));
                cars.Upsert(Expect.Map("_id", "a", "miles", 1));
                Expect.Same("1 +1", Next(events));
                live.Stop();
                var one = new BlockingCollection<string>();
                Action next = null;
                var paced = cars.FindById("a").ObserveLocalWithNextSignal((document, it, signalNext) =>
                {
                    next = signalNext;
                    one.Add(document?["miles"].Value + (it.IsInitial ? " first" : " was " + it.OldDocument["miles"].Value));
                });
                Expect.Same("1 first", Next(one));
                cars.FindById("a").Update(car => car["miles"].Set(2));
                cars.FindById("a").Update(car => car["miles"].Set(3));
                Thread.Sleep(30);
                Expect.That(one.Count == 0, "the next waits for the signal");
                next();
                next();
                Expect.Same("3 was 1", Next(one));
                paced.Cancel();
                Expect.That(live.IsStopped && paced.IsStopped && events.Count == 0, "they have ended");
            });
        }

        [Test]
        internal static void WriteTransactions()
        {
            Run(ditto =>
            {
                var results = ditto.Store.Write(transaction =>
                {
                    var cars = transaction.Scoped("cars");
                    cars.Upsert(Expect.Map("_id", "a", "miles", 1));
                    cars.FindById("a").Update(car => car["miles"].Set(2));
                    Expect.Same(2L, cars.FindById("a").Exec()["miles"].Value);
                    transaction["people"].Upsert(Expect.Map("_id", "s"));
                    transaction["people"].FindAll().Sort("_id").Limit(1).Offset(0).Remove();
                });
                Expect.Same("Inserted a,Updated a,Inserted s,Removed s", string.Join(",", results.Select(it => it.Type + " " + it.DocId)));
                try
                {
                    ditto.Store.Write(transaction =>
                    {
                        transaction["cars"].Upsert(Expect.Map("_id", "b"));
                        throw new InvalidOperationException("on purpose");
                    });
                    throw new Mismatch("it is not thrown");
                }
                catch (InvalidOperationException)
                {
                    Expect.That(ditto.Store["cars"].FindAll().Exec().Count == 1, "nothing of it is there");
                }
                Expect.Wait(ditto.Store.TransactionAsync(async transaction =>
                {
                    await transaction.ExecuteAsync("INSERT INTO cars DOCUMENTS ({'_id': 'c'})");
                    return DittoTransactionCompletionAction.Rollback;
                }));
                Expect.That(ditto.Store["cars"].FindById("c").Exec() == null, "it is rolled back");
            });
        }

        [Test]
        internal static void Strategies()
        {
            Run(ditto =>
            {
                var cars = ditto.Store["cars"];
                cars.Upsert(Expect.Map("_id", "a", "n", 1, "m", 1));
                Expect.Same("a", cars.Upsert(Expect.Map("_id", "a", "n", 2), DittoWriteStrategy.InsertIfAbsent).StringValue);
                Expect.Same(1L, cars.FindById("a").Exec()["n"].Value);
                cars.Upsert(Expect.Map("_id", "a", "n", 3), DittoWriteStrategy.UpdateDifferentValues);
                Expect.Same(3L, cars.FindById("a").Exec()["n"].Value);
                cars.Upsert(Expect.Map("_id", "b", "n", 4), DittoWriteStrategy.InsertDefaultIfAbsent);
                Expect.Same(4L, cars.FindById("b").Exec()["n"].Value);
            });
        }

        [Test]
        internal static void ErrorsAreTheVendorsAndOurs()
        {
            Run(ditto =>
            {
                Throws(Codes.InvalidValue, () => ditto.Store["a"].Upsert(Expect.Map("a", double.NaN)));
                Throws(Codes.InvalidQuery, () => ditto.Store["a"].Find("(").Exec());
                Throws(Codes.Unsupported, () => DittoIdentity.SharedKey("app", "key"));
                Throws(Codes.InUse, () => new Ditto(DittoIdentity.OfflinePlayground(), ditto.PersistenceDirectory));
                ditto.Close();
                Throws(Codes.Closed, () => ditto.Store["a"].Upsert(Expect.Map("a", 1)));
                ditto.StopSync();
                Expect.That(ditto.IsClosed, "it is closed");
            });
        }

        [Test]
        internal static void PresenceTransportsAndTokens()
        {
            Run(ditto =>
            {
                var graphs = new BlockingCollection<DittoPresenceGraph>();
                var presence = ditto.Presence.Observe(graphs.Add);
                Expect.That(graphs.TryTake(out var graph, Expect.Long) && graph.RemotePeers.Count == 0, "nobody is there");
                Expect.That(!ditto.Presence.Graph.LocalPeer.IsConnectedToDittoCloud, "no server is");
                presence.Stop();
                ditto.UpdateTransportConfig(it => it.EnableAllPeerToPeer());
                Expect.That(ditto.TransportConfig.PeerToPeer.Lan.Enabled, "it is kept");
                ditto.Auth.ExpirationHandler = async (it, seconds) => await it.Auth.LoginAsync("token");
                ditto.Auth.ExpirationHandler = null;
                var statuses = new BlockingCollection<DittoAuthenticationStatus>();
                ditto.Auth.ObserveStatus(statuses.Add);
                Expect.That(statuses.TryTake(out var status, Expect.Long) && !status.IsAuthenticated, "nobody is logged in");
                Expect.That(!ditto.Auth.LoginSupported, "there is no server");
                Throws(Codes.NoServer, () => ditto.Auth.LoginAsync("token", "own").GetAwaiter().GetResult());
                ditto.Auth.Logout(it => it.Store["people"].FindAll().Evict());
            });
        }

        [Test]
        internal static void ALoginWithoutAnAnswerTimesOut()
        {
            using (var folder = new Folder())
            using (var ditto = new Ditto(
                DittoIdentity.OnlineWithAuthentication("", new Nobody(), customAuthUrl: "http://127.0.0.1:9"), folder.Name))
            {
                Expect.That(ditto.Auth.LoginSupported, "there is a server");
                Throws(Codes.TimedOut, () => ditto.Auth.LoginAsync("token", "own").GetAwaiter().GetResult());
                var errors = new BlockingCollection<DittoException>();
                ditto.Auth.Login("token", "own", (_, error) => errors.Add(error));
                ditto.Auth.LoginWithToken("key", DittoAuthenticationProvider.Development, errors.Add);
                Expect.That(new[] { errors.Take(), errors.Take() }.Count(it => it == null) == 1, "one of them is refused");
            }
        }

        /// <summary>Does not log in.</summary>
        private sealed class Nobody : IDittoAuthenticationDelegate
        {
            public void AuthenticationRequired(DittoAuthenticator authenticator)
            {
            }

            public void AuthenticationExpiringSoon(DittoAuthenticator authenticator, long secondsRemaining)
            {
            }
        }

        private static void Run(Action<Ditto> act)
        {
            using (var folder = new Folder())
            using (var ditto = new Ditto(DittoIdentity.OfflinePlayground(), folder.Name))
            {
                act(ditto);
            }
        }

        private static void Throws(string code, Action act)
        {
            Expect.That(Expect.Fails(code, act) is DittoException, "it is the vendor's exception");
        }

        private static string Next(BlockingCollection<string> events)
        {
            return events.TryTake(out var it, Expect.Long) ? it : throw new Mismatch("no event came");
        }
    }
}
