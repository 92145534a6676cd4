package live.ditto;

import java.util.Collection;
import java.util.List;

/** What was written of a document. */
public final class DittoWriteTransactionResult {
    /** What was done. */
    public enum Kind {
        /** It was upserted. */
        INSERTED,
        /** It was changed. */
        UPDATED,
        /** It was removed. */
        REMOVED
    }

    private final Kind kind;
    private final DittoDocumentId docId;
    private final String collection;

    DittoWriteTransactionResult(Kind kind, DittoDocumentId docId, String collection) {
        this.kind = kind;
        this.docId = docId;
        this.collection = collection;
    }

    static void note(List<DittoWriteTransactionResult> results, Kind kind, Collection<DittoDocumentId> ids, String name) {
        ids.forEach(id -> results.add(new DittoWriteTransactionResult(kind, id, name)));
    }

    /** What was done. */
    public Kind getKind() {
        return kind;
    }

    /** Which document. */
    public DittoDocumentId getDocId() {
        return docId;
    }

    /** Of which collection. */
    public String getCollection() {
        return collection;
    }
}
