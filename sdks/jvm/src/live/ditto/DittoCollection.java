package live.ditto;

import com.headwater.internal.Port;
import java.util.Map;

/** A collection. Its calls are done, and durable, when they return. */
public final class DittoCollection {
    private final Target target;

    DittoCollection(Port port, String name) {
        this.target = new Target(port, name, null);
    }

    /** Its name. */
    public String getName() {
        return target.collection;
    }

    /** Merges an object into the document that its {@code _id} names, or makes a new one: its id. */
    public DittoDocumentId upsert(Map<String, ?> value) {
        return upsert(value, DittoWriteStrategy.Merge);
    }

    /** The same; the strategy says what becomes of it where the document is there. */
    public DittoDocumentId upsert(Map<String, ?> value, DittoWriteStrategy strategy) {
        return target.upsert(value, strategy);
    }

    /** Documents that match a condition of the legacy query language. */
    public DittoPendingCursorOperation find(String query) {
        return find(query, null);
    }

    /** The same; {@code args}: what {@code $args.name} stands for. */
    public DittoPendingCursorOperation find(String query, Map<String, ?> args) {
        return new DittoPendingCursorOperation(new Which(target, query, args, Map.of()));
    }

    /** All documents. */
    public DittoPendingCursorOperation findAll() {
        return find("true");
    }

    /** The document with this id, a {@link DittoDocumentId} or its value. */
    public DittoPendingIdSpecificOperation findById(Object id) {
        return new DittoPendingIdSpecificOperation(target, DittoDocumentId.valueOf(id));
    }

    /** The same. */
    public DittoPendingIdSpecificOperation findByID(Object id) {
        return findById(id);
    }
}
