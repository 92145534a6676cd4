//! What no point needs: parts of a backup that was stopped, or of points that were pruned, and what a
//! kill left half made.
//!
//! Invariant: while a manifest cannot be read nothing is removed, since nobody knows what it needs.

use std::{collections::HashSet, path::Path};

use crate::{directory::Backup, error::Error};

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Removed {
    pub(crate) parts: u64,
    pub(crate) bytes: u64,
}

/// Removes them. The caller keeps other writers out.
pub(crate) fn collect(backup: &Backup) -> Result<Removed, Error> {
    let mut needed = HashSet::new();
    for point in backup.points() {
        needed.extend(backup.manifest(point)?.parts().map(|part| part.0.clone()));
    }
    for manifest in backup.half_made()? {
        files::remove(&manifest).map_err(Error::io("cannot remove", &manifest))?;
    }
    let mut removed = Removed::default();
    for folder in folders_in(backup.parts.dir())? {
        let listed = std::fs::read_dir(&folder).map_err(Error::io("cannot list", &folder))?;
        for entry in listed {
            let entry = entry.map_err(Error::io("cannot list", &folder))?;
            let name = entry.file_name();
            let is_ours = name.to_str().is_some_and(is_part_or_half_made);
            if !is_ours || name.to_str().is_some_and(|name| needed.contains(name)) {
                continue;
            }
            removed.bytes += entry.metadata().map_or(0, |metadata| metadata.len());
            removed.parts += 1;
            files::remove(&entry.path()).map_err(Error::io("cannot remove", &entry.path()))?;
        }
    }
    Ok(removed)
}

/// A part's name, or that of one that was being written.
fn is_part_or_half_made(name: &str) -> bool {
    let name = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp")).unwrap_or(name);
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn folders_in(dir: &Path) -> Result<Vec<std::path::PathBuf>, Error> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("cannot list", dir))?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("cannot list", dir))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}
