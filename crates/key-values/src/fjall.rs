//! The spaces in files: fjall's keyspaces, one for each.

mod inventory;
mod log;
mod manifests;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use ::fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable,
    config::{BlockSizePolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry},
};
use files::Act;

use crate::{
    Access, Batch, Bytes, Durability, Entries, KeyRange, KeyValue, KeyValues, KeyValuesError, Snapshot, Space,
    SpaceOptions,
};

/// The engine's own log holds at most this much; bounds what it replays at an opening.
const ENGINE_LOG_BYTES: u64 = 192 << 20;

/// The size of a block of large values.
const LARGE_BLOCK_BYTES: u32 = 8 * 1024;

/// How the names of the files of the engine's log end.
const LOG_EXTENSION: &str = "jnl";

/// The file that the engine has locked while it is open.
const ENGINE_LOCK: &str = "lock";

/// Added to the name of the folder until it has all of its files.
const HALF_MADE_EXTENSION: &str = "new";

impl From<::fjall::Error> for KeyValuesError {
    fn from(error: ::fjall::Error) -> Self {
        Self(format!("the document engine failed: {error}"))
    }
}

/// How the files are opened.
#[derive(Debug, Clone, Copy)]
pub struct DiskOptions {
    /// Blocks that are kept in memory, in bytes.
    pub cache_bytes: u64,
    /// Threads that write tables.
    pub threads: usize,
    /// The spaces; [`Space`] counts them. A new one is made in files that lack it.
    pub spaces: &'static [SpaceOptions],
}

/// The spaces in files of one folder, which fjall keeps.
pub struct FjallDisk {
    dir: Arc<Path>,
    /// `None` only while it is closed.
    open: Option<(Database, Keyspaces)>,
    /// Whether what is there when it is closed is what it is to be opened with.
    is_clean: AtomicBool,
}

/// By [`Space`].
type Keyspaces = Arc<[Keyspace]>;

struct DiskSnapshot {
    snapshot: ::fjall::Snapshot,
    spaces: Keyspaces,
}

impl std::fmt::Debug for FjallDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FjallDisk").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// How a space is kept in files.
fn keyspace_options(space: &SpaceOptions) -> KeyspaceCreateOptions {
    let options = KeyspaceCreateOptions::default().max_memtable_size(space.memtable_bytes);
    match space.access {
        Access::Small => options,
        Access::Large => options
            .data_block_size_policy(BlockSizePolicy::all(LARGE_BLOCK_BYTES))
            .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4)),
        Access::ScansOnly => options.filter_policy(FilterPolicy::all(FilterPolicyEntry::None)),
    }
}

impl FjallDisk {
    /// Opens the files in `dir`, or makes them: elsewhere first, since the engine cannot open what
    /// a kill left of them half made.
    ///
    /// # Errors
    /// Files that are not those that were there when the folder was closed, are damaged, or cannot
    /// be read or made.
    pub fn open(dir: &Path, options: &DiskOptions) -> Result<Self, KeyValuesError> {
        if !dir.exists() {
            // They were removed, to be made anew from the journal.
            if inventory::is_there(dir) {
                inventory::remove(dir).map_err(|error| cannot_make(dir, &error))?;
            }
            let half_made = dir.with_added_extension(HALF_MADE_EXTENSION);
            remove_half_made(&half_made).map_err(|error| cannot_make(dir, &error))?;
            Self::open_files(&half_made, options)?.persist()?;
            files::move_durably(&half_made, dir).map_err(|error| cannot_make(dir, &error))?;
        }
        let is_known = inventory::check(dir).map_err(|error| KeyValuesError(error.to_string()))?;
        let checked = manifests::check(dir).and_then(|()| log::check(logs(dir)?));
        checked.map_err(|error| KeyValuesError(format!("the document engine's files are damaged: {error}")))?;
        if is_known {
            inventory::remove(dir).map_err(|error| cannot_make(dir, &error))?;
        }
        let disk = Self::open_files(dir, options)?;
        // Whoever only looks leaves it as it was.
        disk.is_clean.store(is_known, Relaxed);
        Ok(disk)
    }

