//! User certificates: `CN=user, O=app`, and a serial that revocation uses.
//!
//! Invariants: every certificate ever issued is in the register (`authority/users.json`), before anyone has its key;
//! revoked is for good. The register is that of one authority, and knows what the files were that were handed out
//! with a certificate. Not here: making certificates (`authority`), refusing them (`client_verifier`).

use std::{collections::BTreeMap, path::Path};

use files::DirectoryFormat;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use x509_parser::prelude::{AttributeTypeAndValue, FromDer as _, X509Certificate};

use crate::{
    CredentialsError,
    authority::hex,
    ledger::{self, Entries, Entry, Ledger, Live},
};

/// A user certificate as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserCertificate {
    /// The app it opens (O).
    pub app: String,
    /// The user (CN).
    pub user: String,
    /// The serial number, lower-case hex.
    pub serial: String,
    /// When it was issued, ms since the epoch.
    pub issued_ms: u64,
    /// When it ends, ms since the epoch.
    pub expires_ms: u64,
    /// When it was revoked, ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_ms: Option<u64>,
    /// The live queries that it opens, by name, of those that have a permission; `None`: all of the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_queries: Option<Vec<String>>,
}

/// What a client certificate says of its holder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientPrincipal {
    /// The app (O).
    pub app: String,
    /// The user (CN).
    pub user: String,
    /// The serial number, lower-case hex.
    pub serial: String,
}

/// Why a certificate names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the client certificate {message}")]
pub struct PrincipalError {
    /// What is wrong with it.
    pub message: String,
}

impl ClientPrincipal {
    /// Reads subject and serial of a DER certificate (which the handshake has already checked). Exactly one O and one
    /// CN, and a positive serial, or it names nobody.
    pub fn from_der(certificate: &[u8]) -> Result<Self, PrincipalError> {
        let wrong = |message: &str| PrincipalError { message: message.to_owned() };
        let (rest, certificate) =
            X509Certificate::from_der(certificate).map_err(|_| wrong("is not an X.509 certificate"))?;
        if !rest.is_empty() {
            return Err(wrong("has bytes behind its end"));
        }
        let subject = certificate.subject();
        let app = only(subject.iter_organization()).ok_or_else(|| wrong("does not name one app (O)"))?;
        let user = only(subject.iter_common_name()).ok_or_else(|| wrong("does not name one user (CN)"))?;
        let serial = certificate.raw_serial();
        if serial.first().is_none_or(|&first| first >= 0x80) {
            return Err(wrong("has a serial number that is not positive"));
        }
        // DER puts a zero before a topmost bit; the number is the same without it.
        Ok(Self { app, user, serial: hex(serial.strip_prefix(&[0]).unwrap_or(serial)) })
    }
}

fn only<'a>(mut values: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> Option<String> {
    let value = values.next()?.as_str().ok()?.to_owned();
    values.next().is_none().then_some(value)
}

/// A certificate as the register keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registered {
    pub(crate) certificate: UserCertificate,
    /// `None` where format 1 did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) files: Option<HandedOut>,
    /// The id of the authority that signed it, where that is not the register's own: of the next one
    /// during a rotation, of a former one after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authority: Option<String>,
}

/// What was handed out with a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HandedOut {
    /// The fingerprint of each file that never changes, by its name.
    pub(crate) files: BTreeMap<String, String>,
    /// The fingerprint of the passwords.
    pub(crate) passwords: String,
}

/// Whose register it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterHead {
    /// The id of the authority in force.
    pub(crate) authority: String,
}

impl Entry for Registered {
    type Head = RegisterHead;
    type Old = UserCertificate;

    fn id(&self) -> &str {
        &self.certificate.serial
    }
}

impl From<UserCertificate> for Registered {
    fn from(certificate: UserCertificate) -> Self {
        Self { certificate, files: None, authority: None }
    }
}

/// What `users.json` holds.
pub(crate) type RegisterContents = ledger::Contents<Registered>;

/// How a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Issued, and not revoked.
    Good,
    /// Issued, and revoked.
    Revoked,
    /// Never issued, as far as the register knows.
    Unknown,
}

/// Every user certificate ever issued.
#[derive(Debug)]
pub(crate) struct Register {
    ledger: Ledger<Registered>,
    revocations: watch::Sender<u64>,
}

impl Register {
    /// Reads `users.json`; `None` if it is missing. Changes nothing.
    pub(crate) fn look(path: &Path, format: DirectoryFormat) -> Result<Option<RegisterContents>, CredentialsError> {
        ledger::read(path, format)
    }

    /// Writes an empty `users.json`.
    pub(crate) fn create(path: &Path, authority: &str) -> Result<Self, CredentialsError> {
        let register = Self::new(path, authority, Entries::new());
        register.ledger.write()?;
        Ok(register)
    }

