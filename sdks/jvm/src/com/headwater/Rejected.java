package com.headwater;

import com.headwater.internal.Message;
import java.util.List;
import java.util.Map;

/** A write that the server refused. */
public final class Rejected {
    private final Map<String, Object> fields;

    Rejected(Map<String, Object> fields) {
        this.fields = fields;
    }

    /** Its transaction's number. */
    public long sequence() {
        return ((Number) fields.get("sequence")).longValue();
    }

    /** What the server says of it. */
    public String why() {
        return (String) fields.get("why");
    }

    /** Those that it would have written: {@code collection} and {@code id}. */
    public List<Map<String, Object>> documents() {
        return Message.objects(fields, "documents");
    }

    /** What upserts in it would have written, {@code collection} and {@code value}; it is nowhere else. */
    public List<Map<String, Object>> values() {
        return Message.objects(fields, "values");
    }

    @Override
    public String toString() {
        return "Rejected" + fields;
    }
}
