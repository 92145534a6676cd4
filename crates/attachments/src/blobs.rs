//! The folder of an app's blobs.
//!
//! ```text
//! attachments/<id>              a blob, whole
//! attachments/unheld/<id>       its note, while no document holds it (`note`)
//! attachments/.incoming-<n>     one that is on its way; goes at the next start
//! attachments/.part-<who>-<id>  what came of one whose sender may go on (`part`)
//! ```
//! Invariant: a name appears and goes under the lock of the state, a moment each; nobody waits for a
//! disk's cache to be written while holding it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use files::DataFile;
use ring::digest::{Context, SHA256};

use crate::{
    BlobId,
    incoming::Incoming,
    limits,
    note::{Note, UNHELD},
    part::PartName,
    state::{Part, State, Upload, counted},
};

/// How the name of a file begins that is on its way.
const INCOMING_PREFIX: &str = ".incoming-";

/// The blobs of one app. Shared behind an `Arc`; methods block on disk, but for a moment only.
#[derive(Debug)]
pub struct Blobs {
    pub(crate) folder: PathBuf,
    state: Mutex<State>,
    incoming_next: AtomicU64,
}

/// Numbers of the blobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlobsStats {
    /// How many there are.
    pub count: u64,
    /// How long they are together, in bytes.
    pub bytes: u64,
    /// Those of which no document held any when somebody last looked.
    pub unheld: u64,
    /// How many went since the start, because no document held them.
    pub collected: u64,
    /// How long those were together, in bytes.
    pub collected_bytes: u64,
}

/// A blob that is open: it stays whole for whoever has it, even if it is removed meanwhile.
#[derive(Debug)]
pub struct BlobFile {
    file: DataFile,
    id: BlobId,
    len: u64,
}

/// Whether bytes are what a blob's name says, told when all of them were seen.
pub struct Proof {
    id: BlobId,
    hash: Context,
}

impl Proof {
    pub(crate) fn of(id: BlobId) -> Self {
        Self { id, hash: Context::new(&SHA256) }
    }

    /// The next of its bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    /// Whether those were its bytes.
    pub fn holds(&self) -> bool {
        self.hash.clone().finish().as_ref() == self.id.0
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof").field("id", &self.id).finish_non_exhaustive()
    }
}

impl BlobFile {
    /// Its length in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.len
    }

    /// For whoever reads all of it.
    pub fn proof(&self) -> Proof {
        Proof::of(self.id)
    }

    /// Fills `bytes` with what stands at `at`; an error if it ends before.
    pub fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, at)
    }
}

/// Keeps a blob while a document is about to refer to it.
#[derive(Debug)]
pub struct Hold {
    blobs: Arc<Blobs>,
    id: BlobId,
}

impl Hold {
    /// A document refers to it by now: it counts toward nobody's bound any more. Whether one really
    /// does is found out by the next sweep.
    pub fn is_referred_to(&self) {
        self.blobs.refer(&self.id);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.blobs.state();
        if let Some(count) = state.holds.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                state.holds.remove(&self.id);
            }
        }
        state.touch(&self.id);
    }
}

impl Blobs {
    /// Opens the folder, if there is one, and removes what an earlier process had begun.
    pub fn open(folder: &Path) -> io::Result<Arc<Self>> {
        let mut state = State::default();
        for entry in entries(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if let Some(part) = PartName::parse(&name) {
                state.parts.insert(part, Part { len: entry.metadata()?.len(), ..Part::default() });
            } else if name.starts_with('.') {
                files::remove(&entry.path())?;
            } else if let Ok(id) = BlobId::from_str(&name) {
                let len = entry.metadata()?.len();
                state.count += 1;
                state.bytes += len;
                if let Some(note) = Note::read(folder, &id) {
                    let upload =
                        Upload { len, since_ms: note.since_ms, by: note.by, is_held: false, touched: state.sweep };
                    state.uploads.insert(id, upload);
                }
            } else if name != UNHELD {
                tracing::warn!(path = %entry.path().display(), "this is no attachment, and stays as it is");
            }
        }
        let (folder, incoming_next) = (folder.to_owned(), AtomicU64::new(0));
        Ok(Arc::new(Self { folder, state: Mutex::new(state), incoming_next }))
    }

