package live.ditto;

import java.util.Map;

/** A document that was found. */
public class DittoDocument {
    private final Map<String, Object> value;

    DittoDocument(Map<String, Object> value) {
        this.value = value;
    }

    /** Its id. */
    public DittoDocumentId getId() {
        return new DittoDocumentId(value.get("_id"));
    }

    /** Its fields, with its {@code _id}. Integers are {@link Long}. */
    public Map<String, Object> getValue() {
        return value;
    }

    /** A place in it, as in {@code address.city} or {@code tags[0]}. */
    public DittoDocumentPath at(String path) {
        return new DittoDocumentPath(value, path);
    }

    /** The same, as Kotlin writes {@code document["age"]}. */
    public DittoDocumentPath get(String path) {
        return at(path);
    }
}
