// A collection, and a document that is named by its id.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;

namespace Headwater
{
    /// <summary>How writes of several peers to one field come together.</summary>
    public enum FieldType
    {
        /// <summary>A number to which several peers add.</summary>
        Counter,

        /// <summary>A value that is replaced as a whole.</summary>
        Register,

        /// <summary>An object whose fields are merged.</summary>
        Map,
    }

    internal static class FieldTypes
    {
        internal static Dictionary<string, object> Message(IDictionary<string, FieldType> types)
        {
            return types?.ToDictionary(it => it.Key, it => (object)it.Value.ToString().ToLowerInvariant());
        }
    }

    /// <summary>A collection. It is there once it has a document.</summary>
    public sealed class Collection
    {
        private readonly Port port;

        internal Collection(Port port, string name)
        {
            this.port = port;
            Name = name;
        }

        /// <summary>Its name.</summary>
        public string Name { get; }

        /// <summary>Merges an object into the document that its `_id` names, or makes a new one.</summary>
        /// <param name="value">A dictionary, or an object of an anonymous type.</param>
        /// <param name="types">What kind of field stands at some paths.</param>
        public async Task<Written> UpsertAsync(object value, IDictionary<string, FieldType> types = null)
        {
            var request = Request("upsert").With("value", value).With("types", FieldTypes.Message(types));
            var answer = await port.CallAsync(request).ConfigureAwait(false);
            return new Written(port, new List<object> { answer["id"] }, Answers.Integer(answer, "sequence"));
        }

        /// <summary>The document with its `_id`, or null.</summary>
        public async Task<Dictionary<string, object>> FindByIdAsync(object id)
        {
            var answer = await port.CallAsync(Request("find_by_id").With("id", id)).ConfigureAwait(false);
            return (Dictionary<string, object>)answer["document"];
        }

        /// <summary>The document with this id, to be read, changed or observed.</summary>
        public ById ById(object id)
        {
            return new ById(port, this, id);
        }

        /// <summary>
        /// The documents that match a condition of the legacy query language; all if there is none. Nothing is looked for
        /// until one of its calls.
        /// </summary>
        /// <param name="query">The condition.</param>
        /// <param name="args">What `$args.name` stands for.</param>
        public Find Find(string query = "true", object args = null)
        {
            return new Find(port, Name, query, args);
        }

        /// <summary>Changes a document, if it is there.</summary>
        public Task<Written> UpdateAsync(object id, params Change[] changes)
        {
            return Written.CallAsync(port, Request("update").With("id", id).With("changes", Change.Messages(changes)));
        }

        /// <summary>
        /// Has a function look at a document and change it, in one transaction; it is not called if there is none. It may
        /// not wait.
        /// </summary>
        public async Task<Written> UpdateAsync(object id, Action<MutableDocument> change)
        {
            var run = await Transaction.RunAsync(port, it => it.Collection(Name).UpdateAsync(id, change)).ConfigureAwait(false);
            return run.Written;
        }

        /// <summary>Removes a document, if it is there, here and at the server.</summary>
        public Task<Written> RemoveAsync(object id)
        {
            return Written.CallAsync(port, Request("remove").With("id", id));
        }

        /// <summary>Takes a document out of this store alone: whether it was there.</summary>
        public async Task<bool> EvictAsync(object id)
        {
            return Answers.Ids(await port.CallAsync(Request("evict").With("id", id)).ConfigureAwait(false)).Count > 0;
        }

        private Message Request(string call)
        {
            return new Message { { "call", call }, { "collection", Name } };
        }
    }

    /// <summary>A document that is named by its id. Nothing is looked for until one of its calls.</summary>
    public sealed class ById
    {
        private readonly Port port;
        private readonly Collection collection;

        internal ById(Port port, Collection collection, object id)
        {
            this.port = port;
            this.collection = collection;
            Id = id;
        }

        /// <summary>The id.</summary>
        public object Id { get; }

        /// <summary>The document with its `_id`, or null.</summary>
        public Task<Dictionary<string, object>> GetAsync()
        {
            return collection.FindByIdAsync(Id);
        }

        /// <summary>As Collection.UpdateAsync.</summary>
        public Task<Written> UpdateAsync(Action<MutableDocument> change)
        {
            return collection.UpdateAsync(Id, change);
        }

        /// <summary>As Collection.RemoveAsync.</summary>
        public Task<Written> RemoveAsync()
        {
            return collection.RemoveAsync(Id);
        }

        /// <summary>As Collection.EvictAsync.</summary>
        public Task<bool> EvictAsync()
        {
            return collection.EvictAsync(Id);
        }

        /// <summary>Subscribes to the document.</summary>
        public Task<Subscription> SubscribeAsync()
        {
            return Find().SubscribeAsync();
        }

        /// <summary>The same document as what a query finds, to be observed, say.</summary>
        public Find Find()
        {
            return new Find(port, collection.Name, "_id == $args.id", new Dictionary<string, object> { { "id", Id } });
        }
    }
}
