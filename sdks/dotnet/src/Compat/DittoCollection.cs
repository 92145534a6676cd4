// Collections and what is found in them, by the vendor's names. The calls wait for the disk.

using System;
using System.Collections.Generic;
using System.Linq;
using Headwater;

namespace DittoSDK
{
    /// <summary>What becomes of a document that is there already.</summary>
    public enum DittoWriteStrategy
    {
        /// <summary>Its fields are merged.</summary>
        Merge,

        /// <summary>It stays as it is.</summary>
        InsertIfAbsent,

        /// <summary>It stays as it is; what others write of it wins over what is written here.</summary>
        InsertDefaultIfAbsent,

        /// <summary>Fields that are others are written.</summary>
        UpdateDifferentValues,
    }

    /// <summary>In which order documents come.</summary>
    public enum DittoSortDirection
    {
        /// <summary>The smallest first.</summary>
        Ascending,

        /// <summary>The greatest first.</summary>
        Descending,
    }

    /// <summary>A collection.</summary>
    public sealed class DittoCollection
    {
        private readonly Port port;

        internal DittoCollection(Port port, string name)
        {
            this.port = port;
            Name = name;
        }

        /// <summary>Its name.</summary>
        public string Name { get; }

        /// <summary>Merges a dictionary into the document that its `_id` names, or makes a new one: its id.</summary>
        /// <exception cref="DittoException">invalid_value, too_large, …</exception>
        public DittoDocumentId Upsert(
            IDictionary<string, object> content, DittoWriteStrategy writeStrategy = DittoWriteStrategy.Merge)
        {
            return SyncWrites.Upsert(port, Name, content, writeStrategy, null);
        }

        /// <summary>Documents that match a condition of the legacy query language.</summary>
        /// <param name="query">The condition.</param>
        /// <param name="args">What `$args.name` stands for.</param>
        public DittoPendingCursorOperation Find(string query, IDictionary<string, object> args = null)
        {
            return new DittoPendingCursorOperation(port, new Criteria(Name, query, args));
        }

        /// <summary>All documents.</summary>
        public DittoPendingCursorOperation FindAll()
        {
            return Find("true");
        }

        /// <summary>The document with this id: a string, a DittoDocumentId, or what else an id may be.</summary>
        public DittoPendingIdSpecificOperation FindById(object id)
        {
            return new DittoPendingIdSpecificOperation(port, Name, new DittoDocumentId(id));
        }
    }

    /// <summary>Documents that match. Nothing is looked for until one of the last calls.</summary>
    public sealed class DittoPendingCursorOperation
    {
        private readonly Port port;
        private readonly Criteria criteria;

        internal DittoPendingCursorOperation(Port port, Criteria criteria)
        {
            this.port = port;
            this.criteria = criteria;
        }

        /// <summary>Sorts by what stands at a path, after earlier ones.</summary>
        public DittoPendingCursorOperation Sort(
            string path, DittoSortDirection direction = DittoSortDirection.Ascending)
        {
            return With(criteria.Sort(path, direction == DittoSortDirection.Descending));
        }

        /// <summary>At most so many.</summary>
        public DittoPendingCursorOperation Limit(int limit)
        {
            return With(criteria.Limit(limit));
        }

        /// <summary>Leaves the first ones out.</summary>
        public DittoPendingCursorOperation Offset(uint offset)
        {
            return With(criteria.Offset(offset));
        }

        /// <summary>The documents.</summary>
        public List<DittoDocument> Exec()
        {
            return SyncWrites.Find(port, criteria.All("call", "find")).Select(it => new DittoDocument(it)).ToList();
        }

        /// <summary>Has a function change the documents in one transaction: the changes, by documents.</summary>
        public Dictionary<DittoDocumentId, List<DittoUpdateResult>> Update(Action<List<DittoMutableDocument>> change)
        {
            Func<long, Message> find = number => criteria.All("call", "find").With("transaction", number);
            var documents = SyncWrites.InTransaction(
                port, number => SyncWrites.Update(port, criteria.Collection, find, change, number));
            return documents.ToDictionary(it => it.Id, DittoUpdateResult.Of);
        }

        /// <summary>Removes all that match: their ids. Order, offset and limit do not count.</summary>
        public List<DittoDocumentId> Remove()
        {
            return SyncWrites.Ids(port, criteria.Matching("remove"));
        }

