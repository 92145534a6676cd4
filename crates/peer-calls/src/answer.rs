//! What a call gives, before it is bytes: named parts, rows in the order of their fields.

use document::{CollectionName, DocumentId, Map, Value};
use peer_core::{Found, RejectedTransaction};
use query::dql::Row;
use sync_protocol::Seq;

/// What a call gives, or an event tells.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub(crate) parts: Vec<(&'static str, Part)>,
}

#[derive(Debug, Clone)]
pub(crate) enum Part {
    Value(Value),
    /// Each is an object.
    Rows(Vec<Row>),
    /// One object, or null.
    Row(Option<Row>),
}

impl Answer {
    /// Nothing but that it was done.
    pub fn new() -> Self {
        Self::default()
    }

    /// And a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        self.parts.push((name, Part::Value(value)));
        self
    }

    /// And an integer.
    #[must_use]
    pub fn with_number(self, name: &'static str, number: u64) -> Self {
        self.with(name, integer(number))
    }

    /// And a value, if there is one.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<Value>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// And rows.
    #[must_use]
    pub fn with_rows(mut self, name: &'static str, rows: Vec<Row>) -> Self {
        self.parts.push((name, Part::Rows(rows)));
        self
    }

    /// And documents, each with its `_id`.
    #[must_use]
    pub fn with_documents(self, name: &'static str, found: Vec<Found>) -> Self {
        self.with_rows(name, found.into_iter().map(|it| row(&it.id, it.value)).collect())
    }

    /// And a document with its `_id`, or null.
    #[must_use]
    pub fn with_document(mut self, name: &'static str, id: &DocumentId, fields: Option<Map>) -> Self {
        self.parts.push((name, Part::Row(fields.map(|fields| row(id, fields)))));
        self
    }

    /// And ids.
    #[must_use]
    pub fn with_ids(self, name: &'static str, ids: &[DocumentId]) -> Self {
        self.with(name, Value::Array(ids.iter().map(DocumentId::to_value).collect()))
    }

    /// And the number of a local transaction, if there is one.
    #[must_use]
    pub fn with_sequence(self, seq: Option<Seq>) -> Self {
        self.with_some("sequence", seq.map(|seq| integer(seq.0)))
    }
}

/// An unsigned integer as a value.
pub(crate) fn integer(number: u64) -> Value {
    i64::try_from(number).map_or(Value::Uint(number), Value::Int)
}

fn row(id: &DocumentId, fields: Map) -> Row {
    let mut row = vec![("_id".to_owned(), id.to_value())];
    row.extend(fields.into_fields());
    Row { fields: row }
}

/// A transaction that the server refused, as messages have it.
pub fn rejected(it: &RejectedTransaction) -> Value {
    let name = |collection: &CollectionName| Value::String(collection.as_str().to_owned());
    let document =
        |(collection, id): (_, &DocumentId)| object([("collection", name(collection)), ("id", id.to_value())]);
    let value = |(collection, id, fields): (_, &DocumentId, &Map)| {
        let mut value = fields.clone();
        value.insert("_id".to_owned(), id.to_value());
        object([("collection", name(collection)), ("value", Value::Map(value))])
    };
    object([
        ("sequence", integer(it.seq.0)),
        ("why", Value::String(it.why())),
        ("documents", Value::Array(it.documents().map(document).collect())),
        ("values", Value::Array(it.values().map(value).collect())),
    ])
}

pub(crate) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(Map::from_fields(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}
