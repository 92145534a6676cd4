//! The certificate that a client shows in a handshake, kept for whoever logs that it was refused.
//!
//! Invariants: it is noted before anything of it is checked, so that nothing of it is believed but
//! what the register knows; what is shown of it is of bounded length and has no control characters.
//! Not here: checking it (`client_verifier`), the log (the endpoint).

use std::sync::{Arc, OnceLock};

use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::{
    ClientPrincipal,
    authority::{ends_ms, hex},
    users::Register,
};

/// Longest name or serial that is shown, in bytes; the rest is left out. Names of ours are shorter.
const SHOWN_BYTES_MAX: usize = 200;

/// What a client claims to be, whether it was believed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedCertificate {
    /// Who it was issued to, if the register knows a certificate of this serial under these names.
    /// That it is that certificate is not proven by this alone.
    pub known: Option<ClientPrincipal>,
    /// Its subject, as in `O=shop, CN=ann`.
    pub subject: String,
    /// The authority that it names.
    pub issuer: String,
    /// Its serial number, lower-case hex.
    pub serial: String,
    /// When it ends, ms since the epoch.
    pub ends_ms: u64,
}

/// What was shown in one handshake; empty until the client has shown something.
#[derive(Debug, Clone, Default)]
pub struct Presented(Arc<OnceLock<PresentedCertificate>>);

impl Presented {
    /// What was shown; `None` if nothing was, or nothing that can be read.
    pub fn certificate(&self) -> Option<&PresentedCertificate> {
        self.0.get()
    }

    /// Notes the first one; there is one in a handshake.
    pub(crate) fn note(&self, certificate: &[u8], register: &Register) {
        if let Some(read) = read(certificate, register) {
            let _ = self.0.set(read);
        }
    }
}

fn read(certificate: &[u8], register: &Register) -> Option<PresentedCertificate> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let serial = parsed.raw_serial();
    Some(PresentedCertificate {
        known: ClientPrincipal::from_der(certificate).ok().filter(|principal| register.knows(principal)),
        subject: shown(&parsed.subject().to_string()),
        issuer: shown(&parsed.issuer().to_string()),
        serial: shown(&hex(serial.strip_prefix(&[0]).unwrap_or(serial))),
        ends_ms: ends_ms(&parsed),
    })
}

/// A stranger's text, fit for a line of the log.
fn shown(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    text[..text.floor_char_boundary(SHOWN_BYTES_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    #[test]
    fn a_strangers_name_is_cut_and_breaks_no_line() {
        let directory = tempfile::tempdir().unwrap();
        let register = Register::create(&directory.path().join("users.json"), "a").unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("a\nb{}", "c".repeat(1000)));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let presented = Presented::default();
        presented.note(b"junk", &register);
        assert_eq!(presented.certificate(), None);
        presented.note(certificate.der(), &register);
        let shown = presented.certificate().unwrap();
        assert!(shown.subject.starts_with("CN=a\u{fffd}bccc") && shown.subject.len() <= SHOWN_BYTES_MAX, "{shown:?}");
        assert_eq!(shown.known, None);
    }
}
