//! The collections of an app.

use serde::{Deserialize, Serialize};

/// `GET /admin/v1/apps/{app}/collections`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectionsReply {
    /// Sorted by name. One whose documents are all removed is not there.
    pub collections: Vec<CollectionReply>,
}

/// A collection that has documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectionReply {
    /// Its name.
    pub name: String,
    /// How many documents it has; removed ones do not count.
    pub documents: u64,
}
