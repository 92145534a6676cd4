//! Apps, each with its topic and its credentials.

use std::{path::PathBuf, sync::Arc};

use credentials::CredentialsError;
use store::{AppName, AppNameError, AppUnavailable, CreateAppError};
use tokio::task::JoinError;

use crate::{blocking::blocking, operations::Operations};

/// Why an app was not made.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Its name.
    #[error(transparent)]
    Name(#[from] AppNameError),
    /// The app itself.
    #[error(transparent)]
    Create(#[from] CreateAppError),
    /// It is there, but its credentials could not be made.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The work broke off.
    #[error(transparent)]
    Panicked(#[from] JoinError),
}

impl Operations {
    /// Makes an app, which is opened on its first use. Its credentials are made with it; should
    /// that fail, the next start of the server makes them.
    pub async fn create_app(self: &Arc<Self>, name: &str) -> Result<AppName, AppError> {
        let name = AppName::for_new(name)?;
        let it = self.clone();
        let make = move || {
            it.data_dir.make_app(&name)?;
            let now_ms = it.clock.now_ms();
            it.credentials.ensure_bundle(name.as_str(), &name.main_topic(), &it.kafka_endpoint, now_ms)?;
            Ok::<_, AppError>(name)
        };
        blocking(make).await
    }

    /// The app of that name. It need not be open, and may be damaged.
    pub fn app_named(&self, name: &str) -> Result<AppName, AppUnavailable> {
        let known = AppName::new(name).ok().filter(|name| self.data_dir.has_app(name.as_str()));
        known.ok_or_else(|| AppUnavailable::NotFound { app: name.to_owned() })
    }

    /// Where an app's certificates and settings are; a further user's below it.
    pub fn credentials_directory(&self, app: &str, user: Option<&str>) -> PathBuf {
        let directory = self.data_dir.path().join("credentials").join(app);
        match user {
            Some(user) => directory.join("users").join(user),
            None => directory,
        }
    }
}
