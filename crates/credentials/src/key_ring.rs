//! Who holds which secret: the admin key and the API keys; and whether anybody may call without one.
//!
//! ```text
//! <data-dir>/admin.key          the admin key as text, 0600: whoever may read it may do everything anyway
//! <data-dir>/admin.key.sha256   its checksum, as sha256sum writes it
//! <data-dir>/keys.json          API keys, each with the SHA-256 of its secret; which directory's they are, and whether a key was made
//! <data-dir>/access.json        the directory's id, and whether a key was made
//! ```
//! Invariants: an API key's secret is nowhere but with its holder; every comparison takes the same time whatever the
//! secret is and whichever key it matches. SHA-256 without salt or stretching is enough: the secrets have 256 random
//! bits, so there is nothing to guess. Once a key was made the ring is closed, whichever of the two files says so and
//! whatever becomes of the other, until it is opened again.

use std::path::Path;

use files::{DirectoryFormat, PRIVATE_FILE};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::{
    ApiKey, CredentialsError, Grant, NewKey, Principal,
    authority::hex,
    disk::{self, Kept},
    ledger::{self, Contents, Entries, Entry, Ledger, Live},
    limits::{ADMIN_KEY_BYTES_MIN, SECRET_CHARACTERS},
    names, random,
};

/// The files' names.
pub(crate) const ADMIN_KEY: &str = "admin.key";
pub(crate) const ADMIN_KEY_SUM: &str = "admin.key.sha256";
pub(crate) const KEYS: &str = "keys.json";
pub(crate) const ACCESS: &str = "access.json";

/// See the module.
pub(crate) struct KeyRing {
    admin_key: String,
    admin: SecretDigest,
    access_path: std::path::PathBuf,
    keys: Ledger<StoredKey>,
}

/// Who may call: what `access.json` says, and `keys.json` repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Access {
    /// What no other data directory has.
    directory: String,
    /// Whether a key was made since the ring was last opened.
    closed: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredKey {
    key: ApiKey,
    sha256: SecretDigest,
}

/// A key as format 1 had it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OldKey {
    name: String,
    grants: Vec<Grant>,
    created_ms: u64,
    sha256: SecretDigest,
}

impl Entry for StoredKey {
    type Head = Access;
    type Old = OldKey;

    fn id(&self) -> &str {
        &self.key.name
    }
}

impl From<OldKey> for StoredKey {
    fn from(OldKey { name, grants, created_ms, sha256 }: OldKey) -> Self {
        Self { key: ApiKey { name, grants, created_ms, permission: None }, sha256 }
    }
}

/// What the files say, before anything is made or mended.
#[derive(Debug)]
pub(crate) struct Found {
    access: Option<Access>,
    keys: Option<Contents<StoredKey>>,
    admin_key: Option<String>,
    has_sum: bool,
}

impl Found {
    /// Reads the files and changes nothing.
    pub(crate) fn look(data_dir: &Path, format: DirectoryFormat) -> Result<Self, CredentialsError> {
        let path = |name| data_dir.join(name);
        let access = read_access(&path(ACCESS))?;
        let keys = ledger::read::<StoredKey>(&path(KEYS), format)?;
        if let (Some(access), Some(Contents { head: Some(head), .. })) = (&access, &keys)
            && access.directory != head.directory
        {
            return Err(CredentialsError::file(&path(KEYS), "it is of another data directory than access.json"));
        }
        let sum = disk::read_text(&path(ADMIN_KEY_SUM))?;
        let admin_key = match disk::read_text(&path(ADMIN_KEY))? {
            Some(text) => Some(checked_admin_key(&path(ADMIN_KEY), &text, sum.as_deref())?),
            None => None,
        };
        Ok(Self { access, keys, admin_key, has_sum: sum.is_some() })
    }

    /// The names of the files that are missing.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let files = [
            (ACCESS, self.access.is_none()),
            (KEYS, self.keys.is_none()),
            (ADMIN_KEY, self.admin_key.is_none()),
            (ADMIN_KEY_SUM, !self.has_sum),
        ];
        files.into_iter().filter_map(|(name, is_missing)| is_missing.then_some(name)).collect()
    }

    /// Fails closed: of what is lost it is said that a key was made.
    fn access(&self, is_new: bool) -> Access {
        let of_keys = self.keys.as_ref().map(|keys| match &keys.head {
            Some(head) => (Some(head.directory.clone()), head.closed),
            None => (None, !keys.entries.is_empty()),
        });
        let closed = match (&self.access, &of_keys) {
            (None, None) => !is_new,
            (access, keys) => {
                access.as_ref().is_some_and(|access| access.closed) || keys.as_ref().is_some_and(|keys| keys.1)
            }
        };
        let known = self.access.as_ref().map(|access| access.directory.clone());
        let directory = known.or_else(|| of_keys.and_then(|keys| keys.0));
        Access { directory: directory.unwrap_or_else(|| hex(&random::bytes::<16>())), closed }
    }
}

