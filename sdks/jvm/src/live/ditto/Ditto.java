package live.ditto;

import com.headwater.internal.Port;
import java.util.function.Consumer;

/** A small peer that is open, by the vendor's names. */
public final class Ditto implements AutoCloseable {
    /** The version of the jar. */
    public static final String VERSION = "0.1.0";

    /** The documents. */
    public final DittoStore store;
    /** Subscriptions, and sync on and off. */
    public final DittoSync sync;
    /** Tokens. */
    public final DittoAuthenticator auth;
    /** Who is there. */
    public final DittoPresence presence;

    private final Port port;
    private final DittoConfig config;
    private String deviceName = "headwater";
    private DittoTransportConfig transportConfig = new DittoTransportConfig();
    private volatile boolean isClosed;

    /**
     * Opens a peer.
     *
     * @throws DittoError it cannot be opened
     */
    public Ditto(DittoConfig config) {
        this.config = config;
        this.port = Port.open(config.message(), DittoError::new);
        this.store = new DittoStore(port);
        this.sync = new DittoSync(port, config.hasServer());
        this.auth = new DittoAuthenticator(port, this, config.hasServer());
        this.presence = new DittoPresence(port, this);
        DittoAuthenticationCallback callback = config.authenticationCallback();
        if (callback != null) {
            auth.onTokenWanted(seconds -> {
                if (seconds > 0) {
                    callback.authenticationExpiringSoon(auth, seconds);
                } else {
                    callback.authenticationRequired(auth);
                }
            });
        }
    }

    /** Opens a peer in the older way. */
    public Ditto(DittoDependencies dependencies, DittoIdentity identity) {
        this(new DittoConfig.Builder(dependencies.persistenceDirectory()).identity(identity).build());
    }

    /** The same, in the folder of the identity. */
    public Ditto(DittoIdentity identity) {
        this(identity.config());
    }

    /** Says step by step what is opened. */
    public static final class Builder {
        private final DittoDependencies dependencies;
        private DittoIdentity identity = new DittoIdentity.OfflinePlayground();

        /** A peer in the folder that they name. */
        public Builder(DittoDependencies dependencies) {
            this.dependencies = dependencies;
        }

        /** Who it is. */
        public Builder setIdentity(DittoIdentity identity) {
            this.identity = identity;
            return this;
        }

        /** Opens it. */
        public Ditto build() {
            return new Ditto(dependencies, identity);
        }
    }

    /** The field. */
    public DittoStore getStore() {
        return store;
    }

    /** The field. */
    public DittoSync getSync() {
        return sync;
    }

    /** The field. */
    public DittoAuthenticator getAuth() {
        return auth;
    }

    /** The field. */
    public DittoPresence getPresence() {
        return presence;
    }

    /** The app at the server. */
    public String getAppId() {
        return config.databaseId();
    }

    /** The folder. */
    public String getPersistenceDirectory() {
        return config.directory();
    }

    /** Connects, and connects again whenever the connection is lost. Without a server there is nobody to sync with. */
    public void startSync() {
        sync.start();
    }

    /** Ends the connection. Local work goes on. */
    public void stopSync() {
        sync.stop();
    }

    /** Whether sync was started. */
    public boolean isSyncActive() {
        return sync.isActive();
    }

    /** Whether it may sync; it always may. */
    public boolean isActivated() {
        return true;
    }

    /** Whether it was closed. */
    public boolean isClosed() {
        return isClosed;
    }

    /** Closes the peer, and waits until its files are closed. */
    @Override
    public void close() {
        isClosed = true;
        port.close();
    }

    /** What others would see of it. */
    public String getDeviceName() {
        return deviceName;
    }

    /** What others would see of it. */
    public void setDeviceName(String deviceName) {
        this.deviceName = deviceName;
    }

    /** Nothing: there are no licences. */
    public void setOfflineOnlyLicenseToken(String token) {
    }

    /** Nothing: there is one protocol. */
    public void disableSyncWithV2() {
    }

    /** Nothing: there is one protocol. */
    public void disableSyncWithV3() {
    }

    /** Nothing: the store cleans up by itself. */
    public void runGarbageCollection() {
    }

    /** What an app said of transports, which means nothing here. */
    public DittoTransportConfig getTransportConfig() {
        return transportConfig;
    }

    /** Lets an app say something of transports, which means nothing here. */
    public void setTransportConfig(DittoTransportConfig transportConfig) {
        this.transportConfig = transportConfig;
    }

    /** The same, step by step. */
    public void updateTransportConfig(Consumer<DittoTransportConfig> update) {
        update.accept(transportConfig);
    }
}
