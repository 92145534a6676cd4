//! One bash for a whole document: blocks are sourced into it one by one, each with files of its own
//! for what it prints.
//!
//! Invariants: `set -euo pipefail` holds, so the first failure ends it; every wait has a bound;
//! what a document left running ends with the value.

use std::{
    cell::RefCell,
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::support::PATIENCE;

/// A request that is refused is a failure, and its reply ends with a line end, as it would look in
/// a terminal.
const PRELUDE: &str = r#"
set -euo pipefail
curl() {
  case " $* " in
    *" --fail"*) command curl "$@" ;;
    *) command curl --fail-with-body --silent --show-error "$@" && echo ;;
  esac
}
"#;

/// How many times [`PATIENCE`] one block may take: guides have blocks with many steps.
const BLOCK_PATIENCE: u32 = 3;

pub(super) struct Shell {
    child: RefCell<Child>,
    files: tempfile::TempDir,
    blocks: usize,
    /// What the blocks since the last expectation have printed.
    since: Vec<PathBuf>,
    /// What each consumer that stays has printed.
    consumers: Vec<PathBuf>,
}

impl Shell {
    /// A shell in `folder` that finds the binary, and `tools`: names of variables, each with a path
    /// to put in front.
    pub(super) fn start(folder: &Path, tools: &[(&str, PathBuf)]) -> Self {
        let files = tempfile::tempdir().unwrap();
        let mut command = Command::new("bash");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HEADWATER_")) {
            command.env_remove(name);
        }
        let mut path = Path::new(env!("CARGO_BIN_EXE_headwater")).parent().unwrap().display().to_string();
        for (name, tool) in tools {
            match *name {
                "PATH" => path = format!("{path}:{}", tool.display()),
                name => drop(command.env(name, tool)),
            }
        }
        command.env("PATH", format!("{path}:{}", std::env::var("PATH").unwrap())).env("TMPDIR", files.path());
        // A document's server takes free ports, unless the document says which.
        command.env("HEADWATER_HTTP_LISTEN", "127.0.0.1:0").env("HEADWATER_KAFKA_LISTEN", "127.0.0.1:0");
        command.env("KAFKA_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC");
        command.current_dir(folder).process_group(0).stdin(Stdio::piped());
        let log = std::fs::File::create(files.path().join("bash.log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let shell = Self {
            child: RefCell::new(command.spawn().unwrap()),
            files,
            blocks: 0,
            since: Vec::new(),
            consumers: Vec::new(),
        };
        shell.say(PRELUDE);
        shell
    }

    /// Runs a block to its end; panics if it fails.
    pub(super) fn run(&mut self, place: &str, script: &str) {
        let (source, output) = self.prepare(script);
        let done = output.with_extension("done");
        self.say(&format!("{source}; echo > '{}'\n", done.display()));
        self.since.push(output);
        self.wait_until(place, "the block has run", || done.exists());
    }

    /// Starts a block and goes on; a consumer is one that prints what is expected later.
    pub(super) fn leave_running(&mut self, place: &str, script: &str, is_consumer: bool) {
        let (source, output) = self.prepare(script);
        self.say(&format!("{source} &\n"));
        self.wait_until(place, "the block has begun", || output.exists());
        self.consumers.extend(is_consumer.then_some(output));
    }

    /// Waits until each line was printed, by a block that has run or by every consumer; panics if
    /// one can no longer come.
    pub(super) fn has_printed(&mut self, place: &str, expected: &str) {
        let since: Vec<PathBuf> = self.since.drain(..).collect();
        let holds = |file: &PathBuf, line: &str| std::fs::read_to_string(file).unwrap().lines().any(|it| it == line);
        let is_there = |line: &str| {
            let by_consumers = !self.consumers.is_empty() && self.consumers.iter().all(|file| holds(file, line));
            by_consumers || since.iter().any(|file| holds(file, line))
        };
        let began = Instant::now();
        while let Some(line) = expected.lines().find(|line| !is_there(line)) {
            let may_come = !self.consumers.is_empty() && began.elapsed() < PATIENCE;
            assert!(may_come, "{place} shows\n{line}\nbut it did not come:\n{}", self.complaints());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Waits for a condition; panics when the shell has ended or it takes too long.
    pub(super) fn wait_until(&self, place: &str, what: &str, mut holds: impl FnMut() -> bool) {
        let began = Instant::now();
        while !holds() {
            let ended = self.child.borrow_mut().try_wait().unwrap();
            if ended.is_some() || began.elapsed() > BLOCK_PATIENCE * PATIENCE {
                let how = ended.map_or("it takes too long".to_owned(), |status| format!("the shell ended, {status}"));
                panic!("{place}: not yet: {what}; {how}\n{}", self.complaints());
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// A command that sources the script, and the file that gets what it prints.
    fn prepare(&mut self, script: &str) -> (String, PathBuf) {
        self.blocks += 1;
        let source = self.files.path().join(format!("{}.sh", self.blocks));
        std::fs::write(&source, script).unwrap();
        let (output, errors) = (source.with_extension("out"), source.with_extension("err"));
        let (source, out, err) = (source.display(), output.display(), errors.display());
        (format!("source '{source}' < /dev/null > '{out}' 2> '{err}'"), output)
    }

    fn say(&self, line: &str) {
        let mut child = self.child.borrow_mut();
        // A shell that has ended is noticed by whoever waits for it.
        let _ = child.stdin.as_mut().unwrap().write_all(line.as_bytes());
    }

    /// What every block has printed on either side, and the shell itself.
    fn complaints(&self) -> String {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(self.files.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|it| it == "err" || it == "out" || it == "log"));
        files.sort();
        let shown = |file: &PathBuf| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            format!("--- {name}\n{}", std::fs::read_to_string(file).unwrap_or_default())
        };
        files.iter().map(shown).collect()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let mut child = self.child.borrow_mut();
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        let _ = child.wait();
    }
}
