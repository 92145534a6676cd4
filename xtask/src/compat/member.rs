//! A client while it runs: the events that it prints as they come, what it says of errors, and its end.
//!
//! Invariants: every wait has a bound; it does not outlive its value. It and all that it starts are one process
//! group, as a client behind a shell script is.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::locked;

/// An event as a client prints it; kcat's lines have more.
#[derive(Deserialize, Clone, Debug)]
pub(super) struct Event {
    pub(super) partition: u32,
    pub(super) offset: u64,
    pub(super) key: String,
}

/// Events by partition and offset.
pub(super) type Events = BTreeMap<(u32, u64), String>;

pub(super) struct Member {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl Member {
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().with_context(|| format!("cannot run {:?}", command.get_program()))?;
        let lines = collect(child.stdout.take().context("no output")?);
        let complaints = collect(child.stderr.take().context("no errors")?);
        Ok(Self { child, lines, complaints })
    }

    /// The events so far, in the order in which they came.
    pub(super) fn events(&self) -> Result<Vec<Event>> {
        let lines = locked(&self.lines);
        let parsed =
            lines.iter().map(|line| serde_json::from_str(line).with_context(|| format!("not an event: {line}")));
        parsed.collect()
    }

    /// The lines of errors so far.
    pub(super) fn complaints(&self) -> Vec<String> {
        locked(&self.complaints).clone()
    }

    /// Waits until `holds`; the error has what the client said last.
    pub(super) fn wait_until(
        &self,
        what: &str,
        timeout: Duration,
        mut holds: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let began = Instant::now();
        while !holds()? {
            if began.elapsed() > timeout {
                bail!(
                    "not within {} s: {what}; {} events, it said: {}",
                    timeout.as_secs(),
                    self.count(),
                    self.last_words()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Waits for its end, and gives all of its events; an error if it ends with one.
    pub(super) fn finish(mut self, timeout: Duration) -> Result<Vec<Event>> {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if began.elapsed() > timeout {
                bail!(
                    "it does not end in {} s; {} events, it said: {}",
                    timeout.as_secs(),
                    self.count(),
                    self.last_words()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        // The readers see the end of the pipes soon after it.
        while Arc::strong_count(&self.lines) + Arc::strong_count(&self.complaints) > 2 && began.elapsed() < timeout {
            std::thread::sleep(Duration::from_millis(5));
        }
        if !status.success() {
            bail!("it ends with {status}; it said: {}", self.last_words());
        }
        self.events()
    }

    /// kill -9.
    pub(super) fn kill(&mut self) {
        // A negative number is a group. It may have ended already.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }

    fn count(&self) -> usize {
        locked(&self.lines).len()
    }

    fn last_words(&self) -> String {
        let complaints = locked(&self.complaints);
        let last = complaints.iter().rev().take(5).rev();
        last.map(String::as_str).collect::<Vec<_>>().join(" / ")
    }
}

/// Keeps the lines that come.
fn collect(from: impl Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let shared = lines.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            locked(&shared).push(line);
        }
    });
    lines
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}
