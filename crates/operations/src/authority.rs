//! The certificate authority and the server's certificate: where they stand, and replacing them.
//!
//! Not here: what is trusted meanwhile, and the files (`credentials`); one user's certificates
//! (`users`).

use std::{path::PathBuf, sync::Arc};

use credentials::{CredentialsError, RenewedUsers, RotationState, UserCertificate};
use store::AppName;

use crate::{blocking::blocking, operations::Operations, users::UserError};

/// Where the authority and the server's certificate stand. Times are ms since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityState {
    /// The subject of the authority in force.
    pub subject: String,
    /// When it ends.
    pub ends_ms: u64,
    /// The server certificate's serial number, lower-case hex; `None` where nobody listens.
    pub server_serial: Option<String>,
    /// When that ends.
    pub server_ends_ms: Option<u64>,
    /// Of the certificate that HTTPS has from files (`--https-cert`).
    pub https_file_ends_ms: Option<u64>,
    /// While the authority is being replaced.
    pub rotation: Option<RotationState>,
}

impl Operations {
    /// Where the authority and the server's certificate stand.
    pub fn authority(&self) -> AuthorityState {
        let (ends_ms, server_ends_ms) = self.credentials.ends_ms();
        AuthorityState {
            subject: self.credentials.authority_subject(),
            ends_ms,
            server_serial: self.credentials.server_serial(),
            server_ends_ms,
            https_file_ends_ms: self.credentials.https_file_ends_ms(),
            rotation: self.credentials.rotation(self.clock.now_ms()),
        }
    }

    /// A new server certificate; connections that are open stay.
    pub async fn renew_server_certificate(self: &Arc<Self>) -> Result<AuthorityState, UserError> {
        let it = self.clone();
        let renew = move || {
            it.credentials.rotate_server_certificate(it.clock.now_ms())?;
            Ok::<_, CredentialsError>(it.authority())
        };
        blocking(renew).await
    }

    /// Begins to replace the authority, by one that is made here, or by that of two PEM files on the
    /// server's disk.
    pub async fn begin_rotation(
        self: &Arc<Self>,
        own: Option<(PathBuf, PathBuf)>,
    ) -> Result<AuthorityState, UserError> {
        let it = self.clone();
        let begin = move || {
            let own = own.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path()));
            it.credentials.begin_rotation(own, it.clock.now_ms())?;
            Ok::<_, CredentialsError>(it.authority())
        };
        blocking(begin).await
    }

    /// Finishes that; gives what was revoked. Files of users in the data directory that are of the
    /// former authority are made anew before.
    pub async fn finish_rotation(self: &Arc<Self>, force: bool) -> Result<Vec<UserCertificate>, UserError> {
        let it = self.clone();
        let finish = move || {
            let now_ms = it.clock.now_ms();
            let Some(rotation) = it.credentials.rotation(now_ms) else { return Err(CredentialsError::NoRotation) };
            let needed: Vec<_> = rotation.former.into_iter().filter(|former| former.is_needed).collect();
            if !force && !needed.is_empty() {
                return Err(CredentialsError::FormerInUse { needed });
            }
            for app in it.data_dir.app_names() {
                if let Err(error) = it.renewed(&app, true) {
                    tracing::error!(app = app.as_str(), %error, "the app's files are of the former authority still");
                }
            }
            it.credentials.finish_rotation(force, now_ms)
        };
        blocking(finish).await
    }

    /// New certificates, with their files, for the app's users whose files are in the data directory.
    pub async fn renew_users(self: &Arc<Self>, app: &AppName, only_former: bool) -> Result<RenewedUsers, UserError> {
        let (it, app) = (self.clone(), app.clone());
        blocking(move || it.renewed(&app, only_former)).await
    }

    fn renewed(&self, app: &AppName, only_former: bool) -> Result<RenewedUsers, CredentialsError> {
        let (name, topic, now_ms) = (app.as_str(), app.main_topic(), self.clock.now_ms());
        let renewed = self.credentials.renew_users(name, &topic, &self.kafka_endpoint, only_former, now_ms)?;
        if !self.data_dir.has_app(name) {
            // It was deleted meanwhile, and a later one of its name is not to be opened by these.
            self.credentials.withdraw_app(name, now_ms)?;
            return Err(CredentialsError::NotFound { kind: "app", name: name.to_owned() });
        }
        Ok(renewed)
    }
}