    /// Takes what was read, of this authority. What was of format 1 is written again, with what `recorded` says of
    /// files that were handed out, by serial.
    pub(crate) fn open(
        path: &Path,
        authority: &str,
        found: RegisterContents,
        recorded: impl FnOnce() -> Vec<(String, HandedOut)>,
    ) -> Result<Self, CredentialsError> {
        check_authority(path, authority, &found)?;
        let mut entries = found.entries;
        if found.head.is_some() {
            return Ok(Self::new(path, authority, entries));
        }
        for (serial, files) in recorded() {
            if let Some(entry) = entries.get_mut(&serial) {
                entry.files = Some(files);
            }
        }
        let register = Self::new(path, authority, entries);
        register.ledger.write()?;
        Ok(register)
    }

    fn new(path: &Path, authority: &str, entries: Entries<Registered>) -> Self {
        let head = RegisterHead { authority: authority.to_owned() };
        Self { ledger: Ledger::new(path, head, entries), revocations: watch::Sender::new(0) }
    }

    /// Takes in a certificate that is about to be handed out, if `check` lets it.
    pub(crate) fn add(
        &self,
        registered: Registered,
        check: impl FnOnce(&Entries<Registered>) -> Result<(), CredentialsError>,
    ) -> Result<(), CredentialsError> {
        self.ledger.change(|Live { entries, .. }| {
            check(entries)?;
            entries.insert(registered.id().to_owned(), registered);
            Ok(())
        })
    }

    /// The id of the authority that it is the register of.
    pub(crate) fn authority(&self) -> String {
        self.ledger.live().head.authority.clone()
    }

    /// All of it at this moment.
    pub(crate) fn entries(&self) -> Entries<Registered> {
        self.ledger.live().entries.clone()
    }

    /// Sorted by app, user, and when they were issued.
    pub(crate) fn list(&self, app: Option<&str>) -> Vec<UserCertificate> {
        let live = self.ledger.live();
        let certificates = live.entries.values().map(|entry| &entry.certificate);
        let mut list: Vec<_> =
            certificates.filter(|certificate| app.is_none_or(|app| certificate.app == app)).cloned().collect();
        list.sort_by(|a, b| (&a.app, &a.user, a.issued_ms).cmp(&(&b.app, &b.user, b.issued_ms)));
        list
    }

    /// How the certificate of a serial stands.
    pub(crate) fn standing(&self, serial: &str) -> Standing {
        self.ledger.live().entries.get(serial).map_or(Standing::Unknown, |entry| standing(&entry.certificate))
    }

    /// How a certificate stands that names these; one that names others than the register does was not issued here.
    pub(crate) fn standing_of(&self, principal: &ClientPrincipal) -> Standing {
        standing_in(&self.ledger.live().entries, principal)
    }

    /// Whether a certificate was ever issued that names these, revoked or not.
    pub(crate) fn knows(&self, principal: &ClientPrincipal) -> bool {
        self.standing_of(principal) != Standing::Unknown
    }

    /// See [`UserCertificate::live_queries`]; nothing for one that is not in the register.
    pub(crate) fn live_queries_of(&self, principal: &ClientPrincipal) -> Option<Vec<String>> {
        match self.ledger.live().entries.get(&principal.serial) {
            Some(entry) => entry.certificate.live_queries.clone(),
            None => Some(Vec::new()),
        }
    }

    /// When the certificate of a serial ends; 0 if it is not in the register.
    pub(crate) fn expires_ms(&self, serial: &str) -> u64 {
        self.ledger.live().entries.get(serial).map_or(0, |entry| entry.certificate.expires_ms)
    }

    /// Revokes those that `which` picks and that are not revoked yet; gives them. They are refused at once, also
    /// where the register cannot be written: then it is an error all the same.
    pub(crate) fn revoke(
        &self,
        now_ms: u64,
        which: impl Fn(&UserCertificate) -> bool,
    ) -> Result<Vec<UserCertificate>, CredentialsError> {
        let (revoked, saved) = self.ledger.withdraw(|entries| {
            let all = entries.values_mut().map(|entry| &mut entry.certificate);
            let picked = all.filter(|certificate| certificate.revoked_ms.is_none() && which(certificate));
            let revoke = |entry: &mut UserCertificate| {
                entry.revoked_ms = Some(now_ms);
                entry.clone()
            };
            let revoked: Vec<_> = picked.map(revoke).collect();
            (!revoked.is_empty()).then_some(revoked)
        });
        let revoked = revoked.unwrap_or_default();
        for UserCertificate { app, user, serial, .. } in &revoked {
            tracing::info!(app, user, serial, "revoked a user certificate");
        }
        if !revoked.is_empty() {
            // Only now: who wakes finds them revoked.
            self.revocations.send_modify(|count| *count += 1);
        }
        saved.map(|()| revoked)
    }

