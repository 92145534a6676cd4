//! A real Apache Kafka 4.3.1 for tests and measurements: one node (KRaft) or three, on loopback, at free ports, with
//! empty folders of their own.
//!
//! Invariant: what it runs comes from `cargo xtask tools`, and it ends with its [`Broker`], or with the process that
//! holds it. Not here: clients. No product code uses this crate, and it panics with what is wrong, as a test does.

mod process;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use process::Running;
use tempfile::TempDir;

/// The folder of this Kafka in the folder of tools.
pub const FOLDER: &str = "kafka_2.13-4.3.1";

/// A loaded machine of two cores takes a good part of this to start a broker.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// Another process may take a port that was free a moment ago.
const ATTEMPTS: usize = 5;

/// In the broker's folder.
const PROPERTIES_FILE: &str = "server.properties";

/// What the broker is told, beside its addresses and folders: one node is enough for everything, and nobody waits.
const PROPERTIES: &str = "process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
";

/// What three brokers are told beside that: everything is on each of them, and two must have what is acknowledged.
const PROPERTIES_OF_THREE: &str = "offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
min.insync.replicas=2
replica.lag.time.max.ms=3000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
";

/// A broker that runs. It is killed, and its files are removed, when it is dropped.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    second_address: SocketAddr,
    controller: SocketAddr,
    folder: TempDir,
    running: Running,
}

impl Broker {
    /// Starts a broker and waits until it takes connections, as plain text on loopback.
    ///
    /// Panics, with the broker's output, if it does not within two minutes, or if it is not installed.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// The same, with further `properties`, a line each. They come last, so they win.
    pub fn start_with(properties: &str) -> Self {
        Self::try_to_start(properties, None)
    }

    /// Three brokers that are one cluster, the first of which leads it: whatever is told by `properties` to each. A
    /// topic whose replication factor is three takes events while two of them run.
    pub fn start_three(properties: &str) -> [Self; 3] {
        let properties = format!("{PROPERTIES_OF_THREE}{properties}");
        let first = Self::start_with(&properties);
        let [second, third] = [2, 3].map(|node| Self::try_to_start(&properties, Some((node, first.controller))));
        [first, second, third]
    }

    /// `joins`: the number of a node that is a broker alone, and the controller that it belongs to.
    fn try_to_start(properties: &str, joins: Option<(u8, SocketAddr)>) -> Self {
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            match Self::attempt(properties, joins) {
                Ok(broker) => return broker,
                Err(output) => said = output,
            }
        }
        panic!("Kafka does not start:\n{said}");
    }

    /// The same, with a second listener that asks for client certificates: `ssl` are the lines of the
    /// broker's `ssl.keystore…` and `ssl.truststore…`. Its address is [`Broker::ssl_bootstrap`].
    pub fn start_with_ssl(ssl: &str, properties: &str) -> Self {
        Self::start_with(&format!("ssl.client.auth=required\n{ssl}\n{properties}\n"))
    }

    /// The same, with a second listener that asks for a password (SASL, PLAIN), and rules of who may what: whoever
    /// comes to the plain listener may all, and `users` (names and passwords) nothing, until `kafka-acls.sh` says
    /// otherwise. Its address is [`Broker::sasl_bootstrap`].
    pub fn start_with_passwords(users: &[(&str, &str)], properties: &str) -> Self {
        let users: String = users.iter().map(|(name, password)| format!(" user_{name}=\"{password}\"")).collect();
        Self::start_with(&format!(
            "listener.name.sasl.sasl.enabled.mechanisms=PLAIN\n\
             listener.name.sasl.plain.sasl.jaas.config=\
             org.apache.kafka.common.security.plain.PlainLoginModule required{users};\n\
             authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
             super.users=User:ANONYMOUS\n{properties}\n"
        ))
    }

    fn attempt(properties: &str, joins: Option<(u8, SocketAddr)>) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("real-kafka").tempdir().expect("a folder for Kafka");
        let data = folder.path().join("data");
        copy(&home().join("formatted"), &data);
        let [client, second, controller] = free_ports();
        let second_listener = if properties.contains("ssl.keystore") {
            format!(",SSL://{second}")
        } else if properties.contains("listener.name.sasl.") {
            format!(",SASL://{second}")
        } else {
            String::new()
        };
        let (node, controller, leads) = match joins {
            None => (String::new(), controller, format!(",CONTROLLER://{controller}")),
            Some((node, controller)) => {
                renumber(&data.join("meta.properties"), node);
                (format!("process.roles=broker\nnode.id={node}\n"), controller, String::new())
            }
        };
        let file = folder.path().join(PROPERTIES_FILE);
        let text = format!(
            "{PROPERTIES}{node}listeners=PLAINTEXT://{client}{leads}{second_listener}\n\
             advertised.listeners=PLAINTEXT://{client}{second_listener}\ncontroller.quorum.voters=1@{controller}\n\
             log.dirs={}\n{properties}\n",
            data.display()
        );
        fs::write(&file, text).expect("the broker's properties can be written");
        let running = run(folder.path(), client)?;
        Ok(Self { address: client, second_address: second, controller, folder, running })
    }

    /// Starts the process again after [`Broker::kill`], with the same files at the same addresses.
    ///
    /// Panics as [`Broker::start`] does.
    pub fn start_again(&mut self) {
        self.running.kill();
        self.running =
            run(self.folder.path(), self.address).unwrap_or_else(|said| panic!("Kafka does not start:\n{said}"));
    }

    /// Host and port of the plain listener, for `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        self.address.to_string()
    }

    /// Host and port of the listener of [`Broker::start_with_ssl`].
    pub fn ssl_bootstrap(&self) -> String {
        self.second_address.to_string()
    }

    /// Host and port of the listener of [`Broker::start_with_passwords`].
    pub fn sasl_bootstrap(&self) -> String {
        self.second_address.to_string()
    }

    /// One of Kafka's own scripts (`kafka-topics.sh`), connected to this broker.
    pub fn tool(&self, script: &str) -> Command {
        let mut command = script_of_kafka(script);
        command.args(["--bootstrap-server", &self.bootstrap()]);
        command
    }

    /// The process, for who measures it.
    pub fn process_id(&self) -> u32 {
        self.running.id()
    }

    /// What the broker has printed so far.
    pub fn output(&self) -> String {
        self.running.output()
    }

    /// A folder that goes with the broker.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// From now on no file of the process grows beyond so many bytes, as on a disk without room, until it is started
    /// again.
    pub fn fill_the_disk(&self, file_bytes_max: u64) {
        let mut limit = Command::new("prlimit");
        limit.args([format!("--pid={}", self.process_id()), format!("--fsize={file_bytes_max}")]);
        assert!(limit.status().expect("prlimit is there: it is part of util-linux").success());
    }

    /// Kills the process (SIGKILL), as a machine does that loses its power.
    pub fn kill(&mut self) {
        self.running.kill();
    }
}

