//! Offsets of consumer groups that nobody uses any more expire (KIP-211, Kafka's `offsets.retention.minutes`), so
//! that groups with names of one run, as console consumers make them, do not stay for ever.
//!
//! A group is in use while it has members, and whenever a consumer commits that assigns partitions itself. When that
//! was last is noted durably: when the last member goes, and at most once an hour for commits. A group of which
//! nothing is noted, as an older server leaves it, counts as used when this first looks at it.
//!
//! Invariants: a group with members keeps all it has; so does one whose members may still come back after a restart
//! of the server; a clock that is not believed expires nothing, since nothing is committed then. Not here: deleting a
//! group that somebody names (`api::delete_groups`).

use std::{sync::Arc, time::Duration};

use store::{App, CommitError};
use topics::TopicRegistry;

use crate::{groups::GroupKey, session::Server, shutdown::Shutdown};

/// How often groups are looked at (Kafka's `offsets.retention.check.interval.ms`), unless the retention is shorter
/// than this.
const CHECK_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// How much older than the truth the note of a commit may be.
const NOTE_AGE_MS: u64 = 60 * 60 * 1000;

/// Looks again and again, at groups of apps that are open. Ends when the server stops; `None` keeps offsets for ever.
pub(crate) async fn run(
    server: Arc<Server>,
    topics: Arc<TopicRegistry>,
    retention: Option<Duration>,
    mut shutdown: Shutdown,
) {
    let Some(retention) = retention else { return };
    let interval = CHECK_INTERVAL.min(retention / 4);
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => expire(&server, &topics, retention).await,
            () = shutdown.begun() => return,
        }
    }
}

async fn expire(server: &Server, topics: &TopicRegistry, retention: Duration) {
    for topics in topics.all_opened() {
        let app = topics.app();
        for group in app.groups_that_may_expire() {
            if let Err(error) = expire_group(server, app, &group, retention).await {
                tracing::warn!(app = app.name().as_str(), group, %error, "the offsets of unused consumer groups do not expire");
                break; // nothing is committed in this app at the moment
            }
        }
    }
}

async fn expire_group(server: &Server, app: &App, group: &str, retention: Duration) -> Result<(), CommitError> {
    let now_ms = server.clock.now_ms();
    let key = GroupKey { app: app.name().as_str().into(), group: group.into() };
    if server.coordinator.is_in_use(&key) || app.group_generation(group).is_some() {
        return Ok(());
    }
    match due(app.group_last_used_ms(group), now_ms, retention) {
        Due::Not => Ok(()),
        Due::Note => app.note_group_used(group, now_ms).await,
        Due::Expire => {
            app.delete_offsets(group, None).await?;
            server.metrics.groups_expired.inc();
            let minutes = retention.as_secs() / 60;
            tracing::info!(
                app = app.name().as_str(),
                group,
                "nobody used a consumer group for {minutes} minutes: its offsets expired"
            );
            Ok(())
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Due {
    Not,
    Note,
    Expire,
}

/// What is due of a group without members.
fn due(last_used_ms: Option<u64>, now_ms: u64, retention: Duration) -> Due {
    let Some(last_used_ms) = last_used_ms else { return Due::Note };
    let unused_ms = u128::from(now_ms.saturating_sub(last_used_ms));
    if unused_ms >= retention.as_millis() { Due::Expire } else { Due::Not }
}

/// Notes that the group was used now, if what is noted is older than an hour.
pub(crate) async fn note_commit(server: &Server, app: &App, group: &str) {
    let now_ms = server.clock.now_ms();
    let noted_ms = app.group_last_used_ms(group);
    if noted_ms.is_some_and(|noted_ms| now_ms < noted_ms.saturating_add(NOTE_AGE_MS)) {
        return;
    }
    note_used(app, group, now_ms).await;
}

/// Notes that the group was used until now.
pub(crate) async fn note_used(app: &App, group: &str, now_ms: u64) {
    if let Err(error) = app.note_group_used(group, now_ms).await {
        tracing::warn!(app = app.name().as_str(), group, %error, "it is not noted that a consumer group is in use: it may expire early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_expires_once_it_was_unused_for_the_whole_time() {
        let week = Duration::from_secs(7 * 24 * 60 * 60);
        let week_ms = 604_800_000;
        let now_ms = 1_645_444_800_000;
        assert_eq!(due(None, now_ms, week), Due::Note);
        assert_eq!(due(Some(now_ms - week_ms + 1), now_ms, week), Due::Not);
        assert_eq!(due(Some(now_ms - week_ms), now_ms, week), Due::Expire);
        assert_eq!(due(Some(now_ms + week_ms), now_ms, week), Due::Not, "a clock that was set back expires nothing");
    }
}
