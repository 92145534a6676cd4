package live.ditto;

import com.headwater.internal.Message;
import java.io.File;
import java.util.List;
import java.util.Map;

/**
 * What is opened. The name of an app or database is the app at the server; where no server is named it is that of the
 * environment ({@code HEADWATER_URL}), or this machine's.
 */
public final class DittoConfig {
    /** Where {@code headwater serve} listens if it is not told otherwise. */
    private static final String LOOPBACK = "http://localhost:8080";

    private final Builder built;

    private DittoConfig(Builder built) {
        this.built = built;
    }

    /** Says step by step what is opened. */
    public static final class Builder {
        private final String databaseId;
        private String directory;
        private boolean hasServer = true;
        private String server;
        private String token;
        private DittoIdentity identity;
        private boolean isStrict;
        private List<String> caCertificates;

        /** A database by its name, which is that of the app at the server. */
        public Builder(String databaseId) {
            this.databaseId = databaseId;
            this.directory = "ditto-" + databaseId;
        }

        /** A peer in this folder; the identity says what it is. */
        public Builder(File directory) {
            this.databaseId = "";
            this.directory = directory.getPath();
        }

        /** With the server at this URL. */
        public Builder serverConnect(String url) {
            hasServer = true;
            server = url;
            return this;
        }

        /** Without a server. */
        public Builder smallPeersOnlyConnect() {
            hasServer = false;
            return this;
        }

        /** In this folder. */
        public Builder persistenceDirectory(String directory) {
            this.directory = directory;
            return this;
        }

        /** In this folder. */
        public Builder persistenceDirectory(File directory) {
            return persistenceDirectory(directory.getPath());
        }

        /** In the vendor's older way. */
        public Builder identity(DittoIdentity identity) {
            this.identity = identity;
            hasServer = identity.hasServer();
            server = identity.server();
            token = identity.token();
            return this;
        }

        /** A key of the server. */
        public Builder token(String token) {
            this.token = token;
            return this;
        }

        /** DQL's strict mode. */
        public Builder strict(boolean isStrict) {
            this.isStrict = isStrict;
            return this;
        }

        /** In PEM, of servers that made their own. */
        public Builder caCertificates(List<String> certificates) {
            caCertificates = List.copyOf(certificates);
            return this;
        }

        /** What is opened. */
        public DittoConfig build() {
            return new DittoConfig(this);
        }
    }

    String databaseId() {
        return built.identity == null ? built.databaseId : built.identity.appId();
    }

    String directory() {
        return built.directory;
    }

    boolean hasServer() {
        return built.hasServer;
    }

    DittoAuthenticationCallback authenticationCallback() {
        return built.identity == null ? null : built.identity.callback();
    }

    /** It as a message. */
    Map<String, Object> message() {
        Message message = Message.of(Map.of("abi", 1, "dir", built.directory, "strict", built.isStrict, "sdk", "java"));
        if (built.hasServer) {
            message.with("server", server()).with("app", orNull(databaseId())).with("token", orNull(built.token));
            message.with("ca_certificates", built.caCertificates);
        }
        return message.fields();
    }

    private String server() {
        String server = orNull(built.server);
        String named = server != null ? server : orNull(System.getenv("HEADWATER_URL"));
        return named != null ? named : LOOPBACK;
    }

    private static String orNull(String text) {
        return text == null || text.isEmpty() ? null : text;
    }
}
