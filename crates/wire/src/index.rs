//! `/admin/v1/apps/{app}/indexes`: indexes of documents (docs/reference/indexes.md).
//!
//! Not here: what makes a good name or key (`store`), who may ask (`http-api`).

use document::{CollectionName, Path, Value};
use serde::{Deserialize, Serialize};

use crate::{
    RequestError,
    find::Sort,
    shape::{self, Fields, Place},
};

/// The body of `POST /admin/v1/apps/{app}/indexes`.
#[derive(Debug, Clone, PartialEq)]
pub struct NewIndex {
    /// Its name, unique in its collection.
    pub name: String,
    /// Whose documents.
    pub collection: CollectionName,
    /// By what they are sorted; the first weighs most. Each an object as in a find's `sort`, or the
    /// property alone.
    pub keys: Vec<Sort>,
}

/// An index as the admin API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexReply {
    /// Its name.
    pub name: String,
    /// Its collection.
    pub collection: String,
    /// By what documents are sorted in it.
    pub keys: Vec<IndexKeyReply>,
    /// Whether queries use it.
    pub state: IndexState,
    /// Documents that have an entry.
    pub entries: u64,
    /// Documents of the collection: while it is being built, how many entries it is to have.
    pub documents: u64,
}

/// One key of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexKeyReply {
    /// The field.
    pub property: String,
    /// `asc` or `desc`.
    pub direction: String,
}

/// How far an index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexState {
    /// Entries are still being made; queries do without it.
    Building,
    /// Queries use it.
    Ready,
}

/// `GET /admin/v1/apps/{app}/indexes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexesReply {
    /// By collection, then as they were made.
    pub indexes: Vec<IndexReply>,
}

/// `DELETE /admin/v1/apps/{app}/indexes/{collection}/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexDroppedReply {
    /// The index that no query uses any more.
    pub dropped: String,
    /// Its collection.
    pub collection: String,
}

impl NewIndex {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let name = fields.string("name")?;
        let collection = fields.collection("collection")?;
        let place = Place::Body.field("keys");
        let keys = shape::array(&place, fields.required("keys")?)?;
        fields.finish(&["name", "collection", "keys"])?;
        let keys = keys.into_iter().enumerate().map(|(n, key)| take_key(&place.element(n), key));
        Ok(Self { name, collection, keys: keys.collect::<Result<_, _>>()? })
    }
}

fn take_key(place: &Place<'_>, key: Value) -> Result<Sort, RequestError> {
    match key {
        Value::String(property) => Ok(Sort { property: shape::path(place, &property)?, descending: false }),
        key => Sort::take(place, key),
    }
}

impl IndexKeyReply {
    /// Of that field, greatest first or not.
    pub fn new(path: &Path, descending: bool) -> Self {
        Self { property: path.to_string(), direction: if descending { "desc" } else { "asc" }.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_property_or_one_with_its_direction() {
        let body = br#"{"name":"by-age","collection":"people","keys":["name",{"property":"a.b","direction":"desc"}]}"#;
        let index = NewIndex::parse(body).unwrap();
        let keys: Vec<_> = index.keys.iter().map(|key| (key.property.to_string(), key.descending)).collect();
        assert_eq!(keys, [("name".to_owned(), false), ("a.b".to_owned(), true)]);
    }

    #[test]
    fn a_fault_says_where() {
        let error = |body: &str| NewIndex::parse(body.as_bytes()).unwrap_err().to_string();
        assert!(error(r#"{"name":"a","collection":"c"}"#).contains("keys"));
        assert!(error(r#"{"name":"a","collection":"c","keys":[7]}"#).contains("keys[0]"));
        let upwards = error(r#"{"name":"a","collection":"c","keys":[{"property":"a","direction":"up"}]}"#);
        assert!(upwards.contains("keys[0].direction"), "{upwards}");
    }
}
