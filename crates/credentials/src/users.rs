//! User certificates: `CN=user, O=app`, and a serial that revocation uses.

/// A user certificate as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UserCertificate {
    /// The app it opens (O).
    pub app: String,
    /// The user (CN).
    pub user: String,
    /// The serial number, lower-case hex.
    pub serial: String,
    /// When it was issued, ms since the epoch.
    pub issued_ms: u64,
    /// When it ends, ms since the epoch.
    pub expires_ms: u64,
    /// When it was revoked, ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_ms: Option<u64>,
}

/// What a client certificate says of its holder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientPrincipal {
    /// The app (O).
    pub app: String,
    /// The user (CN).
    pub user: String,
    /// The serial number, lower-case hex.
    pub serial: String,
}

/// Why a certificate names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the client certificate {message}")]
pub struct PrincipalError {
    /// What is wrong with it.
    pub message: String,
}

impl ClientPrincipal {
    /// Reads subject and serial of a DER certificate (which the handshake has already checked).
    pub fn from_der(_certificate: &[u8]) -> Result<Self, PrincipalError> {
        todo!()
    }
}
