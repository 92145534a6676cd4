//! Headwater beside an Apache Kafka 4.3.1 broker: the same records, mutual TLS on both sides, one Java
//! client in one JVM that takes turns, so that what the machine does to one it does to the other.
//!
//! The broker takes a produced record into the page cache; Headwater answers a write once it is on
//! disk. So the broker is measured a second time with `flush.messages=1`, by which it does as much.
//! Not here: the broker itself (`real-kafka`), stock clients alone (`drain`, `latency`).

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use clap::Args;
use real_kafka::Broker;

use crate::{
    Place,
    load::{self, Until, Work},
    machine::Noise,
    report::{Goal, Report},
    server::Server,
};

/// Filler that makes the event of a new document about 500 bytes.
const FILLER_LEN: usize = 315;

/// The broker's topics: as it comes, and with a sync for each append.
const TOPICS: [(&str, &str); 2] = [("kafka", "records"), ("kafka-flush", "synced")];

#[derive(Args)]
pub(crate) struct Options {
    /// Records that are drained.
    #[arg(long, default_value_t = 500_000)]
    events: u64,
    /// Rounds of each side.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Writes a second whose latency is measured, one rate after the other.
    #[arg(long, num_args = 0.., default_values_t = [1_000, 10_000])]
    rates: Vec<u32>,
    /// How long each round of a rate takes.
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let server = Server::start(&options.place)?;
    let work =
        Work { connections: 8, batch: 100, documents: options.events, filler_len: FILLER_LEN, until: Until::EachOnce };
    eprintln!("    load {} events", options.events);
    load::run(server.http(), work)?;
    let sides = Sides::start(&server)?;
    eprintln!("    copy them to the broker");
    let (from, to) = (sides.ours.as_str(), sides.theirs.as_str());
    java(&["copy", from, server.topic(), to, TOPICS[0].1, &options.events.to_string()])?;
    drain(options, &server, &sides)?;
    options.rates.iter().try_for_each(|rate| latency(options, &server, &sides, *rate))
}

/// Both servers, as a client's properties name them.
struct Sides {
    broker: Broker,
    ours: String,
    theirs: String,
}

impl Sides {
    /// The broker shows a certificate of the same kind of key, and asks for the one that the server
    /// made: the same TLS on both sides.
    fn start(server: &Server) -> Result<Self> {
        let client = fs::read_to_string(server.credential("client.properties")).context("client.properties")?;
        let (trust, others): (Vec<&str>, Vec<&str>) =
            client.lines().partition(|line| line.starts_with("ssl.truststore."));
        let (keystore, certificate) = certificate(&server.data_dir().with_file_name("broker"))?;
        let ssl = format!("{}\nssl.keystore.type=PEM\nssl.keystore.location={keystore}", trust.join("\n"));
        let broker = Broker::start_with_ssl(&ssl, "log.retention.ms=-1");
        for (_, topic) in TOPICS {
            make_topic(&broker, topic)?;
        }
        let write = |name: &str, lines: &str, bootstrap: &str, further: &str| -> Result<String> {
            let path = broker.folder().join(name);
            let text = format!("{lines}\nbootstrap.servers={bootstrap}\n{further}\n");
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(path.display().to_string())
        };
        let ours = write("ours.properties", &client, server.kafka(), "")?;
        let trusts = format!("ssl.truststore.type=PEM\nssl.truststore.location={certificate}\nacks=all\nlinger.ms=0");
        let theirs = write("theirs.properties", &others.join("\n"), &broker.ssl_bootstrap(), &trusts)?;
        Ok(Self { broker, ours, theirs })
    }
}

fn make_topic(broker: &Broker, topic: &str) -> Result<()> {
    let mut make = broker.tool("kafka-topics.sh");
    make.args(["--create", "--topic", topic]);
    if topic == TOPICS[1].1 {
        make.args(["--config", "flush.messages=1"]);
    }
    let made = make.output().context("cannot run kafka-topics.sh")?;
    anyhow::ensure!(made.status.success(), "kafka-topics.sh failed: {}", String::from_utf8_lossy(&made.stdout));
    Ok(())
}

/// A certificate for the broker, as one file with its key, and alone. A user's of the server would
/// not do: it is for clients.
fn certificate(folder: &Path) -> Result<(String, String)> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let [key, certificate, both] = ["key.pem", "certificate.pem", "both.pem"].map(|name| folder.join(name));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]);
    openssl.args(["-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout"]).arg(&key);
    let made = openssl.arg("-out").arg(&certificate).output().context("cannot run openssl")?;
    anyhow::ensure!(made.status.success(), "openssl failed: {}", String::from_utf8_lossy(&made.stderr));
    fs::write(&both, [fs::read(&key)?, fs::read(&certificate)?].concat())?;
    Ok((both.display().to_string(), certificate.display().to_string()))
}

