package com.headwater.internal;

import static com.headwater.internal.Tests.await;
import static com.headwater.internal.Tests.check;
import static com.headwater.internal.Tests.checkEquals;

import com.headwater.Codes;
import java.io.File;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicReference;
import live.ditto.DefaultDittoDependencies;
import live.ditto.Ditto;
import live.ditto.DittoAuthenticator;
import live.ditto.DittoCollection;
import live.ditto.DittoConfig;
import live.ditto.DittoCounter;
import live.ditto.DittoDependencies;
import live.ditto.DittoDocument;
import live.ditto.DittoDocumentId;
import live.ditto.DittoError;
import live.ditto.DittoFactory;
import live.ditto.DittoIdentity;
import live.ditto.DittoLiveQuery;
import live.ditto.DittoLiveQueryEvent;
import live.ditto.DittoLogLevel;
import live.ditto.DittoLogger;
import live.ditto.DittoQueryResult;
import live.ditto.DittoRegister;
import live.ditto.DittoSortDirection;
import live.ditto.DittoStoreObserver;
import live.ditto.DittoSyncSubscription;
import live.ditto.DittoUpdateResult;
import live.ditto.DittoWriteStrategy;
import live.ditto.DittoWriteTransactionResult;

/** What the vendor's names do. */
public final class CompatTest {
    private CompatTest() {
    }

    private static Ditto open() {
        return DittoFactory.create(new DittoConfig.Builder("app").serverConnect("http://127.0.0.1:1")
                .persistenceDirectory(Tests.folder().toFile()).build());
    }

    public static void aPeerIsOpenedInEveryWay() {
        DittoDependencies dependencies = new DefaultDittoDependencies(Tests.folder().toFile());
        DittoIdentity identity = new DittoIdentity.OnlinePlayground(dependencies, "app", "token", false, "http://127.0.0.1:1");
        try (Ditto ditto = new Ditto(dependencies, identity)) {
            checkEquals("app", ditto.getAppId());
            ditto.disableSyncWithV3();
            ditto.startSync();
            check(ditto.isSyncActive() && !ditto.isClosed(), "it syncs");
            ditto.stopSync();
            ApiTest.refused(Codes.IN_USE, () -> new Ditto(identity));
        }
        try (Ditto ditto = new Ditto.Builder(dependencies).setIdentity(new DittoIdentity.OfflinePlayground()).build()) {
            ditto.startSync(); // there is nobody to sync with
            check(ditto.isSyncActive(), "it was started");
        }
        File folder = Tests.folder().toFile();
        Ditto ditto = new Ditto(new DittoConfig.Builder(folder).identity(
                new DittoIdentity.OnlineWithAuthentication(null, "app", auth -> auth.login("key", "own"))).build());
        checkEquals(folder.getPath(), ditto.getPersistenceDirectory());
        ditto.close();
        ditto.stopSync();
        check(ditto.isClosed(), "it is closed");
        try {
            ditto.store.collection("a").findAll().exec();
            check(false, "it is closed");
        } catch (DittoError error) {
            checkEquals(Codes.CLOSED, error.code());
        }
    }

