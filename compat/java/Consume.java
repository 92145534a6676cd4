// The Java client: compiled against the jars of each version that is tried.

import java.io.FileInputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;

public final class Consume {
    public static void main(String[] words) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (int at = 1; at + 1 < words.length; at += 2) options.put(words[at], words[at + 1]);
        long left = Long.parseLong(options.getOrDefault("--count", String.valueOf(Long.MAX_VALUE)));
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings(options))) {
            boolean isGroup = options.containsKey("--group");
            if (isGroup) {
                consumer.subscribe(List.of(options.get("--topic")));
            } else {
                startAt(consumer, options.get("--topic"), Long.parseLong(options.get("--from-time")));
            }
            while (left > 0) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    print(record);
                    if (isGroup) commit(consumer, record);
                    if (--left == 0) break;
                }
            }
        } catch (Exception error) {
            for (Throwable cause = error; cause != null; cause = cause.getCause()) System.err.println(cause);
            System.exit(1);
        }
    }

    private static Properties settings(Map<String, String> options) throws Exception {
        Properties settings = new Properties();
        try (FileInputStream file = new FileInputStream(options.get("--config"))) {
            settings.load(file);
        }
        String text = "org.apache.kafka.common.serialization.StringDeserializer";
        settings.putAll(Map.of("key.deserializer", text, "value.deserializer", text, "enable.auto.commit", "false"));
        settings.put("auto.offset.reset", "earliest");
        if (options.containsKey("--group")) settings.put("group.id", options.get("--group"));
        // With the consumer protocol the session timeout is the server's, and the client refuses the setting.
        if (options.getOrDefault("--protocol", "classic").equals("consumer")) {
            settings.put("group.protocol", "consumer");
        } else if (options.containsKey("--session-timeout")) {
            settings.put("session.timeout.ms", options.get("--session-timeout"));
            settings.put("heartbeat.interval.ms", "1000");
        }
        return settings;
    }

    private static void startAt(KafkaConsumer<String, String> consumer, String topic, long time) {
        List<TopicPartition> partitions = new ArrayList<>();
        Map<TopicPartition, Long> times = new HashMap<>();
        consumer.partitionsFor(topic).forEach(it -> partitions.add(new TopicPartition(topic, it.partition())));
        partitions.forEach(it -> times.put(it, time));
        consumer.assign(partitions);
        consumer.seekToEnd(partitions);
        consumer.offsetsForTimes(times).forEach((partition, found) -> {
            if (found != null) consumer.seek(partition, found.offset());
        });
    }

    private static void commit(KafkaConsumer<String, String> consumer, ConsumerRecord<String, String> record) {
        TopicPartition partition = new TopicPartition(record.topic(), record.partition());
        try {
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(record.offset() + 1)));
        } catch (CommitFailedException | RebalanceInProgressException moved) {
            // Whoever has the partition next gets the event again.
            System.err.println(moved);
        }
    }

    private static void print(ConsumerRecord<String, String> record) {
        String key = record.key().replace("\\", "\\\\").replace("\"", "\\\"");
        System.out.printf("{\"partition\":%d,\"offset\":%d,\"key\":\"%s\"}%n", record.partition(), record.offset(), key);
        System.out.flush();
    }
}
