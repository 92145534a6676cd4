package com.headwater;

import com.headwater.internal.Encodable;
import java.util.HashMap;
import java.util.Map;

/**
 * A change of a field.
 *
 * <p>Not here: what becomes of changes of several peers (docs/guides/small-peers.md).
 */
public final class Change implements Encodable {
    private final Map<String, Object> fields = new HashMap<>();

    private Change(String path, String what, Object value) {
        fields.put("path", path);
        fields.put(what, value);
    }

    /** Replaces what stands at {@code path}, as in {@code address.city} or {@code tags[0]}. */
    public static Change set(String path, Object value) {
        return new Change(path, "set", value);
    }

    /** Adds to the counter at {@code path}: increments of several peers all count. */
    public static Change increment(String path, Number by) {
        return new Change(path, "increment", by);
    }

    /** Takes away what stands at {@code path}. */
    public static Change unset(String path) {
        return new Change(path, "unset", true);
    }

    @Override
    public Object encodable() {
        return fields;
    }
}
