// A watch of a peer: from the library's thread to the callback of an app on the executor.
//
// Invariants: of results only the newest waits, of rejected writes each one; after Cancel returned no callback runs,
// unless Cancel is called within one, which is the last then; a watch keeps its peer open until it is ended, and then
// neither that nor what its callback holds.

using System;
using System.Collections.Generic;
using System.Threading;

namespace Headwater
{
    internal sealed class Watch : IReceiver
    {
        private readonly Executor executor;

        /// <summary>Whether each event counts.</summary>
        private readonly bool keepsAll;

        /// <summary>Whether the next event waits for Release.</summary>
        private readonly bool isPaced;

        /// <summary>Held while the callback runs.</summary>
        private readonly object running = new object();

        /// <summary>Events that wait; it guards what follows.</summary>
        private readonly Queue<byte[]> events = new Queue<byte[]>();
        private Port port;
        private Action<Dictionary<string, object>> tell;
        private Action<HeadwaterException> fail;
        private Action close;
        private bool isDue;
        private bool isHeld;
        private bool isEnded;
        private ulong number;
        private volatile bool isCancelled;

        internal Watch(
            Port port, Action<Dictionary<string, object>> tell, Action<HeadwaterException> fail = null,
            Action close = null, bool keepsAll = false, bool isPaced = false)
        {
            this.port = port;
            this.tell = tell;
            this.fail = fail;
            this.close = close;
            this.keepsAll = keepsAll;
            this.isPaced = isPaced;
            executor = port.Executor;
        }

        internal bool IsCancelled => isCancelled;

        /// <exception cref="HeadwaterException">what the library says</exception>
        internal Watch Start(Message request)
        {
            var peer = port;
            var started = peer.Subscribe(request, this);
            bool isLate;
            lock (events)
            {
                isLate = isCancelled; // its first event cancelled it
                number = isLate ? 0 : started;
            }
            if (isLate)
            {
                peer.Unsubscribe(started);
            }
            return this;
        }

        internal void Cancel()
        {
            ulong started;
            Port peer;
            lock (events)
            {
                isCancelled = true;
                peer = port;
                started = number;
                number = 0;
                events.Clear();
            }
            if (started != 0 && peer != null)
            {
                peer.Unsubscribe(started);
            }
            lock (running)
            {
                // A callback that runs has ended, or is what calls this.
            }
        }

        /// <summary>The callback is done with its event, and may have the next.</summary>
        internal void Release()
        {
            lock (events)
            {
                if (isHeld)
                {
                    isHeld = false;
                    isDue = false;
                    PostIfDue();
                }
            }
        }

        public void Receive(byte[] message)
        {
            lock (events)
            {
                if (isCancelled)
                {
                    return;
                }
                if (!keepsAll)
                {
                    events.Clear();
                }
                events.Enqueue(message);
                PostIfDue();
            }
        }

        /// <summary>It was cancelled, or its peer is closed.</summary>
        public void End()
        {
            lock (events)
            {
                isEnded = true;
                isHeld = false;
                isDue = false;
                PostIfDue();
            }
        }

        /// <summary>Runs the callback, on the executor.</summary>
        internal void Run()
        {
            lock (running)
            {
                Callbacks.Run(Next());
            }
        }

        private void PostIfDue()
        {
            if (!isDue && (events.Count > 0 || isEnded))
            {
                isDue = true;
                executor.Post(this);
            }
        }

        /// <summary>What is to be done next, if something is; after it this may be due again.</summary>
        private Action Next()
        {
            lock (events)
            {
                isDue = false;
                var isQuiet = isCancelled || executor.IsStopped;
                if (isQuiet)
                {
                    events.Clear();
                }
                if (events.Count > 0)
                {
                    var message = events.Dequeue();
                    isHeld = isPaced && !isEnded;
                    isDue = isHeld;
                    PostIfDue();
                    return Told(message);
                }
                return isEnded ? Ended() : null;
            }
        }

        /// <summary>Everything that it holds is let go: the executor may remember a watch until it has another.</summary>
        private Action Ended()
        {
            var last = isCancelled ? null : close;
            port = null;
            tell = null;
            fail = null;
            close = null;
            return last;
        }

        private Action Told(byte[] message)
        {
            Port peer = port;
            var onResult = tell;
            var onError = fail;
            return () =>
            {
                var read = CborReader.Read(message);
                if (!read.TryGetValue("error", out var error))
                {
                    onResult(read);
                    return;
                }
                var exception = peer.ErrorOf((Dictionary<string, object>)error);
                if (exception.Code != Codes.Closed)
                {
                    (onError ?? throw exception)(exception);
                }
            };
        }
    }
}
