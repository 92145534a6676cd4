//! Permission documents: which documents of which collections somebody may read and write
//! (docs/reference/access.md, "Permission documents").
//!
//! Invariant: a document is bounded before it is kept ([`crate::limits`]); what a part does not name
//! is not granted. Not here: what a query means (`query::IdRules`), where it is obeyed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Permission,
    limits::{PERMISSION_BYTES_MAX, PERMISSION_QUERIES_MAX},
};

/// What somebody may read, and what they may write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionDocument {
    /// What may be found.
    #[serde(default)]
    pub read: GrantedQueries,
    /// What may be changed, of what may be found; and inserted.
    #[serde(default)]
    pub write: GrantedQueries,
}

/// One half of a permission document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GrantedQueries {
    /// Every document of every collection; then the queries say nothing.
    #[serde(default)]
    pub everything: bool,
    /// By collection, queries over `_id` and its parts; a document that one of them matches is granted.
    #[serde(default)]
    pub queries_by_collection: BTreeMap<String, Vec<String>>,
}

impl PermissionDocument {
    /// Everything, of both.
    pub fn everything() -> Self {
        let half = GrantedQueries { everything: true, ..GrantedQueries::default() };
        Self { read: half.clone(), write: half }
    }

    /// The half for reading or for writing; nobody restricted administrates.
    pub fn half(&self, permission: Permission) -> Option<&GrantedQueries> {
        match permission {
            Permission::Read => Some(&self.read),
            Permission::Write => Some(&self.write),
            Permission::Admin => None,
        }
    }

    /// The same text for all that say the same in the same words: by which one is told from another.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("it is plain data")
    }

    /// The bytes of its queries and names of collections.
    pub fn size_bytes(&self) -> usize {
        let queries = [&self.read, &self.write].into_iter().flat_map(|half| &half.queries_by_collection);
        queries.map(|(name, queries)| name.len() + queries.iter().map(String::len).sum::<usize>()).sum()
    }

    /// Why it is too large to be kept, or `Ok`.
    pub fn check_size(&self) -> Result<(), String> {
        let queries = || [&self.read, &self.write].into_iter().flat_map(|half| &half.queries_by_collection);
        let count: usize = queries().map(|(_, queries)| queries.len()).sum();
        if count > PERMISSION_QUERIES_MAX {
            return Err(format!(
                "a permission document may have {PERMISSION_QUERIES_MAX} queries, this one has {count}"
            ));
        }
        let bytes = self.size_bytes();
        match bytes > PERMISSION_BYTES_MAX {
            true => Err(format!(
                "the queries of a permission document may be {PERMISSION_BYTES_MAX} bytes, these are {bytes}"
            )),
            false => Ok(()),
        }
    }
}

/// How a document that several hold is kept in a file.
pub(crate) mod shared {
    use std::sync::Arc;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::PermissionDocument;

    pub(crate) fn serialize<S: Serializer>(
        held: &Option<Arc<PermissionDocument>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        held.as_deref().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Arc<PermissionDocument>>, D::Error> {
        Ok(Option::deserialize(deserializer)?.map(Arc::new))
    }
}

/// The same of one that somebody always has.
pub(crate) mod held {
    use std::sync::Arc;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::PermissionDocument;

    pub(crate) fn serialize<S: Serializer>(held: &Arc<PermissionDocument>, serializer: S) -> Result<S::Ok, S::Error> {
        held.as_ref().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<PermissionDocument>, D::Error> {
        PermissionDocument::deserialize(deserializer).map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_documents_are_read_and_what_is_absent_is_not_granted() {
        let text = r#"{"read":{"everything":false,"queriesByCollection":{"books":["_id.locationId == 'x'"]}},"write":{"everything":true}}"#;
        let document: PermissionDocument = serde_json::from_str(text).unwrap();
        assert_eq!(document.read.queries_by_collection["books"], ["_id.locationId == 'x'"]);
        assert!(!document.read.everything && document.write.everything);
        let read_only: PermissionDocument = serde_json::from_str(r#"{"read":{"everything":true}}"#).unwrap();
        assert_eq!(read_only.write, GrantedQueries::default());
        assert!(serde_json::from_str::<PermissionDocument>(r#"{"reed":{}}"#).is_err());
    }

    #[test]
    fn large_ones_are_refused() {
        let of = |queries: Vec<String>| PermissionDocument {
            read: GrantedQueries { everything: false, queries_by_collection: [("a".to_owned(), queries)].into() },
            write: GrantedQueries::default(),
        };
        assert_eq!(of(vec!["true".into(); PERMISSION_QUERIES_MAX]).check_size(), Ok(()));
        assert!(of(vec!["true".into(); PERMISSION_QUERIES_MAX + 1]).check_size().is_err());
        assert!(of(vec!["x".repeat(PERMISSION_BYTES_MAX)]).check_size().is_err());
    }
}