    fn open_files(dir: &Path, options: &DiskOptions) -> Result<Self, KeyValuesError> {
        let database = Database::builder(dir)
            .cache_size(options.cache_bytes)
            .max_journaling_size(ENGINE_LOG_BYTES)
            .worker_threads(options.threads)
            .open()?;
        let keyspace = |space: &SpaceOptions| database.keyspace(space.name, || keyspace_options(space));
        let spaces = options.spaces.iter().map(keyspace).collect::<Result<Keyspaces, _>>()?;
        Ok(Self { dir: dir.into(), open: Some((database, spaces)), is_clean: AtomicBool::new(false) })
    }

    /// Puts entries there that come by space and, within one, by key, into spaces that are empty.
    /// They go into tables at once, past the engine's log: [`KeyValues::write`] writes each twice.
    /// Durable after [`KeyValues::flush`]; after an error the folder is good for nothing.
    ///
    /// # Errors
    /// The first error of `entries`; they are not in order, name no space, or cannot be written.
    pub fn fill<E: From<KeyValuesError>>(
        &self,
        mut entries: impl Iterator<Item = Result<(Space, Bytes, Bytes), E>>,
    ) -> Result<(), E> {
        let failed = |error| E::from(KeyValuesError::from(error));
        let refused = |why: String| Err(E::from(KeyValuesError(why)));
        pass(&self.dir)?;
        self.is_clean.store(false, Relaxed);
        let mut next = entries.next().transpose()?;
        while let Some(space) = next.as_ref().map(|(space, ..)| *space) {
            let Some(keyspace) = self.spaces().get(space.0) else {
                return refused(format!("there is no space {}", space.0));
            };
            let mut filling = keyspace.start_ingestion().map_err(failed)?;
            let mut last: Option<Bytes> = None;
            while let Some((_, key, value)) = next.take_if(|(of, ..)| *of == space) {
                // The engine panics at what is not.
                if last.as_ref().is_some_and(|last| *last >= key) {
                    return refused("the entries are not in the order of their keys".to_owned());
                }
                filling.write(key.0.clone(), value.0).map_err(failed)?;
                last = Some(key);
                next = entries.next().transpose()?;
            }
            filling.finish().map_err(failed)?;
            if next.as_ref().is_some_and(|(of, ..)| of.0 < space.0) {
                return refused("the entries are not in the order of their spaces".to_owned());
            }
        }
        Ok(())
    }

    fn database(&self) -> &Database {
        &self.open.as_ref().expect("it is open").0
    }

    fn spaces(&self) -> &Keyspaces {
        &self.open.as_ref().expect("it is open").1
    }

    fn sync_logs(&self) {
        for log in logs(&self.dir).unwrap_or_default() {
            let _ = File::open(log).and_then(|log| log.sync_all());
        }
    }
}

impl KeyValues for FjallDisk {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, KeyValuesError> {
        Ok(self.spaces()[space.0].get(key)?.map(Bytes))
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), KeyValuesError> {
        pass(&self.dir)?;
        self.is_clean.store(false, Relaxed);
        let mut all = OwnedWriteBatch::with_capacity(self.database().clone(), batch.changes.len());
        for (space, key, value) in batch.changes {
            let space = &self.spaces()[space.0];
            match value {
                Some(value) => all.insert(space, key.0, value.0),
                None => all.remove(space, key.0),
            }
        }
        let mode = match durability {
            Durability::None => None,
            Durability::Process => Some(PersistMode::Buffer),
        };
        Ok(all.durability(mode).commit()?)
    }

    fn snapshot(&self) -> Box<dyn Snapshot> {
        Box::new(DiskSnapshot { snapshot: self.database().snapshot(), spaces: self.spaces().clone() })
    }

