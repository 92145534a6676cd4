//! The data directory: its lock, its layout, and the apps in it.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
    time::Instant,
};

use crate::{App, AppName, app::STOP_TIMEOUT, journal::segment::SegmentError};

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
    /// Sealed segments are trimmed, the oldest first, while the journal keeps at least this without them. `None` keeps all.
    pub retention_bytes: Option<u64>,
    /// A sealed segment is trimmed when its newest event is older than this, in ms. `None` keeps all.
    pub retention_ms: Option<u64>,
    /// A tombstone whose event was trimmed is dropped when the removal is older than this, in ms. `None` keeps all for ever.
    pub tombstone_retention_ms: Option<u64>,
    /// Memory for the document engine's block cache, in bytes.
    pub cache_bytes: u64,
    /// Threads that write the document engine's tables, for each app. 2 by default: one is left for new tables while old ones are merged.
    pub engine_threads: usize,
    /// Free disk space below which writes are refused, in bytes; on a small file system an eighth of it.
    pub disk_reserve_bytes: u64,
    /// The largest event; a larger one becomes a `requeryRequired` in its place. 1 MiB by default, Kafka's own limit.
    pub event_bytes_max: u32,
    /// Keeps the documents there instead of in files; the journal stays in files. For directories of one app.
    #[cfg(feature = "memory")]
    pub memory: Option<crate::MemoryDisk>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            retention_bytes: None,
            retention_ms: None,
            tombstone_retention_ms: None,
            cache_bytes: 32 << 20,
            engine_threads: 2,
            disk_reserve_bytes: 256 << 20,
            event_bytes_max: 1 << 20,
            #[cfg(feature = "memory")]
            memory: None,
        }
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
    /// The documents know of a journal, and there is none.
    #[error(
        "the journal {path} is missing: the documents know {applied_frames} frames of it; is a volume not mounted?"
    )]
    JournalMissing {
        /// Where it should be.
        path: PathBuf,
        /// What the documents have seen of it.
        applied_frames: u64,
    },
    /// The documents are not of the journal beside them.
    #[error("the documents in {path} are of another app's journal, or of another life of this one")]
    OtherInstance {
        /// Their directory.
        path: PathBuf,
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
pub struct DataDir {
    path: PathBuf,
    options: StoreOptions,
    clock: Arc<dyn WallClock>,
    random: fn() -> [u8; 16],
    apps: RwLock<BTreeMap<String, Arc<App>>>,
    /// Held for its lock.
    _lock: File,
}

impl DataDir {
    /// Opens `path` (created 0700 if missing) and every app in it; cuts torn tails and replays what the documents lack.
    /// `random` gives fresh random bytes for instance and site ids.
    pub fn open(
        path: &Path,
        options: StoreOptions,
        clock: Arc<dyn WallClock>,
        random: fn() -> [u8; 16],
    ) -> Result<Arc<Self>, OpenError> {
        let lock = lock(path)?;
        let io = |act, path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { act, path, source }
        };
        let apps_dir = path.join("apps");
        files::ensure_directory(&apps_dir).map_err(io("cannot create", &apps_dir))?;
        let mut apps = BTreeMap::new();
        for entry in std::fs::read_dir(&apps_dir).map_err(io("cannot list", &apps_dir))? {
            let dir = entry.map_err(io("cannot list", &apps_dir))?.path();
            let Some(name) = dir.file_name().and_then(|n| n.to_str()).and_then(|n| AppName::new(n).ok()) else {
                tracing::warn!(path = %dir.display(), "not an app's directory; left alone");
                continue;
            };
            let app = App::open(&dir, name.clone(), &options, clock.clone(), random)?;
            apps.insert(name.as_str().to_owned(), Arc::new(app));
        }
        Ok(Arc::new(Self { path: path.to_owned(), options, clock, random, apps: RwLock::new(apps), _lock: lock }))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The app of that name.
    pub fn app(&self, name: &str) -> Option<Arc<App>> {
        self.apps.read().expect("not poisoned").get(name).cloned()
    }

    /// Every app, sorted by name.
    pub fn apps(&self) -> Vec<Arc<App>> {
        self.apps.read().expect("not poisoned").values().cloned().collect()
    }

    /// Makes an app. Blocks on disk.
    pub fn create_app(&self, name: &AppName) -> Result<Arc<App>, CreateAppError> {
        let mut apps = self.apps.write().expect("not poisoned");
        if apps.contains_key(name.as_str()) {
            return Err(CreateAppError::Exists(name.as_str().to_owned()));
        }
        let dir = self.path.join("apps").join(name.as_str());
        files::ensure_directory(&dir).map_err(|source| OpenError::Io {
            act: "cannot create",
            path: dir.clone(),
            source,
        })?;
        let app = Arc::new(App::open(&dir, name.clone(), &self.options, self.clock.clone(), self.random)?);
        apps.insert(name.as_str().to_owned(), app.clone());
        Ok(app)
    }

    /// Finishes queued writes, stops the sequencers, and writes the documents out so that the next start replays nothing.
    pub fn stop(&self) {
        let deadline = Instant::now() + STOP_TIMEOUT;
        self.apps().iter().for_each(|app| app.stop(deadline));
    }
}

/// Takes the directory for this process, making it if it is missing.
pub(crate) fn lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = path.join("lock");
    let io = |act, path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { act, path, source }
    };
    files::ensure_directory(path).map_err(io("cannot create", path))?;
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock_path);
    let mut file = open.map_err(io("cannot open", &lock_path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let pid = file.read_to_string(&mut pid).ok().and_then(|_| pid.trim().parse().ok());
            return Err(OpenError::Locked { path: path.to_owned(), pid });
        }
        Err(TryLockError::Error(source)) => return Err(io("cannot lock", &lock_path)(source)),
    }
    let noted = file.set_len(0).and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
    noted.map_err(io("cannot write", &lock_path))?;
    Ok(file)
}

impl From<SegmentError> for OpenError {
    fn from(error: SegmentError) -> Self {
        match error {
            SegmentError::Io { act, path, source } => Self::Io { act, path, source },
            SegmentError::Damaged { path, at, message } => Self::Damaged { path, at, message },
            SegmentError::NewerFormat { path, found } => {
                Self::NewerFormat { path, found, known: crate::journal::segment::VERSION }
            }
        }
    }
}
