package com.headwater.internal;

import static com.headwater.internal.Tests.await;
import static com.headwater.internal.Tests.check;
import static com.headwater.internal.Tests.checkEquals;

import com.headwater.Change;
import com.headwater.Codes;
import com.headwater.Collection;
import com.headwater.Config;
import com.headwater.Executed;
import com.headwater.FieldType;
import com.headwater.Headwater;
import com.headwater.HeadwaterException;
import com.headwater.LocalEvent;
import com.headwater.Observer;
import com.headwater.Store;
import com.headwater.Subscription;
import com.headwater.Written;
import java.math.BigInteger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Flow;

/** What the package's own names do. */
public final class ApiTest {
    private ApiTest() {
    }

    static Headwater open() {
        return Headwater.open(new Config(Tests.folder()).relaxed(true));
    }

    static void refused(String code, Runnable run) {
        try {
            run.run();
        } catch (HeadwaterException error) {
            checkEquals(code, error.code());
            check(!error.getMessage().isEmpty(), "it says why");
            return;
        }
        throw new AssertionError("it is not " + code);
    }

    public static void documentsAreWrittenFoundChangedAndRemoved() {
        try (Headwater headwater = open()) {
            Collection people = headwater.store().collection("people");
            Written written = people.upsert(Map.of("_id", "susan", "name", "Susan", "age", 31));
            checkEquals("susan", written.id());
            checkEquals(1L, written.sequence().getAsLong());
            people.upsert(Map.of("_id", "ann", "name", "Ann", "age", 40));
            people.upsert(Map.of("_id", "ben", "age", 17));
            checkEquals(Map.of("_id", "susan", "name", "Susan", "age", 31L), people.findById("susan"));
            checkEquals(null, people.findById("nobody"));
            checkEquals(List.of("ann", "susan"), ids(people.find("age >= $args.age", Map.of("age", 18))
                    .sortDescending("age").documents()));
            checkEquals(List.of("susan"), ids(people.find().sort("age").offset(1).limit(1).documents()));
            people.update("susan", Change.set("address.town", "Bath"), Change.unset("name"));
            people.byId("susan").update(susan -> {
                checkEquals("Bath", susan.at("address").at("town").value());
                susan.at("age").set(32);
                susan.at("tags").set(List.of("a"));
            });
            checkEquals(Map.of("_id", "susan", "age", 32L, "address", Map.of("town", "Bath"), "tags", List.of("a")),
                    people.byId("susan").get());
            checkEquals(List.of(), people.update("nobody", nobody -> check(false, "nobody")).ids());
            people.find("age > 20").update(all -> all.forEach(it -> it.at("old").set(true)));
            checkEquals(2, people.find("old == true").documents().size());
            people.find("age < 20").update(Change.set("young", true));
            checkEquals(true, people.findById("ben").get("young"));
            checkEquals(List.of("ben"), people.remove("ben").ids());
            checkEquals(List.of(), people.remove("ben").ids());
            check(people.evict("ann") && !people.evict("ann"), "it was there once");
            checkEquals(List.of("susan"), people.find("age > 20").evict());
            checkEquals(List.of(), people.find().documents());
            checkEquals(1, headwater.info().abi());
        }
    }

    public static void countersCount() {
        try (Headwater headwater = open()) {
            Collection shops = headwater.store().collection("shops");
            shops.upsert(Map.of("_id", "a", "visits", 5), Map.of("visits", FieldType.COUNTER));
            shops.byId("a").update(shop -> shop.at("visits").increment(2));
            checkEquals(7L, shops.findById("a").get("visits"));
        }
    }

