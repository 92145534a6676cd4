// The documents of a peer: statements, observers, transactions, and the way to collections.

using System;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Headwater
{
    /// <summary>The documents of a peer.</summary>
    public sealed class Store
    {
        private readonly Port port;

        internal Store(Port port)
        {
            this.port = port;
        }

        /// <summary>A collection; it is there once it has a document.</summary>
        public Collection Collection(string name)
        {
            return new Collection(port, name);
        }

        /// <summary>Runs a statement of DQL: SELECT, INSERT, UPDATE, DELETE or EVICT.</summary>
        /// <param name="statement">The statement.</param>
        /// <param name="args">What `:name` stands for: a dictionary, or an object of an anonymous type.</param>
        public async Task<Executed> ExecuteAsync(string statement, object args = null)
        {
            var request = new Message { { "call", "execute" }, { "statement", statement }, { "args", args } };
            return new Executed(port, await port.CallAsync(request).ConfigureAwait(false));
        }

        /// <summary>
        /// Everything that <paramref name="write"/> does with what it is given is one transaction, here and at the server:
        /// all of it or, if it fails, nothing. While it runs nothing else is written or synced; it may not wait for other
        /// writes.
        /// </summary>
        public Task<Transacted<T>> TransactionAsync<T>(Func<Transaction, Task<T>> write)
        {
            return Transaction.RunAsync(port, write);
        }

        /// <summary>The same of a function that gives nothing.</summary>
        public async Task<Written> TransactionAsync(Func<Transaction, Task> write)
        {
            Func<Transaction, Task<bool>> run = async transaction =>
            {
                await write(transaction).ConfigureAwait(false);
                return true;
            };
            return (await Transaction.RunAsync(port, run).ConfigureAwait(false)).Written;
        }

        /// <summary>
        /// Calls <paramref name="callback"/> with what a SELECT gives now, and again whenever that may be something else.
        /// A result that cannot be had goes to <paramref name="onError"/>, or to Callbacks.UnhandledException.
        /// </summary>
        public Observer RegisterObserver(
            string statement, Action<List<Dictionary<string, object>>> callback, object args = null,
            Action<HeadwaterException> onError = null)
        {
            var watch = new Watch(port, message => callback(Answers.Documents(message, "items")), onError);
            return new Observer(watch.Start(Select(statement, args)));
        }

        /// <summary>The same as an observable: each subscriber is told from the current result on.</summary>
        public IObservable<List<Dictionary<string, object>>> Observe(string statement, object args = null)
        {
            return new Results<List<Dictionary<string, object>>>(
                port, Select(statement, args), message => Answers.Documents(message, "items"));
        }

        private static Message Select(string statement, object args)
        {
            return new Message { { "watch", "select" }, { "statement", statement }, { "args", args } };
        }
    }
}
