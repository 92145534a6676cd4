//! The server of transcripts (`sdks/conformance`), for a driver that runs.
//!
//! Invariant: it ends when it is dropped.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::build;

/// A server that listens.
pub(super) struct Transcripts {
    process: Child,
    pub(super) url: String,
}

impl Transcripts {
    /// Builds and starts it.
    pub(super) fn start(root: &Path) -> Result<Self> {
        build::package(root, "the server of transcripts", "conformance")?;
        let mut serve = Command::new(build::folder(root).join("conformance"));
        serve.arg("serve").stdin(Stdio::null()).stdout(Stdio::piped());
        let process = serve.spawn().context("cannot start the server of transcripts")?;
        let mut server = Self { process, url: String::new() };
        let said = server.process.stdout.take().context("the server of transcripts has no output")?;
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        ensure!(line.starts_with("http://"), "the server of transcripts says {line:?}");
        line.trim().clone_into(&mut server.url);
        Ok(server)
    }
}

impl Drop for Transcripts {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
