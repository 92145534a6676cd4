//! Which documents there are for a caller, and which they may write: what a permission document leaves of the grants
//! (docs/reference/access.md, "Permission documents").
//!
//! Invariant: what may not be read is like what is not there, in every answer and message.
//! Not here: grants (`access`), what the rules mean (`permissions`).

use std::sync::Arc;

use credentials::PermissionDocument;
use document::{CollectionName, DocumentId};
use permissions::{DocumentRights, KnownRights};
use query::IdRules;

use crate::{access::Caller, denied::Denied};

/// What a caller may do to single documents. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum DocumentAccess {
    /// Whatever grants allow.
    All,
    /// What a permission document leaves of it.
    Restricted(Arc<Restricted>),
}

/// By a permission document.
#[derive(Debug)]
pub(crate) struct Restricted {
    rights: Arc<DocumentRights>,
    /// Whose, for messages.
    caller: Caller,
    app: String,
}

impl DocumentAccess {
    pub(crate) fn of(caller: &Caller, app: &str, known: &KnownRights) -> Self {
        let restricted = |document: &Arc<PermissionDocument>| {
            Self::Restricted(Arc::new(Restricted {
                rights: known.of(document),
                caller: caller.clone(),
                app: app.to_owned(),
            }))
        };
        caller.permission().map_or(Self::All, restricted)
    }

    fn rights(&self) -> Option<&DocumentRights> {
        match self {
            DocumentAccess::All => None,
            DocumentAccess::Restricted(restricted) => Some(&restricted.rights),
        }
    }

    /// Whether there may be documents that the caller may not have.
    pub(crate) fn is_restricted(&self) -> bool {
        self.rights().is_some()
    }

    /// What a find may find; `None` is all.
    pub(crate) fn readable(&self) -> Option<Arc<IdRules>> {
        self.rights()?.readable().cloned()
    }

    pub(crate) fn may_read(&self, collection: &CollectionName, id: &DocumentId) -> bool {
        self.rights().is_none_or(|rights| rights.may_read(collection, id))
    }

    pub(crate) fn may_read_some_of(&self, collection: &CollectionName) -> bool {
        self.rights().is_none_or(|rights| rights.may_read_some_of(collection))
    }

    pub(crate) fn may_read_all_of(&self, collection: &CollectionName) -> bool {
        self.rights().is_none_or(|rights| rights.may_read_all_of(collection))
    }

    pub(crate) fn may_write(&self, collection: &CollectionName, id: &DocumentId) -> bool {
        self.rights().is_none_or(|rights| rights.may_write(collection, id))
    }

    /// Whether a document of this id may be written; what is said does not tell whether it is there.
    pub(crate) fn demand_write(&self, collection: &CollectionName, id: &DocumentId) -> Result<(), Denied> {
        match self {
            DocumentAccess::Restricted(restricted) if !restricted.rights.may_write(collection, id) => {
                let act = format!("write a document {} of the collection {:?}", id.as_json(), collection.as_str());
                Err(restricted.caller.not_granted(act, &restricted.app))
            }
            _ => Ok(()),
        }
    }

    /// As [`DocumentAccess::demand_write`], of an id that was made here and means nothing to whoever asked.
    pub(crate) fn demand_generated(&self, collection: &CollectionName, id: &DocumentId) -> Result<(), Denied> {
        match self {
            DocumentAccess::Restricted(restricted) if !restricted.rights.may_write(collection, id) => {
                let collection = collection.as_str();
                let act = format!("write documents of generated ids in the collection {collection:?} (give an id)");
                Err(restricted.caller.not_granted(act, &restricted.app))
            }
            _ => Ok(()),
        }
    }
}
