//! The clients of the matrix: which there are, in which version, and how each is run.
//!
//! Invariant: versions are those that are pinned where each is installed from (`xtask/tools`, `compat/go/go.mod`,
//! `compat/rdkafka/Cargo.lock`); a test looks.

use std::process::Command;

use super::install::Installed;

/// A client in a version, with a group protocol.
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) program: Program,
    pub(super) protocol: Protocol,
    /// Whether `cargo xtask test` tries it too: it costs no further installation.
    pub(super) is_short: bool,
}

/// What is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    /// `compat/java/Consume.java` with the client's jars.
    Java,
    /// kcat, as Debian has it.
    Kcat,
    /// A file of `compat/python`.
    Python(&'static str),
    /// A file of `compat/js`, on the Node.js of this machine.
    Node(&'static str),
    /// The same on today's Node.js.
    NodeOfToday(&'static str),
    /// A package of `compat/go`.
    Go(&'static str),
    /// `compat/rdkafka`.
    Rust,
}

/// How a group is coordinated: by its members, or by the server (KIP-848).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Classic,
    Consumer,
}

const fn client(name: &'static str, version: &'static str, program: Program) -> Client {
    Client { name, version, program, protocol: Protocol::Classic, is_short: false }
}

const fn short(name: &'static str, version: &'static str, program: Program) -> Client {
    Client { is_short: true, ..client(name, version, program) }
}

/// The same client, in groups that the server coordinates.
const fn by_server(client: Client) -> Client {
    Client { protocol: Protocol::Consumer, ..client }
}

pub(super) const CLIENTS: [Client; 20] = [
    short("Java", "3.1.0", Program::Java),
    client("Java", "3.9.2", Program::Java),
    short("Java", "4.3.1", Program::Java),
    by_server(client("Java", "4.3.1", Program::Java)),
    client("Java", "4.4.0", Program::Java),
    by_server(client("Java", "4.4.0", Program::Java)),
    short("kcat", "1.7.1, librdkafka 2.0.2", Program::Kcat),
    short("confluent-kafka (Python)", "2.16.1", Program::Python("confluent.py")),
    by_server(short("confluent-kafka (Python)", "2.16.1", Program::Python("confluent.py"))),
    client("confluent-kafka-go", "2.11.1", Program::Go("confluent")),
    client("rdkafka (Rust)", "0.39.0", Program::Rust),
    short("kafka-python", "3.0.12", Program::Python("kafka_python.py")),
    short("aiokafka", "0.14.0", Program::Python("aio.py")),
    client("franz-go", "1.22.3", Program::Go("franz")),
    by_server(client("franz-go", "1.22.3", Program::Go("franz"))),
    client("sarama", "1.61.1", Program::Go("sarama")),
    client("kafka-go", "0.4.51", Program::Go("kafkago")),
    short("kafkajs", "2.2.4", Program::Node("kafkajs.mjs")),
    client("@platformatic/kafka", "2.12.1", Program::NodeOfToday("platformatic.mjs")),
    by_server(client("@platformatic/kafka", "2.12.1", Program::NodeOfToday("platformatic.mjs"))),
];

impl Client {
    /// Name, version and protocol, for people.
    pub(super) fn title(&self) -> String {
        format!("{} {}, {}", self.name, self.version, self.protocol.name())
    }

    /// A name for an app: letters, digits and hyphens.
    pub(super) fn app(&self) -> String {
        let title = self.title().to_lowercase();
        let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("-")
    }

    /// The file of a bundle that it is configured by.
    pub(super) fn properties(&self) -> &'static str {
        if self.program == Program::Java { "client.properties" } else { "librdkafka.properties" }
    }

    /// Whether a line of its errors says that it was cut off for its certificate, or for TLS. aiokafka never tells why.
    pub(super) fn is_about_revocation(&self, line: &str) -> bool {
        let line = line.to_lowercase();
        let words: &[&str] = if self.name == "aiokafka" { &["unable connect"] } else { &["certificate", "ssl", "tls"] };
        words.iter().any(|word| line.contains(word))
    }

    /// Its program, to which the arguments of `compat/README.md` are added.
    pub(super) fn command(&self, installed: &Installed) -> Command {
        let sources = installed.sources();
        let mut command = match self.program {
            Program::Java => {
                let mut java = Command::new("java");
                java.args(["-Xmx256M", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"]);
                java.arg(installed.java_classpath(self.version)).arg("Consume");
                java
            }
            Program::Kcat => Command::new(sources.join("kcat/consume")),
            Program::Python(file) => {
                let mut python = Command::new(installed.python());
                python.env("PYTHONDONTWRITEBYTECODE", "1").arg(sources.join("python").join(file));
                python
            }
            Program::Node(file) => {
                let mut node = Command::new("node");
                node.arg(sources.join("js").join(file)).env("NODE_PATH", installed.node_modules());
                node
            }
            Program::NodeOfToday(file) => {
                let mut node = Command::new(installed.node_of_today());
                node.arg(sources.join("js").join(file)).env("NODE_PATH", installed.node_modules_of_today());
                node
            }
            Program::Go(package) => Command::new(installed.go(package)),
            Program::Rust => Command::new(installed.rust()),
        };
        command.arg("consume").args(["--protocol", self.protocol.name()]);
        command
    }
}

impl Protocol {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        }
    }
}
