package live.ditto;

import com.headwater.internal.Message;
import com.headwater.internal.Port;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.IntConsumer;

/**
 * Logging in. With a provider the server asks the app's login hook; with the one for development the token is a key of the
 * server.
 *
 * <p>Not here: who asks the server (the library).
 */
public final class DittoAuthenticator {
    /** The provider of tokens for development: keys of the server. */
    public static final String DEVELOPMENT_PROVIDER = "__playgroundProvider";

    private final Port port;
    private final Ditto ditto;
    private final boolean hasServer;
    private Port.Watch asked;
    private volatile boolean isAuthenticated;
    private volatile String userId;

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

    /** Who has logged in, as the app's login hook says; null where a key was given. */
    public String getUserId() {
        return userId;
    }

    /**
     * Logs in with what a provider gave; with the one for development it is a key of the server. Waits for the server, some
     * seconds at most.
     *
     * @throws DittoError {@code rejected}, {@code timed_out}, {@code no_server}
     */
    public void login(String token, String provider) {
        loggedIn(port.call(loggingIn(token, provider)));
    }

    /** The same without waiting; the function is told what went wrong, or null, on the thread of callbacks. */
    public void login(String token, String provider, BiConsumer<String, DittoError> told) {
        port.callLater(loggingIn(token, provider)).whenComplete((answer, failed) -> {
            if (failed == null) {
                loggedIn(answer);
            }
            tell(told, failed);
        });
    }

    /** What it throws goes where that of other callbacks goes. */
    private static void tell(BiConsumer<String, DittoError> told, Throwable failed) {
        try {
            told.accept(null, (DittoError) failed);
        } catch (RuntimeException uncaught) {
            Thread thread = Thread.currentThread();
            thread.getUncaughtExceptionHandler().uncaughtException(thread, uncaught);
        }
    }

    private static Message loggingIn(String token, String provider) {
        if (DEVELOPMENT_PROVIDER.equals(provider)) {
            return Message.call("authenticate").with("token", token);
        }
        return Message.call("login").with("token", token).with("provider", provider);
    }

    private void loggedIn(Map<String, Object> answer) {
        userId = (String) answer.get("userId");
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

    /**
     * Calls {@code handler} whenever the server does not take the token, and a minute before that ends, with the seconds that
     * are left. It logs in: there is no refresh token. Where it does not, it is called again later. Null takes it away.
     */
    public void setExpirationHandler(BiConsumer<Ditto, Integer> handler) {
        onTokenWanted(handler == null ? null : seconds -> handler.accept(ditto, seconds));
    }

    /** The seconds are 0 where the server does not take the token. */
    synchronized void onTokenWanted(IntConsumer ask) {
        if (asked != null) {
            asked.cancel();
        }
        asked = ask == null ? null
                : port.watch(Message.watch("token"), false, event -> ask.accept(secondsLeft(event)), null);
    }

    private static int secondsLeft(Map<String, Object> event) {
        Number left = (Number) event.get("remaining_ms");
        return left == null ? 0 : (int) Math.min((left.longValue() + 999) / 1000, Integer.MAX_VALUE);
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
