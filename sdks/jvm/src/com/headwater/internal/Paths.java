package com.headwater.internal;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Paths to places in documents, as text: {@code a.b}, {@code a['b-c']}, {@code a[0]}.
 *
 * <p>Not here: what a path means (docs/reference/query-language.md, "Fields"), and faults in one, which the library finds.
 */
public final class Paths {
    private static final Pattern BARE = Pattern.compile("[^\\s\\p{Cntrl}.\\[\\]'\"`]+");
    private static final Pattern STEP = Pattern.compile(
            "\\[(\\d+)\\]|\\['((?:\\\\.|[^'\\\\])*)'\\]|\\[\"((?:\\\\.|[^\"\\\\])*)\"\\]|([^.\\[\\]]+)");

    private Paths() {
    }

    /** The path of a field of what stands at a path, which is empty for the document. */
    public static String join(String path, String step) {
        if (BARE.matcher(step).matches()) {
            return path.isEmpty() ? step : path + "." + step;
        }
        return path + "['" + step.replace("\\", "\\\\").replace("'", "\\'") + "']";
    }

    /** The path of an element of what stands at a path. */
    public static String join(String path, int step) {
        return path + "[" + step + "]";
    }

    /** What stands at a path in a value; null if nothing does. */
    public static Object lookUp(Object value, String path) {
        Object at = value;
        for (Object step : steps(path)) {
            if (at instanceof Map && step instanceof String) {
                at = ((Map<?, ?>) at).get(step);
            } else if (at instanceof List && step instanceof Integer && (int) step < ((List<?>) at).size()) {
                at = ((List<?>) at).get((int) step);
            } else {
                return null;
            }
        }
        return at;
    }

    private static List<Object> steps(String path) {
        List<Object> steps = new ArrayList<>();
        for (Matcher found = STEP.matcher(path); found.find();) {
            if (found.group(1) != null) {
                steps.add(found.group(1).length() > 9 ? Integer.MAX_VALUE : Integer.parseInt(found.group(1)));
            } else if (found.group(4) != null) {
                steps.add(found.group(4));
            } else {
                String quoted = found.group(2) != null ? found.group(2) : found.group(3);
                steps.add(quoted.replaceAll("\\\\(.)", "$1"));
            }
        }
        return steps;
    }
}
