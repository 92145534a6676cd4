//! Where a restored directory goes: it is made beside, and moved there once it is whole.
//!
//! ```text
//! /var/lib/headwater             missing or empty until the end
//! /var/lib/.headwater.restoring  what is being made; of a restore that was killed the next takes it away
//! ```

use std::{
    ffi::OsString,
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};

use crate::failure::UsageError;

/// See the module. What is beside goes with it, unless it was moved.
pub(super) struct Place {
    target: PathBuf,
    beside: PathBuf,
    lock: PathBuf,
    _held: File,
}

impl Place {
    /// Looks whether a directory can go to `target`, and takes away what a restore left beside it that
    /// was killed.
    pub(super) fn prepare(target: &Path) -> anyhow::Result<Self> {
        let target = std::path::absolute(target).with_context(|| format!("no such path: {}", target.display()))?;
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            bail!(UsageError(format!("{} is no place for a data directory", target.display())));
        };
        let is_vacant = files::is_vacant(&target).with_context(|| format!("cannot list {}", target.display()))?;
        ensure!(is_vacant, "{} is not empty: a backup is restored into a new directory only", target.display());
        files::ensure_directory(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        if target.exists() {
            let device = |path: &Path| path.metadata().map(|found| found.dev());
            let is_mounted = device(&target)? != device(parent)?;
            ensure!(
                !is_mounted,
                "{0} is where a file system is mounted, and cannot be moved to: restore into a directory in it, as {0}/data",
                target.display()
            );
        }
        let beside = |what: &str| {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(what);
            parent.join(hidden)
        };
        let (beside, lock) = (beside(".restoring"), beside(".restoring.lock"));
        let held = hold(&lock)?;
        files::remove_tree(&beside).with_context(|| format!("cannot remove {}", beside.display()))?;
        Ok(Self { target, beside, lock, _held: held })
    }

    /// Where it is made.
    pub(super) fn beside(&self) -> &Path {
        &self.beside
    }

    /// Moves it where it goes, durably.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        // Over an empty directory it goes in one step; over one that was filled meanwhile, not at all.
        files::move_durably(&self.beside, &self.target)
            .with_context(|| format!("cannot move {} to {}", self.beside.display(), self.target.display()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = files::remove_tree(&self.beside);
        let _ = std::fs::remove_file(&self.lock);
    }
}

/// Keeps another restore into the same place out.
fn hold(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    let file = file.with_context(|| format!("cannot create {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another restore into the same place is under way"),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}
