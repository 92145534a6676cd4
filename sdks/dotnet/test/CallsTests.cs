// Our own calls: documents, transactions, subscriptions, what becomes of writes.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;

namespace Headwater.Tests
{
    internal static class CallsTests
    {
        [Test]
        internal static void DocumentsAreWrittenFoundChangedAndRemoved()
        {
            Run(async (peer, people) =>
            {
                var written = await people.UpsertAsync(new { _id = "s", name = "Susan", age = 31, a = new { b = new[] { 1, 2 } } });
                Expect.Same("s", written.Id);
                Expect.That(written.Sequence == 1, "it is the first transaction");
                await people.UpdateAsync("s", Change.Set("age", 32), Change.Unset("a.b"), Change.Increment("visits", 2));
                await people.ById("s").UpdateAsync(susan =>
                {
                    Expect.Same(32L, susan.At("age").Value);
                    susan.At("a").At("odd name").Set("it's");
                    susan.At("visits").Increment(1);
                });
                var expected = Expect.Map(
                    "_id", "s", "name", "Susan", "age", 32L, "visits", 3L, "a", Expect.Map("odd name", "it's"));
                Expect.Same(expected, await people.FindByIdAsync("s"));
                Expect.Same(expected, (await people.Find("age > $args.age", new { age = 18 }).DocumentsAsync()).Single());
                await people.Find("true").UpdateAsync(all => all.ForEach(it => it.At("seen").Set(true)));
                Expect.Same(true, (await people.ById("s").GetAsync())["seen"]);
                Expect.That((await people.Find("seen == true").UpdateAsync(Change.Set("seen", false))).Ids.Count == 1, "changed");
                await people.UpsertAsync(new { _id = "t", visits = 0 }, new Dictionary<string, FieldType> { { "visits", FieldType.Counter } });
                Expect.That(await people.EvictAsync("t") && !await people.EvictAsync("t"), "evicted once");
                Expect.That((await people.RemoveAsync("s")).Ids.Count == 1, "removed");
                Expect.That(await people.FindByIdAsync("s") == null, "it is gone");
                Expect.That((await people.RemoveAsync("s")).Sequence == null, "there was nothing to do");
            });
        }

        [Test]
        internal static void ATransactionIsAllOrNothing()
        {
            Run(async (peer, people) =>
            {
                var run = await peer.Store.TransactionAsync(async tx =>
                {
                    var id = await tx.Collection("people").UpsertAsync(new { _id = "s", n = 1 });
                    Expect.That(await tx.Collection("people").UpdateAsync("s", it => it.At("n").Increment(1)), "it is there");
                    Expect.That((await tx.ExecuteAsync("SELECT n FROM people")).Count == 1, "a read sees it");
                    return id;
                });
                Expect.Same("s", run.Value);
                Expect.That(run.Written.Sequence != null && run.Written.Ids.Count == 1, "it is one transaction");
                Exception thrown = null;
                try
                {
                    await peer.Store.TransactionAsync(async tx =>
                    {
                        await tx.Collection("people").RemoveAsync("s");
                        throw new InvalidOperationException("on purpose");
                    });
                }
                catch (InvalidOperationException error)
                {
                    thrown = error;
                }
                Expect.That(thrown?.Message == "on purpose", "what it throws is thrown");
                Expect.That(await people.FindByIdAsync("s") != null, "nothing of it was done");
            });
        }

        [Test]
        internal static void SubscriptionsAndSyncWithoutAServer()
        {
            Run(async (peer, people) =>
            {
                var subscription = await peer.Sync.RegisterSubscriptionAsync("SELECT * FROM people WHERE age > :age", new { age = 18 });
                Expect.That(!await subscription.IsCompleteAsync() && await subscription.RefusedAsync() == null, "it waits");
                await subscription.CancelAsync();
                await people.Find("age > 1").SubscribeAsync();
                Expect.Same("stopped", await peer.Sync.StateAsync());
                await people.UpsertAsync(new { a = 1 });
                Expect.That(await peer.Sync.PendingAsync() == 1, "it is pending");
                Expect.That(await peer.Sync.LastErrorAsync() == null, "nothing is wrong");
                Expect.That((await peer.Sync.RejectedAsync()).Count == 0, "nothing is rejected");
                await peer.Sync.ForgetRejectedAsync(1);
                peer.Sync.OnRejected(_ => { }).Cancel();
                try
                {
                    await peer.Sync.LoginAsync("what it gave", "own");
                    throw new Mismatch("nobody was asked");
                }
                catch (HeadwaterException error)
                {
                    Expect.Same(Codes.NoServer, error.Code);
                }
                peer.Sync.TokenSource(() => Task.FromResult("token"));
                peer.Sync.TokenSource(null);
                var info = await peer.InfoAsync();
                Expect.That(info.Abi == 1 && info.Version.Length > 0, "the library says what it is");
                await peer.CloseAsync();
            });
            using (var opened = new Opened())
            {
                Expect.Fails(Codes.NoServer, () => opened.Peer.StartSyncAsync());
            }
        }

        [Test]
        internal static void StatementsGiveRowsAndIds()
        {
            Run(async (peer, people) =>
            {
                var inserted = await peer.Store.ExecuteAsync("INSERT INTO people DOCUMENTS (:it)", new { it = new { _id = "s" } });
                Expect.Same("s", inserted.MutatedDocumentIds.Single());
                Expect.Same("s", (await peer.Store.ExecuteAsync("SELECT * FROM people")).Items.Single()["_id"]);
                Expect.Fails(Codes.Exists, () => peer.Store.ExecuteAsync("INSERT INTO people DOCUMENTS ({'_id': 's'})"));
            });
        }

        private static void Run(Func<HeadwaterPeer, Collection, Task> act)
        {
            using (var opened = new Opened())
            {
                Expect.Wait(act(opened.Peer, opened.People));
            }
        }
    }
}
