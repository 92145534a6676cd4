//! A running `headwater demo --tasks`.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    real_clients::client::Client,
    support::{command, wait_until},
};

/// The demo with its server. Ends when dropped.
pub(super) struct Demo {
    client: Client,
    /// Where its data is, while it runs.
    pub(super) folder: TempDir,
}

impl Demo {
    /// Starts it with the package in this folder, and waits until it says where the page is.
    pub(super) fn start(package: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut demo = command(folder.path(), &["demo", "--tasks", "--tasks-package", package.to_str().unwrap()]);
        demo.env("TMPDIR", folder.path());
        let client = Client::start(demo);
        client.wait_for_line("In a terminal");
        Self { client, folder }
    }

    /// The page's address, as it is printed.
    pub(super) fn page(&self) -> String {
        let line = self.client.wait_for_line("In a browser");
        line.split_whitespace().last().unwrap().to_owned()
    }

    /// Its server: `http://127.0.0.1:port`.
    pub(super) fn http(&self) -> String {
        self.page().split_once("/tasks/").unwrap().0.to_owned()
    }

    /// Where its server's data is.
    pub(super) fn data_dir(&self) -> PathBuf {
        let mut inside = std::fs::read_dir(self.folder.path()).unwrap();
        inside.next().unwrap().unwrap().path().join("data")
    }

    /// Every event that it has shown.
    pub(super) fn events(&self) -> Vec<Value> {
        let lines = self.client.lines();
        lines.iter().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until it has shown the event of this transaction.
    pub(super) fn wait_for_event(&self, txn: u64) {
        wait_until("the event is shown", || self.events().iter().any(|event| event["txnId"].as_u64() >= Some(txn)));
    }

    /// Ends it by SIGTERM; what it printed.
    pub(super) fn terminate(self) -> (Vec<String>, TempDir) {
        (self.client.terminate(), self.folder)
    }
}
