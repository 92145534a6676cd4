//! A process with its output in a file, that is killed when nobody holds it any more: when its value
//! is dropped, and when the process that holds it ends in whatever way. For that a shell waits at a
//! pipe which closes with its holder.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The process that runs, and its output.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    watcher: Child,
    output: PathBuf,
}

impl Running {
    /// Starts `command`, with its output in a file of `folder`.
    pub(crate) fn start(command: &mut Command, folder: &Path) -> Self {
        let output = folder.join("output.txt");
        let file = File::create(&output).expect("a file for output");
        let errors = file.try_clone().expect("a second handle");
        // A group of its own: a Ctrl-C at the terminal reaches who waits for the broker first.
        command.stdin(Stdio::null()).stdout(file).stderr(errors).process_group(0);
        let child = command.spawn().expect("java is there: run cargo xtask tools");
        let mut watcher = Command::new("sh");
        watcher.args(["-c", &format!("cat >/dev/null; kill -9 {}", child.id())]);
        watcher.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let watcher = watcher.spawn().expect("sh is there");
        Self { child, watcher, output }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    pub(crate) fn kill(&mut self) {
        // The watcher first: later the number may be another process's.
        for process in [&mut self.watcher, &mut self.child] {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_process_ends_with_its_holders_end_of_the_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let mut running = Running::start(Command::new("sleep").arg("600"), folder.path());
        assert!(!running.has_ended());
        drop(running.watcher.stdin.take()); // as the system does it when the holder is killed
        let latest = Instant::now() + Duration::from_secs(30);
        while !running.has_ended() {
            assert!(Instant::now() < latest, "the process outlives its holder");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
