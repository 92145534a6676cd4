package live.ditto;

import com.headwater.Change;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A document in a function that changes it: {@code document.at("age").set(32)}. Reading it gives what it was before. */
public final class DittoMutableDocument extends DittoDocument {
    private final List<Change> changes = new ArrayList<>();
    private final List<DittoUpdateResult> results = new ArrayList<>();

    DittoMutableDocument(Map<String, Object> value) {
        super(value);
    }

    @Override
    public DittoMutableDocumentPath at(String path) {
        return new DittoMutableDocumentPath(this, path);
    }

    @Override
    public DittoMutableDocumentPath get(String path) {
        return at(path);
    }

    List<Change> changes() {
        return changes;
    }

    List<DittoUpdateResult> results() {
        return results;
    }

    void add(DittoUpdateResult result, Change... made) {
        changes.addAll(List.of(made));
        results.add(result);
    }
}
