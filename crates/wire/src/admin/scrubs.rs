//! Looks for damage while the server runs (docs/reference/http-api.md, "Administration").

use serde::{Deserialize, Serialize};

use super::RunningReply;
use crate::{RequestError, shape::Fields};

/// The body of `POST /admin/v1/scrub`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NewScrub {
    /// How fast it reads at most.
    pub bytes_per_second: Option<u64>,
}

/// `GET /admin/v1/scrub`. Times are ms since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScrubsReply {
    /// The one that is under way.
    pub running: Option<RunningReply>,
    /// The one that ended last, since the server's start.
    pub last: Option<ScrubReply>,
}

/// A look for damage that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScrubReply {
    /// When it began.
    pub began_ms: u64,
    /// When it ended.
    pub ended_ms: u64,
    /// Why it came to no end; absent if it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// Bytes that were read.
    pub bytes: u64,
    /// How many apps were looked at.
    pub apps: usize,
    /// What is damaged, with its place.
    pub findings: Vec<String>,
}

impl NewScrub {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let bytes_per_second = fields.optional_size("bytesPerSecond")?.map(|bytes| bytes as u64);
        fields.finish(&["bytesPerSecond"])?;
        Ok(Self { bytes_per_second })
    }
}
