package com.headwater;

import com.headwater.internal.Events;
import com.headwater.internal.Message;
import com.headwater.internal.Port;
import com.headwater.internal.Transactions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.function.Consumer;
import java.util.function.Function;

/** The documents of a peer: statements, observers, transactions, and the way to collections. */
public final class Store {
    private final Port port;

    Store(Port port) {
        this.port = port;
    }

    /** A collection; it is there once it has a document. */
    public Collection collection(String name) {
        return new Collection(port, name);
    }

    /** Runs a statement of DQL: SELECT, INSERT, UPDATE, DELETE or EVICT. */
    public Executed execute(String statement) {
        return execute(statement, null);
    }

    /** The same; {@code args}: what {@code :name} stands for. */
    public Executed execute(String statement, Map<String, ?> args) {
        return new Executed(port, port.call(executing(statement, args)));
    }

    /** The same without waiting; it comes on the thread of callbacks. */
    public CompletionStage<Executed> executeAsync(String statement, Map<String, ?> args) {
        return port.callLater(executing(statement, args)).thenApply(answer -> new Executed(port, answer));
    }

    private static Message executing(String statement, Map<String, ?> args) {
        return Message.call("execute").with("statement", statement).with("args", args);
    }

    /**
     * Everything that {@code write} does with what it is given is one transaction, here and at the server: all of it or, if
     * it throws, nothing. While it runs nothing else is written or synced, so it should be short; what it writes by other
     * ways than the transaction is {@code in_transaction}.
     */
    public <T> Transacted<T> transaction(Function<Transaction, T> write) {
        Transactions.Done<T> done = Transactions.run(port, number -> write.apply(new Transaction(port, number)));
        return new Transacted<>(done.value, Written.of(port, done.commit));
    }

    /**
     * Calls {@code callback} with what a SELECT gives now, and again whenever that may be something else, on the thread of
     * callbacks. A result that cannot be had is an uncaught exception there.
     */
    public Observer registerObserver(String statement, Consumer<List<Map<String, Object>>> callback) {
        return registerObserver(statement, null, callback, null);
    }

    /** The same of a statement with parameters. */
    public Observer registerObserver(String statement, Map<String, ?> args,
            Consumer<List<Map<String, Object>>> callback) {
        return registerObserver(statement, args, callback, null);
    }

    /** The same; {@code onError} is told of a result that cannot be had. */
    public Observer registerObserver(String statement, Map<String, ?> args,
            Consumer<List<Map<String, Object>>> callback, Consumer<? super HeadwaterException> onError) {
        return new Observer(port.watch(selecting(statement, args), false,
                event -> callback.accept(Message.objects(event, "items")), onError));
    }

    /** The same as a publisher: whoever subscribes to it is told the current result first, then the newest. */
    public Flow.Publisher<List<Map<String, Object>>> observe(String statement, Map<String, ?> args) {
        return new Events<>(port, selecting(statement, args), event -> Message.objects(event, "items"));
    }

    private static Message selecting(String statement, Map<String, ?> args) {
        return Message.watch("select").with("statement", statement).with("args", args);
    }

    /** What the function of a transaction gave, and what was written. */
    public static final class Transacted<T> {
        private final T value;
        private final Written written;

        private Transacted(T value, Written written) {
            this.value = value;
            this.written = written;
        }

        /** What the function gave. */
        public T value() {
            return value;
        }

        /** What was written. */
        public Written written() {
            return written;
        }
    }
}
