//! Who may do what: the certificate authority, user certificates and their bundles, API keys, live TLS configuration.
//!
//! ```text
//! <data-dir>/admin.key            <data-dir>/authority/     ca.key ca.pem server.pem users.json
//! <data-dir>/keys.json            <data-dir>/credentials/   <app>/…, one bundle each
//! ```
//! Invariants: secrets are stored hashed (keys) or in files of mode 0600 below a 0700 directory; whatever cannot be checked is
//! refused. Time is passed in as milliseconds since the epoch; only rustls looks at the machine's clock, when it checks certificates.
//! Not here: documents and the journal (`store`), what an endpoint does with a principal.

mod authority;
mod bundle;
mod client_verifier;
mod error;
mod files;
mod key_ring;
mod keys;
mod ledger;
pub mod limits;
mod names;
mod random;
mod server_certificate;
mod tls;
mod users;

pub use bundle::{Bundle, ConsumeScript};
pub use error::CredentialsError;
pub use keys::{ApiKey, Grant, NewKey, Permission, Principal};
pub use users::{ClientPrincipal, PrincipalError, UserCertificate};

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    pki_types::{CertificateDer, pem::PemObject as _},
    server::ResolvesServerCert,
};
use tokio::sync::watch;

use authority::{Authority, Issued, hex};
use client_verifier::RegisteredClients;
use key_ring::KeyRing;
use ledger::Entries;
use server_certificate::ServerCertificate;
use users::{Register, Standing};

/// The user of an app's own bundle (`<data-dir>/credentials/<app>/`).
pub const DEFAULT_USER: &str = "consumer";

/// Everything below `<data-dir>` that says who may do what. Cheap to share; every method may be called from any thread. Those that change
/// something, make TLS configurations or bundles wait for the disk; the others never do.
#[derive(Debug)]
pub struct Credentials {
    data_dir: PathBuf,
    authority: Arc<Authority>,
    server_certificate: Arc<ServerCertificate>,
    register: Arc<Register>,
    keys: KeyRing,
    /// Held while bundles are made or rewritten.
    bundles: Mutex<()>,
}

impl Credentials {
    /// Opens what is in `data_dir`, and makes what is missing: the CA (`<data-dir>/authority/`), the admin key (`<data-dir>/admin.key`).
    /// What is missing although something else shows that it was there is an error, not made anew: a lost register would forget what is
    /// revoked.
    pub fn open(data_dir: &Path, now_ms: u64) -> Result<Arc<Self>, CredentialsError> {
        files::ensure_directory(data_dir)?;
        let data_dir = data_dir.canonicalize().map_err(CredentialsError::io("cannot find", data_dir))?;
        let directory = data_dir.join("authority");
        files::ensure_directory(&directory)?;
        files::tighten(&directory, files::PRIVATE_EXECUTABLE)?;
        let (authority, register) = open_authority(&directory, now_ms)?;
        let authority = Arc::new(authority);
        Ok(Arc::new(Self {
            keys: KeyRing::open(&data_dir)?,
            data_dir,
            server_certificate: Arc::new(ServerCertificate::new(authority.clone(), &directory)),
            authority,
            register: Arc::new(register),
            bundles: Mutex::new(()),
        }))
    }

    /// The admin key's text.
    pub fn admin_key(&self) -> &str {
        self.keys.admin_key()
    }

    /// Makes an API key; the second value is its secret, shown once and stored hashed.
    pub fn create_key(&self, new: NewKey, now_ms: u64) -> Result<(ApiKey, String), CredentialsError> {
        self.keys.create(new, now_ms)
    }

    /// Every API key that is not revoked, sorted by name.
    pub fn keys(&self) -> Vec<ApiKey> {
        self.keys.list()
    }

    /// Revokes an API key, at once and for good. Its name is free again. If `keys.json` cannot be written it is an error, and the key is
    /// refused all the same until the next start.
    pub fn revoke_key(&self, name: &str) -> Result<(), CredentialsError> {
        self.keys.revoke(name)
    }

    /// Who presents this secret (the admin key or an API key's); compared in constant time.
    pub fn authenticate(&self, secret: &str) -> Option<Principal> {
        self.keys.authenticate(secret)
    }

    /// The TLS configuration of the Kafka endpoint: server certificate for `names` (renewed when they change or it nears its end), client
    /// certificates of our CA required, revoked and expired ones refused at the handshake. What is revoked later counts at once.
    ///
    /// `names` are DNS names and IP addresses beside `localhost`, `127.0.0.1` and `::1`. They add up with those of
    /// [`Credentials::https_tls`]: one certificate serves both, so give both the same names, or it is made twice at each start.
    pub fn kafka_tls(&self, names: &[String], now_ms: u64) -> Result<Arc<rustls::ServerConfig>, CredentialsError> {
        self.server_certificate.ensure(names, now_ms)?;
        let verifier = RegisteredClients::new(self.authority.der(), self.register.clone())?;
        Ok(Arc::new(tls::mutual(Arc::new(verifier), self.server_certificate.clone())))
    }

