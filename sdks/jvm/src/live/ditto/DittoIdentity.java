package live.ditto;

import java.io.File;

/** Who a peer is, in the vendor's older way: which app of which server, and by which key; or that it has no server. */
public abstract class DittoIdentity {
    private final DittoDependencies dependencies;
    private final String appId;
    private final String token;
    private final String server;

    private DittoIdentity(DittoDependencies dependencies, String appId, String token, String server) {
        this.dependencies = dependencies;
        this.appId = appId;
        this.token = token;
        this.server = server;
    }

    String appId() {
        return appId;
    }

    String token() {
        return token;
    }

    String server() {
        return server;
    }

    boolean hasServer() {
        return true;
    }

    DittoAuthenticationCallback callback() {
        return null;
    }

    DittoConfig config() {
        File folder = dependencies == null ? new File("ditto") : dependencies.persistenceDirectory();
        return new DittoConfig.Builder(folder).identity(this).build();
    }

    /** With a key of the server, or an empty one where none is needed. */
    public static final class OnlinePlayground extends DittoIdentity {
        /** Where the server is {@code HEADWATER_URL}'s, or this machine's. */
        public OnlinePlayground(DittoDependencies dependencies, String appId, String token) {
            this(dependencies, appId, token, false, null);
        }

        /** The vendor's cloud is not there, whether it is wanted or not. */
        public OnlinePlayground(DittoDependencies dependencies, String appId, String token, boolean enableDittoCloudSync) {
            this(dependencies, appId, token, enableDittoCloudSync, null);
        }

        /** {@code customAuthUrl}: where the server is. */
        public OnlinePlayground(DittoDependencies dependencies, String appId, String token, boolean enableDittoCloudSync,
                String customAuthUrl) {
            super(dependencies, appId, token, customAuthUrl);
        }

        /** The folder is named elsewhere. */
        public OnlinePlayground(String appId, String token) {
            this(null, appId, token, false, null);
        }

        /** The folder is named elsewhere. */
        public OnlinePlayground(String appId, String token, boolean enableDittoCloudSync) {
            this(null, appId, token, enableDittoCloudSync, null);
        }

        /** The folder is named elsewhere. */
        public OnlinePlayground(String appId, String token, boolean enableDittoCloudSync, String customAuthUrl) {
            this(null, appId, token, enableDittoCloudSync, customAuthUrl);
        }
    }

    /** With a function that logs in. */
    public static final class OnlineWithAuthentication extends DittoIdentity {
        private final DittoAuthenticationCallback callback;

        /** Where the server is {@code HEADWATER_URL}'s, or this machine's. */
        public OnlineWithAuthentication(DittoDependencies dependencies, String appId, DittoAuthenticationCallback callback) {
            this(dependencies, appId, callback, false, null);
        }

        /** {@code customAuthUrl}: where the server is. */
        public OnlineWithAuthentication(DittoDependencies dependencies, String appId, DittoAuthenticationCallback callback,
                boolean enableDittoCloudSync, String customAuthUrl) {
            super(dependencies, appId, null, customAuthUrl);
            this.callback = callback;
        }

        @Override
        DittoAuthenticationCallback callback() {
            return callback;
        }
    }

    /** Without a server. */
    public static final class OfflinePlayground extends DittoIdentity {
        /** The folder is named elsewhere. */
        public OfflinePlayground() {
            this(null, "");
        }

        /** Of an app by its name. */
        public OfflinePlayground(DittoDependencies dependencies, String appId) {
            super(dependencies, appId, null, null);
        }

        @Override
        boolean hasServer() {
            return false;
        }
    }
}
