package com.headwater.internal;

import com.headwater.Config;
import com.headwater.Headwater;
import com.headwater.HeadwaterException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.function.IntConsumer;

/**
 * What a call costs over the border: {@code Border FOLDER}. Prints nanoseconds a call, the best of many short rounds, and
 * writes a second; rounds of what is compared take turns.
 */
public final class Border {
    private static final int ROUNDS = 60;
    private static final int CALLS = 5_000;
    private static final int WRITES = 500;

    private Border() {
    }

    public static void main(String[] arguments) {
        Path folder = Path.of(arguments[0]);
        Map<String, Object> config = Map.of("abi", 1, "dir", folder.resolve("port").toString(), "relaxed", true);
        Port port = Port.open(config, HeadwaterException::new);
        Map<String, Object> value = new HashMap<>(Map.of("name", "Susan", "age", 31, "text", "x".repeat(140)));
        Message echo = Message.call("echo").with("value", value);
        byte[] bytes = Cbor.encode(echo.fields());
        byte[] answer = port.send(bytes);
        long[] calls = best(CALLS, n -> port.call(echo), n -> port.send(bytes), n -> Cbor.encode(echo.fields()),
                n -> CborReader.decode(answer));
        System.out.printf("echo of %d bytes: %d ns; bytes alone %d, writing them %d, reading them %d%n",
                bytes.length, calls[0], calls[1], calls[2], calls[3]);

        Headwater headwater = Headwater.open(new Config(folder.resolve("api")).relaxed(true));
        com.headwater.Collection people = headwater.store().collection("people");
        Message upsert = Message.call("upsert").with("collection", "people").with("value", value);
        long[] writes = best(WRITES, n -> people.upsert(named(value, n)), n -> {
            value.put("_id", n);
            port.send(Cbor.encode(upsert.fields()));
        });
        System.out.printf("upserts, relaxed: %d a second; messages alone %d%n",
                1_000_000_000L / writes[0], 1_000_000_000L / writes[1]);
        headwater.close();
        port.close();
    }

    private static Map<String, Object> named(Map<String, Object> value, int id) {
        value.put("_id", id);
        return value;
    }

    /** The nanoseconds of one, of the best round of each. */
    private static long[] best(int calls, IntConsumer... all) {
        long[] best = new long[all.length];
        java.util.Arrays.fill(best, Long.MAX_VALUE);
        for (int round = 0; round < ROUNDS; round++) {
            for (int which = 0; which < all.length; which++) {
                long begin = System.nanoTime();
                for (int n = 0; n < calls; n++) {
                    all[which].accept(n % 1_000);
                }
                best[which] = Math.min(best[which], (System.nanoTime() - begin) / calls);
            }
        }
        return best;
    }
}
