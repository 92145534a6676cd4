//! Apps: making, listing and deleting them.

use serde::{Deserialize, Serialize};

use crate::{RequestError, shape::Fields};

/// The body of `POST /admin/v1/apps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApp {
    /// Its name.
    pub name: String,
}

/// An app as the admin API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppReply {
    /// Its name.
    pub name: String,
    /// The topic of its main feed.
    pub topic: String,
    /// The consumer group of its main feed.
    pub group: String,
    /// The Kafka endpoint that clients connect to.
    pub endpoint: String,
    /// Its newest transaction; absent while that is not known: the app was not opened since the
    /// start.
    #[serde(rename = "txnId", skip_serializing_if = "Option::is_none", default)]
    pub txn_id: Option<u64>,
    /// The directory, on the server, that holds its first user's certificates and settings.
    pub credentials: String,
    /// Why it cannot be opened; absent for an app that can, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub damaged: Option<String>,
}

/// `GET /admin/v1/apps`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppsReply {
    /// Sorted by name.
    pub apps: Vec<AppReply>,
}

/// `DELETE /admin/v1/apps/{app}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppDeletedReply {
    /// The app that is gone.
    pub deleted: String,
    /// How many certificates were revoked with it.
    pub certificates_revoked: usize,
    /// The API keys that could do nothing else and are revoked.
    pub keys_revoked: Vec<String>,
    /// Whether its files are gone too. While somebody holds them, they stay, and its name is taken.
    pub finished: bool,
}

impl NewApp {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let name = fields.string("name")?;
        fields.finish(&["name"])?;
        Ok(Self { name })
    }
}
