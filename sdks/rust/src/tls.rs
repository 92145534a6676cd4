//! By which certificates a server is known.
//!
//! Invariants: one TLS library with one provider (rustls with ring); the system's certificates are
//! read when the first connection needs them.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

/// How connections are made secret.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    own: Arc<[CertificateDer<'static>]>,
    client: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Tls {
    /// `None` if one of them is no certificate.
    pub(crate) fn new(ca_certificates: &[String]) -> Option<Self> {
        let mut own = Vec::new();
        for pem in ca_certificates {
            let before = own.len();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                own.push(certificate.ok()?);
            }
            if own.len() == before {
                return None;
            }
        }
        Some(Self { own: own.into(), client: Arc::default() })
    }

    /// A connection to `host` that is not greeted yet.
    pub(crate) fn connection(&self, host: &str) -> io::Result<ClientConnection> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        ClientConnection::new(self.client()?, name).map_err(io::Error::other)
    }

    fn client(&self) -> io::Result<Arc<ClientConfig>> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let mut roots = RootCertStore::empty();
        // What cannot be read of the system's is not trusted.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for certificate in &*self.own {
            roots.add(certificate.clone()).map_err(io::Error::other)?;
        }
        let mut client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // On the port that it shares with Kafka a server tells HTTP by this.
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(self.client.get_or_init(|| Arc::new(client)).clone())
    }
}
