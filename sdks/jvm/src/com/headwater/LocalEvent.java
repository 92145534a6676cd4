package com.headwater;

import com.headwater.internal.Difference;
import java.util.List;
import java.util.Map;

/** What is different from the result before. */
public final class LocalEvent {
    private final boolean isInitial;
    private final List<Map<String, Object>> oldDocuments;
    private final Difference difference;

    LocalEvent(List<Map<String, Object>> before, List<Map<String, Object>> documents) {
        isInitial = before == null;
        oldDocuments = before == null ? List.of() : before;
        difference = Difference.between(before, documents);
    }

    /** Whether this is the first result: everything is new then, and nothing is named below. */
    public boolean isInitial() {
        return isInitial;
    }

    /** The documents of the result before. */
    public List<Map<String, Object>> oldDocuments() {
        return oldDocuments;
    }

    /** Places of new documents in this result. */
    public List<Integer> insertions() {
        return difference.insertions;
    }

    /** Places of documents in the result before that are not in this one. */
    public List<Integer> deletions() {
        return difference.deletions;
    }

    /** Places of documents in this result that were in the one before, and are others now. */
    public List<Integer> updates() {
        return difference.updates;
    }

    /** From and to where documents moved: pairs of places. */
    public List<int[]> moves() {
        return difference.moves;
    }
}
