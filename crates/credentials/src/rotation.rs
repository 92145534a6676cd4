//! Replacing the certificate authority while consumers read: begun, then finished.
//!
//! ```text
//! authority/rotation.json   sealed; there while a rotation is under way
//! {"beganMs":…,"finishing":false,"certificate":"-----BEGIN …","key":"-----BEGIN …"}
//!
//! begin    rotation.json appears                  both authorities are trusted, the next one signs users
//! finish   rotation.json says "finishing"         from here on it is finished, by whoever opens the directory
//!          users.json is the next one's           what the former one signed is revoked
//!          ca.key, ca.pem are the next one's
//!          server.pem goes                        another one is made
//!          rotation.json goes
//! ```
//! Invariants: each step is one file that is whole or not there, and can be done again; a crash between
//! any two leaves a directory that opens, before the rotation was finished or after it. What the former
//! authority signed is refused twice: its signature is not trusted, and the register has it as revoked.
//! Not here: who trusts what meanwhile (`authorities`), new files for users (`renewal`).

use std::{collections::HashMap, path::Path, sync::Arc};

use files::DirectoryFormat;
use serde::{Deserialize, Serialize};

use crate::{
    AUTHORITY, Credentials, CredentialsError, Seen, USERS, UserCertificate,
    authorities::{Authorities, Next},
    authority::Authority,
    client_verifier::RegisteredClients,
    disk::{self, Kept},
    own_authority,
    seen::SeenCertificates,
    server_certificate,
    trust::Trust,
    users::{Register, Registered},
};

/// The file's name.
pub(crate) const FILE: &str = "rotation.json";

/// What the file holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Rotation {
    began_ms: u64,
    finishing: bool,
    certificate: String,
    key: String,
}

impl Rotation {
    /// What is under way in the directory of the authority; `None` if nothing is. Changes nothing.
    pub(crate) fn look(directory: &Path) -> Result<Option<Self>, CredentialsError> {
        let path = directory.join(FILE);
        // The first servers knew no rotation, so there is none without a checksum.
        match disk::read_sealed(&path, DirectoryFormat::Sealed)? {
            Kept::Current(text) => {
                serde_json::from_str(&text).map(Some).map_err(|error| CredentialsError::file(&path, error))
            }
            Kept::Missing | Kept::Old(_) => Ok(None),
        }
    }

    /// Whether it only has to be brought to its end.
    pub(crate) fn is_finishing(&self) -> bool {
        self.finishing
    }

    /// The authority that is to be in force.
    pub(crate) fn next(&self, directory: &Path) -> Result<Next, CredentialsError> {
        let path = directory.join(FILE);
        let authority = Authority::of_pem((&path, &self.certificate), (&path, &self.key))?;
        Ok(Next { authority: Arc::new(authority), began_ms: self.began_ms })
    }

    fn write(&self, directory: &Path) -> Result<(), CredentialsError> {
        let text = serde_json::to_string(self).expect("texts and numbers are plain data");
        disk::write_sealed(&directory.join(FILE), &text)
    }
}

/// At a start: brings to its end what a crash left unfinished.
pub(crate) fn resume(directory: &Path, format: DirectoryFormat, now_ms: u64) -> Result<(), CredentialsError> {
    let Some(rotation) = Rotation::look(directory)?.filter(Rotation::is_finishing) else { return Ok(()) };
    let path = directory.join(USERS);
    let found = Register::look(&path, format)?
        .ok_or_else(|| CredentialsError::file(&path, "it is missing; without it nobody knows what is revoked"))?;
    // Whose it is by now: the next authority's, or still the former one's.
    let of = found.head.as_ref().map(|head| head.authority.clone()).unwrap_or_default();
    let register = Register::open(&path, &of, found, Vec::new)?;
    complete(directory, &rotation.next(directory)?.authority, &register, now_ms)?;
    tracing::info!("finished the rotation of the certificate authority that a stop had interrupted");
    Ok(())
}

