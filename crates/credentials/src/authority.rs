//! The certificate authority of one data directory, and what it issues.
//!
//! ```text
//! authority/ca.key   sealed PKCS#8 PEM, ECDSA P-256; never leaves the directory
//! authority/ca.pem   sealed PEM: the certificate, ten years, may sign leaves only
//! ```
//! Readers of PEM pass over the line with the checksum. An authority that was brought along may have a
//! key of another kind, and in `ca.pem` the certificates above its own, up to the root.
//! Invariants: every leaf has its own key, a random serial, one purpose (server or client), and
//! ends no later than the CA.
//! Not here: which certificates are accepted (`client_verifier`), where the issued ones are kept
//! (`server_certificate`, `bundle`), two authorities at once (`authorities`), files that somebody
//! brings along (`own_authority`).

use std::path::Path;

use files::DirectoryFormat;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData as _, SerialNumber,
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};

use crate::{
    CredentialsError,
    disk::{self, Kept},
    limits::{BACKDATED_MS, CA_DAYS, DAY_MS, SERVER_CERTIFICATE_DAYS, USER_CERTIFICATE_DAYS},
    random,
};

/// The authority: signs, and says what clients must trust.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    key_pem: String,
    /// Its own, then those above it as far as they are known.
    chain: Vec<CertificateDer<'static>>,
    id: String,
    ends_ms: u64,
}

/// The files' names.
pub(crate) const KEY: &str = "ca.key";
pub(crate) const CERTIFICATE: &str = "ca.pem";

/// What is in the files.
struct Files {
    key: String,
    key_is_old: bool,
    pem: String,
    pem_is_old: bool,
}

/// A certificate with its private key.
pub(crate) struct Issued {
    /// The certificate alone, PEM.
    pub(crate) pem: String,
    /// The same, DER.
    pub(crate) der: CertificateDer<'static>,
    /// Its private key, PKCS#8 PEM.
    pub(crate) key_pem: String,
    /// The same, DER.
    pub(crate) key_der: Vec<u8>,
    /// Its serial number.
    pub(crate) serial: [u8; 16],
    /// When it ends, milliseconds since the epoch.
    pub(crate) expires_ms: u64,
}

impl Authority {
    /// Whether there is an authority in the directory.
    pub(crate) fn exists(directory: &Path) -> Result<bool, CredentialsError> {
        disk::exists(&directory.join(CERTIFICATE))
    }

    /// Makes one. The certificate is written last: with it, the authority exists. `before` is
    /// called with its id right before.
    pub(crate) fn create<R>(
        directory: &Path,
        now_ms: u64,
        before: impl FnOnce(&str) -> Result<R, CredentialsError>,
    ) -> Result<(Self, R), CredentialsError> {
        let made = Self::make(now_ms)?;
        disk::write_sealed(&directory.join(KEY), &made.key_pem)?;
        let result = before(made.id())?;
        disk::write_sealed(&directory.join(CERTIFICATE), &made.pem)?;
        tracing::info!(name = made.subject(), "made a certificate authority");
        Ok((Self::open(directory, DirectoryFormat::Sealed, now_ms)?, result))
    }

    /// Makes one in memory.
    pub(crate) fn make(now_ms: u64) -> Result<Self, CredentialsError> {
        let key = new_key()?;
        let mut params = params(Validity::new(now_ms, CA_DAYS, u64::MAX))?;
        // The name is its own, so that clients that trust several servers never take one CA for
        // another.
        let name = format!("Headwater CA {}", hex(&random::bytes::<4>()));
        params.distinguished_name = name_of(&[(DnType::OrganizationName, "Headwater"), (DnType::CommonName, &name)]);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(CredentialsError::certificate("cannot make the CA"))?;
        let name = Path::new("the new CA");
        Self::of_pem((name, &certificate.pem()), (name, &key.serialize_pem()))
    }

    /// Of the texts of two files, whose paths are for errors: certificates, its own first, and a
    /// private key.
    pub(crate) fn of_pem(certificate: (&Path, &str), key: (&Path, &str)) -> Result<Self, CredentialsError> {
        let files =
            Files { key: key.1.to_owned(), key_is_old: false, pem: certificate.1.to_owned(), pem_is_old: false };
        files.parse(certificate.0, key.0)
    }

    /// Puts it where [`Authority::open`] looks for it, in place of another. Between the two files a
    /// crash leaves what does not belong together: for whoever does it again.
    pub(crate) fn put(&self, directory: &Path) -> Result<(), CredentialsError> {
        disk::write_sealed(&directory.join(KEY), &self.key_pem)?;
        disk::write_sealed(&directory.join(CERTIFICATE), &self.pem)
    }

