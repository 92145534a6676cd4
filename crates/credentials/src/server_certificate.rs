//! The server's own certificate: for the Kafka endpoint and for HTTPS, renewed while connections go on.
//!
//! ```text
//! authority/server.pem   certificate and private key (PKCS#8) in one sealed file, so that they always belong together
//! ```
//! Invariants: it names exactly `localhost`, the loopback addresses and every name asked for since the start; whoever
//! resolves it after a renewal gets the new one, in every TLS configuration that was made of it.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwapOption;
use files::DirectoryFormat;
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::{
    CredentialsError,
    authority::{self, Authority, Issued, hex},
    disk::{self, Kept},
    limits::{DAY_MS, RENEWAL_DAYS},
    tls,
};

/// See the module. As a resolver it gives the live certificate whatever name the client asks for: Java clients send
/// none for `localhost`.
#[derive(Debug)]
pub(crate) struct ServerCertificate {
    path: PathBuf,
    names: Mutex<BTreeSet<String>>,
    live: ArcSwapOption<Live>,
}

#[derive(Debug)]
struct Live {
    key: Arc<CertifiedKey>,
    names: BTreeSet<String>,
    serial: String,
    ends_ms: u64,
}

impl ServerCertificate {
    /// The certificate kept in the authority's directory, sealed where it is of format 1; none is made before
    /// [`ServerCertificate::ensure`].
    pub(crate) fn open(
        authority: &Authority,
        directory: &Path,
        format: DirectoryFormat,
    ) -> Result<Self, CredentialsError> {
        let path = directory.join(FILE);
        if let Some((_, Some(old))) = read(&path, authority, format)? {
            disk::write_sealed(&path, &old)?;
        }
        let always = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        Ok(Self { path, names: Mutex::new(always.into()), live: ArcSwapOption::empty() })
    }

    /// Whether there is a certificate, and none that cannot be used; changes nothing.
    pub(crate) fn look(
        authority: &Authority,
        directory: &Path,
        format: DirectoryFormat,
    ) -> Result<bool, CredentialsError> {
        Ok(read(&directory.join(FILE), authority, format)?.is_some())
    }

    /// When the live certificate ends, ms since the epoch; `None` before there is one.
    pub(crate) fn ends_ms(&self) -> Option<u64> {
        self.live.load().as_ref().map(|live| live.ends_ms)
    }

    /// The serial number of the live one, lower-case hex.
    pub(crate) fn serial(&self) -> Option<String> {
        self.live.load().as_ref().map(|live| live.serial.clone())
    }

    /// Makes the live certificate name these too; reads it, or has `authority` renew it, where it does not. Says
    /// whether it made a new one.
    pub(crate) fn ensure(
        &self,
        authority: &Authority,
        names: &[String],
        now_ms: u64,
    ) -> Result<bool, CredentialsError> {
        let names = names.iter().map(|name| canonical(name)).collect::<Result<Vec<_>, _>>()?;
        let mut wanted = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.extend(names);
        if self.live.load().as_ref().is_some_and(|live| live.is_good(&wanted, now_ms)) {
            return Ok(false);
        }
        if let Some((kept, _)) = read(&self.path, authority, DirectoryFormat::Sealed)?
            && kept.is_good(&wanted, now_ms)
        {
            self.live.store(Some(Arc::new(kept)));
            return Ok(false);
        }
        self.make(authority, &wanted, now_ms)?;
        Ok(true)
    }

    /// Has `authority` make another one for the same names, whatever the present one is. It is the live one from the
    /// next handshake on.
    pub(crate) fn renew(&self, authority: &Authority, now_ms: u64) -> Result<(), CredentialsError> {
        let wanted = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        self.make(authority, &wanted, now_ms)
    }

    fn make(&self, authority: &Authority, names: &BTreeSet<String>, now_ms: u64) -> Result<(), CredentialsError> {
        let issued = authority.issue_server(&Vec::from_iter(names.iter().cloned()), now_ms)?;
        disk::write_sealed(&self.path, &(issued.pem.clone() + &issued.key_pem))?;
        tracing::info!(?names, serial = hex(&issued.serial), "made a server certificate");
        self.live.store(Some(Arc::new(Live::new(issued, authority, names.clone())?)));
        Ok(())
    }
}

/// The file's name.
pub(crate) const FILE: &str = "server.pem";

/// The certificate in the file at `path`, and its text if that is of format 1.
fn read(
    path: &Path,
    authority: &Authority,
    format: DirectoryFormat,
) -> Result<Option<(Live, Option<String>)>, CredentialsError> {
    let remedy =
        |message: String| CredentialsError::file(path, message + "; without the file, the server makes another");
    let kept = disk::read_sealed(path, format).map_err(|error| match error {
        CredentialsError::File { message, .. } => remedy(message),
        other => other,
    })?;
    let (text, is_old) = match kept {
        Kept::Missing => return Ok(None),
        Kept::Current(text) => (text, false),
        Kept::Old(text) => (text, true),
    };
    let live = parse(&text, authority).map_err(remedy)?;
    Ok(Some((live, is_old.then_some(text))))
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.live.load().as_ref().map(|live| live.key.clone())
    }
}