/// Everything behind the point from which a rotation is finished; gives what it revoked.
fn complete(
    directory: &Path,
    next: &Authority,
    register: &Register,
    now_ms: u64,
) -> Result<Vec<UserCertificate>, CredentialsError> {
    let revoked = register.hand_over(next.id(), now_ms)?;
    next.put(directory)?;
    for name in [server_certificate::FILE, FILE] {
        let path = directory.join(name);
        if disk::exists(&path)? {
            files::remove_durably(&path).map_err(CredentialsError::io("cannot remove", &path))?;
        }
    }
    Ok(revoked)
}

/// A certificate of the authority that is being replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerCertificate {
    /// Whose.
    pub certificate: UserCertificate,
    /// Its connections.
    pub seen: Seen,
    /// Whether it still counts and its user was not seen to have changed over to a newer one.
    pub is_needed: bool,
}

/// Where a rotation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationState {
    /// When it began, ms since the epoch.
    pub began_ms: u64,
    /// The next authority's subject.
    pub next_subject: String,
    /// When the next authority ends, ms since the epoch.
    pub next_ends_ms: u64,
    /// What the authority in force has signed and is neither revoked nor ended, sorted by app, user
    /// and when it was issued.
    pub former: Vec<FormerCertificate>,
}

impl Credentials {
    /// The subject of the authority in force, as in `O=Headwater, CN=Headwater CA 1a2b3c4d`.
    pub fn authority_subject(&self) -> String {
        self.trust.load().authorities.in_force.subject()
    }

    /// Where the rotation stands; `None` if there is none.
    pub fn rotation(&self, now_ms: u64) -> Option<RotationState> {
        let trust = self.trust.load();
        let next = trust.authorities.next.as_ref()?;
        Some(RotationState {
            began_ms: next.began_ms,
            next_subject: next.authority.subject(),
            next_ends_ms: next.authority.ends_ms(),
            former: former(self.register.entries().into_values().collect(), &self.seen, now_ms),
        })
    }

    /// A new server certificate of the authority in force, whatever is left of the present one. The
    /// next handshake gets it; connections that are open stay.
    pub fn rotate_server_certificate(&self, now_ms: u64) -> Result<(), CredentialsError> {
        let _changing = self.lock_bundles();
        self.server_certificate.renew(&self.trust.load().authorities.in_force, now_ms)
    }

    /// Begins to replace the authority: by one that is made here, or by that of two PEM files, its
    /// certificate (and those above it) and its private key. From here on both are trusted, users get
    /// certificates of the next one, and the server keeps its own of the authority in force.
    pub fn begin_rotation(&self, own: Option<(&Path, &Path)>, now_ms: u64) -> Result<(), CredentialsError> {
        let _changing = self.lock_bundles();
        let in_force = self.trust.load().authorities.in_force.clone();
        if self.trust.load().authorities.next.is_some() {
            return Err(CredentialsError::RotationUnderWay);
        }
        let next = match own {
            Some((certificate, key)) => own_authority::read(certificate, key, now_ms)
                .map_err(|error| CredentialsError::AuthorityUnusable { message: error.to_string() })?,
            None => Authority::make(now_ms)?,
        };
        if next.id() == in_force.id() {
            return Err(CredentialsError::SameAuthority);
        }
        let (certificate, key) = (next.pem().to_owned(), next.key_pem().to_owned());
        let rotation = Rotation { began_ms: now_ms, finishing: false, certificate, key };
        let authorities = Authorities { in_force, next: Some(Next { authority: Arc::new(next), began_ms: now_ms }) };
        // Before it is in the file: what cannot be trusted is not written.
        let trust = self.trusting(authorities)?;
        rotation.write(&self.data_dir.join(AUTHORITY))?;
        tracing::info!(
            next = trust.authorities.issuing().subject(),
            "began to replace the certificate authority: both are trusted until the rotation is finished"
        );
        self.trust.store(Arc::new(trust));
        Ok(())
    }

