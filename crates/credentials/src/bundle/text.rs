//! The files of a bundle that people read: property files and the page's script.

use std::{borrow::Cow, fmt::Write as _};

use super::{Bundle, CA, CHAIN, KEY, KEYSTORE, TRUSTSTORE, printable};
use crate::CredentialsError;

/// For Java: `kafka-console-consumer.sh --consumer.config client.properties --group … --topic …`.
pub(super) fn client_properties(bundle: &Bundle) -> Result<String, CredentialsError> {
    let Bundle { cluster_password, user_password, endpoint, topic, .. } = bundle;
    let truststore = java_value(&file(bundle, TRUSTSTORE)?);
    let keystore = java_value(&file(bundle, KEYSTORE)?);
    Ok(format!(
        "# Java clients of the topic {topic}\n\
         bootstrap.servers={endpoint}\n\
         # Any group name may be used. It is not set here, since the console consumer's --group must not contradict it:\n\
         # group.id={topic}\n\
         security.protocol=SSL\n\
         ssl.truststore.type=PKCS12\n\
         ssl.truststore.location={truststore}\n\
         ssl.truststore.password={cluster_password}\n\
         ssl.keystore.type=PKCS12\n\
         ssl.keystore.location={keystore}\n\
         ssl.keystore.password={user_password}\n"
    ))
}

/// For librdkafka: `kcat -F librdkafka.properties …`.
pub(super) fn librdkafka_properties(bundle: &Bundle) -> Result<String, CredentialsError> {
    let Bundle { endpoint, topic, .. } = bundle;
    let (ca, chain, key) = (file(bundle, CA)?, file(bundle, CHAIN)?, file(bundle, KEY)?);
    Ok(format!(
        "# librdkafka clients (kcat, Python, Go, .NET) of the topic {topic}\n\
         bootstrap.servers={endpoint}\n\
         group.id={topic}\n\
         security.protocol=ssl\n\
         ssl.ca.location={ca}\n\
         ssl.certificate.location={chain}\n\
         ssl.key.location={key}\n"
    ))
}

/// What the script of the vendor's page is filled in with. A path with a blank or a character that the shell reads
/// must be quoted.
#[derive(Debug, Clone, Copy)]
pub struct ConsumeScript<'a> {
    /// The truststore's path.
    pub truststore: &'a str,
    /// Its password.
    pub cluster_password: &'a str,
    /// The keystore's path.
    pub keystore: &'a str,
    /// Its password.
    pub user_password: &'a str,
    /// As `localhost:9093`.
    pub endpoint: &'a str,
    /// The topic, and the group.
    pub topic: &'a str,
}

impl std::fmt::Display for ConsumeScript<'_> {
    /// The script of the vendor's page, word for word, with its variables filled in; `KAFKA` may come from the
    /// environment.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { truststore, cluster_password, keystore, user_password, endpoint, topic } = self;
        write!(
            f,
            r"CLUSTER_CERT_LOCATION={truststore}
CLUSTER_CERT_PW={cluster_password}

USER_CERT_LOCATION={keystore}
USER_CERT_PW={user_password}

CLOUD_ENDPOINT={endpoint}
TOPIC={topic}

KAFKA=${{KAFKA:-/path/to/kafka_2.13-3.1.0}}

$KAFKA/bin/kafka-console-consumer.sh \
 --bootstrap-server $CLOUD_ENDPOINT \
 --consumer-property security.protocol=SSL \
 --consumer-property ssl.truststore.password=$CLUSTER_CERT_PW \
 --consumer-property ssl.truststore.location=$CLUSTER_CERT_LOCATION \
 --consumer-property ssl.keystore.password=$USER_CERT_PW \
 --consumer-property ssl.keystore.location=$USER_CERT_LOCATION \
 --group $TOPIC \
 --topic $TOPIC
"
        )
    }
}

/// The page's script as a file, which says what to set where there is no Kafka.
pub(super) fn consume_script(bundle: &Bundle) -> Result<String, CredentialsError> {
    Ok(former_consume_script(bundle)?.replacen("\n$KAFKA/bin/", &format!("\n{NO_KAFKA}\n\n$KAFKA/bin/"), 1))
}

/// One line, so that it can be told from the page's script.
const NO_KAFKA: &str = r#"[ -x "$KAFKA/bin/kafka-console-consumer.sh" ] || { echo "There is no Kafka in $KAFKA. Set KAFKA to where it is unpacked, as in: KAFKA=/opt/kafka_2.13-3.1.0 $0" >&2; exit 2; }"#;

