//! One test for all languages: the page's snippet writes where no server is, and is killed; another process of the
//! language syncs its folder; the page's own script, with the page's Kafka, prints the event.
//!
//! Invariant: nothing but the snippets writes what is looked for.
//! Not here: the programs, which are examples of each SDK.

use std::{
    collections::HashMap,
    ffi::OsStr,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::languages::Ran;
use crate::{build, compat::Server, step};

/// How long anything may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Lines of a process that wait to be read.
const LINES_MAX: usize = 1024;

/// Where no server is: discard, where nothing listens.
const NOBODY: &str = "http://127.0.0.1:9";

/// The group of the page's script begins at the end: that it reads is seen by what it shows of these.
const WARM_UP: &str = "warmUp";

pub(super) fn test(root: &Path, tools: &Path, ran: &mut [(&str, Ran)]) -> Result<()> {
    build::package(root, "the server", "server")?;
    step::say("the page's snippet in all languages, and the page's script");
    let began = Instant::now();
    let folders = tempfile::tempdir().context("cannot make a folder")?;
    let folder = |name: &str| folders.path().join(name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-"));
    let mut ids = HashMap::new();
    for (name, ran) in ran.iter_mut() {
        let id =
            write_and_kill(&mut ran.page, &folder(name)).with_context(|| format!("the page's snippet in {name}"))?;
        ids.insert(*name, id);
    }
    let server = Server::start(root)?;
    let url = server.http()?;
    let mut script = PagesScript::start(&server, tools)?;
    script.wait_until_it_reads(&server)?;
    for (name, ran) in ran.iter_mut() {
        let txn =
            flush(&mut ran.flush, &folder(name), &url).with_context(|| format!("sync of the snippet in {name}"))?;
        let id = &ids[name];
        let event = format!(
            r#"{{"txnId":{txn},"type":"documentChanged","collection":"people","change":{{"method":"upsert","oldValue":null,"newValue":{{"_id":"{id}","age":31,"name":"Susan"}}}}}}"#
        );
        let printed = script.line_with(&format!(r#"{{"txnId":{txn},"#))?;
        ensure!(printed == event, "the page's script prints {printed} of the snippet in {name}, and not {event}");
    }
    eprintln!("    {} languages: done in {:.1} s", ran.len(), began.elapsed().as_secs_f32());
    Ok(())
}

/// Lets the snippet write, and kills it: the id that it printed.
fn write_and_kill(page: &mut Command, folder: &Path) -> Result<String> {
    page.args([folder.as_os_str(), OsStr::new(NOBODY)]);
    let mut page = Killed(page.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot be run")?);
    let lines = lines(&mut page.0)?;
    let id = lines.recv_timeout(PATIENCE).context("it prints no id")?;
    ensure!(!id.is_empty() && !id.contains(['"', '{', ' ']), "{id:?} is no id");
    Ok(id)
}

/// Lets a new process sync the folder: the transaction that it printed.
fn flush(flush: &mut Command, folder: &Path, url: &str) -> Result<u64> {
    flush.args([folder.as_os_str(), OsStr::new(url)]);
    let mut flush = Killed(flush.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot be run")?);
    let lines = lines(&mut flush.0)?;
    let txn = lines.recv_timeout(PATIENCE).context("it prints no transaction")?;
    // It ends by itself, and has nothing more to say.
    let end = lines.recv_timeout(PATIENCE);
    ensure!(matches!(end, Err(RecvTimeoutError::Disconnected)), "it does not end: {end:?}");
    ensure!(flush.0.wait()?.success(), "it failed after it printed {txn}");
    txn.parse().with_context(|| format!("{txn:?} is no transaction"))
}

/// The page's script as the server fills it in.
struct PagesScript {
    _running: Killed,
    lines: Receiver<String>,
}

impl PagesScript {
    fn start(server: &Server, tools: &Path) -> Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let mut script = Command::new("bash");
        script.arg(server.bundle("default").join("consume.sh")).env("KAFKA", tools.join("kafka_2.13-3.1.0"));
        script.env("KAFKA_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC");
        script.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut running = Killed(script.spawn().context("cannot run the page's script")?);
        let lines = lines(&mut running.0)?;
        Ok(Self { _running: running, lines })
    }

    fn wait_until_it_reads(&mut self, server: &Server) -> Result<()> {
        let began = Instant::now();
        for number in 0.. {
            server.write("default", WARM_UP, number..number + 1)?;
            if self.lines.recv_timeout(Duration::from_millis(250)).is_ok() {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "the page's script shows nothing");
        }
        Ok(())
    }

    /// The next line that has this in it.
    fn line_with(&mut self, part: &str) -> Result<String> {
        let began = Instant::now();
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE.saturating_sub(began.elapsed())) else {
                bail!("the page's script does not print {part}…");
            };
            if line.contains(part) {
                return Ok(line);
            }
        }
    }
}

/// The lines that a process prints, as they come.
pub(super) fn lines(process: &mut Child) -> Result<Receiver<String>> {
    let output = BufReader::new(process.stdout.take().context("no output")?);
    // What nobody has read yet; a process that prints more than this waits.
    let (sender, receiver) = sync_channel(LINES_MAX);
    std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    Ok(receiver)
}

/// A process, or a group of them, that is killed when this is dropped.
pub(super) struct Killed(pub(super) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        // Only one that leads a group has what it started killed with it.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
