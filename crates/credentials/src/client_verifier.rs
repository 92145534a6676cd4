//! Which client certificates the handshake lets in: issued by our CA, in time, for an app, in the register, not
//! revoked.
//!
//! Invariants: whatever cannot be checked is refused; what is revoked counts from the next handshake on, without a
//! new configuration. Each handshake has a verifier of its own, which notes the certificate before it looks at it.
//! Not here: cutting connections that are open already (the endpoint does, woken by
//! `Credentials::watch_revocations`).

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use crate::{
    ClientPrincipal, CredentialsError, Presented, PrincipalError,
    authorities::Authorities,
    tls,
    users::{Register, Standing},
};

/// Whom all handshakes trust. `webpki` checks signature, time and purpose; the register says the rest.
#[derive(Debug, Clone)]
pub(crate) struct RegisteredClients {
    webpki: Arc<dyn ClientCertVerifier>,
    register: Arc<Register>,
}

/// The same for one handshake: notes what the client shows.
#[derive(Debug)]
struct NotingClients {
    clients: RegisteredClients,
    presented: Presented,
}

impl RegisteredClients {
    /// Trusts certificates of these authorities that are in the register.
    pub(crate) fn new(authorities: &Authorities, register: Arc<Register>) -> Result<Self, CredentialsError> {
        let failed = "cannot trust the CA";
        let mut roots = RootCertStore::empty();
        for authority in authorities.all() {
            roots.add(authority.der().clone()).map_err(CredentialsError::certificate(failed))?;
        }
        let webpki = WebPkiClientVerifier::builder_with_provider(roots.into(), tls::provider())
            .build()
            .map_err(CredentialsError::certificate(failed))?;
        Ok(Self { webpki, register })
    }

    /// For one handshake, in which the second value gets what the client shows.
    pub(crate) fn noting(&self) -> (Arc<dyn ClientCertVerifier>, Presented) {
        let presented = Presented::default();
        (Arc::new(NotingClients { clients: self.clone(), presented: presented.clone() }), presented)
    }

    fn check_register(&self, certificate: &[u8]) -> Result<(), CertificateError> {
        let principal = ClientPrincipal::from_der(certificate).map_err(refusal)?;
        match self.register.standing_of(&principal) {
            Standing::Good => Ok(()),
            Standing::Revoked => Err(CertificateError::Revoked),
            Standing::Unknown => {
                let ClientPrincipal { app, user, serial } = principal;
                let message = format!(
                    "(user {user:?} of app {app:?}, serial {serial}) is not in the register of issued certificates"
                );
                Err(refusal(PrincipalError { message }))
            }
        }
    }
}

fn refusal(error: PrincipalError) -> CertificateError {
    CertificateError::Other(OtherError(Arc::new(error)))
}

impl ClientCertVerifier for NotingClients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.clients.webpki.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.presented.note(end_entity, &self.clients.register);
        let verified = self.clients.webpki.verify_client_cert(end_entity, intermediates, now)?;
        self.clients.check_register(end_entity)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.clients.webpki.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.clients.webpki.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.clients.webpki.supported_verify_schemes()
    }
}
