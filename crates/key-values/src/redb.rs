//! The spaces in one file: redb's tables, one for each.
//!
//! Invariants: a batch that was written is seen by whatever is read after that, in any thread. A kill
//! leaves what was there at some [`KeyValues::persist`] or later, never half of a batch.
//! After the file could not be read or written once, everything fails until it is opened again, and
//! then is as it was persisted last.
//! Not here: what is done to the file (`backend`).

mod backend;

use std::{
    fs::File,
    ops::Bound,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use ::redb::{Builder, Database, DatabaseError, ReadOnlyTable, ReadTransaction, ReadableDatabase, TableDefinition};
use files::Act;

use self::backend::Backend;
use crate::{
    Batch, Bytes, Durability, Entries, KeyRange, KeyValue, KeyValues, KeyValuesError, Snapshot, Space, SpaceOptions,
};

/// Added to the name of the file until it has all of its tables.
const HALF_MADE_EXTENSION: &str = "new";

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type Table = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// What an error of opening ends with where another process has the file open.
pub const IN_USE: &str = "another process has it open";

/// The spaces in one file, which redb keeps. One process at a time has it open.
pub struct RedbDisk {
    path: PathBuf,
    database: Database,
    spaces: Arc<[Definition]>,
    /// What is read by, until something is written.
    view: RwLock<Option<Arc<View>>>,
}

/// The spaces at one moment; a table is looked up when it is first asked.
struct View {
    transaction: ReadTransaction,
    spaces: Arc<[Definition]>,
    tables: Box<[OnceLock<Table>]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Commit {
    /// Seen, but not in the file.
    InMemory,
    Durable,
    /// And what an opening after a kill would have to find out is in the file.
    DurableAndReady,
}

/// If it cannot be had, whoever reads is told.
struct RedbSnapshot(Result<Arc<View>, KeyValuesError>);

impl std::fmt::Debug for RedbDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedbDisk").field("path", &self.path).finish_non_exhaustive()
    }
}

fn failed(error: impl Into<::redb::Error>) -> KeyValuesError {
    KeyValuesError(format!("the document engine failed: {}", error.into()))
}

impl RedbDisk {
    /// Opens the file, or makes it. `cache_bytes` of it are kept in memory. A new space is made in a
    /// file that lacks it.
    ///
    /// # Errors
    /// Another process has it open; it is damaged, or cannot be read or made.
    pub fn open(path: &Path, cache_bytes: usize, spaces: &[SpaceOptions]) -> Result<Self, KeyValuesError> {
        let spaces: Arc<[Definition]> = spaces.iter().map(|space| TableDefinition::new(space.name)).collect();
        if path.metadata().is_ok_and(|it| it.len() == 0) {
            let why = "it is empty: what was in it is lost; remove it to begin anew";
            return Err(KeyValuesError(format!("{}: {why}", path.display())));
        }
        if !path.exists() {
            let half_made = path.with_added_extension(HALF_MADE_EXTENSION);
            match std::fs::remove_file(&half_made) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(cannot_make(path, &error)),
                _ => {}
            }
            drop(Self::open_file(&half_made, cache_bytes, spaces.clone())?);
            files::move_durably(&half_made, path).map_err(|error| cannot_make(path, &error))?;
        }
        Self::open_file(path, cache_bytes, spaces)
    }

    fn open_file(path: &Path, cache_bytes: usize, spaces: Arc<[Definition]>) -> Result<Self, KeyValuesError> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, files::PRIVATE_FILE);
        let file = files::pass(Act::Open, path)
            .and_then(|()| options.open(path))
            .map_err(|error| cannot_make(path, &error))?;
        let backend = Backend::new(file, path).map_err(|error| cannot_open(path, error))?;
        let database = Builder::new().set_cache_size(cache_bytes).create_with_backend(backend);
        let database = database.map_err(|error| cannot_open(path, error))?;
        let disk = Self { path: path.to_owned(), database, spaces, view: RwLock::default() };
        disk.make_missing_spaces()?;
        Ok(disk)
    }

    fn make_missing_spaces(&self) -> Result<(), KeyValuesError> {
        let there = self.database.begin_read().map_err(failed)?;
        if self.spaces.iter().all(|space| there.open_table(*space).is_ok()) {
            return Ok(());
        }
        drop(there);
        let transaction = self.database.begin_write().map_err(failed)?;
        for space in &*self.spaces {
            transaction.open_table(*space).map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    fn view(&self) -> Result<Arc<View>, KeyValuesError> {
        if let Some(view) = &*self.view.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(view.clone());
        }
        // Nobody forgets it before it is there: what was committed since it was begun is not in it.
        let mut known = self.view.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = &*known {
            return Ok(view.clone());
        }
        let transaction = self.database.begin_read().map_err(failed)?;
        let tables = self.spaces.iter().map(|_| OnceLock::new()).collect();
        let view = Arc::new(View { transaction, spaces: self.spaces.clone(), tables });
        *known = Some(view.clone());
        Ok(view)
    }

    /// The next who reads sees what is committed now.
    fn forget_view(&self) {
        let view = self.view.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(view);
    }

    fn commit(&self, batch: &Batch, how: Commit) -> Result<(), KeyValuesError> {
        self.forget_view(); // so that the room of what it shows can be used again
        let mut transaction = self.database.begin_write().map_err(failed)?;
        if how == Commit::InMemory {
            transaction.set_durability(::redb::Durability::None).map_err(failed)?;
        }
        transaction.set_quick_repair(how == Commit::DurableAndReady);
        for (number, space) in self.spaces.iter().enumerate() {
            let mut changes = batch.changes.iter().filter(|(space, ..)| space.0 == number).peekable();
            if changes.peek().is_none() {
                continue;
            }
            let mut table = transaction.open_table(*space).map_err(failed)?;
            for (_, key, value) in changes {
                let done = match value {
                    Some(value) => table.insert(&**key, &**value),
                    None => table.remove(&**key),
                };
                drop(done.map_err(failed)?);
            }
        }
        transaction.commit().map_err(failed)?;
        self.forget_view();
        Ok(())
    }
}

