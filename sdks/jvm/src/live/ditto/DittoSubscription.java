package live.ditto;

import com.headwater.internal.Message;
import com.headwater.internal.Port;

/** A subscription by the legacy query language. */
public final class DittoSubscription extends DittoSyncSubscription {
    DittoSubscription(Port port, Message what) {
        super(port, what);
    }
}
