package com.headwater.internal;

import com.headwater.Codes;
import com.headwater.HeadwaterException;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * A peer of the native library, by messages.
 *
 * <p>Invariants: an answer that is an error is thrown; a peer that nobody closed and nobody has any more is closed, and
 * stderr says so; whatever is asked of a closed one is the error {@code closed}.
 * Not here: what messages say ({@code sdks/calls.json}).
 */
public final class Port {
    private static final Cleaner CLEANER = Cleaner.create();

    /** Calls that wait for an open transaction of another caller. */
    private static final Set<String> WRITES = Set.of("upsert", "update", "remove", "evict", "begin",
            "register_subscription", "cancel_subscription", "forget_rejected", "committed", "flushed");

    private final Open open;
    private final Faults faults;
    private final Cleaner.Cleanable cleanable;
    private final ThreadLocal<Boolean> isInTransaction = new ThreadLocal<>();
    private final AtomicInteger transactions = new AtomicInteger();

    /** What is left of a peer that is collected. */
    private static final class Open implements Runnable {
        private final long number;
        private final String folder;
        private final Callbacks callbacks;

        private Open(long number, String folder, Callbacks callbacks) {
            this.number = number;
            this.folder = folder;
            this.callbacks = callbacks;
        }

        /** Closes the peer: whether nobody did before. */
        private boolean close() {
            boolean isFirst = callbacks.beginClose();
            if (isFirst) {
                try {
                    Native.close(number);
                } finally {
                    callbacks.endClose();
                }
            }
            return isFirst;
        }

        @Override
        public void run() {
            if (close()) {
                System.err.println("headwater: a peer was left open and is closed now: " + folder);
            }
        }
    }

    private Port(Open open, Faults faults) {
        this.open = open;
        this.faults = faults;
        this.cleanable = CLEANER.register(this, open);
    }

    /**
     * Opens a peer.
     *
     * @throws HeadwaterException it cannot be opened, or there is no library
     */
    public static Port open(Map<String, Object> config, Faults faults) {
        try {
            Native.load();
        } catch (HeadwaterException error) {
            HeadwaterException fault = faults.of(error.code(), error.getMessage());
            throw fault.getClass() == error.getClass() ? error : withCause(fault, error);
        }
        Callbacks callbacks = new Callbacks();
        long[] peer = new long[1];
        byte[] answer = Native.open(encode(config, faults), peer, callbacks);
        if (answer != null) {
            decode(answer, faults);
        }
        return new Port(new Open(peer[0], String.valueOf(config.get("dir")), callbacks), faults);
    }

    private static HeadwaterException withCause(HeadwaterException fault, Throwable cause) {
        fault.initCause(cause);
        return fault;
    }

    /**
     * The answer to a call. Waits for it.
     *
     * @throws HeadwaterException the answer is an error
     */
    public Map<String, Object> call(Message request) {
        return call(request.fields());
    }

