//! A blob that is on its way: written to a file without a name of its own while it is hashed.
//!
//! Invariant: when [`Incoming::finish`] returns, the blob is durable under its name; whoever drops
//! one before leaves nothing, or what came of it for whoever goes on ([`Blobs::resume`]).

use std::{path::PathBuf, sync::Arc};

use files::DataFile;
use ring::digest::{Context, SHA256};

use crate::{
    AttachmentError, BlobId, Blobs, limits,
    note::Note,
    part::{Lease, Writer},
    state::{State, Upload},
};

/// A blob that is being written.
pub struct Incoming {
    blobs: Arc<Blobs>,
    file: DataFile,
    /// `None` once it has its name.
    path: Option<PathBuf>,
    hash: Context,
    len: u64,
    /// As far as it is on its way to the disk.
    written_back: u64,
    /// Where it comes in parts, the right to write this one.
    part: Option<Lease>,
}

/// What was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub id: BlobId,
    /// Its length in bytes.
    pub len: u64,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").field("path", &self.path).field("len", &self.len).finish_non_exhaustive()
    }
}

impl Incoming {
    pub(crate) fn create(blobs: Arc<Blobs>, path: PathBuf) -> std::io::Result<Self> {
        let file = DataFile::create(&path)?;
        Ok(Self { blobs, file, path: Some(path), hash: Context::new(&SHA256), len: 0, written_back: 0, part: None })
    }

    /// Goes on with `file`, of which `len` bytes have come that `hash` has seen.
    pub(crate) fn go_on(
        blobs: Arc<Blobs>,
        file: DataFile,
        path: PathBuf,
        (hash, len): (Context, u64),
        part: Lease,
    ) -> Self {
        Self { blobs, file, path: Some(path), hash, len, written_back: len, part: Some(part) }
    }

    /// How much has come, in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.len
    }

    /// Adds what comes next.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), AttachmentError> {
        let writer = self.part.as_ref().map(Lease::writer);
        let _turn = writer.as_ref().map(Writer::take_turn).transpose()?;
        if let Err(error) = self.file.write_all_at(bytes, self.len).map_err(AttachmentError::from) {
            if matches!(error, AttachmentError::DiskFull) {
                self.give_up();
            }
            return Err(error);
        }
        self.hash.update(bytes);
        self.len += bytes.len() as u64;
        let behind = self.len - self.written_back;
        if behind >= limits::WRITEBACK_BYTES {
            self.file.begin_writeback(self.written_back, behind);
            self.written_back = self.len;
        }
        Ok(())
    }

    /// Gives it its name, durably. Whoever had uploaded the same before loses nothing; a damaged file
    /// of that name is replaced. One that came in parts has to be what its id says.
    pub fn finish(mut self, uploader: &str, now_ms: u64) -> Result<Stored, AttachmentError> {
        let writer = self.part.as_ref().map(Lease::writer);
        let _turn = writer.as_ref().map(Writer::take_turn).transpose()?;
        let digest = self.hash.clone().finish();
        let id = BlobId(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"));
        if let Some(part) = self.part.as_ref().filter(|part| part.id() != id) {
            let resumed = part.has_resumed();
            self.give_up();
            return Err(AttachmentError::NotItsName { resumed });
        }
        self.file.sync_all()?;
        self.enter(&id, uploader, now_ms)?;
        files::sync_directory(&self.blobs.folder)?;
        Ok(Stored { id, len: self.len })
    }

    fn enter(&mut self, id: &BlobId, uploader: &str, now_ms: u64) -> Result<(), AttachmentError> {
        let blobs = self.blobs.clone();
        let mut state = blobs.state();
        let by = uploaders(&state, id, uploader);
        state.check_room(uploader, id, self.len)?;
        let Some(path) = &self.path else { return Ok(()) };
        let (named, before) = (blobs.path(id), std::fs::metadata(blobs.path(id)).ok().map(|known| known.len()));
        files::rename(path, &named)?;
        self.path = None;
        // Without one it is not known after a restart whose it is.
        if let Err(error) = Note::new(now_ms, by.clone()).write(&blobs.folder, id) {
            tracing::warn!(%error, %id, "the note of an attachment cannot be written");
        }
        if let Some(part) = &self.part {
            part.has_gone(&mut state);
        }
        state.count += u64::from(before.is_none());
        state.bytes = state.bytes + self.len - before.unwrap_or(0);
        let touched = state.sweep;
        state.uploads.insert(*id, Upload { len: self.len, since_ms: now_ms, by, is_held: false, touched });
        Ok(())
    }
}

impl Incoming {
    /// Nothing of it is kept.
    fn give_up(&mut self) {
        let Some(path) = self.path.take() else { return };
        match files::remove(&path) {
            Ok(()) => {
                if let Some(part) = &self.part {
                    part.has_gone(&mut self.blobs.state());
                }
            }
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "an upload that was given up cannot be removed")
            }
        }
    }
}

/// Who uploaded it, `uploader` among them.
fn uploaders(state: &State, id: &BlobId, uploader: &str) -> Vec<String> {
    let mut by = state.uploads.get(id).map(|known| known.by.clone()).unwrap_or_default();
    if !by.iter().any(|known| known == uploader) && by.len() < limits::UPLOADERS_MAX {
        by.push(uploader.to_owned());
    }
    by
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.part.is_none() {
            self.give_up();
        }
    }
}
