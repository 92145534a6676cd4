//! A reader: a peer's documents, read from any thread while the peer writes and syncs on its own.
//!
//! Invariants: each call sees one snapshot of the store, and so whole transactions; it never waits
//! for the peer. Not here: writes, observers (`peer`).

use std::sync::Arc;

use document::{CollectionName, DocumentId, Map};
use key_values::KeyValues;
use query::Budget;
use query::dql::{Bound, Row};

use crate::reading::Reading;
use crate::records::decode_document;
use crate::select::{bind, rows_of};
use crate::spaces::{document_key, split_document_key};
use crate::{Find, Found, Now, Observed, PeerError, QueryError, limits};

/// Reads a peer's documents, from any thread. Clones read the same. The store stays open while there
/// is one.
#[derive(Clone)]
pub struct Reader {
    store: Arc<dyn KeyValues>,
    strict: bool,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    pub(crate) fn new(store: Arc<dyn KeyValues>, strict: bool) -> Self {
        Self { store, strict }
    }

    /// The document's fields, without `_id`.
    ///
    /// # Errors
    /// The store.
    pub fn find_by_id(&self, collection: &CollectionName, id: &DocumentId) -> Result<Option<Map>, PeerError> {
        self.reading().fields(&document_key(collection, id))
    }

    /// Documents that match.
    ///
    /// # Errors
    /// What [`QueryError`] names.
    pub fn find(&self, find: &Find) -> Result<Vec<Found>, QueryError> {
        find.run(&self.reading(), &mut Budget::new(limits::QUERY_STEPS_MAX))
    }

    /// The rows of a SELECT.
    ///
    /// # Errors
    /// What [`QueryError`] names; [`QueryError::NoSelect`] if it is another statement.
    pub fn select(&self, now: Now, text: &str, args: &Map) -> Result<Vec<Row>, QueryError> {
        match bind(text, args, now, self.strict)? {
            Bound::Select(select) => rows_of(&self.reading(), &select),
            _ => Err(QueryError::NoSelect),
        }
    }

    /// A SELECT that can be observed.
    ///
    /// # Errors
    /// It is none.
    pub fn observable(&self, now: Now, text: &str, args: &Map) -> Result<Observed, QueryError> {
        match bind(text, args, now, self.strict)? {
            Bound::Select(select) if !select.collection().starts_with("system:") => Ok(Observed::Select(select)),
            _ => Err(QueryError::NoSelect),
        }
    }

    /// What an observer of it would see now.
    ///
    /// # Errors
    /// What [`QueryError`] names.
    pub fn rows(&self, observed: &Observed) -> Result<Vec<Row>, QueryError> {
        observed.rows(&self.reading())
    }

    /// Gives every token of every document that is seen, with the document that holds it, until `each`
    /// says `false`. Reads the whole store.
    ///
    /// # Errors
    /// The store.
    pub fn each_token(
        &self,
        each: &mut dyn FnMut(&CollectionName, &DocumentId, &Map) -> bool,
    ) -> Result<(), PeerError> {
        self.reading().each_state(&mut |key, state| {
            let mut tokens = Vec::new();
            decode_document(state)?.for_each_token(&mut |token| tokens.push(token.clone()));
            if tokens.is_empty() {
                return Ok(true);
            }
            let (collection, id) = split_document_key(key)?;
            Ok(tokens.iter().all(|token| each(&collection, &id, token)))
        })
    }

    fn reading(&self) -> Reading<'static> {
        Reading::of(&*self.store, None)
    }
}
