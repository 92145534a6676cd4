//! Bounds of this crate, and what crossing one means.

pub use rules::limits::{
    BATCH_BYTES_MAX, CHANGESET_STEPS_MAX, DOCUMENT_BYTES_MAX, DOCUMENT_BYTES_WARN, TRANSACTION_BYTES_MAX,
    TRANSACTION_DOCUMENTS_MAX,
};

/// TxnIds and offsets stay below 2^53, so that every JSON reader has them exactly. An app that has
/// given out all of them takes no more writes.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// How far a restore raises txnIds and offsets for each second since the last transaction that it
/// has: more than an app ever gave out in a second. A life of the data that was written faster than
/// this would have numbers that another one gives out again.
pub const RAISED_A_SECOND: u64 = 1_000_000;

/// A restore raises no txnId or offset to this or beyond: what is left below [`NUMBER_MAX`] is room to go on. It is
/// reached by data whose newest transaction is 285 years old, or by restores whose ages add up to that.
pub const RESTORED_NUMBER_MAX: u64 = (1 << 53) - (1 << 40);

/// How long a request is remembered, in ms of commit time. One that is repeated later is done
/// again.
pub const REQUESTS_KEPT_MS: u64 = 24 * 3600 * 1000;

/// Requests that an app remembers. Beyond it the oldest is forgotten early, and a counter says so.
pub const REQUESTS_KEPT_MAX: u64 = 1_000_000;

/// The longest answer that is remembered whole, in bytes. Of a longer one it is known what was
/// done.
pub const REMEMBERED_REPLY_BYTES_MAX: usize = 4 * 1024;

/// The longest id of a request, in bytes.
pub const REQUEST_ID_BYTES_MAX: usize = 64;

/// Ranges of numbers of a peer's transactions below its last one that are remembered as not taken:
/// as many as it may have pushed without an answer (`headwater.sync.1`). Older ones count as taken.
pub const SITE_MISSING_MAX: usize = 1024;

/// Changesets that may wait for the sequencer of one app. A writer that finds the queue full waits
/// for a place.
pub const QUEUE_CHANGESETS_MAX: usize = 4096;

/// Changesets applied and synced as one group. The rest waits for the next group.
pub const GROUP_CHANGESETS_MAX: usize = 1024;

/// Longest app name in bytes, so that topic names stay within Kafka's 249.
pub const APP_NAME_BYTES_MAX: usize = 64;

/// Bytes of the newest events kept in memory for consumers that keep up. Older ones are read from
/// the journal.
pub const TAIL_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A group is closed when its changesets and events hold this much: a sync costs little beside that
/// many bytes, and the next group is applied while this one is written. A single larger changeset
/// is a group of its own.
pub const GROUP_BYTES_MAX: usize = 192 * 1024;

/// A group is closed when the conditions of its changesets have taken so many steps, so that the
/// writers before them are answered.
pub(crate) const GROUP_STEPS_MAX: u64 = 8 * 1024 * 1024;

/// The smallest segment.
pub const SEGMENT_BYTES_MIN: u64 = 64 * 1024;

/// Bytes of recently written documents that the sequencer keeps in memory. Older ones are read from
/// the engine.
pub const RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Groups that wait between the sequencer and the committer. With this many the sequencer waits,
/// and its queue fills.
pub(crate) const GROUPS_WAITING_MAX: usize = 1;

/// How far the wall clock may get ahead of the boot-time clock while the server runs, in ms. Beyond
/// it, writes are refused until the clock is set right or accepted (docs/reference/documents.md).
pub const CLOCK_AHEAD_MS_MAX: u64 = 3600 * 1000;

/// How long a server may have been stopped by its clock, in ms. A start with a clock further ahead
/// of the last note refuses writes as well (docs/reference/documents.md).
pub const CLOCK_STOPPED_MS_MAX: u64 = 366 * 24 * 3600 * 1000;

/// How far the wall clock may be behind the latest time that was kept, in ms, before the log, the
/// metrics and the portal tell it. Writes go on.
pub const CLOCK_BEHIND_MS_TOLD: u64 = 60 * 1000;

/// Indexes of one collection. One more is refused.
pub const INDEXES_MAX: usize = 16;

/// Keys of one index.
pub const INDEX_KEYS_MAX: usize = 8;

/// The longest name of an index, in bytes.
pub const INDEX_NAME_BYTES_MAX: usize = 64;

/// About how many bytes of one value are in a key of an index. Of a longer one the beginning is: what
/// is found by it is looked at again.
pub const INDEX_COMPONENT_BYTES_MAX: usize = 1024;

/// Entries of indexes that one transaction may change. More are refused.
pub const TRANSACTION_INDEX_ENTRIES_MAX: usize = 300_000;

/// What the newest transactions wrote to their documents, kept for those who follow the events: in
/// all, in bytes. Of what is older they read the documents.
pub(crate) const DELTAS_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The largest that is kept so, in bytes.
pub(crate) const DELTA_BYTES_MAX: usize = 64 * 1024;
