// The life of peers, observers and calls: what ends when, and that nothing comes after it.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Headwater.Tests
{
    internal static class LifeTests
    {
        private const string All = "SELECT * FROM people";

        [Test]
        internal static void WhatIsAskedOfAClosedPeerIsClosed()
        {
            var opened = new Opened();
            var watched = opened.Peer.Store.RegisterObserver(All, _ => { });
            opened.Peer.Close();
            opened.Peer.Close();
            opened.Peer.Dispose();
            Expect.Fails(Codes.Closed, () => opened.People.UpsertAsync(new { a = 1 }));
            Expect.Fails(Codes.Closed, () => opened.Peer.Store.ExecuteAsync(All));
            Expect.Fails(Codes.Closed, () => { opened.Peer.Store.RegisterObserver(All, _ => { }); });
            Expect.Fails(Codes.Closed, () => opened.Peer.StartSyncAsync());
            watched.Cancel();
            watched.Cancel();
            opened.Dispose();
        }

        [Test]
        internal static void EachPendingCallHasItsAnswer()
        {
            using (var folder = new Folder())
            {
                var peer = HeadwaterPeer.Open(new HeadwaterConfig { Dir = folder.Name, Server = "http://127.0.0.1:1" });
                var written = Expect.Wait(peer.Store.Collection("people").UpsertAsync(new { name = "Susan" }));
                Expect.Wait(peer.StartSyncAsync());
                var waiting = Enumerable.Range(0, 20).Select(_ => (Task)peer.Sync.FlushedAsync()).ToList();
                waiting.Add(written.CommittedAsync());
                Expect.Fails(Codes.TimedOut, () => peer.Sync.FlushedAsync(TimeSpan.FromMilliseconds(5)));
                peer.Close();
                waiting.ForEach(it => Expect.Fails(Codes.Closed, () => it));
            }
        }

        [Test]
        internal static void APeerIsClosedFromItsCallback()
        {
            using (var opened = new Opened())
            using (var closed = new ManualResetEvent(false))
            {
                opened.Peer.Store.RegisterObserver(All, _ =>
                {
                    opened.Peer.Close();
                    closed.Set();
                });
                Expect.Soon(closed, "close returns within a callback");
                Expect.Fails(Codes.Closed, () => opened.Peer.InfoAsync());
                using (HeadwaterPeer.Open(new HeadwaterConfig { Dir = opened.Dir }))
                {
                    // The folder is free.
                }
            }
        }

        [Test]
        internal static void AnObserverIsCancelledFromItsCallback()
        {
            using (var opened = new Opened())
            using (var cancelled = new ManualResetEvent(false))
            {
                var told = 0;
                Observer observer = null;
                observer = opened.Peer.Store.RegisterObserver(All, rows =>
                {
                    if (rows.Count == 0)
                    {
                        return;
                    }
                    told++;
                    observer.Cancel();
                    cancelled.Set();
                });
                Expect.Wait(opened.People.UpsertAsync(new { a = 1 }));
                Expect.Soon(cancelled, "cancel returns within a callback");
                Expect.Wait(opened.People.UpsertAsync(new { a = 2 }));
                Flush(opened);
                Expect.That(told == 1 && observer.IsCancelled, "it was the last");
            }
        }

        [Test]
        internal static void CancelWaitsForACallbackThatRuns()
        {
            using (var opened = new Opened())
            using (var runs = new ManualResetEvent(false))
            {
                var isDone = false;
                var observer = opened.Peer.Store.RegisterObserver(All, _ =>
                {
                    runs.Set();
                    Thread.Sleep(50);
                    Volatile.Write(ref isDone, true);
                });
                Expect.Soon(runs, "it runs");
                observer.Cancel();
                Expect.That(Volatile.Read(ref isDone), "it has ended");
            }
        }

        [Test]
        internal static void WhatACallbackThrowsIsReportedAndHarmsNobody()
        {
            using (var opened = new Opened())
            {
                var thrown = new BlockingCollection<Exception>();
                EventHandler<CallbackExceptionEventArgs> listener = (_, it) => thrown.Add(it.Exception);
                Callbacks.UnhandledException += listener;
                var told = new BlockingCollection<int>();
                opened.Peer.Store.RegisterObserver(All, _ => throw new InvalidOperationException("on purpose"));
                opened.Peer.Store.RegisterObserver(All, rows => told.Add(rows.Count));
                Expect.That(thrown.TryTake(out var first, Expect.Long) && first.Message == "on purpose", "it is reported");
                Expect.Wait(opened.People.UpsertAsync(new { a = 1 }));
                Expect.Until(() => told.TryTake(out var count) && count == 1, "the other goes on");
                Expect.That(thrown.TryTake(out _, Expect.Long), "it is called again");
                opened.Peer.Store.RegisterObserver("SELECT * FROM people", _ => { string none = null; none.Trim(); });
                Expect.Until(() => thrown.TryTake(out var it) && it is NullReferenceException, "a null is no crash");
                Callbacks.UnhandledException -= listener;
            }
        }

        [Test]
        internal static void NullIsAnExceptionAndNoCrashBesideTheLibrary()
        {
            using (new Opened())
            {
                for (var n = 0; n < 1000; n++)
                {
                    try
                    {
                        Length(null);
                        throw new Mismatch("null has a length");
                    }
                    catch (NullReferenceException)
                    {
                        // Mono sees it by SIGSEGV.
                    }
                }
            }
        }

        [Test]
        internal static void AStackThatOverflowsIsAnExceptionToMonoBesideTheLibrary()
        {
            using (new Opened())
            {
                try
                {
                    Deep(0);
                    throw new Mismatch("a stack has no end");
                }
                catch (StackOverflowException)
                {
                    // Mono sees it by SIGSEGV too; .NET ends the process.
                }
            }
        }

        [Test]
        internal static void NoCallbackRunsAfterCloseWhileOthersWrite()
        {
            for (var round = 0; round < 10; round++)
            {
                using (var opened = new Opened())
                {
                    var isClosed = false;
                    var late = 0;
                    for (var n = 0; n < 20; n++)
                    {
                        opened.Peer.Store.RegisterObserver(All, _ => late += Volatile.Read(ref isClosed) ? 1 : 0);
                    }
                    var writes = Enumerable.Range(0, 50).Select(n => opened.People.UpsertAsync(new { n })).ToList();
                    opened.Peer.Close();
                    Volatile.Write(ref isClosed, true);
                    writes.ForEach(WrittenOrClosed);
                    Expect.That(late == 0, "no callback runs");
                }
            }
        }

        [Test]
        internal static void ManyThreadsCloseAtOnceAndEachWaits()
        {
            for (var round = 0; round < 20; round++)
            {
                using (var opened = new Opened())
                {
                    var runs = 0;
                    opened.Peer.Store.RegisterObserver(All, _ =>
                    {
                        Interlocked.Increment(ref runs);
                        Thread.Sleep(2);
                        Interlocked.Decrement(ref runs);
                    });
                    opened.People.UpsertAsync(new { round });
                    var late = 0;
                    var threads = Enumerable.Range(0, 4).Select(_ => new Thread(() =>
                    {
                        opened.Peer.Close();
                        Interlocked.Add(ref late, Volatile.Read(ref runs));
                    })).ToList();
                    threads.ForEach(it => it.Start());
                    threads.ForEach(it => it.Join());
                    Expect.That(late == 0, "no callback runs after a close");
                }
            }
        }

        [Test]
        internal static void AnObservableCompletesWithItsPeer()
        {
            using (var opened = new Opened())
            {
                var rows = new Collected();
                var other = new Collected();
                using (opened.Peer.Store.Observe(All).Subscribe(other))
                {
                    Expect.Until(() => other.Counts.Count == 1, "the current result comes");
                }
                opened.Peer.Store.Observe(All).Subscribe(rows);
                Expect.Until(() => rows.Counts.Count == 1, "the current result comes");
                Expect.Wait(opened.People.UpsertAsync(new { a = 1 }));
                Expect.Until(() => rows.Counts.LastOrDefault() == 1, "the next comes");
                opened.Peer.Close();
                Expect.That(rows.IsCompleted && !other.IsCompleted && other.Counts.Count == 1, "who still listens is told");
            }
        }

        [Test]
        internal static void AForgottenPeerIsClosed()
        {
            using (var folder = new Folder())
            {
                OnAnotherThread(() => Forget(folder.Name));
                HeadwaterPeer again = null;
                Expect.Until(
                    () =>
                    {
                        GC.Collect();
                        GC.WaitForPendingFinalizers();
                        return (again = TryOpen(folder.Name)) != null;
                    },
                    "the folder is free again");
                Expect.That(Expect.Wait(again.Store.Collection("people").Find().DocumentsAsync()).Count == 1, "all is there");
                again.Close();
            }
        }

        [Test]
        internal static void APeerWithAnObserverIsNotForgotten()
        {
            using (var folder = new Folder())
            {
                Observer observer = null;
                OnAnotherThread(() =>
                {
                    var peer = HeadwaterPeer.Open(new HeadwaterConfig { Dir = folder.Name });
                    observer = peer.Store.RegisterObserver(All, _ => { });
                });
                for (var n = 0; n < 5; n++)
                {
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                    Expect.That(TryOpen(folder.Name) == null, "the peer is open");
                }
                observer.Cancel();
                observer = null;
                Expect.Until(
                    () =>
                    {
                        GC.Collect();
                        GC.WaitForPendingFinalizers();
                        var again = TryOpen(folder.Name);
                        again?.Close();
                        return again != null;
                    },
                    "after it was cancelled it is closed");
            }
        }

        private static int Deep(int depth)
        {
            return depth < 0 ? 0 : Deep(depth + 1) + 1;
        }

        private static int Length(string text)
        {
            return text.Length;
        }

        /// <summary>What was observed before is told.</summary>
        private static void Flush(Opened opened)
        {
            using (var told = new ManualResetEvent(false))
            {
                opened.Peer.Store.RegisterObserver(All, _ => told.Set()).ToString();
                Expect.Soon(told, "an observer is told");
            }
        }

        private static void WrittenOrClosed(Task<Written> write)
        {
            try
            {
                Expect.Wait(write);
            }
            catch (HeadwaterException error) when (error.Code == Codes.Closed)
            {
                // It came too late.
            }
        }

        private static void OnAnotherThread(Action act)
        {
            var thread = new Thread(() => act());
            thread.Start();
            thread.Join();
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Forget(string dir)
        {
            var peer = HeadwaterPeer.Open(new HeadwaterConfig { Dir = dir });
            Expect.Wait(peer.Store.Collection("people").UpsertAsync(new { name = "Susan" }));
        }

        private static HeadwaterPeer TryOpen(string dir)
        {
            try
            {
                return HeadwaterPeer.Open(new HeadwaterConfig { Dir = dir });
            }
            catch (HeadwaterException error) when (error.Code == Codes.InUse)
            {
                return null;
            }
        }

        private sealed class Collected : IObserver<List<Dictionary<string, object>>>
        {
            internal ConcurrentQueue<int> Counts { get; } = new ConcurrentQueue<int>();

            internal bool IsCompleted { get; private set; }

            public void OnNext(List<Dictionary<string, object>> rows)
            {
                Counts.Enqueue(rows.Count);
            }

            public void OnError(Exception error)
            {
                throw error;
            }

            public void OnCompleted()
            {
                IsCompleted = true;
            }
        }
    }
}
