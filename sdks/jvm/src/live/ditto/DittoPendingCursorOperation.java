package live.ditto;

import com.headwater.internal.Message;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/** Documents that match. Nothing is looked for until one of the last calls. */
public final class DittoPendingCursorOperation {
    private final Which which;

    DittoPendingCursorOperation(Which which) {
        this.which = which;
    }

    /** Sorts by what stands at a path, after earlier ones. */
    public DittoPendingCursorOperation sort(String path, DittoSortDirection direction) {
        return new DittoPendingCursorOperation(which.sorted(path, direction));
    }

    /** The same, the smallest first. */
    public DittoPendingCursorOperation sort(String path) {
        return sort(path, DittoSortDirection.Ascending);
    }

    /** At most so many. */
    public DittoPendingCursorOperation limit(int limit) {
        return new DittoPendingCursorOperation(which.with("limit", limit));
    }

    /** Leaves the first ones out. */
    public DittoPendingCursorOperation offset(int offset) {
        return new DittoPendingCursorOperation(which.with("offset", offset));
    }

    /** The documents. */
    public List<DittoDocument> exec() {
        return which.target.find(which.all());
    }

    /** Has a function change the documents in one transaction: which changes were made, by documents. */
    public Map<DittoDocumentId, List<DittoUpdateResult>> update(Consumer<List<DittoMutableDocument>> change) {
        return which.target.update(which.all(), change);
    }

    /** Removes all that match: their ids. */
    public List<DittoDocumentId> remove() {
        return which.target.ids("remove", which.matching());
    }

    /** Takes all that match out of this store alone: their ids. */
    public List<DittoDocumentId> evict() {
        return which.target.ids("evict", which.matching());
    }

    /** Subscribes to all that match. */
    public DittoSubscription subscribe() {
        Message what = Message.of(which.matching()).with("collection", which.target.collection);
        return new DittoSubscription(which.target.port, what);
    }

    /** Calls {@code handler} with the documents now, and again with what is different whenever they change. */
    public DittoLiveQuery observeLocal(BiConsumer<List<DittoDocument>, DittoLiveQueryEvent> handler) {
        return DittoLiveQuery.observe(which, handler);
    }

    /** The same, but not before the handler has called the third thing that it is given. */
    public DittoLiveQuery observeLocalWithNextSignal(DittoLiveQuery.PacedHandler handler) {
        return DittoLiveQuery.observePaced(which, handler);
    }
}
