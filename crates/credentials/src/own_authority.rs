//! A certificate authority that somebody brings along: two PEM files, of a company's own authority for
//! example.
//!
//! Invariants: what is not a CA that may sign users and servers here, today and for a while, is
//! refused, with what is wrong and what to do. The files are read once; what is kept is a copy.
//! Not here: a certificate authority whose key stays elsewhere, which this server cannot use.

use std::path::Path;

use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};

use crate::{
    CredentialsError,
    authority::{Authority, ends_ms},
    disk,
    limits::{DAY_MS, RENEWAL_DAYS},
};

/// Longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Reads and checks both files.
pub(crate) fn read(certificate: &Path, key: &Path, now_ms: u64) -> Result<Authority, CredentialsError> {
    let (certificate_text, key_text) = (text(certificate)?, text(key)?);
    let chain = blocks(&certificate_text, |label| label == "CERTIFICATE");
    if chain.is_empty() {
        return Err(CredentialsError::file(certificate, "there is no certificate in PEM in it"));
    }
    let key_block = private_key(&key_text).map_err(|why| CredentialsError::file(key, why))?;
    let authority = Authority::of_pem((certificate, &chain), (key, &key_block)).map_err(|error| match error {
        CredentialsError::File { path, message } if path == key && message.starts_with("it is no private key") => {
            CredentialsError::file(
                &path,
                message + "; ECDSA P-256 and P-384, Ed25519, and RSA of 2048 bits or more are taken",
            )
        }
        other => other,
    })?;
    check(&authority, now_ms).map_err(|why| CredentialsError::file(certificate, why))?;
    Ok(authority)
}

fn text(path: &Path) -> Result<String, CredentialsError> {
    let length = std::fs::metadata(path).map_err(CredentialsError::io("cannot read", path))?.len();
    if length > FILE_BYTES_MAX {
        return Err(CredentialsError::file(path, format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    disk::read_text(path)?.ok_or_else(|| CredentialsError::file(path, "it is missing"))
}

/// The blocks of PEM whose label is wanted, without whatever stands between them.
fn blocks(text: &str, is_wanted: impl Fn(&str) -> bool) -> String {
    let mut taken = String::new();
    let mut inside = false;
    for line in text.lines().map(str::trim_end) {
        let label = |start: &str| line.strip_prefix(start).and_then(|rest| rest.strip_suffix("-----"));
        inside |= label("-----BEGIN ").is_some_and(&is_wanted);
        if inside {
            taken.push_str(line);
            taken.push('\n');
        }
        inside &= label("-----END ").is_none();
    }
    taken
}

fn private_key(text: &str) -> Result<String, &'static str> {
    let key = blocks(text, |label| label == "PRIVATE KEY");
    if !key.is_empty() {
        return Ok(key);
    }
    let other = blocks(text, |label| label.ends_with("PRIVATE KEY"));
    Err(if other.contains("ENCRYPTED") {
        "its private key is encrypted; without a passphrase it can be read, as \"openssl pkcs8 -topk8 -nocrypt\" writes it"
    } else if other.is_empty() {
        "there is no private key in PEM in it"
    } else {
        "its private key is not PKCS#8 (\"BEGIN PRIVATE KEY\"); \"openssl pkcs8 -topk8 -nocrypt\" writes it so"
    })
}

fn check(authority: &Authority, now_ms: u64) -> Result<(), String> {
    let (_, certificate) = X509Certificate::from_der(authority.der()).map_err(|error| error.to_string())?;
    let usage = certificate.key_usage().map_err(|error| error.to_string())?;
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Err("its key usage does not let it sign certificates (keyCertSign)".to_owned());
    }
    if let Ok(Some(usage)) = certificate.extended_key_usage()
        && !(usage.value.any || (usage.value.client_auth && usage.value.server_auth))
    {
        return Err("its extended key usage does not cover both servers and clients".to_owned());
    }
    let constrained =
        certificate.extensions().iter().any(|it| matches!(it.parsed_extension(), ParsedExtension::NameConstraints(_)));
    if constrained {
        return Err("it has name constraints, which users (CN, O) and this server's names may not meet".to_owned());
    }
    let starts_ms = u64::try_from(certificate.validity().not_before.timestamp()).unwrap_or(0).saturating_mul(1000);
    if starts_ms > now_ms {
        return Err(format!("it is not valid yet: only from {}", certificate.validity().not_before));
    }
    let left_ms = ends_ms(&certificate).saturating_sub(now_ms);
    if left_ms == 0 {
        return Err(format!("it has expired: it was valid until {}", certificate.validity().not_after));
    }
    if left_ms < RENEWAL_DAYS * DAY_MS {
        return Err(format!(
            "it ends within {RENEWAL_DAYS} days, at {}, and with it whatever it signs",
            certificate.validity().not_after
        ));
    }
    Ok(())
}
