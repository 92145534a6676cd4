package com.headwater;

import com.headwater.internal.Port;
import java.util.Map;
import java.util.function.Consumer;

/** A document that is named by its id. Nothing is looked for until one of its calls. */
public final class ById {
    private final Port port;
    private final Collection collection;
    private final Object id;

    ById(Port port, Collection collection, Object id) {
        this.port = port;
        this.collection = collection;
        this.id = id;
    }

    /** Its id. */
    public Object id() {
        return id;
    }

    /** The document with its {@code _id}, or null. */
    public Map<String, Object> get() {
        return collection.findById(id);
    }

    /** Has {@code change} look at the document and change it, in one transaction; it is not called if there is none. */
    public Written update(Consumer<MutableDocument> change) {
        return collection.update(id, change);
    }

    /** As {@link Collection#remove}. */
    public Written remove() {
        return collection.remove(id);
    }

    /** As {@link Collection#evict}. */
    public boolean evict() {
        return collection.evict(id);
    }

    /** Subscribes to the document. */
    public Subscription subscribe() {
        return find().subscribe();
    }

    /** The same document as what a query finds, to be observed, say. */
    public Find find() {
        return new Find(port, collection.name(), Map.of(), "_id == $args.id", Map.of("id", id));
    }
}
