package com.headwater.internal;

import static com.headwater.internal.Tests.check;
import static com.headwater.internal.Tests.checkEquals;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Values as bytes and back, and what can be neither. */
public final class CodecTest {
    private CodecTest() {
    }

    public static void valuesComeBackAsTheyWere() {
        BigInteger greatest = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);
        List<Object> values = new ArrayList<>(Arrays.asList(null, true, false, 0L, 23L, 24L, 255L, 256L, 65_536L, 1L << 32,
                -1L, -25L, Long.MAX_VALUE, Long.MIN_VALUE, greatest, 1.5, -0.0, 1e300, "", "a", "Grüße, 世界 🌍",
                "x".repeat(70_000), List.of(), List.of(1L, List.of()), Map.of(), Map.of("a", Map.of("b", 1L))));
        checkEquals(values, CborReader.decode(Cbor.encode(values)));
        checkEquals(31L, CborReader.decode(Cbor.encode(31)));
        checkEquals(List.of(1L, 2L), CborReader.decode(Cbor.encode(new int[] {1, 2})));
        checkEquals(List.of("a"), CborReader.decode(Cbor.encode(new String[] {"a"})));
        checkEquals(5L, CborReader.decode(Cbor.encode(BigInteger.valueOf(5))));
    }

    public static void shortFloatsAreRead() {
        checkEquals(1.5, CborReader.decode(new byte[] {(byte) 0xf9, 0x3e, 0}));
        checkEquals(-2.0, CborReader.decode(new byte[] {(byte) 0xf9, (byte) 0xc0, 0}));
        checkEquals(0.1f + 0.0, CborReader.decode(new byte[] {(byte) 0xfa, 0x3d, (byte) 0xcc, (byte) 0xcc, (byte) 0xcd}));
    }

    public static void whatNoMessageCanHaveIsRefused() {
        List<Object> itself = new ArrayList<>();
        itself.add(itself);
        Map<Object, Object> named = new HashMap<>();
        named.put(1, 1);
        for (Object value : List.of(Double.NaN, Float.POSITIVE_INFINITY, BigInteger.ONE.shiftLeft(64),
                BigInteger.ONE.shiftLeft(63).negate().subtract(BigInteger.ONE), new Date(), new Object(), 'a', "\ud800",
                "a\udc00b", itself, named, Thread.State.NEW)) {
            refused(() -> Cbor.encode(Map.of("value", value)), "" + value.getClass());
        }
    }

    public static void bytesThatAreNoneAreRefused() {
        for (byte[] bytes : new byte[][] {{}, {0x18}, {0x1c}, {0x40}, {0x61}, {(byte) 0x9f}, {(byte) 0x81}, {(byte) 0xa1, 1, 1},
            {(byte) 0xbb, 127, -1, -1, -1, -1, -1, -1, -1}, {(byte) 0xf7}, {0, 0}, {0x3b, -1, -1, -1, -1, -1, -1, -1, -1}}) {
            refused(() -> CborReader.decode(bytes), Arrays.toString(bytes));
        }
        byte[] deep = new byte[1_000];
        Arrays.fill(deep, (byte) 0x81);
        refused(() -> CborReader.decode(deep), "1,000 lists");
    }

    public static void noBytesDoHarm() {
        Random random = new Random(7);
        byte[] whole = Cbor.encode(Map.of("a", List.of(1, 2.5, "text", Collections.nCopies(40, true)), "b", Map.of("c", -7)));
        for (int n = 0; n < 20_000; n++) {
            byte[] bytes = Arrays.copyOf(whole, random.nextInt(whole.length + 1));
            for (int flip = random.nextInt(4); flip > 0 && bytes.length > 0; flip--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            try {
                CborReader.decode(bytes);
            } catch (IllegalArgumentException refused) {
                check(refused.getMessage().contains("byte"), "it says where");
            }
        }
    }

    public static void jsonIsText() {
        Map<String, Object> value = Collections.singletonMap("a\"\\\n\u0001", Arrays.asList(1L, null, 1.5, "ü"));
        checkEquals("{\"a\\\"\\\\\\n\\u0001\":[1,null,1.5,\"ü\"]}", Json.write(value));
        checkEquals(value, JsonReader.read(Json.write(value)));
    }

    public static void pathsHaveSteps() {
        Map<String, Object> document = Map.of("a", Map.of("b-c", List.of(1, Map.of("d'e", 2))));
        String path = Paths.join(Paths.join(Paths.join("a", "b-c"), 1), "d'e");
        checkEquals("a.b-c[1]['d\\'e']", path);
        checkEquals(2, Paths.lookUp(document, path));
        checkEquals(null, Paths.lookUp(document, "a.x[0]"));
        checkEquals(null, Paths.lookUp(document, "a['b-c'][99999999999]"));
    }

    private static void refused(Runnable run, String what) {
        try {
            run.run();
        } catch (IllegalArgumentException error) {
            return;
        }
        throw new AssertionError("taken: " + what);
    }
}
