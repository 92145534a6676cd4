//! Attachments: files that documents refer to by tokens, apart from the documents.
//!
//! ```text
//! new_attachment ──> folder ──> a document gets the token ──> the core asks for the upload ──> server
//! fetch_attachment <── folder <── server, where it went on as far as it had come
//! ```
//! Invariants: a token's file is durable here before its token can be written, and at the server before the
//! token is pushed; what is fetched is what its token says, or is not there.
//! Not here: when a token may be pushed (`peer-core`), documents.

mod fetch;
pub(crate) mod fetches;
pub(crate) mod folder;
mod upload;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

pub(crate) use self::{
    fetch::{FetchError, Waiting},
    folder::Folder,
    upload::{Uploaded, start as start_upload},
};
use crate::{Error, connection::Server, readers::Readers};

/// What stands in a document for a file. As JSON it is the value of a field of
/// [`FieldType::Attachment`](crate::FieldType::Attachment).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachmentToken {
    /// The SHA-256 of the file, as base64url without padding.
    pub id: String,
    /// How long it is, in bytes.
    pub len: u64,
    /// Whatever an app says of it: a name, a type.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// A file that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    token: AttachmentToken,
    path: PathBuf,
}

impl AttachmentToken {
    /// The token that is the value of a document's field.
    ///
    /// # Errors
    /// It is none.
    pub fn from_value(value: &serde_json::Value) -> Result<Self, Error> {
        Self::deserialize(value).map_err(|error| Error::Value { why: format!("it is no attachment's token: {error}") })
    }
}

impl Attachment {
    pub(crate) fn new(token: AttachmentToken, path: PathBuf) -> Self {
        Self { token, path }
    }

    /// What a document refers to it by.
    pub fn token(&self) -> &AttachmentToken {
        &self.token
    }

    /// Where it is. It is not to be changed, and may go when no document refers to it for a day:
    /// [`Attachment::copy_to`] keeps it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.path)
    }

    /// Copies it to a file of the app's.
    ///
    /// # Errors
    /// It cannot be read, or the other not be written.
    pub fn copy_to(&self, path: impl AsRef<Path>) -> io::Result<()> {
        fs::copy(&self.path, path).map(drop)
    }
}

/// The files of a peer, and the way to the server's.
#[derive(Debug)]
pub(crate) struct Attachments {
    pub(crate) folder: Folder,
    pub(crate) server: Option<Server>,
    readers: Arc<Readers>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whom the server knows.
    token: Option<String>,
    /// What is being fetched.
    under_way: BTreeSet<String>,
    queue: fetches::Queue,
    is_closed: bool,
}

impl Attachments {
    pub(crate) fn new(folder: Folder, server: Option<Server>, token: Option<String>, readers: Arc<Readers>) -> Self {
        let state = State { token, ..State::default() };
        Self { folder, server, readers, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// A newer token of the user.
    pub(crate) fn authenticate(&self, token: String) {
        self.state().token = Some(token);
    }

    /// Nothing more is fetched.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    fn authorization(&self) -> Option<(&'static str, String)> {
        self.state().token.as_ref().map(|token| ("Authorization", format!("Bearer {token}")))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
