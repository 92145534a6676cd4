package live.ditto;

/** What is different of one document. */
public final class DittoSingleDocumentLiveQueryEvent {
    private final DittoLiveQueryEvent event;

    DittoSingleDocumentLiveQueryEvent(DittoLiveQueryEvent event) {
        this.event = event;
    }

    /** Whether this is the first time. */
    public boolean isInitial() {
        return event.isInitial();
    }

    /** The document before, or null. */
    public DittoDocument getOldDocument() {
        return DittoPendingIdSpecificOperation.first(event.getOldDocuments());
    }
}
