package com.headwater.internal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** Runs tests: {@code Tests CLASS…}. Each public static method without arguments is one. */
public final class Tests {
    private static final long LOOK_AGAIN_NANOS = 100_000;

    private static final Path SCRATCH = scratch();
    private static int folders;

    private Tests() {
    }

    public static void main(String[] arguments) throws ReflectiveOperationException {
        int failed = 0;
        int passed = 0;
        for (String name : arguments) {
            for (Method test : Class.forName(name).getDeclaredMethods()) {
                if (!Modifier.isPublic(test.getModifiers()) || test.getParameterCount() > 0 || test.isSynthetic()) {
                    continue;
                }
                try {
                    test.invoke(null);
                    passed++;
                } catch (InvocationTargetException thrown) {
                    failed++;
                    System.out.println("FAILED " + name + "." + test.getName());
                    thrown.getCause().printStackTrace(System.out);
                }
            }
        }
        delete(SCRATCH);
        System.out.println(passed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }

    /** A folder that no peer had. */
    static synchronized Path folder() {
        return SCRATCH.resolve(String.valueOf(folders++));
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static void checkEquals(Object expected, Object actual) {
        check(expected == null ? actual == null : expected.equals(actual), actual + ", not " + expected);
    }

    /** Waits until something holds, for 20 seconds at most. */
    static void await(String what, BooleanSupplier holds) {
        long ends = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!holds.getAsBoolean()) {
            check(System.nanoTime() < ends, "in vain: " + what);
            LockSupport.parkNanos(LOOK_AGAIN_NANOS); // what it waits for wants the processor
        }
    }

    static void delete(Path folder) {
        try (Stream<Path> all = Files.walk(folder)) {
            all.sorted(Comparator.reverseOrder()).forEach(it -> it.toFile().delete());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static Path scratch() {
        try {
            return Files.createTempDirectory("headwater-jvm");
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
