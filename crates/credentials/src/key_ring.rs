//! Who holds which secret: the admin key and the API keys.
//!
//! ```text
//! <data-dir>/admin.key   the admin key as text, 0600: whoever may read it may do everything anyway
//! <data-dir>/keys.json   API keys, each with the SHA-256 of its secret
//! ```
//! Invariants: an API key's secret is nowhere but with its holder; every comparison takes the same time whatever the secret is and
//! whichever key it matches. SHA-256 without salt or stretching is enough: the secrets have 256 random bits, so there is nothing to guess.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::{
    ApiKey, CredentialsError, NewKey, Principal,
    authority::hex,
    files,
    ledger::{Entry, Ledger},
    limits::{ADMIN_KEY_BYTES_MIN, SECRET_CHARACTERS},
    names, random,
};

/// See the module.
pub(crate) struct KeyRing {
    admin_key: String,
    admin: SecretDigest,
    keys: Ledger<StoredKey>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredKey {
    #[serde(flatten)]
    key: ApiKey,
    sha256: SecretDigest,
}

impl Entry for StoredKey {
    fn id(&self) -> &str {
        &self.key.name
    }
}

impl KeyRing {
    /// Reads both files; makes them at the first start. `keys.json` is made first, so where there is an admin key its absence means that
    /// keys were lost.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, CredentialsError> {
        let (admin_path, keys_path) = (data_dir.join("admin.key"), data_dir.join("keys.json"));
        let admin_key = files::read(&admin_path, files::PRIVATE)?;
        let keys = match Ledger::open(&keys_path)? {
            Some(keys) => keys,
            None if admin_key.is_none() => Ledger::create(&keys_path)?,
            None => {
                return Err(CredentialsError::file(
                    &keys_path,
                    "it is missing, though admin.key is there; without it no API key is known",
                ));
            }
        };
        let admin_key = match admin_key {
            Some(text) => checked_admin_key(&admin_path, &text)?,
            None => new_admin_key(&admin_path)?,
        };
        Ok(Self { admin: SecretDigest::of(&admin_key), admin_key, keys })
    }

    /// The admin key's text.
    pub(crate) fn admin_key(&self) -> &str {
        &self.admin_key
    }

    /// Makes a key; the second value is its secret.
    pub(crate) fn create(&self, new: NewKey, now_ms: u64) -> Result<(ApiKey, String), CredentialsError> {
        names::check_key(&new)?;
        let secret = new_secret("hw_");
        let key = ApiKey { name: new.name, grants: new.grants, created_ms: now_ms };
        let stored = StoredKey { key: key.clone(), sha256: SecretDigest::of(&secret) };
        self.keys.add(stored, |keys| {
            let taken = keys.contains_key(&key.name);
            if taken { Err(CredentialsError::Exists { kind: "key", name: key.name.clone() }) } else { Ok(()) }
        })?;
        tracing::info!(key = key.name, "made an API key");
        Ok((key, secret))
    }

    /// Every key, sorted by name.
    pub(crate) fn list(&self) -> Vec<ApiKey> {
        self.keys.entries().values().map(|stored| stored.key.clone()).collect()
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

    /// Whose secret this is. All are compared, whichever matches.
    pub(crate) fn authenticate(&self, secret: &str) -> Option<Principal> {
        let presented = SecretDigest::of(secret);
        let keys = self.keys.entries();
        let is_admin = bool::from(presented.ct_eq(&self.admin));
        let key = keys
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

fn new_admin_key(path: &Path) -> Result<String, CredentialsError> {
    let key = new_secret("hw_admin_");
    files::write(path, format!("{key}\n").as_bytes(), files::PRIVATE)?;
    tracing::info!(path = %path.display(), "made the admin key");
    Ok(key)
}

fn checked_admin_key(path: &Path, text: &str) -> Result<String, CredentialsError> {
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
struct SecretDigest([u8; 32]);

impl SecretDigest {
    fn of(secret: &str) -> Self {
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
