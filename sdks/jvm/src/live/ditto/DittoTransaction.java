package live.ditto;

import com.headwater.internal.Port;
import java.util.Map;
import java.util.concurrent.CompletionStage;

/** Executes statements in a transaction. */
public final class DittoTransaction {
    private final Port port;
    private final long number;

    DittoTransaction(Port port, long number) {
        this.port = port;
        this.number = number;
    }

    /** Runs a statement of DQL. */
    public CompletionStage<DittoQueryResult> execute(String query) {
        return execute(query, null);
    }

    /** The same; {@code args}: what {@code :name} stands for. */
    public CompletionStage<DittoQueryResult> execute(String query, Map<String, ?> args) {
        return DittoStore.execute(port, query, args, number);
    }
}
