//! What a consumer needs, as it lies on disk: the files that are downloaded and the settings that
//! name their passwords.
//!
//! Invariant: only names of [`FILES`] below an app's own directory are read.
//! Not here: making them (`credentials`).

use std::{
    fs,
    io::{self, Cursor, Write as _},
    path::PathBuf,
};

use credentials::Bundle;
use wire::admin::{CertificateFile, LiveQuerySettings};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::operations::Operations;

/// What can be downloaded: name, content type.
pub const FILES: [(&str, &str); 5] = [
    ("cluster.p12", "application/x-pkcs12"),
    ("user.p12", "application/x-pkcs12"),
    ("ca.pem", "application/x-pem-file"),
    ("user.pem", "application/x-pem-file"),
    ("user.key", "application/x-pem-file"),
];

/// What is in the archive beside [`FILES`]: the settings, with the passwords, and the script.
const ARCHIVED_TOO: [&str; 2] = [SETTINGS, "consume.sh"];

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

    /// All that a consumer needs as one ZIP archive: [`FILES`], the settings and the script, which
    /// can be executed, in a folder of that name. Some 10 KiB. Blocks on disk.
    pub fn archive(&self, folder: &str) -> Result<Vec<u8>, FilesError> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        // As they are, with no time: the same files are the same bytes.
        let plain = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        let names = FILES.into_iter().map(|(name, _)| name).chain(ARCHIVED_TOO);
        for name in names {
            let mode = if name.ends_with(".sh") { 0o700 } else { 0o600 };
            let failed = |source| FilesError::Unreadable { file: name.to_owned(), source };
            let begun = archive.start_file(format!("{folder}/{name}"), plain.unix_permissions(mode));
            begun.map_err(|error| failed(io::Error::other(error)))?;
            archive.write_all(&self.read(name)?).map_err(failed)?;
        }
        let done = archive.finish();
        let unfinished = |error| FilesError::Unreadable { file: folder.to_owned(), source: io::Error::other(error) };
        done.map(Cursor::into_inner).map_err(unfinished)
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
