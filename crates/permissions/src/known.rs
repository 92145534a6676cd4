//! The rights of the permission documents that are in use, each compiled once.
//!
//! Invariant: a document is told apart by where it lies in memory, and as long as its rights are kept no other can lie
//! there.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use credentials::PermissionDocument;

use crate::{DocumentRights, limits::RIGHTS_KEPT_MAX};

/// Rights by their documents.
#[derive(Debug, Default)]
pub struct KnownRights {
    kept: Mutex<HashMap<usize, Kept>>,
}

#[derive(Debug)]
struct Kept {
    /// It keeps the place in memory, though not what lay there.
    document: Weak<PermissionDocument>,
    rights: Arc<DocumentRights>,
}

impl KnownRights {
    /// What the document grants. One that cannot be compiled, which no check of today lets in, grants nothing.
    pub fn of(&self, document: &Arc<PermissionDocument>) -> Arc<DocumentRights> {
        let place = Arc::as_ptr(document) as usize;
        if let Some(kept) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&place) {
            return kept.rights.clone();
        }
        let rights = Arc::new(DocumentRights::compile(document).unwrap_or_else(|error| {
            tracing::error!(%error, "a stored permission document cannot be understood and grants nothing");
            DocumentRights::nothing()
        }));
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= RIGHTS_KEPT_MAX {
            all.retain(|_, kept| kept.document.strong_count() > 0);
        }
        if all.len() >= RIGHTS_KEPT_MAX {
            all.clear();
        }
        all.insert(place, Kept { document: Arc::downgrade(document), rights: rights.clone() });
        rights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_compiled_once_and_few_are_kept() {
        let known = KnownRights::default();
        let document = Arc::new(PermissionDocument::everything());
        let first = known.of(&document);
        assert!(Arc::ptr_eq(&first, &known.of(&document)));
        for _ in 0..2 * RIGHTS_KEPT_MAX {
            known.of(&Arc::new(PermissionDocument::default()));
        }
        assert!(known.kept.lock().unwrap().len() <= RIGHTS_KEPT_MAX);
        assert!(Arc::ptr_eq(&first, &known.of(&document)), "it is still held");
    }

    #[test]
    fn what_cannot_be_understood_grants_nothing() {
        let wrong = r#"{"read":{"queriesByCollection":{"books":["true", "age > 3"]}}}"#;
        let rights = KnownRights::default().of(&Arc::new(serde_json::from_str(wrong).unwrap()));
        assert!(!rights.may_read_some_of(&document::CollectionName::new("books").unwrap()));
    }
}
