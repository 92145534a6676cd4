package com.headwater.internal;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** What names such as {@code $id} stand for in a vector, and comparing by them. */
public final class Names {
    private final Map<String, Object> known;

    public Names() {
        this(new HashMap<>());
    }

    private Names(Map<String, Object> known) {
        this.known = known;
    }

    Names copy() {
        return new Names(new HashMap<>(known));
    }

    /** A message, with what names stand for in their place. */
    Object fill(Object json) {
        if (isName(json)) {
            check(known.containsKey(json), json + " stands for nothing");
            return known.get(json);
        }
        if (json instanceof List) {
            List<Object> filled = new ArrayList<>();
            ((List<?>) json).forEach(it -> filled.add(fill(it)));
            return filled;
        }
        if (json instanceof Map) {
            Map<String, Object> filled = new LinkedHashMap<>();
            JsonReader.object(json).forEach((name, it) -> filled.put(name, fill(it)));
            return filled;
        }
        return json;
    }

    /** Fails if a value is not what is expected. */
    public void compare(Object expected, Object actual) {
        if ("$any".equals(expected)) {
            return;
        }
        if (isName(expected)) {
            if (known.containsKey(expected)) {
                compare(known.get(expected), actual);
            } else {
                known.put((String) expected, actual);
            }
        } else if (expected instanceof List && actual instanceof List) {
            List<Object> wanted = JsonReader.list(expected);
            List<Object> given = JsonReader.list(actual);
            check(wanted.size() == given.size(), Json.write(actual) + ", not " + Json.write(expected));
            for (int n = 0; n < wanted.size(); n++) {
                compare(wanted.get(n), given.get(n));
            }
        } else if (expected instanceof Map && actual instanceof Map) {
            compareFields(JsonReader.object(expected), JsonReader.object(actual));
        } else {
            check(Objects.equals(expected, actual), Json.write(actual) + ", not " + Json.write(expected));
        }
    }

    private void compareFields(Map<String, Object> expected, Map<String, Object> actual) {
        expected.forEach((name, value) -> {
            if ("$optional".equals(value)) {
                return;
            }
            check(actual.containsKey(name), Json.write(actual) + " has no " + name);
            if (name.equals("error")) {
                compareError(JsonReader.object(value), actual.get(name));
            } else {
                compare(value, actual.get(name));
            }
        });
        for (String name : actual.keySet()) {
            check(expected.containsKey(name), Json.write(actual) + " has " + name + ", which nobody expects");
        }
    }

    private static void compareError(Map<String, Object> expected, Object actual) {
        boolean isSame = actual instanceof Map && expected.get("code").equals(((Map<?, ?>) actual).get("code"))
                && !String.valueOf(((Map<?, ?>) actual).get("message")).isEmpty();
        check(isSame, "the error " + Json.write(actual) + ", not " + expected.get("code"));
    }

    private static boolean isName(Object json) {
        return json instanceof String && ((String) json).matches("\\$[a-z_]+");
    }

    static void check(boolean holds, String fault) {
        if (!holds) {
            throw new IllegalStateException(fault);
        }
    }
}
