//! One member of a group.

use bytes::Bytes;

use super::Token;

/// A protocol (an assignor, for consumers) that a member speaks, and what it says in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Protocol {
    /// As in `range`.
    pub(crate) name: String,
    /// The member's subscription, opaque to us.
    pub(crate) metadata: Bytes,
}

/// A member as the group knows it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) instance_id: Option<String>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) session_timeout_ms: u64,
    pub(super) rebalance_timeout_ms: u64,
    /// In the order it prefers them.
    pub(super) protocols: Vec<Protocol>,
    pub(super) assignment: Bytes,
    /// Grows with each member that joins: the lowest one is the eldest.
    pub(super) number: u64,
    /// Its join that waits for the rebalance.
    pub(super) joining: Option<Token>,
    /// Its sync that waits for the leader's.
    pub(super) syncing: Option<Token>,
    /// Whether it has asked for its assignment in this generation.
    pub(super) has_synced: bool,
    /// When its session ends, unless it waits for us.
    pub(super) session_ends_ms: u64,
}

impl Member {
    /// Whether we owe it an answer: then it cannot send heartbeats, and its session does not end.
    pub(super) fn waits(&self) -> bool {
        self.joining.is_some() || self.syncing.is_some()
    }

    pub(super) fn touch(&mut self, now_ms: u64) {
        self.session_ends_ms = now_ms + self.session_timeout_ms;
    }

    pub(super) fn speaks(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|spoken| spoken.name == protocol)
    }

    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols
            .iter()
            .find(|spoken| spoken.name == protocol)
            .map(|spoken| spoken.metadata.clone())
            .unwrap_or_default()
    }

    pub(super) fn len_bytes(&self) -> usize {
        let instance = self.instance_id.as_ref().map_or(0, String::len);
        let texts = 2 * self.id.len() + 2 * instance + self.client_id.len() + self.client_host.len();
        protocols_len_bytes(&self.protocols) + texts + self.assignment.len()
    }
}

/// What a member takes up beside its texts, roughly.
pub(super) const MEMBER_BYTES: usize = 512;

/// Bytes that `protocols` take, with a rough allowance for what surrounds them.
pub(super) fn protocols_len_bytes(protocols: &[Protocol]) -> usize {
    protocols.iter().map(|protocol| 64 + protocol.name.len() + protocol.metadata.len()).sum::<usize>() + MEMBER_BYTES
}
