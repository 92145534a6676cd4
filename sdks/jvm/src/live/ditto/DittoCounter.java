package live.ditto;

import com.headwater.internal.Encodable;

/** A number to which several peers add. In an upsert or a {@code set} it makes a counter that begins with its value. */
public final class DittoCounter implements Encodable {
    private final Number value;

    /** One that begins with 0. */
    public DittoCounter() {
        this(0);
    }

    /** One that begins with this. */
    public DittoCounter(Number value) {
        this.value = value;
    }

    /** Its value. */
    public double getValue() {
        return value.doubleValue();
    }

    @Override
    public Object encodable() {
        return value;
    }
}