fn read_access(path: &Path) -> Result<Option<Access>, CredentialsError> {
    // It came with format 2.
    match disk::read_sealed(path, DirectoryFormat::Sealed)? {
        Kept::Current(body) => {
            serde_json::from_str(&body).map(Some).map_err(|error| CredentialsError::file(path, error))
        }
        Kept::Missing | Kept::Old(_) => Ok(None),
    }
}

fn write_access(path: &Path, access: &Access) -> Result<(), CredentialsError> {
    disk::write_sealed(path, &serde_json::to_string(access).expect("it is plain data"))
}

impl KeyRing {
    /// Reads the files, and writes what is missing or of format 1. `is_new` says that nothing was in the directory
    /// before: where keys are missing and that is not so, they were lost, and the ring is closed.
    pub(crate) fn open(data_dir: &Path, format: DirectoryFormat, is_new: bool) -> Result<Self, CredentialsError> {
        let path = |name| data_dir.join(name);
        for name in [ADMIN_KEY, ADMIN_KEY_SUM, KEYS, ACCESS] {
            disk::tighten(&path(name), PRIVATE_FILE)?;
        }
        let found = Found::look(data_dir, format)?;
        let access = found.access(is_new);
        if found.access.as_ref() != Some(&access) {
            write_access(&path(ACCESS), &access)?;
        }
        let keys = open_keys(&path(KEYS), found.keys, access)?;
        let admin_key = match found.admin_key {
            Some(key) if found.has_sum => key,
            Some(key) => {
                write_admin_key_sum(data_dir, &disk::read(&path(ADMIN_KEY))?.unwrap_or_default())?;
                key
            }
            None => new_admin_key(data_dir)?,
        };
        Ok(Self { admin: SecretDigest::of(&admin_key), admin_key, access_path: path(ACCESS), keys })
    }

    /// Whether every request needs a key: one was made, and the ring was not opened since.
    pub(crate) fn is_closed(&self) -> bool {
        let live = self.keys.live();
        live.head.closed || !live.entries.is_empty()
    }

    /// Forgets that keys were made; there must be none.
    pub(crate) fn open_again(&self) -> Result<(), CredentialsError> {
        self.keys.change(|Live { head, entries }| {
            if !entries.is_empty() {
                return Err(CredentialsError::KeysExist { names: entries.keys().cloned().collect() });
            }
            head.closed = false;
            // The keys' file is still closed: after a crash in between, so is the ring.
            write_access(&self.access_path, head)
        })?;
        tracing::warn!("the HTTP API was opened again: no key is needed where it is open without keys");
        Ok(())
    }

    /// The first 32 bits of its SHA-256.
    pub(crate) fn admin_fingerprint(&self) -> String {
        hex(&self.admin.0[..4])
    }

    /// The admin key's text.
    pub(crate) fn admin_key(&self) -> &str {
        &self.admin_key
    }

    /// Makes a key; the second value is its secret.
    pub(crate) fn create(&self, new: NewKey, now_ms: u64) -> Result<(ApiKey, String), CredentialsError> {
        names::check_key(&new)?;
        let secret = new_secret("hw_");
        let key = ApiKey { name: new.name, grants: new.grants, created_ms: now_ms, permission: new.permission };
        let stored = StoredKey { key: key.clone(), sha256: SecretDigest::of(&secret) };
        self.keys.change(|Live { head, entries }| {
            if entries.contains_key(&key.name) {
                return Err(CredentialsError::Exists { kind: "key", name: key.name.clone() });
            }
            entries.insert(key.name.clone(), stored);
            if !head.closed {
                head.closed = true;
                write_access(&self.access_path, head)?;
            }
            Ok(())
        })?;
        tracing::info!(key = key.name, "made an API key");
        Ok((key, secret))
    }

    /// Every key, sorted by name.
    pub(crate) fn list(&self) -> Vec<ApiKey> {
        self.keys.live().entries.values().map(|stored| stored.key.clone()).collect()
    }

    /// Forgets a key.
    pub(crate) fn revoke(&self, name: &str) -> Result<(), CredentialsError> {
        let (revoked, saved) = self.keys.withdraw(|keys| keys.remove(name));
        if revoked.is_some() {
            tracing::info!(key = name, "revoked an API key");
        }
        saved?;
        if revoked.is_some() { Ok(()) } else { Err(CredentialsError::NotFound { kind: "key", name: name.to_owned() }) }
    }

