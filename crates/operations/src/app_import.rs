//! Taking one app of a backup, or of a copy of a data directory, into this server, which runs on.
//!
//! Invariants: the app is there whole, or not at all; nothing that is there already is touched; what is
//! made on the way goes in any case, at the latest at the next start.
//! Not here: how it is read (crate `backup`), what another life of it is and how it comes in (`store`).

use std::path::PathBuf;

use backup::{Course, PointName, Progress, Source};
use store::{AppName, DataDir, NewLife, RestoreError, RestoreTo, RestoredApp, TakeOverAppError};

/// What is to be imported.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The app, by its name there and here.
    pub app: AppName,
    /// A folder of backups or exports, or a copy of a data directory; absolute.
    pub from: PathBuf,
    /// Which of its points; `None`: the newest.
    pub point: Option<PointName>,
    /// The clock is right, though it stands before the app's newest transaction.
    pub accept_clock: bool,
}

impl ImportRequest {
    /// Reads what was asked for.
    ///
    /// # Errors
    /// There is no point of that name.
    pub fn new(app: AppName, from: PathBuf, point: Option<&str>, accept_clock: bool) -> Result<Self, backup::Error> {
        let no_point = |name: &str| backup::Error::NoPoint { path: from.clone(), name: Some(name.to_owned()) };
        let point = point.map(|name| PointName::parse(name).ok_or_else(|| no_point(name))).transpose()?;
        Ok(Self { app, from, point, accept_clock })
    }
}

/// An app that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Where it goes on.
    pub app: RestoredApp,
    /// What it was made of: "backup 2026…".
    pub what: String,
}

/// Why an app did not come in. Nothing is there of it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source cannot be read, or does not have it.
    #[error(transparent)]
    Source(#[from] backup::Error),
    /// It cannot begin another life.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// It cannot be taken in.
    #[error(transparent)]
    TakeOver(#[from] TakeOverAppError),
    /// What a former import left cannot be removed.
    #[error("cannot remove {path}: {source}")]
    Staging {
        /// Where apps are made on their way in.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Takes the app into `data`: it is opened on its first use. One at a time for a data directory. Blocks
/// on disk.
///
/// # Errors
/// As [`ImportError`] says; `tell` had it stopped.
pub fn import_app(
    data: &DataDir,
    request: &ImportRequest,
    now_ms: u64,
    tell: &mut dyn FnMut(Progress) -> Course,
) -> Result<Imported, ImportError> {
    let ImportRequest { app, from, point, accept_clock } = request;
    data.check_name_is_free(app)?;
    let source = Source::find(from, point.clone(), None)?;
    let staging = data.import_staging();
    files::remove_tree(&staging).map_err(|source| ImportError::Staging { path: staging.clone(), source })?;
    let mut import = || {
        let fetched = source.fetch_app(app, &staging, tell)?;
        let life = NewLife {
            now_ms,
            accept_clock: *accept_clock,
            taken_ms: fetched.taken_ms,
            only: Some(app),
            to: &|_| RestoreTo::Newest,
            random: data.random(),
        };
        let restored = store::begin_new_life(&staging, &life)?.pop();
        data.take_over_app(&staging, app)?;
        let restored = restored.ok_or_else(|| TakeOverAppError::NotThere { app: app.as_str().to_owned() })?;
        Ok(Imported { app: restored, what: fetched.what })
    };
    let imported = import();
    if let Err(error) = files::remove_tree(&staging) {
        tracing::warn!(path = %staging.display(), %error, "cannot be removed; the next start tries again");
    }
    imported
}
