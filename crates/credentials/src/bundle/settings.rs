//! `live-query-settings.json`: what the portal's Live Query Settings shows. Field names and their
//! order are a promise (docs/operating/credentials.md).

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Bundle, KEYSTORE, TRUSTSTORE, printable};
use crate::{CredentialsError, disk};

/// Its name in the bundle.
pub(super) const FILE: &str = "live-query-settings.json";

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) endpoint: String,
    pub(super) group: String,
    pub(super) topic: String,
    pub(super) cluster_certificate: Store,
    pub(super) user_certificate: Store,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    pub(super) path: String,
    pub(super) password: String,
}

impl Settings {
    pub(super) fn new(bundle: &Bundle) -> Result<Self, CredentialsError> {
        let store = |name, password: &str| {
            let path = bundle.directory.join(name);
            Ok::<_, CredentialsError>(Store { path: printable(&path)?.to_owned(), password: password.to_owned() })
        };
        Ok(Self {
            endpoint: bundle.endpoint.clone(),
            group: bundle.topic.clone(),
            topic: bundle.topic.clone(),
            cluster_certificate: store(TRUSTSTORE, &bundle.cluster_password)?,
            user_certificate: store(KEYSTORE, &bundle.user_password)?,
        })
    }

    /// Reads it back, with its text: it is where the passwords are kept.
    pub(super) fn read(directory: &Path) -> Result<(Self, String), CredentialsError> {
        let path = directory.join(FILE);
        let wrong = |message: &dyn std::fmt::Display| {
            CredentialsError::file(&path, format!("{message}; without its directory, the server makes the files anew"))
        };
        let text = disk::read_text(&path)?.ok_or_else(|| wrong(&"it is missing, and with it the passwords"))?;
        let settings: Self = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        for Store { password, .. } in [&settings.cluster_certificate, &settings.user_certificate] {
            if password.is_empty() || !password.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(wrong(&"a password in it is not of A-Z, a-z and 0-9, which the script needs"));
            }
        }
        Ok((settings, text))
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("settings are plain text") + "\n"
    }
}
