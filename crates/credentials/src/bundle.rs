//! What a consumer needs, as files: one directory for each app, and for each further user.
//!
//! ```text
//! cluster.p12              truststore: the CA, as Java's trustedCertEntry          "Cluster certificate" of the page
//! user.p12                 keystore: the user's private key and chain              "User certificate" of the page
//! ca.pem user.pem user.key the same as PEM (user.pem is the chain)                 librdkafka and friends
//! client.properties        Java      librdkafka.properties   librdkafka            name the endpoint
//! consume.sh               the page's script, filled in                            names the endpoint
//! live-query-settings.json what the portal shows; keeps the passwords              names the endpoint
//! ```
//! Invariants: a directory appears with all of its files; passwords are never changed in it, certificates and keys
//! all at once or not at all (`renewal`). The four that name the endpoint are written again when endpoint, topic or
//! place change, the settings last, so that a crash in between is made good at the next start. What never changes is
//! checked against what the register noted when it was handed out. Not here: issuing and revoking (`authority`,
//! `users`).

mod pkcs12;
mod settings;
mod text;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use files::{NewFile, PRIVATE_DIRECTORY, PRIVATE_FILE};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

pub use self::text::ConsumeScript;
use crate::{
    CredentialsError,
    authorities::Authorities,
    authority::{Authority, Issued},
    disk, limits, random,
    users::{ClientPrincipal, HandedOut},
};
use settings::Settings;

pub(crate) const CA: &str = "ca.pem";
pub(crate) const CHAIN: &str = "user.pem";
pub(crate) const KEY: &str = "user.key";
const TRUSTSTORE: &str = "cluster.p12";
const KEYSTORE: &str = "user.p12";
const SCRIPT: &str = "consume.sh";

/// Where an app's files are (`<data-dir>/credentials/<app>/`), and the passwords of its two PKCS12 files.
#[derive(Clone)]
pub struct Bundle {
    /// The directory that holds `cluster.p12`, `user.p12`, `ca.pem`, `user.pem`, `user.key`, `client.properties`,
    /// `librdkafka.properties`, `consume.sh` and `live-query-settings.json`.
    pub directory: PathBuf,
    /// Opens `cluster.p12`.
    pub cluster_password: String,
    /// Opens `user.p12`.
    pub user_password: String,
    /// What clients connect to.
    pub endpoint: String,
    /// Topic of the app's main feed, and its group.
    pub topic: String,
}

/// What never changes once it was handed out.
const FIXED: [&str; 5] = [TRUSTSTORE, KEYSTORE, CA, CHAIN, KEY];

/// The other files, the settings last.
const NAMING_ENDPOINT: [&str; 4] = ["client.properties", "librdkafka.properties", SCRIPT, settings::FILE];

/// A newly issued user's files, before they are where they should be.
pub(crate) struct Prepared {
    bundle: Bundle,
    contents: Vec<NewFile>,
}

/// What a bundle is made for.
pub(crate) struct BundleOf<'a> {
    /// Where its files will be.
    pub(crate) directory: &'a Path,
    pub(crate) user: &'a str,
    pub(crate) topic: &'a str,
    pub(crate) endpoint: &'a str,
    /// Of the truststore and the keystore; `None`: new ones.
    pub(crate) passwords: Option<(String, String)>,
}

/// Makes a newly issued user's files; nothing is written.
pub(crate) fn prepare(
    of: BundleOf<'_>,
    authorities: &Authorities,
    issued: &Issued,
) -> Result<Prepared, CredentialsError> {
    let password = || random::letters_and_digits(limits::PASSWORD_CHARACTERS);
    let (cluster_password, user_password) = of.passwords.unwrap_or_else(|| (password(), password()));
    let bundle = Bundle {
        directory: of.directory.to_owned(),
        cluster_password,
        user_password,
        endpoint: of.endpoint.to_owned(),
        topic: of.topic.to_owned(),
    };
    let issuing = authorities.issuing();
    let truststore = pkcs12::truststore(authorities.trusted(), &bundle.cluster_password)?;
    let keystore = pkcs12::keystore(of.user, issued, issuing, &bundle.user_password)?;
    let private = |name, contents| NewFile { name, contents, mode: PRIVATE_FILE };
    let mut contents = vec![
        private(TRUSTSTORE, truststore),
        private(KEYSTORE, keystore),
        private(CA, authorities.trusted_pem().into()),
        private(CHAIN, format!("{}{}", issued.pem, issuing.pem()).into()),
        private(KEY, issued.key_pem.clone().into()),
    ];
    contents.extend(endpoint_files(&bundle)?);
    Ok(Prepared { bundle, contents })
}

