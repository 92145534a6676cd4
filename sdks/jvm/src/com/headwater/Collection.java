package com.headwater;

import com.headwater.internal.Message;
import com.headwater.internal.Port;
import com.headwater.internal.Transactions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/** A collection. It is there once it has a document. */
public final class Collection {
    private final Port port;
    private final String name;

    Collection(Port port, String name) {
        this.port = port;
        this.name = name;
    }

    /** Its name. */
    public String name() {
        return name;
    }

    /** Merges an object into the document that its {@code _id} names, or makes a new one. */
    public Written upsert(Map<String, ?> value) {
        return upsert(value, null);
    }

    /** The same; {@code types}: what kind of field stands at some paths. */
    public Written upsert(Map<String, ?> value, Map<String, FieldType> types) {
        return written(port.call(upserting(value, types)));
    }

    /** The same without waiting; it comes on the thread of callbacks. */
    public CompletionStage<Written> upsertAsync(Map<String, ?> value) {
        return port.callLater(upserting(value, null)).thenApply(this::written);
    }

    private Message upserting(Map<String, ?> value, Map<String, FieldType> types) {
        return calling("upsert").with("value", value).with("types", types);
    }

    private Written written(Map<String, Object> answer) {
        return new Written(port, List.of(answer.get("id")), answer.get("sequence"));
    }

    /** The document with its {@code _id}, or null. */
    public Map<String, Object> findById(Object id) {
        return Message.object(port.call(calling("find_by_id").with("id", id)), "document");
    }

    /** The same without waiting; it comes on the thread of callbacks. */
    public CompletionStage<Map<String, Object>> findByIdAsync(Object id) {
        return port.callLater(calling("find_by_id").with("id", id)).thenApply(answer -> Message.object(answer, "document"));
    }

    /** The document with this id, to be read, changed or observed. */
    public ById byId(Object id) {
        return new ById(port, this, id);
    }

    /** All documents. Nothing is looked for until one of its calls. */
    public Find find() {
        return find(null, null);
    }

    /** The documents that match a condition of the legacy query language. */
    public Find find(String query) {
        return find(query, null);
    }

    /** The same; {@code args}: what {@code $args.name} stands for. */
    public Find find(String query, Map<String, ?> args) {
        return new Find(port, name, Map.of(), query, args);
    }

    /** Changes a document, if it is there. */
    public Written update(Object id, Change... changes) {
        return Written.of(port, port.call(calling("update").with("id", id).with("changes", List.of(changes))));
    }

    /** Has {@code change} look at a document and change it, in one transaction; it is not called if there is none. */
    public Written update(Object id, Consumer<MutableDocument> change) {
        return updateWith(port, name, Message.of(Map.of("id", id)), documents -> documents.forEach(change));
    }

    /** Removes a document, if it is there, here and at the server. */
    public Written remove(Object id) {
        return Written.of(port, port.call(calling("remove").with("id", id)));
    }

    /** Takes a document out of this store alone: whether it was there. */
    public boolean evict(Object id) {
        return !Message.list(port.call(calling("evict").with("id", id)), "ids").isEmpty();
    }

    private Message calling(String call) {
        return Message.call(call).with("collection", name);
    }

    /** Reads documents, has them changed and writes the changes, in one transaction. */
    static Written updateWith(Port port, String collection, Message which, Consumer<List<MutableDocument>> change) {
        return Written.of(port, Transactions.run(port, transaction -> {
            List<MutableDocument> documents = new ArrayList<>();
            for (Map<String, Object> found : found(port, collection, which, transaction)) {
                documents.add(new MutableDocument(found));
            }
            change.accept(documents);
            for (MutableDocument document : documents) {
                if (!document.changes().isEmpty()) {
                    port.call(Message.call("update").with("collection", collection).with("id", document.id())
                            .with("changes", document.changes()).with("transaction", transaction));
                }
            }
            return null;
        }).commit);
    }

    private static List<Map<String, Object>> found(Port port, String collection, Message which, long transaction) {
        boolean isById = which.fields().containsKey("id");
        Message request = Message.call(isById ? "find_by_id" : "find").with("collection", collection)
                .with(which.fields()).with("transaction", transaction);
        Map<String, Object> answer = port.call(request);
        if (!isById) {
            return Message.objects(answer, "documents");
        }
        Map<String, Object> document = Message.object(answer, "document");
        return document == null ? List.of() : List.of(document);
    }
}
