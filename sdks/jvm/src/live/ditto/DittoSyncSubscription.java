package live.ditto;

import com.headwater.internal.Message;
import com.headwater.internal.Port;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

/** A subscription: it is stored and outlives the process, until it is ended. */
public class DittoSyncSubscription implements AutoCloseable {
    private final Port port;
    private final Message what;
    private final Object number;
    private final AtomicBoolean isCancelled = new AtomicBoolean();

    DittoSyncSubscription(Port port, Message what) {
        this.port = port;
        this.what = what;
        this.number = port.call(Message.call("register_subscription").with(what.fields())).get("subscription");
    }

    /** The query. */
    public String getQueryString() {
        Object statement = what.fields().get("statement");
        return String.valueOf(statement != null ? statement : what.fields().get("query"));
    }

    /** What stands for its parameters, or null. */
    public Map<String, Object> getQueryArguments() {
        return Message.object(what.fields(), "args");
    }

    /** Whether it was ended. */
    public boolean isCancelled() {
        return isCancelled.get();
    }

    /** Ends it. Its documents stay. */
    public void cancel() {
        if (!isCancelled.getAndSet(true)) {
            DittoSync.unlessClosed(() -> port.call(Message.call("cancel_subscription").with("subscription", number)));
        }
    }

    /** The same. */
    @Override
    public void close() {
        cancel();
    }
}
