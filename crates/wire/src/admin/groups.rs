//! Consumer groups: where they are, and how far behind.
//!
//! Not here: moving and deleting them (`group_reset`).

use serde::{Deserialize, Serialize};

/// `GET /admin/v1/apps/{app}/groups`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupsReply {
    /// Sorted by name.
    pub groups: Vec<GroupReply>,
    /// How many more there are than are listed; absent where there are none.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub left_out: usize,
}

/// A consumer group over all its partitions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupReply {
    /// Its name.
    pub group: String,
    /// Kafka's name of its state, as `Stable`.
    pub state: String,
    /// How many members it has.
    pub members: usize,
    /// Offsets that it has still to read.
    pub lag: u64,
    /// The largest of its partitions; `None` if one is not known.
    pub lag_seconds: Option<f64>,
    /// Whether anywhere what it reads next was trimmed.
    pub gap_ahead: bool,
    /// Whether anywhere it is told next that the data was restored.
    #[serde(default, skip_serializing_if = "is_false")]
    pub restore_ahead: bool,
    /// The smallest of its partitions; `None` where that is nowhere to be expected.
    pub seconds_until_gap: Option<f64>,
}

/// `GET /admin/v1/apps/{app}/groups/{group}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupDescriptionReply {
    /// Its name.
    pub group: String,
    /// Kafka's name of its state, as `Stable`.
    pub state: String,
    /// By id.
    pub members: Vec<GroupMemberReply>,
    /// Where it has committed something, by topic and partition.
    pub partitions: Vec<GroupPartitionReply>,
}

/// A member of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupMemberReply {
    /// Its id.
    pub member_id: String,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it connects from, as Kafka shows it: `/192.0.2.7`.
    pub host: String,
}

/// Where a group is in one partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupPartitionReply {
    /// The topic.
    pub topic: String,
    /// The partition, from 0.
    pub partition: i32,
    /// The offset it reads next.
    pub committed: u64,
    /// The offset that the next event gets.
    pub high_watermark: u64,
    /// Offsets that it has still to read.
    pub lag: u64,
    /// How long ago the event was committed that it reads next; 0 where it has read everything,
    /// `None` where that is not known.
    pub lag_seconds: Option<f64>,
    /// Whether what it reads next was trimmed: it gets a gap first.
    pub gap_ahead: bool,
    /// Whether it stands before the place where restored data goes on, and is told there to begin
    /// again. Offsets that a restore skipped do not count in `lag`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub restore_ahead: bool,
    /// When what it reads next will be trimmed, if it goes on as before; `None` where that is not to
    /// be expected.
    pub seconds_until_gap: Option<f64>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}