    /// Begins a blob.
    pub fn begin(self: &Arc<Self>) -> io::Result<Incoming> {
        files::ensure_directory(&self.folder)?;
        let number = self.incoming_next.fetch_add(1, Ordering::Relaxed);
        Incoming::create(self.clone(), self.folder.join(format!("{INCOMING_PREFIX}{number}")))
    }

    /// The blob of that name, open; `None` if there is none. Its bytes are not looked at ([`BlobFile::proof`]), but one
    /// that has none although its name says otherwise is an error.
    pub fn find(&self, id: &BlobId) -> io::Result<Option<BlobFile>> {
        match DataFile::open(&self.path(id), false) {
            Ok(file) => {
                let found = BlobFile { len: file.len_bytes()?, id: *id, file };
                if found.len == 0 && !found.proof().holds() {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "it is empty, which its name does not say"));
                }
                Ok(Some(found))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The blobs that there are now, each with its length, in the order of their ids.
    pub fn list(&self) -> io::Result<Vec<(BlobId, u64)>> {
        let mut found = list(&self.folder)?;
        found.sort_unstable();
        Ok(found)
    }

    /// Keeps a blob from being removed, and gives its length; `None` if there is none of that name.
    pub fn hold(self: &Arc<Self>, id: BlobId) -> io::Result<Option<(Hold, u64)>> {
        let mut state = self.state();
        let len = match fs::metadata(self.path(&id)) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        *state.holds.entry(id).or_default() += 1;
        state.touch(&id);
        drop(state);
        Ok(Some((Hold { blobs: self.clone(), id }, len)))
    }

    /// A write refers to it by now, or is about to: it counts toward nobody's bound, and the sweep that
    /// is under way does not remove it. Whether a document holds it is found out by the next one.
    pub fn refer(&self, id: &BlobId) {
        let mut state = self.state();
        state.touch(id);
        if let Some(upload) = state.uploads.get_mut(id) {
            upload.is_held = true;
            self.forget_note(id);
        }
    }

    /// Whether `uploader` uploaded it, as far as that is remembered.
    pub fn was_uploaded_by(&self, id: &BlobId, uploader: &str) -> bool {
        self.state().uploads.get(id).is_some_and(|upload| upload.by.iter().any(|known| known == uploader))
    }

    /// What `uploader` has in blobs that no document holds, in bytes.
    pub fn unheld_bytes(&self, uploader: &str) -> u64 {
        self.state().unheld_bytes(uploader, None)
    }

    /// Whether a sweep makes room for `len` bytes more of `uploader`: they are too many, and some of
    /// theirs have not been held for `grace_ms`. After a sweep it does not, so none runs for nothing.
    pub fn needs_sweep(&self, uploader: &str, len: u64, now_ms: u64, grace_ms: u64) -> bool {
        let state = self.state();
        state.unheld_bytes(uploader, None) + counted(len) > limits::UNHELD_BYTES_MAX
            && state.has_overdue(uploader, now_ms, grace_ms)
    }

    /// Numbers for `/metrics`.
    pub fn stats(&self) -> BlobsStats {
        let state = self.state();
        BlobsStats {
            count: state.count,
            bytes: state.bytes,
            unheld: state.uploads.values().filter(|upload| !upload.is_held).count() as u64,
            collected: state.collected,
            collected_bytes: state.collected_bytes,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn path(&self, id: &BlobId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    /// A note that stays has the blob collected after its time, as if it had never been held.
    pub(crate) fn forget_note(&self, id: &BlobId) {
        if let Err(error) = Note::remove(&self.folder, id) {
            tracing::warn!(%error, %id, "the note of an attachment cannot be removed");
        }
    }
}

/// The blobs in `folder`, each with its length, in no order; none where there is no folder.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<(BlobId, u64)>> {
    let mut found = Vec::new();
    for entry in entries(folder)? {
        let entry = entry?;
        if let Ok(id) = BlobId::from_str(&entry.file_name().to_string_lossy()) {
            found.push((id, entry.metadata()?.len()));
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> io::Result<impl Iterator<Item = io::Result<fs::DirEntry>>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(Some(entries).into_iter().flatten()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None.into_iter().flatten()),
        Err(error) => Err(error),
    }
}
