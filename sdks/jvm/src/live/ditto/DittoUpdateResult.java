package live.ditto;

/** A change that was made. */
public final class DittoUpdateResult {
    /** What was done. */
    public enum Kind {
        /** A value was set. */
        SET,
        /** A value was taken away. */
        REMOVED,
        /** A counter was added to. */
        INCREMENTED
    }

    private final Kind kind;
    private final DittoDocumentId docId;
    private final String path;
    private final Object value;

    DittoUpdateResult(Kind kind, DittoDocumentId docId, String path, Object value) {
        this.kind = kind;
        this.docId = docId;
        this.path = path;
        this.value = value;
    }

    /** What was done. */
    public Kind getKind() {
        return kind;
    }

    /** Of which document. */
    public DittoDocumentId getDocId() {
        return docId;
    }

    /** Where. */
    public String getPath() {
        return path;
    }

    /** What was set, or how much was added; null if it was taken away. */
    public Object getValue() {
        return value;
    }
}
