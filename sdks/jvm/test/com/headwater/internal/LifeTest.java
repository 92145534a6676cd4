package com.headwater.internal;

import static com.headwater.internal.Tests.await;
import static com.headwater.internal.Tests.check;
import static com.headwater.internal.Tests.checkEquals;

import com.headwater.Codes;
import com.headwater.Config;
import com.headwater.Headwater;
import com.headwater.HeadwaterException;
import com.headwater.Observer;
import com.headwater.Store;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** Life and death of peers and callbacks, and bad input: each has a defined error, and none harms the program. */
public final class LifeTest {
    private static final int OBSERVERS = 10_000;
    private static final long HEAP_GROWTH_MAX = 4 << 20;
    private static final int THREADS = 8;
    private static final int CALLS = 200;

    private LifeTest() {
    }

    public static void whatIsClosedIsClosed() {
        Headwater headwater = ApiTest.open();
        Observer observer = headwater.store().registerObserver("SELECT * FROM a", items -> { });
        headwater.close();
        headwater.close();
        observer.cancel();
        Store store = headwater.store();
        ApiTest.refused(Codes.CLOSED, () -> store.execute("SELECT * FROM a"));
        ApiTest.refused(Codes.CLOSED, () -> store.collection("a").upsert(Map.of()));
        ApiTest.refused(Codes.CLOSED, () -> store.transaction(transaction -> null));
        ApiTest.refused(Codes.CLOSED, () -> store.registerObserver("SELECT * FROM a", items -> { }));
        ApiTest.refused(Codes.CLOSED, () -> headwater.sync().state());
        try {
            store.executeAsync("SELECT * FROM a", null).toCompletableFuture().join();
            check(false, "it is closed");
        } catch (CompletionException error) {
            checkEquals(Codes.CLOSED, ((HeadwaterException) error.getCause()).code());
        }
    }

    public static void aCallbackMayCloseThePeer() {
        Headwater headwater = ApiTest.open();
        CompletableFuture<Long> pending = new CompletableFuture<>();
        CountDownLatch isClosed = new CountDownLatch(1);
        headwater.sync().flushedAsync(null); // with a server it would wait
        headwater.store().registerObserver("SELECT * FROM a", items -> {
            headwater.store().executeAsync("SELECT * FROM a", null).whenComplete((it, error) -> pending.complete(1L));
            headwater.close();
            isClosed.countDown();
        });
        await("that it is closed", () -> isClosed.getCount() == 0);
        await("the answer", pending::isDone);
        headwater.close();
        ApiTest.refused(Codes.CLOSED, () -> headwater.info());
    }

    public static void aCallbackMayCancelItself() {
        try (Headwater headwater = ApiTest.open()) {
            AtomicReference<Observer> observer = new AtomicReference<>();
            AtomicInteger told = new AtomicInteger();
            observer.set(headwater.store().registerObserver("SELECT * FROM a", items -> {
                await("who it is", () -> observer.get() != null);
                observer.get().cancel();
                told.incrementAndGet();
            }));
            await("one event", () -> told.get() == 1);
            headwater.store().collection("a").upsert(Map.of());
            headwater.store().executeAsync("SELECT * FROM a", null).toCompletableFuture().join();
            checkEquals(1, told.get());
        }
    }

    public static void cancelWaitsForACallbackThatRuns() throws InterruptedException {
        try (Headwater headwater = ApiTest.open()) {
            CountDownLatch runs = new CountDownLatch(1);
            CountDownLatch mayEnd = new CountDownLatch(1);
            AtomicInteger ended = new AtomicInteger();
            Observer observer = headwater.store().registerObserver("SELECT * FROM a", items -> {
                runs.countDown();
                await("the end", () -> mayEnd.getCount() == 0);
                ended.incrementAndGet();
            });
            runs.await();
            Thread canceller = new Thread(() -> {
                observer.cancel();
                check(ended.get() == 1, "it has ended");
                ended.incrementAndGet();
            });
            canceller.start();
            canceller.interrupt();
            mayEnd.countDown();
            canceller.join();
            checkEquals(2, ended.get());
        }
    }

    public static void aPendingCallIsAnsweredOnceWhenThePeerIsClosed() {
        Config config = new Config(Tests.folder()).server("http://127.0.0.1:1");
        Headwater headwater = Headwater.open(config);
        headwater.store().collection("a").upsert(Map.of());
        headwater.startSync();
        List<Throwable> answers = Collections.synchronizedList(new ArrayList<>());
        for (int n = 0; n < 100; n++) {
            headwater.sync().flushedAsync(null).whenComplete((txn, error) -> answers.add(error));
        }
        headwater.close();
        checkEquals(100, answers.size());
        answers.forEach(it -> checkEquals(Codes.CLOSED, ((HeadwaterException) it.getCause()).code()));
    }

