// Sync with the server: subscriptions, and what became of local writes.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading.Tasks;

namespace Headwater
{
    /// <summary>A document by its collection, with its id or a value.</summary>
    public sealed class RejectedDocument
    {
        internal RejectedDocument(string collection, object id)
        {
            Collection = collection;
            Id = id;
        }

        /// <summary>The collection.</summary>
        public string Collection { get; }

        /// <summary>The document's id.</summary>
        public object Id { get; }
    }

    /// <summary>What an upsert would have written.</summary>
    public sealed class RejectedValue
    {
        internal RejectedValue(string collection, object value)
        {
            Collection = collection;
            Value = value;
        }

        /// <summary>The collection.</summary>
        public string Collection { get; }

        /// <summary>The value.</summary>
        public object Value { get; }
    }

    /// <summary>A user who has logged in.</summary>
    public sealed class Login
    {
        internal Login(Dictionary<string, object> message)
        {
            UserId = (string)message["userId"];
            Expires = DateTimeOffset.Parse((string)message["expires"], CultureInfo.InvariantCulture);
        }

        /// <summary>Who it is, as the app's login hook says.</summary>
        public string UserId { get; }

        /// <summary>When the server's token ends.</summary>
        public DateTimeOffset Expires { get; }
    }

    /// <summary>A write that the server refused.</summary>
    public sealed class Rejected
    {
        internal Rejected(Dictionary<string, object> message)
        {
            Sequence = (long)message["sequence"];
            Why = (string)message["why"];
            Documents = Answers.Documents(message, "documents")
                .Select(it => new RejectedDocument((string)it["collection"], it["id"])).ToList();
            Values = Answers.Documents(message, "values")
                .Select(it => new RejectedValue((string)it["collection"], it["value"])).ToList();
        }

        /// <summary>Its transaction's number.</summary>
        public long Sequence { get; }

        /// <summary>What the server says of it.</summary>
        public string Why { get; }

        /// <summary>Those that it would have written.</summary>
        public IReadOnlyList<RejectedDocument> Documents { get; }

        /// <summary>What upserts in it would have written; it is nowhere else.</summary>
        public IReadOnlyList<RejectedValue> Values { get; }
    }

    /// <summary>Sync of a peer. Where it stands is stopped, connecting, catching_up, live, waiting, needs_token or
    /// refused.</summary>
    public sealed class Sync
    {
        private readonly Port port;
        private Watch token;

        internal Sync(Port port)
        {
            this.port = port;
        }

        /// <summary>
        /// Connects, and connects again whenever the connection is lost. It is done before there is a connection. The peer
        /// is kept open until it is closed or sync is stopped, whether the program has it or not.
        /// </summary>
        /// <exception cref="HeadwaterException">no_server, invalid_server, closed</exception>
        public async Task StartAsync()
        {
            await port.CallAsync(Message.Call("start_sync")).ConfigureAwait(false);
            port.IsSyncing(true);
        }

        /// <summary>Ends the connection. Local work goes on.</summary>
        public async Task StopAsync()
        {
            await port.CallAsync(Message.Call("stop_sync")).ConfigureAwait(false);
            port.IsSyncing(false);
        }

        /// <summary>
        /// Subscribes to a collection, or a part of it: `SELECT * FROM … [WHERE …]`. One that asks for the same as an
        /// earlier one is the same one.
        /// </summary>
        public Task<Subscription> RegisterSubscriptionAsync(string statement, object args = null)
        {
            return Subscription.RegisterAsync(port, new Message
            {
                { "call", "register_subscription" }, { "statement", statement }, { "args", args },
            });
        }

        /// <summary>Where sync stands.</summary>
        public async Task<string> StateAsync()
        {
            return (string)(await port.CallAsync(Message.Call("state")).ConfigureAwait(false))["state"];
        }

        /// <summary>Where sync stands, now and whenever it stands elsewhere.</summary>
        public IObservable<string> States()
        {
            return new Results<string>(port, Message.Watch("state"), message => (string)message["state"]);
        }

        /// <summary>The same with a callback.</summary>
        public Observer ObserveState(Action<string> callback)
        {
            return new Observer(new Watch(port, it => callback((string)it["state"])).Start(Message.Watch("state")));
        }

        /// <summary>How many local transactions the server has said nothing of.</summary>
        public async Task<long> PendingAsync()
        {
            return (long)(await port.CallAsync(Message.Call("state")).ConfigureAwait(false))["pending"];
        }

