//! The system collections: what a server knows of itself, to be read like documents.
//!
//! Not here: who may see what (the edges say so).

use document::{CollectionName, DocumentId, Map, Value};
use store::{IndexStatus, Snapshot, SnapshotError};

use crate::{ExecuteError, SystemDocuments, explaining::number};

/// Whether a name is a system collection's.
pub const PREFIX: &str = "system:";

/// All there are.
pub const NAMES: [&str; 6] = [
    "system:active_requests",
    "system:collections",
    "system:data_sync_info",
    "system:dual",
    "system:indexes",
    "system:system_info",
];

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemCollection {
    /// The statements that are being run.
    ActiveRequests,
    /// Collections, and how many documents each has.
    Collections,
    /// Peers: none so far.
    DataSyncInfo,
    /// One document without fields.
    Dual,
    /// Indexes.
    Indexes,
    /// Facts, each under its name.
    SystemInfo,
}

impl SystemCollection {
    /// The one of this name; `None` for a collection of documents.
    ///
    /// # Errors
    /// [`ExecuteError::NoSystemCollection`].
    pub fn named(name: &str) -> Result<Option<Self>, ExecuteError> {
        let Some(own) = name.strip_prefix(PREFIX) else { return Ok(None) };
        Ok(Some(match own {
            "active_requests" => Self::ActiveRequests,
            "collections" => Self::Collections,
            "data_sync_info" => Self::DataSyncInfo,
            "dual" => Self::Dual,
            "indexes" => Self::Indexes,
            "system_info" => Self::SystemInfo,
            _ => return Err(ExecuteError::NoSystemCollection { name: name.to_owned() }),
        }))
    }
}

/// `system:dual`.
pub fn dual() -> SystemDocuments {
    vec![(id("dual"), Map::new())]
}

/// `system:collections`: those of which `count` tells how many documents the caller sees.
///
/// # Errors
/// Where they cannot be read, and what `count` says.
pub fn collections<E: From<SnapshotError>>(
    snapshot: &Snapshot,
    mut count: impl FnMut(&CollectionName) -> Result<Option<u64>, E>,
) -> Result<SystemDocuments, E> {
    let mut documents = Vec::new();
    for name in snapshot.collections() {
        let name = name?;
        let Some(count) = count(&name)? else { continue };
        let fields = vec![("name", text(name.as_str())), ("documents", count_value(count))];
        documents.push((id(name.as_str()), map(fields)));
    }
    Ok(documents)
}

/// `system:indexes`, of these indexes, sorted by id; with the number of entries where `tells_entries`.
pub fn indexes(indexes: &[IndexStatus], tells_entries: impl Fn(&IndexStatus) -> bool) -> SystemDocuments {
    let document = |index: &IndexStatus| {
        let IndexStatus { definition, is_ready, entries, .. } = index;
        let key = |key: &store::IndexKey| {
            let steps = key.path.segments.iter().map(|segment| match segment {
                document::PathSegment::Field(name) => text(name),
                document::PathSegment::Index(at) => number(*at),
            });
            let direction = if key.descending { "desc" } else { "asc" };
            Value::Map(map(vec![("key", Value::Array(steps.collect())), ("direction", text(direction))]))
        };
        let collection = definition.collection.as_str();
        let mut fields = vec![
            ("name", text(&definition.name)),
            ("collection", text(collection)),
            ("fields", Value::Array(definition.keys.iter().map(key).collect())),
            ("state", text(if *is_ready { "ready" } else { "building" })),
        ];
        if tells_entries(index) {
            fields.push(("entries", count_value(*entries)));
        }
        (id(&format!("{collection}.{}", definition.name)), map(fields))
    };
    let mut documents: SystemDocuments = indexes.iter().map(document).collect();
    documents.sort_by(|a, b| a.0.cmp(&b.0));
    documents
}

/// `system:system_info`, of these facts.
pub fn system_info(facts: Vec<(&str, Value)>) -> SystemDocuments {
    let document = |(key, value): (&str, Value)| (id(key), map(vec![("key", text(key)), ("value", value)]));
    let mut documents: SystemDocuments = facts.into_iter().map(document).collect();
    documents.sort_by(|a, b| a.0.cmp(&b.0));
    documents
}

fn id(text: &str) -> DocumentId {
    DocumentId::from_value(&Value::String(text.to_owned())).expect("a name is an id")
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(crate) fn count_value(count: u64) -> Value {
    i64::try_from(count).map_or(Value::Uint(count), Value::Int)
}

fn map(fields: Vec<(&str, Value)>) -> Map {
    Map::from_fields(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
