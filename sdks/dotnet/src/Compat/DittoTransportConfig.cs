// What apps say of transports and logs, by the vendor's names. It is kept and means nothing: a peer has one connection,
// to the server that it was opened with, and the library says nothing by itself.

using System;
using System.Collections.Generic;

namespace DittoSDK
{
    /// <summary>How peers would find each other.</summary>
    public sealed class DittoTransportConfig
    {
        /// <summary>Transports between peers.</summary>
        public DittoPeerToPeer PeerToPeer { get; } = new DittoPeerToPeer();

        /// <summary>Where a peer would connect.</summary>
        public DittoConnect Connect { get; } = new DittoConnect();

        /// <summary>Switches all transports.</summary>
        public void EnableAllPeerToPeer()
        {
            SetAllPeerToPeerEnabled(true);
        }

        /// <summary>Switches all transports.</summary>
        public void SetAllPeerToPeerEnabled(bool isEnabled)
        {
            PeerToPeer.BluetoothLE.Enabled = isEnabled;
            PeerToPeer.Lan.Enabled = isEnabled;
            PeerToPeer.Awdl.Enabled = isEnabled;
            PeerToPeer.WifiAware.Enabled = isEnabled;
        }
    }

    /// <summary>Transports between peers.</summary>
    public sealed class DittoPeerToPeer
    {
        /// <summary>A transport.</summary>
        public DittoTransport BluetoothLE { get; } = new DittoTransport();

        /// <summary>A transport.</summary>
        public DittoTransport Lan { get; } = new DittoTransport();

        /// <summary>A transport.</summary>
        public DittoTransport Awdl { get; } = new DittoTransport();

        /// <summary>A transport.</summary>
        public DittoTransport WifiAware { get; } = new DittoTransport();
    }

    /// <summary>A transport.</summary>
    public sealed class DittoTransport
    {
        /// <summary>Whether it would be used.</summary>
        public bool Enabled { get; set; }
    }

    /// <summary>Where a peer would connect.</summary>
    public sealed class DittoConnect
    {
        /// <summary>Addresses.</summary>
        public HashSet<string> TcpServers { get; } = new HashSet<string>();

        /// <summary>URLs.</summary>
        public HashSet<string> WebsocketUrls { get; } = new HashSet<string>();
    }

    /// <summary>How much is logged.</summary>
    public enum DittoLogLevel
    {
        /// <summary>Errors.</summary>
        Error,

        /// <summary>Warnings too.</summary>
        Warning,

        /// <summary>More.</summary>
        Info,

        /// <summary>More.</summary>
        Debug,

        /// <summary>Everything.</summary>
        Verbose,
    }

    /// <summary>Prints nothing: the library says nothing by itself.</summary>
    public static class DittoLogger
    {
        /// <summary>Kept.</summary>
        public static DittoLogLevel MinimumLogLevel { get; set; } = DittoLogLevel.Info;

        /// <summary>Kept.</summary>
        public static bool IsEnabled { get; set; } = true;

        /// <summary>Kept.</summary>
        public static void SetLoggingEnabled(bool isEnabled)
        {
            IsEnabled = isEnabled;
        }

        /// <summary>Kept.</summary>
        public static void SetMinimumLogLevel(DittoLogLevel level)
        {
            MinimumLogLevel = level;
        }

        /// <summary>Nobody is ever called.</summary>
        public static void SetCustomLogCallback(Action<DittoLogLevel, string> callback)
        {
        }
    }
}
