//! TLS configurations: TLS 1.2 and 1.3, `ring` named explicitly, so that no process-wide default can change what is
//! used.
//!
//! Invariants: with client certificates, every connection is a full handshake. On a resumed one rustls takes the
//! client's identity from the ticket and does not ask the verifier again, so a certificate revoked since would still
//! get in; hence neither tickets nor a session store. A full P-256 handshake costs about a millisecond, both sides
//! together, and Kafka's connections are long-lived. Not here: which client certificates are good
//! (`client_verifier`), where the server's is kept (`server_certificate`).

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use rustls::{
    CipherSuite, ClientConfig, Error, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::{NoServerSessionStorage, ResolvesServerCert, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};

use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::{CredentialsError, authority::ends_ms};

/// The cryptography that is used throughout.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// For the Kafka endpoint: clients must show a certificate that the verifier takes. No ALPN: Kafka's clients send none.
///
/// A consumer that drains a topic costs hardly more than its encryption, so the server chooses the suite, and takes
/// AES with 128 bits before 256.
pub(crate) fn mutual(verifier: Arc<dyn ClientCertVerifier>, server: Arc<dyn ResolvesServerCert>) -> ServerConfig {
    // One is made for each handshake.
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        let mut provider = ring::default_provider();
        provider.cipher_suites.sort_by_key(|suite| !is_aes_128(suite.suite()));
        Arc::new(provider)
    });
    let versions = ServerConfig::builder_with_provider(PROVIDER.clone()).with_protocol_versions(rustls::ALL_VERSIONS);
    let versions = versions.expect("ring has suites for TLS 1.2 and 1.3");
    let mut config = versions.with_client_cert_verifier(verifier).with_cert_resolver(server);
    config.ignore_client_order = true;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_tls13_tickets = 0;
    debug_assert!(!config.ticketer.enabled(), "rustls makes no stateless tickets unless asked to");
    config
}

/// For HTTPS: clients are known by their key, not by a certificate. `protocols` are those of ALPN,
/// the preferred one first.
pub(crate) fn https(server: Arc<dyn ResolvesServerCert>, protocols: &[&[u8]]) -> ServerConfig {
    let versions = ServerConfig::builder_with_provider(provider()).with_protocol_versions(rustls::ALL_VERSIONS);
    let versions = versions.expect("ring has suites for TLS 1.2 and 1.3");
    let mut config = versions.with_no_client_auth().with_cert_resolver(server);
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

/// A server certificate given as two PEM files: the chain (its own certificate first) and the private key.
/// Beside it, when that certificate ends, ms since the epoch; 0 where that cannot be read.
pub(crate) fn server_files(chain: &Path, key: &Path) -> Result<(Arc<dyn ResolvesServerCert>, u64), CredentialsError> {
    let (chain_der, key_der) = (certificates(chain)?, private_key(key)?);
    let ends_ms = X509Certificate::from_der(&chain_der[0]).map_or(0, |(_, certificate)| ends_ms(&certificate));
    let certified = certified_key(chain_der, key_der).map_err(|error| match error {
        Error::InconsistentKeys(_) => CredentialsError::file(key, format!("it is not the key of {}", chain.display())),
        other => CredentialsError::file(chain, other),
    })?;
    Ok((Arc::new(SingleCertAndKey::from(Arc::unwrap_or_clone(certified))), ends_ms))
}

/// A client that trusts the CA of one PEM file and shows the certificate of two others.
pub(crate) fn client(ca: &Path, chain: &Path, key: &Path) -> Result<ClientConfig, CredentialsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| CredentialsError::file(ca, error))?;
    }
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .expect("ring has suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(chain)?, private_key(key)?)
        .map_err(|error| match error {
            Error::InconsistentKeys(_) => {
                CredentialsError::file(key, format!("it is not the key of {}", chain.display()))
            }
            other => CredentialsError::file(chain, other),
        })
}

/// A chain and its key, if they belong together.
pub(crate) fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<CertifiedKey>, Error> {
    CertifiedKey::from_der(chain, key, &provider()).map(Arc::new)
}

fn is_aes_128(suite: CipherSuite) -> bool {
    use CipherSuite::{
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS13_AES_128_GCM_SHA256,
    };
    matches!(
        suite,
        TLS13_AES_128_GCM_SHA256 | TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 | TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    )
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(path, "certificate", error))?;
    if certificates.is_empty() {
        Err(unreadable(path, "certificate", pem::Error::NoItemsFound))
    } else {
        Ok(certificates)
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, CredentialsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| unreadable(path, "private key", error))
}

fn unreadable(path: &Path, what: &str, error: pem::Error) -> CredentialsError {
    match error {
        pem::Error::Io(source) => CredentialsError::io("cannot read", path)(source),
        pem::Error::NoItemsFound => CredentialsError::file(path, format!("there is no {what} in PEM in it")),
        other => CredentialsError::file(path, format!("its {what}: {other}")),
    }
}
