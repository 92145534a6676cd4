package live.ditto;

import com.headwater.internal.Json;
import java.util.Map;

/** A row. It is always in memory. */
public final class DittoQueryResultItem implements AutoCloseable {
    private final Map<String, Object> value;

    DittoQueryResultItem(Map<String, Object> value) {
        this.value = value;
    }

    /** Its fields. */
    public Map<String, Object> getValue() {
        return value;
    }

    /** It as JSON. */
    public String jsonString() {
        return Json.write(value);
    }

    /** Whether it is in memory. */
    public boolean isMaterialized() {
        return true;
    }

    /** Nothing: it is in memory. */
    public void materialize() {
    }

    /** Nothing: it stays in memory. */
    public void dematerialize() {
    }

    /** Nothing: it is in memory. */
    @Override
    public void close() {
    }
}
