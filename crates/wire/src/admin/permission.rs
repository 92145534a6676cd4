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

/// One half of it; as a live query keeps what may be read, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrantedQueries {
    /// All documents.
    #[serde(default)]
    pub everything: bool,
    /// By collection, queries over `_id`; any grants.
    #[serde(default)]
    pub queries_by_collection: BTreeMap<String, Vec<String>>,
}

/// What of a permission document a live query has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveQueryPermission {
    /// What may be carried.
    pub read: GrantedQueries,
}

impl PermissionDocument {
    /// The field `permission` of a body.
    pub(crate) fn take_optional(fields: &mut Fields<'_>) -> Result<Option<Self>, RequestError> {
        let Some(value) = fields.optional("permission") else { return Ok(None) };
        Self::take(&fields.place.field("permission"), value).map(Some)
    }

    fn take(place: &Place<'_>, value: Value) -> Result<Self, RequestError> {
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