impl Prepared {
    /// What the register is to note.
    pub(crate) fn handed_out(&self) -> HandedOut {
        let fixed = self.contents.iter().filter(|file| FIXED.contains(&file.name));
        HandedOut {
            files: fixed.map(|file| (file.name.to_owned(), disk::fingerprint(&file.contents))).collect(),
            passwords: passwords_of(&self.bundle.cluster_password, &self.bundle.user_password),
        }
    }

    /// Puts the files into their directory, which must be missing or empty.
    pub(crate) fn place(self) -> Result<Bundle, CredentialsError> {
        disk::write_directory(&self.bundle.directory, &self.contents)?;
        Ok(self.bundle)
    }

    /// Puts the files in the place of those that are in their directory. A crash leaves the old ones,
    /// or what [`settle`] brings to its end.
    pub(crate) fn place_over(self) -> Result<Bundle, CredentialsError> {
        let directory = &self.bundle.directory;
        settle(directory)?;
        disk::write_directory(&directory.join(NEXT), &self.contents)?;
        settle(directory)?;
        Ok(self.bundle)
    }
}

/// New files of a directory, until each has taken its old one's place.
const NEXT: &str = ".next";

/// Whether [`settle`] has something to do.
pub(crate) fn is_unsettled(directory: &Path) -> bool {
    directory.join(NEXT).exists()
}

/// Gives new files that wait for it the place of the old ones, the settings last; nothing if there are
/// none.
pub(crate) fn settle(directory: &Path) -> Result<(), CredentialsError> {
    let next = directory.join(NEXT);
    if !disk::exists(&next)? {
        return Ok(());
    }
    for name in FIXED.into_iter().chain(NAMING_ENDPOINT) {
        let (from, to) = (next.join(name), directory.join(name));
        if disk::exists(&from)? {
            files::move_durably(&from, &to).map_err(CredentialsError::io("cannot replace", &to))?;
        }
    }
    files::remove_tree(&next).map_err(CredentialsError::io("cannot remove", &next))
}

