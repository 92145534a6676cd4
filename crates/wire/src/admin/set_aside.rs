//! Events of a webhook that are set aside (docs/reference/webhooks.md, "What is set aside").

use document::Value;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    RequestError, query_string,
    shape::{self, Fields, Place},
};

/// The query string of `GET /admin/v1/apps/{app}/sinks/{name}/set-aside`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetAsideQuery {
    /// The number behind which the page begins.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// The body of `POST …/set-aside/replay` and `DELETE …/set-aside`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAsideChoice {
    /// The numbers; `None`: all.
    pub ids: Option<Vec<u64>>,
}

/// An event that is set aside.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetAsideEventReply {
    /// Its number.
    pub id: u64,
    /// The partition of the sink's topic.
    pub partition: u16,
    /// The offset there.
    pub offset: u64,
    /// The record's key.
    pub key: String,
    /// The header `op`.
    pub op: String,
    /// The header `txnId`.
    pub txn_id: String,
    /// When it was committed, ms since the epoch.
    pub timestamp_ms: i64,
    /// When it was set aside, ms since the epoch.
    pub set_aside_ms: u64,
    /// Why it was not delivered, the last time.
    pub reason: String,
    /// Whether it is to be sent once more and was not yet.
    pub is_replayed: bool,
    /// The event.
    pub event: Box<RawValue>,
}

/// `GET /admin/v1/apps/{app}/sinks/{name}/set-aside`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetAsideReply {
    /// In order.
    pub events: Vec<SetAsideEventReply>,
    /// Where the next page begins (`?after=`); absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// What was done to events that are set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetAsideDoneReply {
    /// How many are sent once more, or were dropped.
    pub events: u64,
}

impl SetAsideQuery {
    /// Reads a query string.
    pub fn parse(query: &str) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(&query_string::body_of(query)?)?;
        let fault = || Place::Body.field("after").fault("must be the number of an event that is set aside");
        let after = fields.optional_string("after")?.map(|after| after.parse().map_err(|_| fault())).transpose()?;
        let limit = fields.optional_size("limit")?;
        fields.finish(&["after", "limit"])?;
        Ok(Self { after, limit })
    }
}

impl SetAsideChoice {
    /// Reads a body; an empty one chooses all.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        if body.is_empty() {
            return Ok(Self { ids: None });
        }
        let mut fields = Fields::of_body(body)?;
        let place = Place::Body.field("ids");
        let given = fields.optional("ids").map(|given| shape::array(&place, given)).transpose()?;
        let number = |(index, value): (usize, Value)| match value {
            Value::Int(id) if id >= 0 => Ok(id as u64),
            _ => Err(place.element(index).fault("must be the number of an event that is set aside")),
        };
        let ids = given.map(|given| given.into_iter().enumerate().map(number).collect()).transpose()?;
        fields.finish(&["ids"])?;
        Ok(Self { ids })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_chosen_by_number_or_all() {
        let chosen = |body: &str| SetAsideChoice::parse(body.as_bytes());
        assert_eq!(chosen("").unwrap().ids, None);
        assert_eq!(chosen("{}").unwrap().ids, None);
        assert_eq!(chosen(r#"{"ids":[3,0]}"#).unwrap().ids, Some(vec![3, 0]));
        for (body, why) in [(r#"{"ids":[-1]}"#, "ids"), (r#"{"ids":3}"#, "ids"), (r#"{"id":[3]}"#, "id")] {
            assert!(chosen(body).unwrap_err().to_string().contains(why), "{body}");
        }
        let SetAsideQuery { after, limit } = SetAsideQuery::parse("after=7&limit=2").unwrap();
        assert_eq!((after, limit), (Some(7), Some(2)));
        for query in ["from=7", "after=x", "after=-1"] {
            assert!(SetAsideQuery::parse(query).is_err(), "{query}");
        }
    }
}
