//! What a consumer needs, as files: one directory for each app, and for each further user.
//!
//! ```text
//! cluster.p12              truststore: the CA, as Java's trustedCertEntry          "Cluster certificate" of the page
//! user.p12                 keystore: the user's private key and chain              "User certificate" of the page
//! ca.pem user.pem user.key the same as PEM (user.pem is the chain)                 librdkafka and friends
//! client.properties        Java      librdkafka.properties   librdkafka            name the endpoint
//! consume.sh               the page's script, filled in                            names the endpoint
//! live-query-settings.json what the portal shows; keeps the passwords              names the endpoint
//! ```
//! Invariants: a directory appears with all of its files; certificates, keys and passwords are never changed in it. The four that name the
//! endpoint are written again when endpoint, topic or place change, the settings last, so that a crash in between is made good at the next
//! start.
//! Not here: issuing and revoking (`authority`, `users`).

mod pkcs12;
mod settings;
mod text;

use std::path::{Path, PathBuf};

pub use self::text::ConsumeScript;
use crate::{
    CredentialsError,
    authority::{Authority, Issued},
    files::{self, NewFile},
    limits, random,
};
use settings::Settings;

pub(crate) const CA: &str = "ca.pem";
pub(crate) const CHAIN: &str = "user.pem";
pub(crate) const KEY: &str = "user.key";
const TRUSTSTORE: &str = "cluster.p12";
const KEYSTORE: &str = "user.p12";

/// Where an app's files are (`<data-dir>/credentials/<app>/`), and the passwords of its two PKCS12 files.
#[derive(Clone)]
pub struct Bundle {
    /// The directory that holds `cluster.p12`, `user.p12`, `ca.pem`, `user.pem`, `user.key`, `client.properties`,
    /// `librdkafka.properties`, `consume.sh` and `live-query-settings.json`.
    pub directory: PathBuf,
    /// Opens `cluster.p12`.
    pub cluster_password: String,
    /// Opens `user.p12`.
    pub user_password: String,
    /// What clients connect to.
    pub endpoint: String,
    /// Topic of the app's main feed, and its group.
    pub topic: String,
}

/// Puts a newly issued user's files into `directory`, which must be missing or empty.
pub(crate) fn create(
    directory: &Path,
    authority: &Authority,
    user: &str,
    issued: &Issued,
    topic: &str,
    endpoint: &str,
) -> Result<Bundle, CredentialsError> {
    let password = || random::letters_and_digits(limits::PASSWORD_CHARACTERS);
    let bundle = Bundle {
        directory: directory.to_owned(),
        cluster_password: password(),
        user_password: password(),
        endpoint: endpoint.to_owned(),
        topic: topic.to_owned(),
    };
    let truststore = pkcs12::truststore(authority.der(), &bundle.cluster_password)?;
    let keystore = pkcs12::keystore(user, issued, authority.der(), &bundle.user_password)?;
    let private = |name, contents| NewFile { name, contents, mode: files::PRIVATE };
    let mut contents = vec![
        private(TRUSTSTORE, truststore),
        private(KEYSTORE, keystore),
        private(CA, authority.pem().into()),
        private(CHAIN, format!("{}{}", issued.pem, authority.pem()).into()),
        private(KEY, issued.key_pem.clone().into()),
    ];
    contents.extend(endpoint_files(&bundle)?);
    files::write_directory(directory, &contents)?;
    Ok(bundle)
}

/// Takes what is in `directory`, tightens loosened permissions, and writes again what names another endpoint, topic or place, or is missing
/// and can be made again. Files that hold a secret and are missing are left so: someone may have moved them to the consumer.
pub(crate) fn reopen(
    directory: &Path,
    authority: &Authority,
    topic: &str,
    endpoint: &str,
) -> Result<Bundle, CredentialsError> {
    files::tighten(directory, files::PRIVATE_EXECUTABLE)?;
    check_authority(directory, authority)?;
    for name in [TRUSTSTORE, KEYSTORE, CHAIN, KEY] {
        tighten_or_miss(&directory.join(name))?;
    }
    let kept = Settings::read(directory)?;
    let bundle = Bundle {
        directory: directory.to_owned(),
        cluster_password: kept.cluster_certificate.password.clone(),
        user_password: kept.user_certificate.password.clone(),
        endpoint: endpoint.to_owned(),
        topic: topic.to_owned(),
    };
    let changed = kept != Settings::new(&bundle)?;
    for NewFile { name, contents, mode } in endpoint_files(&bundle)? {
        let path = directory.join(name);
        if changed || files::read(&path, mode)?.is_none() {
            files::write(&path, &contents, mode)?;
        }
    }
    if changed {
        tracing::info!(directory = %directory.display(), endpoint, topic, "rewrote the files that name the endpoint");
    }
    Ok(bundle)
}

/// Checks the files of a bundle as whoever was given them would: both PKCS12 files open with their passwords.
pub(crate) fn check(directory: &Path) -> Result<(), CredentialsError> {
    let settings = Settings::read(directory)?;
    for (name, store) in [(TRUSTSTORE, &settings.cluster_certificate), (KEYSTORE, &settings.user_certificate)] {
        let path = directory.join(name);
        let contents = std::fs::read(&path).map_err(CredentialsError::io("cannot read", &path))?;
        pkcs12::check(&path, &contents, &store.password)?;
    }
    Ok(())
}

/// The settings last: they say what the others were written for.
fn endpoint_files(bundle: &Bundle) -> Result<[NewFile; 4], CredentialsError> {
    let file = |name, contents: String, mode| NewFile { name, contents: contents.into(), mode };
    Ok([
        file("client.properties", text::client_properties(bundle)?, files::PRIVATE),
        file("librdkafka.properties", text::librdkafka_properties(bundle)?, files::PRIVATE),
        file("consume.sh", text::consume_script(bundle)?, files::PRIVATE_EXECUTABLE),
        file(settings::FILE, Settings::new(bundle)?.to_json(), files::PRIVATE),
    ])
}

fn check_authority(directory: &Path, authority: &Authority) -> Result<(), CredentialsError> {
    let path = directory.join(CA);
    match files::read(&path, files::PRIVATE)? {
        Some(pem) if pem != authority.pem() => Err(CredentialsError::file(
            &path,
            "it is not the certificate of this server's authority; without its directory, the server makes the files anew",
        )),
        Some(_) => Ok(()),
        None => {
            missing(&path);
            Ok(())
        }
    }
}

fn tighten_or_miss(path: &Path) -> Result<(), CredentialsError> {
    if path.try_exists().map_err(CredentialsError::io("cannot read", path))? {
        files::tighten(path, files::PRIVATE)
    } else {
        missing(path);
        Ok(())
    }
}

fn missing(path: &Path) {
    tracing::warn!(path = %path.display(), "it is missing; without its directory, the server makes the files anew");
}

/// The path of a file as text that scripts and property files can carry.
fn printable(path: &Path) -> Result<&str, CredentialsError> {
    match path.to_str() {
        Some(text) if !text.contains(char::is_control) => Ok(text),
        _ => Err(CredentialsError::file(
            path,
            "its path is not UTF-8, or has control characters, so that no client's settings can name it",
        )),
    }
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle")
            .field("directory", &self.directory)
            .field("endpoint", &self.endpoint)
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
