// The number of an open peer, which is closed when nobody has it any more.
//
// Invariants: the thread of finalisers never waits: a peer that was forgotten is closed on a thread of its own; a process
// that ends closes what is open, so that no callback comes while the runtime goes away.

using System;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Threading;

namespace Headwater
{
    internal sealed class PeerHandle : SafeHandle
    {
        private static readonly ConcurrentDictionary<ulong, Executor> Open = new ConcurrentDictionary<ulong, Executor>();

        private int isClosing;

        static PeerHandle()
        {
            AppDomain.CurrentDomain.ProcessExit += (sender, ended) => CloseAll();
        }

        internal PeerHandle(ulong number) : base(IntPtr.Zero, true)
        {
            Number = number;
            SetHandle(new IntPtr(1)); // a number of 64 bits may not fit into it
            Open[number] = Executor;
        }

        internal ulong Number { get; }

        internal Executor Executor { get; } = new Executor();

        public override bool IsInvalid => handle == IntPtr.Zero;

        /// <summary>Closes the peer, and waits until its files are closed and no callback runs.</summary>
        internal void CloseNow()
        {
            if (Interlocked.Exchange(ref isClosing, 1) == 0)
            {
                SetHandleAsInvalid();
                CloseNumber(Number, Executor);
            }
            Executor.Wait();
        }

        protected override bool ReleaseHandle()
        {
            var number = Number;
            var executor = Executor;
            if (!Environment.HasShutdownStarted)
            {
                new Thread(() => CloseNumber(number, executor)) { IsBackground = true, Name = "headwater closes" }.Start();
            }
            return true;
        }

        private static void CloseNumber(ulong number, Executor executor)
        {
            executor.Stop();
            Native.headwater_close(number);
            executor.End();
            Open.TryRemove(number, out _);
        }

        private static void CloseAll()
        {
            foreach (var peer in Open)
            {
                CloseNumber(peer.Key, peer.Value);
            }
        }
    }
}
