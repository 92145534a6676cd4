//! A client's process: its lines as they come, and its end.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::support::{PATIENCE, wait_until};

/// A running client. It leads a process group, so that a script and the JVM below it end together. Killed when dropped.
pub(crate) struct Client {
    child: Child,
    stdout: Arc<Lines>,
    stderr: Arc<Lines>,
}

#[derive(Default)]
struct Lines {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl Lines {
    fn of(from: impl Read + Send + 'static) -> Arc<Self> {
        let lines = Arc::new(Lines::default());
        let shared = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
                shared.lines.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
                shared.more.notify_all();
            }
        });
        lines
    }

    fn so_far(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits until there are `count` lines, for `patience` at most; all lines there are then.
    fn wait(&self, count: usize, patience: Duration) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        let (lines, _) = self.more.wait_timeout_while(lines, patience, |lines| lines.len() < count).unwrap();
        lines.clone()
    }
}

impl Client {
    pub(crate) fn start(command: Command) -> Self {
        Self::start_with(command, Stdio::null())
    }

    /// One that ends when its input does: with this, and with the tests' process too if that is killed.
    pub(crate) fn start_held(command: Command) -> Self {
        Self::start_with(command, Stdio::piped())
    }

    fn start_with(mut command: Command, input: Stdio) -> Self {
        command.process_group(0).stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}; cargo xtask test installs the clients"));
        let (stdout, stderr) = (Lines::of(child.stdout.take().unwrap()), Lines::of(child.stderr.take().unwrap()));
        Self { child, stdout, stderr }
    }

    /// The lines it has printed so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.stdout.so_far()
    }

    /// Those that it has printed behind the first `seen`.
    pub(crate) fn lines_behind(&self, seen: usize) -> Vec<String> {
        self.stdout.lines.lock().unwrap()[seen..].to_vec()
    }

    /// What it has complained of so far.
    pub(crate) fn complaints(&self) -> String {
        self.stderr.so_far().join("\n")
    }

    /// Waits until it has printed `count` lines; panics when they do not come.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) -> Vec<String> {
        let lines = self.stdout.wait(count, PATIENCE);
        let complaints = self.complaints();
        assert!(lines.len() >= count, "{} of {count} lines came: {lines:#?}\nand it said: {complaints}", lines.len());
        lines
    }

    /// Waits until it has printed an event, for `patience` at most; whether it did.
    pub(crate) fn has_event(&self, patience: Duration) -> bool {
        let began = Instant::now();
        let mut seen = 0;
        loop {
            let lines = self.stdout.wait(seen + 1, patience.saturating_sub(began.elapsed()));
            if lines.iter().any(|line| line.starts_with('{')) {
                return true;
            } else if lines.len() == seen {
                return false;
            }
            seen = lines.len();
        }
    }

    /// Waits until it printed a line that holds `part`, and gives the line.
    #[track_caller]
    pub(crate) fn wait_for_line(&self, part: &str) -> String {
        let began = Instant::now();
        let mut seen = 0;
        loop {
            let lines = self.stdout.wait(seen + 1, PATIENCE.saturating_sub(began.elapsed()));
            if let Some(line) = lines.iter().skip(seen).find(|line| line.contains(part)) {
                return line.clone();
            }
            assert!(lines.len() > seen, "no line with {part:?} came: {lines:#?}\nand it said: {}", self.complaints());
            seen = lines.len();
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it as Ctrl-C or an operator would, and waits for its end; its lines.
    pub(crate) fn terminate(mut self) -> Vec<String> {
        self.signal(Signal::TERM);
        self.wait();
        self.lines()
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the client ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        // Its pipes are drained by the readers' threads; they see the end soon after it.
        wait_until("the client's output is read", || Arc::strong_count(&self.stdout) == 1);
        status.unwrap()
    }

    fn signal(&self, signal: Signal) {
        // The group may have ended already.
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}
