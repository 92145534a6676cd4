//! What is restored or imported: a point of a folder of backups, or a copy of a data directory that was
//! made while no server ran on it.
//!
//! Invariants: the source is only read; no link in it is followed.
//! Not here: another life of the data (`store::restore`).

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use store::{APPS_FOLDER, AppName, REGISTER_FILE};

use crate::{
    directory::Backup,
    error::Error,
    names::PointName,
    passphrase::Passphrase,
    progress::{Course, Progress, Teller},
};

/// Held by the server that runs on a directory.
const LOCK: &str = "lock";

/// What a server leaves that is of no use to the next.
const OF_ITS_RUN: [&str; 2] = [LOCK, "run.json"];

/// What one app needs of a data directory beside its folder.
pub(crate) const BESIDE_AN_APP: [&str; 2] = [REGISTER_FILE, "format.json"];

/// See the module.
#[derive(Debug)]
pub enum Source {
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// As it is told: "backup 2026…", or "a copy of a data directory".
    pub what: String,
    /// When it was taken, in ms since the epoch, if that is known.
    pub taken_ms: Option<u64>,
    /// Apps that are not there, or not whole, each with why.
    pub left_out: Vec<(String, String)>,
    /// Whether keys, certificates and tokens are there; if not, why.
    pub secrets_missing: Option<&'static str>,
}

impl Source {
    /// Looks what is in `from`. Blocks on disk.
    ///
    /// # Errors
    /// It is neither, is damaged or a newer version's, or has no such point.
    pub fn find(from: &Path, point: Option<PointName>, passphrase: Option<Passphrase>) -> Result<Self, Error> {
        if from.join(REGISTER_FILE).is_file() {
            if point.is_some() || passphrase.is_some() {
                return Err(Error::NoPoints { path: from.to_owned() });
            }
            return Ok(Self::Copy(from.to_owned()));
        }
        let backup = Box::new(Backup::open(from)?);
        let point = point.map_or_else(|| backup.newest().cloned(), Ok)?;
        Ok(Self::Backup { backup, point, passphrase })
    }

    /// The apps that it has.
    ///
    /// # Errors
    /// It is damaged.
    pub fn apps(&self) -> Result<Vec<String>, Error> {
        match self {
            Self::Backup { backup, point, .. } => {
                Ok(backup.manifest(point)?.apps.into_iter().map(|app| app.name).collect())
            }
            Self::Copy(from) => {
                Ok(store::registered_apps(from)?.into_iter().map(|app| app.as_str().to_owned()).collect())
            }
        }
    }

    /// Makes a data directory of it in `dir`, which is missing. Blocks on disk.
    ///
    /// # Errors
    /// It is damaged, or a server runs on it; `dir` cannot be written.
    pub fn fetch(&self, dir: &Path) -> Result<Fetched, Error> {
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
                copy_tree(from, dir, &OF_ITS_RUN, &mut Teller::new(0, &mut |_| Course::GoOn))?;
                Ok(Fetched { secrets_missing: None, ..of_copy(from)? })
            }
        }
    }

    /// Makes a data directory in `dir`, which is missing, that has the app of that name and no more:
    /// its register may name others. Blocks on disk.
    ///
    /// # Errors
    /// As [`Source::fetch`]; the app is not in it; it was stopped.
    pub fn fetch_app(
        &self,
        app: &AppName,
        dir: &Path,
        tell: &mut dyn FnMut(Progress) -> Course,
    ) -> Result<Fetched, Error> {
        let there = self.apps()?;
        if !there.iter().any(|known| known == app.as_str()) {
            return Err(Error::NoApp { path: self.path().to_owned(), app: app.as_str().to_owned(), there });
        }
        let from = match self {
            Self::Backup { backup, point, .. } => {
                let taken_ms = Some(backup.manifest(point)?.taken_ms);
                backup.extract_app_into(point, app, dir, tell)?;
                let what = format!("backup {point}");
                return Ok(Fetched { what, taken_ms, left_out: Vec::new(), secrets_missing: Some(OF_ITS_SERVER) });
            }
            Self::Copy(from) => from,
        };
        let _held = hold(from)?;
        let mut teller = Teller::new(0, tell);
        files::ensure_directory(dir).map_err(Error::io("cannot create", dir))?;
        for name in BESIDE_AN_APP.iter().filter(|name| from.join(name).is_file()) {
            copy_file(&from.join(name), &dir.join(name), &mut teller)?;
        }
        let folder = Path::new(APPS_FOLDER).join(app.as_str());
        copy_tree(&from.join(&folder), &dir.join(&folder), &[], &mut teller)?;
        of_copy(from)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::Backup { backup, .. } => backup.path(),
            Self::Copy(from) => from,
        }
    }
}

const OF_ITS_SERVER: &str = "certificates and keys are those of the server that the app comes to";

fn of_copy(from: &Path) -> Result<Fetched, Error> {
    // The server that had it ran until then at least.
    let taken_ms = store::noted_time_ms(from)?;
    let what = "a copy of a data directory".to_owned();
    Ok(Fetched { what, taken_ms, left_out: Vec::new(), secrets_missing: Some(OF_ITS_SERVER) })
}

/// Keeps a server from starting on the copy, if it may be written to; refuses one that a server runs
/// on.
fn hold(from: &Path) -> Result<Option<File>, Error> {
    let path = from.join(LOCK);
    let Ok(lock) = File::open(&path) else { return Ok(None) };
    match lock.try_lock_shared() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Err(Error::ServerRuns { path: from.to_owned() }),
        Err(TryLockError::Error(source)) => Err(Error::io("cannot lock", &path)(source)),
    }
}

/// Copies files and folders but for those that are `left_out` at its top, and nothing else: whoever
/// follows a link may end anywhere.
fn copy_tree(from: &Path, to: &Path, left_out: &[&str], teller: &mut Teller<'_>) -> Result<(), Error> {
    files::ensure_directory(to).map_err(Error::io("cannot create", to))?;
    for entry in std::fs::read_dir(from).map_err(Error::io("cannot list", from))? {
        let entry = entry.map_err(Error::io("cannot list", from))?;
        let (path, name) = (entry.path(), entry.file_name());
        if left_out.iter().any(|left_out| name == *left_out) {
            continue;
        }
        let kind = entry.file_type().map_err(Error::io("cannot read", &path))?;
        let target = to.join(&name);
        match () {
            () if kind.is_dir() => copy_tree(&path, &target, &[], teller)?,
            () if kind.is_file() => copy_file(&path, &target, teller)?,
            () => return Err(Error::NotPlain { path }),
        }
    }
    files::sync_directory(to).map_err(Error::io("cannot write", to))
}

fn copy_file(from: &Path, to: &Path, teller: &mut Teller<'_>) -> Result<(), Error> {
    let bytes = std::fs::copy(from, to).map_err(Error::io("cannot copy", from))?;
    let durable = File::open(to).and_then(|file| file.sync_all());
    durable.map_err(Error::io("cannot write", to))?;
    teller.done(bytes)
}
