import java.io.FileInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Keeps a copy through a restore: prints each event as offset, txnId, op, key and value with tabs between, and begins
 * again where it is told to. Offsets are committed automatically: poll commits what was handed out before, so nothing
 * is committed between a resync and what is done about it. Ends when its input does.
 * Arguments: client.properties, endpoint, group, topic.
 */
public class Restored {
    public static void main(String[] arguments) throws Exception {
        endWithInput();
        Properties properties = new Properties();
        try (FileInputStream file = new FileInputStream(arguments[0])) {
            properties.load(file);
        }
        properties.put("bootstrap.servers", arguments[1]);
        properties.put("group.id", arguments[2]);
        properties.put("auto.offset.reset", "earliest");
        properties.put("auto.commit.interval.ms", "500");
        properties.put("session.timeout.ms", "6000");
        properties.put("heartbeat.interval.ms", "500");
        KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of(arguments[3]));
        while (true) {
            for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                if (header(record, "op").equals("resync") && !beginAgain(consumer, record)) {
                    break;
                }
                System.out.println(String.join("\t", Long.toString(record.offset()), header(record, "txnId"),
                        header(record, "op"), record.key(), record.value()));
                System.out.flush();
                if (header(record, "op").equals("resync")) {
                    break;
                }
            }
        }
    }

    /** Offset 0 is committed before anything is read on; where that fails, the resync is read once more. */
    private static boolean beginAgain(KafkaConsumer<String, String> consumer, ConsumerRecord<String, String> resync) {
        TopicPartition partition = new TopicPartition(resync.topic(), resync.partition());
        boolean committed = false;
        try {
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(0)));
            committed = true;
        } catch (KafkaException notAMember) {
            System.err.println(notAMember);
        }
        try {
            consumer.seek(partition, committed ? 0 : resync.offset());
        } catch (IllegalStateException notAssigned) {
            // Whoever has it next begins where the group stands.
        }
        return committed;
    }

    private static String header(ConsumerRecord<String, String> record, String name) {
        return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
    }

    private static void endWithInput() {
        Thread thread = new Thread(() -> {
            try {
                System.in.transferTo(java.io.OutputStream.nullOutputStream());
            } catch (IOException ended) {
                // As good as an end.
            }
            Runtime.getRuntime().halt(0);
        });
        thread.setDaemon(true);
        thread.start();
    }
}
