//! Who may do what: the certificate authority, user certificates and their bundles, API keys, tokens of
//! users who have logged in, small peers that are shut out, live TLS configuration.
//!
//! ```text
//! <data-dir>/admin.key admin.key.sha256    <data-dir>/authority/     ca.key ca.pem server.pem users.json rotation.json
//! <data-dir>/access.json keys.json         <data-dir>/credentials/   <app>/…, one bundle each; <app>/users/<user>/…
//! <data-dir>/revoked-peers.json            <data-dir>/tokens.log login-hooks.json
//! ```
//! Invariants: secrets are stored hashed (keys) or in files of mode 0600 below a 0700 directory;
//! whatever cannot be checked is refused, and so is what is damaged: every file here has a
//! checksum, in itself, beside it or in the register. Time is passed in as milliseconds since the
//! epoch; only rustls looks at the machine's clock, when it checks certificates.
//! Not here: documents and the journal (`store`), what an endpoint does with a principal.

mod authorities;
mod authority;
mod bundle;
mod client_verifier;
mod disk;
mod disk_proof;
mod error;
mod key_ring;
mod keys;
mod ledger;
pub mod limits;
mod login_hooks;
mod names;
mod own_authority;
mod permission_document;
mod presented;
mod random;
mod renewal;
mod revoked_peers;
mod rotation;
mod seen;
mod server_certificate;
mod tls;
mod token_log;
mod tokens;
mod trust;
mod users;
mod verify;

pub use bundle::{Bundle, ConsumeScript};
pub use disk_proof::DiskProof;
pub use error::CredentialsError;
pub use keys::{ApiKey, Grant, NewKey, Permission, Principal};
pub use login_hooks::LoginHook;
pub use permission_document::{GrantedQueries, PermissionDocument};
pub use presented::{Presented, PresentedCertificate};
pub use renewal::RenewedUsers;
pub use revoked_peers::RevokedPeer;
pub use rotation::{FormerCertificate, RotationState};
pub use seen::Seen;
pub use tokens::{ListedToken, NewToken, NoToken, TOKEN_PREFIX, UserToken};
pub use users::{ClientPrincipal, PrincipalError, UserCertificate};
pub use verify::{Finding, verify};

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use files::{DirectoryFormat, PRIVATE_FILE};
use rustls::server::ResolvesServerCert;
use tokio::sync::watch;

use authorities::Authorities;
use authority::{Authority, hex};
use bundle::BundleOf;
use client_verifier::RegisteredClients;
use key_ring::KeyRing;
use ledger::Entries;
use login_hooks::LoginHooks;
use revoked_peers::RevokedPeers;
use rotation::Rotation;
use seen::SeenCertificates;
use server_certificate::ServerCertificate;
use tokens::Tokens;
use trust::Trust;
use users::{HandedOut, Register, Registered, Standing};

/// The user of an app's own bundle (`<data-dir>/credentials/<app>/`).
pub const DEFAULT_USER: &str = "consumer";

/// Everything below `<data-dir>` that says who may do what. Cheap to share; every method may be
/// called from any thread. Those that change something, make TLS configurations or bundles wait for
/// the disk; the others never do.
#[derive(Debug)]
pub struct Credentials {
    data_dir: PathBuf,
    /// Whom handshakes and bundles go by.
    trust: ArcSwap<Trust>,
    server_certificate: Arc<ServerCertificate>,
    register: Arc<Register>,
    seen: SeenCertificates,
    /// Of the certificate in files for HTTPS; 0 where there is none.
    https_file_ends_ms: AtomicU64,
    keys: KeyRing,
    revoked_peers: RevokedPeers,
    tokens: Tokens,
    login_hooks: LoginHooks,
    /// Held while bundles are made or rewritten, and while the authority is replaced.
    bundles: Mutex<()>,
    /// The apps whose own bundle cannot be used, each with the reason. Never held while the disk is
    /// waited for.
    damaged_bundles: Mutex<BTreeMap<String, String>>,
}

