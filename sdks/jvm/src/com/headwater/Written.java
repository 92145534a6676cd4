package com.headwater;

import com.headwater.internal.Message;
import com.headwater.internal.Port;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** What a write came to. It is durable here. */
public class Written {
    private final Port port;
    private final List<Object> ids;
    private final Object sequence;

    Written(Port port, List<Object> ids, Object sequence) {
        this.port = port;
        this.ids = ids;
        this.sequence = sequence;
    }

    static Written of(Port port, Map<String, Object> answer) {
        return new Written(port, Message.list(answer, "ids"), answer.get("sequence"));
    }

    /** The document's id: of an upsert there is always one; otherwise null if nothing was written. */
    public Object id() {
        return ids.isEmpty() ? null : ids.get(0);
    }

    /** The documents that were written. */
    public List<Object> ids() {
        return ids;
    }

    /** The number of its transaction here; none if there was nothing to do. */
    public OptionalLong sequence() {
        return sequence == null ? OptionalLong.empty() : OptionalLong.of(((Number) sequence).longValue());
    }

    /**
     * Waits until the server has it: the id of its transaction there, as in {@code X-DITTO-TXN-ID} and in the event. None:
     * there was nothing to do, or it is not known as what the server has it.
     *
     * @throws HeadwaterException {@code rejected}: the server refused it
     */
    public OptionalLong committed() {
        return committed(null);
    }

    /**
     * The same, waiting so long at most.
     *
     * @throws HeadwaterException {@code rejected}, {@code timed_out}
     */
    public OptionalLong committed(Duration timeout) {
        return sequence == null ? OptionalLong.empty() : Sync.txn(port.call(committing(timeout)));
    }

    /** The same without waiting; null is no time at all. */
    public CompletionStage<OptionalLong> committedAsync(Duration timeout) {
        if (sequence == null) {
            return CompletableFuture.completedFuture(OptionalLong.empty());
        }
        return port.callLater(committing(timeout)).thenApply(Sync::txn);
    }

    private Message committing(Duration timeout) {
        return Message.call("committed").with("sequence", sequence).with("timeout_ms", Sync.milliseconds(timeout));
    }
}
