package live.ditto;

import com.headwater.Codes;
import com.headwater.internal.Message;
import com.headwater.internal.Port;
import java.util.Map;

/** Sync of a peer. */
public final class DittoSync {
    private final Port port;
    private final boolean hasServer;
    private volatile boolean isActive;

    DittoSync(Port port, boolean hasServer) {
        this.port = port;
        this.hasServer = hasServer;
    }

    /** Whether it was started. */
    public boolean isActive() {
        return isActive;
    }

    /** Connects, and connects again whenever the connection is lost. */
    public void start() {
        if (hasServer) {
            port.call(Message.call("start_sync"));
        }
        isActive = true;
    }

    /** Ends the connection. Local work goes on. */
    public void stop() {
        isActive = false;
        unlessClosed(() -> port.call(Message.call("stop_sync")));
    }

    /** Subscribes to a collection, or a part of it: {@code SELECT * FROM … [WHERE …]}. */
    public DittoSyncSubscription registerSubscription(String query) {
        return registerSubscription(query, null);
    }

    /** The same; {@code args}: what {@code :name} stands for. */
    public DittoSyncSubscription registerSubscription(String query, Map<String, ?> args) {
        return new DittoSyncSubscription(port, Message.of(Map.of("statement", query)).with("args", args));
    }

    /** Does what need not be done any more once the peer is closed. */
    static void unlessClosed(Runnable run) {
        try {
            run.run();
        } catch (DittoError error) {
            if (!error.code().equals(Codes.CLOSED)) {
                throw error;
            }
        }
    }
}
