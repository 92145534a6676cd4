//! What the HTTP API asks of the Kafka endpoint, which it does not know: who is in which consumer
//! group.

use std::fmt;

/// Who is in which consumer group. What groups have committed is the store's.
pub trait ConsumerGroups: Send + Sync + fmt::Debug {
    /// The app's groups that have members, or had some lately, sorted by name.
    fn of_app(&self, app: &str) -> Vec<PresentGroup>;
}

/// A consumer group that has members, or had some lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentGroup {
    /// Its name.
    pub name: String,
    /// Kafka's name of its state, as `Stable`.
    pub state: String,
    /// Its members, by id.
    pub members: Vec<PresentMember>,
}

/// A member of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentMember {
    /// Its id.
    pub id: String,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it connects from, as Kafka shows it: `/192.0.2.7`.
    pub host: String,
}
