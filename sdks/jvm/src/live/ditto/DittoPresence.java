package live.ditto;

import com.headwater.internal.Message;
import com.headwater.internal.Port;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Who is there: this peer, and whether it has the server. Peers do not know of each other. */
public final class DittoPresence {
    private final Port port;
    private final Ditto ditto;
    private volatile boolean isConnected;
    private volatile Map<String, Object> peerMetadata = Map.of();

    DittoPresence(Port port, Ditto ditto) {
        this.port = port;
        this.ditto = ditto;
    }

    /** Who is there now, as far as an observer has told. */
    public Graph getGraph() {
        return new Graph(new DittoPeer(ditto.getDeviceName(), isConnected, peerMetadata));
    }

    /** What this peer says of itself; nobody else sees it. */
    public Map<String, Object> getPeerMetadata() {
        return peerMetadata;
    }

    /** What this peer says of itself; nobody else sees it. */
    public void setPeerMetadata(Map<String, Object> metadata) {
        peerMetadata = metadata;
    }

    /** Calls {@code callback} with who is there, now and whenever the server comes or goes. */
    public AutoCloseable observe(Consumer<Graph> callback) {
        boolean[] told = new boolean[1];
        Port.Watch watch = port.watch(Message.watch("state"), false, event -> {
            boolean isThere = "live".equals(event.get("state")) || "catching_up".equals(event.get("state"));
            if (!told[0] || isThere != isConnected) {
                told[0] = true;
                isConnected = isThere;
                callback.accept(getGraph());
            }
        }, null);
        return watch::cancel;
    }

    /** Who is there. */
    public static final class Graph {
        private final DittoPeer localPeer;

        private Graph(DittoPeer localPeer) {
            this.localPeer = localPeer;
        }

        /** This peer. */
        public DittoPeer getLocalPeer() {
            return localPeer;
        }

        /** Nobody: peers do not know of each other. */
        public List<DittoPeer> getRemotePeers() {
            return List.of();
        }
    }

    /** A peer. */
    public static final class DittoPeer {
        private final String deviceName;
        private final boolean isConnected;
        private final Map<String, Object> metadata;

        private DittoPeer(String deviceName, boolean isConnected, Map<String, Object> metadata) {
            this.deviceName = deviceName;
            this.isConnected = isConnected;
            this.metadata = metadata;
        }

        /** Its name. */
        public String getDeviceName() {
            return deviceName;
        }

        /** Whether it has the server. */
        public boolean isConnectedToDittoCloud() {
            return isConnected;
        }

        /** What it says of itself. */
        public Map<String, Object> getPeerMetadata() {
            return metadata;
        }
    }
}
