//! The two PKCS12 files: with the algorithms that JDK 17's own keytool writes (PBES2 with AES-256-CBC and HMAC-SHA256, 10,000 rounds).
//!
//! A truststore entry carries Java's trusted-key-usage attribute (2.16.840.1.113894.746875.1.1): without it, Java sees an empty store.

use std::path::Path;

use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, Pkcs12ImportPolicy, PrivateKey,
    PrivateKeyChain, error::Error,
};
use rustls::pki_types::CertificateDer;

use crate::{CredentialsError, authority::Issued};

/// The CA's certificate as a trusted entry.
pub(super) fn truststore(ca: &CertificateDer<'_>, password: &str) -> Result<Vec<u8>, CredentialsError> {
    let entry = Certificate::from_der(ca).map(KeyStoreEntry::Certificate);
    write("cluster-ca", entry, password).map_err(CredentialsError::certificate("cannot make cluster.p12"))
}

/// A user's private key with its chain.
pub(super) fn keystore(
    user: &str,
    issued: &Issued,
    ca: &CertificateDer<'_>,
    password: &str,
) -> Result<Vec<u8>, CredentialsError> {
    write(user, chain(issued, ca), password).map_err(CredentialsError::certificate("cannot make user.p12"))
}

/// Whether a file opens with its password, as a consumer opens it, and holds anything.
pub(super) fn check(path: &Path, contents: &[u8], password: &str) -> Result<(), CredentialsError> {
    let opened = KeyStore::from_pkcs12(contents, password, Pkcs12ImportPolicy::Strict)
        .map_err(|error| CredentialsError::file(path, format!("it does not open with its password: {error}")))?;
    if opened.entries_len() == 0 { Err(CredentialsError::file(path, "there is nothing in it")) } else { Ok(()) }
}

fn chain(issued: &Issued, ca: &CertificateDer<'_>) -> Result<KeyStoreEntry, Error> {
    let certificates = [Certificate::from_der(&issued.der)?, Certificate::from_der(ca)?];
    let key = PrivateKey::from_der(&issued.key_der)?;
    Ok(KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(issued.serial.to_vec(), key, certificates)))
}

fn write(alias: &str, entry: Result<KeyStoreEntry, Error>, password: &str) -> Result<Vec<u8>, Error> {
    let mut store = KeyStore::new();
    store.add_entry(alias, entry?);
    store
        .writer(password)
        .encryption_algorithm(EncryptionAlgorithm::PbeWithHmacSha256AndAes256)
        .mac_algorithm(MacAlgorithm::HmacSha256)
        .write()
}
