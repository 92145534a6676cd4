package com.headwater;

import com.headwater.internal.Message;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;

/** How a peer is opened. */
public final class Config {
    /** Which list of calls this jar knows ({@code sdks/calls.json}). */
    private static final int ABI = 1;

    private final Message message;
    private Supplier<String> tokenSource;

    /** A peer in this folder, which is made if it is not there. */
    public Config(Path dir) {
        this(dir.toString());
    }

    /** The same. */
    public Config(String dir) {
        message = Message.of(Map.of("abi", ABI, "dir", Objects.requireNonNull(dir, "dir"), "sdk", "java"));
    }

    /** Where the server is: {@code https://host} or {@code http://host}, with a port if it is another one. */
    public Config server(String server) {
        message.with("server", server);
        return this;
    }

    /** Which app of the server; its default one if none is named. */
    public Config app(String app) {
        message.with("app", app);
        return this;
    }

    /** A key of the server. */
    public Config token(String token) {
        message.with("token", token);
        return this;
    }

    /**
     * Who gives a newer one, or null where it has none: asked on the thread of callbacks when the server does not take the
     * old one, and a minute before that ends.
     */
    public Config tokenSource(Supplier<String> source) {
        tokenSource = source;
        return this;
    }

    /** In PEM, of servers that made their own. */
    public Config caCertificates(List<String> certificates) {
        message.with("ca_certificates", List.copyOf(certificates));
        return this;
    }

    /** DQL's strict mode. */
    public Config strict(boolean isStrict) {
        message.with("strict", isStrict);
        return this;
    }

    /** Writes return before they are durable: a kill may take those of the last 100 ms. */
    public Config relaxed(boolean isRelaxed) {
        message.with("relaxed", isRelaxed);
        return this;
    }

    Map<String, Object> message() {
        return message.fields();
    }

    Supplier<String> tokenSource() {
        return tokenSource;
    }
}
