//! `<data-dir>/run.json`: where the running server is found (docs/operating/running.md).
//!
//! Invariants: it is there, whole, while every listener accepts; a clean stop removes it; one that
//! a kill left is removed before the next server listens.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use store::DataDirUser;

const NAME: &str = "run.json";

/// A running server. The fields stand in the order that is promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunFile {
    /// Its process.
    pub(crate) pid: u32,
    /// Base of its HTTP API, as `http://127.0.0.1:8080`.
    pub(crate) http: String,
    /// The same over TLS.
    pub(crate) https: Option<String>,
    /// What Kafka clients connect to.
    pub(crate) kafka: String,
    /// Its version.
    pub(crate) version: String,
}

impl RunFile {
    /// Writes it whole: a reader sees all of it or none.
    pub(crate) fn write(&self, data_dir: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string(self).expect("strings and numbers are always JSON");
        let (path, fresh) = (path(data_dir), data_dir.join(".run.json.new"));
        let written = fs::write(&fresh, text + "\n").and_then(|()| fs::rename(&fresh, &path));
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    /// When it was written, in ms since the epoch: about when the server was ready.
    pub(crate) fn written_ms(&self, data_dir: &Path) -> Option<u64> {
        let written = fs::metadata(path(data_dir)).ok()?.modified().ok()?;
        u64::try_from(written.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis()).ok()
    }

    /// Removes it; that it is not there is no error.
    pub(crate) fn remove(data_dir: &Path) -> anyhow::Result<()> {
        let path = path(data_dir);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// The server that runs on `data_dir` now. Where there is none, the error says how to start it.
    pub(crate) fn of_running(data_dir: &Path) -> anyhow::Result<Self> {
        let path = path(data_dir);
        let none = |why: &str| {
            let directory = data_dir.display();
            anyhow::anyhow!(
                "no server runs on {directory}{why}; start one with: headwater serve --data-dir {directory}"
            )
        };
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(none("")),
            other => other.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let run: Self =
            serde_json::from_str(&text).with_context(|| format!("{} is no run.json of a server", path.display()))?;
        // A key must not be sent to whoever took a dead server's port.
        let is_running = match store::user_of(data_dir) {
            DataDirUser::Nobody => false,
            DataDirUser::Process(pid) => pid == run.pid,
            DataDirUser::Unknown => is_alive(run.pid),
        };
        if is_running { Ok(run) } else { Err(none(&format!(" (process {} of run.json is gone)", run.pid))) }
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

/// Whether there is such a process.
fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return false };
    !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pid: u32) -> RunFile {
        RunFile {
            pid,
            http: "http://127.0.0.1:1".into(),
            https: None,
            kafka: "localhost:2".into(),
            version: "0.1.0".into(),
        }
    }

    #[test]
    fn its_fields_are_the_contracts() {
        let expected = r#"{"pid":7,"http":"http://127.0.0.1:1","https":null,"kafka":"localhost:2","version":"0.1.0"}"#;
        assert_eq!(serde_json::to_string(&run(7)).unwrap(), expected);
    }

    #[test]
    fn a_running_server_is_found_and_a_dead_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let error = || RunFile::of_running(directory.path()).unwrap_err().to_string();
        assert!(error().contains("no server runs on") && error().contains("headwater serve --data-dir"));
        run(std::process::id()).write(directory.path()).unwrap();
        assert!(error().contains("is gone"), "another process has its number");
        let lock = fs::File::create(directory.path().join("lock")).unwrap();
        assert!(error().contains("is gone"), "nobody holds it");
        lock.lock().unwrap();
        fs::write(directory.path().join("lock"), "1").unwrap();
        assert!(error().contains("is gone"), "another server has it, and is not ready");
        fs::write(directory.path().join("lock"), std::process::id().to_string()).unwrap();
        assert_eq!(RunFile::of_running(directory.path()).unwrap(), run(std::process::id()));
        drop(lock);
        assert!(error().contains("is gone"));
        fs::remove_file(directory.path().join("lock")).unwrap();
        RunFile::remove(directory.path()).unwrap();
        RunFile::remove(directory.path()).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
