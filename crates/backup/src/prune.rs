//! Removing old points, and the parts that only they needed.
//!
//! Invariants: the newest point stays, and of every app the newest point that has it; a point goes
//! before its parts, so a kill at any moment leaves whole points only, and what is left over goes
//! with the next backup or prune.

use std::{collections::BTreeSet, path::Path};

use crate::{directory::Backup, error::Error, garbage, names::PointName};

/// Which points go after a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneAfter {
    /// Those that were taken before, ms since the epoch.
    pub taken_before_ms: u64,
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    /// The points.
    pub points: Vec<PointName>,
    /// How many parts.
    pub parts: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Removes the points of the folder of backups at `dir` that were taken before `taken_before_ms`, ms
/// since the epoch. Blocks on disk.
///
/// # Errors
/// There is no backup, somebody writes there, or a manifest cannot be read: then nothing is removed.
pub fn prune(dir: &Path, taken_before_ms: u64) -> Result<Pruned, Error> {
    let mut backup = Backup::open(dir)?;
    let _writing = backup.lock()?;
    let points = remove_old(&mut backup, PruneAfter { taken_before_ms })?;
    let removed = garbage::collect(&backup)?;
    Ok(Pruned { points, parts: removed.parts, bytes: removed.bytes })
}

/// Removes the old points, and not what only they needed. The caller keeps other writers out.
pub(crate) fn remove_old(
    backup: &mut Backup,
    PruneAfter { taken_before_ms }: PruneAfter,
) -> Result<Vec<PointName>, Error> {
    let points: Vec<PointName> = backup.points().to_vec();
    let (mut seen, mut old) = (BTreeSet::new(), Vec::new());
    for (n, point) in points.iter().rev().enumerate() {
        let manifest = match backup.manifest(point) {
            // Nobody can restore it, nor what is of its time.
            Err(error @ Error::Damaged { .. }) => {
                if n > 0 && point.ms().is_some_and(|ms| ms < taken_before_ms) {
                    tracing::warn!(%error, %point, "the point goes, which cannot be read");
                    old.push(point.clone());
                }
                continue;
            }
            manifest => manifest?,
        };
        let new_here = manifest.apps.iter().filter(|app| seen.insert(app.name.clone())).count();
        if n > 0 && new_here == 0 && manifest.taken_ms < taken_before_ms {
            old.push(point.clone());
        }
    }
    old.reverse();
    for point in &old {
        backup.remove_point(point)?;
    }
    Ok(old)
}
