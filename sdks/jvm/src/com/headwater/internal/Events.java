package com.headwater.internal;

import com.headwater.HeadwaterException;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Flow;
import java.util.function.Function;

/**
 * Events as a publisher: each subscriber is told from the current result on, as far as it asks for more.
 *
 * <p>Invariants: what comes while nobody asks is told once, as the newest; a subscriber is told on the thread of
 * callbacks, or by its own {@code request}; it is told an event that is an error, or that the
 * peer was closed, and nothing after it.
 */
public final class Events<T> implements Flow.Publisher<T> {
    private final Port port;
    private final Message request;
    private final Function<Map<String, Object>, T> read;

    /** Of this watch; {@code read} makes of a message what a subscriber is told. */
    public Events(Port port, Message request, Function<Map<String, Object>, T> read) {
        this.port = port;
        this.request = request;
        this.read = read;
    }

    @Override
    public void subscribe(Flow.Subscriber<? super T> subscriber) {
        One one = new One(Objects.requireNonNull(subscriber));
        subscriber.onSubscribe(one);
        one.begin();
    }

    /** One who is told. */
    private final class One implements Flow.Subscription {
        private final Flow.Subscriber<? super T> subscriber;
        private Port.Watch watch;
        private T newest;
        private Throwable error;
        private long wanted;
        private boolean isTelling;
        private boolean isDone;

        private One(Flow.Subscriber<? super T> subscriber) {
            this.subscriber = subscriber;
        }

        private void begin() {
            Port.Watch begun;
            try {
                begun = port.watch(request, false, event -> come(read.apply(event)), this::fail, this::end);
            } catch (HeadwaterException refused) {
                fail(refused);
                return;
            }
            boolean isLate;
            synchronized (this) {
                watch = begun;
                isLate = isDone;
            }
            if (isLate) {
                begun.cancel();
            }
        }

        private void come(T event) {
            synchronized (this) {
                newest = event;
            }
            tell();
        }

        private void fail(Throwable why) {
            synchronized (this) {
                error = error == null ? why : error;
            }
            tell();
        }

        private void end() {
            synchronized (this) {
                if (isDone) {
                    return;
                }
                isDone = true;
            }
            subscriber.onComplete();
        }

        @Override
        public void request(long more) {
            synchronized (this) {
                if (more <= 0) {
                    error = new IllegalArgumentException("a subscriber asks for more than nothing");
                } else {
                    wanted = wanted + more < 0 ? Long.MAX_VALUE : wanted + more;
                }
            }
            tell();
        }

        @Override
        public void cancel() {
            Port.Watch ended;
            synchronized (this) {
                isDone = true;
                newest = null;
                ended = watch;
            }
            if (ended != null) {
                ended.cancel();
            }
        }

        /** Tells what there is, one thing at a time, whichever thread comes. */
        private void tell() {
            for (;;) {
                T event;
                Throwable failed;
                synchronized (this) {
                    if (isTelling || isDone || error == null && (newest == null || wanted == 0)) {
                        return;
                    }
                    isTelling = true;
                    failed = error;
                    event = newest;
                    if (failed != null) {
                        isDone = true;
                    } else {
                        newest = null;
                        wanted -= wanted == Long.MAX_VALUE ? 0 : 1;
                    }
                }
                try {
                    if (failed != null) {
                        subscriber.onError(failed);
                        cancel();
                    } else {
                        subscriber.onNext(event);
                    }
                } finally {
                    synchronized (this) {
                        isTelling = false;
                    }
                }
            }
        }
    }
}
