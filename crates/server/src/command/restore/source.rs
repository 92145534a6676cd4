//! What is restored: a backup, or a copy of a data directory that was made while no server ran on it.
//!
//! Not here: how a backup is laid out (crate `backup`).

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use backup::{Backup, Course, Passphrase, PointName};

/// The register of apps, by which a data directory is known.
const REGISTER: &str = "apps.json";

/// Held by the server that runs on a directory.
const LOCK: &str = "lock";

/// What a server leaves that is of no use to the next.
const OF_ITS_RUN: [&str; 2] = [LOCK, "run.json"];

/// See the module.
pub(in crate::command) enum Source {
    /// One of a folder's backups.
    Backup {
        /// The folder.
        backup: Box<Backup>,
        /// Which.
        point: PointName,
        /// What opens its secrets.
        passphrase: Option<Passphrase>,
    },
    /// A whole data directory.
    Copy(PathBuf),
}

/// What was put there.
pub(in crate::command) struct Fetched {
    /// As it is told: "backup 2026…", or "a copy of a data directory".
    pub(in crate::command) what: String,
    /// When it was taken, in ms since the epoch, if that is known.
    pub(in crate::command) taken_ms: Option<u64>,
    /// Apps that are not there, each with why.
    pub(in crate::command) left_out: Vec<(String, String)>,
    /// Whether keys, certificates and tokens are there; if not, why.
    pub(in crate::command) secrets_missing: Option<&'static str>,
}

impl Source {
    /// Looks what is in `from`.
    pub(in crate::command) fn find(
        from: &Path,
        point: Option<PointName>,
        passphrase_file: Option<&Path>,
    ) -> anyhow::Result<Self> {
        if from.join(REGISTER).is_file() {
            ensure!(
                point.is_none() && passphrase_file.is_none(),
                "{} is a data directory, not a folder of backups: it has neither points nor a passphrase",
                from.display()
            );
            return Ok(Self::Copy(from.to_owned()));
        }
        let backup = Box::new(Backup::open(from)?);
        let point = point.map_or_else(|| backup.newest().cloned(), Ok)?;
        let passphrase = passphrase_file.map(Passphrase::of_file).transpose()?;
        Ok(Self::Backup { backup, point, passphrase })
    }

    /// The apps that it has.
    pub(in crate::command) fn apps(&self) -> anyhow::Result<Vec<String>> {
        match self {
            Self::Backup { backup, point, .. } => {
                Ok(backup.manifest(point)?.apps.into_iter().map(|app| app.name).collect())
            }
            Self::Copy(from) => {
                Ok(store::registered_apps(from)?.into_iter().map(|app| app.as_str().to_owned()).collect())
            }
        }
    }

    /// Makes a data directory of it in `dir`, which is missing.
    pub(in crate::command) fn fetch(&self, dir: &Path) -> anyhow::Result<Fetched> {
        match self {
            Self::Backup { backup, point, passphrase } => {
                let taken_ms = Some(backup.manifest(point)?.taken_ms);
                let made = backup.extract_point_into(point, dir, passphrase.as_ref(), &mut |_| Course::GoOn)?;
                let missing = match made.has_secrets {
                    true => "they are in the backup: --passphrase-file brings them",
                    false => "the backup has none: it was taken without a passphrase",
                };
                Ok(Fetched {
                    what: format!("backup {}", made.point),
                    taken_ms,
                    left_out: made.left_out.into_iter().map(|app| (app.app, app.reason)).collect(),
                    secrets_missing: (!made.secrets_are_there).then_some(missing),
                })
            }
            Self::Copy(from) => {
                let _held = hold(from)?;
                copy(from, dir, true)?;
                let what = "a copy of a data directory".to_owned();
                // The server that had it ran until then at least.
                let taken_ms = store::noted_time_ms(dir)?;
                Ok(Fetched { what, taken_ms, left_out: Vec::new(), secrets_missing: None })
            }
        }
    }
}

/// Keeps a server from starting on the copy, if it may be written to; refuses one that a server runs
/// on.
fn hold(from: &Path) -> anyhow::Result<Option<File>> {
    let Ok(lock) = File::open(from.join(LOCK)) else { return Ok(None) };
    match lock.try_lock_shared() {
        Ok(()) => Ok(Some(lock)),
        Err(std::fs::TryLockError::WouldBlock) => {
            bail!("a server runs on {}: stop it, or take a backup (headwater backup)", from.display())
        }
        Err(std::fs::TryLockError::Error(error)) => Err(error).context("cannot look whether a server runs on it"),
    }
}

/// Copies files and folders, and nothing else: whoever follows a link may end anywhere.
fn copy(from: &Path, to: &Path, is_top: bool) -> anyhow::Result<()> {
    files::ensure_directory(to).with_context(|| format!("cannot create {}", to.display()))?;
    let entries = std::fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", from.display()))?;
        let (path, name) = (entry.path(), entry.file_name());
        if is_top && OF_ITS_RUN.iter().any(|of_run| name == *of_run) {
            continue;
        }
        let kind = entry.file_type().with_context(|| format!("cannot read {}", path.display()))?;
        let target = to.join(&name);
        match () {
            () if kind.is_dir() => copy(&path, &target, false)?,
            () if kind.is_file() => {
                std::fs::copy(&path, &target).with_context(|| format!("cannot copy {}", path.display()))?;
                let durable = File::open(&target).and_then(|file| file.sync_all());
                durable.with_context(|| format!("cannot write {}", target.display()))?;
            }
            () => bail!("{} is neither a file nor a folder: it is not a server's", path.display()),
        }
    }
    files::sync_directory(to).with_context(|| format!("cannot write {}", to.display()))
}
