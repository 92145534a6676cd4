//! Proof that the credentials of a data directory are whole; nothing is changed, not even permissions.

use std::{collections::BTreeSet, fmt, path::Path};

use files::DirectoryFormat;

use crate::{
    AUTHORITY, BUNDLES, CredentialsError, DEFAULT_USER, USERS,
    authority::Authority,
    bundle,
    bundles::{bundle_directories, check_principal, handed_out_to},
    disk,
    key_ring::{self, Found},
    login_hooks::LoginHooks,
    revoked_peers::RevokedPeers,
    rotation::{self, Rotation},
    server_certificate::{self, ServerCertificate},
    tokens::Tokens,
    users::{self, Register, RegisterContents, Standing},
};

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, and what is wrong with it.
    pub message: String,
    /// Whether it is damage; or else only something that the next start mends, or that somebody may have taken away
    /// on purpose.
    pub is_damage: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Looks at every file below `data_dir` that says who may do what. A server may have the directory open, but what it
/// changes meanwhile may be reported as damage.
pub fn verify(data_dir: &Path) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    let Some(format) = findings.take(disk::format_of(data_dir)) else { return findings.0 };
    let parts = [AUTHORITY, BUNDLES, key_ring::ADMIN_KEY, key_ring::KEYS, key_ring::ACCESS];
    let is_there = |name: &str| data_dir.join(name).exists();
    if !parts.into_iter().any(is_there) {
        if format.may_be_old() {
            findings.note("no credentials were made here yet".to_owned());
        } else {
            findings.damage(format!("{} has lost all of its credentials", data_dir.display()));
        }
        return findings.0;
    }
    if format.may_be_old() {
        let path = data_dir.join("format.json");
        findings.note(format!("{} is missing: files may be without checksums until the next start", path.display()));
    }
    let secrets = [AUTHORITY, BUNDLES, key_ring::ADMIN_KEY, key_ring::ADMIN_KEY_SUM];
    let has_secrets = secrets.into_iter().any(is_there);
    findings.look_at_keys(data_dir, format, has_secrets);
    findings.take(RevokedPeers::look(data_dir));
    findings.take(Tokens::look(data_dir));
    findings.take(LoginHooks::look(data_dir));
    if !has_secrets {
        let message = "there are no private keys and certificates, as after a restore without them: the next start makes new ones";
        findings.note(message.to_owned());
        return findings.0;
    }
    if let Some((authority, register)) = findings.look_at_authority(data_dir, format) {
        findings.look_at_bundles(data_dir, &authority, &register);
    }
    findings.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn note(&mut self, message: String) {
        self.0.push(Finding { message, is_damage: false });
    }

    fn damage(&mut self, message: String) {
        self.0.push(Finding { message, is_damage: true });
    }

    fn take<T>(&mut self, result: Result<T, CredentialsError>) -> Option<T> {
        result.map_err(|error| self.damage(error.to_string())).ok()
    }

    fn missing(&mut self, path: &Path, is_damage: bool) {
        self.0.push(Finding { message: format!("{} is missing", path.display()), is_damage });
    }

    fn look_at_keys(&mut self, data_dir: &Path, format: DirectoryFormat, has_secrets: bool) {
        let Some(found) = self.take(Found::look(data_dir, format)) else { return };
        let is_secret = |name: &str| name == key_ring::ADMIN_KEY || name == key_ring::ADMIN_KEY_SUM;
        for name in found.missing().into_iter().filter(|name| has_secrets || !is_secret(name)) {
            // Format 1 had neither of two, and the checksum says nothing that is not in the key.
            let is_new = name == key_ring::ACCESS || name == key_ring::ADMIN_KEY_SUM;
            if !(is_new && format.may_be_old()) {
                self.missing(&data_dir.join(name), name != key_ring::ADMIN_KEY_SUM);
            }
        }
    }

    fn look_at_authority(&mut self, data_dir: &Path, format: DirectoryFormat) -> Option<(Authority, RegisterContents)> {
        let (directory, path) = (data_dir.join(AUTHORITY), data_dir.join(AUTHORITY).join(USERS));
        let register = self.take(Register::look(&path, format));
        if let Some(None) = register {
            self.missing(&path, true);
        }
        if let Some(rotation) = self.take(Rotation::look(&directory))? {
            if rotation.is_finishing() {
                let path = directory.join(rotation::FILE);
                self.note(format!("{}: the authority is half replaced; the next start finishes it", path.display()));
                return None;
            }
            self.take(rotation.next(&directory))?;
        }
        let authority = self.take(Authority::look(&directory, format))?;
        if let Some(false) = self.take(ServerCertificate::look(&authority, &directory, format)) {
            self.missing(&directory.join(server_certificate::FILE), false);
        }
        let register = register??;
        self.take(users::check_authority(&path, authority.id(), &register))?;
        Some((authority, register))
    }

    fn look_at_bundles(&mut self, data_dir: &Path, authority: &Authority, register: &RegisterContents) {
        let directories = bundle_directories(data_dir);
        for found in &directories {
            // An app's own directory may be gone while its users' are there.
            if found.user == DEFAULT_USER && !has_files(&found.path) {
                continue;
            }
            if bundle::is_unsettled(&found.path) {
                self.note(format!("{} has new files; the next start puts them in place", found.path.display()));
                continue;
            }
            let known = handed_out_to(&register.entries, &found.app, &found.user);
            let is_withdrawn = bundle::principal(&found.path.join(bundle::CHAIN)).is_ok_and(|principal| {
                principal.is_some_and(|it| users::standing_in(&register.entries, &it) == Standing::Revoked)
            });
            let authority = (!is_withdrawn).then_some(authority);
            let Some((wrong, missing)) = self.take(bundle::look(&found.path, authority, &known)) else { continue };
            wrong.into_iter().for_each(|error| self.damage(error.to_string()));
            missing.into_iter().for_each(|name| self.missing(&found.path.join(name), false));
            self.look_at_certificate(&found.path.join(bundle::CHAIN), &found.app, &found.user, register);
        }
        let certificates = register.entries.values().map(|entry| &entry.certificate);
        let of_apps = certificates.filter(|it| it.user == DEFAULT_USER && it.revoked_ms.is_none());
        for app in of_apps.map(|it| &it.app).collect::<BTreeSet<_>>() {
            let path = data_dir.join(BUNDLES).join(app);
            if !has_files(&path) {
                self.missing(&path, false);
            }
        }
    }

    fn look_at_certificate(&mut self, path: &Path, app: &str, user: &str, register: &RegisterContents) {
        let Some(Some(principal)) = self.take(bundle::principal(path)) else { return };
        if self.take(check_principal(path, &principal, app, user)).is_some()
            && users::standing_in(&register.entries, &principal) == Standing::Unknown
        {
            let message = "is a certificate that is not in the register, so that it is refused";
            self.damage(format!("{} {message}", path.display()));
        }
    }
}

/// Whether there is a file in a directory, not only directories.
fn has_files(path: &Path) -> bool {
    std::fs::read_dir(path).into_iter().flatten().flatten().any(|entry| !entry.path().is_dir())
}