    public static void whatACallbackThrowsIsUncaughtAndHarmsNobody() {
        List<Throwable> uncaught = Collections.synchronizedList(new ArrayList<>());
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler((thread, error) -> uncaught.add(error));
        try (Headwater headwater = ApiTest.open()) {
            AtomicInteger told = new AtomicInteger();
            headwater.store().registerObserver("SELECT * FROM a", items -> {
                throw new IllegalStateException("on purpose " + told.incrementAndGet());
            });
            await("the exception", () -> uncaught.size() == 1);
            headwater.store().collection("a").upsert(Map.of());
            await("the next", () -> uncaught.size() == 2);
            check(uncaught.get(0).getMessage().startsWith("on purpose"), "it is the one");
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before);
        }
    }

    public static void aCallbackCannotWaitForItsOwnThread() {
        try (Headwater headwater = ApiTest.open()) {
            CompletableFuture<Throwable> thrown = new CompletableFuture<>();
            headwater.store().registerObserver("SELECT * FROM a", items -> {
                try {
                    headwater.store().executeAsync("SELECT * FROM a", null)
                            .thenApply(it -> it.items().size()).toCompletableFuture().join();
                } catch (IllegalStateException error) {
                    headwater.store().execute("SELECT * FROM a"); // this it can
                    thrown.complete(error);
                }
            });
            await("the exception", thrown::isDone);
        }
    }

    public static void badInputHasACode() {
        try (Headwater headwater = ApiTest.open()) {
            com.headwater.Collection people = headwater.store().collection("people");
            ApiTest.refused(Codes.INVALID_VALUE, () -> people.upsert(Map.of("at", new Date())));
            ApiTest.refused(Codes.INVALID_VALUE, () -> people.upsert(Map.of("n", Double.NaN)));
            ApiTest.refused(Codes.INVALID_VALUE, () -> people.upsert(Map.of("text", "\ud800")));
            ApiTest.refused(Codes.INVALID_MESSAGE, () -> people.upsert(null));
            ApiTest.refused(Codes.INVALID_MESSAGE, () -> headwater.store().execute(null));
            ApiTest.refused(Codes.TOO_LARGE, () -> people.upsert(Map.of("text", "x".repeat(20 << 20))));
            ApiTest.refused(Codes.INVALID_QUERY, () -> people.find("age >").documents());
            ApiTest.refused(Codes.NOT_ALLOWED, () -> headwater.store().execute("CREATE INDEX a ON b (c)"));
            ApiTest.refused(Codes.INVALID_MESSAGE, () -> people.find().limit(-1).documents());
            checkEquals(List.of(), people.find().documents());
        }
        ApiTest.refused(Codes.OPEN_FAILED, () -> Headwater.open(new Config("/dev/null/x")));
        ApiTest.refused(Codes.INVALID_SERVER,
                () -> Headwater.open(new Config(Tests.folder()).server("no url")).startSync());
    }

    public static void anyThreadMayCall() throws InterruptedException {
        try (Headwater headwater = ApiTest.open()) {
            List<Thread> threads = new ArrayList<>();
            List<CompletableFuture<?>> later = Collections.synchronizedList(new ArrayList<>());
            for (int n = 0; n < THREADS; n++) {
                threads.add(new Thread(() -> {
                    for (int call = 0; call < CALLS; call++) {
                        headwater.store().collection("a").upsert(Map.of("n", call));
                        later.add(headwater.store().collection("a").upsertAsync(Map.of()).toCompletableFuture());
                    }
                }));
            }
            threads.forEach(Thread::start);
            for (Thread thread : threads) {
                thread.join();
            }
            later.forEach(CompletableFuture::join);
            Object count = headwater.store().execute("SELECT COUNT(*) AS n FROM a").items().get(0).get("n");
            checkEquals((long) THREADS * CALLS * 2, count);
        }
    }

    public static void manyObserversLeaveNothingBehind() {
        try (Headwater headwater = ApiTest.open()) {
            makeAndCancel(headwater, OBSERVERS / 10);
            long before = usedHeap();
            makeAndCancel(headwater, OBSERVERS);
            long growth = usedHeap() - before;
            check(growth < HEAP_GROWTH_MAX, growth + " bytes are left of " + OBSERVERS + " observers");
            System.out.println(OBSERVERS + " observers made and cancelled: the heap grew by " + growth + " bytes");
        }
    }

    private static void makeAndCancel(Headwater headwater, int count) {
        AtomicInteger told = new AtomicInteger();
        for (int n = 0; n < count; n++) {
            int soFar = told.get();
            Observer observer = headwater.store().registerObserver("SELECT * FROM a", items -> told.incrementAndGet());
            if (n % 100 == 0) {
                await("its first event", () -> told.get() > soFar);
            }
            observer.cancel();
        }
    }

    private static long usedHeap() {
        for (int n = 0; n < 3; n++) {
            System.gc();
        }
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    public static void aPeerThatNobodyHasIsClosed() throws IOException {
        Path folder = Tests.folder();
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        PrintStream before = System.err;
        System.setErr(new PrintStream(said, true, StandardCharsets.UTF_8));
        try {
            forgetOne(folder);
            await("that it is closed", () -> {
                System.gc();
                return said.toString(StandardCharsets.UTF_8).contains(folder.toString());
            });
        } finally {
            System.setErr(before);
        }
        Headwater again = Headwater.open(new Config(folder));
        checkEquals(1, again.store().collection("a").find().documents().size());
        again.close();
    }

    private static void forgetOne(Path folder) {
        Headwater headwater = Headwater.open(new Config(folder));
        headwater.store().registerObserver("SELECT * FROM a", items -> { });
        headwater.store().collection("a").upsertAsync(Map.of()).toCompletableFuture().join();
    }

    public static void oneAtATimeHasAFolder() throws IOException, InterruptedException {
        Path folder = Tests.folder();
        try (Headwater headwater = Headwater.open(new Config(folder))) {
            ApiTest.refused(Codes.IN_USE, () -> Headwater.open(new Config(folder)));
            List<String> command = List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
                    System.getProperty("java.class.path"), Child.class.getName(), folder.toString(),
                    Tests.folder().toString());
            Process child = new ProcessBuilder(command).redirectErrorStream(true).start();
            String said = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            check(child.waitFor(20, TimeUnit.SECONDS) && child.exitValue() == 0 && said.equals("in_use\n"), said);
            checkEquals(1, headwater.info().abi());
        }
    }

    /** A process that is refused a folder, and then ends while callbacks run and calls wait. */
    static final class Child {
        private Child() {
        }

        public static void main(String[] arguments) {
            try {
                Headwater.open(new Config(arguments[0]));
            } catch (HeadwaterException error) {
                System.out.println(error.code());
            }
            Headwater headwater = Headwater.open(new Config(arguments[1]).server("http://127.0.0.1:1").relaxed(true));
            AtomicInteger told = new AtomicInteger();
            headwater.store().registerObserver("SELECT * FROM a", items -> {
                told.incrementAndGet();
                headwater.store().collection("a").upsert(Map.of("_id", 1, "n", told.get()));
            });
            headwater.startSync();
            headwater.sync().flushedAsync(null);
            await("callbacks", () -> told.get() > 20);
        }
    }

    public static void anotherLibraryIsUnsupported() throws IOException, InterruptedException, ReflectiveOperationException {
        Path folder = Files.createDirectories(Tests.folder());
        checkUnsupported(folder.resolve("missing.so"), "missing.so");
        checkUnsupported(Files.writeString(folder.resolve("text.so"), "no library"), "text.so");
        checkUnsupported(compiled(folder, "empty", "int nothing;"), "empty.so");
        String newer = "int Java_com_headwater_internal_Native_abi(void *env, void *c) { return 2; }";
        checkUnsupported(compiled(folder, "newer", newer), "list 2 of calls");
    }

    private static Path compiled(Path folder, String name, String code) throws IOException, InterruptedException {
        Path source = Files.writeString(folder.resolve(name + ".c"), code);
        Path library = folder.resolve(name + ".so");
        Process compiler = new ProcessBuilder("gcc", "-shared", "-fPIC", "-o", library.toString(), source.toString())
                .inheritIO().start();
        checkEquals(0, compiler.waitFor());
        return library;
    }

    /** The jar's classes once more, with a library of their own. */
    private static void checkUnsupported(Path library, String says) throws IOException, ReflectiveOperationException {
        List<URL> urls = new ArrayList<>();
        for (String part : System.getProperty("java.class.path").split(File.pathSeparator)) {
            urls.add(Path.of(part).toUri().toURL());
        }
        System.setProperty("headwater.library", library.toString());
        try (URLClassLoader loader = new URLClassLoader(urls.toArray(new URL[0]), ClassLoader.getPlatformClassLoader())) {
            Class<?> config = loader.loadClass("com.headwater.Config");
            Object message = config.getConstructor(String.class).newInstance(library + "-peer");
            loader.loadClass("com.headwater.Headwater").getMethod("open", config).invoke(null, message);
            check(false, library + " is taken");
        } catch (InvocationTargetException thrown) {
            Throwable error = thrown.getCause();
            checkEquals("unsupported", error.getClass().getMethod("code").invoke(error));
            check(error.getMessage().contains(says), error.getMessage());
        } finally {
            System.clearProperty("headwater.library");
        }
    }
}