impl Credentials {
    /// Opens what is in `data_dir`, and makes what is missing: the CA (`<data-dir>/authority/`),
    /// the admin key (`<data-dir>/admin.key`). What is missing although something else shows that
    /// it was there is an error, not made anew: a lost register would forget what is revoked. Where
    /// keys were lost every request needs one; where nothing is left, in a directory that is
    /// marked, there is no start.
    ///
    /// Files of format 1 are written again with checksums, unless the directory is marked
    /// ([`files::DirectoryFormat`]); whoever opens the whole directory marks it.
    pub fn open(data_dir: &Path, now_ms: u64) -> Result<Arc<Self>, CredentialsError> {
        disk::ensure_directory(data_dir)?;
        let data_dir = data_dir.canonicalize().map_err(CredentialsError::io("cannot find", data_dir))?;
        let format = disk::format_of(&data_dir)?;
        let directory = data_dir.join(AUTHORITY);
        let is_new = has_no_credentials(&data_dir)?;
        if is_new && !format.may_be_old() {
            return Err(CredentialsError::file(
                &directory,
                "it is missing, and so are admin.key, access.json and keys.json, though format.json says that a server made them here: \
                 mount the volume that has them, or restore a backup",
            ));
        }
        disk::ensure_private_directory(&directory)?;
        for name in [authority::KEY, authority::CERTIFICATE, server_certificate::FILE, rotation::FILE, USERS] {
            disk::tighten(&directory.join(name), PRIVATE_FILE)?;
        }
        let keys = KeyRing::open(&data_dir, format, is_new)?;
        rotation::resume(&directory, format, now_ms)?;
        let (authority, register) = open_authority(&data_dir, format, now_ms)?;
        let register = Arc::new(register);
        let server_certificate = Arc::new(ServerCertificate::open(&authority, &directory, format)?);
        let next = Rotation::look(&directory)?.map(|rotation| rotation.next(&directory)).transpose()?;
        let authorities = Authorities { in_force: Arc::new(authority), next };
        let clients = RegisteredClients::new(&authorities, register.clone())?;
        Ok(Arc::new(Self {
            keys,
            revoked_peers: RevokedPeers::open(&data_dir)?,
            tokens: Tokens::open(&data_dir, now_ms)?,
            login_hooks: LoginHooks::open(&data_dir)?,
            data_dir,
            server_certificate,
            trust: ArcSwap::from_pointee(Trust { authorities, clients }),
            register,
            seen: SeenCertificates::default(),
            https_file_ends_ms: AtomicU64::new(0),
            bundles: Mutex::new(()),
            damaged_bundles: Mutex::default(),
        }))
    }

    /// The admin key's text.
    pub fn admin_key(&self) -> &str {
        self.keys.admin_key()
    }

    /// The first 32 bits of the admin key's SHA-256, as hex: by which it is told from another, and not
    /// found.
    pub fn admin_fingerprint(&self) -> String {
        self.keys.admin_fingerprint()
    }

    /// Makes an API key; the second value is its secret, shown once and stored hashed.
    pub fn create_key(&self, new: NewKey, now_ms: u64) -> Result<(ApiKey, String), CredentialsError> {
        self.keys.create(new, now_ms)
    }

    /// Every API key that is not revoked, sorted by name.
    pub fn keys(&self) -> Vec<ApiKey> {
        self.keys.list()
    }

    /// Revokes an API key, at once and for good. Its name is free again. If `keys.json` cannot be
    /// written it is an error, and the key is refused all the same until the next start.
    pub fn revoke_key(&self, name: &str) -> Result<(), CredentialsError> {
        self.keys.revoke(name)
    }

    /// Whether every request needs a key: one was made, and since then [`Credentials::open_again`]
    /// was not called. Revoking the last key does not open what it closed, and losing `keys.json`
    /// does not.
    pub fn is_closed(&self) -> bool {
        self.keys.is_closed()
    }

    /// Lets in who has no key, where the server is open without keys: as if none had ever been
    /// made. There must be none now. Only for who has the data directory, or it is
    /// [`CredentialsError::NotOnDisk`]: who found the admin key elsewhere would open the server to
    /// everybody.
    pub fn open_again(&self, proof: &DiskProof) -> Result<(), CredentialsError> {
        proof.accept(&self.data_dir)?;
        self.keys.open_again()
    }

    /// Who presents this secret (the admin key, an API key's or a token that has not ended); compared in constant time.
    pub fn identify(&self, secret: &str, now_ms: u64) -> Option<Principal> {
        match secret.starts_with(TOKEN_PREFIX) {
            true => self.tokens.identify(secret, now_ms).map(Principal::Token),
            false => self.authenticate(secret),
        }
    }

