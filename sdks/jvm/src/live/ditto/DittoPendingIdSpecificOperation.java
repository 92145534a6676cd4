package live.ditto;

import com.headwater.internal.Message;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/** A document that is named by its id. Nothing is looked for until one of its calls. */
public final class DittoPendingIdSpecificOperation {
    private final Target target;
    private final Map<String, Object> which;

    DittoPendingIdSpecificOperation(Target target, Object id) {
        this.target = target;
        this.which = Message.of(Map.of()).with("id", id).fields();
    }

    /** The document, or null. */
    public DittoDocument exec() {
        List<DittoDocument> found = target.find(which);
        return found.isEmpty() ? null : found.get(0);
    }

    /** Has a function change the document, which is not called if there is none: which changes were made. */
    public List<DittoUpdateResult> update(Consumer<DittoMutableDocument> change) {
        Map<DittoDocumentId, List<DittoUpdateResult>> results =
                target.update(which, documents -> documents.forEach(change));
        return results.isEmpty() ? List.of() : results.values().iterator().next();
    }

    /** Removes it: whether it was there. */
    public boolean remove() {
        return !target.ids("remove", which).isEmpty();
    }

    /** Takes it out of this store alone: whether it was there. */
    public boolean evict() {
        return !target.ids("evict", which).isEmpty();
    }

    /** Subscribes to it. */
    public DittoSubscription subscribe() {
        Message what = Message.of(query().matching()).with("collection", target.collection);
        return new DittoSubscription(target.port, what);
    }

    /** Calls {@code handler} with the document now, or null, and again whenever it changes. */
    public DittoLiveQuery observeLocal(BiConsumer<DittoDocument, DittoSingleDocumentLiveQueryEvent> handler) {
        return DittoLiveQuery.observe(query(), (documents, event) ->
                handler.accept(first(documents), new DittoSingleDocumentLiveQueryEvent(event)));
    }

    static DittoDocument first(List<DittoDocument> documents) {
        return documents.isEmpty() ? null : documents.get(0);
    }

    private Which query() {
        return new Which(target, "_id == $args.id", which, Map.of());
    }
}
