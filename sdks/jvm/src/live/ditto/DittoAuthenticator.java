package live.ditto;

import com.headwater.internal.Message;
import com.headwater.internal.Port;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * Tokens. A token is a key of the server.
 *
 * <p>Not here: providers; the server knows keys alone.
 */
public final class DittoAuthenticator {
    /** The provider of tokens for development; every provider is the same here. */
    public static final String DEVELOPMENT_PROVIDER = "__playgroundProvider";

    private final Port port;
    private final Ditto ditto;
    private final boolean hasServer;
    private Port.Watch asked;
    private volatile boolean isAuthenticated;

    DittoAuthenticator(Port port, Ditto ditto, boolean hasServer) {
        this.port = port;
        this.ditto = ditto;
        this.hasServer = hasServer;
    }

    /** Whether there is a server to log in to. */
    public boolean isLoginSupported() {
        return hasServer;
    }

    /** Whether the server has taken the token, as far as {@link #observeStatus} has told. */
    public boolean isAuthenticated() {
        return isAuthenticated;
    }

    /**
     * Gives the server a key; the provider makes no difference.
     *
     * @throws DittoError the peer is closed
     */
    public void login(String token, String provider) {
        port.call(Message.call("authenticate").with("token", token));
    }

    /** The same; the function is told what went wrong, or null. */
    public void login(String token, String provider, BiConsumer<String, DittoError> told) {
        DittoError failed = null;
        try {
            login(token, provider);
        } catch (DittoError error) {
            failed = error;
        }
        told.accept(null, failed);
    }

    /** As {@link #login(String, String)}. */
    public void loginWithToken(String token, String provider) {
        login(token, provider);
    }

    /** Ends sync. What is here stays. */
    public void logout() {
        ditto.stopSync();
    }

    /** The same; the function may evict what is here. */
    public void logout(Consumer<Ditto> cleanUp) {
        logout();
        cleanUp.accept(ditto);
    }

    /** Calls {@code handler} whenever the server does not take the token, and a minute before that ends. */
    public void setExpirationHandler(BiConsumer<Ditto, Integer> handler) {
        onTokenWanted(handler == null ? null : () -> handler.accept(ditto, 0));
    }

    synchronized void onTokenWanted(Runnable ask) {
        if (asked != null) {
            asked.cancel();
        }
        asked = ask == null ? null : port.watch(Message.watch("token"), false, event -> ask.run(), null);
    }

    /** Calls {@code callback} with whether the server has taken the token, now and whenever that changes. */
    public AutoCloseable observeStatus(Consumer<Boolean> callback) {
        boolean[] told = new boolean[1];
        Port.Watch watch = port.watch(Message.watch("state"), false, event -> {
            boolean isTaken = "live".equals(event.get("state")) || "catching_up".equals(event.get("state"));
            if (!told[0] || isTaken != isAuthenticated) {
                told[0] = true;
                isAuthenticated = isTaken;
                callback.accept(isTaken);
            }
        }, null);
        return watch::cancel;
    }
}
