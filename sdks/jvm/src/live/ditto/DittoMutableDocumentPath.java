package live.ditto;

import com.headwater.Change;
import com.headwater.internal.Paths;

/** A place in a document that may be changed. */
public final class DittoMutableDocumentPath extends DittoDocumentPath {
    private final DittoMutableDocument changed;

    DittoMutableDocumentPath(DittoMutableDocument changed, String path) {
        super(changed.getValue(), path);
        this.changed = changed;
    }

    @Override
    public DittoMutableDocumentPath at(String step) {
        return new DittoMutableDocumentPath(changed, Paths.join(path, step));
    }

    @Override
    public DittoMutableDocumentPath at(int step) {
        return new DittoMutableDocumentPath(changed, Paths.join(path, step));
    }

    @Override
    public DittoMutableDocumentPath get(String step) {
        return at(step);
    }

    @Override
    public DittoMutableDocumentPath get(int step) {
        return at(step);
    }

    /** Replaces what stands there. */
    public void set(Object value) {
        DittoUpdateResult result = new DittoUpdateResult(DittoUpdateResult.Kind.SET, changed.getId(), path, value);
        if (value instanceof DittoCounter) {
            changed.add(result, Change.set(path, value), Change.increment(path, 0));
        } else {
            changed.add(result, Change.set(path, value));
        }
    }

    /** The same, as Kotlin writes {@code document["address"]["city"] = "Bath"}. */
    public void set(String step, Object value) {
        at(step).set(value);
    }

    /** Takes away what stands there. */
    public void remove() {
        changed.add(new DittoUpdateResult(DittoUpdateResult.Kind.REMOVED, changed.getId(), path, null), Change.unset(path));
    }

    /** Adds to the counter there. */
    public void increment(Number by) {
        changed.add(new DittoUpdateResult(DittoUpdateResult.Kind.INCREMENTED, changed.getId(), path, by),
                Change.increment(path, by));
    }

    /** Makes a counter of the number there, or one that begins with 0. */
    public void replaceWithCounter() {
        increment(0);
    }
}
