// A peer that is open, by the vendor's names.

using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using Headwater;

namespace DittoSDK
{
    /// <summary>A small peer. Everything of it may be called on any thread.</summary>
    public sealed class Ditto : IDisposable
    {
        /// <summary>The version of the SDK.</summary>
        public const string Version = "0.1.0";

        private readonly Port port;

        /// <summary>Opens a peer in the older way.</summary>
        /// <exception cref="DittoException">in_use, open_failed, …</exception>
        public Ditto(DittoIdentity identity, string path = "ditto") : this(identity.Own(path), identity.AppId)
        {
            if (identity.Delegate != null)
            {
                Auth.Ask(seconds => Ask(identity.Delegate, seconds));
            }
        }

        private void Ask(IDittoAuthenticationDelegate who, double seconds)
        {
            if (seconds > 0)
            {
                who.AuthenticationExpiringSoon(Auth, (long)Math.Ceiling(seconds));
                return;
            }
            who.AuthenticationRequired(Auth);
        }

        private Ditto(HeadwaterConfig config, string appId)
        {
            port = Port.Open(config.ToMessage(), DittoException.Of);
            AppId = appId;
            PersistenceDirectory = config.Dir;
            Store = new DittoStore(port);
            Sync = new DittoSync(port, config.Server != null);
            Auth = new DittoAuthenticator(port, this, config.Server != null);
            Presence = new DittoPresence(port, this);
        }

        /// <summary>The app at the server.</summary>
        public string AppId { get; }

        /// <summary>The folder.</summary>
        public string PersistenceDirectory { get; }

        /// <summary>What this peer is called; nobody else sees it.</summary>
        public string DeviceName { get; set; } = "headwater";

        /// <summary>Its documents.</summary>
        public DittoStore Store { get; }

        /// <summary>Subscriptions, and sync on and off.</summary>
        public DittoSync Sync { get; }

        /// <summary>Gives the server tokens.</summary>
        public DittoAuthenticator Auth { get; }

        /// <summary>Whether the server is there.</summary>
        public DittoPresence Presence { get; }

        /// <summary>What apps say of transports: it is kept and means nothing.</summary>
        public DittoTransportConfig TransportConfig { get; set; } = new DittoTransportConfig();

        /// <summary>Whether sync was started.</summary>
        public bool IsSyncActive => Sync.IsActive;

        /// <summary>Whether it may sync; it always may.</summary>
        public bool IsActivated => true;

        /// <summary>Whether it was closed.</summary>
        public bool IsClosed => port.IsClosed;

        /// <summary>Opens a peer.</summary>
        /// <exception cref="DittoException">in_use, open_failed, …</exception>
        public static Ditto Open(DittoConfig config)
        {
            return new Ditto(config.Own(), config.DatabaseId);
        }

        /// <summary>The same on another thread.</summary>
        public static Task<Ditto> OpenAsync(DittoConfig config)
        {
            return Task.Run(() => Open(config));
        }

        /// <summary>As Sync.Start.</summary>
        public void StartSync()
        {
            Sync.Start();
        }

        /// <summary>As Sync.Stop.</summary>
        public void StopSync()
        {
            Sync.Stop();
        }

        /// <summary>Nothing: there are no licences.</summary>
        public void SetOfflineOnlyLicenseToken(string token)
        {
        }

        /// <summary>Nothing: there is one protocol.</summary>
        public void DisableSyncWithV2()
        {
        }

        /// <summary>Nothing: there is one protocol.</summary>
        public void DisableSyncWithV3()
        {
        }

        /// <summary>Nothing: the store cleans up by itself.</summary>
        public void RunGarbageCollection()
        {
        }

        /// <summary>Lets an app say something of transports, which means nothing here.</summary>
        public void UpdateTransportConfig(Action<DittoTransportConfig> update)
        {
            update(TransportConfig);
        }

        /// <summary>The older Presence.Observe: peers do not know of each other.</summary>
        public DittoObserver ObservePeers(Action<List<DittoPeer>> callback)
        {
            return Presence.Observe(graph => callback(graph.RemotePeers));
        }

        /// <summary>Closes the peer, and waits until its files are closed; a second time it does nothing.</summary>
        public void Close()
        {
            port.Close();
        }

        /// <summary>As Close.</summary>
        public void Dispose()
        {
            Close();
        }
    }
}