    /** The same of a message that is there. */
    public Map<String, Object> call(Map<String, Object> request) {
        check(request);
        try {
            return decode(Native.call(open.number, encode(request, faults)), faults);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** The answer to bytes as they are. */
    byte[] send(byte[] request) {
        try {
            return Native.call(open.number, request);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** The same without waiting: it comes on the thread that runs callbacks. */
    public CompletableFuture<Map<String, Object>> callLater(Message request) {
        return callLater(request.fields());
    }

    /** The same of a message that is there. */
    public CompletableFuture<Map<String, Object>> callLater(Map<String, Object> request) {
        Later<Map<String, Object>> later = new Later<>(open.callbacks);
        byte[] message;
        try {
            check(request);
            message = encode(request, faults);
        } catch (HeadwaterException error) {
            later.completeExceptionally(error);
            return later;
        }
        long number = open.callbacks.expect(answer -> settle(later, answer));
        if (!Native.callLater(open.number, number, message)) {
            open.callbacks.forget(number);
            later.completeExceptionally(faults.of(Codes.CLOSED, "the peer is closed"));
        }
        return later;
    }

    private void settle(CompletableFuture<Map<String, Object>> later, byte[] answer) {
        try {
            later.complete(decode(answer, faults));
        } catch (RuntimeException error) {
            later.completeExceptionally(error);
        }
    }

    /**
     * Has events told on the thread that runs callbacks: the first of them is what is so now.
     *
     * @param isEachTold whether none is left out; otherwise the newest takes the place of one that waits
     * @param onError who is told that there can be no event; null: it is an uncaught exception
     * @throws HeadwaterException it is not watched
     */
    public Watch watch(Message request, boolean isEachTold, Consumer<Map<String, Object>> onEvent,
            Consumer<? super HeadwaterException> onError) {
        return watch(request, isEachTold, onEvent, onError, null);
    }

    /** The same; {@code onClose} is called if the peer is closed before the watch is cancelled. */
    public Watch watch(Message request, boolean isEachTold, Consumer<Map<String, Object>> onEvent,
            Consumer<? super HeadwaterException> onError, Runnable onClose) {
        Callbacks.Pace pace = isEachTold ? Callbacks.Pace.EACH : Callbacks.Pace.NEWEST;
        return watch(request, pace, (event, next) -> onEvent.accept(event), onError, onClose);
    }

    /** The same, but no event is told before the one before has called the second thing that it is given. */
    public Watch watchPaced(Message request, BiConsumer<Map<String, Object>, Runnable> onEvent) {
        return watch(request, Callbacks.Pace.ASKED, onEvent, null, null);
    }

    private Watch watch(Message request, Callbacks.Pace pace, BiConsumer<Map<String, Object>, Runnable> onEvent,
            Consumer<? super HeadwaterException> onError, Runnable onClose) {
        Callbacks callbacks = open.callbacks;
        byte[] message = encode(request.fields(), faults);
        Telling telling = new Telling(callbacks, faults, onEvent, onError);
        telling.watching = callbacks.watch(pace, telling, onClose);
        long[] watch = new long[1];
        byte[] refused = Native.subscribe(open.number, telling.watching.number(), message, watch);
        if (refused != null) {
            callbacks.cancel(telling.watching);
            decode(refused, faults);
        }
        return new Watch(this, telling.watching, watch[0]);
    }

    /** Tells an app an event. It knows nothing of the peer. */
    private static final class Telling implements Consumer<byte[]> {
        private final Callbacks callbacks;
        private final Faults faults;
        private final BiConsumer<Map<String, Object>, Runnable> onEvent;
        private final Consumer<? super HeadwaterException> onError;
        private Callbacks.Watching watching;

        private Telling(Callbacks callbacks, Faults faults, BiConsumer<Map<String, Object>, Runnable> onEvent,
                Consumer<? super HeadwaterException> onError) {
            this.callbacks = callbacks;
            this.faults = faults;
            this.onEvent = onEvent;
            this.onError = onError;
        }

        @Override
        public void accept(byte[] event) {
            Map<String, Object> decoded;
            try {
                decoded = decode(event, faults);
            } catch (HeadwaterException error) {
                if (onError == null) {
                    throw error;
                }
                onError.accept(error);
                return;
            }
            AtomicBoolean isAsked = new AtomicBoolean();
            onEvent.accept(decoded, () -> {
                if (!isAsked.getAndSet(true)) {
                    callbacks.next(watching);
                }
            });
        }
    }

    /** What is watched, until it is cancelled or the peer is closed. */
    public static final class Watch {
        private final Port port;
        private final Callbacks.Watching watching;
        private final long number;

        private Watch(Port port, Callbacks.Watching watching, long number) {
            this.port = port;
            this.watching = watching;
            this.number = number;
        }

        /** Ends it: after this has returned no event is told, unless this is called while one is. */
        public void cancel() {
            Native.unsubscribe(port.open.number, number);
            port.open.callbacks.cancel(watching);
        }
    }

    /** Closes the peer, and waits until its files are closed and all answers are given; within a callback not for those. */
    public void close() {
        open.close();
        cleanable.clean();
        open.callbacks.awaitEnd();
    }

    /** How many are watching. */
    public int watches() {
        return open.callbacks.watches();
    }

    /** An exception of this peer's. */
    public HeadwaterException fault(String code, String message) {
        return faults.of(code, message);
    }

    /** A transaction has begun in this thread, or has ended: what is not part of it would wait for it. */
    void setInTransaction(boolean isBegun) {
        if (isBegun) {
            isInTransaction.set(true);
            transactions.incrementAndGet();
        } else {
            isInTransaction.remove();
            transactions.decrementAndGet();
        }
    }

    private void check(Map<String, Object> request) {
        if (transactions.get() == 0 || isInTransaction.get() == null || request.containsKey("transaction")) {
            return;
        }
        Object call = request.get("call");
        boolean isWrite = call instanceof String && WRITES.contains(call) || "execute".equals(call) && !isSelect(request);
        if (isWrite) {
            throw faults.of(Codes.IN_TRANSACTION, "within a transaction this would wait for its end: call the transaction's");
        }
    }

    private static boolean isSelect(Map<String, Object> request) {
        String statement = String.valueOf(request.get("statement")).stripLeading();
        return statement.regionMatches(true, 0, "SELECT", 0, 6) || statement.regionMatches(true, 0, "EXPLAIN", 0, 7);
    }

    private static byte[] encode(Map<String, Object> message, Faults faults) {
        try {
            return Cbor.encode(message);
        } catch (IllegalArgumentException error) {
            throw faults.of(Codes.INVALID_VALUE, "cannot take the value: " + error.getMessage());
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> decode(byte[] answer, Faults faults) {
        Map<String, Object> decoded;
        try {
            decoded = (Map<String, Object>) CborReader.decode(answer);
        } catch (IllegalArgumentException | ClassCastException error) {
            throw faults.of(Codes.INTERNAL, "the library's answer is no message: " + error.getMessage());
        }
        Object error = decoded.get("error");
        if (error instanceof Map) {
            Map<?, ?> fields = (Map<?, ?>) error;
            throw faults.of(String.valueOf(fields.get("code")), String.valueOf(fields.get("message")));
        }
        return decoded;
    }
}