    /// Withdraws what keys may do in an app, and those that may do nothing then; gives these. What is
    /// granted on every app (`*`) stays.
    pub(crate) fn withdraw_app(&self, app: &str) -> Result<Vec<String>, CredentialsError> {
        let (revoked, saved) = self.keys.withdraw(|keys| {
            let mut has_changed = false;
            for StoredKey { key, .. } in keys.values_mut() {
                let before = key.grants.len();
                key.grants.retain(|grant| grant.app != app);
                has_changed |= key.grants.len() < before;
            }
            let emptied = keys.extract_if(.., |_, stored| stored.key.grants.is_empty());
            let revoked: Vec<_> = emptied.map(|(name, _)| name).collect();
            has_changed.then_some(revoked)
        });
        let revoked = revoked.unwrap_or_default();
        for key in &revoked {
            tracing::info!(key, app, "revoked an API key of a deleted app");
        }
        saved.map(|()| revoked)
    }

    /// Whose secret this is. All are compared, whichever matches.
    pub(crate) fn authenticate(&self, secret: &str) -> Option<Principal> {
        let presented = SecretDigest::of(secret);
        let keys = self.keys.live();
        let is_admin = bool::from(presented.ct_eq(&self.admin));
        let key = keys
            .entries
            .values()
            .fold(None, |found, stored| if bool::from(presented.ct_eq(&stored.sha256)) { Some(stored) } else { found });
        if is_admin { Some(Principal::Admin) } else { key.map(|stored| Principal::Key(stored.key.clone())) }
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").field("keys", &self.keys).finish_non_exhaustive()
    }
}

fn new_secret(prefix: &str) -> String {
    prefix.to_owned() + &random::letters_and_digits(SECRET_CHARACTERS)
}

fn open_keys(
    path: &Path,
    found: Option<Contents<StoredKey>>,
    access: Access,
) -> Result<Ledger<StoredKey>, CredentialsError> {
    if found.is_none() && access.closed {
        tracing::error!(path = %path.display(), "it is missing: every API key is refused, and every request needs one. Make new keys");
    }
    let is_current = found.as_ref().is_some_and(|found| found.head.as_ref() == Some(&access));
    let ledger = Ledger::new(path, access, found.map_or_else(Entries::new, |found| found.entries));
    if !is_current {
        ledger.write()?;
    }
    Ok(ledger)
}

/// The checksum first: where it is alone, the key is made again.
fn new_admin_key(data_dir: &Path) -> Result<String, CredentialsError> {
    let (key, path) = (new_secret("hw_admin_"), data_dir.join(ADMIN_KEY));
    let text = format!("{key}\n");
    write_admin_key_sum(data_dir, text.as_bytes())?;
    disk::write(&path, text.as_bytes(), PRIVATE_FILE)?;
    tracing::info!(path = %path.display(), "made the admin key");
    Ok(key)
}

fn write_admin_key_sum(data_dir: &Path, key: &[u8]) -> Result<(), CredentialsError> {
    disk::write(&data_dir.join(ADMIN_KEY_SUM), admin_key_sum(key).as_bytes(), PRIVATE_FILE)
}

fn admin_key_sum(key: &[u8]) -> String {
    format!("{}  {ADMIN_KEY}\n", hex(&Sha256::digest(key)))
}

fn checked_admin_key(path: &Path, text: &str, sum: Option<&str>) -> Result<String, CredentialsError> {
    if sum.is_some_and(|sum| sum != admin_key_sum(text.as_bytes())) {
        let message = format!(
            "it is not what {ADMIN_KEY_SUM} says: one of them is damaged. If you put your own key there, remove {ADMIN_KEY_SUM}"
        );
        return Err(CredentialsError::file(path, message));
    }
    let key = text.trim_end_matches(['\r', '\n']);
    if key.len() < ADMIN_KEY_BYTES_MIN || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let rule = format!("an admin key is one line of at least {ADMIN_KEY_BYTES_MIN} visible ASCII characters");
        return Err(CredentialsError::file(path, rule));
    }
    Ok(key.to_owned())
}

/// SHA-256 of a secret; lower-case hex in JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct SecretDigest([u8; 32]);

impl SecretDigest {
    pub(crate) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

impl ConstantTimeEq for SecretDigest {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl From<SecretDigest> for String {
    fn from(digest: SecretDigest) -> Self {
        hex(&digest.0)
    }
}

impl TryFrom<String> for SecretDigest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = || "a SHA-256 is 64 hex digits".to_owned();
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}