fn drain(options: &Options, server: &Server, sides: &Sides) -> Result<()> {
    let noise = Noise::begin();
    let (events, rounds) = (options.events.to_string(), options.rounds.to_string());
    let (ours, theirs) = (server.pid().to_string(), sides.broker.process_id().to_string());
    let said = java(&[
        "drain",
        &events,
        &rounds,
        "headwater",
        &ours,
        &sides.ours,
        server.topic(),
        TOPICS[0].0,
        &theirs,
        &sides.theirs,
        TOPICS[0].1,
    ])?;
    let figures = medians("drain", &said)?;
    let mut report =
        Report::new(format!("drain beside Kafka 4.3.1: {} events, mutual TLS, one Java client", options.events));
    let side = |name: &str| figures.get(name).cloned().with_context(|| format!("no figures of {name}"));
    let (us, them) = (side("headwater")?, side(TOPICS[0].0)?);
    let million = 1e6 / options.events as f64;
    report.figure("Headwater", options.events as f64 / us[0], "/s");
    report.figure("Kafka", options.events as f64 / them[0], "/s");
    report.goal("ratio of speed", them[0] / us[0], "x", Goal::AtLeast(0.9));
    report.figure("Headwater: server CPU per million", us[1] * million, "s");
    report.figure("Kafka: server CPU per million", them[1] * million, "s");
    report.goal("ratio of server CPU", us[1] / them[1], "x", Goal::AtMost(1.0));
    report.publish(&noise.end())
}

fn latency(options: &Options, server: &Server, sides: &Sides, rate: u32) -> Result<()> {
    let noise = Noise::begin();
    let url = format!("http://{}/api/v4/store/write", server.http());
    let (rate_text, seconds, rounds) = (rate.to_string(), options.seconds.to_string(), options.rounds.to_string());
    let mut arguments = vec!["latency", &rate_text, &seconds, &rounds];
    arguments.extend(["headwater", &url, &sides.ours, server.topic()]);
    for (name, topic) in TOPICS {
        arguments.extend([name, &sides.theirs, &sides.theirs, topic]);
    }
    let figures = medians("latency", &java(&arguments)?)?;
    let mut report =
        Report::new(format!("latency beside Kafka 4.3.1: {rate} writes/s, from the write to the consumer"));
    for (name, figures) in &figures {
        let [_, p50, p99, max] = figures[..] else { bail!("{name} has {} figures", figures.len()) };
        let [p50_name, p99_name, max_name] = ["p50", "p99", "max"].map(|figure| format!("{name}: {figure}"));
        report.figure(p50_name, p50, "ms");
        report.figure(p99_name, p99, "ms");
        report.figure(max_name, max, "ms");
    }
    report.publish(&noise.end())
}

/// Of each name, the medians over the rounds of what stands after it.
fn medians(word: &str, said: &str) -> Result<BTreeMap<String, Vec<f64>>> {
    let mut rounds: BTreeMap<String, Vec<Vec<f64>>> = BTreeMap::new();
    for line in said.lines().filter_map(|line| line.strip_prefix(word)) {
        eprintln!("    {word}{line}");
        let mut words = line.split_whitespace();
        let name = words.next().context("a line without a name")?.to_owned();
        let figures: Vec<f64> = words.map(str::parse).collect::<Result<_, _>>().context("a line with no figures")?;
        rounds.entry(name).or_default().push(figures);
    }
    let median = |rounds: &Vec<Vec<f64>>, at: usize| {
        let mut of_rounds: Vec<f64> = rounds.iter().map(|figures| figures[at]).collect();
        of_rounds.sort_by(f64::total_cmp);
        of_rounds[of_rounds.len() / 2]
    };
    let of_side = |rounds: &Vec<Vec<f64>>| (0..rounds[0].len()).map(|at| median(rounds, at)).collect();
    Ok(rounds.iter().map(|(name, rounds)| (name.clone(), of_side(rounds))).collect())
}

/// Runs the client; what it printed.
pub(crate) fn java(arguments: &[&str]) -> Result<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/Beside.java");
    let jars = real_kafka::home().join("libs/*");
    let mut client = Command::new("java");
    client.args(["-Xmx1G", "-cp"]).arg(jars).arg(source).args(arguments);
    let output = client.output().context("cannot run java")?;
    if !output.status.success() {
        bail!("the client failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::medians;

    #[test]
    fn the_median_is_of_each_figure_by_itself() {
        let said = "drain a 1 9\ndrain b 5 5\nsomething else\ndrain a 3 7\ndrain a 2 8\n";
        let figures = medians("drain", said).unwrap();
        assert_eq!(figures["a"], [2.0, 8.0]);
        assert_eq!(figures["b"], [5.0, 5.0]);
    }
}
