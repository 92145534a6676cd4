// Statements and their observers, by the vendor's names.
//
// Not here: attachments.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Headwater;

namespace DittoSDK
{
    /// <summary>The documents of a peer.</summary>
    public sealed class DittoStore
    {
        private static readonly Regex Setting = new Regex(
            @"^\s*ALTER\s+SYSTEM\s+SET\s+(\w+)\s*(?:=|TO)\s*(\S+?)\s*;?\s*$", RegexOptions.IgnoreCase);

        private readonly Port port;
        private readonly List<DittoStoreObserver> observers = new List<DittoStoreObserver>();

        internal DittoStore(Port port)
        {
            this.port = port;
        }

        /// <summary>A collection.</summary>
        public DittoCollection this[string name] => Collection(name);

        /// <summary>Those who were registered and have not ended.</summary>
        public IReadOnlyList<DittoStoreObserver> Observers
        {
            get
            {
                lock (observers)
                {
                    return observers.ToArray();
                }
            }
        }

        /// <summary>A collection.</summary>
        public DittoCollection Collection(string name)
        {
            return new DittoCollection(port, name);
        }

        /// <summary>The collections that have documents.</summary>
        public List<DittoCollection> Collections()
        {
            return CollectionNames().Select(Collection).ToList();
        }

        /// <summary>Their names.</summary>
        public List<string> CollectionNames()
        {
            var request = Message.Call("execute").With("statement", "SELECT name FROM system:collections");
            return Answers.Documents(port.Call(request), "items").Select(it => (string)it["name"]).ToList();
        }

        /// <summary>Runs a statement of DQL.</summary>
        /// <param name="query">The statement.</param>
        /// <param name="arguments">What `:name` stands for.</param>
        public Task<DittoQueryResult> ExecuteAsync(string query, IDictionary<string, object> arguments = null)
        {
            return ExecuteAsync(port, query, arguments, null);
        }

        /// <summary>Calls a function with what a SELECT gives now, and again whenever that may be something else.</summary>
        public DittoStoreObserver RegisterObserver(string query, Action<DittoQueryResult> handler)
        {
            return RegisterObserver(query, null, handler);
        }

        /// <summary>The same with arguments.</summary>
        public DittoStoreObserver RegisterObserver(
            string query, IDictionary<string, object> arguments, Action<DittoQueryResult> handler)
        {
            return Register(query, arguments, (result, next) => handler(result), false);
        }

        /// <summary>The same of a function that is a task; what it fails with is reported.</summary>
        public DittoStoreObserver RegisterObserver(string query, Func<DittoQueryResult, Task> handler)
        {
            return RegisterObserver(query, null, handler);
        }

        /// <summary>The same with arguments.</summary>
        public DittoStoreObserver RegisterObserver(
            string query, IDictionary<string, object> arguments, Func<DittoQueryResult, Task> handler)
        {
            return Register(query, arguments, (result, next) => Callbacks.Observe(handler(result)), false);
        }

        /// <summary>The same, but the next result waits until the handler has called the second thing that it is given.
        /// </summary>
        public DittoStoreObserver RegisterObserver(string query, Action<DittoQueryResult, Action> handler)
        {
            return RegisterObserver(query, null, handler);
        }

        /// <summary>The same with arguments.</summary>
        public DittoStoreObserver RegisterObserver(
            string query, IDictionary<string, object> arguments, Action<DittoQueryResult, Action> handler)
        {
            return Register(query, arguments, handler, true);
        }

        /// <summary>What a function does with the collections of what it is given is one transaction.</summary>
        public List<DittoWriteTransactionResult> Write(Action<DittoWriteTransaction> write)
        {
            return DittoWriteTransaction.Run(port, write);
        }

        /// <summary>The statements that a function executes are one transaction, unless it says that it is to be rolled back.
        /// </summary>
        public async Task<DittoTransactionCompletionAction> TransactionAsync(
            Func<DittoTransaction, Task<DittoTransactionCompletionAction>> run)
        {
            var begun = await port.CallAsync(Message.Call("begin")).ConfigureAwait(false);
            var number = (long)begun["transaction"];
            var action = DittoTransactionCompletionAction.Rollback;
            try
            {
                action = await run(new DittoTransaction(port, number)).ConfigureAwait(false);
            }
            finally
            {
                if (action == DittoTransactionCompletionAction.Rollback)
                {
                    await SyncWrites.RollBackAsync(port, number).ConfigureAwait(false);
                }
            }
            if (action == DittoTransactionCompletionAction.Commit)
            {
                await port.CallAsync(Message.Call("commit").With("transaction", number)).ConfigureAwait(false);
            }
            return action;
        }