        /// <summary>Takes all that match out of this store alone: their ids. Order, offset and limit do not count.</summary>
        public List<DittoDocumentId> Evict()
        {
            return SyncWrites.Ids(port, criteria.Matching("evict"));
        }

        /// <summary>Subscribes to all that match.</summary>
        public DittoSubscription Subscribe()
        {
            var request = criteria.Matching("register_subscription");
            return new DittoSubscription(port, request, criteria.Query, criteria.Args as IDictionary<string, object>);
        }

        /// <summary>Calls a function with the documents now, and again with what is different whenever they change.</summary>
        public DittoLiveQuery ObserveLocal(Action<List<DittoDocument>, DittoLiveQueryEvent> handler)
        {
            return DittoLiveQuery.Observe(port, criteria.All("watch", "find"), (docs, it, next) => handler(docs, it), false);
        }

        /// <summary>The same, but the next event waits until the handler has called the third thing that it is given.
        /// </summary>
        public DittoLiveQuery ObserveLocalWithNextSignal(
            Action<List<DittoDocument>, DittoLiveQueryEvent, Action> handler)
        {
            return DittoLiveQuery.Observe(port, criteria.All("watch", "find"), handler, true);
        }

        private DittoPendingCursorOperation With(Criteria other)
        {
            return new DittoPendingCursorOperation(port, other);
        }
    }

    /// <summary>A document that is named by its id. Nothing is looked for until one of its calls.</summary>
    public sealed class DittoPendingIdSpecificOperation
    {
        private readonly Port port;
        private readonly string collection;
        private readonly DittoDocumentId id;

        internal DittoPendingIdSpecificOperation(Port port, string collection, DittoDocumentId id)
        {
            this.port = port;
            this.collection = collection;
            this.id = id;
        }

        /// <summary>The document, or null.</summary>
        public DittoDocument Exec()
        {
            var found = SyncWrites.Find(port, Request("find_by_id"));
            return found.Count > 0 ? new DittoDocument(found[0]) : null;
        }

        /// <summary>Has a function change the document, which is not called if there is none: the changes.</summary>
        public List<DittoUpdateResult> Update(Action<DittoMutableDocument> change)
        {
            Func<long, Message> find = number => Request("find_by_id").With("transaction", number);
            var documents = SyncWrites.InTransaction(
                port, number => SyncWrites.Update(port, collection, find, found => found.ForEach(change), number));
            return documents.SelectMany(DittoUpdateResult.Of).ToList();
        }

        /// <summary>Removes it: whether it was there.</summary>
        public bool Remove()
        {
            return SyncWrites.Ids(port, Request("remove")).Count > 0;
        }

        /// <summary>Takes it out of this store alone: whether it was there.</summary>
        public bool Evict()
        {
            return SyncWrites.Ids(port, Request("evict")).Count > 0;
        }

        /// <summary>Subscribes to it.</summary>
        public DittoSubscription Subscribe()
        {
            var criteria = Itself();
            return new DittoSubscription(
                port, criteria.Matching("register_subscription"), criteria.Query, criteria.Args as IDictionary<string, object>);
        }

        /// <summary>Calls a function with the document now, or null, and again whenever it changes.</summary>
        public DittoLiveQuery ObserveLocal(Action<DittoDocument, DittoSingleDocumentLiveQueryEvent> handler)
        {
            return Observe((document, it, next) => handler(document, it), false);
        }

        /// <summary>The same, but the next event waits until the handler has called the third thing that it is given.
        /// </summary>
        public DittoLiveQuery ObserveLocalWithNextSignal(
            Action<DittoDocument, DittoSingleDocumentLiveQueryEvent, Action> handler)
        {
            return Observe(handler, true);
        }

        private DittoLiveQuery Observe(
            Action<DittoDocument, DittoSingleDocumentLiveQueryEvent, Action> handler, bool isPaced)
        {
            Action<List<DittoDocument>, DittoLiveQueryEvent, Action> all = (documents, it, next) => handler(
                documents.FirstOrDefault(),
                new DittoSingleDocumentLiveQueryEvent(it.IsInitial, it.OldDocuments.FirstOrDefault()), next);
            return DittoLiveQuery.Observe(port, Itself().All("watch", "find"), all, isPaced);
        }

        private Criteria Itself()
        {
            return new Criteria(collection, "_id == $args.id", new Dictionary<string, object> { { "id", id } });
        }

        private Message Request(string call)
        {
            return new Message { { "call", call }, { "collection", collection }, { "id", id } };
        }
    }
}
