//! Statements and what they give, by the vendor's names.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{DittoError, DocumentId, arguments};
use crate::Executed;

/// A statement: its text, or that and its arguments in a pair.
pub trait IntoQuery {
    /// The text, and the arguments or why there are none.
    fn into_query(self) -> (String, Result<document::Map, DittoError>);
}

impl IntoQuery for &str {
    fn into_query(self) -> (String, Result<document::Map, DittoError>) {
        (self.to_owned(), Ok(document::Map::new()))
    }
}

impl IntoQuery for String {
    fn into_query(self) -> (String, Result<document::Map, DittoError>) {
        (self, Ok(document::Map::new()))
    }
}

impl<T: AsRef<str>, A: Serialize> IntoQuery for (T, A) {
    fn into_query(self) -> (String, Result<document::Map, DittoError>) {
        (self.0.as_ref().to_owned(), arguments(&self.1))
    }
}

/// What a statement came to.
#[derive(Debug, Clone, Default)]
pub struct QueryResult {
    items: Vec<QueryResultItem>,
    mutated: Vec<DocumentId>,
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryResultItem(Value);

impl QueryResult {
    pub(super) fn new(executed: Executed) -> Self {
        let mutated = executed.mutated_document_ids().to_vec();
        Self { mutated, ..Self::of_items(executed.into_items()) }
    }

    pub(super) fn of_items(items: Vec<Value>) -> Self {
        Self { items: items.into_iter().map(QueryResultItem).collect(), mutated: Vec::new() }
    }

    /// How many rows there are.
    pub fn item_count(&self) -> usize {
        self.items.len()
    }

    /// A row.
    pub fn get_item(&self, place: usize) -> Option<&QueryResultItem> {
        self.items.get(place)
    }

    /// The rows.
    pub fn iter(&self) -> std::slice::Iter<'_, QueryResultItem> {
        self.items.iter()
    }

    /// The documents that were written or evicted.
    pub fn mutated_document_ids(&self) -> &[DocumentId] {
        &self.mutated
    }
}

impl<'r> IntoIterator for &'r QueryResult {
    type Item = &'r QueryResultItem;
    type IntoIter = std::slice::Iter<'r, QueryResultItem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl QueryResultItem {
    /// Its fields.
    pub fn value(&self) -> Value {
        self.0.clone()
    }

    /// As JSON.
    pub fn json_string(&self) -> String {
        self.0.to_string()
    }

    /// As a type of the caller's.
    ///
    /// # Errors
    /// It is none.
    pub fn deserialize_value<T: DeserializeOwned>(&self) -> Result<T, DittoError> {
        serde_json::from_value(self.0.clone()).map_err(|error| DittoError::Value { why: error.to_string() })
    }
}