/// The passwords of the files in a directory, the truststore's and the keystore's; `None` where that
/// cannot be read.
pub(crate) fn passwords(directory: &Path) -> Result<Option<(String, String)>, CredentialsError> {
    match Settings::read(directory) {
        Ok((settings, _)) => Ok(Some((settings.cluster_certificate.password, settings.user_certificate.password))),
        Err(CredentialsError::File { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes what is in `directory`, tightens loosened permissions, and writes again what names another endpoint, topic
/// or place, or is missing and can be made again. Files that hold a secret and are missing are left so: someone may
/// have moved them to the consumer. `known` is what was ever handed out to this user; `authority`, which its
/// consumers must trust, is `None` where its certificate is withdrawn.
pub(crate) fn reopen(
    directory: &Path,
    authority: Option<&Authority>,
    topic: &str,
    endpoint: &str,
    known: &[HandedOut],
) -> Result<Bundle, CredentialsError> {
    disk::tighten(directory, PRIVATE_DIRECTORY)?;
    disk::tighten(&directory.join(settings::FILE), PRIVATE_FILE)?;
    for name in FIXED {
        disk::tighten(&directory.join(name), PRIVATE_FILE)?;
    }
    let found = Found::look(directory)?;
    authority.map_or(Ok(()), |authority| found.check_authority(authority))?;
    found.check_handed_out(known)?;
    for name in found.missing() {
        let path = directory.join(name);
        tracing::warn!(path = %path.display(), "it is missing; without its directory, the server makes the files anew");
    }
    let bundle = found.bundle(directory, topic, endpoint);
    let files = endpoint_files(&bundle)?;
    let changed = files.iter().any(|file| file.name == settings::FILE && file.contents != found.text.as_bytes());
    for NewFile { name, contents, mode } in files {
        let path = directory.join(name);
        disk::tighten(&path, mode)?;
        if changed || !disk::exists(&path)? || is_of_earlier_version(name, &path, &bundle)? {
            disk::write(&path, &contents, mode)?;
        }
    }
    if changed {
        tracing::info!(directory = %directory.display(), endpoint, topic, "rewrote the files that name the endpoint");
    }
    Ok(bundle)
}

/// What was handed out in a directory of format 1, and the serial of its certificate; `None` where that cannot be read.
pub(crate) fn record(directory: &Path) -> Option<(String, HandedOut)> {
    let found = Found::look(directory).ok()?;
    let principal = principal(&directory.join(CHAIN)).ok()??;
    Some((principal.serial, HandedOut { files: found.fixed.clone(), passwords: found.passwords() }))
}

/// Whose certificate a PEM file holds; `None` if there is no file.
pub(crate) fn principal(path: &Path) -> Result<Option<ClientPrincipal>, CredentialsError> {
    let Some(pem) = disk::read(path)? else { return Ok(None) };
    let der = CertificateDer::from_pem_slice(&pem).map_err(|error| CredentialsError::file(path, error))?;
    ClientPrincipal::from_der(&der).map(Some).map_err(|error| CredentialsError::file(path, error))
}

/// What is wrong with the files of a directory: what [`reopen`] refuses, and files that name the endpoint and do not
/// agree with the settings. The second list is what is missing. Changes nothing.
pub(crate) fn look(
    directory: &Path,
    authority: Option<&Authority>,
    known: &[HandedOut],
) -> Result<(Vec<CredentialsError>, Vec<&'static str>), CredentialsError> {
    let found = Found::look(directory)?;
    let checks =
        [authority.map_or(Ok(()), |authority| found.check_authority(authority)), found.check_handed_out(known)];
    let mut wrong: Vec<_> = checks.into_iter().filter_map(Result::err).collect();
    // Its own place is what its settings say: the data directory may have moved.
    let place = Path::new(&found.settings.cluster_certificate.path).parent().unwrap_or(directory);
    let bundle = found.bundle(place, &found.settings.topic, &found.settings.endpoint);
    let mut missing = found.missing();
    for NewFile { name, contents, .. } in endpoint_files(&bundle)? {
        let path = directory.join(name);
        match disk::read(&path)? {
            None => missing.push(name),
            Some(kept) if kept == contents => {}
            // The next start writes it again.
            Some(_) if is_of_earlier_version(name, &path, &bundle)? => {}
            Some(_) => {
                let message = "it does not agree with live-query-settings.json: one of them is damaged, or was edited. \
                               Without the file, the next start writes it again";
                wrong.push(CredentialsError::file(&path, message));
            }
        }
    }
    Ok((wrong, missing))
}

/// What is in a bundle's directory.
struct Found {
    directory: PathBuf,
    settings: Settings,
    /// The text of the settings.
    text: String,
    /// Fingerprints of what never changes.
    fixed: BTreeMap<String, String>,
    ca: Option<Vec<u8>>,
}

impl Found {
    fn look(directory: &Path) -> Result<Self, CredentialsError> {
        let (settings, text) = Settings::read(directory)?;
        let (mut fixed, mut ca) = (BTreeMap::new(), None);
        for name in FIXED {
            if let Some(bytes) = disk::read(&directory.join(name))? {
                fixed.insert(name.to_owned(), disk::fingerprint(&bytes));
                ca = if name == CA { Some(bytes) } else { ca };
            }
        }
        Ok(Self { directory: directory.to_owned(), settings, text, fixed, ca })
    }

    fn bundle(&self, directory: &Path, topic: &str, endpoint: &str) -> Bundle {
        Bundle {
            directory: directory.to_owned(),
            cluster_password: self.settings.cluster_certificate.password.clone(),
            user_password: self.settings.user_certificate.password.clone(),
            endpoint: endpoint.to_owned(),
            topic: topic.to_owned(),
        }
    }

    fn passwords(&self) -> String {
        passwords_of(&self.settings.cluster_certificate.password, &self.settings.user_certificate.password)
    }

    fn missing(&self) -> Vec<&'static str> {
        FIXED.into_iter().filter(|&name| !self.fixed.contains_key(name)).collect()
    }

    fn check_authority(&self, authority: &Authority) -> Result<(), CredentialsError> {
        // What was handed out during a rotation holds two.
        let holds = |pem: &Vec<u8>| {
            let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
            pem == authority.pem().as_bytes() || all.is_ok_and(|all| all.contains(authority.der()))
        };
        if self.ca.as_ref().is_none_or(holds) {
            return Ok(());
        }
        let message = "it is not the certificate of this server's authority; without its directory, the server makes the files anew";
        Err(CredentialsError::file(&self.directory.join(CA), message))
    }

    /// Every file must be what was handed out with one certificate. Where nothing is of any, the register is older
    /// than the files.
    fn check_handed_out(&self, known: &[HandedOut]) -> Result<(), CredentialsError> {
        let like_most = known.iter().map(|handed_out| self.compare(handed_out)).max_by_key(|(alike, _)| *alike);
        match like_most {
            Some((1.., Some(name))) => Err(CredentialsError::file(
                &self.directory.join(name),
                "it is damaged: it is not what was handed out; without its directory, the server makes the files anew",
            )),
            _ => Ok(()),
        }
    }

    /// How much is as it was handed out, and what is not.
    fn compare(&self, handed_out: &HandedOut) -> (usize, Option<&str>) {
        let same_passwords = self.passwords() == handed_out.passwords;
        let mut alike = usize::from(same_passwords);
        let mut differs = (!same_passwords).then_some(settings::FILE);
        for (name, fingerprint) in &self.fixed {
            if handed_out.files.get(name) != Some(fingerprint) {
                differs = Some(name);
            } else if name != CA {
                alike += 1;
            }
        }
        (alike, differs)
    }
}

fn passwords_of(cluster: &str, user: &str) -> String {
    disk::fingerprint(format!("{cluster}\n{user}").as_bytes())
}

/// Checks the files of a bundle as whoever was given them would: both PKCS12 files open with their passwords.
pub(crate) fn check(directory: &Path) -> Result<(), CredentialsError> {
    let (settings, _) = Settings::read(directory)?;
    for (name, store) in [(TRUSTSTORE, &settings.cluster_certificate), (KEYSTORE, &settings.user_certificate)] {
        let path = directory.join(name);
        let contents = std::fs::read(&path).map_err(CredentialsError::io("cannot read", &path))?;
        pkcs12::check(&path, &contents, &store.password)?;
    }
    Ok(())
}

/// Whether a file is as an earlier version wrote it for the same settings.
fn is_of_earlier_version(name: &str, path: &Path, bundle: &Bundle) -> Result<bool, CredentialsError> {
    Ok(name == SCRIPT && disk::read(path)?.is_some_and(|kept| Some(kept) == former_script(bundle)))
}

fn former_script(bundle: &Bundle) -> Option<Vec<u8>> {
    text::former_consume_script(bundle).ok().map(String::into_bytes)
}

/// The settings last: they say what the others were written for.
fn endpoint_files(bundle: &Bundle) -> Result<[NewFile; 4], CredentialsError> {
    let file = |name, contents: String, mode| NewFile { name, contents: contents.into(), mode };
    Ok([
        file("client.properties", text::client_properties(bundle)?, PRIVATE_FILE),
        file("librdkafka.properties", text::librdkafka_properties(bundle)?, PRIVATE_FILE),
        file(SCRIPT, text::consume_script(bundle)?, PRIVATE_DIRECTORY),
        file(settings::FILE, Settings::new(bundle)?.to_json(), PRIVATE_FILE),
    ])
}

/// The path of a file as text that scripts and property files can carry.
fn printable(path: &Path) -> Result<&str, CredentialsError> {
    match path.to_str() {
        Some(text) if !text.contains(char::is_control) => Ok(text),
        _ => Err(CredentialsError::file(
            path,
            "its path is not UTF-8, or has control characters, so that no client's settings can name it",
        )),
    }
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle")
            .field("directory", &self.directory)
            .field("endpoint", &self.endpoint)
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
