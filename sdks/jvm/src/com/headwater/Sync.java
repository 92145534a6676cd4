package com.headwater;

import com.headwater.internal.Events;
import com.headwater.internal.Message;
import com.headwater.internal.Port;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** Sync with the server: subscriptions, and what became of local writes. */
public final class Sync {
    private final Port port;
    private Observer tokens;

    Sync(Port port) {
        this.port = port;
    }

    /** Connects, and connects again whenever the connection is lost. It is done before there is a connection. */
    public void start() {
        port.call(Message.call("start_sync"));
    }

    /** Ends the connection. Local work goes on. */
    public void stop() {
        port.call(Message.call("stop_sync"));
    }

    /** Subscribes to a collection, or a part of it: {@code SELECT * FROM … [WHERE …]}. */
    public Subscription registerSubscription(String statement) {
        return registerSubscription(statement, null);
    }

    /** The same. One that asks for the same as an earlier one is the same one. */
    public Subscription registerSubscription(String statement, Map<String, ?> args) {
        Message request = Message.call("register_subscription").with("statement", statement).with("args", args);
        return Subscription.of(port, port.call(request));
    }

    /**
     * Where sync stands: {@code stopped}, {@code connecting}, {@code catching_up}, {@code live}, {@code waiting},
     * {@code needs_token} or {@code refused}.
     */
    public String state() {
        return (String) status().get("state");
    }

    /** Calls {@code callback} with where sync stands, now and whenever it stands elsewhere. */
    public Observer observeState(Consumer<String> callback) {
        return new Observer(port.watch(Message.watch("state"), false,
                event -> callback.accept((String) event.get("state")), null));
    }

    /** The same as a publisher. */
    public Flow.Publisher<String> states() {
        return new Events<>(port, Message.watch("state"), event -> (String) event.get("state"));
    }

    /** How many local transactions the server has said nothing of. */
    public long pending() {
        return ((Number) status().get("pending")).longValue();
    }

    /** Why it does not sync, for people, if something is wrong. */
    public Optional<String> lastError() {
        return Optional.ofNullable((String) status().get("last_error"));
    }

    /** As {@link Written#committed()}, by a write's {@code sequence}. */
    public OptionalLong committed(long sequence, Duration timeout) {
        return txn(port.call(Message.call("committed").with("sequence", sequence)
                .with("timeout_ms", milliseconds(timeout))));
    }

    /** Waits until the server has said of everything that is pending now whether it takes it, for ever if need be. */
    public OptionalLong flushed() {
        return flushed(null);
    }

    /**
     * The same, waiting so long at most: the newest transaction that the server made of writes from here, if one is known.
     *
     * @throws HeadwaterException {@code timed_out}
     */
    public OptionalLong flushed(Duration timeout) {
        return txn(port.call(flushing(timeout)));
    }

    /** The same without waiting; null is no time at all. */
    public CompletionStage<OptionalLong> flushedAsync(Duration timeout) {
        return port.callLater(flushing(timeout)).thenApply(Sync::txn);
    }

    private static Message flushing(Duration timeout) {
        return Message.call("flushed").with("timeout_ms", milliseconds(timeout));
    }

    /** The writes that the server refused, the oldest first, as far as they are kept. */
    public List<Rejected> rejected() {
        List<Map<String, Object>> rejected = Message.objects(port.call(Message.call("rejected")), "rejected");
        return rejected.stream().map(Rejected::new).collect(Collectors.toList());
    }

    /** Calls {@code callback} with each write that the server refuses, from now on. */
    public Observer onRejected(Consumer<Rejected> callback) {
        return new Observer(port.watch(Message.watch("rejected"), true,
                event -> callback.accept(new Rejected(Message.object(event, "rejected"))), null));
    }

    /** A refused write was seen to, and need not be kept. */
    public void forgetRejected(long sequence) {
        port.call(Message.call("forget_rejected").with("sequence", sequence));
    }

    /** A newer token. */
    public void authenticate(String token) {
        port.call(Message.call("authenticate").with("token", token));
    }

    /**
     * Logs in with what a provider gave: the server asks the app's login hook, and its token is used from now on. When that
     * ends, the source of tokens is asked: there is no refresh token. Waits for the server, some seconds at most.
     *
     * @throws HeadwaterException {@code rejected}, {@code timed_out}, {@code no_server}
     */
    public Login login(String token, String provider) {
        return new Login(port.call(loggingIn(token, provider)));
    }

    /** The same without waiting. */
    public CompletionStage<Login> loginAsync(String token, String provider) {
        return port.callLater(loggingIn(token, provider)).thenApply(Login::new);
    }

    private static Message loggingIn(String token, String provider) {
        return Message.call("login").with("token", token).with("provider", provider);
    }

    /**
     * Who gives a newer token, on the thread of callbacks: asked when the server does not take the old one, and a minute
     * before that ends. It may log in, and give null; where no token comes it is asked again later. Another source takes
     * the place of an earlier one; null takes it away.
     */
    public synchronized void tokenSource(Supplier<String> source) {
        if (tokens != null) {
            tokens.cancel();
        }
        WeakReference<Port> asking = new WeakReference<>(port); // a source alone keeps no peer open
        tokens = source == null ? null : new Observer(port.watch(Message.watch("token"), false, event -> {
            String token = source.get();
            Port port = asking.get();
            if (token != null && port != null) {
                port.call(Message.call("authenticate").with("token", token));
            }
        }, null));
    }

    private Map<String, Object> status() {
        return port.call(Message.call("state"));
    }

    static OptionalLong txn(Map<String, Object> answer) {
        Object txn = answer.get("txn");
        return txn == null ? OptionalLong.empty() : OptionalLong.of(((Number) txn).longValue());
    }

    static Long milliseconds(Duration timeout) {
        return timeout == null ? null : Long.valueOf(timeout.toMillis());
    }
}
