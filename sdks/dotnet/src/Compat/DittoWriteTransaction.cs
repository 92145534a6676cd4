// Write transactions, by the vendor's names.
//
// Invariants: what a function writes is committed together, or not at all.

using System;
using System.Collections.Generic;
using System.Linq;
using Headwater;

namespace DittoSDK
{
    /// <summary>What was done with a document.</summary>
    public enum DittoWriteTransactionResultType
    {
        /// <summary>It was upserted.</summary>
        Inserted,

        /// <summary>A function changed it.</summary>
        Updated,

        /// <summary>It was removed.</summary>
        Removed,
    }

    /// <summary>What was written of a document.</summary>
    public sealed class DittoWriteTransactionResult
    {
        internal DittoWriteTransactionResult(DittoWriteTransactionResultType type, DittoDocumentId docId, string collection)
        {
            Type = type;
            DocId = docId;
            CollectionName = collection;
        }

        /// <summary>What was done.</summary>
        public DittoWriteTransactionResultType Type { get; }

        /// <summary>The document.</summary>
        public DittoDocumentId DocId { get; }

        /// <summary>Its collection.</summary>
        public string CollectionName { get; }
    }

    /// <summary>Writes that are committed together, or not at all.</summary>
    public sealed class DittoWriteTransaction
    {
        private DittoWriteTransaction(Port port, long number)
        {
            Port = port;
            Number = number;
        }

        internal Port Port { get; }

        internal long Number { get; }

        internal List<DittoWriteTransactionResult> Results { get; } = new List<DittoWriteTransactionResult>();

        /// <summary>A collection in it.</summary>
        public DittoScopedWriteTransaction this[string name] => Scoped(name);

        /// <summary>A collection in it.</summary>
        public DittoScopedWriteTransaction Scoped(string name)
        {
            return new DittoScopedWriteTransaction(this, name);
        }

        internal static List<DittoWriteTransactionResult> Run(Port port, Action<DittoWriteTransaction> run)
        {
            return SyncWrites.InTransaction(port, number =>
            {
                var transaction = new DittoWriteTransaction(port, number);
                run(transaction);
                return transaction.Results;
            });
        }
    }

    /// <summary>A collection in a write transaction.</summary>
    public sealed class DittoScopedWriteTransaction
    {
        private readonly DittoWriteTransaction transaction;

        internal DittoScopedWriteTransaction(DittoWriteTransaction transaction, string name)
        {
            this.transaction = transaction;
            Name = name;
        }

        /// <summary>Its name.</summary>
        public string Name { get; }

        /// <summary>As DittoCollection.Upsert.</summary>
        public DittoDocumentId Upsert(
            IDictionary<string, object> content, DittoWriteStrategy writeStrategy = DittoWriteStrategy.Merge)
        {
            var id = SyncWrites.Upsert(transaction.Port, Name, content, writeStrategy, transaction.Number);
            Note(DittoWriteTransactionResultType.Inserted, id);
            return id;
        }

        /// <summary>Documents that match a condition.</summary>
        public DittoWriteTransactionPendingCursorOperation Find(string query, IDictionary<string, object> args = null)
        {
            return new DittoWriteTransactionPendingCursorOperation(this, new Criteria(Name, query, args));
        }

        /// <summary>All documents.</summary>
        public DittoWriteTransactionPendingCursorOperation FindAll()
        {
            return Find("true");
        }

        /// <summary>The document with this id.</summary>
        public DittoWriteTransactionPendingIdSpecificOperation FindById(object id)
        {
            return new DittoWriteTransactionPendingIdSpecificOperation(this, new DittoDocumentId(id));
        }

        internal void Note(DittoWriteTransactionResultType type, DittoDocumentId id)
        {
            transaction.Results.Add(new DittoWriteTransactionResult(type, id, Name));
        }

