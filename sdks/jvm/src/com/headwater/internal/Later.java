package com.headwater.internal;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * What comes later, and what is made of it. To wait for it in a callback would be to wait for ever, since it comes on the
 * thread that runs callbacks: that is an {@link IllegalStateException} instead.
 */
final class Later<T> extends CompletableFuture<T> {
    private final Callbacks callbacks;

    Later(Callbacks callbacks) {
        this.callbacks = callbacks;
    }

    @Override
    public <U> CompletableFuture<U> newIncompleteFuture() {
        return new Later<>(callbacks);
    }

    @Override
    public T get() throws InterruptedException, ExecutionException {
        check();
        return super.get();
    }

    @Override
    public T get(long timeout, TimeUnit unit) throws InterruptedException, ExecutionException, TimeoutException {
        check();
        return super.get(timeout, unit);
    }

    @Override
    public T join() {
        check();
        return super.join();
    }

    private void check() {
        if (!isDone() && callbacks.isHere()) {
            throw new IllegalStateException(
                    "a callback cannot wait for what comes on its own thread: call what is not async, or go on in a stage");
        }
    }
}
