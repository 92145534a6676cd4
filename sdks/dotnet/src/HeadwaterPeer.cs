// A small peer that is open.
//
// Invariants: one that is forgotten is closed, unless it syncs or has observers: those keep it until Close.

using System;
using System.Threading.Tasks;

namespace Headwater
{
    /// <summary>What the library is.</summary>
    public sealed class LibraryInfo
    {
        internal LibraryInfo(long abi, string version)
        {
            Abi = abi;
            Version = version;
        }

        /// <summary>Its list of calls.</summary>
        public long Abi { get; }

        /// <summary>Its version.</summary>
        public string Version { get; }
    }

    /// <summary>A small peer that is open. Everything of it may be called on any thread.</summary>
    public sealed class HeadwaterPeer : IDisposable
    {
        private readonly Port port;

        private HeadwaterPeer(Port port)
        {
            this.port = port;
            Store = new Store(port);
            Sync = new Sync(port);
        }

        /// <summary>Its documents.</summary>
        public Store Store { get; }

        /// <summary>Subscriptions, and what became of writes.</summary>
        public Sync Sync { get; }

        /// <summary>Opens the peer, or makes a new one. No network is needed, and sync is stopped at first.</summary>
        /// <exception cref="HeadwaterException">in_use, open_failed, damaged, invalid_server, unsupported, …</exception>
        public static HeadwaterPeer Open(HeadwaterConfig config)
        {
            var opened = Port.Open(config.ToMessage(), (code, message) => new HeadwaterException(code, message));
            var peer = new HeadwaterPeer(opened);
            if (config.TokenSource != null)
            {
                peer.Sync.TokenSource(config.TokenSource);
            }
            return peer;
        }

        /// <summary>The same on another thread.</summary>
        public static Task<HeadwaterPeer> OpenAsync(HeadwaterConfig config)
        {
            return Task.Run(() => Open(config));
        }

        /// <summary>As Sync.StartAsync.</summary>
        public Task StartSyncAsync()
        {
            return Sync.StartAsync();
        }

        /// <summary>As Sync.StopAsync.</summary>
        public Task StopSyncAsync()
        {
            return Sync.StopAsync();
        }

        /// <summary>What the library is.</summary>
        public async Task<LibraryInfo> InfoAsync()
        {
            var answer = await port.CallAsync(Message.Call("info")).ConfigureAwait(false);
            return new LibraryInfo((long)answer["abi"], (string)answer["version"]);
        }

        /// <summary>
        /// Closes the peer, and waits until its files are closed and no callback runs, but for the one that calls this.
        /// Whatever is asked of it from then on is `closed`; a second time it does nothing.
        /// </summary>
        public void Close()
        {
            port.Close();
        }

        /// <summary>The same on another thread.</summary>
        public Task CloseAsync()
        {
            return Task.Run(() => Close());
        }

        /// <summary>As Close.</summary>
        public void Dispose()
        {
            Close();
        }
    }
}
