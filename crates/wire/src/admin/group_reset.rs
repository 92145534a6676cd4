//! Moving a consumer group's offsets, and deleting the group
//! (docs/reference/http-api.md, "Administration").

use document::Value;
use serde::{Deserialize, Serialize};

use crate::{
    RequestError,
    shape::{Fields, Place},
};

/// The body of `POST /admin/v1/apps/{app}/groups/{group}/reset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupReset {
    /// The topic; a group may have others, which stay.
    pub topic: String,
    /// Where to.
    pub to: ResetTo,
    /// Only say what would change. `false` if not given.
    pub dry_run: bool,
}

/// Where a group's offsets go; one of these is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetTo {
    /// `"to":"earliest"`: the first offset.
    Earliest,
    /// `"to":"latest"`: after the last event.
    Latest,
    /// `"to":"none"`: the group begins there as one that never read.
    Nowhere,
    /// `"offset":7`, in every partition.
    Offset(u64),
    /// `"timeMs":1645472201000`: the first event of that time or later, ms since the epoch.
    TimeMs(u64),
}

/// What became of a group's offsets, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupResetReply {
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// By partition; those that had and get no offset are not there.
    pub partitions: Vec<GroupMoveReply>,
}

/// What became of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupMoveReply {
    /// Its number, from 0.
    pub partition: i32,
    /// The offset that was committed.
    pub old: Option<u64>,
    /// The one that is now.
    pub new: Option<u64>,
}

/// `DELETE /admin/v1/apps/{app}/groups/{group}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupDeletedReply {
    /// The group whose offsets are forgotten.
    pub deleted: String,
    /// How many they were.
    pub offsets: usize,
}

impl GroupReset {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let topic = fields.string("topic")?;
        let dry_run = fields.optional_bool("dryRun")?.unwrap_or(false);
        let to = fields.optional_string("to")?;
        let offset = number(&mut fields, "offset")?;
        let time_ms = number(&mut fields, "timeMs")?;
        fields.finish(&["topic", "to", "offset", "timeMs", "dryRun"])?;
        let to = match (to.as_deref(), offset, time_ms) {
            (Some("earliest"), None, None) => ResetTo::Earliest,
            (Some("latest"), None, None) => ResetTo::Latest,
            (Some("none"), None, None) => ResetTo::Nowhere,
            (None, Some(offset), None) => ResetTo::Offset(offset),
            (None, None, Some(time_ms)) => ResetTo::TimeMs(time_ms),
            (Some(other), None, None) => {
                let message = format_args!("must be earliest, latest or none, not {other:?}");
                return Err(Place::Body.field("to").fault(message));
            }
            _ => return Err(Place::Body.fault("must say where to, in one way: to, offset or timeMs")),
        };
        Ok(Self { topic, to, dry_run })
    }
}

fn number(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<u64>, RequestError> {
    match fields.optional(name) {
        None => Ok(None),
        Some(Value::Int(given)) if given >= 0 => Ok(Some(given as u64)),
        Some(Value::Uint(given)) => Ok(Some(given)),
        Some(_) => Err(Place::Body.field(name).fault("must be a whole number from 0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_says_where_to_in_one_way() {
        let to = |rest: &str| GroupReset::parse(format!(r#"{{"topic":"t"{rest}}}"#).as_bytes()).map(|reset| reset.to);
        assert_eq!(to(r#","to":"earliest""#).unwrap(), ResetTo::Earliest);
        assert_eq!(to(r#","to":"none","dryRun":true"#).unwrap(), ResetTo::Nowhere);
        assert_eq!(to(r#","offset":7"#).unwrap(), ResetTo::Offset(7));
        assert_eq!(to(r#","timeMs":0"#).unwrap(), ResetTo::TimeMs(0));
        for (rest, why) in [
            ("", "must say where to, in one way"),
            (r#","to":"earliest","offset":1"#, "in one way"),
            (r#","to":"start""#, "to: must be earliest, latest or none"),
            (r#","offset":-1"#, "offset: must be a whole number"),
            (r#","timeMs":1.5"#, "timeMs: must be a whole number"),
            (r#","offset":1,"more":1"#, "unknown field \"more\""),
        ] {
            let error = to(rest).unwrap_err().to_string();
            assert!(error.contains(why), "{rest}: {error}");
        }
    }
}