    /// The TLS configuration of HTTPS: the same server certificate, or the PEM files given (chain, private key; read once). No client
    /// certificate is asked for.
    pub fn https_tls(
        &self,
        names: &[String],
        files: Option<(&Path, &Path)>,
        now_ms: u64,
    ) -> Result<Arc<rustls::ServerConfig>, CredentialsError> {
        let server: Arc<dyn ResolvesServerCert> = match files {
            Some((chain, key)) => tls::server_files(chain, key)?,
            None => {
                self.server_certificate.ensure(names, now_ms)?;
                self.server_certificate.clone()
            }
        };
        Ok(Arc::new(tls::https(server)))
    }

    /// Renews the server certificate if fewer than [`limits::RENEWAL_DAYS`] remain; configurations that were made before use the new one
    /// from their next handshake on. For servers that run for years: call it once a day. Says whether it made a new one.
    pub fn renew_server_certificate(&self, now_ms: u64) -> Result<bool, CredentialsError> {
        self.server_certificate.ensure(&[], now_ms)
    }

    /// A client configuration that trusts our CA and presents the app's own user certificate; for `headwater events`.
    pub fn client_tls(&self, app: &str) -> Result<Arc<rustls::ClientConfig>, CredentialsError> {
        names::check_app(app)?;
        let file = |name| self.bundle_directory(app).join(name);
        Ok(Arc::new(tls::client(&file(bundle::CA), &file(bundle::CHAIN), &file(bundle::KEY))?))
    }

    /// A client configuration made of a bundle's files and nothing else, as a consumer who was given them has it. Checks first that both
    /// PKCS12 files open with the passwords in `live-query-settings.json`; the configuration is that of the PEM files beside them.
    pub fn client_tls_of_files(directory: &Path) -> Result<Arc<rustls::ClientConfig>, CredentialsError> {
        bundle::check(directory)?;
        let file = |name| directory.join(name);
        Ok(Arc::new(tls::client(&file(bundle::CA), &file(bundle::CHAIN), &file(bundle::KEY))?))
    }

    /// Makes the app's files at its first start and keeps them; rewrites only those that name `endpoint` when it changes. `endpoint` is
    /// `host:port`, `topic` is the group too. A certificate that is revoked, unknown or near its end stays, with a warning: removing the
    /// directory before a start is how to get a new one.
    pub fn ensure_bundle(
        &self,
        app: &str,
        topic: &str,
        endpoint: &str,
        now_ms: u64,
    ) -> Result<Bundle, CredentialsError> {
        check_bundle(app, DEFAULT_USER, topic, endpoint)?;
        let _changing = self.bundles.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = self.bundle_directory(app);
        let parent = self.data_dir.join("credentials");
        files::ensure_directory(&parent)?;
        files::tighten(&parent, files::PRIVATE_EXECUTABLE)?;
        files::remove_staging(&parent)?;
        if files::is_vacant(&directory)? {
            let (_, issued) = self.issue(app, DEFAULT_USER, now_ms, |_| Ok(()))?;
            return bundle::create(&directory, &self.authority, DEFAULT_USER, &issued, topic, endpoint);
        }
        let bundle = bundle::reopen(&directory, &self.authority, topic, endpoint)?;
        self.check_bundle_certificate(app, &directory.join(bundle::CHAIN), now_ms)?;
        Ok(bundle)
    }

    /// Issues a further user certificate for an app, with the same set of files, into `directory`, which must be missing or empty. A user
    /// who has a certificate that is neither revoked nor expired is [`CredentialsError::Exists`].
    pub fn issue_user(
        &self,
        app: &str,
        user: &str,
        topic: &str,
        endpoint: &str,
        directory: &Path,
        now_ms: u64,
    ) -> Result<(UserCertificate, Bundle), CredentialsError> {
        check_bundle(app, user, topic, endpoint)?;
        let _changing = self.bundles.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = prepared_directory(directory)?;
        let (certificate, issued) =
            self.issue(app, user, now_ms, |entries| refuse_second(entries, app, user, now_ms))?;
        let bundle = bundle::create(&directory, &self.authority, user, &issued, topic, endpoint)?;
        Ok((certificate, bundle))
    }

    /// Every user certificate ever issued, of one app or of all; revoked ones say so. Sorted by app, user, and when they were issued.
    pub fn users(&self, app: Option<&str>) -> Vec<UserCertificate> {
        self.register.list(app)
    }

    /// Revokes every certificate of an app's user; gives those that it revoked: none if all were revoked before. If the register cannot be
    /// written it is an error, and they are refused all the same until the next start.
    pub fn revoke_user(&self, app: &str, user: &str, now_ms: u64) -> Result<Vec<UserCertificate>, CredentialsError> {
        if !self.register.list(Some(app)).iter().any(|certificate| certificate.user == user) {
            return Err(CredentialsError::NotFound { kind: "user", name: user.to_owned() });
        }
        self.register.revoke(now_ms, |certificate| certificate.app == app && certificate.user == user)
    }