    /// The engine syncs its log while it holds writers up. So most of it is synced before, without
    /// that; what comes meanwhile is little.
    fn persist(&self) -> Result<(), KeyValuesError> {
        pass(&self.dir)?;
        self.database().persist(PersistMode::Buffer)?;
        // What fails there fails below too; if the files have other names one day, it takes longer
        // again.
        self.sync_logs();
        Ok(self.database().persist(PersistMode::SyncAll)?)
    }

    fn flush(&self) -> Result<(), KeyValuesError> {
        for keyspace in &**self.spaces() {
            keyspace.rotate_memtable_and_wait()?;
        }
        self.persist()?;
        self.is_clean.store(true, Relaxed);
        Ok(())
    }

    fn disk_bytes(&self) -> u64 {
        self.database().disk_space().unwrap_or(0)
    }
}

impl Drop for FjallDisk {
    fn drop(&mut self) {
        drop(self.open.take());
        if !self.is_clean.load(Relaxed) {
            return;
        }
        // Its files are at rest only when the engine has let go of its lock: somebody may hold a
        // snapshot still.
        let Ok(lock) = File::open(self.dir.join(ENGINE_LOCK)) else { return };
        if lock.try_lock().is_ok()
            && let Err(error) = inventory::write(&self.dir)
        {
            tracing::warn!(dir = %self.dir.display(), %error, "the inventory of the documents cannot be written");
        }
    }
}

/// The files of the engine's log.
fn logs(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let paths = dir.read_dir()?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    let is_log = |path: &PathBuf| path.extension().is_some_and(|extension| extension == LOG_EXTENSION);
    Ok(paths.into_iter().filter(is_log).collect())
}

/// A test may have what the engine does to its files fail.
fn pass(dir: &Path) -> Result<(), KeyValuesError> {
    files::pass(Act::Engine, dir).map_err(|error| KeyValuesError(format!("the document engine failed: {error}")))
}

