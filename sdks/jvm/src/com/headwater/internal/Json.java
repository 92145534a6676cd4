package com.headwater.internal;

import java.util.Iterator;
import java.util.List;
import java.util.Map;

/**
 * Values as JSON text, for people and for apps that ask for it.
 *
 * <p>Not here: messages, which are CBOR.
 */
public final class Json {
    private Json() {
    }

    /** A value as JSON. What no message can have is its {@code toString}. */
    public static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(Object value, StringBuilder out) {
        if (value instanceof Encodable) {
            write(((Encodable) value).encodable(), out);
        } else if (value instanceof Map) {
            out.append('{');
            for (Iterator<? extends Map.Entry<?, ?>> fields = ((Map<?, ?>) value).entrySet().iterator(); fields.hasNext();) {
                Map.Entry<?, ?> field = fields.next();
                string(String.valueOf(field.getKey()), out);
                out.append(':');
                write(field.getValue(), out);
                out.append(fields.hasNext() ? "," : "");
            }
            out.append('}');
        } else if (value instanceof List) {
            out.append('[');
            for (Iterator<?> elements = ((List<?>) value).iterator(); elements.hasNext();) {
                write(elements.next(), out);
                out.append(elements.hasNext() ? "," : "");
            }
            out.append(']');
        } else if (value == null || value instanceof Number || value instanceof Boolean) {
            out.append(value);
        } else {
            string(value.toString(), out);
        }
    }

    private static void string(String text, StringBuilder out) {
        out.append('"');
        for (int n = 0; n < text.length(); n++) {
            char letter = text.charAt(n);
            switch (letter) {
                case '"':
                    out.append("\\\"");
                    break;
                case '\\':
                    out.append("\\\\");
                    break;
                case '\n':
                    out.append("\\n");
                    break;
                case '\t':
                    out.append("\\t");
                    break;
                default:
                    if (letter < ' ') {
                        out.append(String.format("\\u%04x", (int) letter));
                    } else {
                        out.append(letter);
                    }
            }
        }
        out.append('"');
    }
}
