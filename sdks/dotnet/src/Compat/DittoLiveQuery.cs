// What observers of the legacy language are told, by the vendor's names.

using System;
using System.Collections.Generic;
using System.Linq;
using Headwater;

namespace DittoSDK
{
    /// <summary>From and to where a document moved.</summary>
    public struct DittoLiveQueryMove
    {
        internal DittoLiveQueryMove(int from, int to)
        {
            From = from;
            To = to;
        }

        /// <summary>Its place in the documents before.</summary>
        public int From { get; }

        /// <summary>Its place in these documents.</summary>
        public int To { get; }
    }

    /// <summary>What is different from the documents before: Initial or Update. Places of deletions are in OldDocuments.
    /// </summary>
    public abstract class DittoLiveQueryEvent
    {
        private DittoLiveQueryEvent(LocalEvent change)
        {
            IsInitial = change.IsInitial;
            OldDocuments = change.OldDocuments.Select(it => new DittoDocument(it)).ToList();
            Insertions = change.Insertions;
            Deletions = change.Deletions;
            Updates = change.Updates;
            Moves = change.Moves.Select(it => new DittoLiveQueryMove(it.From, it.To)).ToList();
        }

        /// <summary>Whether these are the first: nothing is named then.</summary>
        public bool IsInitial { get; }

        /// <summary>The documents before.</summary>
        public List<DittoDocument> OldDocuments { get; }

        /// <summary>Places of new documents.</summary>
        public List<int> Insertions { get; }

        /// <summary>Places in OldDocuments of those that are gone.</summary>
        public List<int> Deletions { get; }

        /// <summary>Places of documents that are others now.</summary>
        public List<int> Updates { get; }

        /// <summary>From and to where documents moved.</summary>
        public List<DittoLiveQueryMove> Moves { get; }

        internal static DittoLiveQueryEvent Of(LocalEvent change)
        {
            return change.IsInitial ? (DittoLiveQueryEvent)new Initial(change) : new Update(change);
        }

        /// <summary>The first one.</summary>
        public sealed class Initial : DittoLiveQueryEvent
        {
            internal Initial(LocalEvent change) : base(change)
            {
            }
        }

        /// <summary>Every other one.</summary>
        public sealed class Update : DittoLiveQueryEvent
        {
            internal Update(LocalEvent change) : base(change)
            {
            }
        }
    }

    /// <summary>The same of one document.</summary>
    public sealed class DittoSingleDocumentLiveQueryEvent
    {
        internal DittoSingleDocumentLiveQueryEvent(bool isInitial, DittoDocument oldDocument)
        {
            IsInitial = isInitial;
            OldDocument = oldDocument;
        }

        /// <summary>Whether it is the first.</summary>
        public bool IsInitial { get; }

        /// <summary>The document before, or null.</summary>
        public DittoDocument OldDocument { get; }
    }

    /// <summary>One who is told of documents, until it is stopped.</summary>
    public sealed class DittoLiveQuery : IDisposable
    {
        private readonly Watch watch;

        private DittoLiveQuery(Watch watch)
        {
            this.watch = watch;
        }

        /// <summary>Whether it was ended.</summary>
        public bool IsStopped => watch.IsCancelled;

        /// <summary>Ends it: after this has returned its handler does not run, but within the handler it is the last.</summary>
        public void Stop()
        {
            watch.Cancel();
        }

        /// <summary>As Stop.</summary>
        public void Cancel()
        {
            Stop();
        }

        /// <summary>As Stop.</summary>
        public void Dispose()
        {
            Stop();
        }

        internal static DittoLiveQuery Observe(
            Port port, Message request, Action<List<DittoDocument>, DittoLiveQueryEvent, Action> handler, bool isPaced)
        {
            List<Dictionary<string, object>> before = null;
            Watch watch = null;
            Action<Dictionary<string, object>> tell = message =>
            {
                var found = Answers.Documents(message, "documents");
                var change = DittoLiveQueryEvent.Of(LocalEvent.Between(before, found));
                before = found;
                handler(found.Select(it => new DittoDocument(it)).ToList(), change, () => watch.Release());
            };
            watch = new Watch(port, tell, isPaced: isPaced);
            return new DittoLiveQuery(watch.Start(request));
        }
    }
}
