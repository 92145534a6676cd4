//! What is noted of a blob that no document holds: since when, and who uploaded it.
//!
//! A note is a small file of its own, `unheld/<id>`; it goes when a document holds the blob. One that
//! is lost or damaged does no harm: the blob stays for longer, and who uploaded it uploads it again.

use std::{
    io,
    path::{Path, PathBuf},
};

use files::DataFile;
use serde::{Deserialize, Serialize};

use crate::BlobId;

/// The folder of the notes, in the one of the blobs.
pub(crate) const UNHELD: &str = "unheld";

const VERSION: u8 = 1;

/// A note, as it is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    version: u8,
    /// In ms since the epoch.
    pub(crate) since_ms: u64,
    /// Names of keys, the first uploader first.
    pub(crate) by: Vec<String>,
}

impl Note {
    pub(crate) fn new(since_ms: u64, by: Vec<String>) -> Self {
        Self { version: VERSION, since_ms, by }
    }

    pub(crate) fn read(folder: &Path, id: &BlobId) -> Option<Self> {
        let bytes = files::read(&path(folder, id)).ok()??;
        serde_json::from_slice(&bytes).ok().filter(|note: &Self| note.version == VERSION)
    }

    pub(crate) fn write(&self, folder: &Path, id: &BlobId) -> io::Result<()> {
        files::ensure_directory(&folder.join(UNHELD))?;
        let text = serde_json::to_vec(self).map_err(io::Error::other)?;
        // Not synced: an upload would wait for the disk once more.
        DataFile::create(&path(folder, id))?.write_all_at(&text, 0)
    }

    /// Removes the note, if there is one.
    pub(crate) fn remove(folder: &Path, id: &BlobId) -> io::Result<()> {
        match files::remove(&path(folder, id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

/// Whether a blob is noted in `folder` that no document held at that time, in ms since the epoch.
pub fn has_unheld_since(folder: &Path, ms: u64) -> bool {
    // What cannot be read is told by whoever opens it.
    let entries = std::fs::read_dir(folder.join(UNHELD)).into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id| Note::read(folder, &id)).any(|note| note.since_ms <= ms)
}

fn path(folder: &Path, id: &BlobId) -> PathBuf {
    folder.join(UNHELD).join(id.to_string())
}
