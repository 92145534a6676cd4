//! API keys.

use std::sync::Arc;

use credentials::{ApiKey, CredentialsError, DiskProof, NewKey};
use permissions::{DocumentRights, RightsError};
use tokio::task::JoinError;

use crate::{blocking::blocking, operations::Operations};

/// Why a key was not made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be, or could not be kept.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// Its permission document is none.
    #[error("permission: {0}")]
    Permission(#[from] RightsError),
    /// The work broke off.
    #[error(transparent)]
    Panicked(#[from] JoinError),
}

impl Operations {
    /// Makes a key; with its secret, which nothing keeps.
    pub async fn create_key(self: &Arc<Self>, new: NewKey) -> Result<(ApiKey, String), KeyError> {
        let it = self.clone();
        blocking(move || {
            if let Some(document) = &new.permission {
                DocumentRights::compile(document)?;
            }
            Ok::<_, KeyError>(it.credentials.create_key(new, it.clock.now_ms())?)
        })
        .await
    }

    /// Revokes the key of that name.
    pub async fn revoke_key(self: &Arc<Self>, name: &str) -> Result<(), KeyError> {
        let (it, name) = (self.clone(), name.to_owned());
        blocking(move || it.credentials.revoke_key(&name)).await
    }

    /// Lets in who has no key, where the server is open without; there must be none. `proof` is
    /// that whoever asks has the data directory.
    pub async fn open_again(self: &Arc<Self>, proof: DiskProof) -> Result<(), KeyError> {
        let it = self.clone();
        blocking(move || it.credentials.open_again(&proof)).await
    }
}
