package live.ditto;

import com.headwater.internal.Port;
import java.util.Map;
import java.util.function.Consumer;

/** One who is told of a result. */
public final class DittoStoreObserver implements AutoCloseable {
    private final Port.Watch watch;
    private final String queryString;
    private final Map<String, ?> queryArguments;
    private final Consumer<DittoStoreObserver> forget;
    private volatile boolean isCancelled;

    DittoStoreObserver(Port.Watch watch, String queryString, Map<String, ?> queryArguments,
            Consumer<DittoStoreObserver> forget) {
        this.watch = watch;
        this.queryString = queryString;
        this.queryArguments = queryArguments;
        this.forget = forget;
    }

    /** The query. */
    public String getQueryString() {
        return queryString;
    }

    /** What stands for its parameters, or null. */
    public Map<String, ?> getQueryArguments() {
        return queryArguments;
    }

    /** Whether it was ended. */
    public boolean isCancelled() {
        return isCancelled;
    }

    /** Ends it: after this has returned its handler does not run, unless this is called within that. */
    @Override
    public void close() {
        isCancelled = true;
        watch.cancel();
        forget.accept(this);
    }

    /** The same. */
    public void cancel() {
        close();
    }
}
