// Subscriptions and sync, by the vendor's names. The calls wait for the disk.

using System;
using System.Collections.Generic;
using Headwater;

namespace DittoSDK
{
    /// <summary>Sync of a peer.</summary>
    public sealed class DittoSync
    {
        private readonly Port port;
        private readonly bool hasServer;

        internal DittoSync(Port port, bool hasServer)
        {
            this.port = port;
            this.hasServer = hasServer;
        }

        /// <summary>Whether it was started.</summary>
        public bool IsActive { get; private set; }

        /// <summary>Connects, and connects again whenever the connection is lost. A peer without a server has nobody to sync
        /// with.</summary>
        public void Start()
        {
            if (hasServer)
            {
                port.Call(Message.Call("start_sync"));
                port.IsSyncing(true);
            }
            IsActive = true;
        }

        /// <summary>Ends the connection. Local work goes on.</summary>
        public void Stop()
        {
            IsActive = false;
            try
            {
                port.Call(Message.Call("stop_sync"));
            }
            catch (HeadwaterException error) when (error.Code == Codes.Closed)
            {
                // A peer that is closed does not sync.
            }
            port.IsSyncing(false);
        }

        /// <summary>Subscribes to a collection, or a part of it: `SELECT * FROM … [WHERE …]`.</summary>
        public DittoSyncSubscription RegisterSubscription(string query, IDictionary<string, object> arguments = null)
        {
            var request = new Message
            {
                { "call", "register_subscription" }, { "statement", query }, { "args", arguments },
            };
            return new DittoSyncSubscription(port, request, query, arguments);
        }
    }

    /// <summary>A subscription: it is stored and outlives the process, until it is cancelled.</summary>
    public class DittoSyncSubscription : IDisposable
    {
        private readonly Port port;
        private readonly object number;

        internal DittoSyncSubscription(Port port, Message request, string query, IDictionary<string, object> arguments)
        {
            this.port = port;
            number = port.Call(request)["subscription"];
            QueryString = query;
            QueryArguments = arguments;
        }

        /// <summary>The query.</summary>
        public string QueryString { get; }

        /// <summary>What stands for its parameters.</summary>
        public IDictionary<string, object> QueryArguments { get; }

        /// <summary>Whether it was ended.</summary>
        public bool IsCancelled { get; private set; }

        /// <summary>Ends it. Its documents stay.</summary>
        public void Cancel()
        {
            if (IsCancelled)
            {
                return;
            }
            IsCancelled = true;
            try
            {
                port.Call(Message.Call("cancel_subscription").With("subscription", number));
            }
            catch (HeadwaterException error) when (error.Code == Codes.Closed)
            {
                // It is stored, and there again when the peer is opened: the vendor's ends with the process.
            }
        }

        /// <summary>As Cancel.</summary>
        public void Dispose()
        {
            Cancel();
        }
    }

    /// <summary>A subscription of the legacy language.</summary>
    public sealed class DittoSubscription : DittoSyncSubscription
    {
        internal DittoSubscription(Port port, Message request, string query, IDictionary<string, object> arguments)
            : base(port, request, query, arguments)
        {
        }
    }
}