    /// Reads the one that is there; seals its files where they are of format 1.
    pub(crate) fn open(directory: &Path, format: DirectoryFormat, now_ms: u64) -> Result<Self, CredentialsError> {
        let found = Files::read(directory, format)?;
        let authority = found.parse_in(directory)?;
        if now_ms.saturating_add(365 * DAY_MS) > authority.ends_ms {
            let path = directory.join(CERTIFICATE);
            tracing::warn!(path = %path.display(), "the certificate authority ends within a year; see docs/operating/credentials.md");
        }
        for (name, is_old, text) in [(KEY, found.key_is_old, &found.key), (CERTIFICATE, found.pem_is_old, &found.pem)] {
            if is_old {
                disk::write_sealed(&directory.join(name), text)?;
            }
        }
        Ok(authority)
    }

    /// Reads the one that is there and changes nothing.
    pub(crate) fn look(directory: &Path, format: DirectoryFormat) -> Result<Self, CredentialsError> {
        Files::read(directory, format)?.parse_in(directory)
    }

    /// When its certificate ends, ms since the epoch.
    pub(crate) fn ends_ms(&self) -> u64 {
        self.ends_ms
    }

    /// What no other authority has.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The CA's certificate, PEM, and those above it.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Its private key, PKCS#8 PEM.
    pub(crate) fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// The CA's certificate, DER.
    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        &self.chain[0]
    }

    /// The same, and those above it.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// What is sent with a certificate that it signed: all of the chain but a root, which whoever
    /// trusts it has.
    pub(crate) fn sent_chain(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.chain.iter().filter(|certificate| {
            X509Certificate::from_der(certificate).is_ok_and(|(_, read)| read.subject() != read.issuer())
        })
    }

    /// Its subject, as in `O=Headwater, CN=Headwater CA 1a2b3c4d`.
    pub(crate) fn subject(&self) -> String {
        X509Certificate::from_der(self.der()).map_or_else(|_| String::new(), |(_, read)| read.subject().to_string())
    }

    /// Whether a certificate says that this authority signed it: by its name, and by its key where both
    /// certificates name that (RFC 5280 section 4.2.1.1). An authority may have the name of another.
    pub(crate) fn is_issuer_of(&self, certificate: &X509Certificate<'_>) -> bool {
        let Ok((_, own)) = X509Certificate::from_der(self.der()) else { return false };
        let named = certificate.extensions().iter().find_map(|it| match it.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(issuer) => issuer.key_identifier.as_ref().map(|id| id.0),
            _ => None,
        });
        let key = own.extensions().iter().find_map(|it| match it.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
            _ => None,
        });
        let is_other_key = named.zip(key).is_some_and(|(named, key)| named != key);
        certificate.issuer().as_raw() == own.subject().as_raw() && !is_other_key
    }

    /// A server certificate for these DNS names and addresses.
    pub(crate) fn issue_server(&self, names: &[String], now_ms: u64) -> Result<Issued, CredentialsError> {
        let mut params = params(Validity::new(now_ms, SERVER_CERTIFICATE_DAYS, self.ends_ms))?;
        let subject_alt_names = CertificateParams::new(names)
            .map_err(CredentialsError::certificate("cannot name the server"))?
            .subject_alt_names;
        params.subject_alt_names = subject_alt_names;
        params.distinguished_name =
            name_of(&[(DnType::OrganizationName, "Headwater"), (DnType::CommonName, "Headwater server")]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(params, now_ms)
    }

    /// A user certificate: `CN=user, O=app`.
    pub(crate) fn issue_user(&self, app: &str, user: &str, now_ms: u64) -> Result<Issued, CredentialsError> {
        let mut params = params(Validity::new(now_ms, USER_CERTIFICATE_DAYS, self.ends_ms))?;
        params.distinguished_name = name_of(&[(DnType::OrganizationName, app), (DnType::CommonName, user)]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params, now_ms)
    }

    fn issue(&self, mut params: CertificateParams, now_ms: u64) -> Result<Issued, CredentialsError> {
        let act = "cannot issue a certificate";
        if params.not_after <= instant(now_ms)? {
            return Err(CredentialsError::Certificate {
                act,
                message: "the certificate authority has ended".to_owned(),
            });
        }
        let (key, serial) = (new_key()?, random::serial());
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(CredentialsError::certificate(act))?;
        Ok(Issued {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            key_pem: key.serialize_pem(),
            key_der: key.serialize_der(),
            serial,
            expires_ms: milliseconds(params.not_after.unix_timestamp()),
        })
    }
}

