//! A server in a process of its own, which is this program with another environment: to be killed and frozen.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use wire::admin::SinkState;

use super::server::{Server, until, write};

/// Set: this process is that server. Its data directory, the run, its sink, and how many bytes a document has
/// that it writes (0: it writes none), a line each.
const AS_CHILD: &str = "HEADWATER_TEST_SINK_CHILD";

/// The server: killed when it is dropped.
pub(crate) struct ChildServer {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl ChildServer {
    pub(crate) fn start(dir: &Path, run_id: &str, sink: &str, filler: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["child::the_server", "--exact", "--nocapture"]);
        command.env(AS_CHILD, format!("{}\n{run_id}\n{sink}\n{filler}", dir.display()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Until it says a line that begins so; the rest of it.
    pub(crate) fn until_says(&mut self, begin: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "the child ended before it said {begin:?}");
            if let Some(rest) = line.strip_prefix(begin) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Has it write one document more.
    pub(crate) fn write(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"write\n").unwrap();
    }

    /// `KILL`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for ChildServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The process; without that environment there is nothing to do.
#[test]
fn the_server() {
    let Ok(told) = std::env::var(AS_CHILD) else { return };
    let told: Vec<_> = told.lines().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(serve(Path::new(told[0]), told[1], told[2], told[3].parse().unwrap()));
}

#[expect(clippy::print_stdout, reason = "so it talks to its parent")]
async fn serve(dir: &Path, run_id: &str, sink: &str, filler: usize) {
    let server = Server::open(dir, run_id).await;
    if filler > 0 {
        for writer in 0..4 {
            let topics = server.topics.clone();
            tokio::spawn(async move {
                for n in (0..).map(|n| n % 50) {
                    write(&topics, &format!("{writer}-{n}"), filler).await;
                }
            });
        }
    }
    let (topics, runtime) = (server.topics.clone(), tokio::runtime::Handle::current());
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            runtime.block_on(write(&topics, &line, 10));
        }
    });
    let state = || server.shown(sink).state;
    until(state, |it| *it == SinkState::Running).await;
    println!("\ndelivers");
    loop {
        if state() == SinkState::Failed {
            println!("\nfailed {:?}", server.shown(sink).reason);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
