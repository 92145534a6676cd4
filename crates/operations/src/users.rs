//! The users of an app: the certificates that open its topics.
//!
//! Not here: a user's files once they are made (`bundle_files`).

use std::{path::PathBuf, sync::Arc};

use credentials::{Bundle, CredentialsError, UserCertificate};
use store::AppName;
use tokio::task::JoinError;

use crate::{blocking::blocking, operations::Operations};

/// Why a certificate was not issued or revoked.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The app has no such certificate.
    #[error("there is no certificate {serial:?}")]
    CertificateNotFound {
        /// Its serial.
        serial: String,
    },
    /// It cannot be, or could not be kept.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The work broke off.
    #[error(transparent)]
    Panicked(#[from] JoinError),
}

impl Operations {
    /// Issues a certificate, with the files that a client needs in `directory`, or else in the
    /// user's own place.
    pub async fn issue_user(
        self: &Arc<Self>,
        app: &AppName,
        user: &str,
        directory: Option<PathBuf>,
    ) -> Result<(UserCertificate, Bundle), UserError> {
        let (it, app, user) = (self.clone(), app.clone(), user.to_owned());
        let issue = move || {
            let (app, topic) = (app.as_str(), app.main_topic());
            let directory = directory.unwrap_or_else(|| it.credentials_directory(app, Some(&user)));
            let now_ms = it.clock.now_ms();
            let issued = it.credentials.issue_user(app, &user, &topic, &it.kafka_endpoint, &directory, now_ms)?;
            if !it.data_dir.has_app(app) {
                // It was deleted meanwhile, and a later one of its name is not to be opened by this.
                it.credentials.withdraw_app(app, now_ms)?;
                return Err(CredentialsError::NotFound { kind: "app", name: app.to_owned() });
            }
            Ok(issued)
        };
        blocking(issue).await
    }

    /// Revokes every certificate of the user; their connections are cut. Gives those that it
    /// revoked.
    pub async fn revoke_user(self: &Arc<Self>, app: &AppName, user: &str) -> Result<Vec<UserCertificate>, UserError> {
        let (it, app, user) = (self.clone(), app.clone(), user.to_owned());
        blocking(move || it.credentials.revoke_user(app.as_str(), &user, it.clock.now_ms())).await
    }

    /// Revokes one certificate of the app; its connections are cut. `None` if it was revoked
    /// before.
    pub async fn revoke_certificate(
        self: &Arc<Self>,
        app: &AppName,
        serial: &str,
    ) -> Result<Option<UserCertificate>, UserError> {
        if !self.credentials.users(Some(app.as_str())).iter().any(|it| it.serial == serial) {
            return Err(UserError::CertificateNotFound { serial: serial.to_owned() });
        }
        let (it, serial) = (self.clone(), serial.to_owned());
        let revoked =
            blocking::<_, _, UserError>(move || it.credentials.revoke_certificate(&serial, it.clock.now_ms()));
        Ok(revoked.await?.into_iter().next())
    }
}