/// The same as earlier versions wrote it.
pub(super) fn former_consume_script(bundle: &Bundle) -> Result<String, CredentialsError> {
    let Bundle { cluster_password, user_password, endpoint, topic, .. } = bundle;
    let (truststore, keystore) = (file(bundle, TRUSTSTORE)?, file(bundle, KEYSTORE)?);
    // The page does not quote what it inserts, so a path with a space would fall apart: then, and only then, do not
    // split or expand.
    let unsplit = if is_plain(&truststore) { "" } else { "IFS=\nset -f\n\n" };
    let (truststore, keystore) = (&*shell_word(&truststore), &*shell_word(&keystore));
    let script = ConsumeScript { truststore, cluster_password, keystore, user_password, endpoint, topic };
    Ok(format!("#!/usr/bin/env bash\n{unsplit}{script}"))
}

fn file(bundle: &Bundle, name: &str) -> Result<String, CredentialsError> {
    printable(&bundle.directory.join(name)).map(str::to_owned)
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|character| character.is_alphanumeric() || "/._-+,:@%".contains(character))
}

/// A word that the shell takes as it is.
fn shell_word(text: &str) -> Cow<'_, str> {
    if is_plain(text) { text.into() } else { format!("'{}'", text.replace('\'', r"'\''")).into() }
}

/// A value of a Java property file, which is read as ISO 8859-1 (`java.util.Properties.load`).
fn java_value(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => value.push_str(r"\\"),
            ' '..='~' => value.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(value, "\\u{unit:04x}").expect("text can be appended to a String");
                }
            }
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use expect_test::expect;

    use super::*;

    fn bundle(directory: &str) -> Bundle {
        Bundle {
            directory: PathBuf::from(directory),
            cluster_password: "Cluster1".to_owned(),
            user_password: "User1".to_owned(),
            endpoint: "localhost:9093".to_owned(),
            topic: "user-consumable-default".to_owned(),
        }
    }

    #[test]
    fn the_script_of_the_page() {
        expect![[r#"
            #!/usr/bin/env bash
            CLUSTER_CERT_LOCATION=/data/credentials/default/cluster.p12
            CLUSTER_CERT_PW=Cluster1

            USER_CERT_LOCATION=/data/credentials/default/user.p12
            USER_CERT_PW=User1

            CLOUD_ENDPOINT=localhost:9093
            TOPIC=user-consumable-default

            KAFKA=${KAFKA:-/path/to/kafka_2.13-3.1.0}

            [ -x "$KAFKA/bin/kafka-console-consumer.sh" ] || { echo "There is no Kafka in $KAFKA. Set KAFKA to where it is unpacked, as in: KAFKA=/opt/kafka_2.13-3.1.0 $0" >&2; exit 2; }

            $KAFKA/bin/kafka-console-consumer.sh \
             --bootstrap-server $CLOUD_ENDPOINT \
             --consumer-property security.protocol=SSL \
             --consumer-property ssl.truststore.password=$CLUSTER_CERT_PW \
             --consumer-property ssl.truststore.location=$CLUSTER_CERT_LOCATION \
             --consumer-property ssl.keystore.password=$USER_CERT_PW \
             --consumer-property ssl.keystore.location=$USER_CERT_LOCATION \
             --group $TOPIC \
             --topic $TOPIC
        "#]]
        .assert_eq(&consume_script(&bundle("/data/credentials/default")).unwrap());
    }

    #[test]
    fn property_files() {
        expect![[r"
            # Java clients of the topic user-consumable-default
            bootstrap.servers=localhost:9093
            # Any group name may be used. It is not set here, since the console consumer's --group must not contradict it:
            # group.id=user-consumable-default
            security.protocol=SSL
            ssl.truststore.type=PKCS12
            ssl.truststore.location=/d\u00e4ta \\ x/cluster.p12
            ssl.truststore.password=Cluster1
            ssl.keystore.type=PKCS12
            ssl.keystore.location=/d\u00e4ta \\ x/user.p12
            ssl.keystore.password=User1
        "]]
        .assert_eq(&client_properties(&bundle(r"/däta \ x")).unwrap());
        expect![[r"
            # librdkafka clients (kcat, Python, Go, .NET) of the topic user-consumable-default
            bootstrap.servers=localhost:9093
            group.id=user-consumable-default
            security.protocol=ssl
            ssl.ca.location=/data/ca.pem
            ssl.certificate.location=/data/user.pem
            ssl.key.location=/data/user.key
        "]]
        .assert_eq(&librdkafka_properties(&bundle("/data")).unwrap());
    }

    #[test]
    fn a_path_with_control_characters_is_refused() {
        assert!(consume_script(&bundle("/data\n")).is_err());
    }
}
