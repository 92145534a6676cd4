//! The demo's small peer: it writes while its sync is off, and connects.
//!
//! Every call of the SDK blocks, so the peer has a thread of its own here.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use headwater_sdk::{Change, Config, Headwater, Written};
use serde_json::json;

const ID: &str = "0a3fd1b0c1de4f2e9a7b5c33";

/// The writes of the peer, as the screen shows them.
pub(super) const WRITES: [&str; 2] =
    [r#"people.upsert({"_id": "0a3f…", "name": "Ada", "age": 36})"#, r#"people.update("0a3f…", set age = 37)"#];

/// A peer with writes that no server has.
pub(super) struct OfflinePeer {
    peer: Headwater,
    written: Vec<Written>,
    /// How long its writes took, until they were on its disk.
    pub(super) took: Duration,
    /// How many transactions the server knows nothing of.
    pub(super) pending: usize,
}

/// What came of the peer's writes.
#[derive(Debug)]
pub(super) struct Synced {
    /// The transactions that they became.
    pub(super) txn_ids: Vec<u64>,
    /// How long that took since sync was started.
    pub(super) took: Duration,
}

impl OfflinePeer {
    /// Opens a peer in a folder and writes, with its sync off.
    pub(super) async fn write(folder: &Path, http: &str, app: &str) -> anyhow::Result<Self> {
        let config = Config::new(folder).server(http).app(app);
        blocking(move || {
            let peer = Headwater::open(config)?;
            let people = peer.store().collection("people")?;
            let begun = Instant::now();
            let written = vec![
                people.upsert(json!({"_id": ID, "name": "Ada", "age": 36}))?,
                people.update(ID, [Change::set("age", 37)])?,
            ];
            let took = begun.elapsed();
            let pending = peer.sync().pending()?;
            Ok(Self { peer, written, took, pending })
        })
        .await
    }

    /// Starts its sync and waits until the server has its writes.
    pub(super) async fn sync(self, timeout: Duration) -> anyhow::Result<Synced> {
        blocking(move || {
            let begun = Instant::now();
            self.peer.start_sync()?;
            let mut txn_ids = Vec::new();
            for written in &self.written {
                txn_ids.extend(written.committed(timeout)?);
            }
            let took = begun.elapsed();
            self.peer.close();
            Ok(Synced { txn_ids, took })
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, headwater_sdk::Error> + Send + 'static,
) -> anyhow::Result<T> {
    let called = tokio::task::spawn_blocking(call).await.context("the peer broke off")?;
    called.context("the small peer failed")
}
