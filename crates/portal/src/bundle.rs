//! What a consumer needs, as it lies on disk: the files that are downloaded and the settings that
//! name their passwords.
//!
//! Invariant: only names of [`FILES`] below an app's own directory are read.
//! Not here: making them (`credentials`).

use std::{fs, io, path::PathBuf};

use wire::admin::LiveQuerySettings;

use crate::{failure::Failure, state::Shared};

/// What can be downloaded: name, content type.
pub(crate) const FILES: [(&str, &str); 5] = [
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
pub(crate) struct BundleFiles {
    pub(crate) directory: PathBuf,
}

impl BundleFiles {
    /// `user` is one of the app's register, so that it is a name that makes a path of its own. What
    /// the start found damaged is not shown.
    pub(crate) fn of(state: &Shared, app: &str, user: Option<&str>) -> Result<Self, Failure> {
        let users = state.credentials.users(Some(app));
        match user {
            Some(user) if !users.iter().any(|certificate| certificate.user == user) => {
                Err(Failure::NotFound { kind: "user", name: user.to_owned() })
            }
            // The app's own user may be named too.
            None | Some(credentials::DEFAULT_USER) => match state.credentials.bundle_damage(app) {
                Some(why) => Err(Failure::FileUnusable { file: format!("credentials/{app}"), why }),
                None => Ok(Self { directory: state.credentials_directory(app, None) }),
            },
            Some(user) => Ok(Self { directory: state.credentials_directory(app, Some(user)) }),
        }
    }

    /// The settings. Blocks on disk.
    pub(crate) fn settings(&self) -> Result<LiveQuerySettings, Failure> {
        let text = self.read(SETTINGS)?;
        serde_json::from_slice(&text)
            .map_err(|error| Failure::FileUnusable { file: SETTINGS.to_owned(), why: error.to_string() })
    }

    /// A file's bytes. Blocks on disk.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, Failure> {
        fs::read(self.directory.join(name)).map_err(|source| Failure::File { file: name.to_owned(), source })
    }

    /// Whether its files are where the portal finds them: a user's may have been issued into
    /// another directory.
    pub(crate) fn exist(&self) -> io::Result<bool> {
        self.directory.join(SETTINGS).try_exists()
    }
}
