//! Why credentials cannot be read, made or changed.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why credentials cannot be read, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read or written.
    #[error("{act} {path}: {source}")]
    Io {
        /// What was tried, as in "cannot read".
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} cannot be used: {message}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// There is one of that name already.
    #[error("there is a {kind} named {name:?} already")]
    Exists {
        /// `key` or `user`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// There is none of that name.
    #[error("there is no {kind} named {name:?}")]
    NotFound {
        /// `key`, `user` or `certificate`.
        kind: &'static str,
        /// The name; a certificate's serial.
        name: String,
    },
    /// A user's files need a directory of their own.
    #[error("the directory {path} is not empty; a user's files need a directory of their own")]
    DirectoryNotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// A user's files cannot be among those of the server.
    #[error(
        "the directory {path} is in the server's data directory; a user's files go elsewhere, or into the user's own place there"
    )]
    DirectoryOfServer {
        /// The directory.
        path: PathBuf,
    },
    /// The HTTP API is not opened again while there are keys.
    #[error("there are API keys ({}); revoke them first", names.join(", "))]
    KeysExist {
        /// Their names.
        names: Vec<String>,
    },
    /// Who asks did not show that they have the data directory.
    #[error("this is done on the server's own machine only, with `headwater key open-again`")]
    NotOnDisk,
    /// Not a usable name.
    #[error("{message}")]
    BadName {
        /// Why.
        message: String,
    },
    /// A certificate or TLS library refused.
    #[error("{act}: {message}")]
    Certificate {
        /// What was tried.
        act: &'static str,
        /// Why it failed.
        message: String,
    },
}

impl CredentialsError {
    pub(crate) fn io(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { act, path: path.to_owned(), source }
    }

    pub(crate) fn file(path: &Path, message: impl ToString) -> Self {
        Self::File { path: path.to_owned(), message: message.to_string() }
    }

    pub(crate) fn certificate<E: ToString>(act: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Certificate { act, message: error.to_string() }
    }

    pub(crate) fn bad_name(message: impl ToString) -> Self {
        Self::BadName { message: message.to_string() }
    }
}
