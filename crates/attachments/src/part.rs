//! Blobs that come in parts: what came of one stays for a day when its sender breaks off, so that they go
//! on from there.
//!
//! A part is a file of its own, `.part-<sender>-<id>`, where `<sender>` is a hash of the sender's name: nobody
//! goes on with what somebody else sent, or learns that they did. Its length is how much has come. It is not
//! synced: what does not outlive a crash is found out by the hash of the whole.
//!
//! Invariant: of two who go on with the same part the later has it; nothing that the earlier writes comes after.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use files::DataFile;
use ring::digest::{Context, SHA256, digest};

use crate::{
    AttachmentError, BlobId, Blobs, Incoming, limits,
    state::{Part, State, counted},
};

const PREFIX: &str = ".part-";

/// How much is read at once of what came before, in bytes.
const PIECE_BYTES: usize = 256 * 1024;

/// Whose part of which blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PartName {
    sender: u64,
    pub(crate) id: BlobId,
}

impl PartName {
    fn new(sender: &str, id: BlobId) -> Self {
        Self { sender: hash_of(sender), id }
    }

    /// That of a file; `None` if it is no part.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (sender, id) = name.strip_prefix(PREFIX)?.split_once('-')?;
        Some(Self { sender: u64::from_str_radix(sender, 16).ok()?, id: id.parse().ok()? })
    }

    pub(crate) fn is_of(&self, sender: &str) -> bool {
        self.sender == hash_of(sender)
    }

    fn file(&self) -> String {
        format!("{PREFIX}{:016x}-{}", self.sender, self.id)
    }
}

fn hash_of(sender: &str) -> u64 {
    let hash = digest(&SHA256, sender.as_bytes());
    u64::from_be_bytes(hash.as_ref()[..8].try_into().expect("SHA-256 has 32 bytes"))
}

/// Who writes a part, until somebody else goes on with it.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    last: Arc<Mutex<u64>>,
    /// Which of those who went on with it this is.
    turn: u64,
}

impl Writer {
    /// While this is held nobody else writes.
    pub(crate) fn take_turn(&self) -> Result<MutexGuard<'_, u64>, AttachmentError> {
        let last = lock(&self.last);
        if *last == self.turn { Ok(last) } else { Err(AttachmentError::TakenOver) }
    }
}

/// A part that is being written.
#[derive(Debug)]
pub(crate) struct Lease {
    blobs: Arc<Blobs>,
    name: PartName,
    writer: Writer,
    has_resumed: bool,
}

impl Lease {
    pub(crate) fn id(&self) -> BlobId {
        self.name.id
    }

    /// Whether some of it had come before.
    pub(crate) fn has_resumed(&self) -> bool {
        self.has_resumed
    }

    pub(crate) fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// Its file is gone, or is a blob.
    pub(crate) fn has_gone(&self, state: &mut State) {
        if let Some(part) = state.parts.get_mut(&self.name) {
            part.len = 0;
        }
    }
}

impl Drop for Lease {
    /// What was about to come and did not counts no more.
    fn drop(&mut self) {
        let mut state = self.blobs.state();
        // Who waits for their turn has it too.
        let Some(part) = state.parts.get_mut(&self.name).filter(|part| Arc::strong_count(&part.writer) == 2) else {
            return;
        };
        match self.blobs.part_len(&self.name) {
            Ok(0) | Err(_) if part.len == 0 => drop(state.parts.remove(&self.name)),
            Ok(came) => part.len = came,
            Err(error) => tracing::warn!(%error, "what came of an attachment cannot be looked at"),
        }
    }
}

impl Blobs {
    /// How much of a blob `sender` has sent before, in bytes.
    pub fn received(&self, id: BlobId, sender: &str) -> io::Result<u64> {
        self.part_len(&PartName::new(sender, id))
    }

