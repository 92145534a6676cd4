// What the vendor's synchronous calls share: they wait for the disk in the caller's thread.
//
// Invariants: what a function changes is one transaction.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Headwater;

namespace DittoSDK
{
    internal static class SyncWrites
    {
        internal static DittoDocumentId Upsert(
            Port port, string collection, IDictionary<string, object> value, DittoWriteStrategy strategy, long? transaction)
        {
            if (strategy == DittoWriteStrategy.Merge)
            {
                var types = new Dictionary<string, object>();
                FindTypes(value, "", types);
                var request = new Message
                {
                    { "call", "upsert" }, { "collection", collection }, { "value", value },
                    { "types", types.Count > 0 ? types : null }, { "transaction", transaction },
                };
                return new DittoDocumentId(port.Call(request)["id"]);
            }
            var statement = Statement(collection, strategy);
            var args = new Dictionary<string, object> { { "value", value } };
            var execute = new Message
            {
                { "call", "execute" }, { "statement", statement }, { "args", args }, { "transaction", transaction },
            };
            var mutated = (List<object>)port.Call(execute)["mutated"];
            object id = null;
            value?.TryGetValue("_id", out id);
            return new DittoDocumentId(mutated.Count > 0 ? mutated[0] : id);
        }

        /// <summary>How a statement writes what the other strategies mean.</summary>
        private static string Statement(string collection, DittoWriteStrategy strategy)
        {
            var quoted = "INSERT INTO `" + collection.Replace("`", "``") + "` ";
            switch (strategy)
            {
                case DittoWriteStrategy.InsertIfAbsent:
                    return quoted + "DOCUMENTS (:value) ON ID CONFLICT DO NOTHING";
                case DittoWriteStrategy.InsertDefaultIfAbsent:
                    return quoted + "INITIAL DOCUMENTS (:value)";
                default:
                    return quoted + "DOCUMENTS (:value) ON ID CONFLICT DO UPDATE_LOCAL_DIFF";
            }
        }

        /// <summary>What kinds of fields a value says that it has: counters and registers.</summary>
        private static void FindTypes(object value, string path, Dictionary<string, object> types)
        {
            const int pathMax = 1024;
            if (value is DittoCounter)
            {
                types[path] = "counter";
            }
            else if (value is DittoRegister)
            {
                types[path] = "register";
            }
            else if (value is IDictionary<string, object> map && path.Length < pathMax)
            {
                foreach (var field in map)
                {
                    if (field.Value is IPlain || field.Value is IDictionary<string, object>)
                    {
                        FindTypes(field.Value, Paths.Join(path, field.Key), types);
                    }
                }
            }
        }

        /// <summary>Documents by an id, or by what `find` takes.</summary>
        internal static List<Dictionary<string, object>> Find(Port port, Message request)
        {
            var answer = port.Call(request);
            if (!answer.TryGetValue("document", out var document))
            {
                return Answers.Documents(answer, "documents");
            }
            return document == null
                ? new List<Dictionary<string, object>>()
                : new List<Dictionary<string, object>> { (Dictionary<string, object>)document };
        }

        /// <summary>Has a function change documents: those that it was given.</summary>
        internal static List<DittoMutableDocument> Update(
            Port port, string collection, Func<long, Message> find, Action<List<DittoMutableDocument>> change, long transaction)
        {
            var documents = Find(port, find(transaction)).Select(it => new DittoMutableDocument(it)).ToList();
            change(documents);
            foreach (var document in documents.Where(it => it.Changes.Count > 0))
            {
                port.Call(new Message
                {
                    { "call", "update" }, { "collection", collection }, { "id", document.Id },
                    { "changes", Change.Messages(document.Changes) }, { "transaction", transaction },
                });
            }
            return documents;
        }

        /// <summary>Runs a function in a transaction.</summary>
        internal static T InTransaction<T>(Port port, Func<long, T> run)
        {
            var number = (long)port.Call(Message.Call("begin"))["transaction"];
            T value;
            try
            {
                value = run(number);
            }
            catch
            {
                RollBackAsync(port, number).GetAwaiter().GetResult();
                throw;
            }
            port.Call(Message.Call("commit").With("transaction", number));
            return value;
        }

        internal static async Task RollBackAsync(Port port, long number)
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

        internal static List<DittoDocumentId> Ids(Port port, Message request)
        {
            return Answers.Ids(port.Call(request)).Select(it => new DittoDocumentId(it)).ToList();
        }
    }
}
