// Documents that match a condition of the legacy query language.
//
// Invariants: a Find never changes; `Sort`, `Limit` and `Offset` give another.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;

namespace Headwater
{
    /// <summary>Documents that match. Nothing is looked for until one of the last calls.</summary>
    public sealed class Find
    {
        private readonly Port port;
        private readonly Criteria criteria;

        internal Find(Port port, string collection, string query, object args)
            : this(port, new Criteria(collection, query, args))
        {
        }

        private Find(Port port, Criteria criteria)
        {
            this.port = port;
            this.criteria = criteria;
        }

        /// <summary>Sorts by what stands at a path, after earlier ones; the smallest first.</summary>
        public Find Sort(string path)
        {
            return new Find(port, criteria.Sort(path, false));
        }

        /// <summary>The same, the greatest first.</summary>
        public Find SortDescending(string path)
        {
            return new Find(port, criteria.Sort(path, true));
        }

        /// <summary>Leaves the first ones out.</summary>
        public Find Offset(long offset)
        {
            return new Find(port, criteria.Offset(offset));
        }

        /// <summary>At most so many.</summary>
        public Find Limit(long limit)
        {
            return new Find(port, criteria.Limit(limit));
        }

        /// <summary>The documents, each with its `_id`.</summary>
        public async Task<List<Dictionary<string, object>>> DocumentsAsync()
        {
            return Answers.Documents(await port.CallAsync(criteria.All("call", "find")).ConfigureAwait(false), "documents");
        }

        /// <summary>Changes all that match; order, offset and limit do not count.</summary>
        public Task<Written> UpdateAsync(params Change[] changes)
        {
            return Written.CallAsync(port, criteria.Matching("update").With("changes", Change.Messages(changes)));
        }

        /// <summary>Has a function change the documents, in one transaction; it may not wait.</summary>
        public async Task<Written> UpdateAsync(Action<List<MutableDocument>> change)
        {
            var run = await Transaction.RunAsync(port, it => ChangeAll(it, change)).ConfigureAwait(false);
            return run.Written;
        }

        /// <summary>Removes all that match; order, offset and limit do not count.</summary>
        public Task<Written> RemoveAsync()
        {
            return Written.CallAsync(port, criteria.Matching("remove"));
        }

        /// <summary>
        /// Takes all that match out of this store alone; order, offset and limit do not count. The ids of those that were
        /// there.
        /// </summary>
        public async Task<List<object>> EvictAsync()
        {
            return Answers.Ids(await port.CallAsync(criteria.Matching("evict")).ConfigureAwait(false));
        }

        /// <summary>Calls a function with the documents now, and again whenever they may be others.</summary>
        public Observer Observe(
            Action<List<Dictionary<string, object>>> callback, Action<HeadwaterException> onError = null)
        {
            var watch = new Watch(port, message => callback(Answers.Documents(message, "documents")), onError);
            return new Observer(watch.Start(criteria.All("watch", "find")));
        }

        /// <summary>The same as an observable.</summary>
        public IObservable<List<Dictionary<string, object>>> Stream()
        {
            return new Results<List<Dictionary<string, object>>>(
                port, criteria.All("watch", "find"), message => Answers.Documents(message, "documents"));
        }

        /// <summary>Calls a function with the documents now, and again with what is different whenever they change.</summary>
        public Observer ObserveLocal(
            Action<List<Dictionary<string, object>>, LocalEvent> callback, Action<HeadwaterException> onError = null)
        {
            List<Dictionary<string, object>> before = null;
            return Observe(
                documents =>
                {
                    var change = LocalEvent.Between(before, documents);
                    before = documents;
                    callback(documents, change);
                },
                onError);
        }

        /// <summary>Subscribes to all that match; order, offset and limit do not count.</summary>
        public Task<Subscription> SubscribeAsync()
        {
            return Subscription.RegisterAsync(port, criteria.Matching("register_subscription"));
        }

        private async Task<bool> ChangeAll(Transaction transaction, Action<List<MutableDocument>> change)
        {
            var request = criteria.All("call", "find").With("transaction", transaction.Number);
            var found = Answers.Documents(await port.CallAsync(request).ConfigureAwait(false), "documents");
            var documents = found.Select(it => new MutableDocument(it)).ToList();
            change(documents);
            foreach (var document in documents.Where(it => it.Changes.Count > 0))
            {
                var changes = document.Changes.ToArray();
                await transaction.Collection(criteria.Collection).UpdateAsync(document.Id, changes).ConfigureAwait(false);
            }
            return true;
        }
    }

    /// <summary>What is looked for; it never changes.</summary>
    internal sealed class Criteria
    {
        private readonly string query;
        private readonly object args;
        private List<object> sort;
        private long? offset;
        private long? limit;

        internal Criteria(string collection, string query, object args)
        {
            Collection = collection;
            this.query = query;
            this.args = args;
        }

        internal string Collection { get; }

        internal string Query => query;

        internal object Args => args;

        internal Criteria Sort(string path, bool isDescending)
        {
            var all = new List<object>(sort ?? new List<object>());
            all.Add(new Dictionary<string, object> { { "path", path }, { "descending", isDescending } });
            return With(it => it.sort = all);
        }

        internal Criteria Offset(long offset)
        {
            return With(it => it.offset = offset);
        }

        internal Criteria Limit(long limit)
        {
            return With(it => it.limit = limit);
        }

        /// <summary>A request for all of it.</summary>
        internal Message All(string kind, string what)
        {
            return new Message
            {
                { kind, what }, { "collection", Collection }, { "query", query }, { "args", args }, { "sort", sort },
                { "offset", offset }, { "limit", limit },
            };
        }

        /// <summary>A request for what matches, without order, offset and limit.</summary>
        internal Message Matching(string call)
        {
            return new Message { { "call", call }, { "collection", Collection }, { "query", query }, { "args", args } };
        }

        private Criteria With(Action<Criteria> change)
        {
            var other = (Criteria)MemberwiseClone();
            change(other);
            return other;
        }
    }
}
