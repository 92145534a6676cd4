package com.headwater.internal;

import java.lang.reflect.Array;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.Map;

/**
 * Values as CBOR (RFC 8949): what JSON can say, and nothing else. This half writes.
 *
 * <p>Invariants: what cannot be kept as it is (NaN, half of a surrogate pair, a date, …) is an
 * {@link IllegalArgumentException}, never something else in silence; integers have 64 bits.
 * Not here: reading ({@link CborReader}), which documents a peer takes.
 */
public final class Cbor {
    /** How deep a message may be: deeper than any document may. */
    static final int DEPTH_MAX = 120;

    private static final BigInteger UNSIGNED_MAX = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);

    private byte[] bytes = new byte[256];
    private int length;

    private Cbor() {
    }

    /**
     * A value as bytes.
     *
     * @throws IllegalArgumentException it cannot be in a message
     */
    public static byte[] encode(Object value) {
        Cbor out = new Cbor();
        out.write(value, 0);
        return Arrays.copyOf(out.bytes, out.length);
    }

    private void write(Object value, int depth) {
        if (value instanceof String) {
            text((String) value);
        } else if (value == null) {
            put(0xf6);
        } else if (value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte) {
            integer(((Number) value).longValue());
        } else if (value instanceof Boolean) {
            put((Boolean) value ? 0xf5 : 0xf4);
        } else if (value instanceof Double || value instanceof Float) {
            number(((Number) value).doubleValue());
        } else if (depth >= DEPTH_MAX) {
            throw new IllegalArgumentException("it is too deep, or holds itself");
        } else if (value instanceof Map) {
            map((Map<?, ?>) value, depth);
        } else if (value instanceof Collection) {
            elements((Collection<?>) value, depth);
        } else {
            writeRare(value, depth);
        }
    }

    private void writeRare(Object value, int depth) {
        if (value instanceof Encodable) {
            write(((Encodable) value).encodable(), depth + 1);
        } else if (value instanceof CharSequence) {
            text(value.toString());
        } else if (value instanceof BigInteger) {
            big((BigInteger) value);
        } else if (value.getClass().isArray()) {
            int count = Array.getLength(value);
            head(0x80, count);
            for (int at = 0; at < count; at++) {
                write(Array.get(value, at), depth + 1);
            }
        } else {
            throw new IllegalArgumentException("there is a " + value.getClass().getName());
        }
    }

    private void map(Map<?, ?> map, int depth) {
        head(0xa0, map.size());
        for (Map.Entry<?, ?> field : map.entrySet()) {
            if (!(field.getKey() instanceof String)) {
                throw new IllegalArgumentException("a field's name is " + field.getKey() + ", which is no String");
            }
            text((String) field.getKey());
            write(field.getValue(), depth + 1);
        }
    }

    private void elements(Collection<?> elements, int depth) {
        head(0x80, elements.size());
        for (Object element : elements) {
            write(element, depth + 1);
        }
    }

    private void integer(long value) {
        if (value < 0) {
            head(0x20, ~value);
        } else {
            head(0x00, value);
        }
    }

    private void big(BigInteger value) {
        if (value.bitLength() < 64) {
            integer(value.longValue());
        } else if (value.signum() > 0 && value.compareTo(UNSIGNED_MAX) <= 0) {
            head64(0x00, value.longValue());
        } else {
            throw new IllegalArgumentException(value + " has more than 64 bits");
        }
    }

    private void number(double value) {
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            throw new IllegalArgumentException(value + " is no number of JSON");
        }
        head64(0xe0, Double.doubleToRawLongBits(value));
    }

    private void text(String text) {
        int count = text.length();
        reserve(count + 9);
        int begin = length;
        head(0x60, count);
        byte[] to = bytes;
        int at = length;
        for (int n = 0; n < count; n++) {
            char letter = text.charAt(n);
            if (letter >= 0x80) {
                length = begin;
                textOfMoreBytes(text);
                return;
            }
            to[at++] = (byte) letter;
        }
        length = at;
    }

    private void textOfMoreBytes(String text) {
        for (int n = 0; n < text.length(); n++) {
            char letter = text.charAt(n);
            boolean isPair = Character.isHighSurrogate(letter) && n + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(n + 1));
            if (Character.isSurrogate(letter) && !isPair) {
                throw new IllegalArgumentException("text with half of a surrogate pair is no Unicode");
            }
            n += isPair ? 1 : 0;
        }
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        reserve(utf8.length + 9);
        head(0x60, utf8.length);
        System.arraycopy(utf8, 0, bytes, length, utf8.length);
        length += utf8.length;
    }

    /** The first bytes of a value: what it is, and its length or, of an integer, itself. */
    private void head(int kind, long value) {
        reserve(9);
        if (value < 24) {
            bytes[length++] = (byte) (kind | (int) value);
        } else if (value < 0x100) {
            bytes[length++] = (byte) (kind | 24);
            bytes[length++] = (byte) value;
        } else if (value < 0x10000) {
            bytes[length++] = (byte) (kind | 25);
            bytes[length++] = (byte) (value >>> 8);
            bytes[length++] = (byte) value;
        } else if (value < 0x100000000L) {
            bytes[length++] = (byte) (kind | 26);
            for (int shift = 24; shift >= 0; shift -= 8) {
                bytes[length++] = (byte) (value >>> shift);
            }
        } else {
            head64(kind, value);
        }
    }

    private void head64(int kind, long value) {
        reserve(9);
        bytes[length++] = (byte) (kind | 27);
        for (int shift = 56; shift >= 0; shift -= 8) {
            bytes[length++] = (byte) (value >>> shift);
        }
    }

    private void put(int value) {
        reserve(1);
        bytes[length++] = (byte) value;
    }

    private void reserve(int more) {
        if (bytes.length - length < more) {
            bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + more));
        }
    }
}
