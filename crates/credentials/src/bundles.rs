//! The apps' own bundles, made at the first start and kept, and where users' files are.
//!
//! Not here: what is in a bundle (`bundle`), certificates of further users (`issuing`).

use std::{
    path::{Path, PathBuf},
    sync::PoisonError,
};

use crate::{
    BUNDLES, Bundle, ClientPrincipal, Credentials, CredentialsError, DEFAULT_USER, NewUser, USERS_OF_APP, bundle, disk,
    issuing::Placed,
    ledger::Entries,
    limits, names,
    users::{HandedOut, Registered, Standing},
};

impl Credentials {
    /// Makes the app's files at its first start and keeps them; rewrites only those that name
    /// `endpoint` when it changes. `endpoint` is `host:port`, `topic` is the group too. A
    /// certificate that is revoked, unknown or near its end stays, with a warning: removing the
    /// directory before a start is how to get a new one. What fails is noted: see
    /// [`Credentials::damaged_bundles`].
    pub fn ensure_bundle(
        &self,
        app: &str,
        topic: &str,
        endpoint: &str,
        now_ms: u64,
    ) -> Result<Bundle, CredentialsError> {
        check_bundle(app, DEFAULT_USER, topic, endpoint)?;
        let _changing = self.lock_bundles();
        let ensured = self.ensured_bundle(app, topic, endpoint, now_ms);
        let mut damaged = self.damaged_bundles.lock().unwrap_or_else(PoisonError::into_inner);
        match &ensured {
            Ok(_) => damaged.remove(app),
            Err(error) => damaged.insert(app.to_owned(), error.to_string()),
        };
        ensured
    }

    /// The apps whose own bundle could not be made or is damaged, sorted by name, each with the
    /// reason. Its certificate may be good all the same, and that of its other users: the register
    /// knows.
    pub fn damaged_bundles(&self) -> Vec<(String, String)> {
        let damaged = self.damaged_bundles.lock().unwrap_or_else(PoisonError::into_inner);
        damaged.iter().map(|(app, reason)| (app.clone(), reason.clone())).collect()
    }

    /// The same of one app.
    pub fn bundle_damage(&self, app: &str) -> Option<String> {
        self.damaged_bundles.lock().unwrap_or_else(PoisonError::into_inner).get(app).cloned()
    }

    fn ensured_bundle(&self, app: &str, topic: &str, endpoint: &str, now_ms: u64) -> Result<Bundle, CredentialsError> {
        let directory = self.bundle_directory(app);
        let parent = self.data_dir.join(BUNDLES);
        disk::ensure_private_directory(&parent)?;
        disk::remove_staging(&parent)?;
        if disk::is_vacant(&directory)? {
            let user = NewUser { app, user: DEFAULT_USER, topic, endpoint, directory: &directory, live_queries: None };
            return Ok(self.issue(&user, Placed::InNewDirectory, now_ms, |_| Ok(()))?.1);
        }
        for found in bundle_directories(&self.data_dir).iter().filter(|found| found.app == app) {
            bundle::settle(&found.path)?;
        }
        let known = handed_out_to(&self.register.entries(), app, DEFAULT_USER);
        let trust = self.trust.load();
        // What was withdrawn may be of an authority that is gone.
        let counts = bundle::principal(&directory.join(bundle::CHAIN))?
            .is_none_or(|principal| self.register.standing_of(&principal) != Standing::Revoked);
        let trusted = counts.then_some(&*trust.authorities.in_force);
        let bundle = bundle::reopen(&directory, trusted, topic, endpoint, &known)?;
        self.check_bundle_certificate(app, &directory.join(bundle::CHAIN), now_ms)?;
        Ok(bundle)
    }

    fn check_bundle_certificate(&self, app: &str, path: &Path, now_ms: u64) -> Result<(), CredentialsError> {
        let Some(principal) = bundle::principal(path)? else { return Ok(()) };
        check_principal(path, &principal, app, DEFAULT_USER)?;
        let expires_ms = self.register.expires_ms(&principal.serial);
        let warning = match self.register.standing_of(&principal) {
            Standing::Revoked => "the app's own user certificate is revoked",
            Standing::Unknown => "the app's own user certificate is not in the register, so that it is refused",
            Standing::Good if now_ms.saturating_add(limits::RENEWAL_DAYS * limits::DAY_MS) > expires_ms => {
                "the app's own user certificate has ended, or does so within 30 days"
            }
            Standing::Good => return Ok(()),
        };
        tracing::warn!(path = %path.display(), "{warning}; without its directory, the next start makes the files anew");
        Ok(())
    }
}

/// Where a user's files are.
pub(crate) struct BundleDirectory {
    pub(crate) app: String,
    pub(crate) user: String,
    pub(crate) path: PathBuf,
}

/// Every directory below the data directory that holds a user's files. What cannot be listed holds
/// none.
pub(crate) fn bundle_directories(data_dir: &Path) -> Vec<BundleDirectory> {
    let mut found = Vec::new();
    for (app, path) in directories_in(&data_dir.join(BUNDLES)) {
        for (user, path) in directories_in(&path.join(USERS_OF_APP)) {
            found.push(BundleDirectory { app: app.clone(), user, path });
        }
        found.push(BundleDirectory { app, user: DEFAULT_USER.to_owned(), path });
    }
    found
}

/// Directories that are in use, with their names.
fn directories_in(path: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())));
    let mut found: Vec<_> = named.filter(|(name, path)| !name.starts_with('.') && path.is_dir()).collect();
    found.sort();
    found
}

/// What was ever handed out to a user.
pub(crate) fn handed_out_to(entries: &Entries<Registered>, app: &str, user: &str) -> Vec<HandedOut> {
    let is_of_user = |entry: &&Registered| entry.certificate.app == app && entry.certificate.user == user;
    entries.values().filter(is_of_user).filter_map(|entry| entry.files.clone()).collect()
}

pub(crate) fn check_principal(
    path: &Path,
    principal: &ClientPrincipal,
    app: &str,
    user: &str,
) -> Result<(), CredentialsError> {
    let message = if principal.app != app {
        format!("it is a certificate for the app {:?}", principal.app)
    } else if principal.user != user {
        format!("it is a certificate of the user {:?}", principal.user)
    } else {
        return Ok(());
    };
    Err(CredentialsError::file(path, message))
}

pub(crate) fn check_bundle(app: &str, user: &str, topic: &str, endpoint: &str) -> Result<(), CredentialsError> {
    names::check_app(app)?;
    names::check_user(user)?;
    names::check_topic(topic)?;
    names::check_endpoint(endpoint)
}
