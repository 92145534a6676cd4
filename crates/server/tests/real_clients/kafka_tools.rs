//! Kafka's own tools for administrators, of 3.1.0 and 4.3.1, on a real broker and on the server: what they print is
//! the same, or the difference is listed here with its reason.
//!
//! One JVM runs all tools of a version (`Tools.java`), since each start of one takes seconds.
//! Not here: the answers themselves, field by field (`crates/kafka-endpoint/tests/it/beside_kafka.rs`).

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Command, Stdio},
};

use real_kafka::Broker;

use super::clients::{KAFKA_OF_THE_PAGE, KAFKA_OF_TODAY, TOPIC, credential, tool};
use crate::support::TestServer;

const FOUR: &str = "user-consumable-default.four";

/// How a tool's output on the server compares with that on the broker.
#[derive(Debug, Clone, Copy)]
enum Printed {
    /// The same, but for names of machines, ids, sizes and the order of lines.
    Alike,
    /// Something of its own, in which this stands: it would change the broker, or tells of what differs on purpose.
    Instead(&'static str),
    /// The same as far as lines go that hold this.
    AlikeWhere(&'static str),
}

/// One call of a tool.
struct Call {
    class: &'static str,
    arguments: String,
    printed: Printed,
}

fn call(class: &'static str, arguments: impl Into<String>, printed: Printed) -> Call {
    Call { class, arguments: arguments.into(), printed }
}

/// What both versions of Kafka are asked; their classes have other names.
fn calls(kafka: &str) -> Vec<Call> {
    use Printed::{Alike, AlikeWhere, Instead};
    let is_old = kafka == KAFKA_OF_THE_PAGE;
    let class = |old, new| if is_old { old } else { new };
    let topics = class("kafka.admin.TopicCommand", "org.apache.kafka.tools.TopicCommand");
    let groups =
        class("kafka.admin.ConsumerGroupCommand", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand");
    let configs = "kafka.admin.ConfigCommand";
    let log_dirs = class("kafka.admin.LogDirsCommand", "org.apache.kafka.tools.LogDirsCommand");
    let acls = class("kafka.admin.AclCommand", "org.apache.kafka.tools.AclCommand");
    let features = class("kafka.admin.FeatureCommand", "org.apache.kafka.tools.FeatureCommand");
    let reassign =
        class("kafka.admin.ReassignPartitionsCommand", "org.apache.kafka.tools.reassign.ReassignPartitionsCommand");
    const MADE: &str = "topics are made by `headwater live-query create`";
    let mut calls = vec![
        call(topics, "--list --exclude-internal", Alike),
        call(topics, "--describe --exclude-internal", AlikeWhere("Partition: ")),
        call(topics, format!("--describe --topic {TOPIC}"), AlikeWhere("Partition: ")),
        call(topics, "--describe --topic nonsense", AlikeWhere("nonsense")),
        call(topics, format!("--create --topic {TOPIC} --partitions 1"), AlikeWhere("already exists")),
        call(topics, "--create --topic made --partitions 1", Instead(MADE)),
        call(topics, format!("--alter --topic {TOPIC} --partitions 9"), Instead(MADE)),
        call(configs, format!("--describe --entity-type topics --entity-name {TOPIC}"), Alike),
        // The older tool lists Kafka's internal topics too.
        call(configs, "--describe --entity-type topics", if is_old { AlikeWhere("for topic user") } else { Alike }),
        call(configs, "--describe --entity-type brokers --entity-name 1 --all", Instead("broker.id=1")),
        call(configs, "--describe --entity-type users", Alike),
        call(configs, "--describe --entity-type clients", Alike),
        call(configs, "--describe --entity-type ips", Alike),
        call(
            configs,
            format!("--alter --entity-type topics --entity-name {TOPIC} --add-config retention.ms=1"),
            Instead(MADE),
        ),
        call(log_dirs, format!("--describe --topic-list {TOPIC}"), Alike),
        call(acls, "--list", Instead("permissionType=ALLOW")),
        call(reassign, "--list", Alike),
        call(groups, "--list", Alike),
        call(groups, format!("--group reader --topic {TOPIC} --reset-offsets --to-earliest --execute"), Alike),
        call(groups, "--describe --group reader", Alike),
        call(groups, "--describe --group reader --state", Alike),
        call(groups, "--describe --group reader --members", Alike),
        call(groups, "--describe --group nobody", Alike),
        call(groups, "--delete --group nobody", Alike),
        call(groups, "--list --state", Alike),
    ];
    if is_old {
        calls.push(call(features, "--describe", Instead("")));
        return calls;
    }
    let transactions = "org.apache.kafka.tools.TransactionsCommand";
    let offsets = "org.apache.kafka.tools.GetOffsetShell";
    calls.extend([
        call(configs, "--describe --entity-type groups --entity-name reader", Alike),
        call(configs, "--describe --entity-type groups", Alike),
        call(configs, "--describe --entity-type client-metrics", Alike),
        call(features, "describe", Instead("group.version")),
        call(transactions, "list", Alike),
        call(transactions, "describe --transactional-id nobody", Alike),
        call(transactions, format!("describe-producers --topic {TOPIC} --partition 0"), AlikeWhere("ProducerId")),
        call(transactions, format!("find-hanging --topic {TOPIC}"), Alike),
        // Whether a group without members had any is not kept: all are consumers'.
        call("org.apache.kafka.tools.GroupsCommand", "--list", Instead("reader")),
        call("org.apache.kafka.tools.LeaderElectionCommand", "--election-type preferred --all-topic-partitions", Alike),
        call(offsets, format!("--topic {TOPIC}"), Alike),
        call(offsets, format!("--topic {TOPIC} --time earliest"), Alike),
        call(offsets, format!("--topic {TOPIC} --time max-timestamp"), Alike),
        call(offsets, format!("--topic {TOPIC} --time earliest-local"), Alike),
        call(offsets, format!("--topic {TOPIC} --time latest-tiered"), Alike),
        call(offsets, format!("--topic {TOPIC} --time earliest-pending-upload"), Alike),
    ]);
    calls
}

/// Tools that take their options before what they are to do.
fn options_come_first(class: &str) -> bool {
    class.ends_with("TransactionsCommand") || class.ends_with("FeatureCommand")
}

/// The line for `Tools.java`.
fn line(call: &Call, options: &[&str]) -> String {
    let words = call.arguments.split(' ');
    let all: Vec<&str> = match options_come_first(call.class) {
        true => [call.class].into_iter().chain(options.iter().copied()).chain(words).collect(),
        false => [call.class].into_iter().chain(words).chain(options.iter().copied()).collect(),
    };
    all.join("\t") + "\n"
}

/// Runs the lines in one JVM; how each ended and what it printed.
fn run_all(kafka: &str, lines: &str) -> Vec<(i32, String)> {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real_clients/Tools.java");
    let mut java = Command::new("java");
    java.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256M", "-cp"]);
    java.arg(format!("{}/*", tool(kafka).join("libs").display())).arg(program);
    let mut java =
        java.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("java is there: run cargo xtask test");
    let (mut stdin, text) = (java.stdin.take().unwrap(), lines.to_owned());
    let writing = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let mut stdout = BufReader::new(java.stdout.take().unwrap());
    let mut printed = Vec::new();
    let mut head = String::new();
    while stdout.read_line(&mut head).unwrap() > 0 {
        let (bytes, status) = head.trim().split_once(' ').unwrap();
        let mut text = vec![0; bytes.parse().unwrap()];
        stdout.read_exact(&mut text).unwrap();
        printed.push((status.parse().unwrap(), String::from_utf8_lossy(&text).into_owned()));
        head.clear();
    }
    writing.join().unwrap().unwrap();
    assert!(java.wait().unwrap().success());
    printed
}

/// Lines without what differs from server to server, in no order.
fn normal(printed: &str, addresses: &[&str]) -> Vec<String> {
    let mut lines = BTreeSet::new();
    for line in printed.lines() {
        let mut line = line.to_owned();
        for address in addresses {
            line = line.replace(address, "<server>");
        }
        for (before, behind) in [("TopicId: ", "\t"), ("\"size\":", ","), ("\"logDir\":", ","), ("localhost/", ")")] {
            line = without(&line, before, behind);
        }
        line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if !line.is_empty() {
            lines.insert(line);
        }
    }
    lines.into_iter().collect()
}

/// The line with `…` between the two.
fn without(line: &str, before: &str, behind: &str) -> String {
    let Some((front, rest)) = line.split_once(before) else { return line.to_owned() };
    let at = rest.find(behind).unwrap_or(rest.len());
    format!("{front}{before}…{}", &rest[at..])
}

fn compare(kafka: &str, broker: &Broker, server: &TestServer) -> Vec<String> {
    let config = credential(server, "default", "client.properties");
    let own = server.run["kafka"].as_str().unwrap();
    let (theirs, config) = (broker.bootstrap(), config.display().to_string());
    let calls = calls(kafka);
    let both = |call: &Call| {
        let on_server = line(call, &["--bootstrap-server", own, "--command-config", &config]);
        match call.printed {
            Printed::Instead(_) => on_server,
            _ => line(call, &["--bootstrap-server", &theirs]) + &on_server,
        }
    };
    let mut printed = run_all(kafka, &calls.iter().map(both).collect::<String>()).into_iter();
    let addresses = [own, theirs.as_str()];
    let mut differences = Vec::new();
    for call in &calls {
        let mut next = || printed.next().unwrap_or_else(|| panic!("{} did not run", call.class));
        let is_of_server = matches!(call.printed, Printed::Instead(_));
        let (their_status, their_text) = if is_of_server { (0, String::new()) } else { next() };
        let (our_status, our_text) = next();
        let (their_lines, our_lines) = (normal(&their_text, &addresses), normal(&our_text, &addresses));
        let is_as_meant = match call.printed {
            Printed::Alike => their_lines == our_lines && their_status == our_status,
            Printed::Instead(part) => our_text.contains(part),
            Printed::AlikeWhere(part) => {
                let with =
                    |lines: &[String]| lines.iter().filter(|line| line.contains(part)).cloned().collect::<Vec<_>>();
                let (theirs, ours) = (with(&their_lines), with(&our_lines));
                theirs == ours && !ours.is_empty() && their_status == our_status
            }
        };
        if !is_as_meant {
            differences.push(format!(
                "{kafka}: {} {} ({:?})\nKafka ({their_status}): {their_lines:#?}\nHeadwater ({our_status}): {our_lines:#?}",
                call.class, call.arguments, call.printed
            ));
        }
    }
    differences
}

#[test]
fn kafkas_tools_print_what_they_print_of_a_broker() {
    let broker = Broker::start_with("auto.create.topics.enable=false");
    let server = TestServer::start();
    let made = server.run(&["live-query", "create", "four", "--partitions", "4"]);
    assert_eq!(made.code(), Some(0), "{}", made.stderr);
    make_topics(&broker);
    let mut differences = Vec::new();
    for kafka in [KAFKA_OF_TODAY, KAFKA_OF_THE_PAGE] {
        differences.extend(compare(kafka, &broker, &server));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The broker's topics, as the server's.
fn make_topics(broker: &Broker) {
    let bootstrap = broker.bootstrap();
    let options = ["--bootstrap-server", bootstrap.as_str()];
    let create = |topic: &str, partitions: u16| {
        let arguments = format!("--create --topic {topic} --partitions {partitions}");
        line(&call("org.apache.kafka.tools.TopicCommand", arguments, Printed::Alike), &options)
    };
    let made = run_all(KAFKA_OF_TODAY, &(create(TOPIC, 1) + &create(FOUR, 4)));
    assert!(made.iter().all(|(status, _)| *status == 0), "{made:?}");
}
