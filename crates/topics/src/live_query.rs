//! What a live query is: a name, which documents, how many partitions, what a gap gets, and how
//! Kafka clients get it compressed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use document::{CollectionName, Map};
use kafka_wire::compression::Codec;
use query::{Filter, IdRules, Query, dql};
use serde::{Deserialize, Serialize};
use store::AppName;
pub use wire::admin::{Compression, GrantedQueries, OnGap, QueryLanguage};

use crate::limits::{NAME_BYTES_MAX, PARTITIONS_MAX, PERMISSION_BYTES_MAX};

/// The name under which the app's main feed is shown and changed. It carries everything and stays.
pub const MAIN: &str = "main";

/// What a topic carries (docs/reference/live-queries.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LiveQuery {
    /// `[a-z0-9-]+`, at most 64 bytes; part of the topic's name.
    pub name: String,
    /// The collection; `None` carries all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// In `query_language`; `None` carries every document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// By which the query means what it means, for ever.
    #[serde(default, skip_serializing_if = "QueryLanguage::is_legacy")]
    pub query_language: QueryLanguage,
    /// 1 to 1000.
    pub partitions: u16,
    /// What a consumer gets in the place of trimmed events.
    pub on_gap: OnGap,
    /// How its batches are compressed for Kafka clients.
    #[serde(default, skip_serializing_if = "Compression::is_none")]
    pub compression: Compression,
    /// Which documents of its collection it may carry at all, whatever the query says; `None`: all. Who reads it is told
    /// of no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<GrantedQueries>,
    /// When it was made, ms since the epoch.
    pub created_ms: u64,
}

/// What batches of that compression are compressed with; `None` where they are not.
pub fn codec_of(compression: Compression) -> Option<Codec> {
    match compression {
        Compression::None => None,
        Compression::Lz4 => Some(Codec::Lz4),
        Compression::Zstd => Some(Codec::Zstd),
        Compression::Gzip => Some(Codec::Gzip),
        Compression::Snappy => Some(Codec::Snappy),
    }
}

/// What a gap gets, as it is now: readers that wait see a change of it too.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedOnGap(Arc<AtomicBool>);

impl SharedOnGap {
    pub(crate) fn new(on_gap: OnGap) -> Self {
        let shared = Self::default();
        shared.set(on_gap);
        shared
    }

    pub(crate) fn get(&self) -> OnGap {
        if self.0.load(SeqCst) { OnGap::Snapshot } else { OnGap::Requery }
    }

    pub(crate) fn set(&self, on_gap: OnGap) {
        self.0.store(on_gap == OnGap::Snapshot, SeqCst);
    }
}

/// Why a live query cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LiveQueryError {
    /// Its name.
    #[error("a live query's name is 1 to 64 of a-z, 0-9 and '-', and not {MAIN:?}; {0:?} is not")]
    Name(String),
    /// Its collection.
    #[error("collection: {0}")]
    Collection(String),
    /// Its query.
    #[error("query: {0}")]
    Query(String),
    /// Its permission.
    #[error("permission: {0}")]
    Permission(String),
    /// Its partitions.
    #[error("partitions: must be from 1 to {PARTITIONS_MAX}, not {0}")]
    Partitions(u16),
}

impl LiveQuery {
    /// Checks everything; gives the filter, if there is one that leaves something out.
    pub fn check(&self) -> Result<Option<Filter>, LiveQueryError> {
        let is_name = (1..=NAME_BYTES_MAX).contains(&self.name.len())
            && self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_name || self.name == MAIN {
            return Err(LiveQueryError::Name(self.name.clone()));
        }
        if let Some(collection) = &self.collection {
            CollectionName::new(collection).map_err(|e| LiveQueryError::Collection(e.to_string()))?;
        }
        if !(1..=PARTITIONS_MAX).contains(&self.partitions) {
            return Err(LiveQueryError::Partitions(self.partitions));
        }
        let Some(query) = &self.query else { return Ok(None) };
        let filter =
            filter_of(query, self.query_language, self.collection.as_deref()).map_err(LiveQueryError::Query)?;
        Ok(Some(filter).filter(|filter| !filter.is_always()))
    }

