//! The data directory: its lock, its layout, and the apps in it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{App, AppName};

/// Where the time comes from; only the binary reads the machine's clock.
pub trait WallClock: Send + Sync + std::fmt::Debug + 'static {
    /// Milliseconds since the epoch. May jump either way.
    fn now_ms(&self) -> u64;
}

/// How a store is run.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// A segment of the journal is sealed when it reaches this, in bytes. At least 64 KiB; 64 MiB by default.
    pub segment_bytes: u64,
    /// Memory for the document engine's block cache, in bytes.
    pub cache_bytes: u64,
    /// Free disk space below which writes are refused, in bytes.
    pub disk_reserve_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, cache_bytes: 32 << 20, disk_reserve_bytes: 256 << 20 }
    }
}

/// Why a data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server has it.
    #[error("{path} is in use by another server{}", pid.map(|p| format!(" (pid {p})")).unwrap_or_default())]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Who, if it says.
        pid: Option<u32>,
    },
    /// A file cannot be read or written.
    #[error("{act} {path}: {source}")]
    Io {
        /// What was tried, as in "cannot create".
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The journal is damaged before its end.
    #[error("the journal is damaged: {path} at byte {at}: {message}")]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where in it.
        at: u64,
        /// What is wrong.
        message: String,
    },
    /// The document engine cannot be opened.
    #[error("the documents in {path} cannot be opened: {message}")]
    Engine {
        /// Its directory.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// Written by a newer version.
    #[error("{path} has format {found}; this version reads up to {known}")]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest we know.
        known: u32,
    },
}

/// Why an app cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateAppError {
    /// There is one of that name.
    #[error("there is an app {0:?} already")]
    Exists(String),
    /// Its files cannot be made.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// An opened data directory; locked until dropped.
#[derive(Debug)]
pub struct DataDir {}

impl DataDir {
    /// Opens `path` (created 0700 if missing) and every app in it; cuts torn tails and replays what the documents lack.
    /// `random` gives fresh random bytes for instance and site ids.
    pub fn open(
        _path: &Path,
        _options: StoreOptions,
        _clock: Arc<dyn WallClock>,
        _random: fn() -> [u8; 16],
    ) -> Result<Arc<Self>, OpenError> {
        todo!()
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        todo!()
    }

    /// The app of that name.
    pub fn app(&self, _name: &str) -> Option<Arc<App>> {
        todo!()
    }

    /// Every app, sorted by name.
    pub fn apps(&self) -> Vec<Arc<App>> {
        todo!()
    }

    /// Makes an app.
    pub fn create_app(&self, _name: &AppName) -> Result<Arc<App>, CreateAppError> {
        todo!()
    }

    /// Finishes queued writes, stops the sequencers, and syncs the documents so that the next start replays nothing.
    pub fn stop(&self) {
        todo!()
    }
}
