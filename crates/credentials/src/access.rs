//! Who calls the HTTP API: the admin key, API keys, tokens.
//!
//! Not here: how keys are kept (`key_ring`) and tokens (`tokens`), what each allows (`keys`).

use crate::{ApiKey, Credentials, CredentialsError, DiskProof, NewKey, Principal, TOKEN_PREFIX};

impl Credentials {
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
}
