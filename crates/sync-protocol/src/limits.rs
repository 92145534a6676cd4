//! Bounds of this crate, and what crossing one means.

/// The version of the protocol (`headwater.sync.1`). Another one in a hello is a `bye version`.
pub const PROTOCOL_VERSION: u64 = 1;

/// The largest frame, and the largest message in it after decompression, in bytes. A larger one is
/// refused unread.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How large a message is aimed to be, in bytes. Only a single document can make one larger.
pub const FRAME_BYTES_AIM: usize = 256 * 1024;

/// The first frame of a connection, in bytes, compressed or not: nobody is known yet who could be
/// asked for more. A larger hello is a `bye protocol`.
pub const HELLO_BYTES_MAX: usize = 64 * 1024;

/// How many elements all lists of one message may have together. It bounds what decoding needs
/// beyond the message's own bytes. Crossing it is a decode error.
pub const LIST_ELEMENTS_MAX: u64 = 65_536;

/// The longest text (token, query, arguments, message), in bytes. Crossing it is a decode error.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// How long the message of a `bye`, `nack` or `resync` is at most when it is made here, in bytes;
/// the rest is cut off.
pub const REASON_BYTES_MAX: usize = 1024;

/// How deep fields of later versions, which are skipped, may nest. Crossing it is a decode error.
pub const DEPTH_MAX: usize = 16;

/// How many subscriptions a session may have. One more is a `bye protocol`.
pub const SUBSCRIPTIONS_MAX: usize = 1024;

/// Credit: how many bytes of snapshots and changes may be sent and not yet applied. A single larger
/// message may go while nothing else is unapplied. A peer answers more with a `bye protocol`.
pub const CREDIT_BYTES: u64 = 1024 * 1024;

/// Credit: how many messages of snapshots and changes may be sent and not yet applied. A peer
/// answers more with a `bye protocol`.
pub const CREDIT_MESSAGES: usize = 256;

/// The least credit for which data are asked for while something is unapplied, in bytes: less would
/// make many small frames.
pub const CREDIT_BYTES_MIN: u64 = 64 * 1024;

/// After how many stored bytes a peer tells the server, at the latest.
pub const APPLIED_BYTES_AIM: u64 = 256 * 1024;

/// Push window: how many bytes may be pushed and not yet answered. A single larger push may go
/// while nothing else is unanswered. The server answers more with a `bye protocol`.
pub const PUSH_WINDOW_BYTES: u64 = 1024 * 1024;

/// Push window: how many transactions may be pushed and not yet answered. The server answers more
/// with a `bye protocol`. As many as a device writes in a week go in one flight; 64 took 16 round
/// trips for 1,000.
pub const PUSH_WINDOW_TRANSACTIONS: usize = 1024;

/// How long a connection may say nothing before its hello, in milliseconds.
pub const HELLO_WAIT_MS: u64 = 10_000;

/// How long a peer waits for a connection, and then for its welcome, in milliseconds. Then it
/// closes and tries again.
pub const WELCOME_WAIT_MS: u64 = 30_000;

/// After how long a silence the server pings, in milliseconds.
pub const PING_AFTER_MS: u64 = 30_000;

/// After how long a silence a side takes the other for dead, in milliseconds. It closes.
pub const DEAD_AFTER_MS: u64 = 90_000;

/// How long a draining session waits for pushes that are being applied, in milliseconds.
pub const DRAIN_WAIT_MS: u64 = 5_000;

/// The bound of the first wait before a peer connects again, in milliseconds; it doubles.
pub const BACKOFF_FIRST_MS: u64 = 500;

/// The bound of the last wait, in milliseconds.
pub const BACKOFF_LAST_MS: u64 = 60_000;

/// The longest `retry_after_ms` that a peer obeys. A longer one counts as this.
pub const RETRY_AFTER_MS_MAX: u64 = 60 * 60 * 1000;
