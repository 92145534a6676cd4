//! What the endpoints and our own clients shake hands with.
//!
//! Not here: making configurations (`tls`), certificates (`server_certificate`, `authorities`).

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use rustls::server::ResolvesServerCert;

use crate::{Credentials, CredentialsError, Presented, bundle, names, tls};

impl Credentials {
    /// The TLS configuration of the Kafka endpoint: server certificate for `names` (renewed when
    /// they change or it nears its end), client certificates of our CA required, revoked and
    /// expired ones refused at the handshake. What is revoked later counts at once.
    ///
    /// `names` are DNS names and IP addresses beside `localhost`, `127.0.0.1` and `::1`. They add
    /// up with those of [`Credentials::https_tls`]: one certificate serves both, so give both the
    /// same names, or it is made twice at each start.
    pub fn kafka_tls(&self, names: &[String], now_ms: u64) -> Result<Arc<rustls::ServerConfig>, CredentialsError> {
        self.server_certificate.ensure(&self.trust.load().authorities.in_force, names, now_ms)?;
        Ok(self.kafka_handshake().0)
    }

    /// The same for one handshake, after [`Credentials::kafka_tls`] said for which names. The second
    /// value gets the certificate that the client shows, before it is checked: so that a refusal can
    /// say whose it is.
    pub fn kafka_handshake(&self) -> (Arc<rustls::ServerConfig>, Presented) {
        let (verifier, presented) = self.trust.load().clients.noting();
        (Arc::new(tls::mutual(verifier, self.server_certificate.clone())), presented)
    }

    /// The TLS configuration of HTTPS: the same server certificate, or the PEM files given (chain,
    /// private key; read once). No client certificate is asked for. HTTP/1.1 only.
    pub fn https_tls(
        &self,
        names: &[String],
        files: Option<(&Path, &Path)>,
        now_ms: u64,
    ) -> Result<Arc<rustls::ServerConfig>, CredentialsError> {
        let server: Arc<dyn ResolvesServerCert> = match files {
            Some((chain, key)) => {
                let (server, ends_ms) = tls::server_files(chain, key)?;
                self.https_file_ends_ms.store(ends_ms, Ordering::Relaxed);
                server
            }
            None => {
                self.server_certificate.ensure(&self.trust.load().authorities.in_force, names, now_ms)?;
                self.server_certificate.clone()
            }
        };
        Ok(Arc::new(tls::https(server, &[b"http/1.1"])))
    }

    /// The TLS configuration of HTTP on the Kafka endpoint's port, which speaks HTTP/2 too: the
    /// certificate of [`Credentials::kafka_tls`], which is to be asked for first, whatever files
    /// HTTPS has elsewhere. No client certificate is asked for.
    pub fn kafka_port_https_tls(&self) -> Arc<rustls::ServerConfig> {
        Arc::new(tls::https(self.server_certificate.clone(), &[b"h2", b"http/1.1"]))
    }

    /// Renews the server certificate if fewer than [`limits::RENEWAL_DAYS`] remain; configurations
    /// that were made before use the new one from their next handshake on. For servers that run for
    /// years: call it once a day. Says whether it made a new one.
    pub fn renew_server_certificate(&self, now_ms: u64) -> Result<bool, CredentialsError> {
        let _changing = self.lock_bundles();
        self.server_certificate.ensure(&self.trust.load().authorities.in_force, &[], now_ms)
    }

    /// When the authority in force and the server certificate of its own end, ms since the epoch. The second is
    /// renewed by itself ([`Credentials::renew_server_certificate`]); `None` before anybody listens.
    pub fn ends_ms(&self) -> (u64, Option<u64>) {
        (self.trust.load().authorities.in_force.ends_ms(), self.server_certificate.ends_ms())
    }

    /// When the certificate ends that [`Credentials::https_tls`] took from files, ms since the epoch;
    /// `None` where there is none.
    pub fn https_file_ends_ms(&self) -> Option<u64> {
        Some(self.https_file_ends_ms.load(Ordering::Relaxed)).filter(|ends_ms| *ends_ms > 0)
    }

    /// The serial number of the server certificate of its own, lower-case hex; `None` before anybody
    /// listens.
    pub fn server_serial(&self) -> Option<String> {
        self.server_certificate.serial()
    }

    /// Whether the two PEM files hold a certificate chain and its private key, as
    /// [`Credentials::https_tls`] takes them. Blocks on disk.
    pub fn check_https_files(chain: &Path, key: &Path) -> Result<(), CredentialsError> {
        tls::server_files(chain, key).map(|_| ())
    }

    /// A client configuration that trusts our CA and presents the app's own user certificate; for
    /// `headwater events`.
    pub fn client_tls(&self, app: &str) -> Result<Arc<rustls::ClientConfig>, CredentialsError> {
        names::check_app(app)?;
        let file = |name| self.bundle_directory(app).join(name);
        Ok(Arc::new(tls::client(&file(bundle::CA), &file(bundle::CHAIN), &file(bundle::KEY))?))
    }

    /// A client configuration made of a bundle's files and nothing else, as a consumer who was
    /// given them has it. Checks first that both PKCS12 files open with the passwords in
    /// `live-query-settings.json`; the configuration is that of the PEM files beside them.
    pub fn client_tls_of_files(directory: &Path) -> Result<Arc<rustls::ClientConfig>, CredentialsError> {
        bundle::check(directory)?;
        let file = |name| directory.join(name);
        Ok(Arc::new(tls::client(&file(bundle::CA), &file(bundle::CHAIN), &file(bundle::KEY))?))
    }
}
