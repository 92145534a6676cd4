//! Bounds of this crate, and what crossing one means.

/// How many transactions may be pending. One more write is refused: nothing that is pending is ever
/// dropped to make room.
pub const PENDING_TRANSACTIONS_MAX: usize = 100_000;

/// How many bytes pending transactions may take together. A write that would cross it is refused.
pub const PENDING_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How many documents one transaction may write. More are refused.
pub const TRANSACTION_DOCUMENTS_MAX: usize = 10_000;

/// How large a transaction may be, in bytes of its deltas with collections and ids: it has to fit
/// into one frame. A larger one is refused.
pub const TRANSACTION_BYTES_MAX: usize = 7 * 1024 * 1024;

/// How many subscriptions there may be: as many as a session takes. One more is refused.
pub const SUBSCRIPTIONS_MAX: usize = sync_protocol::limits::SUBSCRIPTIONS_MAX;

/// The longest query or arguments of a subscription, in bytes: the hello has to hold some. Longer
/// ones are refused.
pub const SUBSCRIPTION_TEXT_BYTES_MAX: usize = 32 * 1024;

/// How many observers there may be. One more is refused.
pub const OBSERVERS_MAX: usize = 10_000;

/// How many refused transactions are kept; the oldest go.
pub const REJECTED_MAX: usize = 1_000;

/// How many bytes refused transactions may take together; the oldest go.
pub const REJECTED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How many sequence numbers are left out, at most, when a store is opened again: two copies of one
/// store then never give the same one.
pub const SEQS_LEFT_OUT_MAX: u64 = 1 << 31;

/// Of how many ranges of pending transactions the server is told: the hello has to hold them. Of those
/// beyond, one that a copied store pushed looks like somebody else's, and this store takes another site.
pub const LINEAGE_RANGES_MAX: usize = 1_000;

/// Of how many sequence numbers, from the last on, it is kept which transaction they became.
pub const COMMITTED_MAX: u64 = 4_096;

/// Of how many transactions that is kept when a store is opened; the oldest go.
pub const COMMITTED_COUNT_MAX: usize = 4_096;

/// What one query may take, in steps: some seconds. One that would take more is an error.
pub const QUERY_STEPS_MAX: u64 = 1 << 31;

/// How far ahead of the server's clock, as it is known here, a stamp may lie that is not stamped
/// anew when the server finds it too far ahead, in milliseconds: its transaction is set aside.
pub const STAMP_AHEAD_MS_SURE: u64 = 60_000;

/// The latest time that a stamp may have, in milliseconds since the epoch (in the year 6429). What a
/// clock says beyond is taken for this; a document that the server sends with a later one is not
/// taken, and sync does not go on.
pub const WALL_MS_MAX: u64 = (1 << 47) - 1;

/// After the server did not take a token, a newer one is asked for after a wait that begins with the
/// first and doubles up to the second, in milliseconds.
pub const TOKEN_WAIT_MS: [u64; 2] = [500, 60_000];

/// A newer token is asked for so long before the old one ends, in milliseconds, or when half of its
/// time is over.
pub const TOKEN_AHEAD_MS: u64 = 60_000;
