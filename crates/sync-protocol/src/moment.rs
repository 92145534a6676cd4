//! What a machine cannot know by itself.

/// Time and chance, as the host says them with each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// A clock that never goes back, in milliseconds.
    pub now_ms: u64,
    /// A random number, of which a wait is made.
    pub jitter: u64,
}
