//! Why a data directory, or an app in it, cannot be opened.

use std::path::PathBuf;

use crate::journal::segment::{self, SegmentError};

/// Why a data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A server has it, or a command that does without one.
    #[error("{path} is in use by another process{}", pid.map(|p| format!(" (pid {p})")).unwrap_or_default())]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Who, if it says.
        pid: Option<u32>,
    },
    /// A file cannot be read or written.
    #[error("{act} {path}: {source}")]
    Io {
        /// What was tried, as in "cannot create".
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The journal is damaged before its end.
    #[error("the journal is damaged: {path} at byte {at}: {message}")]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where in it.
        at: u64,
        /// What is wrong.
        message: String,
    },
    /// The documents know of a journal, and there is none.
    #[error(
        "the journal {path} is missing: the documents know {applied_frames} frames of it; is a volume not mounted?"
    )]
    JournalMissing {
        /// Where it should be.
        path: PathBuf,
        /// What the documents have seen of it.
        applied_frames: u64,
    },
    /// The documents are not of the journal beside them.
    #[error("the documents in {path} are of another app's journal, or of another life of this one")]
    OtherInstance {
        /// Their directory.
        path: PathBuf,
    },
    /// The register of apps is damaged.
    #[error("the register of apps {path} is damaged: {message}")]
    Register {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The document engine cannot be opened.
    #[error("the documents in {path} cannot be opened: {message}")]
    Engine {
        /// Its directory.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// Written by a newer version.
    #[error("{path} has format {found}; this version reads up to {known}")]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest we know.
        known: u32,
    },
}

impl From<SegmentError> for OpenError {
    fn from(error: SegmentError) -> Self {
        match error {
            SegmentError::Io { act, path, source } => Self::Io { act, path, source },
            SegmentError::Damaged { path, at, message } => Self::Damaged { path, at, message },
            SegmentError::NewerFormat { path, found } => Self::NewerFormat { path, found, known: segment::VERSION },
        }
    }
}
