package com.headwater;

import com.headwater.internal.Message;
import com.headwater.internal.Port;
import java.util.Map;
import java.util.Optional;

/** A subscription: it is stored and outlives the process, until {@link #cancel}. */
public final class Subscription {
    private final Port port;
    private final Object number;

    private Subscription(Port port, Object number) {
        this.port = port;
        this.number = number;
    }

    static Subscription of(Port port, Map<String, Object> answer) {
        return new Subscription(port, answer.get("subscription"));
    }

    /** Ends it. Its documents stay. */
    public void cancel() {
        port.call(Message.call("cancel_subscription").with("subscription", number));
    }

    /** Whether all its documents are here. */
    public boolean isComplete() {
        return (Boolean) state().get("complete");
    }

    /** Why the server does not take it, if it does not: the key may not read the collection, for one. */
    public Optional<String> refused() {
        return Optional.ofNullable((String) state().get("refused"));
    }

    private Map<String, Object> state() {
        return port.call(Message.call("subscription").with("subscription", number));
    }
}
