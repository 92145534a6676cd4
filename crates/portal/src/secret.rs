//! Secrets of the portal, and the hashes by which they are kept.
//!
//! Not here: what a secret opens (`session`, `sign_in`).

use sha2::{Digest as _, Sha256};

/// 256 random bits as hex: a session's secret, a CSRF token, a sign-in token.
pub(crate) type Random = fn() -> [u8; 32];

/// Random bits as text.
pub(crate) fn secret(random: Random) -> String {
    random().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of a secret, by which it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SecretDigest(pub(crate) [u8; 32]);

impl SecretDigest {
    pub(crate) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    pub(crate) fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Enough of it to tell one from another, and nothing to sign in with.
    pub(crate) fn short(&self) -> String {
        self.hex()[..8].to_owned()
    }
}
