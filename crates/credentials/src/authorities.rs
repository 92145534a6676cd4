//! The authorities of a data directory: the one in force, and during a rotation the next one.
//!
//! ```text
//!                in force                                   the next one
//! before         signs the server and users                 -
//! rotation       signs the server; its users are let in     signs users, who are let in; clients are told to trust it
//! after          (gone)                                     signs the server and users
//! ```
//! Invariants: whoever has files of before a rotation can check the server until it is finished, and
//! whoever got files during it can do so afterwards too.
//! Not here: the steps, and what is on disk (`rotation`).

use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use crate::authority::Authority;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Authorities {
    /// Signs the server's certificate.
    pub(crate) in_force: Arc<Authority>,
    /// During a rotation.
    pub(crate) next: Option<Next>,
}

/// The authority that is to be in force.
#[derive(Debug, Clone)]
pub(crate) struct Next {
    /// Signs users already.
    pub(crate) authority: Arc<Authority>,
    /// When the rotation began, ms since the epoch.
    pub(crate) began_ms: u64,
}

impl Authorities {
    /// The one that signs users.
    pub(crate) fn issuing(&self) -> &Authority {
        self.next.as_ref().map_or(&self.in_force, |next| &next.authority)
    }

    /// How the register names the one that signs users: `None` is the one in force.
    pub(crate) fn issuing_id(&self) -> Option<&str> {
        self.next.as_ref().map(|next| next.authority.id())
    }

    /// All whose users are let in, the one in force first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Authority> {
        std::iter::once(&*self.in_force).chain(self.next.as_ref().map(|next| &*next.authority))
    }

    /// What clients are to trust, PEM; first what they need now, for those that read one only.
    pub(crate) fn trusted_pem(&self) -> String {
        self.all().map(Authority::pem).collect()
    }

    /// The same, DER.
    pub(crate) fn trusted(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.all().flat_map(Authority::chain)
    }
}
