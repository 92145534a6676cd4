package live.ditto;

import com.headwater.internal.Difference;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What is different from the documents before. Places of deletions are in the older ones. */
public abstract class DittoLiveQueryEvent {
    private final List<DittoDocument> oldDocuments;
    private final Difference difference;

    private DittoLiveQueryEvent(List<Map<String, Object>> before, List<Map<String, Object>> now) {
        List<Map<String, Object>> old = before == null ? List.of() : before;
        oldDocuments = old.stream().map(DittoDocument::new).collect(Collectors.toList());
        difference = Difference.between(before, now);
    }

    static DittoLiveQueryEvent between(List<Map<String, Object>> before, List<Map<String, Object>> now) {
        return before == null ? new Initial(now) : new Update(before, now);
    }

    /** The first time: everything is new. */
    public static final class Initial extends DittoLiveQueryEvent {
        private Initial(List<Map<String, Object>> now) {
            super(null, now);
        }
    }

    /** Every other time. */
    public static final class Update extends DittoLiveQueryEvent {
        private Update(List<Map<String, Object>> before, List<Map<String, Object>> now) {
            super(before, now);
        }
    }

    /** From and to where a document moved. */
    public static final class Move {
        private final int[] places;

        private Move(int[] places) {
            this.places = places;
        }

        /** From where. */
        public int getFrom() {
            return places[0];
        }

        /** To where. */
        public int getTo() {
            return places[1];
        }
    }

    /** Whether this is the first time. */
    public boolean isInitial() {
        return this instanceof Initial;
    }

    /** The documents before. */
    public List<DittoDocument> getOldDocuments() {
        return oldDocuments;
    }

    /** Places of new documents. */
    public List<Integer> getInsertions() {
        return difference.insertions;
    }

    /** Places, in the documents before, of those that are gone. */
    public List<Integer> getDeletions() {
        return difference.deletions;
    }

    /** Places of documents that are others now. */
    public List<Integer> getUpdates() {
        return difference.updates;
    }

    /** From and to where documents moved. */
    public List<Move> getMoves() {
        return difference.moves.stream().map(Move::new).collect(Collectors.toList());
    }
}
