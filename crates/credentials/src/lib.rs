//! Who may do what: the certificate authority, user certificates and their bundles, API keys, live TLS configuration.
//!
//! Invariants: secrets are stored hashed (keys) or in files of mode 0600 below a 0700 directory; whatever cannot be checked is
//! refused. Time is passed in as milliseconds since the epoch.
//! Not here: documents and the journal (`store`), what an endpoint does with a principal.

mod keys;
mod users;

pub use keys::{ApiKey, Grant, NewKey, Permission, Principal};
pub use users::{ClientPrincipal, PrincipalError, UserCertificate};

use std::{path::{Path, PathBuf}, sync::Arc};

use tokio::sync::watch;

/// Why credentials cannot be read, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read or written.
    #[error("{act} {path}: {source}")]
    Io {
        /// What was tried, as in "cannot read".
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} cannot be used: {message}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// There is one of that name already.
    #[error("there is a {kind} named {name:?} already")]
    Exists {
        /// `key` or `user`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// There is none of that name.
    #[error("there is no {kind} named {name:?}")]
    NotFound {
        /// `key` or `user`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// Not a usable name.
    #[error("{message}")]
    BadName {
        /// Why.
        message: String,
    },
    /// A certificate or TLS library refused.
    #[error("{act}: {message}")]
    Certificate {
        /// What was tried.
        act: &'static str,
        /// Why it failed.
        message: String,
    },
}

/// Everything below `<data-dir>` that says who may do what. Cheap to share; every method may be called from any thread.
#[derive(Debug)]
pub struct Credentials {}

/// Where an app's files are (`<data-dir>/credentials/<app>/`), and the passwords of its two PKCS12 files.
#[derive(Debug, Clone)]
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

impl Credentials {
    /// Opens what is in `data_dir`, and makes what is missing: the CA (`<data-dir>/authority/`), the admin key (`<data-dir>/admin.key`).
    pub fn open(_data_dir: &Path, _now_ms: u64) -> Result<Arc<Self>, CredentialsError> {
        todo!()
    }

    /// The admin key's text.
    pub fn admin_key(&self) -> &str {
        todo!()
    }

    /// Makes an API key; the second value is its secret, shown once and stored hashed.
    pub fn create_key(&self, _new: NewKey, _now_ms: u64) -> Result<(ApiKey, String), CredentialsError> {
        todo!()
    }

    /// Every API key that is not revoked, sorted by name.
    pub fn keys(&self) -> Vec<ApiKey> {
        todo!()
    }

    /// Revokes an API key, at once and for good.
    pub fn revoke_key(&self, _name: &str) -> Result<(), CredentialsError> {
        todo!()
    }

    /// Who presents this secret (the admin key or an API key's); compared in constant time.
    pub fn authenticate(&self, _secret: &str) -> Option<Principal> {
        todo!()
    }

    /// The TLS configuration of the Kafka endpoint: server certificate for `names` (renewed when they change or it nears its end), client
    /// certificates of our CA required, revoked and expired ones refused at the handshake. What is revoked later counts at once.
    pub fn kafka_tls(&self, _names: &[String], _now_ms: u64) -> Result<Arc<rustls::ServerConfig>, CredentialsError> {
        todo!()
    }

    /// The TLS configuration of HTTPS: the same server certificate, or the PEM files given. No client certificate is asked for.
    pub fn https_tls(
        &self,
        _names: &[String],
        _files: Option<(&Path, &Path)>,
        _now_ms: u64,
    ) -> Result<Arc<rustls::ServerConfig>, CredentialsError> {
        todo!()
    }

    /// A client configuration that trusts our CA and presents the app's own user certificate; for `headwater events`.
    pub fn client_tls(&self, _app: &str) -> Result<Arc<rustls::ClientConfig>, CredentialsError> {
        todo!()
    }

    /// Makes the app's files at its first start and keeps them; rewrites only those that name `endpoint` when it changes.
    pub fn ensure_bundle(&self, _app: &str, _topic: &str, _endpoint: &str, _now_ms: u64) -> Result<Bundle, CredentialsError> {
        todo!()
    }

    /// Issues a further user certificate for an app, with the same set of files, into `directory`.
    pub fn issue_user(
        &self,
        _app: &str,
        _user: &str,
        _topic: &str,
        _endpoint: &str,
        _directory: &Path,
        _now_ms: u64,
    ) -> Result<(UserCertificate, Bundle), CredentialsError> {
        todo!()
    }

    /// Every user certificate ever issued, of one app or of all; revoked ones say so.
    pub fn users(&self, _app: Option<&str>) -> Vec<UserCertificate> {
        todo!()
    }

    /// Revokes every certificate of an app's user; gives those that it revoked.
    pub fn revoke_user(&self, _app: &str, _user: &str, _now_ms: u64) -> Result<Vec<UserCertificate>, CredentialsError> {
        todo!()
    }

    /// Whether the certificate of this serial is revoked.
    pub fn is_revoked(&self, _serial: &str) -> bool {
        todo!()
    }

    /// Changes at each revocation: whoever holds connections checks them with [`Credentials::is_revoked`] and cuts them.
    pub fn watch_revocations(&self) -> watch::Receiver<u64> {
        todo!()
    }
}
