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

mod access;
mod authorities;
mod authority;
mod bundle;
mod bundles;
mod client_verifier;
mod disk;
mod disk_proof;
mod endpoint_tls;
mod error;
mod issuing;
mod key_ring;
mod keys;
mod ledger;
pub mod limits;
mod login_hooks;
mod logins;
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
pub use issuing::NewUser;
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
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
};

use arc_swap::ArcSwap;
use files::{DirectoryFormat, PRIVATE_FILE};

use authorities::Authorities;
use authority::Authority;
use bundles::bundle_directories;
use client_verifier::RegisteredClients;
use key_ring::KeyRing;
use login_hooks::LoginHooks;
use revoked_peers::RevokedPeers;
use rotation::Rotation;
use seen::SeenCertificates;
use server_certificate::ServerCertificate;
use tokens::Tokens;
use trust::Trust;
use users::Register;

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

    pub(crate) fn lock_bundles(&self) -> MutexGuard<'_, ()> {
        self.bundles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn bundle_directory(&self, app: &str) -> PathBuf {
        self.data_dir.join(BUNDLES).join(app)
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
