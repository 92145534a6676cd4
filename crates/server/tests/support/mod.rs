//! Runs the real binary: servers on free ports in directories of their own, and commands to their
//! end.
//!
//! Invariants: nothing outlives its test; nothing of the tester's environment reaches a server;
//! every wait has a bound.

pub(crate) mod browser;
pub(crate) mod disk;
pub(crate) mod javascript;
pub(crate) mod raw_peer;
mod webdriver;
pub(crate) mod wire;

use std::{
    io::{Read, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Everything that is waited for happens within this, also on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a command left.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// The binary with these arguments, in `directory`, without any `HEADWATER_…` of the tester.
pub(crate) fn command(directory: &Path, arguments: &[&str]) -> Command {
    command_under(&[], directory, arguments)
}

/// The same, run by another program.
pub(crate) fn command_under(wrapper: &[&str], directory: &Path, arguments: &[&str]) -> Command {
    let mut words = wrapper.iter().copied().chain([env!("CARGO_BIN_EXE_headwater")]);
    let mut command = Command::new(words.next().expect("there is the binary at least"));
    command.args(words);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HEADWATER_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn run(directory: &Path, arguments: &[&str]) -> Finished {
    finish(command(directory, arguments))
}

/// Runs a command to its end, within [`PATIENCE`].
pub(crate) fn finish(mut command: Command) -> Finished {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    Running::new(child).finish()
}

/// A process whose output is collected while it runs. Killed when dropped.
#[derive(Debug)]
struct Running {
    child: Child,
    stdout: Collected,
    stderr: Collected,
}

#[derive(Debug)]
struct Collected {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Collected {
    fn of(mut from: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let shared = text.clone();
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = from.read(&mut bytes) {
                shared.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn so_far(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.so_far()
    }
}

impl Running {
    fn new(mut child: Child) -> Self {
        let stdout = Collected::of(child.stdout.take().unwrap());
        let stderr = Collected::of(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn finish(mut self) -> Finished {
        let mut status = None;
        wait_until("the process ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        Finished { status: status.unwrap(), stdout: self.stdout.all(), stderr: self.stderr.all() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command while it runs.
#[derive(Debug)]
pub(crate) struct StartedCommand {
    input: Option<ChildStdin>,
    running: Running,
}

impl StartedCommand {
    /// Writes to its stdin, as it takes it.
    pub(crate) fn write_input(&mut self, bytes: &[u8]) {
        // One that has ended takes nothing; what it left tells why.
        let _ = self.input.as_mut().expect("its input is open").write_all(bytes);
    }

    /// What it has said so far.
    pub(crate) fn stderr(&self) -> String {
        self.running.stderr.so_far()
    }

    /// kill -9.
    pub(crate) fn kill(self) -> Finished {
        self.running.signal(Signal::KILL);
        self.running.finish()
    }

    /// Closes its stdin and waits for its end.
    pub(crate) fn finish(mut self) -> Finished {
        self.input = None;
        self.running.finish()
    }
}

/// A server on free ports of loopback.
#[derive(Debug)]
pub(crate) struct TestServer {
    running: Running,
    directory: Arc<TempDir>,
    /// `run.json` as the server wrote it.
    pub(crate) run: Value,
}

impl TestServer {
    /// Starts in a fresh directory, and waits until every listener accepts.
    pub(crate) fn start() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), &[])
    }

    /// Starts on the data in `directory` with more arguments, which may say other addresses. A
    /// start that fails panics with what the server said.
    pub(crate) fn start_in(directory: Arc<TempDir>, arguments: &[&str]) -> Self {
        let mut all = vec!["serve"];
        for listen in ["--http-listen", "--kafka-listen"] {
            if !arguments.contains(&listen) {
                all.extend([listen, "127.0.0.1:0"]);
            }
        }
        all.extend(arguments);
        let mut command = command(directory.path(), &all);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let mut running = Running::new(child);
        let path = directory.path().join("headwater-data/run.json");
        let mut run = Value::Null;
        wait_until("run.json is written", || {
            if let Some(status) = running.child.try_wait().unwrap() {
                panic!("the server ended with {status}: {}", running.stderr.all());
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            run = serde_json::from_str(&text).unwrap_or_default();
            run["pid"] == running.child.id()
        });
        Self { running, directory, run }
    }

    /// Its working directory; the data is in `headwater-data` there.
    pub(crate) fn directory(&self) -> Arc<TempDir> {
        self.directory.clone()
    }

    /// Its data directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("headwater-data")
    }

    /// What it has printed so far.
    pub(crate) fn stdout(&self) -> String {
        self.running.stdout.so_far()
    }

    /// What it has logged so far.
    pub(crate) fn stderr(&self) -> String {
        self.running.stderr.so_far()
    }

    /// Runs a command in its directory, so that the command finds it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        run(self.directory.path(), arguments)
    }

    /// Runs a command in its directory, which reads `input`.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Finished {
        let mut started = self.start_command(arguments);
        started.write_input(input);
        started.finish()
    }

    /// Starts a command in its directory, which reads what is written to it.
    pub(crate) fn start_command(&self, arguments: &[&str]) -> StartedCommand {
        let mut command = command(self.directory.path(), arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        StartedCommand { input: child.stdin.take(), running: Running::new(child) }
    }

    /// Asks `path` of its HTTP API; the status and the reply's JSON.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let mut reply = Self::agent().get(self.url(path)).call().unwrap();
        let text = reply.body_mut().read_to_string().unwrap();
        (reply.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.run["http"].as_str().unwrap())
    }

    fn agent() -> ureq::Agent {
        let config = ureq::Agent::config_builder().proxy(None).http_status_as_error(false);
        config.timeout_global(Some(PATIENCE)).build().new_agent()
    }

    /// Posts JSON to `path` of its HTTP API; the status and the reply's JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.post_with_key(path, body, None)
    }

    /// The same with an API key.
    pub(crate) fn post_with_key(&self, path: &str, body: &Value, key: Option<&str>) -> (u16, Value) {
        let mut request = Self::agent().post(self.url(path)).content_type("application/json");
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let mut reply = request.send(body.to_string()).unwrap();
        let text = reply.body_mut().read_to_string().unwrap();
        (reply.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Uploads an attachment; the status and the reply's JSON.
    pub(crate) fn upload(&self, content: &[u8]) -> (u16, Value) {
        let head = b"--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n";
        let form = [head, content, b"\r\n--b--\r\n"].concat();
        let request = Self::agent().post(self.url("/api/v4/attachments/upload"));
        let mut reply = request.content_type("multipart/form-data; boundary=b").send(&form[..]).unwrap();
        let text = reply.body_mut().read_to_string().unwrap();
        (reply.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Fetches `path`; the status and the reply's bytes.
    pub(crate) fn fetch(&self, path: &str) -> (u16, Vec<u8>) {
        let mut reply = Self::agent().get(self.url(path)).call().unwrap();
        (reply.status().as_u16(), reply.body_mut().read_to_vec().unwrap())
    }

    /// Sends a signal and goes on.
    pub(crate) fn signal(&self, signal: Signal) {
        self.running.signal(signal);
    }

    /// Waits for its end, and what it left.
    pub(crate) fn finish(self) -> Finished {
        self.running.finish()
    }

    /// SIGTERM, and what it left.
    pub(crate) fn terminate(self) -> Finished {
        self.end_by(Signal::TERM)
    }

    /// kill -9.
    pub(crate) fn kill(self) -> Finished {
        self.end_by(Signal::KILL)
    }

    /// Ends by a signal, and what it left.
    pub(crate) fn end_by(self, signal: Signal) -> Finished {
        self.running.signal(signal);
        self.running.finish()
    }
}

/// Waits for a condition; panics after [`PATIENCE`].
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} and not yet: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The one line on stderr that an error is.
#[track_caller]
pub(crate) fn only_line(stderr: &str) -> &str {
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 1, "one line was expected: {stderr}");
    lines[0]
}
