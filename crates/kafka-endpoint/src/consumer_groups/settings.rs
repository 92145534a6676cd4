//! How groups of the consumer protocol behave.

/// How groups behave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Without a heartbeat for this long a member is put out, in ms.
    pub(crate) session_timeout_ms: u64,
    /// How often members are told to send one, in ms.
    pub(crate) heartbeat_interval_ms: u64,
    /// Until when survivors of a restart are adopted, on the clock of `now_ms`.
    pub(crate) adopts_until_ms: u64,
    /// The name that a note has for a member's id.
    pub(crate) noted_name: fn(&str) -> String,
}
