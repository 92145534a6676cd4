package com.headwater;

import com.headwater.internal.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A document in a function that changes it. Reading it gives what it was before. */
public final class MutableDocument {
    private final Map<String, Object> value;
    private final List<Change> changes = new ArrayList<>();

    MutableDocument(Map<String, Object> value) {
        this.value = value;
    }

    /** Its id. */
    public Object id() {
        return value.get("_id");
    }

    /** Its fields, with its {@code _id}. */
    public Map<String, Object> value() {
        return value;
    }

    /** The field at a path, as in {@code address.city} or {@code tags[0]}. */
    public MutableField at(String path) {
        return new MutableField(path);
    }

    List<Change> changes() {
        return changes;
    }

    /** A place in the document. */
    public final class MutableField {
        private final String path;

        private MutableField(String path) {
            this.path = path;
        }

        /** What stood there before; null if nothing did. */
        public Object value() {
            return Paths.lookUp(value, path);
        }

        /** A field of what stands here. */
        public MutableField at(String step) {
            return new MutableField(Paths.join(path, step));
        }

        /** An element of what stands here. */
        public MutableField at(int step) {
            return new MutableField(Paths.join(path, step));
        }

        /** Replaces what stands here. */
        public void set(Object newer) {
            changes.add(Change.set(path, newer));
        }

        /** Adds to the counter here. */
        public void increment(Number by) {
            changes.add(Change.increment(path, by));
        }

        /** Takes away what stands here. */
        public void unset() {
            changes.add(Change.unset(path));
        }
    }
}
