//! What handshakes and bundles go by at one moment; replaced as a whole.

use crate::{authorities::Authorities, client_verifier::RegisteredClients};

/// See the module.
#[derive(Debug)]
pub(crate) struct Trust {
    pub(crate) authorities: Authorities,
    /// Trusts exactly those.
    pub(crate) clients: RegisteredClients,
}
