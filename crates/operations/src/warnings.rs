//! What an administrator should know of and do something about, now: one look at the whole server,
//! for the portal's overview, the command line and whoever else asks.
//!
//! Invariants: the gravest come first; only apps that are open are looked into; groups are not read for: what is not
//! known of them is not warned of. Not here: the words (`warning`), which certificates end (`certificates`), numbers
//! over time (`portal`), `/metrics` (`http-api`), readiness (`http-api`, health).

use store::{ClockStanding, CommitError, DiskSpace};
use topics::AppTopics;

use crate::{certificates::certificate_warnings, groups::GroupLag, operations::Operations, warning::Warning};

/// A group whose next event is trimmed within so many ms, at its pace, is warned of.
pub const GAP_WARNING_MS: u64 = 60 * 60 * 1000;

/// Groups of an app that are looked at.
pub const GROUPS_LOOKED_AT_MAX: usize = 1000;

/// The disk is nearly full below this, or below a twentieth of it where that is more; on a small
/// one below a tenth.
pub const DISK_FREE_BYTES_MIN: u64 = 2 << 30;

impl Operations {
    /// Everything that is to be warned of at `now_ms`, the gravest first. Blocks on disk.
    pub fn warnings(&self, now_ms: u64) -> Vec<Warning> {
        let mut found = Vec::new();
        if !self.credentials.is_closed() && !self.open_doors.is_empty() {
            found.push(Warning::ApiOpen { addresses: self.open_doors.clone() });
        }
        match self.data_dir.clock().state().standing {
            ClockStanding::Fine => {}
            ClockStanding::Behind { behind_ms } => found.push(Warning::ClockBehind { behind_ms }),
            ClockStanding::Refused(refusal) => found.push(Warning::ClockRefused { why: refusal.to_string() }),
        }
        if let Ok(space) = self.data_dir.space()
            && is_nearly_full(space)
        {
            found.push(Warning::DiskNearlyFull { space });
        }
        let damaged = self.data_dir.damaged_apps().into_iter();
        found.extend(damaged.map(|(app, why)| Warning::AppDamaged { app: app.as_str().to_owned(), why }));
        let unusable = self.credentials.damaged_bundles().into_iter();
        found.extend(unusable.map(|(app, why)| Warning::CredentialsDamaged { app, why }));
        let held = self.data_dir.unfinished_deletions().into_iter();
        found.extend(held.map(|app| Warning::DeletionUnfinished { app: app.as_str().to_owned() }));
        for topics in self.topics.all_opened() {
            self.look_into(&topics, &mut found);
        }
        found.extend(certificate_warnings(&self.credentials, now_ms));
        let rotation = self.credentials.rotation(now_ms);
        found.extend(rotation.map(|rotation| Warning::AuthorityRotating {
            for_ms: now_ms.saturating_sub(rotation.began_ms),
            needed: rotation.former.iter().filter(|former| former.is_needed).count(),
        }));
        self.look_at_backups(&mut found);
        found.extend(self.maintenance.damage().into_iter().map(|what| Warning::DamageFound { what }));
        found.sort_by_key(Warning::severity);
        found
    }

    fn look_at_backups(&self, found: &mut Vec<Warning>) {
        let Some(last) = self.maintenance.backups().last else { return };
        match last.result {
            Err(why) => found.push(Warning::BackupFailed { to: last.about, why }),
            Ok(done) if !done.taken.left_out.is_empty() => {
                found.push(Warning::BackupLacksApps { to: last.about, apps: done.taken.left_out.len() });
            }
            Ok(_) => {}
        }
    }

    fn look_into(&self, topics: &AppTopics, found: &mut Vec<Warning>) {
        let app = topics.app();
        let name = || app.name().as_str().to_owned();
        // The clock is one and the same for all apps.
        let obstacle = app.write_obstacle().filter(|obstacle| !matches!(obstacle, CommitError::ClockRefused(_)));
        found.extend(obstacle.map(|obstacle| Warning::WritesRefused { app: name(), why: obstacle.to_string() }));
        found.extend(app.damage().map(|why| Warning::JournalDamaged { app: name(), why }));
        found.extend(app.ahead().map(|why| Warning::OlderCopy { app: name(), why: why.to_owned() }));
        found.extend(topics.stopped().map(|why| Warning::LiveQueryStopped { app: name(), why }));
        let groups = self.groups(topics);
        for group in groups.first(GROUPS_LOOKED_AT_MAX).0 {
            let in_ms = |group: &GroupLag| {
                let times = group.partitions.iter().filter_map(|place| groups.known_times(place)?.gap_in_ms);
                times.min().filter(|in_ms| *in_ms < GAP_WARNING_MS)
            };
            let in_ms = if group.gap_ahead() { Some(0) } else { in_ms(&group) };
            found.extend(in_ms.map(|in_ms| Warning::GapAhead { app: name(), group: group.name, in_ms }));
        }
    }
}

fn is_nearly_full(space: DiskSpace) -> bool {
    let wanted = DISK_FREE_BYTES_MIN.max(space.total_bytes / 20).min(space.total_bytes / 10);
    space.free_bytes < wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_is_full_later_than_a_large_one() {
        let full = |free_bytes, total_bytes| is_nearly_full(DiskSpace { free_bytes, total_bytes });
        assert!(full(1 << 30, 100 << 30) && !full(6 << 30, 100 << 30));
        assert!(full(4 << 30, 100 << 30), "5 % of it are more");
        assert!(!full(200 << 20, 1 << 30) && full(90 << 20, 1 << 30));
    }
}
