//! What operations ask of the Kafka endpoint, which they do not know: who is in which consumer
//! group.
//!
//! Not here: committed offsets, which are the store's.

use std::fmt;

/// Who is in which consumer group.
pub trait ConsumerGroups: Send + Sync + fmt::Debug {
    /// The app's groups that have members, or had some lately, sorted by name. Groups that have
    /// only committed offsets are the store's.
    fn of_app(&self, app: &str) -> Vec<ConsumerGroup>;

    /// Whether the app's group has members at the moment: then its offsets are not to be changed.
    fn has_members(&self, app: &str, group: &str) -> bool;
}

/// A consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroup {
    /// Its name.
    pub name: String,
    /// Kafka's name of its state, as `Stable`.
    pub state: String,
    /// The assignor that its members agreed on; empty while they have not.
    pub protocol: String,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// A member of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id.
    pub id: String,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it connects from, as Kafka shows it: `/192.0.2.7`.
    pub host: String,
    /// Its static name.
    pub instance_id: Option<String>,
    /// Topic and partition of what it reads, sorted; none while the group rebalances.
    pub assigned: Vec<(String, i32)>,
}