    public static void documentsAreWrittenFoundChangedAndRemoved() {
        try (Ditto ditto = open()) {
            DittoCollection people = ditto.store.collection("people");
            DittoDocumentId susan = people.upsert(Map.of("_id", "susan", "name", "Susan", "age", 31,
                    "visits", new DittoCounter(1), "address", new DittoRegister(Map.of("town", "Bath"))));
            checkEquals("susan", susan.toString());
            DittoDocumentId other = people.upsert(Map.of("_id", Map.of("shop", 1), "age", 7));
            checkEquals("{\"shop\":1}", other.toString());
            DittoDocument found = people.findById(susan).exec();
            checkEquals(31, found.at("age").getIntValue());
            checkEquals("Susan", found.get("name").getStringValue());
            checkEquals("Bath", found.at("address").at("town").getValue());
            checkEquals(susan, found.getId());
            checkEquals(null, people.findById("nobody").exec());
            List<DittoUpdateResult> changed = people.findByID("susan").update(document -> {
                document.at("age").set(32);
                document.at("visits").increment(2);
                document.at("name").remove();
                document.at("likes").set(new DittoCounter(5));
                document.at("likes").increment(1);
            });
            checkEquals(5, changed.size());
            checkEquals("age", changed.get(0).getPath());
            Map<String, Object> value = people.findById(susan).exec().getValue();
            checkEquals(List.of(32L, 3L, 6L, false), List.of(value.get("age"), number(value.get("visits")),
                    number(value.get("likes")), value.containsKey("name")));
            checkEquals(List.of(susan), idsOf(people.find("age > $args.age", Map.of("age", 8)).exec()));
            checkEquals(List.of(susan, other), idsOf(people.findAll().sort("age", DittoSortDirection.Descending).exec()));
            checkEquals(List.of(susan), idsOf(people.findAll().sort("age").offset(1).limit(1).exec()));
            checkEquals(Set.of(susan, other), people.findAll().update(all -> all.forEach(it -> it.at("seen").set(true))).keySet());
            checkEquals(susan, people.upsert(Map.of("_id", "susan", "age", 1), DittoWriteStrategy.InsertIfAbsent));
            checkEquals(32, people.findById(susan).exec().at("age").getIntValue());
            checkEquals(List.of("people"), ditto.store.collectionNames());
            checkEquals("people", ditto.store.collections().get(0).getName());
            check(people.findById(susan).remove() && !people.findById(susan).remove(), "it was there once");
            check(people.findById(other).evict(), "it was there");
            checkEquals(List.of(), people.find("age == 7").remove());
            checkEquals(List.of(), people.findAll().evict());
        }
    }

    private static long number(Object value) {
        return ((Number) value).longValue();
    }

    private static List<DittoDocumentId> idsOf(List<DittoDocument> documents) {
        List<DittoDocumentId> ids = new ArrayList<>();
        documents.forEach(it -> ids.add(it.getId()));
        return ids;
    }

    public static void liveQueriesSayWhatIsDifferent() {
        try (Ditto ditto = open()) {
            DittoCollection tasks = ditto.store.collection("tasks");
            List<DittoLiveQueryEvent> told = Collections.synchronizedList(new ArrayList<>());
            List<DittoDocument> one = Collections.synchronizedList(new ArrayList<>());
            DittoLiveQuery all = tasks.findAll().sort("n").observeLocal((documents, event) -> told.add(event));
            DittoLiveQuery single = tasks.findById("a").observeLocal((document, event) -> one.add(document));
            await("the first", () -> told.size() == 1 && one.size() == 1);
            check(told.get(0) instanceof DittoLiveQueryEvent.Initial && one.get(0) == null, "it is the first");
            tasks.upsert(Map.of("_id", "a", "n", 1));
            await("the second", () -> told.size() == 2 && one.size() == 2);
            check(told.get(1) instanceof DittoLiveQueryEvent.Update, "it is another");
            checkEquals(List.of(0), told.get(1).getInsertions());
            checkEquals("a", one.get(1).getId().getValue());
            all.close();
            single.stop();
            check(all.isStopped(), "it has ended");
        }
    }

    public static void aPacedObserverAsksForTheNext() {
        try (Ditto ditto = open()) {
            DittoCollection tasks = ditto.store.collection("tasks");
            List<Integer> told = Collections.synchronizedList(new ArrayList<>());
            AtomicReference<Runnable> next = new AtomicReference<>();
            DittoStoreObserver observer = ditto.store.registerObserverWithSignalNext("SELECT * FROM tasks", null, (result, signal) -> {
                told.add(result.getItems().size());
                next.set(signal);
            });
            await("the first", () -> told.equals(List.of(0)) && next.get() != null);
            for (int n = 0; n < 5; n++) {
                tasks.upsert(Map.of("_id", n));
            }
            ditto.store.execute("SELECT * FROM tasks").toCompletableFuture().join();
            checkEquals(1, told.size());
            Runnable first = next.getAndSet(null);
            first.run();
            first.run();
            await("the newest", () -> told.size() >= 2 && next.get() != null);
            if (told.get(1) < 5) {
                next.get().run();
                await("the last", () -> told.contains(5));
            }
            checkEquals(List.of(observer), ditto.store.getObservers());
            observer.close();
            check(observer.isCancelled() && ditto.store.getObservers().isEmpty(), "it has ended");
        }
    }

