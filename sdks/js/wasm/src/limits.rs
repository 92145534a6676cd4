//! How long is waited.

/// A transaction that nothing came of for so long is ended, in milliseconds: others wait for it.
pub(crate) const TRANSACTION_IDLE_MS: u64 = 10_000;

/// After what the server sent could not be taken, sync waits so long before it tries again, in milliseconds.
pub(crate) const RETRY_MS: u64 = 5_000;
