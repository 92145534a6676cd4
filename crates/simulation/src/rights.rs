//! What a peer's key allows: the collection `secret` or not, and of the collection `t` all or some of the documents
//! that everybody writes.
//!
//! Invariant: what only one peer writes, and the counter, everybody may read; so pairs and the counter are told of
//! whole. Not here: that it is obeyed (`wire`, `laws`).

use credentials::{Grant, GrantedQueries, Permission, PermissionDocument};

use crate::{
    server::APP,
    step::{ALL_DOCUMENTS, DOCUMENTS},
};

/// What may be read. Everything that may be read may be written, and `secret` at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rights {
    /// The collection `secret`.
    pub(crate) secret: bool,
    /// Of the documents `d0`, `d1`, … in `t`, those of these bits.
    pub(crate) documents: u8,
}

impl Rights {
    pub(crate) const ALL: Self = Self { secret: true, documents: ALL_DOCUMENTS };

    /// Whether some of the collection may be read.
    pub(crate) fn has_some_of(self, collection: &str) -> bool {
        self.secret || collection != "secret"
    }

    /// Whether a document may be read.
    pub(crate) fn has(self, collection: &str, id_json: &str) -> bool {
        let is_withheld = |n: u64| self.documents >> n & 1 == 0 && id_json == format!("\"d{n}\"");
        self.has_some_of(collection) && (collection != "t" || !(0..DOCUMENTS).any(is_withheld))
    }

    /// By collections.
    pub(crate) fn grants(self) -> Vec<Grant> {
        let grant = |collection: &str, permissions: &[Permission]| Grant {
            app: APP.into(),
            collection: Some(collection.into()),
            permissions: permissions.to_vec(),
        };
        let both = [Permission::Read, Permission::Write];
        let secret: &[Permission] = if self.secret { &both } else { &[Permission::Write] };
        vec![grant("t", &both), grant("log", &both), grant("secret", secret), grant("locked", &[Permission::Read])]
    }

    /// By ids; none where there is nothing that it would withhold.
    pub(crate) fn document(self) -> Option<PermissionDocument> {
        if self.documents == ALL_DOCUMENTS {
            return None;
        }
        let all = |name: &str| (name.to_owned(), vec!["true".to_owned()]);
        let named = (0..DOCUMENTS).filter(|n| self.documents >> n & 1 == 1).map(|n| format!("_id == 'd{n}'"));
        let others = ["!starts_with(_id, 'd')".to_owned()];
        let of_t = ("t".to_owned(), named.chain(others).collect());
        let queries_by_collection = [all("log"), all("secret"), all("locked"), of_t].into();
        let read = GrantedQueries { everything: false, queries_by_collection };
        Some(PermissionDocument { read, ..PermissionDocument::everything() })
    }
}