        /// <summary>Why it does not sync, for people, if something is wrong.</summary>
        public async Task<string> LastErrorAsync()
        {
            return Answers.Text(await port.CallAsync(Message.Call("state")).ConfigureAwait(false), "last_error");
        }

        /// <summary>
        /// Waits until the server has a write, for ever if no time is given: the id of its transaction there. null: the
        /// server has it, but it is not known as what; or it never was.
        /// </summary>
        /// <exception cref="HeadwaterException">rejected, timed_out, closed</exception>
        public Task<long?> CommittedAsync(long sequence, TimeSpan? timeout = null)
        {
            return Written.VerdictAsync(port, "committed", sequence, timeout);
        }

        /// <summary>
        /// Waits until the server has said of everything that is pending now whether it takes it: the newest transaction
        /// that it made of writes from here, if one is known.
        /// </summary>
        /// <exception cref="HeadwaterException">timed_out, closed</exception>
        public Task<long?> FlushedAsync(TimeSpan? timeout = null)
        {
            return Written.VerdictAsync(port, "flushed", null, timeout);
        }

        /// <summary>The writes that the server refused, the oldest first, as far as they are kept.</summary>
        public async Task<List<Rejected>> RejectedAsync()
        {
            var answer = await port.CallAsync(Message.Call("rejected")).ConfigureAwait(false);
            return Answers.Documents(answer, "rejected").Select(it => new Rejected(it)).ToList();
        }

        /// <summary>Calls a function with each write that the server refuses, from now on.</summary>
        public Observer OnRejected(Action<Rejected> callback)
        {
            var watch = new Watch(
                port, it => callback(new Rejected((Dictionary<string, object>)it["rejected"])), keepsAll: true);
            return new Observer(watch.Start(Message.Watch("rejected")));
        }

        /// <summary>A refused write was seen to, and need not be kept.</summary>
        public Task ForgetRejectedAsync(long sequence)
        {
            return port.CallAsync(Message.Call("forget_rejected").With("sequence", sequence));
        }

        /// <summary>A newer token.</summary>
        public Task AuthenticateAsync(string token)
        {
            return port.CallAsync(Message.Call("authenticate").With("token", token));
        }

        /// <summary>
        /// Logs in with what a provider gave: the server asks the app's login hook, and its token is used from now on. When
        /// that ends, the source of tokens is asked: there is no refresh token.
        /// </summary>
        /// <exception cref="HeadwaterException">rejected, timed_out, no_server</exception>
        public async Task<Login> LoginAsync(string token, string provider)
        {
            var login = Message.Call("login").With("token", token).With("provider", provider);
            return new Login(await port.CallAsync(login).ConfigureAwait(false));
        }

        /// <summary>
        /// Who gives a newer token, or null: asked when the server does not take the old one, and a minute before that
        /// ends. It may log in and give null. Another source takes the place of an earlier one; null takes it away.
        /// </summary>
        public void TokenSource(Func<Task<string>> source)
        {
            token?.Cancel();
            token = source == null
                ? null : new Watch(port, _ => Callbacks.Observe(AskAsync(source))).Start(Message.Watch("token"));
        }

        private async Task AskAsync(Func<Task<string>> source)
        {
            var newer = await source().ConfigureAwait(false);
            if (newer != null)
            {
                await AuthenticateAsync(newer).ConfigureAwait(false);
            }
        }
    }

    /// <summary>A subscription: it is stored and outlives the process, until it is cancelled.</summary>
    public sealed class Subscription
    {
        private readonly Port port;
        private readonly long number;

        private Subscription(Port port, long number)
        {
            this.port = port;
            this.number = number;
        }

        /// <summary>Ends it. Its documents stay.</summary>
        public Task CancelAsync()
        {
            return port.CallAsync(Request("cancel_subscription"));
        }

        /// <summary>Whether all its documents are here.</summary>
        public async Task<bool> IsCompleteAsync()
        {
            return (bool)(await port.CallAsync(Request("subscription")).ConfigureAwait(false))["complete"];
        }

        /// <summary>Why the server does not take it, if it does not: the key may not read the collection, for one.</summary>
        public async Task<string> RefusedAsync()
        {
            return Answers.Text(await port.CallAsync(Request("subscription")).ConfigureAwait(false), "refused");
        }

        internal static async Task<Subscription> RegisterAsync(Port port, Message request)
        {
            return new Subscription(port, (long)(await port.CallAsync(request).ConfigureAwait(false))["subscription"]);
        }

        private Message Request(string call)
        {
            return new Message { { "call", call }, { "subscription", number } };
        }
    }
}
