package live.ditto;

import com.headwater.internal.Encodable;

/** A value that is replaced as a whole. In an upsert it says so of an object. */
public final class DittoRegister implements Encodable {
    private final Object value;

    /** One of this value. */
    public DittoRegister(Object value) {
        this.value = value;
    }

    /** Its value. */
    public Object getValue() {
        return value;
    }

    @Override
    public Object encodable() {
        return value;
    }
}
