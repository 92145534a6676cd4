//! Bounds of this crate, and what crossing one means.

use std::time::Duration;

/// The queries of a live query's permission, in bytes. Larger ones are refused: each stands in the journal, and in
/// memory.
pub(crate) const PERMISSION_BYTES_MAX: usize = 256 * 1024;

/// Most partitions of a live query.
pub const PARTITIONS_MAX: u16 = 1000;

/// Longest name of a live query, in bytes, so that topic names stay within Kafka's 249.
pub const NAME_BYTES_MAX: usize = 64;

/// Most live queries of one app: one whose filter binds no field to constants is asked about every
/// event of its collection.
pub const LIVE_QUERIES_MAX: usize = 1000;

/// Most apps that are open at a time. For one more, the one that was not used for longest is
/// closed; while all are in use, whoever needs one more waits [`OPENING_WAIT`], and is then told
/// that the server is busy.
pub const OPEN_APPS_MAX: usize = 64;

/// Apps that are opened at the start, the default one first. What keeps another one from opening is
/// told when it is first used.
pub const OPEN_AT_START_MAX: usize = 16;

/// How long a request waits for its app to be opened. Then it is told to try again, and the opening
/// goes on.
pub const OPENING_WAIT: Duration = Duration::from_secs(10);

/// An app that cannot be opened is not tried again before.
pub const OPENING_RETRIED_AFTER: Duration = Duration::from_secs(5);

/// An app that nobody has used for so long is closed. Longer than retention takes to look at an app
/// that was opened.
pub const CLOSE_IDLE_AFTER: Duration = Duration::from_secs(120);

/// How often that is looked at.
pub(crate) const LOOK_FOR_IDLE_EVERY: Duration = Duration::from_secs(5);

/// How often the journals of closed apps are looked at for events that retention would trim.
pub(crate) const LOOK_FOR_OLD_EVENTS_EVERY: Duration = Duration::from_secs(300);

/// Most documents that one `requeryRequired` of a gap names.
pub const GAP_PAGE_DOCUMENTS_MAX: usize = 100;

/// Counts and leaves of an app's live queries that are found and not noted with the documents, a
/// few dozen bytes each. More are noted at once, and not when it is time.
pub(crate) const UNNOTED_MAX: usize = 200_000;

/// Events that a live query may have looked at, and found nothing, before it is noted that it did:
/// as many are looked at again after a crash.
pub(crate) const UNNOTED_EVENTS_MAX: u64 = 100_000;

/// Entries that are noted in one batch.
pub(crate) const ENTRIES_AT_ONCE: usize = 1000;

/// A live query's entries are swept once those that trims made since the last time are more than
/// it left, and so many.
pub(crate) const SWEPT_AFTER: u64 = 10_000;

/// Most partitions of all live queries of one app.
pub const PARTITIONS_PER_APP_MAX: usize = 10_000;

/// Bytes of events that a live query is evaluated over before others have their turn.
pub(crate) const SLICE_BYTES: usize = 4 << 20;

/// Most values of a field under which a live query's filter is looked up. One with more is asked
/// about every event of its collection.
pub(crate) const INDEXED_VALUES_MAX: usize = 256;

/// How long events are looked at before others have their turn; what is left is looked at next.
/// Shorter than [`SLICE_BYTES`] take only where filters are expensive.
pub(crate) const SLICE_TIME: Duration = Duration::from_millis(250);

/// The most that a filter may take on a document, in steps, to be evaluated without going to
/// another thread.
pub(crate) const LIGHT_STEPS_MAX: u64 = 1024;

/// Offsets of a cell, the grid on which a partition is compressed: batches of full cells are made
/// once and kept.
pub(crate) const CELL_OFFSETS: u64 = 256;

/// Full cells that are read from the journal together, by one reader at a time.
pub(crate) const CELLS_AT_ONCE: u64 = 16;

/// Bytes of compressed batches that are kept, of all apps; those that were not used for longest go.
pub(crate) const COMPRESSED_BYTES_KEPT_MAX: usize = 32 << 20;
