package com.headwater.internal;

import com.headwater.HeadwaterException;
import java.util.Map;
import java.util.function.LongFunction;

/**
 * Running a function in a transaction.
 *
 * <p>Invariant: if it throws, nothing of it was done.
 */
public final class Transactions {
    private Transactions() {
    }

    /** What a function came to, and the answer to the commit. */
    public static final class Done<T> {
        /** What the function gave. */
        public final T value;
        /** What was written: {@code ids} and, if anything was, {@code sequence}. */
        public final Map<String, Object> commit;

        private Done(T value, Map<String, Object> commit) {
            this.value = value;
            this.commit = commit;
        }
    }

    /** Runs a function with the number of a transaction, and commits it. */
    public static <T> Done<T> run(Port port, LongFunction<T> run) {
        long number = ((Number) port.call(Message.call("begin")).get("transaction")).longValue();
        T value;
        port.setInTransaction(true);
        try {
            value = run.apply(number);
        } catch (Throwable thrown) {
            rollBack(port, number);
            throw thrown;
        } finally {
            port.setInTransaction(false);
        }
        return new Done<>(value, port.call(Message.call("commit").with("transaction", number)));
    }

    private static void rollBack(Port port, long number) {
        try {
            port.call(Message.call("rollback").with("transaction", number));
        } catch (HeadwaterException ended) {
            // It has ended by itself: the peer was closed, or nothing came of it for too long.
        }
    }
}
