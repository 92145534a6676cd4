package live.ditto;

import java.util.List;
import java.util.Map;

/** A collection in a write transaction. */
public final class DittoScopedWriteTransaction {
    private final Target target;
    private final List<DittoWriteTransactionResult> results;

    DittoScopedWriteTransaction(Target target, List<DittoWriteTransactionResult> results) {
        this.target = target;
        this.results = results;
    }

    /** Merges an object into the document that its {@code _id} names, or makes a new one: its id. */
    public DittoDocumentId upsert(Map<String, ?> value) {
        return upsert(value, DittoWriteStrategy.Merge);
    }

    /** The same; the strategy says what becomes of it where the document is there. */
    public DittoDocumentId upsert(Map<String, ?> value, DittoWriteStrategy strategy) {
        DittoDocumentId id = target.upsert(value, strategy);
        results.add(new DittoWriteTransactionResult(
                DittoWriteTransactionResult.Kind.INSERTED, id, target.collection));
        return id;
    }

    /** Documents that match a condition of the legacy query language. */
    public DittoWriteTransactionPendingCursorOperation find(String query) {
        return find(query, null);
    }

    /** The same; {@code args}: what {@code $args.name} stands for. */
    public DittoWriteTransactionPendingCursorOperation find(String query, Map<String, ?> args) {
        return new DittoWriteTransactionPendingCursorOperation(new Which(target, query, args, Map.of()), results);
    }

    /** All documents. */
    public DittoWriteTransactionPendingCursorOperation findAll() {
        return find("true");
    }

    /** The document with this id, a {@link DittoDocumentId} or its value. */
    public DittoWriteTransactionPendingIdSpecificOperation findById(Object id) {
        return new DittoWriteTransactionPendingIdSpecificOperation(target, DittoDocumentId.valueOf(id), results);
    }

    /** The same. */
    public DittoWriteTransactionPendingIdSpecificOperation findByID(Object id) {
        return findById(id);
    }
}