/// Runs the broker of that folder, and waits until it takes connections; else what it has printed.
fn run(folder: &Path, address: SocketAddr) -> Result<Running, String> {
    let mut running = Running::start(java("kafka.Kafka").arg(folder.join(PROPERTIES_FILE)), folder);
    let latest = Instant::now() + START_TIMEOUT;
    while TcpStream::connect(address).is_err() {
        if running.has_ended() || Instant::now() > latest {
            return Err(running.output());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(running)
}

/// One of Kafka's own scripts, not connected to anything yet.
pub fn script_of_kafka(name: &str) -> Command {
    let mut command = Command::new(home().join("bin").join(name));
    command.env("KAFKA_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC");
    command
}

/// `java` with a class of Kafka's own jars, and the switches of a JVM that starts soon. `KAFKA_OPTS` of the
/// environment, where it is set, takes the place of those switches.
pub fn java(class: &str) -> Command {
    let mut command = Command::new("java");
    match std::env::var("KAFKA_OPTS") {
        Ok(switches) => command.args(switches.split_whitespace()),
        Err(_) => command.args(["-Xmx512M", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]),
    };
    command.arg("-cp").arg(format!("{}/*", home().join("libs").display())).arg(class);
    command
}

/// Where this Kafka is installed. Panics if it is not: a test without its tool never passes silently.
pub fn home() -> PathBuf {
    let tools = std::env::var_os("HEADWATER_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools"), PathBuf::from);
    let home = tools.join(FOLDER);
    assert!(home.join(".recipe").exists(), "{FOLDER} is not in {}: run cargo xtask tools", tools.display());
    home
}

/// Ports that nobody listens at; all are held until all are known, so that they differ.
fn free_ports() -> [SocketAddr; 3] {
    let held = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    held.map(|listener| listener.local_addr().expect("a bound port has an address"))
}

/// Gives a formatted folder to another node: its number, and an id of the folder that no other has.
fn renumber(properties: &Path, node: u8) {
    let text = fs::read_to_string(properties).expect("a formatted folder: run cargo xtask tools");
    let of_node = |line: &str| match line.split_once('=') {
        Some(("node.id", _)) => format!("node.id={node}\n"),
        Some(("directory.id", id)) => format!("directory.id={node}{}\n", &id[1..]),
        _ => format!("{line}\n"),
    };
    let text: String = text.lines().map(of_node).collect();
    fs::write(properties, text).expect("the folder's properties can be written");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder for Kafka's data");
    for entry in fs::read_dir(from).expect("a formatted folder: run cargo xtask tools").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("Kafka's data can be copied");
        }
    }
}
