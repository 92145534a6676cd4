package com.headwater;

import com.headwater.internal.Port;

/** One who is called. It ends with {@link #cancel}, with the peer, or with the process. */
public final class Observer implements AutoCloseable {
    private final Port.Watch watch;
    private volatile boolean isCancelled;

    Observer(Port.Watch watch) {
        this.watch = watch;
    }

    /** Whether it was ended by {@link #cancel}. */
    public boolean isCancelled() {
        return isCancelled;
    }

    /** Ends it: after this has returned its callback does not run, unless it is called within that. */
    public void cancel() {
        isCancelled = true;
        watch.cancel();
    }

    /** The same. */
    @Override
    public void close() {
        cancel();
    }
}