    public static void statementsAreExecuted() throws InterruptedException {
        try (Ditto ditto = open()) {
            DittoQueryResult inserted = ditto.store.execute("INSERT INTO tasks DOCUMENTS (:task)",
                    Map.of("task", Map.of("_id", "a", "n", 1))).toCompletableFuture().join();
            checkEquals(Set.of(new DittoDocumentId("a")), inserted.mutatedDocumentIds());
            DittoQueryResult found = ditto.getStore().execute("SELECT * FROM tasks").toCompletableFuture().join();
            checkEquals("{\"_id\":\"a\",\"n\":1}", found.getItems().get(0).jsonString());
            checkEquals(1L, found.getItems().get(0).getValue().get("n"));
            ditto.store.execute("ALTER SYSTEM SET DQL_STRICT_MODE = false").toCompletableFuture().join();
            try {
                ditto.store.execute("ALTER SYSTEM SET DQL_STRICT_MODE = true").toCompletableFuture().join();
                check(false, "it is said at opening");
            } catch (CompletionException error) {
                checkEquals(Codes.UNSUPPORTED, ((DittoError) error.getCause()).code());
            }
            List<Integer> told = Collections.synchronizedList(new ArrayList<>());
            ditto.store.registerObserver("SELECT * FROM tasks WHERE n >= :n", Map.of("n", 1), it -> told.add(it.getItems().size()));
            await("the result", () -> told.contains(1));
            checkEquals("done", ditto.store.transaction(transaction -> {
                transaction.execute("DELETE FROM tasks").toCompletableFuture().join();
                return "done";
            }).toCompletableFuture().join());
            await("nothing", () -> told.contains(0));
            DittoSyncSubscription subscription = ditto.getSync().registerSubscription("SELECT * FROM tasks");
            checkEquals("SELECT * FROM tasks", subscription.getQueryString());
            subscription.close();
            ditto.store.collection("tasks").findAll().subscribe().cancel();
            check(subscription.isCancelled(), "it has ended");
        }
    }

    public static void writesAreOneTransaction() {
        try (Ditto ditto = open()) {
            List<DittoWriteTransactionResult> results = ditto.store.write(transaction -> {
                transaction.scoped("a").upsert(Map.of("_id", 1, "n", 1));
                transaction.scoped("a").findById(1).update(document -> document.at("n").set(2));
                checkEquals(2, transaction.scoped("a").findAll().exec().get(0).at("n").getIntValue());
                check(transaction.scoped("a").findById(1).remove(), "it is there");
                transaction.get("b").upsert(Map.of("_id", 2));
            });
            checkEquals(4, results.size());
            checkEquals(DittoWriteTransactionResult.Kind.REMOVED, results.get(2).getKind());
            checkEquals("b", results.get(3).getCollection());
            checkEquals(List.of("b"), ditto.store.collectionNames());
        }
    }

    public static void whoIsThereIsKnown() throws Exception {
        try (Ditto ditto = open()) {
            List<Object> told = Collections.synchronizedList(new ArrayList<>());
            ditto.setDeviceName("till 7");
            try (AutoCloseable observer = ditto.presence.observe(graph -> told.add(graph.getLocalPeer().getDeviceName()));
                    AutoCloseable status = ditto.auth.observeStatus(told::add)) {
                await("both", () -> told.contains("till 7") && told.contains(false));
                check(observer != status && ditto.presence.getGraph().getRemotePeers().isEmpty(), "nobody else is there");
            }
            ditto.auth.setExpirationHandler((peer, seconds) -> peer.auth.login("what it gave", "own"));
            ditto.auth.setExpirationHandler(null);
            ditto.auth.login("key", DittoAuthenticator.DEVELOPMENT_PROVIDER,
                    (info, error) -> told.add(error == null ? "in" : "out"));
            await("the key", () -> told.contains("in"));
            ditto.auth.login("what it gave", "own", (info, error) -> told.add(error.code()));
            await("the login", () -> told.contains(Codes.TIMED_OUT));
            ApiTest.refused(Codes.TIMED_OUT, () -> ditto.auth.login("what it gave", "own"));
            ditto.auth.logout();
            ditto.updateTransportConfig(config -> config.connect(connect -> connect.getWebsocketUrls().add("wss://x")));
            List<String> logged = new ArrayList<>();
            DittoLogger.setCustomLogCallback((level, text) -> logged.add(level + text));
            DittoLogger.setMinimumLogLevel(DittoLogLevel.WARNING);
            DittoLogger.info("not this");
            DittoLogger.error("this");
            DittoLogger.setCustomLogCallback(null);
            checkEquals(List.of("ERRORthis"), logged);
        }
    }
}
