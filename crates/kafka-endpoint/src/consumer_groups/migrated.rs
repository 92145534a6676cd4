//! Groups on their way from one protocol to the other, as both machines understand them.

use bytes::Bytes;

use crate::groups::Protocol;

/// A group of members of the classic protocol that are consumers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MigratedGroup {
    /// Its generation, or epoch.
    pub(crate) generation: i32,
    /// The protocol that its members agreed on; the first that they share, if they have not yet.
    pub(crate) protocol: String,
    pub(crate) members: Vec<MigratedMember>,
}

/// One of its members.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MigratedMember {
    pub(crate) id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_timeout_ms: u64,
    pub(crate) rebalance_timeout_ms: u64,
    pub(crate) protocols: Vec<Protocol>,
    /// In the consumers' embedded protocol.
    pub(crate) assignment: Bytes,
}
