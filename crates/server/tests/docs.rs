//! Every code block of every document, done as a reader does it.
//!
//! A document's blocks follow each other in one shell, on one server: the one that the document
//! starts, or else one that is there. A fence's first word is the language, what follows says how
//! the block is taken; readers do not see it.
//!
//! | fence | what happens |
//! |---|---|
//! | `sh` | runs; a command or a request that fails is a failure |
//! | `sh stays` | is left running, as in a terminal of its own |
//! | `sh no-run: why` | does not run; there are few of these |
//! | `json`, `text output` | each line is printed by the `sh` blocks since the last such block, or by every consumer that stays |
//! | `json example` | is JSON, each line |
//! | `js` | is a module that Node.js can parse |
//! | `toml`, `ini` | is a configuration file, or a systemd unit, that the binary takes |
//! | `yaml`, `properties`, `nginx`, `caddy` | is configuration of another program; see `configuration` |
//! | `text query-errors` | queries, each with what the server answers to it |
//! | `text` | drawings and grammars |
//!
//! Invariants: there is no block without a language, and no document without its test.

mod block;
mod configuration;
mod links;
mod shell;

use std::{
    cell::OnceCell,
    collections::BTreeSet,
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use real_kafka::Broker;
use serde_json::{Value, json};

use crate::{
    real_clients::clients::{KAFKA_OF_THE_PAGE, KAFKA_OF_TODAY, tool},
    support::{TestServer, javascript::install_package, run},
};
use block::{Block, Kind};
use shell::Shell;

const DOCUMENTS: &[&str] = &[
    "README.md",
    "SECURITY.md",
    "docs/README.md",
    "docs/faq.md",
    "docs/glossary.md",
    "docs/guides/another-machine.md",
    "docs/guides/coming-from-the-vendor.md",
    "docs/guides/documents-from-the-command-line.md",
    "docs/guides/falling-behind.md",
    "docs/guides/javascript.md",
    "docs/guides/kafka-connect.md",
    "docs/guides/kafka-streams.md",
    "docs/guides/mirrormaker.md",
    "docs/guides/own-documents.md",
    "docs/guides/small-peers.md",
    "docs/guides/small-peers-in-a-browser.md",
    "docs/guides/tutorial.md",
    "docs/guides/your-own-kafka.md",
    "docs/internals/adding-a-kafka-api.md",
    "docs/internals/changing-a-stored-format.md",
    "docs/internals/decisions.md",
    "docs/internals/simulation.md",
    "docs/internals/stored-formats.md",
    "docs/internals/threads-and-locks.md",
    "docs/operating/backup.md",
    "docs/operating/credentials.md",
    "docs/operating/installing.md",
    "docs/operating/metrics.md",
    "docs/operating/restore.md",
    "docs/operating/reverse-proxy.md",
    "docs/operating/running.md",
    "docs/operating/sizing.md",
    "docs/operating/upgrading.md",
    "docs/reference/access.md",
    "docs/reference/attachments.md",
    "docs/reference/documents.md",
    "docs/reference/events.md",
    "docs/reference/http-api.md",
    "docs/reference/indexes.md",
    "docs/reference/kafka-compatibility.md",
    "docs/reference/live-queries.md",
    "docs/reference/dql.md",
    "docs/reference/query-language.md",
    "docs/reference/sinks.md",
    "docs/reference/small-peer-calls.md",
    "docs/reference/small-peer-sdks.md",
    "docs/reference/sync-protocol.md",
    "docs/reference/webhooks.md",
    "examples/README.md",
];

/// Blocks that may say `no-run`, over all documents: what builds, and what installs. bash reads them all the same.
const NOT_RUN_MAX: usize = 10;

/// What documents call the Kafka endpoint of a server that is not on loopback.
const OTHER_MACHINE: &str = "db.example.com:9093";

/// What documents call a Kafka that a reader has beside Headwater.
const OTHER_KAFKA: &str = "your-kafka:9092";

/// Where the REST interface of a reader's Kafka Connect is.
const CONNECT: &str = "127.0.0.1:8083";

#[test]
fn readme() {
    follow("README.md");
}

#[test]
fn security() {
    follow("SECURITY.md");
}

#[test]
fn map() {
    follow("docs/README.md");
}

#[test]
fn questions() {
    follow("docs/faq.md");
}

#[test]
fn another_machine() {
    follow("docs/guides/another-machine.md");
}

#[test]
fn coming_from_the_vendor() {
    follow("docs/guides/coming-from-the-vendor.md");
}

#[test]
fn tutorial() {
    follow("docs/guides/tutorial.md");
}

#[test]
fn backups() {
    follow("docs/operating/backup.md");
}

#[test]
fn installing() {
    follow("docs/operating/installing.md");
}

#[test]
fn metrics() {
    follow("docs/operating/metrics.md");
}

#[test]
fn restoring() {
    follow("docs/operating/restore.md");
}

#[test]
fn reverse_proxy() {
    follow("docs/operating/reverse-proxy.md");
}

#[test]
fn sizing() {
    follow("docs/operating/sizing.md");
}

#[test]
fn upgrading() {
    follow("docs/operating/upgrading.md");
}

#[test]
fn kafka_compatibility() {
    follow("docs/reference/kafka-compatibility.md");
}

#[test]
fn glossary() {
    follow("docs/glossary.md");
}

#[test]
fn documents_from_the_command_line() {
    follow("docs/guides/documents-from-the-command-line.md");
}

#[test]
fn falling_behind() {
    follow("docs/guides/falling-behind.md");
}

#[test]
fn javascript() {
    follow("docs/guides/javascript.md");
}

#[test]
fn kafka_connect() {
    follow("docs/guides/kafka-connect.md");
}

#[test]
fn kafka_streams() {
    follow("docs/guides/kafka-streams.md");
}

#[cfg(feature = "kafka")]
#[test]
fn your_own_kafka() {
    follow("docs/guides/your-own-kafka.md");
}

#[test]
fn sinks() {
    follow("docs/reference/sinks.md");
}

#[test]
fn mirrormaker() {
    follow("docs/guides/mirrormaker.md");
}

#[test]
fn small_peers_in_a_browser() {
    follow("docs/guides/small-peers-in-a-browser.md");
}

#[test]
fn own_documents() {
    follow("docs/guides/own-documents.md");
}

#[test]
fn small_peers() {
    follow("docs/guides/small-peers.md");
}

#[test]
fn stored_formats() {
    follow("docs/internals/stored-formats.md");
}

#[test]
fn credentials() {
    follow("docs/operating/credentials.md");
}

#[test]
fn running() {
    follow("docs/operating/running.md");
}

#[test]
fn http_api() {
    follow("docs/reference/http-api.md");
}

#[test]
fn dql() {
    follow("docs/reference/dql.md");
}

#[test]
fn query_language() {
    follow("docs/reference/query-language.md");
}

#[test]
fn access() {
    follow("docs/reference/access.md");
}

#[test]
fn adding_a_kafka_api() {
    follow("docs/internals/adding-a-kafka-api.md");
}

#[test]
fn changing_a_stored_format() {
    follow("docs/internals/changing-a-stored-format.md");
}

#[test]
fn decisions() {
    follow("docs/internals/decisions.md");
}

#[test]
fn attachments() {
    follow("docs/reference/attachments.md");
}

#[test]
fn documents() {
    follow("docs/reference/documents.md");
}

#[test]
fn events() {
    follow("docs/reference/events.md");
}

#[test]
fn indexes() {
    follow("docs/reference/indexes.md");
}

#[test]
fn live_queries() {
    follow("docs/reference/live-queries.md");
}

#[test]
fn webhooks() {
    follow("docs/reference/webhooks.md");
}

#[test]
fn threads_and_locks() {
    follow("docs/internals/threads-and-locks.md");
}

#[test]
fn simulation() {
    follow("docs/internals/simulation.md");
}

#[test]
fn small_peer_calls() {
    follow("docs/reference/small-peer-calls.md");
}

#[test]
fn small_peer_sdks() {
    follow("docs/reference/small-peer-sdks.md");
}

#[test]
fn sync_protocol() {
    follow("docs/reference/sync-protocol.md");
}

#[test]
fn examples() {
    follow("examples/README.md");
}

#[test]
fn every_document_has_its_test_and_few_blocks_do_not_run() {
    let mut found = BTreeSet::from(["README.md", "SECURITY.md", "examples/README.md"].map(str::to_owned));
    documents_below(&root().join("docs"), &mut found);
    assert_eq!(found, DOCUMENTS.iter().map(|&document| document.to_owned()).collect());
    let blocks = DOCUMENTS.iter().flat_map(|document| Block::all_of(document, &read(document)));
    let not_run: Vec<Block> = blocks.filter(|block| matches!(block.kind, Kind::NotRun { .. })).collect();
    assert!(not_run.len() <= NOT_RUN_MAX, "{} blocks do not run: {not_run:#?}", not_run.len());
}

#[test]
fn every_link_leads_somewhere() {
    let broken: Vec<String> =
        DOCUMENTS.iter().flat_map(|document| links::broken(&root(), document, &read(document))).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(document: &str) -> String {
    std::fs::read_to_string(root().join(document)).unwrap()
}

fn documents_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            documents_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.insert(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
        }
    }
}