    /// Who presents this secret (the admin key or an API key's, never a token); compared in constant time.
    pub fn authenticate(&self, secret: &str) -> Option<Principal> {
        self.keys.authenticate(secret)
    }

    /// The TLS configuration of the Kafka endpoint: server certificate for `names` (renewed when
    /// they change or it nears its end), client certificates of our CA required, revoked and
    /// expired ones refused at the handshake. What is revoked later counts at once.
    ///
    /// `names` are DNS names and IP addresses beside `localhost`, `127.0.0.1` and `::1`. They add
    /// up with those of [`Credentials::https_tls`]: one certificate serves both, so give both the
    /// same names, or it is made twice at each start.
    pub fn kafka_tls(&self, names: &[String], now_ms: u64) -> Result<Arc<rustls::ServerConfig>, CredentialsError> {
        self.server_certificate.ensure(&self.trust.load().authorities.in_force, names, now_ms)?;
        Ok(self.kafka_handshake().0)
    }

    /// The same for one handshake, after [`Credentials::kafka_tls`] said for which names. The second
    /// value gets the certificate that the client shows, before it is checked: so that a refusal can
    /// say whose it is.
    pub fn kafka_handshake(&self) -> (Arc<rustls::ServerConfig>, Presented) {
        let (verifier, presented) = self.trust.load().clients.noting();
        (Arc::new(tls::mutual(verifier, self.server_certificate.clone())), presented)
    }

    /// The TLS configuration of HTTPS: the same server certificate, or the PEM files given (chain,
    /// private key; read once). No client certificate is asked for. HTTP/1.1 only.
    pub fn https_tls(
        &self,
        names: &[String],
        files: Option<(&Path, &Path)>,
        now_ms: u64,
    ) -> Result<Arc<rustls::ServerConfig>, CredentialsError> {
        let server: Arc<dyn ResolvesServerCert> = match files {
            Some((chain, key)) => {
                let (server, ends_ms) = tls::server_files(chain, key)?;
                self.https_file_ends_ms.store(ends_ms, Ordering::Relaxed);
                server
            }
            None => {
                self.server_certificate.ensure(&self.trust.load().authorities.in_force, names, now_ms)?;
                self.server_certificate.clone()
            }
        };
        Ok(Arc::new(tls::https(server, &[b"http/1.1"])))
    }

    /// The TLS configuration of HTTP on the Kafka endpoint's port, which speaks HTTP/2 too: the
    /// certificate of [`Credentials::kafka_tls`], which is to be asked for first, whatever files
    /// HTTPS has elsewhere. No client certificate is asked for.
    pub fn kafka_port_https_tls(&self) -> Arc<rustls::ServerConfig> {
        Arc::new(tls::https(self.server_certificate.clone(), &[b"h2", b"http/1.1"]))
    }

    /// Renews the server certificate if fewer than [`limits::RENEWAL_DAYS`] remain; configurations
    /// that were made before use the new one from their next handshake on. For servers that run for
    /// years: call it once a day. Says whether it made a new one.
    pub fn renew_server_certificate(&self, now_ms: u64) -> Result<bool, CredentialsError> {
        let _changing = self.lock_bundles();
        self.server_certificate.ensure(&self.trust.load().authorities.in_force, &[], now_ms)
    }

    /// When the authority in force and the server certificate of its own end, ms since the epoch. The second is
    /// renewed by itself ([`Credentials::renew_server_certificate`]); `None` before anybody listens.
    pub fn ends_ms(&self) -> (u64, Option<u64>) {
        (self.trust.load().authorities.in_force.ends_ms(), self.server_certificate.ends_ms())
    }

    /// When the certificate ends that [`Credentials::https_tls`] took from files, ms since the epoch;
    /// `None` where there is none.
    pub fn https_file_ends_ms(&self) -> Option<u64> {
        Some(self.https_file_ends_ms.load(Ordering::Relaxed)).filter(|ends_ms| *ends_ms > 0)
    }

    /// The serial number of the server certificate of its own, lower-case hex; `None` before anybody
    /// listens.
    pub fn server_serial(&self) -> Option<String> {
        self.server_certificate.serial()
    }

    /// Whether the two PEM files hold a certificate chain and its private key, as
    /// [`Credentials::https_tls`] takes them. Blocks on disk.
    pub fn check_https_files(chain: &Path, key: &Path) -> Result<(), CredentialsError> {
        tls::server_files(chain, key).map(|_| ())
    }

