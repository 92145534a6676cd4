//! How a store is run, and where its time comes from.

/// Where the time comes from; only the binary reads the machine's clock.
pub trait WallClock: Send + Sync + std::fmt::Debug + 'static {
    /// Milliseconds since the epoch. May jump either way.
    fn now_ms(&self) -> u64;

    /// Milliseconds since some moment, such as the machine's start, on a clock that never jumps and
    /// counts sleep. By default the wall clock itself: one that never jumps, whatever it says.
    fn boot_ms(&self) -> u64 {
        self.now_ms()
    }
}

/// How a store is run.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// A segment of the journal is sealed when it reaches this, in bytes. At least 64 KiB; 64 MiB
    /// by default.
    pub segment_bytes: u64,
    /// Sealed segments are trimmed, the oldest first, while the journal keeps at least this without
    /// them. `None` keeps all.
    pub retention_bytes: Option<u64>,
    /// A sealed segment is trimmed when its newest event is older than this, in ms. `None` keeps
    /// all.
    pub retention_ms: Option<u64>,
    /// A tombstone whose event was trimmed is dropped when the removal is older than this, in ms.
    /// `None` keeps all for ever.
    pub tombstone_retention_ms: Option<u64>,
    /// Memory for the document engine's block cache, in bytes.
    pub cache_bytes: u64,
    /// Threads that write the document engine's tables, for each app. 2 by default: one is left for
    /// new tables while old ones are merged.
    pub engine_threads: usize,
    /// Free disk space below which writes are refused, in bytes; on a small file system an eighth
    /// of it.
    pub disk_reserve_bytes: u64,
    /// The largest event; a larger one becomes a `requeryRequired` in its place. 1 MiB by default,
    /// Kafka's own limit.
    pub event_bytes_max: u32,
    /// Takes the machine's clock as it is when the directory is opened, however far it is from the
    /// time that was noted last.
    pub accept_clock: bool,
    /// Where the newest transactions are noted, to find out an older copy that was put back; `None`: in
    /// the data directory, which finds out one of an app's folder only.
    pub newest_note: Option<std::path::PathBuf>,
    /// An app that is opened begins another incarnation with this number, as a restore would.
    #[cfg(feature = "memory")]
    pub fork: Option<[u8; 16]>,
    /// Keeps the documents there instead of in files; the journal stays in files. For directories
    /// of one app.
    #[cfg(feature = "memory")]
    pub memory: Option<key_values::MemoryDisk>,
    /// Builds indexes document by document, so that a crash may come between any two.
    #[cfg(feature = "memory")]
    pub builds_slowly: bool,
    /// Retention has no thread: it looks when [`crate::App::trim_now`] is called, and then only.
    #[cfg(feature = "memory")]
    pub trims_when_told: bool,
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
            accept_clock: false,
            newest_note: None,
            #[cfg(feature = "memory")]
            fork: None,
            #[cfg(feature = "memory")]
            memory: None,
            #[cfg(feature = "memory")]
            builds_slowly: false,
            #[cfg(feature = "memory")]
            trims_when_told: false,
        }
    }
}

impl StoreOptions {
    #[cfg(feature = "memory")]
    pub(crate) fn has_no_retention_thread(&self) -> bool {
        self.trims_when_told
    }

    #[cfg(not(feature = "memory"))]
    pub(crate) fn has_no_retention_thread(&self) -> bool {
        false
    }
}
