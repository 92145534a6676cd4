// The thread on which a peer's callbacks run, one at a time.
//
// Invariants: the library's own thread never waits for a callback; the thread does not keep the process alive; it
// knows no peer, so that one that is forgotten can be collected.

using System.Collections.Generic;
using System.Threading;

namespace Headwater
{
    internal sealed class Executor
    {
        private readonly Queue<Watch> due = new Queue<Watch>();
        private Thread thread;
        private bool isEnded;

        /// <summary>Whether events are passed over: the peer is being closed.</summary>
        internal bool IsStopped { get; private set; }

        /// <summary>Has a watch run soon.</summary>
        internal void Post(Watch watch)
        {
            lock (due)
            {
                if (isEnded)
                {
                    return;
                }
                due.Enqueue(watch);
                if (thread == null)
                {
                    thread = new Thread(Work) { IsBackground = true, Name = "headwater callbacks" };
                    thread.Start();
                }
                Monitor.PulseAll(due);
            }
        }

        /// <summary>No event is told any more.</summary>
        internal void Stop()
        {
            IsStopped = true;
        }

        /// <summary>The thread ends once it has told who asked for it that the peer is closed.</summary>
        internal void End()
        {
            lock (due)
            {
                isEnded = true;
                Monitor.PulseAll(due);
            }
        }

        /// <summary>Waits until it has ended and no callback runs, but for the one that calls this.</summary>
        internal void Wait()
        {
            lock (due)
            {
                while (!isEnded && thread != Thread.CurrentThread)
                {
                    Monitor.Wait(due);
                }
            }
            if (thread != null && thread != Thread.CurrentThread)
            {
                thread.Join();
            }
        }

        private void Work()
        {
            while (RunNext())
            {
                // One after the other.
            }
        }

        private bool RunNext()
        {
            var watch = Next();
            watch?.Run();
            return watch != null;
        }

        private Watch Next()
        {
            lock (due)
            {
                while (due.Count == 0 && !isEnded)
                {
                    Monitor.Wait(due);
                }
                return due.Count == 0 ? null : due.Dequeue();
            }
        }
    }
}
