//! What sinks know of the server that they run in.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use store::{DataDir, WallClock};

/// The server around the sinks.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its data directory; secrets are kept there.
    pub data_dir: PathBuf,
    /// For waits that are shown, and times of signatures.
    pub clock: Arc<dyn WallClock>,
    /// Another one for each start of each server: tells who has taken a sink over.
    pub run_id: String,
    /// Where the server itself listens: no webhook is sent there.
    pub listeners: Vec<SocketAddr>,
    /// Whether anything is delivered (`--no-sinks`).
    pub delivers: bool,
}

impl Host {
    /// One that listens nowhere, and is told apart by the name of its start only if that is set.
    pub fn of(data: &DataDir) -> Self {
        let (data_dir, clock) = (data.path().to_owned(), data.clock().clone());
        Self { data_dir, clock, run_id: String::new(), listeners: Vec::new(), delivers: true }
    }
}