    /// A client configuration that trusts our CA and presents the app's own user certificate; for
    /// `headwater events`.
    pub fn client_tls(&self, app: &str) -> Result<Arc<rustls::ClientConfig>, CredentialsError> {
        names::check_app(app)?;
        let file = |name| self.bundle_directory(app).join(name);
        Ok(Arc::new(tls::client(&file(bundle::CA), &file(bundle::CHAIN), &file(bundle::KEY))?))
    }

    /// A client configuration made of a bundle's files and nothing else, as a consumer who was
    /// given them has it. Checks first that both PKCS12 files open with the passwords in
    /// `live-query-settings.json`; the configuration is that of the PEM files beside them.
    pub fn client_tls_of_files(directory: &Path) -> Result<Arc<rustls::ClientConfig>, CredentialsError> {
        bundle::check(directory)?;
        let file = |name| directory.join(name);
        Ok(Arc::new(tls::client(&file(bundle::CA), &file(bundle::CHAIN), &file(bundle::KEY))?))
    }

    /// Makes the app's files at its first start and keeps them; rewrites only those that name
    /// `endpoint` when it changes. `endpoint` is `host:port`, `topic` is the group too. A
    /// certificate that is revoked, unknown or near its end stays, with a warning: removing the
    /// directory before a start is how to get a new one. What fails is noted: see
    /// [`Credentials::damaged_bundles`].
    pub fn ensure_bundle(
        &self,
        app: &str,
        topic: &str,
        endpoint: &str,
        now_ms: u64,
    ) -> Result<Bundle, CredentialsError> {
        check_bundle(app, DEFAULT_USER, topic, endpoint)?;
        let _changing = self.lock_bundles();
        let ensured = self.ensured_bundle(app, topic, endpoint, now_ms);
        let mut damaged = self.damaged_bundles.lock().unwrap_or_else(PoisonError::into_inner);
        match &ensured {
            Ok(_) => damaged.remove(app),
            Err(error) => damaged.insert(app.to_owned(), error.to_string()),
        };
        ensured
    }

    /// The apps whose own bundle could not be made or is damaged, sorted by name, each with the
    /// reason. Its certificate may be good all the same, and that of its other users: the register
    /// knows.
    pub fn damaged_bundles(&self) -> Vec<(String, String)> {
        let damaged = self.damaged_bundles.lock().unwrap_or_else(PoisonError::into_inner);
        damaged.iter().map(|(app, reason)| (app.clone(), reason.clone())).collect()
    }

    /// The same of one app.
    pub fn bundle_damage(&self, app: &str) -> Option<String> {
        self.damaged_bundles.lock().unwrap_or_else(PoisonError::into_inner).get(app).cloned()
    }

    fn ensured_bundle(&self, app: &str, topic: &str, endpoint: &str, now_ms: u64) -> Result<Bundle, CredentialsError> {
        let directory = self.bundle_directory(app);
        let parent = self.data_dir.join(BUNDLES);
        disk::ensure_private_directory(&parent)?;
        disk::remove_staging(&parent)?;
        if disk::is_vacant(&directory)? {
            let user = NewUser { app, user: DEFAULT_USER, topic, endpoint, directory: &directory, live_queries: None };
            return Ok(self.issue(&user, Placed::InNewDirectory, now_ms, |_| Ok(()))?.1);
        }
        for found in bundle_directories(&self.data_dir).iter().filter(|found| found.app == app) {
            bundle::settle(&found.path)?;
        }
        let known = handed_out_to(&self.register.entries(), app, DEFAULT_USER);
        let trust = self.trust.load();
        // What was withdrawn may be of an authority that is gone.
        let counts = bundle::principal(&directory.join(bundle::CHAIN))?
            .is_none_or(|principal| self.register.standing_of(&principal) != Standing::Revoked);
        let trusted = counts.then_some(&*trust.authorities.in_force);
        let bundle = bundle::reopen(&directory, trusted, topic, endpoint, &known)?;
        self.check_bundle_certificate(app, &directory.join(bundle::CHAIN), now_ms)?;
        Ok(bundle)
    }