    /// Makes it the register of the next authority, `to`; what others signed is revoked. Gives those
    /// that it revoked. First in the file: where that cannot be written nothing has changed. Done a
    /// second time it changes nothing.
    pub(crate) fn hand_over(&self, to: &str, now_ms: u64) -> Result<Vec<UserCertificate>, CredentialsError> {
        let mut revoked = Vec::new();
        self.ledger.change(|Live { head, entries }| {
            let former = std::mem::replace(&mut head.authority, to.to_owned());
            for Registered { certificate, authority, .. } in entries.values_mut() {
                if authority.as_deref() == Some(to) {
                    *authority = None;
                    continue;
                }
                if former == to {
                    continue;
                }
                authority.get_or_insert_with(|| former.clone());
                if certificate.revoked_ms.is_none() {
                    certificate.revoked_ms = Some(now_ms);
                    revoked.push(certificate.clone());
                }
            }
            Ok(())
        })?;
        if !revoked.is_empty() {
            // Only now: who wakes finds them revoked.
            self.revocations.send_modify(|count| *count += 1);
        }
        Ok(revoked)
    }

    /// Changes at each revocation, after it counts.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.revocations.subscribe()
    }
}

/// A register that another authority's certificates are in says nothing of this one's.
pub(crate) fn check_authority(path: &Path, authority: &str, found: &RegisterContents) -> Result<(), CredentialsError> {
    match &found.head {
        Some(head) if head.authority != authority => {
            Err(CredentialsError::file(path, "it is the register of another certificate authority"))
        }
        _ => Ok(()),
    }
}

/// See [`Register::standing_of`].
pub(crate) fn standing_in(entries: &Entries<Registered>, principal: &ClientPrincipal) -> Standing {
    match entries.get(&principal.serial) {
        Some(Registered { certificate, .. })
            if certificate.app == principal.app && certificate.user == principal.user =>
        {
            standing(certificate)
        }
        _ => Standing::Unknown,
    }
}

fn standing(entry: &UserCertificate) -> Standing {
    if entry.revoked_ms.is_some() { Standing::Revoked } else { Standing::Good }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SerialNumber};

    use super::*;

    fn read(subject: &[(DnType, &str)], serial: &[u8]) -> Result<ClientPrincipal, PrincipalError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        params.serial_number = Some(SerialNumber::from_slice(serial));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        ClientPrincipal::from_der(certificate.der())
    }

    #[test]
    fn a_principal_is_read_from_subject_and_serial() {
        let subject = [(DnType::OrganizationName, "shop"), (DnType::CommonName, "ann")];
        let principal =
            |serial: &str| ClientPrincipal { app: "shop".into(), user: "ann".into(), serial: serial.into() };
        assert_eq!(read(&subject, &[0x0a, 0xff]), Ok(principal("0aff")));
        assert_eq!(read(&subject, &[0xff, 0x01]), Ok(principal("ff01")));
    }

    #[test]
    fn a_certificate_without_one_app_and_one_user_names_nobody() {
        let message = |result: Result<ClientPrincipal, PrincipalError>| result.unwrap_err().to_string();
        assert_eq!(
            message(read(&[(DnType::CommonName, "ann")], &[1])),
            "the client certificate does not name one app (O)"
        );
        assert_eq!(
            message(read(&[(DnType::OrganizationName, "shop")], &[1])),
            "the client certificate does not name one user (CN)"
        );
        assert_eq!(message(ClientPrincipal::from_der(b"junk")), "the client certificate is not an X.509 certificate");
    }

    #[test]
    fn revocation_is_seen_by_whoever_is_woken() {
        let directory = tempfile::tempdir().unwrap();
        let register = Register::create(&directory.path().join("users.json"), "a").unwrap();
        let certificate = |serial: &str, user: &str| UserCertificate {
            app: "shop".into(),
            user: user.into(),
            serial: serial.into(),
            issued_ms: 1,
            expires_ms: 9,
            revoked_ms: None,
            live_queries: None,
        };
        register.add(certificate("01", "ann").into(), |_| Ok(())).unwrap();
        register.add(certificate("02", "bob").into(), |_| Ok(())).unwrap();
        let watch = register.watch();

        let revoked = register.revoke(5, |entry| entry.user == "ann").unwrap();
        assert_eq!(revoked, [UserCertificate { revoked_ms: Some(5), ..certificate("01", "ann") }]);
        assert!(watch.has_changed().unwrap());
        assert_eq!(
            ["01", "02", "03"].map(|serial| register.standing(serial)),
            [Standing::Revoked, Standing::Good, Standing::Unknown]
        );
        assert_eq!(register.revoke(6, |entry| entry.user == "ann").unwrap(), [], "revoked once, at the first time");

        let principal = ClientPrincipal { app: "other".into(), user: "bob".into(), serial: "02".into() };
        assert_eq!(register.standing_of(&principal), Standing::Unknown);
    }
}
