//! What comes with a changeset that is to be decided; a replay has none of it.

use std::sync::Arc;

use query::{Filter, dql::Update};

use crate::Returning;

/// What a changeset's sender gives beside it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// The filters of its queries, in their order. Those that are missing are made of their texts.
    pub filters: &'a [Arc<Filter>],
    /// The UPDATE that its [`document::Action::Computed`] names; where there are several, the first of them. A
    /// missing one is made of its text.
    pub update: Option<&'a Update>,
    /// Which states of its documents are handed back.
    pub returning: Option<Returning>,
    /// The transaction of the last tombstone that was dropped; 0 if none was. For what peers push.
    pub tombstone_floor: u64,
}
