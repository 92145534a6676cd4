package live.ditto;

import com.headwater.internal.Encodable;
import com.headwater.internal.Json;
import java.util.Objects;

/** The id of a document: any JSON but null, a string most of the time. */
public final class DittoDocumentId implements Encodable {
    private final Object value;

    /** The id of this value. */
    public DittoDocumentId(Object value) {
        this.value = valueOf(value);
    }

    static Object valueOf(Object id) {
        return id instanceof DittoDocumentId ? ((DittoDocumentId) id).value : id;
    }

    /** Its value. */
    public Object getValue() {
        return value;
    }

    /** As a query takes it. */
    public String toQueryCompatibleString() {
        return Json.write(value);
    }

    @Override
    public Object encodable() {
        return value;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof DittoDocumentId && Objects.equals(value, ((DittoDocumentId) other).value);
    }

    @Override
    public int hashCode() {
        return Objects.hashCode(value);
    }

    /** A string is itself, everything else is JSON. */
    @Override
    public String toString() {
        return value instanceof String ? (String) value : toQueryCompatibleString();
    }
}
