//! The parts of a folder of backups: bytes under the name of their SHA-256.
//!
//! Invariants: a part is whole or not there, also after a kill; what is read has been hashed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

use ring::digest::{SHA256, digest};

use crate::{error::Error, manifest::Part};

const PARTS: &str = "parts";

/// Bytes of parts, in the order in which they were asked for.
pub(crate) struct Ahead(Receiver<Result<Vec<u8>, Error>>);

impl Ahead {
    /// The next part's.
    ///
    /// # Panics
    /// There were no more, or there was an error before.
    pub(crate) fn next(&mut self) -> Result<Vec<u8>, Error> {
        self.0.recv().expect("as many are read as were asked for")
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Parts {
    dir: PathBuf,
    /// Folders with names that are not durable yet.
    unsynced: BTreeSet<PathBuf>,
}

impl Parts {
    pub(crate) fn of(backup: &Path) -> Self {
        Self { dir: backup.join(PARTS), unsynced: BTreeSet::new() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn path(&self, part: &Part) -> PathBuf {
        self.dir.join(&part.0[..2]).join(&part.0)
    }

    /// Whether it is there, with the length that it should have.
    pub(crate) fn has(&self, part: &Part) -> bool {
        std::fs::metadata(self.path(part)).is_ok_and(|metadata| metadata.is_file() && metadata.len() == part.1)
    }

    /// Puts `bytes` there unless they are there; gives whether they were not. Its name is durable after
    /// [`Parts::sync_names`].
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(Part, bool), Error> {
        let part = Part(hex(digest(&SHA256, bytes).as_ref()), bytes.len() as u64);
        if self.has(&part) {
            return Ok((part, false));
        }
        let path = self.path(&part);
        let folder = path.parent().expect("it is in a folder");
        files::ensure_directory(folder).map_err(Error::io("cannot create", folder))?;
        self.unsynced.insert(folder.to_owned());
        files::write_whole_unnamed(&path, bytes, files::PRIVATE_FILE).map_err(Error::io("cannot write", &path))?;
        Ok((part, true))
    }

    /// Makes the names of what was put there durable.
    pub(crate) fn sync_names(&mut self) -> Result<(), Error> {
        for folder in std::mem::take(&mut self.unsynced) {
            files::sync_directory(&folder).map_err(Error::io("cannot sync", &folder))?;
        }
        Ok(())
    }

    /// Has `use_them` take the bytes of these parts in their order; a part is read and hashed while
    /// the one before it is used. At most three are in memory.
    pub(crate) fn read_ahead<'p, T>(
        &self,
        parts: impl Iterator<Item = &'p Part> + Send,
        use_them: impl FnOnce(&mut Ahead) -> T,
    ) -> T {
        thread::scope(|scope| {
            let (given, bytes) = sync_channel(1);
            scope.spawn(move || {
                for part in parts {
                    let read = self.read(part);
                    let is_last = read.is_err();
                    // Nobody takes it where an error was met.
                    if given.send(read).is_err() || is_last {
                        return;
                    }
                }
            });
            use_them(&mut Ahead(bytes))
        })
    }

    /// The part's bytes, which are what its name says.
    pub(crate) fn read(&self, part: &Part) -> Result<Vec<u8>, Error> {
        let path = self.path(part);
        let found = std::fs::metadata(&path).map(|metadata| metadata.len());
        match found {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::damaged(&path, "the part is missing"));
            }
            Err(error) => return Err(Error::io("cannot read", &path)(error)),
            Ok(bytes) if bytes != part.1 => {
                return Err(Error::damaged(&path, format!("it has {bytes} bytes, not {}", part.1)));
            }
            Ok(_) => {}
        }
        let bytes = files::read(&path).map_err(Error::io("cannot read", &path))?;
        let bytes = bytes.ok_or_else(|| Error::damaged(&path, "the part is missing"))?;
        if hex(digest(&SHA256, &bytes).as_ref()) != part.0 {
            return Err(Error::damaged(&path, "its bytes are not those that its name says"));
        }
        Ok(bytes)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|n| char::from(DIGITS[usize::from(n)])).collect()
}

/// The SHA-256 as hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}
