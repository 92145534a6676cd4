//! The two PKCS12 files: with the algorithms that JDK 17's own keytool writes (PBES2 with AES-256-CBC and
//! HMAC-SHA256, 10,000 rounds).
//!
//! A truststore entry carries Java's trusted-key-usage attribute (2.16.840.1.113894.746875.1.1): without it, Java
//! sees an empty store.

use std::path::Path;

use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, Pkcs12ImportPolicy, PrivateKey,
    PrivateKeyChain, error::Error,
};
use rustls::pki_types::CertificateDer;

use crate::{
    CredentialsError,
    authority::{Authority, Issued},
};

/// The certificates of CAs as trusted entries.
pub(super) fn truststore<'a>(
    trusted: impl Iterator<Item = &'a CertificateDer<'static>>,
    password: &str,
) -> Result<Vec<u8>, CredentialsError> {
    let alias = |n: usize| if n == 0 { "cluster-ca".to_owned() } else { format!("cluster-ca-{}", n + 1) };
    let entries = trusted.enumerate().map(|(n, ca)| {
        Certificate::from_der(ca).map(|certificate| (alias(n), KeyStoreEntry::Certificate(certificate)))
    });
    write(entries, password).map_err(CredentialsError::certificate("cannot make cluster.p12"))
}

/// A user's private key with its chain.
pub(super) fn keystore(
    user: &str,
    issued: &Issued,
    authority: &Authority,
    password: &str,
) -> Result<Vec<u8>, CredentialsError> {
    let entry = chain(issued, authority).map(|chain| (user.to_owned(), chain));
    write(std::iter::once(entry), password).map_err(CredentialsError::certificate("cannot make user.p12"))
}

/// Whether a file opens with its password, as a consumer opens it, and holds anything.
pub(super) fn check(path: &Path, contents: &[u8], password: &str) -> Result<(), CredentialsError> {
    let opened = KeyStore::from_pkcs12(contents, password, Pkcs12ImportPolicy::Strict)
        .map_err(|error| CredentialsError::file(path, format!("it does not open with its password: {error}")))?;
    if opened.entries_len() == 0 { Err(CredentialsError::file(path, "there is nothing in it")) } else { Ok(()) }
}

fn chain(issued: &Issued, authority: &Authority) -> Result<KeyStoreEntry, Error> {
    let certificates = std::iter::once(&issued.der).chain(authority.chain());
    let certificates = certificates.map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKey::from_der(&issued.key_der)?;
    Ok(KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(issued.serial.to_vec(), key, certificates)))
}

fn write(
    entries: impl Iterator<Item = Result<(String, KeyStoreEntry), Error>>,
    password: &str,
) -> Result<Vec<u8>, Error> {
    let mut store = KeyStore::new();
    for entry in entries {
        let (alias, entry) = entry?;
        store.add_entry(&alias, entry);
    }
    store
        .writer(password)
        .encryption_algorithm(EncryptionAlgorithm::PbeWithHmacSha256AndAes256)
        .mac_algorithm(MacAlgorithm::HmacSha256)
        .write()
}
