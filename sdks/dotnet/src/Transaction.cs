// Writes that are committed together, or not at all.
//
// Invariants: nothing of other writers comes between the calls of a transaction; if its function fails, nothing of it
// was done.

using System;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Headwater
{
    /// <summary>A transaction in the making. Its reads see what it has written.</summary>
    public sealed class Transaction
    {
        private readonly Port port;

        private Transaction(Port port, long number)
        {
            this.port = port;
            Number = number;
        }

        internal long Number { get; }

        /// <summary>A collection in it.</summary>
        public TransactionCollection Collection(string name)
        {
            return new TransactionCollection(port, Number, name);
        }

        /// <summary>Runs a statement of DQL: the rows of a SELECT, or what RETURNING says.</summary>
        public async Task<List<Dictionary<string, object>>> ExecuteAsync(string statement, object args = null)
        {
            var request = new Message
            {
                { "call", "execute" }, { "statement", statement }, { "args", args }, { "transaction", Number },
            };
            return Answers.Documents(await port.CallAsync(request).ConfigureAwait(false), "items");
        }

        internal static async Task<Transacted<T>> RunAsync<T>(Port port, Func<Transaction, Task<T>> run)
        {
            var begun = await port.CallAsync(Message.Call("begin")).ConfigureAwait(false);
            var number = (long)begun["transaction"];
            T value;
            try
            {
                value = await run(new Transaction(port, number)).ConfigureAwait(false);
            }
            catch
            {
                await RollBackAsync(port, number).ConfigureAwait(false);
                throw;
            }
            var commit = Message.Call("commit").With("transaction", number);
            return new Transacted<T>(value, await Written.CallAsync(port, commit).ConfigureAwait(false));
        }

        private static async Task RollBackAsync(Port port, long number)
        {
            try
            {
                await port.CallAsync(Message.Call("rollback").With("transaction", number)).ConfigureAwait(false);
            }
            catch (HeadwaterException)
            {
                // It has ended by itself: the peer was closed, or nothing came of it for too long.
            }
        }
    }

    /// <summary>What a transaction came to.</summary>
    public sealed class Transacted<T>
    {
        internal Transacted(T value, Written written)
        {
            Value = value;
            Written = written;
        }

        /// <summary>What its function gave.</summary>
        public T Value { get; }

        /// <summary>What was written.</summary>
        public Written Written { get; }
    }

    /// <summary>A collection in a transaction.</summary>
    public sealed class TransactionCollection
    {
        private readonly Port port;
        private readonly long number;

        internal TransactionCollection(Port port, long number, string name)
        {
            this.port = port;
            this.number = number;
            Name = name;
        }

        /// <summary>Its name.</summary>
        public string Name { get; }

        /// <summary>As Collection.UpsertAsync: the document's id.</summary>
        public async Task<object> UpsertAsync(object value, IDictionary<string, FieldType> types = null)
        {
            var request = Request("upsert").With("value", value).With("types", FieldTypes.Message(types));
            return (await port.CallAsync(request).ConfigureAwait(false))["id"];
        }

        /// <summary>As Collection.FindByIdAsync.</summary>
        public async Task<Dictionary<string, object>> FindByIdAsync(object id)
        {
            var answer = await port.CallAsync(Request("find_by_id").With("id", id)).ConfigureAwait(false);
            return (Dictionary<string, object>)answer["document"];
        }

        /// <summary>The documents that match a condition of the legacy query language.</summary>
        public async Task<List<Dictionary<string, object>>> FindAsync(string query = "true", object args = null)
        {
            var request = Request("find").With("query", query).With("args", args);
            return Answers.Documents(await port.CallAsync(request).ConfigureAwait(false), "documents");
        }

        /// <summary>As Collection.UpdateAsync: whether the document is there.</summary>
        public Task<bool> UpdateAsync(object id, params Change[] changes)
        {
            return IsThere(Request("update").With("id", id).With("changes", Change.Messages(changes)));
        }

        /// <summary>The same by a function, which may not wait.</summary>
        public async Task<bool> UpdateAsync(object id, Action<MutableDocument> change)
        {
            var found = await FindByIdAsync(id).ConfigureAwait(false);
            if (found == null)
            {
                return false;
            }
            var document = new MutableDocument(found);
            change(document);
            return document.Changes.Count == 0 || await UpdateAsync(id, document.Changes.ToArray()).ConfigureAwait(false);
        }

        /// <summary>As Collection.RemoveAsync: whether the document was there.</summary>
        public Task<bool> RemoveAsync(object id)
        {
            return IsThere(Request("remove").With("id", id));
        }

        private async Task<bool> IsThere(Message request)
        {
            return Answers.Ids(await port.CallAsync(request).ConfigureAwait(false)).Count > 0;
        }

        private Message Request(string call)
        {
            return new Message { { "call", call }, { "collection", Name }, { "transaction", number } };
        }
    }
}
