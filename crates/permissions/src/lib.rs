//! What a permission document grants, ready to be asked about documents (docs/reference/access.md,
//! "Permission documents").
//!
//! Invariants: what cannot be compiled grants nothing; who may write a document may read it.
//! Not here: whose document it is, and grants (`credentials`); what a rule means (`query::IdRules`); asking before
//! each read and write (`find`, the edges).

mod known;

pub mod limits;

use std::sync::Arc;

use credentials::{GrantedQueries, PermissionDocument};
use document::{CollectionName, DocumentId};
use query::{IdRules, IdRulesError};

pub use known::KnownRights;

/// Which documents somebody may read and write, of what their grants allow.
#[derive(Debug)]
pub struct DocumentRights {
    read: Arc<IdRules>,
    write: IdRules,
}

/// Why a permission document is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RightsError {
    /// What may be read.
    #[error("read: {0}")]
    Read(#[source] IdRulesError),
    /// What may be written.
    #[error("write: {0}")]
    Write(#[source] IdRulesError),
}

impl DocumentRights {
    /// Of a document.
    ///
    /// # Errors
    /// Where a query is none, or looks at more than `_id`: with the half, its collection and which it is.
    pub fn compile(document: &PermissionDocument) -> Result<Self, RightsError> {
        let of = |half: &GrantedQueries| IdRules::compile(half.everything, &half.queries_by_collection);
        let read = of(&document.read).map_err(RightsError::Read)?;
        let write = of(&document.write).map_err(RightsError::Write)?;
        Ok(Self { read: Arc::new(read), write })
    }

    /// Of somebody who may do nothing.
    pub fn nothing() -> Self {
        Self { read: Arc::default(), write: IdRules::default() }
    }

    /// What may be found; `None` where every document may be.
    pub fn readable(&self) -> Option<&Arc<IdRules>> {
        (!self.read.is_everything()).then_some(&self.read)
    }

    /// Whether any document of the collection may be found, if there are any.
    pub fn may_read_some_of(&self, collection: &CollectionName) -> bool {
        self.read.is_some_of(collection.as_str())
    }

    /// Whether every document of the collection may be found.
    pub fn may_read_all_of(&self, collection: &CollectionName) -> bool {
        self.read.is_all_of(collection.as_str())
    }

    /// Whether the document may be found.
    pub fn may_read(&self, collection: &CollectionName, id: &DocumentId) -> bool {
        self.read.grants(collection.as_str(), id)
    }

    /// Whether the document may be changed, and be found.
    pub fn may_write(&self, collection: &CollectionName, id: &DocumentId) -> bool {
        self.write.grants(collection.as_str(), id) && self.may_read(collection, id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(json: &str) -> Result<DocumentRights, RightsError> {
        DocumentRights::compile(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn who_may_write_may_read() {
        let both =
            rights(r#"{"read":{"queriesByCollection":{"books":["_id.shop == 'x'"]}},"write":{"everything":true}}"#);
        let (both, books) = (both.unwrap(), CollectionName::new("books").unwrap());
        let id = |json: &str| DocumentId::from_json(json).unwrap();
        assert!(both.may_write(&books, &id(r#"{"shop":"x"}"#)));
        assert!(!both.may_write(&books, &id(r#"{"shop":"y"}"#)), "it is not there for whoever asks");
        assert!(both.may_read_some_of(&books) && !both.may_read_all_of(&books));
        assert!(!DocumentRights::nothing().may_read(&books, &id("7")));
        assert!(both.readable().is_some());
        assert!(rights(r#"{"read":{"everything":true}}"#).unwrap().readable().is_none());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let wrong = rights(r#"{"read":{},"write":{"queriesByCollection":{"books":["true","age > 3"]}}}"#);
        assert_eq!(
            wrong.unwrap_err().to_string(),
            "write: query 1 of collection books looks at fields; a permission may look at _id and its parts only"
        );
    }
}
