//! This test's binary once more, as an app's process that is killed or meets its limits.

use std::{
    env,
    io::{BufRead as _, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use headwater::{Config, Headwater};
use serde_json::json;

const FOLDER: &str = "HEADWATER_TEST_FOLDER";

/// What the app says when it has its folder.
const OPEN: &str = "open";

/// What it says of a write that returned, with its number.
const WRITTEN: &str = "written ";

/// What it says of one that was refused.
const REFUSED: &str = "refused ";

/// Not a test: what [`App`] runs. It writes a document for each line that it reads, or one after the
/// other if it is told `on`.
#[test]
fn app() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let peer = Headwater::open(Config::new(folder)).unwrap();
    let documents = peer.store().collection("t").unwrap();
    println!("\n{OPEN}"); // the harness has begun a line
    let mut number = 0;
    let mut write = || {
        // Incompressible, and of some size.
        let noise: Vec<u64> = (0..100).map(|_| rand_u64()).collect();
        match documents.upsert(json!({"n": number, "noise": noise})) {
            Ok(written) => println!("{WRITTEN}{}", written.id()),
            Err(error) => println!("{REFUSED}{error}"),
        }
        number += 1;
    };
    for line in std::io::stdin().lock().lines() {
        match line.unwrap().as_str() {
            "on" => loop {
                write();
            },
            _ => write(),
        }
    }
}

fn rand_u64() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0)
}

/// A process that writes.
pub(crate) struct App {
    child: Child,
    pub(crate) stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl App {
    /// `shell` is put before the command of the process.
    pub(crate) fn start(folder: &Path, shell: &str) -> Self {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{shell} exec \"$0\" --exact child::app --nocapture"));
        command.arg(env::current_exe().unwrap()).env(FOLDER, folder);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut lines = BufReader::new(stdout).lines();
        assert!(lines.by_ref().map_while(Result::ok).any(|line| line == OPEN), "it opens the folder");
        Self { child, stdin, lines }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What became of the next write: the document's id, or why there is none.
    pub(crate) fn next(&mut self) -> Option<Result<String, String>> {
        self.lines.by_ref().map_while(Result::ok).find_map(|line| {
            let written = line.strip_prefix(WRITTEN).map(|id| Ok(id.to_owned()));
            written.or_else(|| line.strip_prefix(REFUSED).map(|why| Err(why.to_owned())))
        })
    }

    /// As a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