/// Bytes as lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// When a certificate ends, milliseconds since the epoch.
pub(crate) fn ends_ms(certificate: &X509Certificate<'_>) -> u64 {
    milliseconds(certificate.validity().not_after.timestamp())
}

impl Files {
    fn read(directory: &Path, format: DirectoryFormat) -> Result<Self, CredentialsError> {
        let required = |name| {
            let path = directory.join(name);
            match disk::read_sealed(&path, format)? {
                Kept::Current(text) => Ok((text, false)),
                Kept::Old(text) => Ok((text, true)),
                Kept::Missing => {
                    Err(CredentialsError::file(&path, "it is missing, though the certificate authority exists"))
                }
            }
        };
        let ((pem, pem_is_old), (key, key_is_old)) = (required(CERTIFICATE)?, required(KEY)?);
        Ok(Self { key, key_is_old, pem, pem_is_old })
    }

    fn parse_in(&self, directory: &Path) -> Result<Authority, CredentialsError> {
        self.parse(&directory.join(CERTIFICATE), &directory.join(KEY))
    }

    fn parse(&self, pem_path: &Path, key_path: &Path) -> Result<Authority, CredentialsError> {
        let key = KeyPair::from_pem(&self.key)
            .map_err(|error| CredentialsError::file(key_path, format!("it is no private key: {error}")))?;
        let wrong = |why: &dyn ToString| CredentialsError::file(pem_path, why.to_string());
        let chain = CertificateDer::pem_slice_iter(self.pem.as_bytes()).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| wrong(&error))?;
        let Some(der) = chain.first() else { return Err(wrong(&"there is no certificate in PEM in it")) };
        let (_, certificate) = X509Certificate::from_der(der).map_err(|error| wrong(&error))?;
        if !certificate.is_ca() {
            return Err(wrong(&"it is not the certificate of a CA"));
        }
        if certificate.public_key().raw != key.subject_public_key_info() {
            let name = pem_path.file_name().unwrap_or_default().display();
            return Err(CredentialsError::file(key_path, format!("it is not the key of {name}")));
        }
        check_chain(&chain).map_err(|error| wrong(&error))?;
        RootCertStore::empty().add(der.clone()).map_err(|error| wrong(&error))?;
        let (id, ends_ms) = (id_of(&key.subject_public_key_info()), ends_ms(&certificate));
        let key_pem = self.key.clone();
        let issuer = Issuer::from_ca_cert_der(der, key).map_err(|error| wrong(&error))?;
        Ok(Authority { issuer, pem: self.pem.clone(), key_pem, chain, id, ends_ms })
    }
}

