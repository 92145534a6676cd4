package live.ditto;

/** What becomes of an upsert where the document is there. */
public enum DittoWriteStrategy {
    /** It is merged into it. */
    Merge("", ""),
    /** Nothing. */
    InsertIfAbsent("DOCUMENTS", "ON ID CONFLICT DO NOTHING"),
    /** Nothing; and what several peers insert so is the same document. */
    InsertDefaultIfAbsent("INITIAL DOCUMENTS", ""),
    /** What is different is changed. */
    UpdateDifferentValues("DOCUMENTS", "ON ID CONFLICT DO UPDATE_LOCAL_DIFF");

    final String documents;
    final String conflict;

    DittoWriteStrategy(String documents, String conflict) {
        this.documents = documents;
        this.conflict = conflict;
    }
}
