package com.headwater;

import com.headwater.internal.Events;
import com.headwater.internal.Message;
import com.headwater.internal.Port;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * Documents that match a condition of the legacy query language. Nothing is looked for until one of the last calls.
 *
 * <p>Invariant: a Find never changes; {@code sort}, {@code limit} and {@code offset} give another.
 */
public final class Find {
    private final Port port;
    private final String collection;
    /** Order, offset and limit. */
    private final Map<String, Object> shape;
    private final String query;
    private final Map<String, ?> args;

    Find(Port port, String collection, Map<String, Object> shape, String query, Map<String, ?> args) {
        this.port = port;
        this.collection = collection;
        this.shape = shape;
        this.query = query;
        this.args = args;
    }

    /** Sorts by what stands at a path, after earlier ones; the smallest first. */
    public Find sort(String path) {
        return sorted(Map.of("path", path));
    }

    /** The same, the greatest first. */
    public Find sortDescending(String path) {
        return sorted(Map.of("path", path, "descending", true));
    }

    private Find sorted(Map<String, Object> by) {
        List<Object> sort = new ArrayList<>((List<?>) shape.getOrDefault("sort", List.of()));
        sort.add(by);
        return with("sort", sort);
    }

    /** Leaves the first ones out. */
    public Find offset(long offset) {
        return with("offset", offset);
    }

    /** At most so many. */
    public Find limit(long limit) {
        return with("limit", limit);
    }

    private Find with(String name, Object value) {
        Map<String, Object> newer = new HashMap<>(shape);
        newer.put(name, value);
        return new Find(port, collection, newer, query, args);
    }

    /** The documents, each with its {@code _id}. */
    public List<Map<String, Object>> documents() {
        return Message.objects(port.call(all(Message.call("find"))), "documents");
    }

    /** The same without waiting; they come on the thread of callbacks. */
    public CompletionStage<List<Map<String, Object>>> documentsAsync() {
        return port.callLater(all(Message.call("find"))).thenApply(answer -> Message.objects(answer, "documents"));
    }

    /** Changes all that match, in one transaction; order, offset and limit do not count. */
    public Written update(Change... changes) {
        return Written.of(port, port.call(matching(Message.call("update")).with("changes", List.of(changes))));
    }

    /** Has a function change the documents, in one transaction. */
    public Written update(Consumer<List<MutableDocument>> change) {
        return Collection.updateWith(port, collection, matching(Message.of(shape)), change);
    }

    /** Removes all that match, in one transaction; order, offset and limit do not count. */
    public Written remove() {
        return Written.of(port, port.call(matching(Message.call("remove"))));
    }

    /** Takes all that match out of this store alone; order, offset and limit do not count. Those that were there. */
    public List<Object> evict() {
        return Message.list(port.call(matching(Message.call("evict"))), "ids");
    }

    /** Calls {@code callback} with the documents now, and again whenever they may be others, on the thread of callbacks. */
    public Observer observe(Consumer<List<Map<String, Object>>> callback) {
        return observe(callback, null);
    }

    /** The same; {@code onError} is told of a result that cannot be had, which otherwise is an uncaught exception. */
    public Observer observe(Consumer<List<Map<String, Object>>> callback, Consumer<? super HeadwaterException> onError) {
        return new Observer(port.watch(all(Message.watch("find")), false,
                event -> callback.accept(Message.objects(event, "documents")), onError));
    }

    /** The same as a publisher: whoever subscribes to it is told the current result first, then the newest. */
    public Flow.Publisher<List<Map<String, Object>>> stream() {
        return new Events<>(port, all(Message.watch("find")), event -> Message.objects(event, "documents"));
    }

    /** Calls {@code callback} with the documents now, and again with what is different whenever they change. */
    public Observer observeLocal(BiConsumer<List<Map<String, Object>>, LocalEvent> callback) {
        return observeLocal(callback, null);
    }

    /** The same; {@code onError} as of {@link #observe}. */
    public Observer observeLocal(BiConsumer<List<Map<String, Object>>, LocalEvent> callback,
            Consumer<? super HeadwaterException> onError) {
        return observe(new Consumer<>() {
            private List<Map<String, Object>> before;

            @Override
            public void accept(List<Map<String, Object>> documents) {
                LocalEvent event = new LocalEvent(before, documents);
                before = documents;
                callback.accept(documents, event);
            }
        }, onError);
    }

    /** Subscribes to all that match; order, offset and limit do not count. */
    public Subscription subscribe() {
        return Subscription.of(port, port.call(matching(Message.call("register_subscription"))));
    }

    private Message all(Message message) {
        return matching(message).with(shape);
    }

    private Message matching(Message message) {
        return message.with("collection", collection).with("query", query).with("args", args);
    }
}
