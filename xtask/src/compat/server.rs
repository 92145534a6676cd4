//! The real binary while a matrix runs: one server on free ports in a folder of its own, told what to do by its own
//! command line.
//!
//! Invariants: nothing of the environment reaches it; it ends, and its folder goes, when it is dropped.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::build;

const START_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Server {
    binary: PathBuf,
    folder: TempDir,
    child: Child,
}

impl Server {
    /// Starts the binary that was built last, and waits until its listeners accept.
    pub(crate) fn start(root: &Path) -> Result<Self> {
        let binary = build::folder(root).join("headwater");
        let folder = tempfile::tempdir().context("cannot make a folder for the server")?;
        let mut command = command(&binary, folder.path());
        command.args(["serve", "--http-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0", "--log", "warn"]);
        let log = std::fs::File::create(folder.path().join("log.txt")).context("cannot make the server's log")?;
        command.stdout(Stdio::null()).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot run {}", binary.display()))?;
        let mut server = Self { binary, folder, child };
        let began = Instant::now();
        while !server.folder.path().join("headwater-data/run.json").exists() {
            if began.elapsed() > START_TIMEOUT || !matches!(server.child.try_wait(), Ok(None)) {
                let log = std::fs::read_to_string(server.folder.path().join("log.txt")).unwrap_or_default();
                bail!("the server does not start: {log}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// Where its HTTP API is.
    pub(crate) fn http(&self) -> Result<String> {
        let run = std::fs::read(self.folder.path().join("headwater-data/run.json")).context("cannot read run.json")?;
        let run: serde_json::Value = serde_json::from_slice(&run).context("run.json is no JSON")?;
        Ok(run["http"].as_str().context("run.json names no place of the HTTP API")?.to_owned())
    }

    /// The files of a bundle.
    pub(crate) fn bundle(&self, app: &str) -> PathBuf {
        self.folder.path().join("headwater-data/credentials").join(app)
    }

    /// A place for files that go with the server.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command of the binary, which reads `input`, to its end.
    pub(super) fn run(&self, arguments: &[&str], input: &str) -> Result<()> {
        self.output(arguments, input).map(drop)
    }

    /// The same: what it prints.
    pub(crate) fn output(&self, arguments: &[&str], input: &str) -> Result<String> {
        let shown = arguments.join(" ");
        let mut command = command(&self.binary, self.folder.path());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot run headwater {shown}"))?;
        // A few lines: the pipe takes them. Whatever ends early tells why.
        let _ = child.stdin.take().context("no input")?.write_all(input.as_bytes());
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("headwater {shown}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        String::from_utf8(output.stdout).with_context(|| format!("headwater {shown} prints no text"))
    }

    /// Writes documents with these numbers as their ids, a transaction each.
    pub(crate) fn write(&self, app: &str, collection: &str, numbers: std::ops::Range<u64>) -> Result<()> {
        let documents: String = numbers.map(|n| format!("{{\"_id\":\"{n}\",\"n\":{n}}}\n")).collect();
        self.run(&["import", collection, "--app", app, "--batch", "1"], &documents)
    }
}

fn command(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HEADWATER_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).stdin(Stdio::null());
    command
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