/// Does what a document says.
fn follow(document: &str) {
    let blocks = Block::all_of(document, &read(document));
    let starts_a_server = |block: &Block| block.kind.is_run() && block.text.contains("headwater serve");
    let needs_a_server = |block: &Block| block.kind.is_run() || block.kind == Kind::QueryErrors;
    let own_server = blocks.iter().any(starts_a_server);
    let server = (!own_server && blocks.iter().any(needs_a_server)).then(TestServer::start);
    let folder = match &server {
        Some(server) => server.directory(),
        None => std::sync::Arc::new(tempfile::tempdir().unwrap()),
    };
    let shell = Shell::start(folder.path(), &tools_of(&blocks));
    let mut reader = Reader {
        shell,
        folder: folder.path().to_owned(),
        port: OnceCell::new(),
        connect: OnceCell::new(),
        kafka: OnceCell::new(),
    };
    std::os::unix::fs::symlink(root().join("examples"), folder.path().join("examples")).unwrap();
    if read(document).contains("from 'headwater") {
        install_package(folder.path());
    }
    for block in &blocks {
        reader.take(block, server.as_ref());
    }
}

/// Programs that a document uses and that are no part of a machine.
fn tools_of(blocks: &[Block]) -> Vec<(&'static str, PathBuf)> {
    let uses = |word: &str| blocks.iter().any(|block| block.kind.is_run() && block.text.contains(word));
    let mut tools = Vec::new();
    if uses("python ") {
        tools.push(("PATH", tool("python").join("bin")));
    }
    if uses("node ") {
        tools.push(("NODE_PATH", tool("node").join("node_modules")));
    }
    tools
}

