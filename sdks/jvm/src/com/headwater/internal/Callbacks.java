package com.headwater.internal;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;

/**
 * The thread that runs an app's callbacks, one for each peer that has some, and what waits for it.
 *
 * <p>Invariants: one callback runs at a time, in the order in which the library told; of a watch of which not each event
 * is told, the newest takes the place of one that waits; a paced one waits until its app asks for the next. After {@link #cancel} has returned the watch's callback does
 * not run, unless it is itself who cancels. Each pending answer comes once, after the peer was closed too. What a
 * callback throws goes to the thread's handler of uncaught exceptions, and harms nobody else.
 * Not here: what messages say. It knows nothing of the peer, which can be collected.
 */
public final class Callbacks {
    private final Object lock = new Object();
    private final Map<Long, Answer> pending = new HashMap<>();
    private final Map<Long, Watching> watches = new HashMap<>();
    private final Deque<Runnable> due = new ArrayDeque<>();
    private long last;
    private Thread thread;
    private Watching running;
    private State state = State.OPEN;

    private enum State { OPEN, CLOSING, CLOSED }

    /** Which events of a watch are told. */
    public enum Pace {
        /** None is left out. */
        EACH,
        /** The newest, once the one before was told. */
        NEWEST,
        /** The newest, once the app asks for it. */
        ASKED
    }

    /** A call that is not answered yet. */
    interface Answer {
        void answer(byte[] message);
    }

    /** A watch, and what of it waits. */
    static final class Watching {
        private final long number;
        private final Pace pace;
        private final Consumer<byte[]> tell;
        private final Runnable onClose;
        private final Deque<byte[]> events = new ArrayDeque<>();
        private boolean isCancelled;
        /** A paced one was told, and its app has not asked for the next. */
        private boolean isBusy;

        private Watching(long number, Pace pace, Consumer<byte[]> tell, Runnable onClose) {
            this.number = number;
            this.pace = pace;
            this.tell = tell;
            this.onClose = onClose;
        }

        long number() {
            return number;
        }
    }

    /** The number by which the answer is told. */
    long expect(Answer answer) {
        synchronized (lock) {
            start();
            pending.put(++last, answer);
            return last;
        }
    }

    /** It was not begun: nobody will tell. */
    void forget(long number) {
        synchronized (lock) {
            pending.remove(number);
            lock.notifyAll();
        }
    }

    /** One that is told events by its number, and is called once if the peer is closed before it is cancelled. */
    Watching watch(Pace pace, Consumer<byte[]> tell, Runnable onClose) {
        synchronized (lock) {
            start();
            Watching watching = new Watching(++last, pace, tell, onClose);
            if (state == State.OPEN) {
                watches.put(last, watching);
            }
            return watching;
        }
    }

    /** How many are watching. */
    public int watches() {
        synchronized (lock) {
            return watches.size();
        }
    }

    /** What the library calls, on a thread of its own: nothing is done there but to keep the message. */
    void told(long number, byte[] message) {
        synchronized (lock) {
            Answer answer = pending.remove(number);
            Watching watching = watches.get(number);
            if (answer != null) {
                due.add(() -> answer.answer(message));
            } else if (watching != null) {
                boolean isDue = !watching.events.isEmpty();
                if (watching.pace != Pace.EACH) {
                    watching.events.clear();
                }
                watching.events.add(message);
                if (watching.pace == Pace.EACH || !isDue && !watching.isBusy) {
                    due.add(() -> runWatch(watching));
                }
            }
            lock.notifyAll();
        }
    }

    /** Whether this is the thread that runs callbacks. */
    boolean isHere() {
        synchronized (lock) {
            return Thread.currentThread() == thread;
        }
    }

    /** Ends a watch, and waits for its callback if that runs. */
    void cancel(Watching watching) {
        synchronized (lock) {
            watching.isCancelled = true;
            watching.events.clear();
            watches.remove(watching.number);
            while (running == watching && Thread.currentThread() != thread) {
                waitForChange();
            }
            lock.notifyAll();
        }
    }

    /** No event is told from now on: whether nobody said so before. */
    boolean beginClose() {
        synchronized (lock) {
            boolean isFirst = state == State.OPEN;
            if (isFirst) {
                state = State.CLOSING;
                watches.values().forEach(watching -> due.add(() -> runClose(watching)));
                watches.clear();
                lock.notifyAll();
            }
            return isFirst;
        }
    }

    /** All answers were told: the thread ends once they are given. */
    void endClose() {
        synchronized (lock) {
            state = State.CLOSED;
            lock.notifyAll();
        }
    }

    /** Waits until it is closed and all is given; within a callback not. */
    void awaitEnd() {
        synchronized (lock) {
            while (Thread.currentThread() != thread && (state != State.CLOSED || thread != null)) {
                waitForChange();
            }
        }
    }

    private void start() {
        if (thread == null && state != State.CLOSED) {
            thread = new Thread(this::run, "headwater-callbacks");
            thread.setDaemon(true);
            thread.start();
        }
    }

    private void run() {
        while (runNext()) {
            // What ran is not held while the next is waited for.
        }
    }

    private boolean runNext() {
        Runnable next = next();
        if (next == null) {
            return false;
        }
        try {
            next.run();
        } catch (Throwable uncaught) {
            report(uncaught);
        }
        return true;
    }

    private Runnable next() {
        synchronized (lock) {
            while (due.isEmpty()) {
                if (state == State.CLOSED && pending.isEmpty()) {
                    thread = null;
                    lock.notifyAll();
                    return null;
                }
                waitForChange();
            }
            return due.remove();
        }
    }

    private void runWatch(Watching watching) {
        byte[] event;
        synchronized (lock) {
            if (watching.isCancelled || state != State.OPEN || watching.events.isEmpty()) {
                return;
            }
            event = watching.events.remove();
            watching.isBusy = watching.pace == Pace.ASKED;
            running = watching;
        }
        try {
            watching.tell.accept(event);
        } finally {
            synchronized (lock) {
                running = null;
                lock.notifyAll();
            }
        }
    }

    /** The app of a paced watch asks for the next event. */
    void next(Watching watching) {
        synchronized (lock) {
            if (watching.isBusy && !watching.events.isEmpty()) {
                due.add(() -> runWatch(watching));
                lock.notifyAll();
            }
            watching.isBusy = false;
        }
    }

    private void runClose(Watching watching) {
        synchronized (lock) {
            if (watching.isCancelled || watching.onClose == null) {
                return;
            }
        }
        watching.onClose.run();
    }

    /** What an app's function threw. */
    static void report(Throwable uncaught) {
        Thread thread = Thread.currentThread();
        try {
            thread.getUncaughtExceptionHandler().uncaughtException(thread, uncaught);
        } catch (Throwable ignored) {
            // As of the exceptions of any handler, nothing becomes of it.
        }
    }

    /** Waits without being interrupted; an interrupt is kept for who looks at it. */
    private void waitForChange() {
        try {
            lock.wait();
        } catch (InterruptedException interrupted) {
            if (Thread.currentThread() != thread) {
                waitUninterrupted();
            }
        }
    }

    private void waitUninterrupted() {
        try {
            lock.wait(10);
        } catch (InterruptedException again) {
            // There is one to keep anyway.
        }
        Thread.currentThread().interrupt();
    }
}
