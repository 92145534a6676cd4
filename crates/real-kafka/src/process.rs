//! A process with its output in a file, that is killed when nobody holds it any more.

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
        Self { child, output }
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
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
