package live.ditto;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** What apps say of transports. It is kept and means nothing: a peer has one connection, to its server. */
public final class DittoTransportConfig {
    private final Connect connect = new Connect();
    private boolean isPeerToPeerEnabled;

    /** Servers that an app names. */
    public static final class Connect {
        private final List<String> tcpServers = new ArrayList<>();
        private final List<String> websocketUrls = new ArrayList<>();

        /** Of TCP. */
        public List<String> getTcpServers() {
            return tcpServers;
        }

        /** Of WebSocket. */
        public List<String> getWebsocketUrls() {
            return websocketUrls;
        }
    }

    /** Servers that an app names. */
    public Connect getConnect() {
        return connect;
    }

    /** The same, step by step. */
    public void connect(Consumer<Connect> update) {
        update.accept(connect);
    }

    /** Whether peers would find each other. */
    public boolean isPeerToPeerEnabled() {
        return isPeerToPeerEnabled;
    }

    /** Peers would find each other. */
    public void enableAllPeerToPeer() {
        isPeerToPeerEnabled = true;
    }

    /** Whether peers would find each other. */
    public void setAllPeerToPeerEnabled(boolean isEnabled) {
        isPeerToPeerEnabled = isEnabled;
    }
}
