package com.headwater;

import com.headwater.internal.Message;
import com.headwater.internal.Port;
import java.util.Map;

/**
 * A small peer that is open: it writes to a store of its own first, without a network too, and syncs with a server when
 * there is one. Every call may be made on any thread; one that writes returns once that is durable.
 */
public final class Headwater implements AutoCloseable {
    private final Port port;
    private final Store store;
    private final Sync sync;

    private Headwater(Port port) {
        this.port = port;
        this.store = new Store(port);
        this.sync = new Sync(port);
    }

    /**
     * Opens the peer, or makes a new one. No network is needed, and sync is stopped at first.
     *
     * @throws HeadwaterException {@code in_use}, {@code open_failed}, {@code damaged}, …; {@code unsupported}: the native
     *     library is missing or another one
     */
    public static Headwater open(Config config) {
        Headwater headwater = new Headwater(Port.open(config.message(), HeadwaterException::new));
        if (config.tokenSource() != null) {
            headwater.sync.tokenSource(config.tokenSource());
        }
        return headwater;
    }

    /** Its documents. */
    public Store store() {
        return store;
    }

    /** Subscriptions, and what became of writes. */
    public Sync sync() {
        return sync;
    }

    /** Connects, and connects again whenever the connection is lost. It is done before there is a connection. */
    public void startSync() {
        sync.start();
    }

    /** Ends the connection. Local work goes on. */
    public void stopSync() {
        sync.stop();
    }

    /**
     * Closes the peer, and waits until its files are closed, every pending call is answered and callbacks have ended
     * (within a callback not for those). Whatever is asked of it from then on is {@code closed}.
     */
    @Override
    public void close() {
        port.close();
    }

    /** What the library is. */
    public Info info() {
        return new Info(port.call(Message.call("info")));
    }

    /** What the library is. */
    public static final class Info {
        private final Map<String, Object> answer;

        private Info(Map<String, Object> answer) {
            this.answer = answer;
        }

        /** Which list of calls it has. */
        public int abi() {
            return ((Number) answer.get("abi")).intValue();
        }

        /** Its version. */
        public String version() {
            return (String) answer.get("version");
        }
    }
}
