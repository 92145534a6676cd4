//! What is noted of live queries' topics, as values.
//!
//! Not here: how it is written and read (`view_notes`), how it is kept (`engine::views`).

use crate::position::TxnId;

/// A live query, by a number that is never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewId(pub u32);

/// What stands, at its offset in a partition, for an event that was trimmed: the document that it
/// was about. Valid while that was the last event by which the document was seen there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewEntry {
    /// The event's offset in the journal.
    pub event: u64,
    /// Its transaction.
    pub txn_id: TxnId,
    /// The documents key.
    pub document: Vec<u8>,
}

/// The last event by which a document left a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewLeave {
    /// Where it stands.
    pub partition: u16,
    /// Its offset there.
    pub offset: u64,
    /// Its transaction.
    pub txn_id: TxnId,
}

/// A document's last leave of each view, sorted by the views.
pub type Leaves = Vec<(ViewId, ViewLeave)>;

/// Below it tombstones were dropped that a partition had shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewFloor {
    /// The one after that of the last of them.
    pub offset: u64,
    /// The transaction of that one.
    pub txn_id: TxnId,
    /// [`App::tombstone_floor`] then: who began to read the partition since has missed none.
    pub store_floor: u64,
}
