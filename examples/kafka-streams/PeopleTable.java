// A KTable over a topic of Headwater: the newest event of every document, in memory, as Kafka Streams keeps it.
//
//     java -cp "/path/to/kafka_2.13-4.3.1/libs/*" PeopleTable.java client.properties user-consumable-default

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileInputStream;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.Stores;

public final class PeopleTable {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] words) throws Exception {
        Properties settings = new Properties();
        try (FileInputStream file = new FileInputStream(words[0])) {
            settings.load(file);
        }
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "people-table");
        // The topic itself is what the table is restored from: no changelog, which could not be made.
        settings.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
        // Nothing is produced: without this the producer asks for an id that a topic for reading has not.
        settings.put("producer.enable.idempotence", "false");
        // Each change at once, not the last ones of every 30 s.
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);

        var builder = new StreamsBuilder();
        // Events as they are, removes among them: a restored store has the bytes of the topic.
        builder.table(words[1], Consumed.with(Serdes.String(), Serdes.String()),
                Materialized.<String, String>as(Stores.inMemoryKeyValueStore("people"))
                        .withKeySerde(Serdes.String()).withValueSerde(Serdes.String()))
            .toStream().foreach((key, event) -> System.out.println(key + " " + shown(event)));

        var streams = new KafkaStreams(builder.build(settings), settings);
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) System.out.println("the table has " + count(streams) + " documents");
        });
        // Without a goodbye, which Streams leaves out, the next start waits for the end of this session: 45 s.
        var goodbye = CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(goodbye)));
        streams.start();
    }

    private static String shown(String event) {
        JsonNode document = document(event);
        return document.isObject() ? document.toString() : "is gone, or is to be read again: " + event;
    }

    /** The document after the event; none where it was removed, and where the event says which documents to read again. */
    private static JsonNode document(String event) {
        try {
            return JSON.readTree(event).path("change").path("newValue");
        } catch (Exception broken) {
            throw new IllegalArgumentException(event, broken);
        }
    }

    private static int count(KafkaStreams streams) {
        var type = QueryableStoreTypes.<String, String>keyValueStore();
        int count = 0;
        try (var all = streams.store(StoreQueryParameters.fromNameAndType("people", type)).all()) {
            while (all.hasNext()) {
                if (document(all.next().value).isObject()) count++;
            }
        }
        return count;
    }
}