struct Reader {
    shell: Shell,
    folder: PathBuf,
    /// The Kafka endpoint's, where a document says that it is reached from another machine.
    port: OnceCell<u16>,
    /// Kafka Connect's.
    connect: OnceCell<u16>,
    /// A real one, where a document has one.
    kafka: OnceCell<Broker>,
}

impl Reader {
    fn take(&mut self, block: &Block, server: Option<&TestServer>) {
        let text = self.filled_in(&block.text);
        match &block.kind {
            Kind::Run => self.shell.run(&block.place, &text),
            Kind::Stays => {
                let is_consumer = !block.text.contains("headwater serve");
                self.shell.leave_running(&block.place, &text, is_consumer);
                self.wait_until_it_is_there(block);
            }
            Kind::Output => self.shell.has_printed(&block.place, &text),
            Kind::Example => block.text.lines().for_each(|line| {
                serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{}: {error}: {line}", block.place));
            }),
            Kind::Module => check_module(block),
            Kind::Configuration => check_configuration(block),
            Kind::Unit => check_unit(block),
            Kind::Yaml => configuration::check_yaml(block),
            Kind::Properties => configuration::check_properties(block),
            Kind::Nginx => configuration::check_nginx(block),
            Kind::Caddy => configuration::check_caddy(block),
            Kind::QueryErrors => check_query_errors(block, server.unwrap()),
            Kind::NotRun { .. } => check_shell(block),
            Kind::Drawing => {}
        }
    }

