// The client of `cargo xtask bench broker`: one JVM that reads the same records from Headwater and from Apache Kafka in turns.
//
//   copy    FROM.properties TOPIC TO.properties TOPIC COUNT
//   drain   COUNT ROUNDS (NAME PID PROPERTIES TOPIC)…
//   latency RATE SECONDS ROUNDS (NAME WRITE PROPERTIES TOPIC)…     WRITE: a URL to post to, or a producer's properties
//   members COUNT classic|consumer PROPERTIES TOPIC GROUP      TOPIC has at least COUNT partitions
//
// Prints one line a round: `drain NAME seconds cpu-seconds-of-PID`, `latency NAME count p50 p99 max` in ms,
// `members PROTOCOL seconds`: from the last member's first poll until each has its part of the topic.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Beside {
    static final Duration POLL = Duration.ofMillis(100);
    static final String FILLER = "x".repeat(300);

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "copy" -> copy(args[1], args[2], args[3], args[4], Long.parseLong(args[5]));
            case "drain" -> drain(args);
            case "latency" -> latency(args);
            case "members" -> members(Integer.parseInt(args[1]), args[2], args[3], args[4], args[5]);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    static Properties properties(String file) throws Exception {
        var properties = new Properties();
        try (var in = Files.newInputStream(Path.of(file))) {
            properties.load(in);
        }
        return properties;
    }

    static KafkaConsumer<byte[], byte[]> consumer(String file) throws Exception {
        return new KafkaConsumer<>(properties(file), new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static KafkaProducer<byte[], byte[]> producer(String file) throws Exception {
        return new KafkaProducer<>(properties(file), new ByteArraySerializer(), new ByteArraySerializer());
    }

    static void copy(String from, String fromTopic, String to, String toTopic, long count) throws Exception {
        var inBatches = properties(to);
        // Batches as large as those of the server: a broker that was given small ones serves small ones for ever.
        inBatches.put("linger.ms", "50");
        inBatches.put("batch.size", "900000");
        try (var consumer = consumer(from);
                var producer = new KafkaProducer<>(inBatches, new ByteArraySerializer(), new ByteArraySerializer())) {
            var partition = new TopicPartition(fromTopic, 0);
            consumer.assign(List.of(partition));
            consumer.seek(partition, 0);
            long copied = 0;
            while (copied < count) {
                for (ConsumerRecord<byte[], byte[]> it : consumer.poll(POLL)) {
                    producer.send(new ProducerRecord<>(toTopic, 0, it.timestamp(), it.key(), it.value(), it.headers()));
                    if (++copied == count) break;
                }
            }
        }
    }

    /** Everything that the process has used of the processors, in seconds. */
    static double cpu(String pid) throws Exception {
        var stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
        var fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / 100.0;
    }

    static void drain(String[] args) throws Exception {
        long count = Long.parseLong(args[1]);
        int rounds = Integer.parseInt(args[2]);
        for (int round = 0; round <= rounds; round++) {
            for (int side = 3; side + 3 < args.length; side += 4) {
                var before = cpu(args[side + 1]);
                var seconds = drainOnce(args[side + 2], args[side + 3], count);
                var used = cpu(args[side + 1]) - before;
                // The first round is the compiler's.
                if (round > 0) System.out.println("drain " + args[side] + " " + seconds + " " + used);
            }
        }
    }

    /** From the first records to the last. */
    static double drainOnce(String file, String topic, long count) throws Exception {
        try (var consumer = consumer(file)) {
            var partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seek(partition, 0);
            long read = consumer.poll(Duration.ofSeconds(30)).count();
            long began = System.nanoTime();
            long first = read;
            while (read < count) read += consumer.poll(POLL).count();
            return (System.nanoTime() - began) / 1e9 * count / (count - first);
        }
    }

    static void members(int count, String protocol, String file, String topic, String group) throws Exception {
        var parts = new ConcurrentHashMap<Integer, Integer>();
        var ends = new AtomicBoolean();
        var threads = new ArrayList<Thread>();
        long began = 0;
        for (int n = 0; n < count; n++) {
            var number = n;
            var properties = properties(file);
            properties.put("group.id", group);
            properties.put("group.protocol", protocol);
            var consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            var thread = new Thread(() -> {
                consumer.subscribe(List.of(topic));
                while (!ends.get()) {
                    consumer.poll(POLL);
                    parts.put(number, consumer.assignment().size());
                }
                consumer.close(org.apache.kafka.clients.consumer.CloseOptions.timeout(Duration.ZERO));
            });
            threads.add(thread);
            // The last one comes to a group that has settled.
            if (n == count - 1) settle(parts, n);
            began = System.nanoTime();
            thread.start();
        }
        settle(parts, count);
        System.out.println("members " + protocol + " " + (System.nanoTime() - began) / 1e9);
        ends.set(true);
        for (var thread : threads) thread.join();
    }

    /** Waits until so many members have a part each. */
    static void settle(Map<Integer, Integer> parts, int members) throws Exception {
        long latest = System.nanoTime() + 300_000_000_000L;
        while (parts.values().stream().filter(part -> part > 0).count() < members) {
            if (System.nanoTime() > latest) throw new IllegalStateException("after 5 minutes: " + parts);
            Thread.sleep(20);
        }
    }

    interface Write {
        void send(long number);
    }

    static void latency(String[] args) throws Exception {
        int rate = Integer.parseInt(args[1]);
        int seconds = Integer.parseInt(args[2]);
        int rounds = Integer.parseInt(args[3]);
        var first = new AtomicLong(1);
        for (int round = 0; round <= rounds; round++) {
            for (int side = 4; side + 3 < args.length; side += 4) {
                var line = latencyOnce(rate, seconds, args[side + 1], args[side + 2], args[side + 3], first);
                if (round > 0) System.out.println("latency " + args[side] + " " + line);
            }
        }
    }

    static String latencyOnce(int rate, int seconds, String write, String file, String topic, AtomicLong first)
            throws Exception {
        var sent = new ConcurrentHashMap<Long, Long>();
        var times = Collections.synchronizedList(new ArrayList<Double>());
        var ends = new AtomicBoolean();
        try (var consumer = consumer(file)) {
            var partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seekToEnd(List.of(partition));
            consumer.position(partition);
            var reader = new Thread(() -> read(consumer, sent, times, ends));
            reader.start();
            var failed = write.startsWith("http")
                ? post(rate, seconds, write, sent, first) : produce(rate, seconds, write, topic, sent, first);
            for (int wait = 0; wait < 300 && !sent.isEmpty(); wait++) Thread.sleep(100);
            ends.set(true);
            reader.join();
            if (failed > 0 || !sent.isEmpty()) {
                throw new IllegalStateException(failed + " writes failed, " + sent.size() + " events never came");
            }
        }
        var sorted = times.stream().sorted().toList();
        return sorted.size() + " " + at(sorted, 0.5) + " " + at(sorted, 0.99) + " " + sorted.get(sorted.size() - 1);
    }

    static double at(List<Double> sorted, double part) {
        return sorted.get(Math.min(sorted.size() - 1, (int) (sorted.size() * part)));
    }

    static void read(KafkaConsumer<byte[], byte[]> consumer, Map<Long, Long> sent, List<Double> times, AtomicBoolean ends) {
        while (!ends.get()) {
            var records = consumer.poll(POLL);
            long now = System.nanoTime();
            for (var it : records) {
                var digits = new String(it.key()).replaceAll("[^0-9]", "");
                var at = digits.isEmpty() ? null : sent.remove(Long.parseLong(digits));
                if (at != null) times.add((now - at) / 1e6);
            }
        }
    }

    /** Sends at the rate, each at its time, whatever becomes of those before. */
    static void pace(int rate, int seconds, AtomicLong first, Map<Long, Long> sent, Write write) {
        long began = System.nanoTime();
        long count = (long) rate * seconds;
        for (long n = 0; n < count; n++) {
            long due = began + n * 1_000_000_000L / rate;
            while (System.nanoTime() < due) LockSupport.parkNanos(Math.max(1, due - System.nanoTime()));
            long number = first.getAndIncrement();
            sent.put(number, System.nanoTime());
            write.send(number);
        }
    }

    static long post(int rate, int seconds, String url, Map<Long, Long> sent, AtomicLong first) throws Exception {
        var http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        var failed = new AtomicLong();
        pace(rate, seconds, first, sent, number -> {
            var body = "{\"commands\":[{\"method\":\"upsert\",\"collection\":\"latency\",\"id\":\"" + number
                + "\",\"value\":{\"filler\":\"" + FILLER + "\"}}]}";
            var request = HttpRequest.newBuilder(URI.create(url)).POST(HttpRequest.BodyPublishers.ofString(body)).build();
            http.sendAsync(request, HttpResponse.BodyHandlers.discarding()).whenComplete((reply, error) -> {
                if (error != null || reply.statusCode() != 200) failed.incrementAndGet();
            });
        });
        return failed.get();
    }

    static long produce(int rate, int seconds, String file, String topic, Map<Long, Long> sent, AtomicLong first)
            throws Exception {
        var failed = new AtomicLong();
        var value = ("{\"filler\":\"" + FILLER + "\"}").getBytes();
        try (var producer = producer(file)) {
            producer.partitionsFor(topic);
            pace(rate, seconds, first, sent, number -> producer.send(
                new ProducerRecord<>(topic, 0, Long.toString(number).getBytes(), value),
                (metadata, error) -> { if (error != null) failed.incrementAndGet(); }));
        }
        return failed.get();
    }
}
