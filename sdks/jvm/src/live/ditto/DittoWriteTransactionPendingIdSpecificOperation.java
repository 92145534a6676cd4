package live.ditto;

import com.headwater.internal.Message;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** A document in a write transaction. Nothing is looked for until one of its calls. */
public final class DittoWriteTransactionPendingIdSpecificOperation {
    private final Target target;
    private final Map<String, Object> which;
    private final List<DittoWriteTransactionResult> results;

    DittoWriteTransactionPendingIdSpecificOperation(Target target, Object id,
            List<DittoWriteTransactionResult> results) {
        this.target = target;
        this.which = Message.of(Map.of()).with("id", id).fields();
        this.results = results;
    }

    /** The document, or null. */
    public DittoDocument exec() {
        return DittoPendingIdSpecificOperation.first(target.find(which));
    }

    /** Has a function change the document, which is not called if there is none: which changes were made. */
    public List<DittoUpdateResult> update(Consumer<DittoMutableDocument> change) {
        Map<DittoDocumentId, List<DittoUpdateResult>> made =
                target.update(which, documents -> documents.forEach(change));
        DittoWriteTransactionResult.note(
                results, DittoWriteTransactionResult.Kind.UPDATED, made.keySet(), target.collection);
        return made.isEmpty() ? List.of() : made.values().iterator().next();
    }

    /** Removes it: whether it was there. */
    public boolean remove() {
        List<DittoDocumentId> ids = target.ids("remove", which);
        DittoWriteTransactionResult.note(results, DittoWriteTransactionResult.Kind.REMOVED, ids, target.collection);
        return !ids.isEmpty();
    }
}
