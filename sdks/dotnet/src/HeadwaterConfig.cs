// How a peer is opened.

using System;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Headwater
{
    /// <summary>How a peer is opened.</summary>
    public sealed class HeadwaterConfig
    {
        /// <summary>The folder of the peer.</summary>
        public string Dir { get; set; }

        /// <summary>Where the server is: https://host or http://host, with a port if it is another one.</summary>
        public string Server { get; set; }

        /// <summary>Which app of the server; its default one if none is named.</summary>
        public string App { get; set; }

        /// <summary>A key of the server.</summary>
        public string Token { get; set; }

        /// <summary>
        /// Who gives a newer one, or null: asked when the server does not take the old one, and a minute before that ends.
        /// </summary>
        public Func<Task<string>> TokenSource { get; set; }

        /// <summary>In PEM, of servers that made their own.</summary>
        public IList<string> CaCertificates { get; set; }

        /// <summary>DQL's strict mode.</summary>
        public bool Strict { get; set; }

        /// <summary>Writes return before they are durable: a kill may take those of the last 100 ms.</summary>
        public bool Relaxed { get; set; }

        internal Message ToMessage()
        {
            return new Message
            {
                { "dir", Dir }, { "server", Server }, { "app", App }, { "token", Token },
                { "ca_certificates", CaCertificates }, { "strict", Strict }, { "relaxed", Relaxed },
            };
        }
    }
}
