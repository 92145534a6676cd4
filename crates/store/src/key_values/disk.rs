//! The spaces in files: fjall's keyspaces, one for each.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use files::Act;

use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable,
    config::{BlockSizePolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry},
};

use super::{EngineError, Entries, Key, KeyRange, Space, Value, inventory};

/// A memtable is written out when it holds this much; bounds memory and the replay of the engine's own log.
const DOCUMENTS_MEMTABLE_BYTES: u64 = 32 << 20;
const INDEX_MEMTABLE_BYTES: u64 = 12 << 20;
const SMALL_MEMTABLE_BYTES: u64 = 4 << 20;
const ENGINE_LOG_BYTES: u64 = 192 << 20;

/// How the names of the files of the engine's log end.
const LOG_EXTENSION: &str = "jnl";

/// The file that the engine has locked while it is open.
const ENGINE_LOCK: &str = "lock";

/// Added to the name of the folder until it has all of its files.
const HALF_MADE_EXTENSION: &str = "new";

impl From<fjall::Error> for EngineError {
    fn from(error: fjall::Error) -> Self {
        Self(format!("the document engine failed: {error}"))
    }
}

pub(crate) struct Disk {
    dir: Arc<Path>,
    /// `None` only while it is closed.
    open: Option<(Database, Spaces)>,
    /// Whether what is there when it is closed is what it is to be opened with.
    is_clean: AtomicBool,
}

/// By [`Space`].
#[derive(Clone)]
struct Spaces([Keyspace; Space::ALL.len()]);

pub(crate) struct DiskBatch {
    dir: Arc<Path>,
    batch: OwnedWriteBatch,
    spaces: Spaces,
}

pub(crate) struct DiskSnapshot {
    snapshot: fjall::Snapshot,
    spaces: Spaces,
}

impl Spaces {
    fn of(&self, space: Space) -> &Keyspace {
        &self.0[space as usize]
    }
}

/// The name on disk, and how it is kept.
fn keyspace(database: &Database, space: Space) -> Result<Keyspace, fjall::Error> {
    let small = || KeyspaceCreateOptions::default().max_memtable_size(SMALL_MEMTABLE_BYTES);
    match space {
        Space::Documents => database.keyspace("documents", || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(DOCUMENTS_MEMTABLE_BYTES)
                .data_block_size_policy(BlockSizePolicy::all(8 * 1024))
                .data_block_compression_policy(CompressionPolicy::all(fjall::CompressionType::Lz4))
        }),
        Space::LastChanges => database.keyspace("last_changes", || {
            // Only ever scanned: a filter would cost memory for nothing.
            KeyspaceCreateOptions::default()
                .max_memtable_size(INDEX_MEMTABLE_BYTES)
                .filter_policy(FilterPolicy::all(FilterPolicyEntry::None))
        }),
        Space::Departures => database.keyspace("departures", small),
        Space::ConsumerOffsets => database.keyspace("consumer_offsets", small),
        Space::Meta => database.keyspace("meta", small),
    }
}

impl Disk {
    /// Opens the engine's files in `dir`, or makes them: elsewhere first, since the engine cannot open what a kill left of them half made.
    pub(crate) fn open(dir: &Path, cache_bytes: u64, threads: usize) -> Result<Self, EngineError> {
        if !dir.exists() {
            // They were removed, to be made anew from the journal.
            if inventory::is_there(dir) {
                inventory::remove(dir).map_err(|error| cannot_make(dir, &error))?;
            }
            let half_made = dir.with_added_extension(HALF_MADE_EXTENSION);
            remove_half_made(&half_made).map_err(|error| cannot_make(dir, &error))?;
            Self::open_files(&half_made, cache_bytes, threads)?.persist()?;
            files::move_durably(&half_made, dir).map_err(|error| cannot_make(dir, &error))?;
        }
        let is_known = inventory::check(dir).map_err(|error| EngineError(error.to_string()))?;
        if is_known {
            inventory::remove(dir).map_err(|error| cannot_make(dir, &error))?;
        }
        let disk = Self::open_files(dir, cache_bytes, threads)?;
        // Whoever only looks leaves it as it was.
        disk.is_clean.store(is_known, Relaxed);
        Ok(disk)
    }

    fn open_files(dir: &Path, cache_bytes: u64, threads: usize) -> Result<Self, EngineError> {
        let database = Database::builder(dir)
            .cache_size(cache_bytes)
            .max_journaling_size(ENGINE_LOG_BYTES)
            .worker_threads(threads)
            .open()?;
        let [documents, last_changes, departures, consumer_offsets, meta] =
            Space::ALL.map(|space| keyspace(&database, space));
        let spaces = Spaces([documents?, last_changes?, departures?, consumer_offsets?, meta?]);
        Ok(Self { dir: dir.into(), open: Some((database, spaces)), is_clean: AtomicBool::new(false) })
    }

    fn database(&self) -> &Database {
        &self.open.as_ref().expect("it is open").0
    }

    fn spaces(&self) -> &Spaces {
        &self.open.as_ref().expect("it is open").1
    }

    pub(crate) fn get(&self, space: Space, key: &[u8]) -> Result<Option<Value>, EngineError> {
        Ok(self.spaces().of(space).get(key)?)
    }

    pub(crate) fn batch(&self, capacity: usize) -> DiskBatch {
        self.is_clean.store(false, Relaxed);
        let batch = OwnedWriteBatch::with_capacity(self.database().clone(), capacity);
        DiskBatch { dir: self.dir.clone(), batch, spaces: self.spaces().clone() }
    }

