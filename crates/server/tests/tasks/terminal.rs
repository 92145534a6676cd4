//! The terminal's app, driven by lines as from a pipe.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
};

use crate::support::PATIENCE;

/// A running app. Killed when dropped.
pub(super) struct Terminal {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    asked: usize,
}

impl Terminal {
    /// Starts it, as the command says.
    pub(super) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        // When it is full the app waits until its lines are read.
        let (sender, lines) = sync_channel(64);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, input, lines, asked: 0 }
    }

    /// Types a line, and gives what is printed until it is done.
    #[track_caller]
    pub(super) fn ask(&mut self, line: &str) -> Vec<String> {
        // What the app says to a word that it does not know comes after the answer.
        self.asked += 1;
        let word = format!("end-of-answer-{}", self.asked);
        self.input.write_all(format!("{line}\n{word}\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        loop {
            let next = self.lines.recv_timeout(PATIENCE);
            let next = next.unwrap_or_else(|error| panic!("{line}: {error} after {answer:?}"));
            if next.contains(&word) {
                return answer;
            }
            answer.push(next);
        }
    }

    /// kill -9.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