impl Live {
    fn new(issued: Issued, authority: &Authority, names: BTreeSet<String>) -> Result<Self, CredentialsError> {
        let (key, serial) = (PrivateKeyDer::Pkcs8(issued.key_der.into()), hex(&issued.serial));
        let key = tls::certified_key(chain(issued.der, authority), key)
            .map_err(CredentialsError::certificate("cannot use the server's certificate"))?;
        Ok(Self { key, names, serial, ends_ms: issued.expires_ms })
    }

    fn is_good(&self, names: &BTreeSet<String>, now_ms: u64) -> bool {
        self.names == *names && now_ms.saturating_add(RENEWAL_DAYS * DAY_MS) < self.ends_ms
    }
}

/// What is shown to clients.
fn chain(own: CertificateDer<'static>, authority: &Authority) -> Vec<CertificateDer<'static>> {
    std::iter::once(own).chain(authority.sent_chain().cloned()).collect()
}

fn parse(text: &str, authority: &Authority) -> Result<Live, String> {
    let der = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|error| format!("its certificate: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| format!("its private key: {error}"))?;
    let (names, serial, ends_ms) = {
        let parsed = X509Certificate::from_der(&der).map_err(|error| format!("its certificate: {error}"));
        let (_, certificate) = parsed?;
        if !authority.is_issuer_of(&certificate) {
            return Err("its certificate is of another authority".to_owned());
        }
        let serial = certificate.raw_serial();
        let serial = hex(serial.strip_prefix(&[0]).unwrap_or(serial));
        (names_of(&certificate), serial, authority::ends_ms(&certificate))
    };
    let key = tls::certified_key(chain(der, authority), key).map_err(|error| error.to_string())?;
    Ok(Live { key, names, serial, ends_ms })
}

fn names_of(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return BTreeSet::new() };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// One way to write each name: an address as it prints, a DNS name in lower case.
fn canonical(name: &str) -> Result<String, CredentialsError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    match ServerName::try_from(name) {
        Ok(ServerName::DnsName(_)) => Ok(name.to_ascii_lowercase()),
        _ => Err(CredentialsError::bad_name(format!(
            "a server certificate cannot name {name:?}: it is no DNS name or IP address"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const NOW_MS: u64 = 1_760_000_000_000;

    struct Fixture {
        directory: tempfile::TempDir,
        authority: Authority,
    }

    impl Fixture {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let (authority, ()) = Authority::create(directory.path(), NOW_MS, |_| Ok(())).unwrap();
            Self { directory, authority }
        }

        fn open(&self) -> Result<ServerCertificate, CredentialsError> {
            ServerCertificate::open(&self.authority, self.directory.path(), DirectoryFormat::Unmarked)
        }

        fn start(&self) -> ServerCertificate {
            self.open().unwrap()
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn it_is_kept_while_names_and_time_allow() {
        let fixture = Fixture::new();
        let asked = names(&["DB.example.com", "10.0.0.7", "localhost"]);
        assert!(fixture.start().ensure(&fixture.authority, &asked, NOW_MS).unwrap());

        let again = fixture.start();
        assert!(!again.ensure(&fixture.authority, &asked, NOW_MS + 700 * DAY_MS).unwrap());
        let live = again.live.load_full().unwrap();
        assert_eq!(Vec::from_iter(&live.names), ["10.0.0.7", "127.0.0.1", "::1", "db.example.com", "localhost"]);

        assert!(again.ensure(&fixture.authority, &asked, NOW_MS + 800 * DAY_MS).unwrap(), "fewer than 30 days remain");
        assert!(fixture.start().ensure(&fixture.authority, &names(&["other"]), NOW_MS + 800 * DAY_MS).unwrap());
        assert!(
            fixture.start().ensure(&fixture.authority, &[], NOW_MS + 800 * DAY_MS).unwrap(),
            "a name that is gone is not certified on"
        );
    }

    #[test]
    fn one_process_may_ask_for_names_one_after_the_other() {
        let fixture = Fixture::new();
        let certificate = fixture.start();
        assert!(certificate.ensure(&fixture.authority, &names(&["a"]), NOW_MS).unwrap());
        assert!(certificate.ensure(&fixture.authority, &names(&["b"]), NOW_MS).unwrap());
        assert!(!certificate.ensure(&fixture.authority, &names(&["a"]), NOW_MS).unwrap());
    }

    #[test]
    fn a_wrong_file_is_named_and_not_replaced() {
        let (fixture, other) = (Fixture::new(), Fixture::new());
        other.start().ensure(&other.authority, &[], NOW_MS).unwrap();
        let path = fixture.directory.path().join("server.pem");
        for contents in [b"nonsense".to_vec(), fs::read(other.directory.path().join("server.pem")).unwrap()] {
            fs::write(&path, &contents).unwrap();
            let error = fixture.open().unwrap_err().to_string();
            assert!(error.contains("server.pem cannot be used: its certificate"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), contents);
        }
    }

    #[test]
    fn names_that_cannot_be_certified_are_refused() {
        let fixture = Fixture::new();
        for name in ["", "a b", "*", "host:9093", "[::1]"] {
            let error = fixture.start().ensure(&fixture.authority, &names(&[name]), NOW_MS).unwrap_err();
            assert!(matches!(error, CredentialsError::BadName { .. }), "{name:?}: {error}");
        }
    }
}
