//! What is kept in memory of an app's blobs: totals, who is about to refer to one, and of those that
//! no document holds since when, and whose they are.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use crate::{AttachmentError, BlobId, limits, part::PartName};

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    /// How many are about to refer to it.
    pub(crate) holds: HashMap<BlobId, usize>,
    pub(crate) uploads: HashMap<BlobId, Upload>,
    /// What came in part.
    pub(crate) parts: HashMap<PartName, Part>,
    /// How often it was looked through for blobs that nobody holds.
    pub(crate) sweep: u64,
    pub(crate) collected: u64,
    pub(crate) collected_bytes: u64,
}

/// A blob that no document holds, or of which it is still known who uploaded it.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) len: u64,
    pub(crate) since_ms: u64,
    /// It counts to each of them: to one alone, another would learn from what counts to them that it was there.
    pub(crate) by: Vec<String>,
    /// Whether a document held it when somebody last looked.
    pub(crate) is_held: bool,
    /// During which sweep somebody had to do with it last: that one does not remove it.
    pub(crate) touched: u64,
}

impl Upload {
    pub(crate) fn is_by(&self, uploader: &str) -> bool {
        self.by.iter().any(|known| known == uploader)
    }
}

/// What came of a blob, or is about to.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// What it counts toward its sender's bound, in bytes.
    pub(crate) len: u64,
    /// Who writes to it, and has its file while it does: the last who went on with it.
    pub(crate) writer: Arc<Mutex<u64>>,
}

impl State {
    /// What `uploader` has in blobs that no document holds and in parts of some, in bytes, without
    /// `except`.
    pub(crate) fn unheld_bytes(&self, uploader: &str, except: Option<&BlobId>) -> u64 {
        let is_theirs =
            |(known, upload): &(&BlobId, &Upload)| Some(*known) != except && !upload.is_held && upload.is_by(uploader);
        let whole = self.uploads.iter().filter(is_theirs).map(|(_, upload)| counted(upload.len));
        let parts = self.parts.iter().filter(|(name, _)| name.is_of(uploader) && except != Some(&name.id));
        whole.chain(parts.map(|(_, part)| counted(part.len))).sum()
    }

    /// Whether `uploader` may have `len` bytes more that no document holds, of this blob.
    pub(crate) fn check_room(&self, uploader: &str, id: &BlobId, len: u64) -> Result<(), AttachmentError> {
        let held_bytes = self.unheld_bytes(uploader, Some(id));
        if held_bytes + counted(len) <= limits::UNHELD_BYTES_MAX {
            return Ok(());
        }
        let (uploader, bytes_max) = (uploader.to_owned(), limits::UNHELD_BYTES_MAX);
        Err(AttachmentError::TooMuchUnheld { uploader, held_bytes, bytes_max })
    }

    /// Whether one of theirs is to go at the next sweep.
    pub(crate) fn has_overdue(&self, uploader: &str, now_ms: u64, grace_ms: u64) -> bool {
        let is_overdue = |upload: &Upload| !upload.is_held && upload.since_ms.saturating_add(grace_ms) <= now_ms;
        self.uploads.values().filter(|upload| upload.is_by(uploader)).any(is_overdue)
    }
}

/// What a blob of `len` bytes counts.
pub(crate) fn counted(len: u64) -> u64 {
    len.max(limits::UNHELD_BYTES_EACH_MIN)
}
