// The vendor's ways to say what is opened: configurations, and the older identities.
//
// Invariants: the name of an app or database is the app at the server; where no server is named it is the one of the
// environment, or of this machine.

using System;
using System.Collections.Generic;
using Headwater;

namespace DittoSDK
{
    /// <summary>How a peer connects.</summary>
    public abstract class DittoConfigConnect
    {
        private DittoConfigConnect()
        {
        }

        /// <summary>With a server.</summary>
        public sealed class Server : DittoConfigConnect
        {
            /// <summary>Without a URL the server is that of HEADWATER_URL, or this machine's.</summary>
            public Server(Uri url = null)
            {
                Url = url;
            }

            /// <summary>Where it is.</summary>
            public Uri Url { get; }
        }

        /// <summary>Without one.</summary>
        public sealed class SmallPeersOnly : DittoConfigConnect
        {
            /// <summary>The vendor's key means nothing here.</summary>
            public SmallPeersOnly(string privateKey = null)
            {
                PrivateKey = privateKey;
            }

            /// <summary>The key.</summary>
            public string PrivateKey { get; }
        }
    }

    /// <summary>What is opened.</summary>
    public sealed class DittoConfig
    {
        /// <summary>Where headwater serve listens if it is not told otherwise.</summary>
        private const string Loopback = "http://localhost:8080";

        /// <summary>The database's id is the app at the server.</summary>
        public DittoConfig(string databaseId, DittoConfigConnect connect = null, string persistenceDirectory = null)
        {
            DatabaseId = databaseId;
            Connect = connect ?? new DittoConfigConnect.Server();
            PersistenceDirectory = persistenceDirectory;
        }

        /// <summary>The app at the server.</summary>
        public string DatabaseId { get; set; }

        /// <summary>How it connects.</summary>
        public DittoConfigConnect Connect { get; set; }

        /// <summary>The folder.</summary>
        public string PersistenceDirectory { get; set; }

        /// <summary>DQL's strict mode.</summary>
        public bool Strict { get; set; }

        /// <summary>In PEM, of servers that made their own.</summary>
        public IList<string> CaCertificates { get; set; }

        internal HeadwaterConfig Own()
        {
            var config = new HeadwaterConfig
            {
                Dir = PersistenceDirectory ?? "ditto-" + DatabaseId, Strict = Strict, CaCertificates = CaCertificates,
            };
            if (Connect is DittoConfigConnect.Server server)
            {
                config.Server = ServerOf(server.Url?.ToString());
                config.App = Given(DatabaseId);
            }
            return config;
        }

        internal static string ServerOf(string url)
        {
            var server = Given(url) ?? Given(Environment.GetEnvironmentVariable("HEADWATER_URL")) ?? Loopback;
            return server.TrimEnd('/');
        }

        internal static string Given(string text)
        {
            return string.IsNullOrEmpty(text) ? null : text;
        }
    }

    /// <summary>Logs in when the server does not take the token, or that ends.</summary>
    public interface IDittoAuthenticationDelegate
    {
        /// <summary>The server wants a token: log in.</summary>
        void AuthenticationRequired(DittoAuthenticator authenticator);

        /// <summary>The token ends in so many seconds: log in again.</summary>
        void AuthenticationExpiringSoon(DittoAuthenticator authenticator, long secondsRemaining);
    }

    /// <summary>The older way to say who opens a peer.</summary>
    public sealed class DittoIdentity
    {
        private DittoIdentity(string appId, bool hasServer)
        {
            AppId = appId;
            HasServer = hasServer;
        }

        internal string AppId { get; }

        internal bool HasServer { get; }

        internal string Token { get; private set; }

        internal string Url { get; private set; }

        internal IDittoAuthenticationDelegate Delegate { get; private set; }

        /// <summary>With a key of the server, or none. The vendor's cloud is not there, whether it is wanted or not.</summary>
        public static DittoIdentity OnlinePlayground(
            string appId, string token, bool enableDittoCloudSync = true, string customAuthUrl = null)
        {
            return new DittoIdentity(appId, true) { Token = token, Url = customAuthUrl };
        }

        /// <summary>With a delegate that logs in.</summary>
        public static DittoIdentity OnlineWithAuthentication(
            string appId, IDittoAuthenticationDelegate authenticationDelegate, bool enableDittoCloudSync = true,
            string customAuthUrl = null)
        {
            return new DittoIdentity(appId, true) { Delegate = authenticationDelegate, Url = customAuthUrl };
        }

        /// <summary>Without a server.</summary>
        public static DittoIdentity OfflinePlayground(string appId = null, ulong? siteId = null)
        {
            return new DittoIdentity(appId, false);
        }

        /// <summary>Without a server.</summary>
        public static DittoIdentity Development(string appId = null, ulong? siteId = null)
        {
            return new DittoIdentity(appId, false);
        }

        /// <summary>Peers do not find each other here.</summary>
        /// <exception cref="DittoException">unsupported</exception>
        public static DittoIdentity SharedKey(string appId, string sharedKey, ulong? siteId = null)
        {
            throw Unsupported("SharedKey");
        }

        /// <summary>Peers do not find each other here.</summary>
        /// <exception cref="DittoException">unsupported</exception>
        public static DittoIdentity Manual(string certificateConfig)
        {
            throw Unsupported("Manual");
        }

        internal HeadwaterConfig Own(string path)
        {
            var config = new HeadwaterConfig { Dir = path };
            if (HasServer)
            {
                config.Server = DittoConfig.ServerOf(Url);
                config.App = DittoConfig.Given(AppId);
                config.Token = DittoConfig.Given(Token);
            }
            return config;
        }

        private static DittoException Unsupported(string identity)
        {
            return new DittoException(Codes.Unsupported, "there is no identity " + identity + " here: OnlinePlayground and "
                + "OnlineWithAuthentication have a server, OfflinePlayground and Development have none");
        }
    }
}