        internal static async Task<DittoQueryResult> ExecuteAsync(
            Port port, string query, IDictionary<string, object> arguments, long? transaction)
        {
            var setting = Setting.Match(query ?? "");
            if (setting.Success)
            {
                return AlterSystem(setting.Groups[1].Value, setting.Groups[2].Value);
            }
            var request = new Message
            {
                { "call", "execute" }, { "statement", query }, { "args", arguments }, { "transaction", transaction },
            };
            var answer = await port.CallAsync(request).ConfigureAwait(false);
            return new DittoQueryResult(Answers.Documents(answer, "items"), (List<object>)answer["mutated"]);
        }

        /// <summary>Settings of the vendor's engine are taken, but for one that would change what statements mean.</summary>
        private static DittoQueryResult AlterSystem(string name, string value)
        {
            var isOff = Regex.IsMatch(value, "^(false|0|off)$", RegexOptions.IgnoreCase);
            if (string.Equals(name, "DQL_STRICT_MODE", StringComparison.OrdinalIgnoreCase) && !isOff)
            {
                throw new DittoException(
                    Codes.Unsupported, "strict mode is chosen when a peer is opened: DittoConfig.Strict = true");
            }
            return new DittoQueryResult(new List<Dictionary<string, object>>(), new List<object>());
        }

        private DittoStoreObserver Register(
            string query, IDictionary<string, object> arguments, Action<DittoQueryResult, Action> handler, bool isPaced)
        {
            Watch watch = null;
            Action<Dictionary<string, object>> tell = message =>
                handler(new DittoQueryResult(Answers.Documents(message, "items"), new List<object>()), () => watch.Release());
            watch = new Watch(port, tell, isPaced: isPaced);
            var request = new Message { { "watch", "select" }, { "statement", query }, { "args", arguments } };
            var observer = new DittoStoreObserver(watch.Start(request), query, arguments, Forget);
            lock (observers)
            {
                observers.Add(observer);
            }
            return observer;
        }

        private void Forget(DittoStoreObserver observer)
        {
            lock (observers)
            {
                observers.Remove(observer);
            }
        }
    }

    /// <summary>How a transaction of statements ends.</summary>
    public enum DittoTransactionCompletionAction
    {
        /// <summary>What it did counts.</summary>
        Commit,

        /// <summary>It does not.</summary>
        Rollback,
    }

    /// <summary>Executes statements in a transaction.</summary>
    public sealed class DittoTransaction
    {
        private readonly Port port;
        private readonly long number;

        internal DittoTransaction(Port port, long number)
        {
            this.port = port;
            this.number = number;
        }

        /// <summary>As DittoStore.ExecuteAsync.</summary>
        public Task<DittoQueryResult> ExecuteAsync(string query, IDictionary<string, object> arguments = null)
        {
            return DittoStore.ExecuteAsync(port, query, arguments, number);
        }
    }

    /// <summary>One who is told of a result.</summary>
    public sealed class DittoStoreObserver : IDisposable
    {
        private readonly Watch watch;
        private readonly Action<DittoStoreObserver> forget;

        internal DittoStoreObserver(
            Watch watch, string query, IDictionary<string, object> arguments, Action<DittoStoreObserver> forget)
        {
            this.watch = watch;
            this.forget = forget;
            QueryString = query;
            QueryArguments = arguments;
        }

        /// <summary>The query.</summary>
        public string QueryString { get; }

        /// <summary>What stands for its parameters.</summary>
        public IDictionary<string, object> QueryArguments { get; }

        /// <summary>Whether it was ended.</summary>
        public bool IsCancelled => watch.IsCancelled;

        /// <summary>Ends it: after this has returned its handler does not run, but within the handler it is the last.</summary>
        public void Cancel()
        {
            watch.Cancel();
            forget(this);
        }

        /// <summary>As Cancel.</summary>
        public void Dispose()
        {
            Cancel();
        }
    }
}