    /// Issues a further user certificate for an app, with the same set of files, into `directory`,
    /// which must be missing or empty, or it is [`CredentialsError::DirectoryNotEmpty`]. A user who
    /// has a certificate that is neither revoked nor expired is [`CredentialsError::Exists`], unless it
    /// is of an authority that is being replaced. In
    /// the user's own place, `credentials/<app>/users/<user>`, the files of a certificate that
    /// counts no longer are moved aside. Nowhere else in the data directory can they be:
    /// [`CredentialsError::DirectoryOfServer`].
    pub fn issue_user(
        &self,
        app: &str,
        user: &str,
        topic: &str,
        endpoint: &str,
        directory: &Path,
        now_ms: u64,
    ) -> Result<(UserCertificate, Bundle), CredentialsError> {
        self.issue_new_user(&NewUser { app, user, topic, endpoint, directory, live_queries: None }, now_ms)
    }

    /// As [`Credentials::issue_user`], for some live queries alone if it says so.
    pub fn issue_new_user(
        &self,
        new: &NewUser<'_>,
        now_ms: u64,
    ) -> Result<(UserCertificate, Bundle), CredentialsError> {
        let &NewUser { app, user, topic, endpoint, directory, live_queries } = new;
        check_bundle(app, user, topic, endpoint)?;
        if live_queries.is_some_and(|names| !(1..=limits::LIVE_QUERIES_MAX).contains(&names.len())) {
            let most = limits::LIVE_QUERIES_MAX;
            return Err(CredentialsError::bad_name(format!("a certificate may be for 1 to {most} live queries")));
        }
        let _changing = self.lock_bundles();
        let trust = self.trust.load_full();
        let issuing = trust.authorities.issuing_id();
        let check = |entries: &Entries<Registered>| refuse_second(entries, app, user, issuing, now_ms);
        check(&self.register.entries())?;
        let directory = self.prepared_directory(directory, app, user)?;
        let user = NewUser { directory: &directory, ..*new };
        self.issue(&user, Placed::InNewDirectory, now_ms, check)
    }

    /// The live queries that a certificate opens, by name; `None`: all of its app. One that is not in the register opens
    /// none.
    pub fn live_queries_of(&self, principal: &ClientPrincipal) -> Option<Vec<String>> {
        self.register.live_queries_of(principal)
    }

    /// Every user certificate ever issued, of one app or of all; revoked ones say so. Sorted by
    /// app, user, and when they were issued.
    pub fn users(&self, app: Option<&str>) -> Vec<UserCertificate> {
        self.register.list(app)
    }

    /// Revokes every certificate of an app's user; gives those that it revoked: none if all were
    /// revoked before. If the register cannot be written it is an error, and they are refused all
    /// the same until the next start.
    pub fn revoke_user(&self, app: &str, user: &str, now_ms: u64) -> Result<Vec<UserCertificate>, CredentialsError> {
        if !self.register.list(Some(app)).iter().any(|certificate| certificate.user == user) {
            return Err(CredentialsError::NotFound { kind: "user", name: user.to_owned() });
        }
        self.register.revoke(now_ms, |certificate| certificate.app == app && certificate.user == user)
    }

    /// Revokes one certificate, as [`Credentials::revoke_user`] does; for a user who has a newer
    /// one.
    pub fn revoke_certificate(&self, serial: &str, now_ms: u64) -> Result<Vec<UserCertificate>, CredentialsError> {
        if self.register.standing(serial) == Standing::Unknown {
            return Err(CredentialsError::NotFound { kind: "certificate", name: serial.to_owned() });
        }
        self.register.revoke(now_ms, |certificate| certificate.serial == serial)
    }

    /// Revokes everything that opens an app which is deleted, for good: a later app of that name is
    /// not opened by it either. All of its certificates; what keys may do in it, and the keys that
    /// may do nothing else; and its files below `credentials/` go. What was granted on every app
    /// stays. Can be called again, and must be where it failed: what it withdrew is refused at once,
    /// and a restart may undo it.
    pub fn withdraw_app(&self, app: &str, now_ms: u64) -> Result<WithdrawnApp, CredentialsError> {
        names::check_app(app)?;
        let _changing = self.lock_bundles();
        // Both, whatever becomes of the first.
        let certificates = self.register.revoke(now_ms, |certificate| certificate.app == app);
        let keys = self.keys.withdraw_app(app);
        let tokens = self.tokens.revoke(app, |_| true);
        self.login_hooks.delete(app)?;
        let (certificates, keys, tokens) = (certificates?.len(), keys?, tokens?);
        disk::discard_directory(&self.bundle_directory(app))?;
        self.damaged_bundles.lock().unwrap_or_else(PoisonError::into_inner).remove(app);
        Ok(WithdrawnApp { certificates, keys, tokens })
    }

