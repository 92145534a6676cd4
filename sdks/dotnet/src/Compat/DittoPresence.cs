// Who is there, by the vendor's names: this peer and whether it has the server. Peers do not know of each other.

using System;
using System.Collections.Generic;
using Headwater;

namespace DittoSDK
{
    /// <summary>What is told, until it is stopped.</summary>
    public sealed class DittoObserver : IDisposable
    {
        private readonly Watch watch;

        internal DittoObserver(Watch watch)
        {
            this.watch = watch;
        }

        /// <summary>Ends it.</summary>
        public void Stop()
        {
            watch.Cancel();
        }

        /// <summary>As Stop.</summary>
        public void Cancel()
        {
            Stop();
        }

        /// <summary>As Stop.</summary>
        public void Dispose()
        {
            Stop();
        }
    }

    /// <summary>A peer.</summary>
    public sealed class DittoPeer
    {
        internal DittoPeer(string deviceName, bool isConnected)
        {
            DeviceName = deviceName;
            IsConnectedToDittoCloud = isConnected;
        }

        /// <summary>What it is called.</summary>
        public string DeviceName { get; }

        /// <summary>Its key: there is none but this peer.</summary>
        public string PeerKeyString => "local";

        /// <summary>Whether it has the server.</summary>
        public bool IsConnectedToDittoCloud { get; }
    }

    /// <summary>Who is there.</summary>
    public sealed class DittoPresenceGraph
    {
        internal DittoPresenceGraph(DittoPeer localPeer)
        {
            LocalPeer = localPeer;
        }

        /// <summary>This peer.</summary>
        public DittoPeer LocalPeer { get; }

        /// <summary>Nobody: peers do not know of each other.</summary>
        public List<DittoPeer> RemotePeers { get; } = new List<DittoPeer>();
    }

    /// <summary>Who is there.</summary>
    public sealed class DittoPresence
    {
        private readonly Port port;
        private readonly Ditto ditto;

        internal DittoPresence(Port port, Ditto ditto)
        {
            this.port = port;
            this.ditto = ditto;
        }

        /// <summary>Who is there now.</summary>
        public DittoPresenceGraph Graph => GraphOf(port.Call(Message.Call("state")));

        /// <summary>Calls a function with who is there, now and whenever the server comes or goes.</summary>
        public DittoObserver Observe(Action<DittoPresenceGraph> callback)
        {
            bool? known = null;
            var watch = new Watch(port, message =>
            {
                var isConnected = IsConnected(message);
                if (isConnected != known)
                {
                    known = isConnected;
                    callback(GraphOf(message));
                }
            });
            return new DittoObserver(watch.Start(Message.Watch("state")));
        }

        internal static bool IsConnected(Dictionary<string, object> message)
        {
            var state = (string)message["state"];
            return state == "live" || state == "catching_up";
        }

        private DittoPresenceGraph GraphOf(Dictionary<string, object> message)
        {
            return new DittoPresenceGraph(new DittoPeer(ditto.DeviceName, IsConnected(message)));
        }
    }
}