impl KeyValues for RedbDisk {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, KeyValuesError> {
        self.view()?.get(space, key)
    }

    /// Nothing of it is in the file before the next [`KeyValues::persist`].
    fn write(&self, batch: Batch, _: Durability) -> Result<(), KeyValuesError> {
        self.commit(&batch, Commit::InMemory)
    }

    fn snapshot(&self) -> Box<dyn Snapshot> {
        Box::new(RedbSnapshot(self.view()))
    }

    /// One sync of the file. An opening after a kill then reads the whole file once: 0.2 s for 70 MB.
    fn persist(&self) -> Result<(), KeyValuesError> {
        self.commit(&Batch::default(), Commit::Durable)
    }

    /// Two syncs. Whoever closes it need not ask for that.
    fn flush(&self) -> Result<(), KeyValuesError> {
        self.commit(&Batch::default(), Commit::DurableAndReady)
    }

    fn disk_bytes(&self) -> u64 {
        self.path.metadata().map_or(0, |file| file.len())
    }
}

impl View {
    fn table(&self, space: Space) -> Result<&Table, KeyValuesError> {
        let known = &self.tables[space.0];
        if let Some(table) = known.get() {
            return Ok(table);
        }
        let table = self.transaction.open_table(self.spaces[space.0]).map_err(failed)?;
        Ok(known.get_or_init(|| table))
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, KeyValuesError> {
        let found = self.table(space)?.get(key).map_err(failed)?;
        Ok(found.map(|value| Bytes::from(value.value())))
    }

    fn range(&self, space: Space, (from, to): &KeyRange) -> Result<Option<Range>, KeyValuesError> {
        let bounds: (Bound<&[u8]>, Bound<&[u8]>) = (from.as_ref().map(|it| &**it), to.as_ref().map(|it| &**it));
        if crate::is_empty(&bounds) {
            return Ok(None);
        }
        self.table(space)?.range::<&[u8]>(bounds).map(Some).map_err(failed)
    }
}

type Range = ::redb::Range<'static, &'static [u8], &'static [u8]>;
type Guard = ::redb::AccessGuard<'static, &'static [u8]>;

impl Snapshot for RedbSnapshot {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, KeyValuesError> {
        self.0.as_ref().map_err(Clone::clone)?.get(space, key)
    }

    fn range(&self, space: Space, range: KeyRange) -> Entries {
        match self.0.clone().and_then(|view| view.range(space, &range)) {
            Ok(range) => Box::new(range.into_iter().flatten().map(entry)),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }

    fn range_backwards(&self, space: Space, range: KeyRange) -> Entries {
        match self.0.clone().and_then(|view| view.range(space, &range)) {
            Ok(range) => Box::new(range.into_iter().flat_map(Iterator::rev).map(entry)),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }
}

fn entry(entry: Result<(Guard, Guard), ::redb::StorageError>) -> Result<KeyValue, KeyValuesError> {
    let (key, value) = entry.map_err(failed)?;
    Ok((key.value().into(), value.value().into()))
}

fn cannot_open(path: &Path, error: DatabaseError) -> KeyValuesError {
    let why = match error {
        DatabaseError::DatabaseAlreadyOpen => IN_USE.to_owned(),
        error => error.to_string(),
    };
    KeyValuesError(format!("cannot open {}: {why}", path.display()))
}

fn cannot_make(path: &Path, error: &std::io::Error) -> KeyValuesError {
    KeyValuesError(format!("cannot make {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
