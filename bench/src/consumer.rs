//! Stock librdkafka clients over mutual TLS, watched through what they print.
//!
//! Each prints one mark or line for an event, unbuffered; a thread here counts or stamps what comes out of the pipe.
//! The time that the pipe takes is part of the figure.

use std::{
    io::Read,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{machine, server::Server};

/// How often the counting thread looks; it shares the machine with what is measured.
const COUNT_INTERVAL: Duration = Duration::from_millis(2);

/// A kcat that reads the topic from its beginning, one byte printed for each event.
pub(crate) struct Counter {
    child: Child,
    count: Arc<AtomicU64>,
}

impl Counter {
    pub(crate) fn start(server: &Server) -> Result<Self> {
        let mut child = kcat(server).args(["-o", "beginning", "-u", "-f", "."]).spawn().context("cannot run kcat")?;
        let out = child.stdout.take().expect("the pipe was asked for");
        let count = Arc::new(AtomicU64::new(0));
        std::thread::spawn({
            let count = count.clone();
            move || count_bytes(out, &count)
        });
        Ok(Counter { child, count })
    }

    /// Events received so far.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits until that many events came; the time that took.
    pub(crate) fn wait_for(&mut self, count: u64) -> Result<Duration> {
        let began = Instant::now();
        let (mut last, mut last_change) = (self.count(), began);
        while last < count {
            std::thread::sleep(COUNT_INTERVAL);
            if self.count() != last {
                (last, last_change) = (self.count(), Instant::now());
            } else if let Some(status) = self.child.try_wait()? {
                bail!("kcat ended ({status}) after {last} of {count} events");
            } else if last_change.elapsed() > Duration::from_secs(30) {
                bail!("no event came for 30 s; kcat has {last} of {count}");
            }
        }
        Ok(began.elapsed())
    }

    pub(crate) fn cpu_seconds(&self) -> f64 {
        machine::cpu_seconds(self.child.id())
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn count_bytes(mut out: ChildStdout, count: &AtomicU64) {
    let mut buffer = [0; 64 * 1024];
    while let Ok(len @ 1..) = out.read(&mut buffer) {
        count.fetch_add(len as u64, Ordering::Relaxed);
        std::thread::sleep(COUNT_INTERVAL);
    }
}

/// Which librdkafka is asked.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Client {
    /// Debian's kcat.
    Kcat,
    /// Python's confluent-kafka.
    Python,
}

/// A client that prints each event's value; the number in its document's field `n` is noted with the time at which it
/// came.
pub(crate) struct Stamper {
    child: Child,
    reader: JoinHandle<Vec<(u64, Instant)>>,
    received: Arc<AtomicU64>,
}

impl Stamper {
    pub(crate) fn start(server: &Server, client: Client) -> Result<Self> {
        let command = match client {
            Client::Kcat => {
                let mut kcat = kcat(server);
                kcat.args(["-o", "beginning", "-u", "-f", "%s\n"]);
                kcat
            }
            Client::Python => python(server),
        };
        Self::over(command)
    }

    /// Of whatever prints an event's value a line.
    pub(crate) fn over(mut command: Command) -> Result<Self> {
        let mut child = command.spawn().with_context(|| format!("cannot run {:?}", command.get_program()))?;
        let out = child.stdout.take().expect("the pipe was asked for");
        let received = Arc::new(AtomicU64::new(0));
        let reader = std::thread::spawn({
            let received = received.clone();
            move || stamp_lines(out, &received)
        });
        Ok(Stamper { child, reader, received })
    }

    /// Waits until that many events came, for 30 s at most.
    pub(crate) fn wait_for(&self, count: u64) -> Result<()> {
        let began = Instant::now();
        while self.received.load(Ordering::Relaxed) < count {
            if began.elapsed() > Duration::from_secs(30) {
                let received = self.received.load(Ordering::Relaxed);
                bail!("the consumer has {received} of {count} events after 30 s");
            }
            std::thread::sleep(COUNT_INTERVAL);
        }
        Ok(())
    }

    /// Ends the client; the numbers that came, each with its time.
    pub(crate) fn finish(mut self) -> Result<Vec<(u64, Instant)>> {
        self.child.kill()?;
        self.child.wait()?;
        self.reader.join().map_err(|_| anyhow::anyhow!("the reader of the client's output panicked"))
    }
}

fn stamp_lines(mut out: ChildStdout, received: &AtomicU64) -> Vec<(u64, Instant)> {
    let mut stamps = Vec::new();
    let mut rest = Vec::new();
    let mut buffer = vec![0; 256 * 1024];
    while let Ok(len @ 1..) = out.read(&mut buffer) {
        let now = Instant::now();
        rest.extend_from_slice(&buffer[..len]);
        let whole = rest.iter().rposition(|&it| it == b'\n').map_or(0, |at| at + 1);
        let lines = rest[..whole].split(|&it| it == b'\n').filter(|it| !it.is_empty());
        let before = stamps.len();
        stamps.extend(lines.filter_map(|line| Some((number_in(line)?, now))));
        received.fetch_add((stamps.len() - before) as u64, Ordering::Relaxed);
        rest.drain(..whole);
    }
    stamps
}

/// The last `"n":` in an event stands in its `newValue`.
fn number_in(event: &[u8]) -> Option<u64> {
    const FIELD: &[u8] = br#""n":"#;
    let at = event.windows(FIELD.len()).rposition(|it| it == FIELD)? + FIELD.len();
    let digits: Vec<u8> = event[at..].iter().copied().take_while(u8::is_ascii_digit).collect();
    String::from_utf8(digits).ok()?.parse().ok()
}

/// kcat as a consumer of the main feed, with the credentials that the server wrote.
pub(crate) fn kcat(server: &Server) -> Command {
    kcat_of(server, server.topic())
}

/// The same, of another topic.
pub(crate) fn kcat_of(server: &Server, topic: &str) -> Command {
    let mut kcat = Command::new("kcat");
    kcat.arg("-F").arg(server.credential("librdkafka.properties")).args(["-b", server.kafka(), "-t", topic]);
    kcat.args(["-C", "-q"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    kcat
}

fn python(server: &Server) -> Command {
    let mut python = Command::new(tools().join("python/bin/python"));
    python.args(["-u", "-c", include_str!("consumer.py")]);
    python.arg(server.credential("librdkafka.properties")).args([server.kafka(), server.topic()]);
    python.stdin(Stdio::null()).stdout(Stdio::piped());
    python
}

/// A script of Kafka's own command-line tools, with the option that names the client's properties.
pub(crate) fn kafka_tool(name: &str) -> Command {
    let mut tool = Command::new(tools().join("kafka_2.13-3.1.0/bin").join(name));
    tool.stdin(Stdio::null()).stderr(Stdio::null());
    tool
}

fn tools() -> PathBuf {
    std::env::var_os("HEADWATER_TOOLS").map_or_else(|| PathBuf::from("target/tools"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::number_in;

    #[test]
    fn the_number_is_that_of_the_new_document() {
        assert_eq!(
            number_in(br#"{"oldValue":{"_id":"p1","n":7},"newValue":{"_id":"p1","n":41,"name":"x"}}"#),
            Some(41)
        );
        assert_eq!(number_in(br#"{"type":"requeryRequired"}"#), None);
    }
}