/// Nothing was ever put into it.
fn remove_half_made(dir: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn cannot_make(dir: &Path, error: &std::io::Error) -> KeyValuesError {
    KeyValuesError(format!("cannot make {}: {error}", dir.display()))
}

impl Snapshot for DiskSnapshot {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, KeyValuesError> {
        Ok(self.snapshot.get(&self.spaces[space.0], key)?.map(Bytes))
    }

    fn range(&self, space: Space, range: KeyRange) -> Entries {
        Box::new(self.snapshot.range(&self.spaces[space.0], range).map(entry))
    }

    fn range_backwards(&self, space: Space, range: KeyRange) -> Entries {
        Box::new(self.snapshot.range(&self.spaces[space.0], range).rev().map(entry))
    }
}

fn entry(guard: ::fjall::Guard) -> Result<KeyValue, KeyValuesError> {
    let (key, value) = guard.into_inner()?;
    Ok((Bytes(key), Bytes(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: Space = Space(0);
    const OPTIONS: DiskOptions = DiskOptions {
        cache_bytes: 1 << 20,
        threads: 1,
        spaces: &[SpaceOptions { name: "meta", memtable_bytes: 4 << 20, access: Access::Small }],
    };

    #[test]
    fn what_was_being_made_at_a_crash_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let half_made = dir.path().join("documents.new");
        std::fs::create_dir(&half_made).unwrap();
        // As a kill leaves it before the engine has written that its folder is one.
        std::fs::write(half_made.join("0.jnl"), "").unwrap();
        FjallDisk::open(&dir.path().join("documents"), &OPTIONS).unwrap();
        assert!(!half_made.exists());
    }

    #[test]
    fn the_engines_log_is_where_it_is_synced_aside() {
        let dir = tempfile::tempdir().unwrap();
        let disk = FjallDisk::open(dir.path(), &OPTIONS).unwrap();
        let mut batch = Batch::default();
        batch.insert(SPACE, b"key", b"a value that the log holds");
        disk.write(batch, Durability::Process).unwrap();
        let logs = logs(dir.path()).unwrap();
        let holds = |log: &PathBuf| std::fs::read(log).unwrap().windows(5).any(|bytes| bytes == b"a val");
        assert!(logs.iter().any(holds), "not in {logs:?}");
    }

    /// Opened and closed in every way, tables written in between: the order that is looked for is
    /// the engine's own.
    #[test]
    fn batches_stay_in_order_through_openings_and_a_changed_number_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..6_u8 {
            let disk = FjallDisk::open(dir.path(), &OPTIONS).unwrap();
            for value in 0..=n {
                disk.insert(SPACE, &[value], &[n]).unwrap();
            }
            if n % 3 == 1 {
                disk.flush().unwrap();
            }
            let mut batch = Batch::default();
            batch.remove(SPACE, [n]);
            disk.write(batch, Durability::Process).unwrap();
            if n % 3 == 2 {
                disk.flush().unwrap();
                disk.spaces()[0].major_compact().unwrap();
            }
        }
        drop(FjallDisk::open(dir.path(), &OPTIONS).unwrap());
        let path = logs(dir.path()).unwrap().remove(0);
        let mut bytes = std::fs::read(&path).unwrap();
        // The number of the second batch, behind the trailer of the first.
        let at = bytes.windows(5).position(|bytes| bytes == b"FJL\x03\x01").unwrap() + 9;
        bytes[at] ^= 0x40;
        std::fs::write(&path, bytes).unwrap();
        inventory::remove(dir.path()).unwrap();
        let error = FjallDisk::open(dir.path(), &OPTIONS).unwrap_err().to_string();
        assert!(error.contains("0.jnl at byte"), "{error}");
    }

    /// The engine itself opens most of them, and misses what it was told.
    #[test]
    fn no_flipped_bit_of_a_manifest_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let disk = FjallDisk::open(dir.path(), &OPTIONS).unwrap();
        for value in 0..3_u8 {
            disk.insert(SPACE, &[value], &[value]).unwrap();
            disk.flush().unwrap();
        }
        drop(disk);
        inventory::remove(dir.path()).unwrap();
        let folder = dir.path().join("keyspaces/1");
        let is_manifest = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with('v');
        let manifests = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(is_manifest);
        let newest = manifests.max_by_key(|path| path.metadata().unwrap().modified().unwrap()).unwrap();
        for path in [folder.join("current"), newest] {
            let whole = std::fs::read(&path).unwrap();
            for bit in 0..whole.len() * 8 {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                std::fs::write(&path, flipped).unwrap();
                let error = FjallDisk::open(dir.path(), &OPTIONS).unwrap_err().to_string();
                assert!(error.contains(path.to_str().unwrap()), "bit {bit}: {error}");
            }
            std::fs::write(&path, whole).unwrap();
        }
        let disk = FjallDisk::open(dir.path(), &OPTIONS).unwrap();
        assert_eq!(disk.get(SPACE, &[2]).unwrap().as_deref(), Some(&[2][..]));
    }

    #[test]
    fn what_was_closed_with_somebody_reading_has_no_inventory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("documents");
        let inventory = dir.path().join("documents.inventory");
        let disk = FjallDisk::open(&path, &OPTIONS).unwrap();
        disk.flush().unwrap();
        let snapshot = disk.snapshot();
        drop(disk);
        assert!(!inventory.exists());
        drop(snapshot);
        let disk = FjallDisk::open(&path, &OPTIONS).unwrap();
        disk.flush().unwrap();
        drop(disk);
        assert!(inventory.exists());
        let disk = FjallDisk::open(&path, &OPTIONS).unwrap();
        assert!(!inventory.exists(), "what is open may change");
        drop(disk);
        assert!(inventory.exists(), "who only looks leaves it as it was");
        FjallDisk::open(&path, &OPTIONS).unwrap().insert(SPACE, b"key", b"value").unwrap();
        assert!(!inventory.exists(), "what was written and not flushed is not known");
    }
}
