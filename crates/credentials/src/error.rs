//! Why credentials cannot be read, made or changed.

use std::{
    io,
    path::{Path, PathBuf},
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::FormerCertificate;

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
    /// The authority is being replaced already.
    #[error(
        "the certificate authority is being replaced already: finish that first, with `headwater credentials rotate --finish`"
    )]
    RotationUnderWay,
    /// The authority is not being replaced.
    #[error("the certificate authority is not being replaced: `headwater credentials rotate --ca` begins that")]
    NoRotation,
    /// What was brought along is not an authority that can be in force here.
    #[error("{message}")]
    AuthorityUnusable {
        /// The file, and what is wrong with it.
        message: String,
    },
    /// The authority that was brought along is the one in force.
    #[error("that is the certificate authority in force: its key is the same")]
    SameAuthority,
    /// Certificates of the former authority are needed still.
    #[error("{}", former_in_use(needed))]
    FormerInUse {
        /// Which.
        needed: Vec<FormerCertificate>,
    },
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

/// Certificates that are named in a message; the rest is counted.
const NAMED_MAX: usize = 10;

fn former_in_use(needed: &[FormerCertificate]) -> String {
    let named = |FormerCertificate { certificate, seen, .. }: &FormerCertificate| {
        let seen = match (seen.connections, seen.last_ms) {
            (0, None) => "not seen since the server's start".to_owned(),
            (0, Some(ms)) => format!("last seen {}", date_time(ms)),
            (1, _) => "1 connection now".to_owned(),
            (connections, _) => format!("{connections} connections now"),
        };
        format!("{}@{} (serial {}, {seen})", certificate.user, certificate.app, certificate.serial)
    };
    let shown: Vec<String> = needed.iter().take(NAMED_MAX).map(named).collect();
    let more = match needed.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!(
        "these certificates of the former authority are needed still: {}{more}; give their consumers the new files, or revoke them, or \
         refuse them from now on with --force",
        shown.join(", ")
    )
}

fn date_time(ms: u64) -> String {
    let time = i64::try_from(ms / 1000).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{ms} ms"))
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