    /// Finishes the rotation: the next authority is in force, alone, and the server's certificate is
    /// of it. What the former one signed is revoked, and its connections are cut; gives those. Where
    /// some of them are needed still ([`FormerCertificate::is_needed`]) that is
    /// [`CredentialsError::FormerInUse`], unless it is forced.
    pub fn finish_rotation(&self, force: bool, now_ms: u64) -> Result<Vec<UserCertificate>, CredentialsError> {
        let _changing = self.lock_bundles();
        let Some(next) = self.trust.load().authorities.next.clone() else {
            return Err(CredentialsError::NoRotation);
        };
        // Where a disk that was full broke it off, it was decided already.
        let is_decided = self.register.authority() == next.authority.id();
        let former = former(self.register.entries().into_values().collect(), &self.seen, now_ms);
        let needed: Vec<_> = former.into_iter().filter(|former| former.is_needed).collect();
        if !force && !is_decided && !needed.is_empty() {
            return Err(CredentialsError::FormerInUse { needed });
        }
        let directory = self.data_dir.join(AUTHORITY);
        let trust = self.trusting(Authorities { in_force: next.authority.clone(), next: None })?;
        let (certificate, key) = (next.authority.pem().to_owned(), next.authority.key_pem().to_owned());
        Rotation { began_ms: next.began_ms, finishing: true, certificate, key }.write(&directory)?;
        let revoked = complete(&directory, &next.authority, &self.register, now_ms)?;
        self.trust.store(Arc::new(trust));
        self.server_certificate.renew(&next.authority, now_ms)?;
        tracing::info!(
            authority = next.authority.subject(),
            revoked = revoked.len(),
            "replaced the certificate authority; what the former one signed is refused"
        );
        Ok(revoked)
    }

    /// A connection with this certificate was let in; [`Credentials::disconnected`] says when it ended.
    pub fn connected(&self, serial: &str, now_ms: u64) {
        self.seen.connected(serial, now_ms);
    }

    /// See [`Credentials::connected`].
    pub fn disconnected(&self, serial: &str, now_ms: u64) {
        self.seen.disconnected(serial, now_ms);
    }

    /// When the certificate of this serial was seen, as far as that is known.
    pub fn seen(&self, serial: &str) -> Seen {
        self.seen.of(serial)
    }

    fn trusting(&self, authorities: Authorities) -> Result<Trust, CredentialsError> {
        let clients = RegisteredClients::new(&authorities, self.register.clone())?;
        Ok(Trust { authorities, clients })
    }
}

/// What the authority in force has signed. A user who came with a certificate of the next one since,
/// and not with this one after that, has changed over.
fn former(entries: Vec<Registered>, seen: &SeenCertificates, now_ms: u64) -> Vec<FormerCertificate> {
    let counts = |entry: &Registered| entry.certificate.revoked_ms.is_none() && entry.certificate.expires_ms > now_ms;
    let (of_former, of_next): (Vec<_>, Vec<_>) =
        entries.into_iter().filter(counts).partition(|entry| entry.authority.is_none());
    // When each user was last seen with a certificate of the next authority.
    let mut changed: HashMap<(String, String), u64> = HashMap::new();
    for Registered { certificate, .. } in of_next {
        let Seen { connections, last_ms } = seen.of(&certificate.serial);
        let last_ms = if connections > 0 { Some(u64::MAX) } else { last_ms };
        if let Some(last_ms) = last_ms {
            let known = changed.entry((certificate.app, certificate.user)).or_default();
            *known = last_ms.max(*known);
        }
    }
    let mut found: Vec<_> = of_former
        .into_iter()
        .map(|Registered { certificate, .. }| {
            let seen = seen.of(&certificate.serial);
            let changed = changed.get(&(certificate.app.clone(), certificate.user.clone()));
            let has_changed_over = changed.is_some_and(|changed| seen.last_ms.is_none_or(|last| last <= *changed));
            let is_needed = seen.connections > 0 || !has_changed_over;
            FormerCertificate { certificate, seen, is_needed }
        })
        .collect();
    found.sort_by_cached_key(|FormerCertificate { certificate, .. }| {
        (certificate.app.clone(), certificate.user.clone(), certificate.issued_ms)
    });
    found
}
