package com.headwater.internal;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Values of CBOR (RFC 8949): integers as {@link Long}, beyond it as {@link BigInteger}; other numbers as {@link Double};
 * {@link String}, {@link Boolean}, null, {@link List}, {@link Map}.
 *
 * <p>Invariants: bytes that are no value are an {@link IllegalArgumentException}; a length is believed as far as bytes
 * are there, and nothing nests deeper than messages do.
 */
public final class CborReader {
    private final byte[] bytes;
    private int at;

    private CborReader(byte[] bytes) {
        this.bytes = bytes;
    }

    /**
     * The value that all of the bytes are.
     *
     * @throws IllegalArgumentException they are none
     */
    public static Object decode(byte[] bytes) {
        CborReader reader = new CborReader(bytes);
        Object value = reader.value(0);
        if (reader.at != bytes.length) {
            throw reader.bad("bytes after the end");
        }
        return value;
    }

    private Object value(int depth) {
        if (depth > Cbor.DEPTH_MAX) {
            throw bad("arrays and maps nest too deeply");
        }
        int first = next();
        int low = first & 0x1f;
        switch (first >> 5) {
            case 0:
                return unsigned(argument(low));
            case 1:
                return negative(argument(low));
            case 3:
                return text(low);
            case 4:
                return list(low, depth);
            case 5:
                return map(low, depth);
            case 7:
                return simple(low);
            default:
                throw bad("it is no value of JSON");
        }
    }

    private Object unsigned(long value) {
        return value >= 0 ? (Object) value : new BigInteger(Long.toUnsignedString(value));
    }

    private Object negative(long value) {
        if (value < 0) {
            throw bad("an integer of more than 64 bits");
        }
        return ~value;
    }

    private String text(int low) {
        int length = length(low, 1);
        String text = new String(bytes, at, length, StandardCharsets.UTF_8);
        at += length;
        return text;
    }

    private List<Object> list(int low, int depth) {
        int length = length(low, 1);
        List<Object> list = new ArrayList<>(length);
        for (int n = 0; n < length; n++) {
            list.add(value(depth + 1));
        }
        return list;
    }

    private Map<String, Object> map(int low, int depth) {
        int length = length(low, 2);
        Map<String, Object> map = new LinkedHashMap<>(Math.max(4, length * 4 / 3 + 1));
        for (int n = 0; n < length; n++) {
            int first = next();
            if (first >> 5 != 3) {
                throw bad("a field's name is no text");
            }
            String name = text(first & 0x1f);
            map.put(name, value(depth + 1));
        }
        return map;
    }

    private Object simple(int low) {
        switch (low) {
            case 20:
                return false;
            case 21:
                return true;
            case 22:
                return null;
            case 25:
                return half((int) argument(low));
            case 26:
                return (double) Float.intBitsToFloat((int) argument(low));
            case 27:
                return Double.longBitsToDouble(argument(low));
            default:
                throw bad("it is no value of JSON");
        }
    }

    private static double half(int bits) {
        int exponent = bits >> 10 & 0x1f;
        int fraction = bits & 0x3ff;
        double value = exponent == 0 ? Math.scalb((double) fraction, -24)
                : exponent == 31 ? fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN
                : Math.scalb((double) (fraction + 1024), exponent - 25);
        return bits >> 15 == 0 ? value : -value;
    }

    /** A length of which each thing has at least so many bytes. */
    private int length(int low, int bytesEach) {
        long length = argument(low);
        if (length < 0 || length > (bytes.length - at) / bytesEach) {
            throw bad("a length beyond the end");
        }
        return (int) length;
    }

    private long argument(int low) {
        if (low < 24) {
            return low;
        }
        if (low > 27) {
            throw bad("a length that is not definite");
        }
        long value = 0;
        for (int n = 1 << (low - 24); n > 0; n--) {
            value = value << 8 | next();
        }
        return value;
    }

    private int next() {
        if (at >= bytes.length) {
            throw bad("it ends too early");
        }
        return bytes[at++] & 0xff;
    }

    private IllegalArgumentException bad(String why) {
        return new IllegalArgumentException(why + ", at byte " + at);
    }
}