    /// Whether somebody is about to write more of what `sender` sends.
    pub fn is_under_way(&self, id: BlobId, sender: &str) -> bool {
        let state = self.state();
        state.parts.get(&PartName::new(sender, id)).is_some_and(|part| Arc::strong_count(&part.writer) > 1)
    }

    fn part_len(&self, name: &PartName) -> io::Result<u64> {
        match fs::metadata(self.folder.join(name.file())) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Goes on with a blob from `at` on, as its `sender` says, which will be `len` bytes long; begins it where
    /// `at` is 0. Whoever had been writing it does not any more. Blocks for as long as it takes to read what
    /// came before.
    ///
    /// # Errors
    /// Less than `at` is here, or with `len` it is more than the sender may have that no document holds.
    pub fn resume(self: &Arc<Self>, id: BlobId, sender: &str, at: u64, len: u64) -> Result<Incoming, AttachmentError> {
        files::ensure_directory(&self.folder)?;
        let name = PartName::new(sender, id);
        let mut lease = self.lease(name, sender, len)?;
        let last = lease.writer.last.clone();
        let mut turn = lock(&last);
        *turn += 1;
        lease.writer.turn = *turn;
        // Whoever wrote it until now may have ended it.
        self.count_part(name, counted(len));
        let path = self.folder.join(name.file());
        let opened = if at == 0 { DataFile::create(&path) } else { DataFile::open(&path, true) };
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.count_part(name, 0);
                return Err(AttachmentError::Ahead { received: 0 });
            }
            opened => opened?,
        };
        let received = file.len_bytes()?;
        if at > received {
            return Err(AttachmentError::Ahead { received });
        }
        file.set_len(at)?;
        let hash = hash_until(&file, at)?;
        lease.has_resumed = at > 0;
        Ok(Incoming::go_on(self.clone(), file, path, (hash, at), lease))
    }

    fn lease(self: &Arc<Self>, name: PartName, sender: &str, len: u64) -> Result<Lease, AttachmentError> {
        let mut state = self.state();
        state.check_room(sender, &name.id, len)?;
        let part = state.parts.entry(name).or_default();
        part.len = counted(len);
        let writer = Writer { last: part.writer.clone(), turn: 0 };
        Ok(Lease { blobs: self.clone(), name, writer, has_resumed: false })
    }

    fn count_part(&self, name: PartName, len: u64) {
        if let Some(part) = self.state().parts.get_mut(&name) {
            part.len = len;
        }
    }

    /// Removes what came of blobs, and that nobody has gone on with for [`limits::PART_KEPT_MS`].
    pub fn remove_old_parts(&self, now_ms: u64) -> io::Result<()> {
        let mut state = self.state();
        let is_left = |part: &Part| Arc::strong_count(&part.writer) == 1;
        let left: Vec<_> = state.parts.iter().filter(|(_, part)| is_left(part)).map(|(name, _)| *name).collect();
        for name in left {
            let path = self.folder.join(name.file());
            match written_ms(&path)? {
                // One of a time to come was written before the clock was set back.
                Some(ms) if ms.abs_diff(now_ms) < limits::PART_KEPT_MS => continue,
                Some(_) => files::remove(&path)?,
                None => {}
            }
            state.parts.remove(&name);
        }
        Ok(())
    }
}

/// When the file was written last, in ms since the epoch; `None` if it is not there.
fn written_ms(path: &Path) -> io::Result<Option<u64>> {
    match fs::metadata(path).and_then(|metadata| metadata.modified()) {
        Ok(modified) => {
            let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Ok(Some(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn hash_until(file: &DataFile, end: u64) -> io::Result<Context> {
    let (mut hash, mut piece, mut at) = (Context::new(&SHA256), vec![0; PIECE_BYTES], 0);
    while at < end {
        let count = usize::try_from(end - at).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        file.read_exact_at(&mut piece[..count], at)?;
        hash.update(&piece[..count]);
        at += count as u64;
    }
    Ok(hash)
}

fn lock(writer: &Mutex<u64>) -> MutexGuard<'_, u64> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}