    /// The documents say the default ports and a place for Kafka; the tests' server has others.
    fn filled_in(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if text.contains("/path/to/kafka") {
            for kafka in [KAFKA_OF_THE_PAGE, KAFKA_OF_TODAY] {
                text = text.replace(&format!("/path/to/{kafka}"), tool(kafka).to_str().unwrap());
            }
        }
        if text.contains(OTHER_KAFKA) {
            text = text.replace(OTHER_KAFKA, &self.kafka.get_or_init(Broker::start).bootstrap());
        }
        if text.contains(CONNECT) {
            text = text.replace(CONNECT, &format!("127.0.0.1:{}", self.connect.get_or_init(free_port)));
        }
        // No test can be another machine: the name of one is this one, with a port that is free.
        if text.contains(OTHER_MACHINE) {
            let port = *self.port.get_or_init(free_port);
            text = text
                .replace(OTHER_MACHINE, &format!("localhost:{port}"))
                .replace("0.0.0.0:9093", &format!("0.0.0.0:{port}"));
        }
        let Ok(run) = std::fs::read_to_string(self.folder.join("headwater-data/run.json")) else { return text };
        let run: Value = serde_json::from_str(&run).unwrap();
        text.replace("http://127.0.0.1:8080", run["http"].as_str().unwrap())
            .replace("localhost:9093", run["kafka"].as_str().unwrap())
    }

    /// A reader goes on once a server says that it is ready, and once a consumer has its place on
    /// the topic.
    fn wait_until_it_is_there(&self, block: &Block) {
        if block.text.contains("headwater serve") {
            self.shell.wait_until(&block.place, "the server is ready", || {
                self.folder.join("headwater-data/run.json").exists()
            });
        } else if block.text.contains("consume.sh") || block.text.contains("kafka-console-consumer.sh") {
            let metrics = format!("{}/metrics", self.filled_in("http://127.0.0.1:8080"));
            let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
            self.shell.wait_until(&block.place, "the consumer has committed its place", || {
                let mut reply = agent.get(&metrics).call().unwrap();
                reply.body_mut().read_to_string().unwrap().contains("headwater_kafka_group_lag{")
            });
        }
    }
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// It may be for a browser, so it is not run.
fn check_module(block: &Block) {
    let mut node = Command::new("node");
    node.args(["--check", "--input-type=module", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut node = node.spawn().unwrap();
    node.stdin.take().unwrap().write_all(block.text.as_bytes()).unwrap();
    let checked = node.wait_with_output().unwrap();
    assert!(checked.status.success(), "{}: {}", block.place, String::from_utf8_lossy(&checked.stderr));
}

/// What is not run is at least what a shell can read.
fn check_shell(block: &Block) {
    let mut bash = Command::new("bash");
    let read = bash.args(["-n", "-c", &block.text]).stderr(Stdio::piped()).output().unwrap();
    assert!(read.status.success() && read.stderr.is_empty(), "{}: {read:?}", block.place);
}

/// A file that is read well leaves only that no server runs.
fn check_configuration(block: &Block) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("c.toml"), &block.text).unwrap();
    let finished = run(directory.path(), &["app", "list", "--data-dir", "d", "--config", "c.toml"]);
    assert!(
        finished.code() == Some(1) && finished.stderr.contains("no server runs on d"),
        "{}: {finished:?}",
        block.place
    );
}

/// Each line is a section, a setting or a comment; the options of `ExecStart` are the binary's.
fn check_unit(block: &Block) {
    let is_setting =
        |line: &str| line.split_once('=').is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_alphabetic()));
    let is_section = |line: &str| line.starts_with('[') && line.ends_with(']');
    let strange = block
        .text
        .lines()
        .find(|line| !(line.is_empty() || line.starts_with('#') || is_section(line) || is_setting(line)));
    assert_eq!(strange, None, "{}", block.place);
    let start = block.text.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it starts something");
    let help = run(Path::new("."), &["serve", "--help"]).stdout;
    let mut options = start.split(' ').filter(|word| word.starts_with("--"));
    let unknown = options.find(|option| !help.contains(&format!("{option} ")));
    assert!(start.contains("/headwater serve ") && unknown.is_none(), "{}: {unknown:?}", block.place);
}

fn check_query_errors(block: &Block, server: &TestServer) {
    for line in block.text.lines() {
        let (query, message) = line.split_once("  ").expect("a query, and what is said of it");
        let (status, reply) = server.post("/api/v4/store/find", &json!({"collection": "c", "query": query}));
        let said = reply["message"].as_str().unwrap_or_default();
        assert!(
            status == 400 && said.contains(message.trim()),
            "{}: {query}\n  is answered {said:?}\n  not {message:?}",
            block.place
        );
    }
}
