//! The manifest of a point: everything that a data directory needs, and which parts it is made of.
//!
//! ```text
//! {"version":1,"crc32c":"…"}
//! {"point":"…","takenMs":…,"dataDirectory":"…","server":"0.1.0","apps":[…],"leftOut":[],"files":[…],
//!  "attachments":[],"secrets":null}
//! ```
//! A file is the bytes of its parts, one after the other. An app whose journal was trimmed has its
//! documents as a stream ([`crate::documents`]). Attachments are files too, in a list of their own,
//! by app and id: what an id names never changes, so that each is copied once.
//!
//! Invariant: one that was read has names and parts that may be used as they are.

use std::{collections::BTreeSet, path::Path};

use files::{Sealed, UnsealError};
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    limits::{MANIFEST_BYTES_MAX, PART_BYTES_MAX},
    names::fault_of_path,
};

/// The format that this version writes, of manifests and of `backup.json`.
pub(crate) const VERSION: u32 = 1;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Manifest {
    /// The point whose it is; empty of those that do not say it.
    #[serde(default)]
    pub(crate) point: String,
    /// When it was begun, ms since the epoch.
    pub taken_ms: u64,
    /// Of which data directory it is.
    pub data_directory: String,
    /// The version of the server that took it.
    pub server: String,
    /// The apps, sorted by name.
    pub apps: Vec<ManifestApp>,
    /// The apps that could not be copied, or not whole: those are among the apps too.
    pub left_out: Vec<LeftOut>,
    pub(crate) files: Vec<FileEntry>,
    pub(crate) attachments: Vec<FileEntry>,
    pub(crate) secrets: Option<SecretsEntry>,
}

/// An app as the backup has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ManifestApp {
    /// Its name.
    pub name: String,
    /// Its random number for life, hex.
    pub instance: String,
    /// Its newest transaction; 0 if there is none.
    pub newest_txn: u64,
    /// When that was committed, ms since the epoch.
    pub newest_commit_ms: u64,
    /// The offset of its oldest event.
    pub log_start: u64,
    /// The offset behind its newest event.
    pub next_offset: u64,
    pub(crate) documents: Option<DocumentsStream>,
}

/// An app that is not in the backup, or not whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LeftOut {
    /// Its name.
    pub app: String,
    /// Why.
    pub reason: String,
}

/// A file of the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct FileEntry {
    /// `/` between the names.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// Of a segment that never changes again: the SHA-256 of what it is known by, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<String>,
    pub(crate) parts: Vec<Part>,
}

/// What is kept of an app's documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct DocumentsStream {
    pub(crate) entries: u64,
    pub(crate) parts: Vec<Part>,
}

/// What only a passphrase opens ([`crate::secrets`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SecretsEntry {
    pub(crate) rounds: u32,
    pub(crate) salt: String,
    pub(crate) nonce: String,
    pub(crate) part: Part,
}

/// A file in `parts/`: SHA-256 as hex, and how many bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Part(pub(crate) String, pub(crate) u64);

impl Manifest {
    /// Every part, as often as it is used.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part> {
        let of_files = self.files.iter().chain(&self.attachments).flat_map(|file| &file.parts);
        let of_documents = self.apps.iter().filter_map(|app| app.documents.as_ref()).flat_map(|stream| &stream.parts);
        of_files.chain(of_documents).chain(self.secrets.iter().map(|secrets| &secrets.part))
    }

    /// Bytes of a data directory that is made of it.
    pub fn bytes(&self) -> u64 {
        self.parts().map(|part| part.1).sum()
    }

    /// Whether private keys and tokens are in it, encrypted.
    pub fn has_secrets(&self) -> bool {
        self.secrets.is_some()
    }

    pub(crate) fn seal(&self) -> String {
        files::seal(VERSION, &serde_json::to_string(self).expect("it is plain data"))
    }

    /// Reads the one at `path`, and checks every name in it.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let body = read_sealed(path)?.ok_or_else(|| Error::damaged(path, "it is missing"))?;
        let manifest: Self = serde_json::from_str(&body).map_err(|error| Error::damaged(path, error.to_string()))?;
        manifest.check(path)?;
        Ok(manifest)
    }

    fn check(&self, path: &Path) -> Result<(), Error> {
        let bad = |name: &str, why| Error::BadName { path: path.to_owned(), name: name.to_owned(), why };
        let mut names = BTreeSet::new();
        for FileEntry { path: name, bytes, parts, .. } in self.files.iter().chain(&self.attachments) {
            if let Some(why) = fault_of_path(name) {
                return Err(bad(name, why));
            }
            if !names.insert(name.as_str()) {
                return Err(bad(name, "stands there twice"));
            }
            if parts.iter().map(|part| u128::from(part.1)).sum::<u128>() != u128::from(*bytes) {
                return Err(Error::damaged(path, format!("the parts of {name} have another length than it has")));
            }
        }
        for app in &self.apps {
            store::AppName::new(&app.name).map_err(|_| bad(&app.name, "is no app's name"))?;
        }
        for Part(name, bytes) in self.parts() {
            let is_hash = name.len() == 64 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            if !is_hash {
                return Err(bad(name, "is no part's name"));
            }
            if *bytes > PART_BYTES_MAX {
                return Err(Error::damaged(path, format!("it has a part of {bytes} bytes")));
            }
        }
        Ok(())
    }
}

/// The body of a sealed file of this format; `None` if there is no file.
pub(crate) fn read_sealed(path: &Path) -> Result<Option<String>, Error> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > MANIFEST_BYTES_MAX => return Err(Error::damaged(path, "it is too large")),
        _ => {}
    }
    let Some(bytes) = files::read(path).map_err(Error::io("cannot read", path))? else { return Ok(None) };
    match files::unseal(&bytes, VERSION) {
        Ok(Sealed::Whole { body, .. }) => Ok(Some(body.to_owned())),
        Ok(Sealed::Unsealed) => Err(Error::damaged(path, "it has no checksum")),
        Err(UnsealError::NewerFormat { found, known }) => {
            Err(Error::NewerFormat { path: path.to_owned(), found, known })
        }
        Err(UnsealError::Damaged(why)) => Err(Error::damaged(path, why)),
    }
}
