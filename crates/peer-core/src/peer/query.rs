//! Local queries and observers.

use document::{CollectionName, DocumentId, Map};
use query::Budget;
use query::dql::Row;

use super::Peer;
use crate::spaces::document_key;
use crate::{Find, Found, Observed, ObserverId, PeerError, QueryError, limits};

impl Peer {
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

    /// Observes. The first result can be asked for at once.
    ///
    /// # Errors
    /// There are too many observers.
    pub fn observe(&mut self, observed: Observed) -> Result<ObserverId, QueryError> {
        self.observers.add(observed)
    }

    /// Ends an observer: nothing is told of it from here on.
    pub fn cancel_observer(&mut self, observer: ObserverId) {
        self.observers.remove(observer);
    }

    /// What an observer sees now; none if it was cancelled.
    ///
    /// # Errors
    /// What [`QueryError`] names.
    pub fn observed(&self, observer: ObserverId) -> Result<Option<Vec<Row>>, QueryError> {
        self.observers.observed(observer).map(|it| it.rows(&self.reading())).transpose()
    }
}