    /// Whether the certificate of this serial (lower-case hex) is revoked. One that was never
    /// issued counts as revoked.
    pub fn is_revoked(&self, serial: &str) -> bool {
        self.register.standing(serial) != Standing::Good
    }

    /// Changes at each revocation: whoever holds connections checks them with
    /// [`Credentials::is_revoked`] and cuts them. Subscribe before the handshake, or check once
    /// after subscribing: what is revoked in between wakes nobody.
    pub fn watch_revocations(&self) -> watch::Receiver<u64> {
        self.register.watch()
    }

    /// Shuts a peer of an app out, at once and until it is allowed again. One that is revoked already
    /// stays so since when it was. If `revoked-peers.json` cannot be written it is an error, and the
    /// peer is refused all the same until the next start. Whoever holds sessions ends them.
    pub fn revoke_peer(&self, app: &str, site: u64, now_ms: u64) -> Result<RevokedPeer, CredentialsError> {
        self.revoked_peers.revoke(app, site, now_ms)
    }

    /// Lets a peer in again; [`CredentialsError::NotFound`] if it is not revoked.
    pub fn allow_peer(&self, app: &str, site: u64) -> Result<(), CredentialsError> {
        self.revoked_peers.allow(app, site)
    }

    /// Whether this peer of the app is shut out.
    pub fn is_peer_revoked(&self, app: &str, site: u64) -> bool {
        self.revoked_peers.is_revoked(app, site)
    }

    /// The app's peers that are shut out, by their sites.
    pub fn revoked_peers(&self, app: &str) -> Vec<RevokedPeer> {
        self.revoked_peers.of_app(app)
    }

    /// Gives a user of an app who has logged in a token; the second value is what the user presents, shown once and
    /// stored hashed. It is durable when this returns; blocks on disk.
    pub fn create_token(&self, new: NewToken, now_ms: u64) -> Result<(Arc<UserToken>, String), NoToken> {
        names::check_app(&new.app)?;
        self.tokens.create(new, now_ms)
    }

    /// An app's tokens that count, of one user or of all, the newest first; at most `most`.
    pub fn tokens(&self, app: &str, user: Option<&str>, most: usize, now_ms: u64) -> Vec<ListedToken> {
        self.tokens.list(app, user, most, now_ms)
    }

    /// How many tokens an app has.
    pub fn token_count(&self, app: &str) -> usize {
        self.tokens.count(app)
    }

    /// Revokes a token of an app, at once and for good. If `tokens.log` cannot be written it is an error, and the token
    /// is refused all the same until the next start.
    pub fn revoke_token(&self, app: &str, id: &str) -> Result<(), CredentialsError> {
        match self.tokens.revoke(app, |token| token.id == id)? {
            0 => Err(CredentialsError::NotFound { kind: "token", name: id.to_owned() }),
            _ => Ok(()),
        }
    }

    /// The same of every token of a user; gives how many there were.
    pub fn revoke_tokens_of(&self, app: &str, user: &str) -> Result<usize, CredentialsError> {
        self.tokens.revoke(app, |token| token.user == user)
    }

    /// Where the app's users are asked for when they log in.
    pub fn login_hook(&self, app: &str) -> Option<LoginHook> {
        self.login_hooks.of(app)
    }

    /// Sets where the app's users are asked for, in place of what was set before. Without a secret it keeps the one that
    /// it has, or gets a new one. `url` is to be checked by who calls it.
    pub fn set_login_hook(
        &self,
        app: &str,
        url: String,
        secret: Option<String>,
        now_ms: u64,
    ) -> Result<LoginHook, CredentialsError> {
        names::check_app(app)?;
        self.login_hooks.set(app, url, secret, now_ms)
    }

    /// From now on nobody logs in to the app; tokens that were given out stay. [`CredentialsError::NotFound`] if none is set.
    pub fn delete_login_hook(&self, app: &str) -> Result<(), CredentialsError> {
        match self.login_hooks.delete(app)? {
            true => Ok(()),
            false => Err(CredentialsError::NotFound { kind: "login hook of the app", name: app.to_owned() }),
        }
    }

