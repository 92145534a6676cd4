//! The users of an app: the certificates that open its topics.
//!
//! Not here: a user's files once they are made (`bundle_files`).

use std::{path::PathBuf, sync::Arc};

use credentials::{Bundle, CredentialsError, NewUser, UserCertificate};
use store::{AppName, AppUnavailable};
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
    /// It shall be for a live query that carries whatever its query matches.
    #[error(
        "the live query {live_query:?} has no permission: make one with a permission, and issue the certificate for that"
    )]
    Unrestricted {
        /// Its name.
        live_query: String,
    },
    /// Its app cannot be opened.
    #[error(transparent)]
    App(#[from] AppUnavailable),
    /// It cannot be, or could not be kept.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The work broke off.
    #[error(transparent)]
    Panicked(#[from] JoinError),
}

impl Operations {
    /// Issues a certificate, with the files that a client needs in `directory`, or else in the
    /// user's own place. With `live_queries` it opens those alone; each must have a permission, and the files name the
    /// first one's topic.
    pub async fn issue_user(
        self: &Arc<Self>,
        app: &AppName,
        user: &str,
        directory: Option<PathBuf>,
        live_queries: Option<Vec<String>>,
    ) -> Result<(UserCertificate, Bundle), UserError> {
        if let Some(names) = &live_queries {
            self.check_restricted(app, names).await?;
        }
        let (it, app, user) = (self.clone(), app.clone(), user.to_owned());
        let issue = move || {
            let first = live_queries.as_ref().and_then(|names| names.first());
            let main = app.main_topic();
            let topic = first.map_or(main.clone(), |name| format!("{main}.{name}"));
            let app = app.as_str();
            let directory = directory.unwrap_or_else(|| it.credentials_directory(app, Some(&user)));
            let now_ms = it.clock.now_ms();
            let new = NewUser {
                app,
                user: &user,
                topic: &topic,
                endpoint: &it.kafka_endpoint,
                directory: &directory,
                live_queries: live_queries.as_deref(),
            };
            let issued = it.credentials.issue_new_user(&new, now_ms)?;
            if !it.data_dir.has_app(app) {
                // It was deleted meanwhile, and a later one of its name is not to be opened by this.
                it.credentials.withdraw_app(app, now_ms)?;
                return Err(CredentialsError::NotFound { kind: "app", name: app.to_owned() });
            }
            Ok(issued)
        };
        blocking(issue).await
    }

    /// Whether a certificate may be issued for these live queries alone: they are there, and each has a permission.
    async fn check_restricted(&self, app: &AppName, names: &[String]) -> Result<(), UserError> {
        let topics = self.topics.app(app.as_str()).await?;
        let known = topics.live_queries();
        for name in names {
            match known.iter().find(|live_query| live_query.name == *name) {
                Some(live_query) if live_query.permission.is_some() => {}
                Some(_) => return Err(UserError::Unrestricted { live_query: name.clone() }),
                None => return Err(CredentialsError::NotFound { kind: "live query", name: name.clone() }.into()),
            }
        }
        Ok(())
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
