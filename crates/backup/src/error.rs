//! Why a backup cannot be written, read or put back.

use std::path::PathBuf;

/// Why something about a backup failed. What was there before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
    /// There is something else.
    #[error("{path} is no folder of backups: it has no backup.json, and is not empty, as one for the first backup is")]
    NotABackup {
        /// The folder.
        path: PathBuf,
    },
    /// There is nothing.
    #[error("there is no backup in {path}")]
    NoBackup {
        /// The folder.
        path: PathBuf,
    },
    /// No backup was ever finished there, or none of that name.
    #[error("{path} has no point{}", name.as_ref().map(|name| format!(" {name}")).unwrap_or_default())]
    NoPoint {
        /// The folder.
        path: PathBuf,
        /// Which was asked for.
        name: Option<String>,
    },
    /// Of a newer version.
    #[error(
        "{path} has format {found}; this version reads up to {known}: use the version that wrote it, or a newer one"
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest we know.
        known: u32,
    },
    /// It is not what was written.
    #[error("the backup is damaged: {path}: {message}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A name that would leave the target, or is none.
    #[error("the backup is not to be trusted: {path} names {name:?}, which {why}")]
    BadName {
        /// The manifest.
        path: PathBuf,
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another data directory's.
    #[error("the backups in {path} are of another data directory; name a folder of its own for this one")]
    OtherDataDirectory {
        /// The folder.
        path: PathBuf,
    },
    /// Exports of an app and backups of a server do not go into one folder: whoever restores the newest
    /// point would miss the others' apps.
    #[error(
        "{path} has {}: name a folder of its own for this",
        has.as_ref().map_or("backups of a whole server".to_owned(), |app| format!("exports of app {app:?}"))
    )]
    OtherContents {
        /// The folder.
        path: PathBuf,
        /// Of which app exports are in it; `None`: backups.
        has: Option<String>,
    },
    /// It lacks the app.
    #[error("there is no app {app:?} in {path}{}", named(there))]
    NoApp {
        /// What was looked at.
        path: PathBuf,
        /// What was wanted.
        app: String,
        /// The apps that are there.
        there: Vec<String>,
    },
    /// The app that is to be exported cannot be copied.
    #[error("app {app:?} cannot be exported: {reason}")]
    AppNotCopied {
        /// Which.
        app: String,
        /// Why.
        reason: String,
    },
    /// It is a copy of a data directory, and a point or a passphrase was given.
    #[error("{path} is a data directory, not a folder of backups: it has neither points nor a passphrase")]
    NoPoints {
        /// The copy.
        path: PathBuf,
    },
    /// It is no copy: it is in use.
    #[error("a server runs on {path}: stop it, or take a backup (headwater backup, headwater app export)")]
    ServerRuns {
        /// The data directory.
        path: PathBuf,
    },
    /// A link, or a device, in a copy.
    #[error("{path} is neither a file nor a folder: it is not a server's")]
    NotPlain {
        /// What it is.
        path: PathBuf,
    },
    /// Another process writes or prunes.
    #[error("{path} is in use: another backup or prune is under way")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// One is in the other.
    #[error(
        "{target} and the data directory {data_dir} are one inside the other: name a folder elsewhere, best on another disk"
    )]
    InsideDataDirectory {
        /// The folder of backups.
        target: PathBuf,
        /// The data directory.
        data_dir: PathBuf,
    },
    /// The folder that a backup is to be put into has something in it.
    #[error("{path} is not empty: a backup is put into a new folder only")]
    TargetNotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The secrets do not open.
    #[error("the passphrase is wrong, or the secrets of the backup are damaged")]
    WrongPassphrase,
    /// It cannot be used.
    #[error("the passphrase {0}")]
    BadPassphrase(&'static str),
    /// A passphrase was given, and there is nothing to open with it.
    #[error("this backup has no secrets: it was taken without a passphrase")]
    NoSecrets,
    /// The documents cannot be made.
    #[error(transparent)]
    Store(#[from] store::OpenError),
    /// Whoever asked for it wants it no more.
    #[error("stopped")]
    Stopped,
}

/// How many apps an error names.
const NAMED_MAX: usize = 10;

fn named(apps: &[String]) -> String {
    let more = if apps.len() > NAMED_MAX { ", …" } else { "" };
    match apps {
        [] => ": it has none".to_owned(),
        apps => format!("; it has {}{more}", apps[..apps.len().min(NAMED_MAX)].join(", ")),
    }
}

impl Error {
    /// For `map_err`.
    pub(crate) fn io(act: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { act, path, source }
    }

    pub(crate) fn damaged(path: &std::path::Path, message: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), message: message.into() }
    }
}