    fn lock_bundles(&self) -> MutexGuard<'_, ()> {
        self.bundles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bundle_directory(&self, app: &str) -> PathBuf {
        self.data_dir.join(BUNDLES).join(app)
    }

    /// Makes a certificate with its files; it is in the register before anyone can have it.
    fn issue(
        &self,
        new: &NewUser<'_>,
        placed: Placed,
        now_ms: u64,
        check: impl FnOnce(&Entries<Registered>) -> Result<(), CredentialsError>,
    ) -> Result<(UserCertificate, Bundle), CredentialsError> {
        let &NewUser { app, user, topic, endpoint, directory, live_queries } = new;
        let authorities = &self.trust.load().authorities;
        let issued = authorities.issuing().issue_user(app, user, now_ms)?;
        let certificate = UserCertificate {
            app: app.to_owned(),
            user: user.to_owned(),
            serial: hex(&issued.serial),
            issued_ms: now_ms,
            expires_ms: issued.expires_ms,
            revoked_ms: None,
            live_queries: live_queries.map(<[String]>::to_vec),
        };
        let passwords = match placed {
            Placed::InNewDirectory => None,
            Placed::Over => bundle::passwords(directory)?,
        };
        let to = BundleOf { directory, user, topic, endpoint, passwords };
        let prepared = bundle::prepare(to, authorities, &issued)?;
        let registered = Registered {
            certificate: certificate.clone(),
            files: Some(prepared.handed_out()),
            authority: authorities.issuing_id().map(str::to_owned),
        };
        self.register.add(registered, check)?;
        tracing::info!(app, user, serial = certificate.serial, "issued a user certificate");
        let bundle = match placed {
            Placed::InNewDirectory => prepared.place(),
            Placed::Over => prepared.place_over(),
        };
        Ok((certificate, bundle?))
    }

    /// The absolute path of a directory that files can be put into; what is above it is made.
    fn prepared_directory(&self, directory: &Path, app: &str, user: &str) -> Result<PathBuf, CredentialsError> {
        let place = disk::resolved(directory)?;
        let is_own = place == self.bundle_directory(app).join(USERS_OF_APP).join(user);
        // Before anything is made: a file of the server's own may be written there one day.
        if place.starts_with(&self.data_dir) && !is_own {
            return Err(CredentialsError::DirectoryOfServer { path: directory.to_owned() });
        }
        let is_vacant = disk::is_vacant(&place)?;
        let parent = place.parent().unwrap_or(&place);
        disk::ensure_directory(parent)?;
        if !is_vacant {
            if !is_own || bundle::principal(&place.join(bundle::CHAIN))?.is_none_or(|found| found.user != user) {
                return Err(CredentialsError::DirectoryNotEmpty { path: directory.to_owned() });
            }
            let aside = parent.join(format!(".withdrawn-{}", random::letters_and_digits(12)));
            files::move_durably(&place, &aside).map_err(CredentialsError::io("cannot move aside", &place))?;
            tracing::info!(user, from = %place.display(), to = %aside.display(), "moved the files of a withdrawn certificate aside");
        }
        Ok(place)
    }

    fn check_bundle_certificate(&self, app: &str, path: &Path, now_ms: u64) -> Result<(), CredentialsError> {
        let Some(principal) = bundle::principal(path)? else { return Ok(()) };
        check_principal(path, &principal, app, DEFAULT_USER)?;
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

/// What [`Credentials::withdraw_app`] has withdrawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WithdrawnApp {
    /// How many certificates it revoked.
    pub certificates: usize,
    /// The keys that it revoked, by their names.
    pub keys: Vec<String>,
    /// How many tokens it revoked.
    pub tokens: usize,
}

const AUTHORITY: &str = "authority";
const USERS: &str = "users.json";
const BUNDLES: &str = "credentials";
const USERS_OF_APP: &str = "users";

/// Where a new certificate's files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    /// Into a directory that is missing or empty.
    InNewDirectory,
    /// Into one that has files of the same user, in their place, with their passwords.
    Over,
}

/// A user who gets a certificate.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// The app that it opens (O).
    pub app: &'a str,
    /// The user (CN).
    pub user: &'a str,
    /// The topic that the files name.
    pub topic: &'a str,
    /// The endpoint that they name.
    pub endpoint: &'a str,
    /// Where they go.
    pub directory: &'a Path,
    /// The live queries that it opens; `None`: all of the app.
    pub live_queries: Option<&'a [String]>,
}

