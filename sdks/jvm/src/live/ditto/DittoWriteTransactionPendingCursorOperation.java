package live.ditto;

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Documents in a write transaction. Nothing is looked for until one of the last calls. */
public final class DittoWriteTransactionPendingCursorOperation {
    private final Which which;
    private final List<DittoWriteTransactionResult> results;

    DittoWriteTransactionPendingCursorOperation(Which which, List<DittoWriteTransactionResult> results) {
        this.which = which;
        this.results = results;
    }

    /** Sorts by what stands at a path, after earlier ones. */
    public DittoWriteTransactionPendingCursorOperation sort(String path, DittoSortDirection direction) {
        return new DittoWriteTransactionPendingCursorOperation(which.sorted(path, direction), results);
    }

    /** At most so many. */
    public DittoWriteTransactionPendingCursorOperation limit(int limit) {
        return new DittoWriteTransactionPendingCursorOperation(which.with("limit", limit), results);
    }

    /** Leaves the first ones out. */
    public DittoWriteTransactionPendingCursorOperation offset(int offset) {
        return new DittoWriteTransactionPendingCursorOperation(which.with("offset", offset), results);
    }

    /** The documents. */
    public List<DittoDocument> exec() {
        return which.target.find(which.all());
    }

    /** Has a function change the documents: which changes were made, by documents. */
    public Map<DittoDocumentId, List<DittoUpdateResult>> update(Consumer<List<DittoMutableDocument>> change) {
        Map<DittoDocumentId, List<DittoUpdateResult>> made = which.target.update(which.all(), change);
        note(DittoWriteTransactionResult.Kind.UPDATED, made.keySet());
        return made;
    }

    /** Removes all that match: their ids. */
    public List<DittoDocumentId> remove() {
        List<DittoDocumentId> ids = which.target.ids("remove", which.matching());
        note(DittoWriteTransactionResult.Kind.REMOVED, ids);
        return ids;
    }

    private void note(DittoWriteTransactionResult.Kind kind, java.util.Collection<DittoDocumentId> ids) {
        DittoWriteTransactionResult.note(results, kind, ids, which.target.collection);
    }
}
