package com.headwater;

import com.headwater.internal.Message;
import com.headwater.internal.Port;
import java.util.List;
import java.util.Map;

/** What a statement came to. */
public final class Executed extends Written {
    private final List<Map<String, Object>> items;

    Executed(Port port, Map<String, Object> answer) {
        super(port, Message.list(answer, "mutated"), answer.get("sequence"));
        this.items = Message.objects(answer, "items");
    }

    /** The rows of a SELECT, or what RETURNING says. */
    public List<Map<String, Object>> items() {
        return items;
    }

    /** The documents that were written or evicted. */
    public List<Object> mutatedDocumentIds() {
        return ids();
    }
}
