package live.ditto;

import com.headwater.Codes;
import com.headwater.internal.Events;
import com.headwater.internal.Message;
import com.headwater.internal.Port;
import com.headwater.internal.Transactions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Flow;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The documents of a peer. Statements come later, everything of the legacy language at once.
 *
 * <p>Not here: attachments.
 */
public final class DittoStore {
    private static final Pattern SETTING = Pattern.compile(
            "\\s*ALTER\\s+SYSTEM\\s+SET\\s+(\\w+)\\s*(?:=|TO)\\s*(\\S+?)\\s*;?\\s*", Pattern.CASE_INSENSITIVE);

    private final Port port;
    private final Set<DittoStoreObserver> observers = ConcurrentHashMap.newKeySet();

    DittoStore(Port port) {
        this.port = port;
    }

    /** A collection. */
    public DittoCollection collection(String name) {
        return new DittoCollection(port, name);
    }

    /** The same, as Kotlin writes {@code store["people"]}. */
    public DittoCollection get(String name) {
        return collection(name);
    }

    /** The collections that have documents. */
    public List<DittoCollection> collections() {
        return collectionNames().stream().map(this::collection).collect(Collectors.toList());
    }

    /** Their names. */
    public List<String> collectionNames() {
        Message request = Message.call("execute").with("statement", "SELECT name FROM system:collections");
        return Message.objects(port.call(request), "items").stream()
                .map(item -> (String) item.get("name")).collect(Collectors.toList());
    }

    /** Runs a statement of DQL. What comes of it comes on the thread of callbacks. */
    public CompletionStage<DittoQueryResult> execute(String query) {
        return execute(query, null);
    }

    /** The same; {@code args}: what {@code :name} stands for. */
    public CompletionStage<DittoQueryResult> execute(String query, Map<String, ?> args) {
        return execute(port, query, args, null);
    }

    /** Calls {@code handler} with what a SELECT gives now, and again whenever that may be something else. */
    public DittoStoreObserver registerObserver(String query, Consumer<DittoQueryResult> handler) {
        return registerObserver(query, null, handler);
    }

    /** The same; {@code args}: what {@code :name} stands for. */
    public DittoStoreObserver registerObserver(String query, Map<String, ?> args, Consumer<DittoQueryResult> handler) {
        return added(query, args, port.watch(selecting(query, args), false,
                event -> handler.accept(new DittoQueryResult(event)), null));
    }

    /** The same, but not before the handler has called the second thing that it is given. */
    public DittoStoreObserver registerObserverWithSignalNext(String query, Map<String, ?> args,
            BiConsumer<DittoQueryResult, Runnable> handler) {
        return added(query, args, port.watchPaced(selecting(query, args),
                (event, next) -> handler.accept(new DittoQueryResult(event), next)));
    }

    /** The same as a publisher: whoever subscribes to it is told the current result first, then the newest. */
    public Flow.Publisher<DittoQueryResult> observe(String query, Map<String, ?> args) {
        return new Events<>(port, selecting(query, args), DittoQueryResult::new);
    }

    private static Message selecting(String query, Map<String, ?> args) {
        return Message.watch("select").with("statement", query).with("args", args);
    }

    private DittoStoreObserver added(String query, Map<String, ?> args, Port.Watch watch) {
        DittoStoreObserver observer = new DittoStoreObserver(watch, query, args, observers::remove);
        observers.add(observer);
        return observer;
    }

    /** Those who were registered and have not ended. */
    public List<DittoStoreObserver> getObservers() {
        return List.copyOf(observers);
    }

    /** What {@code write} does with the collections of what it is given is one transaction: what was written. */
    public List<DittoWriteTransactionResult> write(Consumer<DittoWriteTransaction> write) {
        List<DittoWriteTransactionResult> results = new ArrayList<>();
        Transactions.run(port, number -> {
            write.accept(new DittoWriteTransaction(new Target(port, null, number), results));
            return null;
        });
        return results;
    }

    /** The statements that {@code run} executes are one transaction. It runs in this thread, at once. */
    public <T> CompletionStage<T> transaction(Function<DittoTransaction, T> run) {
        try {
            Transactions.Done<T> done = Transactions.run(port, number -> run.apply(new DittoTransaction(port, number)));
            return CompletableFuture.completedFuture(done.value);
        } catch (RuntimeException error) {
            return CompletableFuture.failedFuture(error);
        }
    }

    static CompletionStage<DittoQueryResult> execute(Port port, String query, Map<String, ?> args, Long transaction) {
        Matcher setting = SETTING.matcher(query);
        if (setting.matches()) {
            return alterSystem(setting.group(1), setting.group(2));
        }
        Message request = Message.call("execute").with("statement", query).with("args", args);
        return port.callLater(request.with("transaction", transaction)).thenApply(DittoQueryResult::new);
    }

    /** Settings of the vendor's engine, which has others: taken, but for one that would change what statements mean. */
    private static CompletionStage<DittoQueryResult> alterSystem(String name, String value) {
        if (name.equalsIgnoreCase("DQL_STRICT_MODE") && !value.matches("(?i)false|0|off")) {
            return CompletableFuture.failedFuture(new DittoError(Codes.UNSUPPORTED,
                    "strict mode is chosen when a peer is opened: DittoConfig.Builder.strict(true)"));
        }
        return CompletableFuture.completedFuture(new DittoQueryResult(Map.of("items", List.of())));
    }
}
