//! Resetting a consumer group's offsets: what would change, then the change; and deleting the group.
//!
//! Invariant: as with Kafka's own tools, nothing is planned while the group has members: they would
//! go on where they are, and commit that.

use store::{App, CommitError, CommittedOffset};
use topics::{AppTopics, Partition, Topic, TopicError, Unsettled};

use crate::operations::Operations;

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The first offset.
    Earliest,
    /// Behind the last event.
    Latest,
    /// This offset, in every partition.
    Offset(u64),
    /// The first event of that time, in ms since the epoch, or later.
    TimeMs(u64),
    /// No offset at all: the group begins as one that never read.
    Nowhere,
}

/// What becomes of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Its number.
    pub partition: i32,
    /// The offset that is committed.
    pub old: Option<u64>,
    /// The one that will be.
    pub new: Option<u64>,
}

/// Why offsets are not reset.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// The group has members.
    #[error("the group {0:?} has members at the moment")]
    Busy(String),
    /// There is no such offset yet.
    #[error("offset {offset} was not given out yet; the next one is {next}")]
    OffsetAhead {
        /// What was asked for.
        offset: u64,
        /// The partition's next.
        next: u64,
    },
    /// The topic cannot be read.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// Where the topic ends is not known yet.
    #[error(transparent)]
    Unsettled(#[from] Unsettled),
    /// The offsets could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Operations {
    /// What would become of the group's offsets on the topic.
    pub async fn plan_reset(
        &self,
        topics: &AppTopics,
        group: &str,
        topic: &Topic,
        target: Target,
    ) -> Result<Vec<Move>, ResetError> {
        let app = topics.app();
        if self.groups.as_ref().is_some_and(|groups| groups.has_members(app.name().as_str(), group)) {
            return Err(ResetError::Busy(group.to_owned()));
        }
        let committed = app.committed_offsets(group);
        let mut moves = Vec::new();
        for index in 0..i32::from(topic.partitions()) {
            let partition = topic.partition(index).expect("a topic keeps its partitions");
            let old = committed.iter().find(|(name, number, _)| name == topic.name() && *number == index);
            let old = old.map(|(.., offset)| offset.offset.max(0) as u64);
            let new = target.in_partition(&partition).await?;
            if old.is_some() || new.is_some() {
                moves.push(Move { partition: index, old, new });
            }
        }
        Ok(moves)
    }

    /// Does what was planned.
    pub async fn run_reset(&self, app: &App, group: &str, topic: &str, moves: &[Move]) -> Result<(), ResetError> {
        let set: Vec<_> = moves
            .iter()
            .filter_map(|it| {
                let offset = CommittedOffset { offset: it.new? as i64, leader_epoch: -1, metadata: String::new() };
                Some((topic.to_owned(), it.partition, offset))
            })
            .collect();
        let forget: Vec<_> =
            moves.iter().filter(|it| it.new.is_none()).map(|it| (topic.to_owned(), it.partition)).collect();
        if !set.is_empty() {
            app.commit_offsets(group, set).await?;
            // From now on: it may have been unused for long, and whoever resets it is about to use it.
            app.note_group_used(group, self.clock.now_ms()).await?;
        }
        if !forget.is_empty() {
            app.delete_offsets(group, Some(forget)).await?;
        }
        Ok(())
    }
}

/// Why a group is not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteGroupError {
    /// It has neither members nor offsets.
    #[error("app {app:?} has no group {group:?}")]
    NotFound {
        /// In this app.
        app: String,
        /// Of this name.
        group: String,
    },
    /// It has members.
    #[error("the group {0:?} has members at the moment: stop its consumers first")]
    Busy(String),
    /// That could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Operations {
    /// Deletes a consumer group: what it has committed, on every topic of the app. Consumers of that
    /// name begin then as ones that never read. Gives how many offsets were forgotten.
    ///
    /// # Errors
    /// As with Kafka's own tools a group is not deleted while it has members
    /// ([`DeleteGroupError::Busy`]): they would commit again.
    pub async fn delete_group(&self, app: &App, group: &str) -> Result<usize, DeleteGroupError> {
        let name = app.name().as_str();
        if self.groups.as_ref().is_some_and(|groups| groups.has_members(name, group)) {
            return Err(DeleteGroupError::Busy(group.to_owned()));
        }
        let offsets = app.committed_offsets(group).len();
        if offsets == 0 {
            return Err(DeleteGroupError::NotFound { app: name.to_owned(), group: group.to_owned() });
        }
        app.delete_offsets(group, None).await?;
        app.note_group_generation(group, None).await?;
        Ok(offsets)
    }
}

impl Target {
    async fn in_partition(self, partition: &Partition) -> Result<Option<u64>, ResetError> {
        let end = partition.settled_high_watermark().await?;
        Ok(match self {
            Target::Nowhere => None,
            Target::Earliest => Some(0),
            Target::Latest => Some(end),
            Target::Offset(offset) if offset > end => return Err(ResetError::OffsetAhead { offset, next: end }),
            Target::Offset(offset) => Some(offset),
            Target::TimeMs(at_ms) => {
                let found = partition.offset_for_timestamp(at_ms).await?;
                Some(found.map_or(end, |found| found.offset))
            }
        })
    }
}
