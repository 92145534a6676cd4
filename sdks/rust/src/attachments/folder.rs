//! The files of attachments that a peer keeps.
//!
//! ```text
//! attachments/<id>          whole, and what its name says: the SHA-256, as base64url without padding
//! attachments/.part-<id>    what was fetched of one so far
//! attachments/.new-<n>      one that is being taken; goes when the peer is opened again
//! ```
//! Invariant: what has an id for its name is durable and whole.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{Context, SHA256};

use crate::limits::PIECE_BYTES;

const PART: &str = ".part-";
const NEW: &str = ".new-";

/// The folder of one peer. It is made with the first file.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: PathBuf,
    taken: AtomicU64,
}

impl Folder {
    /// Removes what an earlier process had begun to take.
    pub(crate) fn open(dir: PathBuf) -> io::Result<Self> {
        for (name, path) in entries(&dir)? {
            if name.starts_with(NEW) {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { dir, taken: AtomicU64::new(0) })
    }

    /// The ids of the files that are kept.
    pub(crate) fn ids(&self) -> io::Result<Vec<String>> {
        Ok(entries(&self.dir)?.into_iter().map(|(name, _)| name).filter(|name| !name.starts_with('.')).collect())
    }

    /// Where the file is, if it is kept.
    pub(crate) fn find(&self, id: &str) -> Option<PathBuf> {
        let path = self.dir.join(id);
        (is_id(id) && path.is_file()).then_some(path)
    }

    /// Takes a copy, durably: its id and its length in bytes.
    pub(crate) fn take(&self, source: &mut dyn Read) -> io::Result<(String, u64)> {
        self.make()?;
        let path = self.dir.join(format!("{NEW}{}", self.taken.fetch_add(1, Relaxed)));
        let taken = copy(source, &path).and_then(|(id, len)| self.name(&path, &id).map(|()| (id, len)));
        if taken.is_err() {
            let _ = fs::remove_file(&path); // or when the peer is opened again
        }
        taken
    }

    /// What was fetched of the file so far, to be written behind its end, with its length.
    pub(crate) fn part(&self, id: &str) -> io::Result<(File, u64)> {
        self.make()?;
        let part = File::options().append(true).create(true).open(self.part_path(id))?;
        let len = part.metadata()?.len();
        Ok((part, len))
    }

    /// What was fetched is all of it: where the file is; `None` if it is not what its id says, and then it is
    /// gone.
    pub(crate) fn finish(&self, id: &str) -> io::Result<Option<PathBuf>> {
        let path = self.part_path(id);
        let mut part = File::open(&path)?;
        let (mut hash, mut piece) = (Context::new(&SHA256), vec![0; PIECE_BYTES]);
        loop {
            match part.read(&mut piece)? {
                0 => break,
                count => hash.update(&piece[..count]),
            }
        }
        if text_of(hash) != id {
            fs::remove_file(&path)?;
            return Ok(None);
        }
        part.sync_all()?;
        self.name(&path, id)?;
        Ok(Some(self.dir.join(id)))
    }

    /// What is here for longer than `age` and `is_held` does not name: ids, and what was fetched in part.
    pub(crate) fn left_over(&self, held: &BTreeSet<String>, age: Duration) -> io::Result<Vec<String>> {
        let mut left = Vec::new();
        for (name, path) in entries(&self.dir)? {
            let id = name.strip_prefix(PART).unwrap_or(&name);
            let is_old = |modified: SystemTime| modified.elapsed().is_ok_and(|elapsed| elapsed > age);
            if !held.contains(id) && fs::metadata(path)?.modified().is_ok_and(is_old) {
                left.push(id.to_owned());
            }
        }
        Ok(left)
    }

    /// Removes it, whole or in part.
    pub(crate) fn remove(&self, id: &str) {
        for path in [self.dir.join(id), self.part_path(id)] {
            let _ = fs::remove_file(path); // what stays goes another time
        }
    }

    fn part_path(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{PART}{id}"))
    }

    fn make(&self) -> io::Result<()> {
        if self.dir.is_dir() {
            return Ok(());
        }
        fs::create_dir(&self.dir)?;
        self.dir.parent().map_or(Ok(()), sync_folder)
    }

    fn name(&self, path: &Path, id: &str) -> io::Result<()> {
        fs::rename(path, self.dir.join(id))?;
        sync_folder(&self.dir)
    }
}

/// Whether it can be the id of a file: what it names is in the folder and nowhere else.
pub(crate) fn is_id(id: &str) -> bool {
    URL_SAFE_NO_PAD.decode(id).is_ok_and(|hash| hash.len() == 32)
}

fn copy(source: &mut dyn Read, path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::create(path)?;
    let (mut hash, mut piece, mut len) = (Context::new(&SHA256), vec![0; PIECE_BYTES], 0);
    loop {
        let count = match source.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if count == 0 {
            break;
        }
        file.write_all(&piece[..count])?;
        hash.update(&piece[..count]);
        len += count as u64;
    }
    file.sync_all()?;
    Ok((text_of(hash), len))
}

fn text_of(hash: Context) -> String {
    URL_SAFE_NO_PAD.encode(hash.finish())
}

/// Names in it are durable then.
fn sync_folder(dir: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(dir)?.sync_all(),
        false => Ok(()),
    }
}

fn entries(dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    entries.map(|entry| entry.map(|it| (it.file_name().to_string_lossy().into_owned(), it.path()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ";

    #[test]
    fn files_are_named_by_what_is_in_them() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path().join("attachments")).unwrap();
        assert_eq!((folder.ids().unwrap(), folder.find(HELLO)), (Vec::<String>::new(), None));
        assert_eq!(folder.take(&mut &b"hello"[..]).unwrap(), (HELLO.to_owned(), 5));
        assert_eq!(fs::read(folder.find(HELLO).unwrap()).unwrap(), b"hello");
        assert_eq!(folder.ids().unwrap(), [HELLO]);
        assert_eq!(folder.find("../secret"), None);
    }

    #[test]
    fn what_was_fetched_is_taken_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path().join("attachments")).unwrap();
        let (mut part, len) = folder.part(HELLO).unwrap();
        assert_eq!(len, 0);
        part.write_all(b"hel").unwrap();
        let folder = Folder::open(dir.path().join("attachments")).unwrap();
        let (mut part, len) = folder.part(HELLO).unwrap();
        assert_eq!((len, folder.find(HELLO)), (3, None));
        part.write_all(b"lo").unwrap();
        assert_eq!(folder.finish(HELLO).unwrap(), folder.find(HELLO));
        let (mut part, _) = folder.part(HELLO).unwrap();
        part.write_all(b"something else").unwrap();
        assert_eq!((folder.finish(HELLO).unwrap(), folder.part(HELLO).unwrap().1), (None, 0));
    }

    #[test]
    fn what_nothing_names_goes_after_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path().join("attachments")).unwrap();
        let (one, _) = folder.take(&mut &b"one"[..]).unwrap();
        let (two, _) = folder.take(&mut &b"two"[..]).unwrap();
        folder.part(HELLO).unwrap();
        let held = BTreeSet::from([one.clone()]);
        assert_eq!(folder.left_over(&held, Duration::from_secs(3600)).unwrap(), Vec::<String>::new());
        let mut left = folder.left_over(&held, Duration::ZERO).unwrap();
        left.sort();
        let mut expected = vec![two.clone(), HELLO.to_owned()];
        expected.sort();
        assert_eq!(left, expected);
        left.iter().for_each(|id| folder.remove(id));
        assert_eq!(folder.ids().unwrap(), [one]);
    }
}
