//! Small complete consumers, filled in for one topic and ready to copy. They take the certificates by the names they
//! are downloaded with, from the directory they run in. And the write that gives them something to consume.
//!
//! Each has a consumer group of its own, so that all of them get every event; that of the script is the page's.
//! Clients in one group must agree on how partitions are assigned, which those of several languages do not by
//! themselves (`INCONSISTENT_GROUP_PROTOCOL`).
//!
//! Everything that is filled in was checked where it came from (`credentials::names`): letters, digits and `.`, `_`,
//! `-`, `:`, `[`, `]`.

use credentials::ConsumeScript;
use wire::admin::LiveQuerySettings;

/// What is filled in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filling<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) topic: &'a str,
    pub(crate) cluster_password: &'a str,
    pub(crate) user_password: &'a str,
}

impl<'a> Filling<'a> {
    pub(crate) fn of(settings: &'a LiveQuerySettings, topic: &'a str) -> Self {
        Self {
            endpoint: &settings.endpoint,
            topic,
            cluster_password: &settings.cluster_certificate.password,
            user_password: &settings.user_certificate.password,
        }
    }
}

/// A program to copy.
#[derive(Debug, Clone)]
pub(crate) struct Snippet {
    /// For the page's anchors.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What it needs, and how it is run.
    pub(crate) needs: &'static str,
    pub(crate) text: String,
}

/// All of them, the script of the vendor's page first.
pub(crate) fn all(filling: Filling<'_>) -> [Snippet; 5] {
    let snippet = |id, title, needs, text| Snippet { id, title, needs, text };
    [
        snippet(
            "console",
            "Kafka console consumer",
            "Needs Kafka (kafka_2.13-3.1.0 or later), cluster.p12 and user.p12. Set KAFKA to where Kafka is unpacked.",
            script(filling),
        ),
        snippet("kcat", "kcat", "Needs kcat, ca.pem, user.pem and user.key.", kcat(filling)),
        snippet(
            "python",
            "Python",
            "Needs ca.pem, user.pem and user.key. Save as consume.py; pip install confluent-kafka; python consume.py",
            python(filling),
        ),
        snippet(
            "node",
            "Node",
            "Needs ca.pem, user.pem and user.key. Save as consume.mjs; npm install kafkajs; node consume.mjs",
            node(filling),
        ),
        snippet(
            "java",
            "Java",
            "Needs cluster.p12 and user.p12. Save as Consume.java, with kafka-clients on the class path: java -cp 'kafka/libs/*' Consume.java",
            java(filling),
        ),
    ]
}

/// The script of the page, word for word, as `consume.sh` has it.
pub(crate) fn script(filling: Filling<'_>) -> String {
    let Filling { endpoint, topic, cluster_password, user_password } = filling;
    let (truststore, keystore) = ("cluster.p12", "user.p12");
    ConsumeScript { truststore, cluster_password, keystore, user_password, endpoint, topic }.to_string()
}

/// The cURL of the vendor's page, ready to paste: a first write. `tls` are options, with a space before them; `base`
/// is the app's, without a slash at its end; with `needs_key` it says where a key goes.
#[must_use]
pub fn write_curl(tls: &str, base: &str, needs_key: bool) -> String {
    let key = if needs_key { "\n  --header 'Authorization: Bearer <key>' \\" } else { "" };
    format!(
        r#"curl{tls} -X POST '{base}/api/v4/store/write' \{key}
  --header 'Content-Type: application/json' \
  --data-raw '{{
      "commands": [{{
        "method": "upsert",
        "collection": "people",
        "id": "abc123",
        "value": {{
          "name": "Susan", "age": 31
        }}
      }}]
  }}'"#
    )
}

fn kcat(filling: Filling<'_>) -> String {
    let Filling { endpoint, topic, .. } = filling;
    format!(
        r"kcat -b {endpoint} \
 -X security.protocol=ssl \
 -X ssl.ca.location=ca.pem \
 -X ssl.certificate.location=user.pem \
 -X ssl.key.location=user.key \
 -X auto.offset.reset=earliest \
 -G {topic}.kcat {topic}
"
    )
}

fn python(filling: Filling<'_>) -> String {
    let Filling { endpoint, topic, .. } = filling;
    format!(
        r#"from confluent_kafka import Consumer

consumer = Consumer({{
    "bootstrap.servers": "{endpoint}",
    "group.id": "{topic}.python",
    "auto.offset.reset": "earliest",
    "security.protocol": "SSL",
    "ssl.ca.location": "ca.pem",
    "ssl.certificate.location": "user.pem",
    "ssl.key.location": "user.key",
}})
consumer.subscribe(["{topic}"])
try:
    while True:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            raise SystemExit(message.error())
        print(message.value().decode(), flush=True)
except KeyboardInterrupt:
    pass
finally:
    consumer.close()
"#
    )
}

fn node(filling: Filling<'_>) -> String {
    let Filling { endpoint, topic, .. } = filling;
    format!(
        r"import {{ readFileSync }} from 'node:fs'
import {{ Kafka }} from 'kafkajs'

const kafka = new Kafka({{
  brokers: ['{endpoint}'],
  ssl: {{
    ca: [readFileSync('ca.pem')],
    cert: readFileSync('user.pem'),
    key: readFileSync('user.key'),
  }},
}})
const consumer = kafka.consumer({{ groupId: '{topic}.node' }})
await consumer.connect()
await consumer.subscribe({{ topics: ['{topic}'], fromBeginning: true }})
await consumer.run({{
  eachMessage: async ({{ message }}) => console.log(message.value.toString()),
}})
"
    )
}

fn java(filling: Filling<'_>) -> String {
    let Filling { endpoint, topic, cluster_password, user_password } = filling;
    format!(
        r#"import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Consume {{
  public static void main(String[] arguments) {{
    Map<String, Object> settings = Map.of(
        "bootstrap.servers", "{endpoint}",
        "group.id", "{topic}.java",
        "auto.offset.reset", "earliest",
        "security.protocol", "SSL",
        "ssl.truststore.type", "PKCS12",
        "ssl.truststore.location", "cluster.p12",
        "ssl.truststore.password", "{cluster_password}",
        "ssl.keystore.type", "PKCS12",
        "ssl.keystore.location", "user.p12",
        "ssl.keystore.password", "{user_password}");
    try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {{
      consumer.subscribe(List.of("{topic}"));
      while (true) {{
        consumer.poll(Duration.ofSeconds(1)).forEach(record -> System.out.println(record.value()));
      }}
    }}
  }}
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_has_a_group_of_its_own() {
        let filling = Filling { endpoint: "localhost:9094", topic: "t", cluster_password: "c", user_password: "u" };
        let all = all(filling).map(|snippet| snippet.text);
        for group in ["-G t.kcat t", "t.python", "t.node", "t.java"] {
            assert_eq!(all.iter().filter(|text| text.contains(group)).count(), 1, "{group}");
        }
        assert!(all[0].contains("--group $TOPIC"), "the page's script has the page's group");
    }
}
