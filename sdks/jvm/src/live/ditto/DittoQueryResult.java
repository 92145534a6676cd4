package live.ditto;

import com.headwater.internal.Message;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** What a statement came to. */
public final class DittoQueryResult implements AutoCloseable {
    private final List<DittoQueryResultItem> items;
    private final List<Object> mutated;

    DittoQueryResult(Map<String, Object> answer) {
        items = Message.objects(answer, "items").stream().map(DittoQueryResultItem::new).collect(Collectors.toList());
        List<Object> ids = Message.list(answer, "mutated");
        mutated = ids == null ? List.of() : ids;
    }

    /** The rows. */
    public List<DittoQueryResultItem> getItems() {
        return items;
    }

    /** The documents that were written or evicted. */
    public Set<DittoDocumentId> mutatedDocumentIds() {
        return mutated.stream().map(DittoDocumentId::new).collect(Collectors.toSet());
    }

    /** Nothing: rows are in memory. */
    @Override
    public void close() {
    }
}
