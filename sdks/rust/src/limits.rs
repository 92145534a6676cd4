//! How much waits, and how long.

use std::time::Duration;

/// How many calls and frames may wait for the thread of the peer. Who brings one more waits.
pub(crate) const MAILBOX_MAX: usize = 1_024;

/// How many of them are answered after one write to the disk.
pub(crate) const BATCH_MAX: usize = 256;

/// How many frames may wait to be sent. One more ends the connection: the server takes nothing.
pub(crate) const FRAMES_MAX: usize = 4_096;

/// How many messages are read off a connection before what waits to be sent has its turn.
pub(crate) const READ_TURN: usize = 64;

/// Bytes that are taken off a connection at once.
pub(crate) const READ_BYTES: usize = 4 * 1024;

/// A frame of more bytes than this is handed to the socket in pieces.
pub(crate) const WRITE_BYTES: usize = 4 * 1024;

/// Within this a connection is made and answered, and takes what is sent, or is given up.
pub(crate) const SOCKET_TIMEOUT: Duration = Duration::from_secs(10);

/// After so long without anything to send, a ping shows that both are there.
pub(crate) const PING_AFTER: Duration = Duration::from_millis(sync_protocol::limits::PING_AFTER_MS);

/// After the peer's store failed, sync waits so long before it tries again.
pub(crate) const STORE_RETRY_MS: u64 = 5_000;

/// Pages of the store that are kept in memory, in bytes.
pub(crate) const CACHE_BYTES: usize = 16 << 20;

/// What a peer that was opened with relaxed durability may lose, in milliseconds.
pub(crate) const RELAXED_MS: u64 = 100;

/// How many refused writes wait for one callback; older ones are not told there.
pub(crate) const REJECTED_WAITING_MAX: usize = peer_core::limits::REJECTED_MAX;

/// A transaction of a binding that nothing comes of for so long is rolled back: it holds the peer up.
#[cfg(feature = "bindings")]
pub(crate) const TRANSACTION_IDLE: Duration = Duration::from_secs(10);

/// How much that was begun waits at most for the thread of the peer, for that of reads, or for a
/// transaction; more is refused.
#[cfg(feature = "bindings")]
pub(crate) const WAITING_MAX: usize = 16_384;

/// How many logins of a binding wait for the server at a time; one more is refused.
#[cfg(feature = "bindings")]
pub(crate) const LOGINS_MAX: usize = 8;

/// A server's short answer has come within this, or there is none: to a login the server asks the app's hook first.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of the head of a server's answer, and of what it says of an error; a longer one is none.
pub(crate) const HTTP_HEAD_BYTES_MAX: usize = 16 * 1024;

/// Bytes of a server's answer to an upload; a longer one is none.
pub(crate) const ATTACHMENT_ANSWER_BYTES_MAX: usize = 4 * 1024;

/// Bytes of a file that are in memory at once.
pub(crate) const PIECE_BYTES: usize = 64 * 1024;

/// An upload that failed is tried again after a wait that begins with the first and doubles up to the
/// second, in milliseconds.
pub(crate) const UPLOAD_RETRY_MS: [u64; 2] = [500, 30_000];

/// The same for a file that is to be fetched by whoever watches for it.
pub(crate) const FETCH_RETRY: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(30)];

/// How many files that are watched for are fetched at once.
pub(crate) const FETCHES_MAX: usize = 4;

/// How many of them may wait for that; more is refused.
pub(crate) const FETCHES_WAITING_MAX: usize = 4_096;

/// Files that no document holds, and that nothing pending refers to, go after so long.
pub(crate) const ATTACHMENT_KEPT: Duration = Duration::from_secs(24 * 3600);

/// So long after it was opened, and from then on so often, a peer looks for them, in milliseconds.
pub(crate) const SWEEP_MS: [u64; 2] = [60_000, 24 * 3600 * 1000];

/// Bytes of a server's answer to a login; a longer one is none.
pub(crate) const LOGIN_ANSWER_BYTES_MAX: usize = 64 * 1024;