fn open_authority(
    data_dir: &Path,
    format: DirectoryFormat,
    now_ms: u64,
) -> Result<(Authority, Register), CredentialsError> {
    let directory = data_dir.join(AUTHORITY);
    let path = directory.join(USERS);
    match (Authority::exists(&directory)?, Register::look(&path, format)?) {
        (true, Some(found)) => {
            let authority = Authority::open(&directory, format, now_ms)?;
            let recorded =
                || bundle_directories(data_dir).iter().filter_map(|found| bundle::record(&found.path)).collect();
            let register = Register::open(&path, authority.id(), found, recorded)?;
            Ok((authority, register))
        }
        (true, None) => Err(CredentialsError::file(
            &path,
            "it is missing, though the certificate authority exists; without it nobody knows what is revoked",
        )),
        (false, Some(found)) if !found.entries.is_empty() => Err(CredentialsError::file(
            &directory.join(authority::CERTIFICATE),
            "it is missing, though users.json lists certificates that it issued",
        )),
        // The register first: with ca.pem the authority exists, and then its register must.
        (false, _) => Authority::create(&directory, now_ms, |id| Register::create(&path, id)),
    }
}

/// Whether nothing is left of what a first start makes, or nothing was ever made.
fn has_no_credentials(data_dir: &Path) -> Result<bool, CredentialsError> {
    let authority = data_dir.join(AUTHORITY);
    let files = [key_ring::ADMIN_KEY, key_ring::KEYS, key_ring::ACCESS].map(|name| data_dir.join(name));
    for path in [authority.join(authority::KEY), authority.join(USERS)].iter().chain(&files) {
        if disk::exists(path)? {
            return Ok(false);
        }
    }
    Ok(!Authority::exists(&authority)?)
}

/// Where a user's files are.
struct BundleDirectory {
    app: String,
    user: String,
    path: PathBuf,
}

/// Every directory below the data directory that holds a user's files. What cannot be listed holds
/// none.
fn bundle_directories(data_dir: &Path) -> Vec<BundleDirectory> {
    let mut found = Vec::new();
    for (app, path) in directories_in(&data_dir.join(BUNDLES)) {
        for (user, path) in directories_in(&path.join(USERS_OF_APP)) {
            found.push(BundleDirectory { app: app.clone(), user, path });
        }
        found.push(BundleDirectory { app, user: DEFAULT_USER.to_owned(), path });
    }
    found
}

/// Directories that are in use, with their names.
fn directories_in(path: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())));
    let mut found: Vec<_> = named.filter(|(name, path)| !name.starts_with('.') && path.is_dir()).collect();
    found.sort();
    found
}

/// What was ever handed out to a user.
fn handed_out_to(entries: &Entries<Registered>, app: &str, user: &str) -> Vec<HandedOut> {
    let is_of_user = |entry: &&Registered| entry.certificate.app == app && entry.certificate.user == user;
    entries.values().filter(is_of_user).filter_map(|entry| entry.files.clone()).collect()
}

fn check_principal(path: &Path, principal: &ClientPrincipal, app: &str, user: &str) -> Result<(), CredentialsError> {
    let message = if principal.app != app {
        format!("it is a certificate for the app {:?}", principal.app)
    } else if principal.user != user {
        format!("it is a certificate of the user {:?}", principal.user)
    } else {
        return Ok(());
    };
    Err(CredentialsError::file(path, message))
}

fn check_bundle(app: &str, user: &str, topic: &str, endpoint: &str) -> Result<(), CredentialsError> {
    names::check_app(app)?;
    names::check_user(user)?;
    names::check_topic(topic)?;
    names::check_endpoint(endpoint)
}

fn refuse_second(
    entries: &Entries<Registered>,
    app: &str,
    user: &str,
    issuing: Option<&str>,
    now_ms: u64,
) -> Result<(), CredentialsError> {
    let counts = |Registered { certificate, authority, .. }: &Registered| {
        certificate.app == app
            && certificate.user == user
            && authority.as_deref() == issuing
            && certificate.revoked_ms.is_none()
            && certificate.expires_ms > now_ms
    };
    let taken = entries.values().any(counts);
    if taken { Err(CredentialsError::Exists { kind: "user", name: user.to_owned() }) } else { Ok(()) }
}
