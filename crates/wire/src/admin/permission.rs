//! Permission documents, as keys, live queries and the vendor's login hooks carry them
//! (docs/reference/access.md, "Permission documents").
//!
//! Not here: what the queries mean (`permissions`).

use std::collections::BTreeMap;

use document::Value;
use serde::{Deserialize, Serialize};

use crate::{
    RequestError,
    shape::{self, Fields, Place},
};

/// Which documents somebody may read and write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionDocument {
    /// What may be found.
    pub read: GrantedQueries,
    /// What of that may be changed.
    pub write: GrantedQueries,
}

/// One half of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantedQueries {
    /// All documents.
    pub everything: bool,
    /// By collection, queries over `_id`; any grants.
    pub queries_by_collection: BTreeMap<String, Vec<String>>,
}

impl PermissionDocument {
    pub(crate) fn take(place: &Place<'_>, value: Value) -> Result<Self, RequestError> {
        let mut fields = Fields::of(place, value)?;
        let mut half = |name: &str| match fields.optional(name) {
            Some(value) => GrantedQueries::take(&place.field(name), value),
            None => Ok(GrantedQueries::default()),
        };
        let (read, write) = (half("read")?, half("write")?);
        fields.finish(&["read", "write"])?;
        Ok(Self { read, write })
    }
}

impl GrantedQueries {
    fn take(place: &Place<'_>, value: Value) -> Result<Self, RequestError> {
        let mut fields = Fields::of(place, value)?;
        let everything = fields.optional_bool("everything")?.unwrap_or_default();
        let queries = fields.optional_object("queriesByCollection")?.unwrap_or_default();
        fields.finish(&["everything", "queriesByCollection"])?;
        let place = place.field("queriesByCollection");
        let of_collection = |(name, queries): (&str, &Value)| {
            let place = place.field(name);
            let texts = shape::array(&place, queries.clone())?.into_iter().enumerate();
            let texts = texts.map(|(index, text)| shape::string(&place.element(index), text));
            Ok((name.to_owned(), texts.collect::<Result<_, _>>()?))
        };
        let queries_by_collection = queries.iter().map(of_collection).collect::<Result<_, RequestError>>()?;
        Ok(Self { everything, queries_by_collection })
    }
}
