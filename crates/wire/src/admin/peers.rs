//! `/admin/v1/apps/{app}/peers`: small peers (docs/reference/http-api.md, "Administration").
//!
//! Not here: what is known of them (`sync-endpoint`), who is shut out (`credentials`).

use serde::{Deserialize, Serialize};

use crate::{
    RequestError, query_string,
    shape::{Fields, Place},
};

/// What `GET /admin/v1/apps/{app}/peers` is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeersQuery {
    /// Behind which site the page begins.
    pub after: Option<u64>,
    /// How many there may be on it.
    pub limit: Option<usize>,
}

/// `GET /admin/v1/apps/{app}/peers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeersReply {
    /// By their sites.
    pub peers: Vec<PeerReply>,
    /// How many of the app's peers are connected, on other pages too.
    pub connected: usize,
    /// What the next page is asked for with (`?after=`); absent on the last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// A small peer. Times are ms since the epoch; what is not known is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerReply {
    /// Its site, as the header `site` of its events has it: a decimal number of 64 bits.
    pub site: String,
    /// The name of the key that it came with first; absent where it came without one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// What its SDK calls itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sdk: Option<String>,
    /// Where it connects from, or did last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<String>,
    /// Its session, if it is connected.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub connection: Option<PeerConnectionReply>,
    /// When it was connected last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seen_ms: Option<u64>,
    /// Transactions of its own that have no verdict, as far as it told when it was connected.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pending: Option<u64>,
    /// Transactions that it lacks, at most.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lag: Option<u64>,
    /// The last transaction that it pushed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pushed_txn_id: Option<u64>,
    /// Since when it is revoked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revoked_ms: Option<u64>,
}

/// The session of a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerConnectionReply {
    /// Since when, ms since the epoch.
    pub since_ms: u64,
    /// Whether it has everything that was there when it came.
    pub caught_up: bool,
    /// Its subscriptions.
    pub subscriptions: usize,
    /// Bytes of frames that came from it after its hello.
    pub received_bytes: u64,
    /// Bytes of frames that were sent to it.
    pub sent_bytes: u64,
}

/// `POST /admin/v1/apps/{app}/peers/{site}/revoke`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerRevokedReply {
    /// The site of the peer that is let in no more.
    pub revoked: String,
    /// Since when, ms since the epoch.
    pub revoked_ms: u64,
}

/// `POST /admin/v1/apps/{app}/peers/{site}/allow`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerAllowedReply {
    /// The site of the peer that is let in again.
    pub allowed: String,
}

impl PeersQuery {
    /// Reads a query string.
    pub fn parse(query: &str) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(&query_string::body_of(query)?)?;
        let place = Place::Body;
        let after = fields.optional_string("after")?.map(|after| {
            let fault = || place.field("after").fault("must be a site: a decimal number");
            after.parse().map_err(|_| fault())
        });
        let limit = fields.optional_size("limit")?;
        fields.finish(&["after", "limit"])?;
        Ok(Self { after: after.transpose()?, limit })
    }
}
