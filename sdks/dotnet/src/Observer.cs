// Those who are told: by a callback, or as an IObserver.
//
// Invariants: the current result comes first; what changes while nobody looks is told once; after `Cancel` returned no
// callback runs; an exception of a callback harms nobody, and goes to Callbacks.UnhandledException.

using System;
using System.Collections.Generic;

namespace Headwater
{
    /// <summary>One who is called. It ends with Cancel or with the peer, not when it is forgotten.</summary>
    public sealed class Observer : IDisposable
    {
        private readonly Watch watch;

        internal Observer(Watch watch)
        {
            this.watch = watch;
        }

        /// <summary>Whether it was ended by Cancel.</summary>
        public bool IsCancelled => watch.IsCancelled;

        /// <summary>
        /// Ends it: after this has returned its callback does not run. It waits for one that runs, unless it is called
        /// within it.
        /// </summary>
        public void Cancel()
        {
            watch.Cancel();
        }

        /// <summary>As Cancel.</summary>
        public void Dispose()
        {
            Cancel();
        }
    }

    /// <summary>Events as an observable: it completes when the peer is closed.</summary>
    internal sealed class Results<T> : IObservable<T>
    {
        private readonly Port port;
        private readonly Message request;
        private readonly Func<Dictionary<string, object>, T> read;

        internal Results(Port port, Message request, Func<Dictionary<string, object>, T> read)
        {
            this.port = port;
            this.request = request;
            this.read = read;
        }

        public IDisposable Subscribe(IObserver<T> observer)
        {
            var watch = new Watch(port, message => observer.OnNext(read(message)), observer.OnError, observer.OnCompleted);
            return new Observer(watch.Start(request));
        }
    }
}
