//! Bounds of this crate, and what crossing one means. Those of a session stand in
//! `sync_protocol::limits`.

use std::time::Duration;

/// Sessions at once. One more is told to come back later.
pub const SESSIONS_MAX: usize = 20_000;

/// Connections of one address that have no welcome yet. One more is told to come back later.
pub const UNKNOWN_PER_ADDRESS_MAX: usize = 64;

/// Peers that are let in a second, and so many at once. Further ones are told when to come back.
pub const ADMISSIONS_PER_SECOND: u64 = 1_000;
/// See [`ADMISSIONS_PER_SECOND`].
pub const ADMISSIONS_AT_ONCE: u64 = 2_000;

/// The longest time that a peer is told to stay away so, in ms.
pub(crate) const PUT_OFF_MS_MAX: u64 = 120_000;

/// Reads of changes and snapshots at once. Further ones wait, in their order.
pub const READS_MAX: usize = 4;

/// How long one read may look at documents or events, before it gives what it found.
pub const READ_TURN: Duration = Duration::from_millis(50);

/// Sessions that read changes in one pass. Further ones wait for the next.
pub const SCANNED_TOGETHER_MAX: usize = 64;

/// With fewer events behind, a peer that comes back is told them, however few documents there are.
pub(crate) const EVENTS_BEHIND_MIN: u64 = 10_000;

/// Bytes of events that are read at once.
pub(crate) const EVENTS_BYTES: usize = 256 * 1024;

/// Events that are looked at for the live sessions of an app before others have a turn. A session
/// that is further behind reads for itself.
pub(crate) const EVENTS_AT_A_TIME: u64 = 64;

/// The same, in what is put before sessions: an event that concerns all of them takes long.
pub(crate) const PUTS_AT_A_TIME: usize = 4_096;

/// The largest event that is looked at so, in bytes. Whoever may have its document reads it for
/// itself.
pub(crate) const LIVE_EVENT_BYTES: usize = 64 * 1024;

/// What may wait for a live session, in bytes of documents. With more it reads for itself.
pub(crate) const SEAT_BYTES: usize = 256 * 1024;

/// Values under which a filter is entered, so that it is asked only about documents that have one
/// of them. One that allows more is asked about all.
pub(crate) const INDEXED_VALUES_MAX: usize = 100;

/// Bytes that are read from a connection at once; what a session that waits holds.
pub(crate) const SOCKET_BYTES: usize = 4 * 1024;

/// How long a message may take from its first byte to its last: for its length it is held, whatever
/// else comes between its parts. Then its connection ends.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(300);

/// How long a peer may take nothing of what is sent. Then its connection ends.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(90);

/// How long a connection that is closed may take the last bytes.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Characters of what a peer's SDK calls itself that are kept; the rest is cut off.
pub const SDK_SHOWN_CHARACTERS: usize = 100;

/// Peers that are remembered after they left, over all apps. Of one more, the one that was seen
/// longest ago is forgotten, but for what the store knows of its site.
pub const PEERS_REMEMBERED_MAX: usize = 10_000;

/// How often what is remembered is written, if peers came or are there.
pub(crate) const REMEMBER_EVERY: Duration = Duration::from_secs(60);

/// How long the older of two sessions of a site has to say that it is alive.
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a peer is to stay away, at least, where the server stops or has no room, in ms. As much
/// again is random.
pub(crate) const RETRY_AFTER_MS: u64 = 1_000;

/// The same, where the server takes no writes.
pub(crate) const RETRY_WRITES_AFTER_MS: u64 = 5_000;
