//! What a writer asks to be committed.
//!
//! Not here: what it gets back (`commit`), how its request is called (`request`).

use std::sync::Arc;

use document::Changeset;
use query::{Filter, dql::Update};
use rules::Returning;

/// A transaction to commit.
#[derive(Debug)]
pub struct Write {
    /// What is to be done.
    pub changeset: Changeset,
    /// The filters of its queries, in their order, from whoever has parsed them already. Those that
    /// are missing are made of their texts.
    pub filters: Vec<Arc<Filter>>,
    /// The UPDATE that its [`document::Action::Computed`] names, from whoever has bound it already;
    /// where it is missing it is made of its text.
    pub update: Option<Update>,
    /// Which states of its documents are answered.
    pub returning: Option<Returning>,
    /// Of a push: the site's earlier ones without which it is not taken.
    pub needs: Vec<u64>,
}

impl From<Changeset> for Write {
    fn from(changeset: Changeset) -> Self {
        Self { changeset, filters: Vec::new(), update: None, returning: None, needs: Vec::new() }
    }
}
