//! Live queries: making, changing and listing them.
//!
//! Not here: what a query means (`topics`).

use serde::{Deserialize, Serialize};

use super::{LiveQueryPermission, PermissionDocument};
use crate::{
    RequestError,
    shape::{Fields, Place},
};

/// The body of `POST /admin/v1/apps/{app}/live-queries`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLiveQuery {
    /// Its name.
    pub name: String,
    /// The collection; `None`: all.
    pub collection: Option<String>,
    /// In `query_language`; `None`: every document.
    pub query: Option<String>,
    /// `Legacy` if not given.
    pub query_language: QueryLanguage,
    /// 1 if not given.
    pub partitions: u16,
    /// `Requery` if not given.
    pub on_gap: OnGap,
    /// `None` if not given.
    pub compression: Compression,
    /// Which documents it may carry, by the document's half for reading; `None`: all.
    pub permission: Option<PermissionDocument>,
}

/// The body of `PATCH /admin/v1/apps/{app}/live-queries/{name}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveQueryChange {
    /// What a gap gets from here on.
    pub on_gap: Option<OnGap>,
    /// How it is compressed from here on.
    pub compression: Option<Compression>,
}

/// What a consumer gets in the place of trimmed events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnGap {
    /// The names of the documents that it has to read again.
    #[default]
    Requery,
    /// Those documents themselves; only what is gone is named.
    Snapshot,
}

/// The language of a live query's query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueryLanguage {
    /// The legacy query language.
    #[default]
    Legacy,
    /// DQL: a condition, as it stands behind WHERE.
    Dql,
}

/// How the batches of a live query's topic are compressed for Kafka clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// LZ4.
    Lz4,
    /// Zstandard. Clients need Fetch 10, of Kafka 2.1; older ones get it uncompressed.
    Zstd,
    /// gzip.
    Gzip,
    /// Snappy.
    Snappy,
}

/// A live query as the admin API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveQueryReply {
    /// Its name; `main` is the app's main feed.
    pub name: String,
    /// The collection; absent: all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub collection: Option<String>,
    /// The query; absent: every document.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub query: Option<String>,
    /// The query's language; absent: the legacy one.
    #[serde(skip_serializing_if = "QueryLanguage::is_legacy", default)]
    pub query_language: QueryLanguage,
    /// How many partitions its topic has.
    pub partitions: u16,
    /// What a gap gets.
    pub on_gap: OnGap,
    /// How its batches are compressed; absent: not at all.
    #[serde(skip_serializing_if = "Compression::is_none", default)]
    pub compression: Compression,
    /// Which documents it may carry; absent: all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub permission: Option<LiveQueryPermission>,
    /// Its topic.
    pub topic: String,
    /// The consumer group that is meant for it.
    pub group: String,
    /// The Kafka endpoint.
    pub endpoint: String,
}

/// `GET /admin/v1/apps/{app}/live-queries`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveQueriesReply {
    /// The main feed, then the others by name.
    pub live_queries: Vec<LiveQueryReply>,
}

/// `DELETE /admin/v1/apps/{app}/live-queries/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveQueryDeletedReply {
    /// The live query that is gone, with its topic.
    pub deleted: String,
}

impl NewLiveQuery {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let name = fields.string("name")?;
        let collection = fields.optional_collection("collection")?.map(|name| name.as_str().to_owned());
        let query = fields.optional_string("query")?;
        let query_language = QueryLanguage::take(&mut fields)?;
        let partitions = fields.optional_size("partitions")?.unwrap_or(1);
        let on_gap = OnGap::take(&mut fields)?;
        let compression = Compression::take(&mut fields)?.unwrap_or_default();
        let permission = PermissionDocument::take_optional(&mut fields)?;
        fields.finish(&[
            "name",
            "collection",
            "query",
            "queryLanguage",
            "partitions",
            "onGap",
            "compression",
            "permission",
        ])?;
        let partitions = u16::try_from(partitions).map_err(|_| {
            Place::Body.field("partitions").fault(format_args!("must be from 1 to 1000, not {partitions}"))
        })?;
        let on_gap = on_gap.unwrap_or_default();
        Ok(Self { name, collection, query, query_language, partitions, on_gap, compression, permission })
    }
}

impl LiveQueryChange {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        for name in ["name", "collection", "query", "queryLanguage", "partitions", "permission"] {
            if fields.take(name).is_some() {
                let message = "cannot be changed, only onGap and compression can: make a new live query";
                return Err(Place::Body.field(name).fault(message));
            }
        }
        let on_gap = OnGap::take(&mut fields)?;
        let compression = Compression::take(&mut fields)?;
        fields.finish(&["onGap", "compression"])?;
        if on_gap.is_none() && compression.is_none() {
            return Err(Place::Body.fault("must say what to change; known are onGap and compression"));
        }
        Ok(Self { on_gap, compression })
    }
}

impl QueryLanguage {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Legacy, Self::Dql];

    /// Whether it is the legacy one.
    pub fn is_legacy(&self) -> bool {
        *self == Self::Legacy
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Dql => "dql",
        }
    }

    /// The one of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    fn take(fields: &mut Fields<'_>) -> Result<Self, RequestError> {
        let Some(name) = fields.optional_string("queryLanguage")? else { return Ok(Self::default()) };
        let unknown = || {
            let names = Self::ALL.map(Self::name).join(" or ");
            Place::Body.field("queryLanguage").fault(format_args!("must be {names}, not {name:?}"))
        };
        Self::of_name(&name).ok_or_else(unknown)
    }
}

impl Compression {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::None, Self::Lz4, Self::Zstd, Self::Gzip, Self::Snappy];

    /// Whether it is none.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Its name, which is Kafka's too.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
        }
    }

    /// The one of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    fn take(fields: &mut Fields<'_>) -> Result<Option<Self>, RequestError> {
        let Some(name) = fields.optional_string("compression")? else { return Ok(None) };
        let unknown = || {
            let names = Self::ALL.map(Self::name).join(", ");
            Place::Body.field("compression").fault(format_args!("must be one of {names}, not {name:?}"))
        };
        Self::of_name(&name).map(Some).ok_or_else(unknown)
    }
}

impl OnGap {
    pub(super) fn take(fields: &mut Fields<'_>) -> Result<Option<Self>, RequestError> {
        match fields.optional_string("onGap")?.as_deref() {
            None => Ok(None),
            Some("requery") => Ok(Some(OnGap::Requery)),
            Some("snapshot") => Ok(Some(OnGap::Snapshot)),
            Some(other) => Err(Place::Body
                .field("onGap")
                .fault(format_args!("must be \"requery\" or \"snapshot\", not {other:?}"))),
        }
    }
}