/// Each is signed by the next, and the last, a root, by itself: clients of OpenSSL trust nothing less.
/// Version 1 had no checksum: the signature is the one that a certificate has of itself, and is looked
/// at before it is sealed.
fn check_chain(chain: &[CertificateDer<'_>]) -> Result<(), String> {
    let read = |der| X509Certificate::from_der(der).map(|(_, read)| read).map_err(|error| error.to_string());
    for (n, der) in chain.iter().enumerate() {
        let certificate = read(der)?;
        match chain.get(n + 1) {
            Some(above) if certificate.verify_signature(Some(read(above)?.public_key())).is_err() => {
                return Err(format!("its certificate {} is not signed by the one that follows", n + 1));
            }
            None if certificate.issuer() != certificate.subject() => {
                return Err(format!(
                    "its certificates do not go up to a root: that of {} has to follow",
                    certificate.issuer()
                ));
            }
            None if certificate.verify_signature(None).is_err() => {
                return Err("it is damaged: its signature is not its own".to_owned());
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

fn id_of(public_key: &[u8]) -> String {
    disk::fingerprint(public_key)
}

struct Validity {
    from_ms: u64,
    to_ms: u64,
}

impl Validity {
    fn new(now_ms: u64, days: u64, latest_ms: u64) -> Self {
        let to_ms = now_ms.saturating_add(days * DAY_MS).min(latest_ms);
        Self { from_ms: now_ms.saturating_sub(BACKDATED_MS), to_ms }
    }
}

fn params(validity: Validity) -> Result<CertificateParams, CredentialsError> {
    let mut params = CertificateParams::default();
    params.not_before = instant(validity.from_ms)?;
    params.not_after = instant(validity.to_ms)?;
    Ok(params)
}

/// In whole seconds, as certificates have it.
fn instant(ms: u64) -> Result<OffsetDateTime, CredentialsError> {
    let seconds = i64::try_from(ms / 1_000).expect("a thousandth of a u64 fits");
    OffsetDateTime::from_unix_timestamp(seconds).map_err(CredentialsError::certificate("cannot date a certificate"))
}

fn milliseconds(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000)
}

fn name_of(parts: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (kind, value) in parts {
        name.push(kind.clone(), *value);
    }
    name
}

fn new_key() -> Result<KeyPair, CredentialsError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CredentialsError::certificate("cannot make a key"))
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("ends_ms", &self.ends_ms).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    const NOW_MS: u64 = 1_760_000_000_000;

    fn create(directory: &Path) -> Authority {
        Authority::create(directory, NOW_MS, |_| Ok(())).unwrap().0
    }

    #[test]
    fn the_same_authority_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        assert!(!Authority::exists(directory.path()).unwrap());
        let made = create(directory.path());
        assert!(Authority::exists(directory.path()).unwrap());
        let again = Authority::open(directory.path(), DirectoryFormat::Sealed, NOW_MS).unwrap();
        assert_eq!((made.pem(), made.id()), (again.pem(), again.id()));
        assert_eq!(made.ends_ms, NOW_MS + 3_650 * DAY_MS);
        assert_eq!(fs::metadata(directory.path().join("ca.key")).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_user_certificate_says_who_and_for_how_long() {
        let directory = tempfile::tempdir().unwrap();
        let authority = create(directory.path());
        let issued = authority.issue_user("shop", "ann", NOW_MS + 999).unwrap();
        assert_eq!(issued.expires_ms, NOW_MS + 730 * DAY_MS);
        let (_, certificate) = X509Certificate::from_der(&issued.der).unwrap();
        assert_eq!(certificate.subject().to_string(), "O=shop, CN=ann");
        assert_eq!(certificate.raw_serial(), issued.serial);
        let usage = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth);
    }

    #[test]
    fn nothing_outlives_the_authority() {
        let directory = tempfile::tempdir().unwrap();
        let authority = create(directory.path());
        let late = authority.issue_user("shop", "ann", authority.ends_ms - DAY_MS).unwrap();
        assert_eq!(late.expires_ms, authority.ends_ms);
        let error = authority.issue_user("shop", "ann", authority.ends_ms).err().unwrap().to_string();
        assert_eq!(error, "cannot issue a certificate: the certificate authority has ended");
    }

    #[test]
    fn whoever_has_a_clock_that_is_a_day_late_takes_them_all() {
        let directory = tempfile::tempdir().unwrap();
        let authority = create(directory.path());
        let server = authority.issue_server(&["localhost".to_owned()], NOW_MS).unwrap();
        let user = authority.issue_user("shop", "ann", NOW_MS).unwrap();
        for certificate in [authority.der(), &server.der, &user.der] {
            let (_, certificate) = X509Certificate::from_der(certificate).unwrap();
            let validity = certificate.validity();
            assert_eq!(validity.not_before.timestamp() as u64, (NOW_MS - DAY_MS) / 1_000);
            // What Apple's platforms take of a server.
            let days = (validity.not_after.timestamp() - validity.not_before.timestamp()) / 86_400;
            assert!(certificate.is_ca() || days <= 825, "{days}");
        }
    }

    #[test]
    fn wrong_files_are_named() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        create(other.path());
        let refused = |file: &str, contents: Option<Vec<u8>>| {
            create(one.path());
            match contents {
                Some(contents) => fs::write(one.path().join(file), contents).unwrap(),
                None => fs::remove_file(one.path().join(file)).unwrap(),
            }
            let error = Authority::open(one.path(), DirectoryFormat::Unmarked, NOW_MS).unwrap_err().to_string();
            assert!(error.contains(file), "{error}");
            error
        };
        assert!(refused("ca.key", None).ends_with("it is missing, though the certificate authority exists"));
        assert!(refused("ca.key", Some(b"nonsense".to_vec())).contains("it is no private key"));
        assert!(
            refused("ca.key", Some(fs::read(other.path().join("ca.key")).unwrap()))
                .ends_with("it is not the key of ca.pem")
        );
        refused("ca.pem", Some(b"nonsense".to_vec()));
        refused("ca.pem", Some(vec![0xff]));
    }
}
