package com.headwater.internal;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A request, field by field. A field that is null is left out. */
public final class Message {
    private final Map<String, Object> fields = new LinkedHashMap<>(8);

    private Message() {
    }

    /** A call of this name. */
    public static Message call(String name) {
        return new Message().with("call", name);
    }

    /** A watch of this name. */
    public static Message watch(String name) {
        return new Message().with("watch", name);
    }

    /** No call or watch yet: fields for {@link #with(Map)}. */
    public static Message of(Map<String, Object> fields) {
        return new Message().with(fields);
    }

    /** With this field, unless it is null. */
    public Message with(String name, Object value) {
        if (value != null) {
            fields.put(name, value);
        }
        return this;
    }

    /** With these fields. */
    public Message with(Map<String, Object> more) {
        more.forEach(this::with);
        return this;
    }

    /** What is sent. */
    public Map<String, Object> fields() {
        return fields;
    }

    /** A list of objects in an answer. */
    @SuppressWarnings("unchecked")
    public static List<Map<String, Object>> objects(Map<String, Object> answer, String name) {
        return (List<Map<String, Object>>) answer.get(name);
    }

    /** A list in an answer. */
    @SuppressWarnings("unchecked")
    public static List<Object> list(Map<String, Object> answer, String name) {
        return (List<Object>) answer.get(name);
    }

    /** An object in an answer, or null. */
    @SuppressWarnings("unchecked")
    public static Map<String, Object> object(Map<String, Object> answer, String name) {
        return (Map<String, Object>) answer.get(name);
    }

    /** Places in an event. */
    static int place(Object number) {
        return ((Number) number).intValue();
    }
}
