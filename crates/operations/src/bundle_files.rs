//! What a consumer needs, as it lies on disk: the files that are downloaded and the settings that
//! name their passwords.
//!
//! Invariant: only names of [`FILES`] below an app's own directory are read.
//! Not here: making them (`credentials`).

use std::{fs, io, path::PathBuf};

use credentials::Bundle;
use wire::admin::{CertificateFile, LiveQuerySettings};

use crate::operations::Operations;

/// What can be downloaded: name, content type.
pub const FILES: [(&str, &str); 5] = [
    ("cluster.p12", "application/x-pkcs12"),
    ("user.p12", "application/x-pkcs12"),
    ("ca.pem", "application/x-pem-file"),
    ("user.pem", "application/x-pem-file"),
    ("user.key", "application/x-pem-file"),
];

/// Where the passwords are kept.
const SETTINGS: &str = "live-query-settings.json";

/// The files of an app's own user, or of a further one.
#[derive(Debug, Clone)]
pub struct BundleFiles {
    /// Where they are.
    pub directory: PathBuf,
}

/// Why there are no files, or not what is in them.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// No certificate was issued to such a user.
    #[error("there is no user {user:?}")]
    UserNotFound {
        /// The name.
        user: String,
    },
    /// A file cannot be read.
    #[error("{file} cannot be read: {source}")]
    Unreadable {
        /// Its name.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// A file, or what the app has of them, is damaged.
    #[error("{file} is not what it should be: {why}")]
    Unusable {
        /// Its name.
        file: String,
        /// Why not.
        why: String,
    },
}

impl Operations {
    /// The files of an app's own user, or of `user`, who is one of the app's register, so that it
    /// is a name that makes a path of its own. What the start found damaged is not shown.
    pub fn bundle_files(&self, app: &str, user: Option<&str>) -> Result<BundleFiles, FilesError> {
        let users = self.credentials.users(Some(app));
        match user {
            Some(user) if !users.iter().any(|certificate| certificate.user == user) => {
                Err(FilesError::UserNotFound { user: user.to_owned() })
            }
            // The app's own user may be named too.
            None | Some(credentials::DEFAULT_USER) => match self.credentials.bundle_damage(app) {
                Some(why) => Err(FilesError::Unusable { file: format!("credentials/{app}"), why }),
                None => Ok(BundleFiles { directory: self.credentials_directory(app, None) }),
            },
            Some(user) => Ok(BundleFiles { directory: self.credentials_directory(app, Some(user)) }),
        }
    }
}

impl BundleFiles {
    /// The settings. Blocks on disk.
    pub fn settings(&self) -> Result<LiveQuerySettings, FilesError> {
        let text = self.read(SETTINGS)?;
        serde_json::from_slice(&text)
            .map_err(|error| FilesError::Unusable { file: SETTINGS.to_owned(), why: error.to_string() })
    }

    /// A file's bytes. Blocks on disk.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, FilesError> {
        fs::read(self.directory.join(name)).map_err(|source| FilesError::Unreadable { file: name.to_owned(), source })
    }

    /// Whether its files are where they are looked for: a user's may have been issued into
    /// another directory.
    pub fn exist(&self) -> io::Result<bool> {
        self.directory.join(SETTINGS).try_exists()
    }
}

/// What a consumer has to be given of what was just made.
pub fn settings_of(bundle: &Bundle) -> LiveQuerySettings {
    let file = |name: &str, password: &str| CertificateFile {
        path: bundle.directory.join(name).display().to_string(),
        password: password.to_owned(),
    };
    LiveQuerySettings {
        endpoint: bundle.endpoint.clone(),
        group: bundle.topic.clone(),
        topic: bundle.topic.clone(),
        cluster_certificate: file("cluster.p12", &bundle.cluster_password),
        user_certificate: file("user.p12", &bundle.user_password),
    }
}