    /// The rules of its permission, checked, if it has one.
    pub fn granted(&self) -> Result<Option<Arc<IdRules>>, LiveQueryError> {
        let Some(permission) = &self.permission else { return Ok(None) };
        let wrong = |why: String| Err(LiveQueryError::Permission(why));
        if self.collection.is_none() {
            return wrong("a live query with a permission names its collection".to_owned());
        }
        let lists = permission.queries_by_collection.iter();
        let bytes: usize = lists.map(|(name, all)| name.len() + all.iter().map(String::len).sum::<usize>()).sum();
        if bytes > PERMISSION_BYTES_MAX {
            return wrong(format!("its queries may be {PERMISSION_BYTES_MAX} bytes, these are {bytes}"));
        }
        match IdRules::compile(permission.everything, &permission.queries_by_collection) {
            Ok(rules) => Ok(Some(Arc::new(rules))),
            Err(error) => wrong(error.to_string()),
        }
    }

    /// The topic, and the default consumer group.
    pub fn topic(&self, app: &AppName) -> String {
        format!("{}.{}", app.main_topic(), self.name)
    }
}

fn filter_of(query: &str, language: QueryLanguage, collection: Option<&str>) -> Result<Filter, String> {
    match language {
        QueryLanguage::Legacy => {
            let query = Query::parse(query).map_err(|error| error.to_string())?;
            query.bind(&Map::new()).map_err(|error| error.to_string())
        }
        QueryLanguage::Dql => dql::condition_of(query, collection).map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use document::{DocumentId, Value};
    use query::Budget;

    use super::*;

    fn live_query(name: &str, query: Option<&str>, partitions: u16) -> LiveQuery {
        LiveQuery {
            name: name.into(),
            collection: Some("people".into()),
            query: query.map(Into::into),
            query_language: QueryLanguage::Legacy,
            partitions,
            on_gap: OnGap::Requery,
            compression: Compression::None,
            permission: None,
            created_ms: 1,
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        assert!(live_query("adults", Some("age >= 18"), 4).check().unwrap().is_some());
        assert!(live_query("everyone", Some("true"), 1).check().unwrap().is_none());
        for name in ["", "Adults", "a.b", "a_b", "main", &"x".repeat(65)] {
            assert!(matches!(live_query(name, None, 1).check(), Err(LiveQueryError::Name(_))), "{name}");
        }
        for partitions in [0, 1001] {
            assert_eq!(live_query("a", None, partitions).check().unwrap_err(), LiveQueryError::Partitions(partitions));
        }
        let error = live_query("a", Some("age >="), 1).check().unwrap_err().to_string();
        assert!(error.starts_with("query: ") && error.contains("column"), "{error}");
        let error = live_query("a", Some("age >= $args.x"), 1).check().unwrap_err().to_string();
        assert!(error.starts_with("query: "), "{error}");
    }

    #[test]
    fn a_query_means_what_its_language_says() {
        let by_dql = |query: &str| LiveQuery { query_language: QueryLanguage::Dql, ..live_query("a", Some(query), 1) };
        assert!(by_dql("age BETWEEN 18 AND 21 AND name LIKE 'A%'").check().unwrap().is_some());
        assert!(matches!(live_query("a", Some("age BETWEEN 18 AND 21"), 1).check(), Err(LiveQueryError::Query(_))));
        let filter = by_dql("people.age > 3 AND people._id = 'x'").check().unwrap().unwrap();
        let fields = Map::from_fields(vec![("age".to_owned(), Value::Int(4))]);
        let id = DocumentId::from_value(&Value::String("x".to_owned())).unwrap();
        assert_eq!(filter.matches(&id, &fields, &mut Budget::of_a_document()), Ok(true));
        let error = by_dql("age >= 18\n AND city =").check().unwrap_err().to_string();
        assert!(error.starts_with("query: ") && error.contains("at line 2, column"), "{error}");
        for query in ["age = :age", "SELECT * FROM people", "COUNT(*) > 1"] {
            assert!(matches!(by_dql(query).check(), Err(LiveQueryError::Query(_))), "{query}");
        }
    }
}