    /// Revokes one certificate, as [`Credentials::revoke_user`] does; for a user who has a newer one.
    pub fn revoke_certificate(&self, serial: &str, now_ms: u64) -> Result<Vec<UserCertificate>, CredentialsError> {
        if self.register.standing(serial) == Standing::Unknown {
            return Err(CredentialsError::NotFound { kind: "certificate", name: serial.to_owned() });
        }
        self.register.revoke(now_ms, |certificate| certificate.serial == serial)
    }

    /// Whether the certificate of this serial (lower-case hex) is revoked. One that was never issued counts as revoked.
    pub fn is_revoked(&self, serial: &str) -> bool {
        self.register.standing(serial) != Standing::Good
    }

    /// Changes at each revocation: whoever holds connections checks them with [`Credentials::is_revoked`] and cuts them. Subscribe before
    /// the handshake, or check once after subscribing: what is revoked in between wakes nobody.
    pub fn watch_revocations(&self) -> watch::Receiver<u64> {
        self.register.watch()
    }

    fn bundle_directory(&self, app: &str) -> PathBuf {
        self.data_dir.join("credentials").join(app)
    }

    /// Makes a certificate; it is in the register before anyone can have it.
    fn issue(
        &self,
        app: &str,
        user: &str,
        now_ms: u64,
        check: impl FnOnce(&Entries<UserCertificate>) -> Result<(), CredentialsError>,
    ) -> Result<(UserCertificate, Issued), CredentialsError> {
        let issued = self.authority.issue_user(app, user, now_ms)?;
        let certificate = UserCertificate {
            app: app.to_owned(),
            user: user.to_owned(),
            serial: hex(&issued.serial),
            issued_ms: now_ms,
            expires_ms: issued.expires_ms,
            revoked_ms: None,
        };
        self.register.add(certificate.clone(), check)?;
        tracing::info!(app, user, serial = certificate.serial, "issued a user certificate");
        Ok((certificate, issued))
    }

    fn check_bundle_certificate(&self, app: &str, path: &Path, now_ms: u64) -> Result<(), CredentialsError> {
        let Some(pem) = files::read(path, files::PRIVATE)? else { return Ok(()) };
        let der =
            CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| CredentialsError::file(path, error))?;
        let principal = ClientPrincipal::from_der(&der).map_err(|error| CredentialsError::file(path, error))?;
        if principal.app != app {
            return Err(CredentialsError::file(path, format!("it is a certificate for the app {:?}", principal.app)));
        }
        let expires_ms = self.register.expires_ms(&principal.serial);
        let warning = match self.register.standing_of(&principal) {
            Standing::Revoked => "the app's own user certificate is revoked",
            Standing::Unknown => "the app's own user certificate is not in the register, so that it is refused",
            Standing::Good if now_ms.saturating_add(limits::RENEWAL_DAYS * limits::DAY_MS) > expires_ms => {
                "the app's own user certificate has ended, or does so within 30 days"
            }
            Standing::Good => return Ok(()),
        };
        tracing::warn!(path = %path.display(), "{warning}; without its directory, the next start makes the files anew");
        Ok(())
    }
}

fn open_authority(directory: &Path, now_ms: u64) -> Result<(Authority, Register), CredentialsError> {
    let path = directory.join("users.json");
    let register = Register::open(&path)?;
    match (Authority::exists(directory)?, register) {
        (true, Some(register)) => Ok((Authority::open(directory, now_ms)?, register)),
        (true, None) => Err(CredentialsError::file(
            &path,
            "it is missing, though the certificate authority exists; without it nobody knows what is revoked",
        )),
        (false, Some(register)) if !register.is_empty() => Err(CredentialsError::file(
            &directory.join("ca.pem"),
            "it is missing, though users.json lists certificates that it issued",
        )),
        // The register first: with ca.pem the authority exists, and then its register must.
        (false, _) => {
            let register = Register::create(&path)?;
            Ok((Authority::create(directory, now_ms)?, register))
        }
    }
}

fn check_bundle(app: &str, user: &str, topic: &str, endpoint: &str) -> Result<(), CredentialsError> {
    names::check_app(app)?;
    names::check_user(user)?;
    names::check_topic(topic)?;
    names::check_endpoint(endpoint)
}

/// The absolute path of a directory that files can be put into; what is above it is made.
fn prepared_directory(directory: &Path) -> Result<PathBuf, CredentialsError> {
    if !files::is_vacant(directory)? {
        return Err(CredentialsError::file(directory, "it is not empty; a user's files need a directory of their own"));
    }
    let Some((parent, name)) = directory.parent().zip(directory.file_name()) else {
        return Err(CredentialsError::file(directory, "it does not end in a directory's name"));
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    files::ensure_directory(parent)?;
    let parent = parent.canonicalize().map_err(CredentialsError::io("cannot find", parent))?;
    Ok(parent.join(name))
}

fn refuse_second(
    entries: &Entries<UserCertificate>,
    app: &str,
    user: &str,
    now_ms: u64,
) -> Result<(), CredentialsError> {
    let counts = |entry: &UserCertificate| {
        entry.app == app && entry.user == user && entry.revoked_ms.is_none() && entry.expires_ms > now_ms
    };
    let taken = entries.values().any(counts);
    if taken { Err(CredentialsError::Exists { kind: "user", name: user.to_owned() }) } else { Ok(()) }
}