    pub(crate) fn snapshot(&self) -> DiskSnapshot {
        DiskSnapshot { snapshot: self.database().snapshot(), spaces: self.spaces().clone() }
    }

    /// The engine syncs its log while it holds writers up. So most of it is synced before, without that; what comes meanwhile is little.
    pub(crate) fn persist(&self) -> Result<(), EngineError> {
        pass(&self.dir)?;
        self.database().persist(PersistMode::Buffer)?;
        // What fails there fails below too; if the files have other names one day, it takes longer again.
        self.sync_logs();
        Ok(self.database().persist(PersistMode::SyncAll)?)
    }

    fn sync_logs(&self) {
        for log in self.logs().unwrap_or_default() {
            let _ = File::open(log).and_then(|log| log.sync_all());
        }
    }

    /// The files of the engine's log.
    fn logs(&self) -> std::io::Result<Vec<PathBuf>> {
        let paths = self.dir.read_dir()?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
        let is_log = |path: &PathBuf| path.extension().is_some_and(|extension| extension == LOG_EXTENSION);
        Ok(paths.into_iter().filter(is_log).collect())
    }

    pub(crate) fn flush(&self) -> Result<(), EngineError> {
        for keyspace in &self.spaces().0 {
            keyspace.rotate_memtable_and_wait()?;
        }
        self.persist()?;
        self.is_clean.store(true, Relaxed);
        Ok(())
    }

    pub(crate) fn disk_bytes(&self) -> u64 {
        self.database().disk_space().unwrap_or(0)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.open.take());
        if !self.is_clean.load(Relaxed) {
            return;
        }
        // Its files are at rest only when the engine has let go of its lock: somebody may hold a snapshot still.
        let Ok(lock) = File::open(self.dir.join(ENGINE_LOCK)) else { return };
        if lock.try_lock().is_ok()
            && let Err(error) = inventory::write(&self.dir)
        {
            tracing::warn!(dir = %self.dir.display(), %error, "the inventory of the documents cannot be written");
        }
    }
}

/// A test may have what the engine does to its files fail.
fn pass(dir: &Path) -> Result<(), EngineError> {
    files::pass(Act::Engine, dir).map_err(|error| EngineError(format!("the document engine failed: {error}")))
}

/// Nothing was ever put into it.
fn remove_half_made(dir: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn cannot_make(dir: &Path, error: &std::io::Error) -> EngineError {
    EngineError(format!("cannot make {}: {error}", dir.display()))
}

impl DiskBatch {
    pub(crate) fn insert(&mut self, space: Space, key: Key, value: Value) {
        self.batch.insert(self.spaces.of(space), key, value);
    }

    pub(crate) fn remove(&mut self, space: Space, key: Key) {
        self.batch.remove(self.spaces.of(space), key);
    }

    pub(crate) fn commit(self) -> Result<(), EngineError> {
        pass(&self.dir)?;
        Ok(self.batch.commit()?)
    }

    pub(crate) fn commit_to_system(self) -> Result<(), EngineError> {
        pass(&self.dir)?;
        Ok(self.batch.durability(Some(PersistMode::Buffer)).commit()?)
    }
}

impl DiskSnapshot {
    pub(crate) fn get(&self, space: Space, key: &[u8]) -> Result<Option<Value>, EngineError> {
        Ok(self.snapshot.get(self.spaces.of(space), key)?)
    }

    pub(crate) fn range(&self, space: Space, range: KeyRange) -> Entries {
        Box::new(self.snapshot.range(self.spaces.of(space), range).map(|guard| Ok(guard.into_inner()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_being_made_at_a_crash_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let half_made = dir.path().join("documents.new");
        std::fs::create_dir(&half_made).unwrap();
        // As a kill leaves it before the engine has written that its folder is one.
        std::fs::write(half_made.join("0.jnl"), "").unwrap();
        Disk::open(&dir.path().join("documents"), 1 << 20, 1).unwrap();
        assert!(!half_made.exists());
    }

    #[test]
    fn the_engines_log_is_where_it_is_synced_aside() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::open(dir.path(), 1 << 20, 1).unwrap();
        let mut batch = disk.batch(1);
        batch.insert(Space::Meta, b"key".into(), b"a value that the log holds".into());
        batch.commit_to_system().unwrap();
        let logs = disk.logs().unwrap();
        let holds = |log: &PathBuf| std::fs::read(log).unwrap().windows(5).any(|bytes| bytes == b"a val");
        assert!(logs.iter().any(holds), "not in {logs:?}");
    }

    #[test]
    fn what_was_closed_with_somebody_reading_has_no_inventory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("documents");
        let inventory = dir.path().join("documents.inventory");
        let disk = Disk::open(&path, 1 << 20, 1).unwrap();
        disk.flush().unwrap();
        let snapshot = disk.snapshot();
        drop(disk);
        assert!(!inventory.exists());
        drop(snapshot);
        let disk = Disk::open(&path, 1 << 20, 1).unwrap();
        disk.flush().unwrap();
        drop(disk);
        assert!(inventory.exists());
        let disk = Disk::open(&path, 1 << 20, 1).unwrap();
        assert!(!inventory.exists(), "what is open may change");
        drop(disk);
        assert!(inventory.exists(), "who only looks leaves it as it was");
        let mut batch = Disk::open(&path, 1 << 20, 1).unwrap().batch(1);
        batch.insert(Space::Meta, b"key".into(), b"value".into());
        batch.commit().unwrap();
        assert!(!inventory.exists(), "what was written and not flushed is not known");
    }
}