        internal List<DittoDocument> Read(Message request)
        {
            var found = SyncWrites.Find(transaction.Port, request.With("transaction", transaction.Number));
            return found.Select(it => new DittoDocument(it)).ToList();
        }

        internal List<DittoMutableDocument> Update(Func<Message> find, Action<List<DittoMutableDocument>> change)
        {
            var documents = SyncWrites.Update(
                transaction.Port, Name, number => find().With("transaction", number), change, transaction.Number);
            documents.ForEach(it => Note(DittoWriteTransactionResultType.Updated, it.Id));
            return documents;
        }

        internal List<DittoDocumentId> Remove(Message request)
        {
            var ids = SyncWrites.Ids(transaction.Port, request.With("transaction", transaction.Number));
            ids.ForEach(it => Note(DittoWriteTransactionResultType.Removed, it));
            return ids;
        }
    }

    /// <summary>Documents in a write transaction.</summary>
    public sealed class DittoWriteTransactionPendingCursorOperation
    {
        private readonly DittoScopedWriteTransaction collection;
        private readonly Criteria criteria;

        internal DittoWriteTransactionPendingCursorOperation(DittoScopedWriteTransaction collection, Criteria criteria)
        {
            this.collection = collection;
            this.criteria = criteria;
        }

        /// <summary>Sorts by what stands at a path, after earlier ones.</summary>
        public DittoWriteTransactionPendingCursorOperation Sort(
            string path, DittoSortDirection direction = DittoSortDirection.Ascending)
        {
            return With(criteria.Sort(path, direction == DittoSortDirection.Descending));
        }

        /// <summary>At most so many.</summary>
        public DittoWriteTransactionPendingCursorOperation Limit(int limit)
        {
            return With(criteria.Limit(limit));
        }

        /// <summary>Leaves the first ones out.</summary>
        public DittoWriteTransactionPendingCursorOperation Offset(uint offset)
        {
            return With(criteria.Offset(offset));
        }

        /// <summary>The documents.</summary>
        public List<DittoDocument> Exec()
        {
            return collection.Read(criteria.All("call", "find"));
        }

        /// <summary>Has a function change the documents: the changes, by documents.</summary>
        public Dictionary<DittoDocumentId, List<DittoUpdateResult>> Update(Action<List<DittoMutableDocument>> change)
        {
            return collection.Update(() => criteria.All("call", "find"), change).ToDictionary(it => it.Id, DittoUpdateResult.Of);
        }

        /// <summary>Removes all that match: their ids.</summary>
        public List<DittoDocumentId> Remove()
        {
            return collection.Remove(criteria.Matching("remove"));
        }

        private DittoWriteTransactionPendingCursorOperation With(Criteria other)
        {
            return new DittoWriteTransactionPendingCursorOperation(collection, other);
        }
    }

    /// <summary>A document in a write transaction.</summary>
    public sealed class DittoWriteTransactionPendingIdSpecificOperation
    {
        private readonly DittoScopedWriteTransaction collection;
        private readonly DittoDocumentId id;

        internal DittoWriteTransactionPendingIdSpecificOperation(DittoScopedWriteTransaction collection, DittoDocumentId id)
        {
            this.collection = collection;
            this.id = id;
        }

        /// <summary>The document, or null.</summary>
        public DittoDocument Exec()
        {
            return collection.Read(Request("find_by_id")).FirstOrDefault();
        }

        /// <summary>Has a function change the document, which is not called if there is none: the changes.</summary>
        public List<DittoUpdateResult> Update(Action<DittoMutableDocument> change)
        {
            var documents = collection.Update(() => Request("find_by_id"), found => found.ForEach(change));
            return documents.SelectMany(DittoUpdateResult.Of).ToList();
        }

        /// <summary>Removes it: whether it was there.</summary>
        public bool Remove()
        {
            return collection.Remove(Request("remove")).Count > 0;
        }

        private Message Request(string call)
        {
            return new Message { { "call", call }, { "collection", collection.Name }, { "id", id } };
        }
    }
}
