//! Which documents a peer may have and write, of what its grants allow: the permission document of its key or token.
//!
//! Invariants: whoever holds the same document shares what was made of it; one that cannot be obeyed grants nothing.
//! Not here: what a rule means (`query::IdRules`), grants (`access`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use credentials::{GrantedQueries, PermissionDocument};
use document::{CollectionName, DocumentId};
use query::IdRules;

/// What a permission document says.
#[derive(Debug, Default)]
pub(crate) struct Rights {
    read: IdRules,
    write: IdRules,
}

/// What all sessions of a server hold.
#[derive(Debug, Default)]
pub(crate) struct KnownRights(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_document: HashMap<Arc<PermissionDocument>, Weak<Rights>>,
    /// How many there may be before those that nobody holds any more are looked for.
    looked_at: usize,
}

/// Never fewer are looked through.
const LOOKED_AT_MIN: usize = 64;

impl KnownRights {
    pub(crate) fn of(&self, document: &Arc<PermissionDocument>) -> Arc<Rights> {
        let found = |known: &Known| known.by_document.get(document).and_then(Weak::upgrade);
        if let Some(rights) = found(&self.lock()) {
            return rights;
        }
        let rights = Arc::new(Rights::of(document));
        let mut known = self.lock();
        if known.by_document.len() >= known.looked_at.max(LOOKED_AT_MIN) {
            known.by_document.retain(|_, rights| rights.strong_count() > 0);
            known.looked_at = 2 * known.by_document.len();
        }
        known.by_document.insert(document.clone(), Arc::downgrade(&rights));
        rights
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rights {
    fn of(document: &PermissionDocument) -> Self {
        let rules = |half: &GrantedQueries| IdRules::compile(half.everything, &half.queries_by_collection);
        match (rules(&document.read), rules(&document.write)) {
            (Ok(read), Ok(write)) => Self { read, write },
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "a permission document cannot be obeyed, and so grants nothing");
                Self::default()
            }
        }
    }

    /// Whether every document of the collection may be had.
    pub(crate) fn reads_all_of(&self, collection: &CollectionName) -> bool {
        self.read.is_all_of(collection.as_str())
    }

    pub(crate) fn reads(&self, collection: &CollectionName, id: &DocumentId) -> bool {
        self.read.grants(collection.as_str(), id)
    }

    /// Whether a document may be written: of what may be had.
    pub(crate) fn writes(&self, collection: &CollectionName, id: &DocumentId) -> bool {
        self.reads(collection, id) && self.write.grants(collection.as_str(), id)
    }

    /// The ids of all documents of the collection that may be had, if they are known without a look at the documents.
    pub(crate) fn ids(&self, collection: &CollectionName) -> Option<Vec<DocumentId>> {
        if self.reads_all_of(collection) {
            return None;
        }
        match self.read.of(collection.as_str()) {
            None => Some(Vec::new()),
            Some(rules) => rules.ids().map(|ids| ids.iter().cloned().collect()),
        }
    }
}
