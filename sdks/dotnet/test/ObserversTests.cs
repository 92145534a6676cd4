// Observers: what they are told, and that many of them leave nothing behind.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;

namespace Headwater.Tests
{
    internal static class ObserversTests
    {
        private const int Many = 10000;

        /// <summary>What the heap may grow by meanwhile, in bytes.</summary>
        private const long GrowthMax = 512 * 1024;

        [Test]
        internal static void ManyObserversLeaveNothingBehind()
        {
            using (var opened = new Opened())
            {
                Cycle(opened, Many / 10); // what is made once
                var before = GC.GetTotalMemory(true);
                var resident = Process.GetCurrentProcess().WorkingSet64;
                Cycle(opened, Many);
                var grown = Settled(before);
                var native = Process.GetCurrentProcess().WorkingSet64 - resident;
                Console.WriteLine(
                    Many + " observers: the heap of " + before / 1024 + " KiB grew by " + grown / 1024 + " KiB, the process by "
                    + native / 1024 + " KiB");
                Expect.That(grown < GrowthMax, "the heap grew by " + grown);
                Expect.That(native < 32 * 1024 * 1024, "the process grew by " + native);
            }
        }

        [Test]
        internal static void AsManyAsThereMayBeAreThereAtOnceAndAgain()
        {
            using (var opened = new Opened())
            {
                for (var round = 0; round < 2; round++)
                {
                    var told = 0;
                    var observers = Enumerable.Range(0, Many)
                        .Select(_ => opened.Peer.Store.RegisterObserver("SELECT * FROM people", it => told++)).ToList();
                    var errors = new BlockingCollection<HeadwaterException>();
                    var one = opened.Peer.Store.RegisterObserver("SELECT * FROM people", _ => { }, null, errors.Add);
                    Expect.That(errors.TryTake(out var error, Expect.Long) && error.Code == Codes.TooMany, "one more is refused");
                    one.Cancel();
                    Expect.Until(() => Volatile.Read(ref told) == Many, "each is told");
                    observers.ForEach(it => it.Cancel());
                    CatchUp(opened);
                }
            }
        }

        [Test]
        internal static void WhatChangesMeanwhileIsToldOnce()
        {
            using (var opened = new Opened())
            using (var goOn = new ManualResetEvent(false))
            {
                var told = new ConcurrentQueue<int>();
                opened.People.Find().Observe(documents =>
                {
                    told.Enqueue(documents.Count);
                    goOn.WaitOne();
                });
                Expect.Until(() => told.Count == 1, "it is called");
                for (var n = 0; n < 50; n++)
                {
                    Expect.Wait(opened.People.UpsertAsync(new { n }));
                }
                goOn.Set();
                Expect.Until(() => told.Last() == 50, "the newest comes");
                Expect.That(told.Count <= 3, "what was between is left out: " + told.Count);
            }
        }

        [Test]
        internal static void DifferencesNamePlaces()
        {
            using (var opened = new Opened())
            {
                var events = new BlockingCollection<LocalEvent>();
                Put(opened, "a", 1);
                Put(opened, "b", 2);
                opened.People.Find().Sort("n").ObserveLocal((documents, it) => events.Add(it));
                Expect.That(Next(events).IsInitial, "the first is initial");
                Put(opened, "c", 3);
                Expect.Same(new List<object> { 2L }, Places(Next(events).Insertions));
                Put(opened, "a", 4);
                var moved = Next(events);
                Expect.Same(new List<object> { 2L }, Places(moved.Updates));
                Expect.That(moved.Moves.Count == 3 && moved.Moves[0].From == 0 && moved.Moves[0].To == 2, "it moved");
                Expect.Wait(opened.People.RemoveAsync("b"));
                Expect.Same(new List<object> { 0L }, Places(Next(events).Deletions));
            }
        }

        [Test]
        internal static void AResultThatCannotBeHadGoesToOnError()
        {
            using (var opened = new Opened())
            {
                Expect.Fails(Codes.InvalidQuery, () => { opened.Peer.Store.RegisterObserver("SELECT", _ => { }); });
                Expect.Fails(Codes.InvalidValue, () => { opened.Peer.Store.RegisterObserver("SELECT \ud800", _ => { }); });
            }
        }

        private static void Cycle(Opened opened, int count)
        {
            var told = 0;
            for (var n = 0; n < count; n++)
            {
                var observer = opened.Peer.Store.RegisterObserver("SELECT * FROM people", _ => told++);
                observer.Cancel();
                if (n % 1000 == 0)
                {
                    CatchUp(opened);
                }
            }
        }

        /// <summary>The peer has done what was asked of it: only so many calls may wait.</summary>
        private static void CatchUp(Opened opened)
        {
            Expect.Wait(opened.Peer.Sync.StateAsync());
        }

        /// <summary>How much the heap grew, once finalisers and dropped contexts have had their time.</summary>
        private static long Settled(long before)
        {
            var waited = Stopwatch.StartNew();
            long grown;
            do
            {
                GC.WaitForPendingFinalizers();
                grown = GC.GetTotalMemory(true) - before;
            }
            while (grown >= GrowthMax && waited.Elapsed < TimeSpan.FromSeconds(5));
            return grown;
        }

        private static void Put(Opened opened, string id, int n)
        {
            Expect.Wait(opened.People.UpsertAsync(new { _id = id, n }));
        }

        private static LocalEvent Next(BlockingCollection<LocalEvent> events)
        {
            return events.TryTake(out var it, Expect.Long) ? it : throw new Mismatch("no event came");
        }

        private static List<object> Places(List<int> places)
        {
            return places.Select(it => (object)(long)it).ToList();
        }
    }
}
