//! How much waits, and how long.

use std::time::Duration;

/// How many calls and frames may wait for the thread of the peer. Who brings one more waits.
pub(crate) const MAILBOX_MAX: usize = 1_024;

/// How many of them are answered after one write to the disk.
pub(crate) const BATCH_MAX: usize = 256;

/// How many frames may wait to be sent. One more ends the connection: the server takes nothing.
pub(crate) const FRAMES_MAX: usize = 4_096;

/// The longest answer to the upgrade, in bytes. A longer one ends the connection.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Bytes that are taken off a socket at once.
pub(crate) const READ_BYTES: usize = 16 * 1024;

/// Within this a connection is made and answered, and takes what is sent, or is given up.
pub(crate) const SOCKET_TIMEOUT: Duration = Duration::from_secs(10);

/// After so long without anything to send, a ping shows that both are there.
pub(crate) const PING_AFTER: Duration = Duration::from_millis(sync_protocol::limits::PING_AFTER_MS);

/// After the peer's store failed, sync waits so long before it tries again.
pub(crate) const STORE_RETRY_MS: u64 = 5_000;

/// Blocks of the store that are kept in memory, in bytes.
pub(crate) const CACHE_BYTES: u64 = 8 << 20;