    public static void integersHave64Bits() {
        try (Headwater headwater = open()) {
            Collection numbers = headwater.store().collection("numbers");
            BigInteger beyond = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);
            numbers.upsert(Map.of("_id", 1, "great", Long.MAX_VALUE, "small", Long.MIN_VALUE, "beyond", beyond, "real", 1.0));
            Map<String, Object> found = numbers.findById(1);
            checkEquals(List.of(Long.MAX_VALUE, Long.MIN_VALUE, beyond, 1.0),
                    List.of(found.get("great"), found.get("small"), found.get("beyond"), found.get("real")));
        }
    }

    public static void statementsAreExecuted() {
        try (Headwater headwater = open()) {
            Store store = headwater.store();
            Executed inserted = store.execute("INSERT INTO tasks DOCUMENTS (:task)", Map.of("task", Map.of("_id", "a", "n", 1)));
            checkEquals(List.of("a"), inserted.mutatedDocumentIds());
            checkEquals(List.of(Map.of("n", 1L)), store.execute("SELECT n FROM tasks").items());
            checkEquals(1, store.executeAsync("SELECT * FROM tasks", null).toCompletableFuture().join().items().size());
            checkEquals("b", store.collection("tasks").upsertAsync(Map.of("_id", "b")).toCompletableFuture().join().id());
            checkEquals(2, store.collection("tasks").find().documentsAsync().toCompletableFuture().join().size());
            checkEquals(null, store.collection("tasks").findByIdAsync("c").toCompletableFuture().join());
            refused(Codes.INVALID_QUERY, () -> store.execute("SELECT"));
            refused(Codes.EXISTS, () -> store.execute("INSERT INTO tasks DOCUMENTS ({'_id': 'a'})"));
            try {
                store.executeAsync("SELECT", null).toCompletableFuture().join();
                check(false, "it is no statement");
            } catch (CompletionException error) {
                checkEquals(Codes.INVALID_QUERY, ((HeadwaterException) error.getCause()).code());
            }
        }
    }

    public static void aTransactionIsAllOrNothing() {
        try (Headwater headwater = open()) {
            Store store = headwater.store();
            Store.Transacted<Integer> done = store.transaction(transaction -> {
                transaction.collection("a").upsert(Map.of("_id", 1, "n", 1));
                transaction.execute("INSERT INTO b DOCUMENTS ({'_id': 2})");
                check(transaction.collection("a").update(1, it -> it.at("n").set(2)), "it is there");
                refused(Codes.IN_TRANSACTION, () -> store.collection("a").upsert(Map.of("_id", 3)));
                refused(Codes.IN_TRANSACTION, () -> store.execute("DELETE FROM a"));
                checkEquals(List.of(), store.execute("SELECT * FROM a").items());
                return transaction.collection("a").find().size();
            });
            checkEquals(1, done.value());
            checkEquals(List.of(1L, 2L), done.written().ids());
            checkEquals(2L, store.collection("a").findById(1).get("n"));
            try {
                store.transaction(transaction -> {
                    transaction.collection("a").remove(1);
                    throw new IllegalStateException("on purpose");
                });
                check(false, "it throws");
            } catch (IllegalStateException thrown) {
                checkEquals("on purpose", thrown.getMessage());
            }
            check(store.collection("a").findById(1) != null, "nothing of it was done");
        }
    }

    public static void observersAreTold() {
        try (Headwater headwater = open()) {
            Collection tasks = headwater.store().collection("tasks");
            List<List<Map<String, Object>>> told = Collections.synchronizedList(new ArrayList<>());
            Observer observer = headwater.store().registerObserver("SELECT n FROM tasks", told::add);
            await("the current result", () -> told.size() == 1);
            checkEquals(List.of(), told.get(0));
            tasks.upsert(Map.of("_id", 1, "n", 1));
            await("the next", () -> told.contains(List.of(Map.<String, Object>of("n", 1L))));
            observer.cancel();
            int count = told.size();
            tasks.upsert(Map.of("_id", 2, "n", 2));
            headwater.store().executeAsync("SELECT * FROM tasks", null).toCompletableFuture().join();
            check(told.size() == count && observer.isCancelled(), "nothing comes after cancel");
            refused(Codes.INVALID_QUERY, () -> headwater.store().registerObserver("SELECT", told::add));
        }
    }

    public static void whatIsDifferentIsTold() {
        try (Headwater headwater = open()) {
            Collection tasks = headwater.store().collection("tasks");
            tasks.upsert(Map.of("_id", "a", "n", 1));
            tasks.upsert(Map.of("_id", "b", "n", 2));
            List<LocalEvent> told = Collections.synchronizedList(new ArrayList<>());
            try (Observer observer = tasks.find().sort("n").observeLocal((documents, event) -> told.add(event))) {
                await("the first", () -> told.size() == 1);
                check(told.get(0).isInitial() && !observer.isCancelled(), "it is the first");
                headwater.store().transaction(transaction -> {
                    transaction.collection("tasks").upsert(Map.of("_id", "a", "n", 3));
                    transaction.collection("tasks").upsert(Map.of("_id", "c", "n", 1));
                    return null;
                });
                await("the second", () -> told.size() == 2);
                LocalEvent event = told.get(1);
                checkEquals(List.of(0), event.insertions());
                checkEquals(List.of(2), event.updates());
                checkEquals(List.of(), event.deletions());
                checkEquals("[0, 2]", java.util.Arrays.toString(event.moves().get(0)));
                checkEquals(2, event.oldDocuments().size());
                tasks.remove("b");
                await("the third", () -> told.size() == 3);
                checkEquals(List.of(1), told.get(2).deletions());
            }
        }
    }

    public static void aPublisherTellsTheNewestThatIsAskedFor() {
        List<Object> told = Collections.synchronizedList(new ArrayList<>());
        Flow.Subscription[] asking = new Flow.Subscription[1];
        try (Headwater headwater = open()) {
            Collection tasks = headwater.store().collection("tasks");
            headwater.store().observe("SELECT n FROM tasks", null).subscribe(new Flow.Subscriber<>() {
                @Override
                public void onSubscribe(Flow.Subscription subscription) {
                    asking[0] = subscription;
                }

                @Override
                public void onNext(List<Map<String, Object>> items) {
                    told.add(items.size());
                }

                @Override
                public void onError(Throwable error) {
                    told.add(error);
                }

                @Override
                public void onComplete() {
                    told.add("complete");
                }
            });
            asking[0].request(1);
            await("the current result", () -> told.equals(List.of(0)));
            tasks.upsert(Map.of("_id", 1, "n", 1));
            tasks.upsert(Map.of("_id", 2, "n", 2));
            asking[0].request(1);
            await("another", () -> told.size() == 2);
        }
        checkEquals("complete", told.get(2));
        ApiTest.<Object>failing(open());
    }

    private static <T> void failing(Headwater headwater) {
        List<Throwable> failed = Collections.synchronizedList(new ArrayList<>());
        headwater.store().observe("SELECT", null).subscribe(new Flow.Subscriber<>() {
            @Override
            public void onSubscribe(Flow.Subscription subscription) {
                subscription.request(Long.MAX_VALUE);
            }

            @Override
            public void onNext(List<Map<String, Object>> items) {
                failed.add(new AssertionError("it is no statement"));
            }

            @Override
            public void onError(Throwable error) {
                failed.add(error);
            }

            @Override
            public void onComplete() {
                failed.add(new AssertionError("it failed"));
            }
        });
        await("an error", () -> failed.size() == 1);
        checkEquals(Codes.INVALID_QUERY, ((HeadwaterException) failed.get(0)).code());
        headwater.close();
        checkEquals(1, failed.size());
    }

    public static void syncSaysWhereItStands() {
        try (Headwater headwater = Headwater.open(new Config(Tests.folder()).server("http://127.0.0.1:1").app("a").token("t"))) {
            Written written = headwater.store().collection("a").upsert(Map.of("n", 1));
            checkEquals("stopped", headwater.sync().state());
            checkEquals(1L, headwater.sync().pending());
            List<String> states = Collections.synchronizedList(new ArrayList<>());
            headwater.sync().observeState(states::add);
            await("where it stands", () -> states.contains("stopped"));
            headwater.startSync();
            await("that it waits", () -> headwater.sync().lastError().isPresent());
            Duration soon = Duration.ofMillis(1);
            refused(Codes.TIMED_OUT, () -> headwater.sync().flushed(soon));
            refused(Codes.TIMED_OUT, () -> written.committed(soon));
            check(written.committedAsync(soon).handle((txn, error) -> error).toCompletableFuture().join() != null, "in vain");
            headwater.stopSync();
            await("that it stopped", () -> "stopped".equals(states.get(states.size() - 1)));
            Subscription subscription = headwater.sync().registerSubscription("SELECT * FROM a WHERE n > :n", Map.of("n", 0));
            check(!subscription.isComplete() && subscription.refused().isEmpty(), "nobody has said anything");
            subscription.cancel();
            headwater.store().collection("a").find("n > 1").subscribe().cancel();
            checkEquals(List.of(), headwater.sync().rejected());
            headwater.sync().onRejected(rejected -> check(false, "nobody refuses")).cancel();
            headwater.sync().forgetRejected(1);
            headwater.sync().authenticate("newer");
            refused(Codes.TIMED_OUT, () -> headwater.sync().login("what it gave", "own"));
            check(headwater.sync().loginAsync("what it gave", "own").handle((login, error) -> error).toCompletableFuture()
                    .join() != null, "nobody answers");
            headwater.sync().tokenSource(() -> null);
            headwater.sync().tokenSource(null);
            refused(Codes.INVALID_QUERY, () -> headwater.sync().registerSubscription("SELECT * FROM a LIMIT 1"));
        }
        refused(Codes.NO_SERVER, () -> open().startSync());
    }

    static List<Object> ids(List<Map<String, Object>> documents) {
        List<Object> ids = new ArrayList<>();
        documents.forEach(it -> ids.add(it.get("_id")));
        return ids;
    }
}
