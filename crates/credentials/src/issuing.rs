//! User certificates: issued with their files, listed, revoked.
//!
//! Invariant: a certificate is in the register before anyone can have it.
//! Not here: the register (`users`), the authority (`authorities`), files (`bundle`), renewal (`renewal`).

use std::path::{Path, PathBuf};

use tokio::sync::watch;

use crate::{
    Bundle, ClientPrincipal, Credentials, CredentialsError, USERS_OF_APP, UserCertificate,
    authority::hex,
    bundle::{self, BundleOf},
    bundles::check_bundle,
    disk,
    ledger::Entries,
    limits, random,
    users::{Registered, Standing},
};

/// Where a new certificate's files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    /// Into a directory that is missing or empty.
    InNewDirectory,
    /// Into one that has files of the same user, in their place, with their passwords.
    Over,
}

/// A user who gets a certificate.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// The app that it opens (O).
    pub app: &'a str,
    /// The user (CN).
    pub user: &'a str,
    /// The topic that the files name.
    pub topic: &'a str,
    /// The endpoint that they name.
    pub endpoint: &'a str,
    /// Where they go.
    pub directory: &'a Path,
    /// The live queries that it opens; `None`: all of the app.
    pub live_queries: Option<&'a [String]>,
}

impl Credentials {
    /// Issues a further user certificate for an app, with the same set of files, into `directory`,
    /// which must be missing or empty, or it is [`CredentialsError::DirectoryNotEmpty`]. A user who
    /// has a certificate that is neither revoked nor expired is [`CredentialsError::Exists`], unless it
    /// is of an authority that is being replaced. In
    /// the user's own place, `credentials/<app>/users/<user>`, the files of a certificate that
    /// counts no longer are moved aside. Nowhere else in the data directory can they be:
    /// [`CredentialsError::DirectoryOfServer`].
    pub fn issue_user(
        &self,
        app: &str,
        user: &str,
        topic: &str,
        endpoint: &str,
        directory: &Path,
        now_ms: u64,
    ) -> Result<(UserCertificate, Bundle), CredentialsError> {
        self.issue_new_user(&NewUser { app, user, topic, endpoint, directory, live_queries: None }, now_ms)
    }

    /// As [`Credentials::issue_user`], for some live queries alone if it says so.
    pub fn issue_new_user(
        &self,
        new: &NewUser<'_>,
        now_ms: u64,
    ) -> Result<(UserCertificate, Bundle), CredentialsError> {
        let &NewUser { app, user, topic, endpoint, directory, live_queries } = new;
        check_bundle(app, user, topic, endpoint)?;
        if live_queries.is_some_and(|names| !(1..=limits::LIVE_QUERIES_MAX).contains(&names.len())) {
            let most = limits::LIVE_QUERIES_MAX;
            return Err(CredentialsError::bad_name(format!("a certificate may be for 1 to {most} live queries")));
        }
        let _changing = self.lock_bundles();
        let trust = self.trust.load_full();
        let issuing = trust.authorities.issuing_id();
        let check = |entries: &Entries<Registered>| refuse_second(entries, app, user, issuing, now_ms);
        check(&self.register.entries())?;
        let directory = self.prepared_directory(directory, app, user)?;
        let user = NewUser { directory: &directory, ..*new };
        self.issue(&user, Placed::InNewDirectory, now_ms, check)
    }

    /// The live queries that a certificate opens, by name; `None`: all of its app. One that is not in
    /// the register opens none.
    pub fn live_queries_of(&self, principal: &ClientPrincipal) -> Option<Vec<String>> {
        self.register.live_queries_of(principal)
    }

    /// Every user certificate ever issued, of one app or of all; revoked ones say so. Sorted by
    /// app, user, and when they were issued.
    pub fn users(&self, app: Option<&str>) -> Vec<UserCertificate> {
        self.register.list(app)
    }

    /// Revokes every certificate of an app's user; gives those that it revoked: none if all were
    /// revoked before. If the register cannot be written it is an error, and they are refused all
    /// the same until the next start.
    pub fn revoke_user(&self, app: &str, user: &str, now_ms: u64) -> Result<Vec<UserCertificate>, CredentialsError> {
        if !self.register.list(Some(app)).iter().any(|certificate| certificate.user == user) {
            return Err(CredentialsError::NotFound { kind: "user", name: user.to_owned() });
        }
        self.register.revoke(now_ms, |certificate| certificate.app == app && certificate.user == user)
    }

    /// Revokes one certificate, as [`Credentials::revoke_user`] does; for a user who has a newer
    /// one.
    pub fn revoke_certificate(&self, serial: &str, now_ms: u64) -> Result<Vec<UserCertificate>, CredentialsError> {
        if self.register.standing(serial) == Standing::Unknown {
            return Err(CredentialsError::NotFound { kind: "certificate", name: serial.to_owned() });
        }
        self.register.revoke(now_ms, |certificate| certificate.serial == serial)
    }

    /// Whether the certificate of this serial (lower-case hex) is revoked. One that was never
    /// issued counts as revoked.
    pub fn is_revoked(&self, serial: &str) -> bool {
        self.register.standing(serial) != Standing::Good
    }

    /// Changes at each revocation: whoever holds connections checks them with
    /// [`Credentials::is_revoked`] and cuts them. Subscribe before the handshake, or check once
    /// after subscribing: what is revoked in between wakes nobody.
    pub fn watch_revocations(&self) -> watch::Receiver<u64> {
        self.register.watch()
    }

    /// Makes a certificate with its files; it is in the register before anyone can have it.
    pub(crate) fn issue(
        &self,
        new: &NewUser<'_>,
        placed: Placed,
        now_ms: u64,
        check: impl FnOnce(&Entries<Registered>) -> Result<(), CredentialsError>,
    ) -> Result<(UserCertificate, Bundle), CredentialsError> {
        let &NewUser { app, user, topic, endpoint, directory, live_queries } = new;
        let authorities = &self.trust.load().authorities;
        let issued = authorities.issuing().issue_user(app, user, now_ms)?;
        let certificate = UserCertificate {
            app: app.to_owned(),
            user: user.to_owned(),
            serial: hex(&issued.serial),
            issued_ms: now_ms,
            expires_ms: issued.expires_ms,
            revoked_ms: None,
            live_queries: live_queries.map(<[String]>::to_vec),
        };
        let passwords = match placed {
            Placed::InNewDirectory => None,
            Placed::Over => bundle::passwords(directory)?,
        };
        let to = BundleOf { directory, user, topic, endpoint, passwords };
        let prepared = bundle::prepare(to, authorities, &issued)?;
        let registered = Registered {
            certificate: certificate.clone(),
            files: Some(prepared.handed_out()),
            authority: authorities.issuing_id().map(str::to_owned),
        };
        self.register.add(registered, check)?;
        tracing::info!(app, user, serial = certificate.serial, "issued a user certificate");
        let bundle = match placed {
            Placed::InNewDirectory => prepared.place(),
            Placed::Over => prepared.place_over(),
        };
        Ok((certificate, bundle?))
    }

    /// The absolute path of a directory that files can be put into; what is above it is made.
    fn prepared_directory(&self, directory: &Path, app: &str, user: &str) -> Result<PathBuf, CredentialsError> {
        let place = disk::resolved(directory)?;
        let is_own = place == self.bundle_directory(app).join(USERS_OF_APP).join(user);
        // Before anything is made: a file of the server's own may be written there one day.
        if place.starts_with(&self.data_dir) && !is_own {
            return Err(CredentialsError::DirectoryOfServer { path: directory.to_owned() });
        }
        let is_vacant = disk::is_vacant(&place)?;
        let parent = place.parent().unwrap_or(&place);
        disk::ensure_directory(parent)?;
        if !is_vacant {
            if !is_own || bundle::principal(&place.join(bundle::CHAIN))?.is_none_or(|found| found.user != user) {
                return Err(CredentialsError::DirectoryNotEmpty { path: directory.to_owned() });
            }
            let aside = parent.join(format!(".withdrawn-{}", random::letters_and_digits(12)));
            files::move_durably(&place, &aside).map_err(CredentialsError::io("cannot move aside", &place))?;
            let (from, to) = (place.display(), aside.display());
            tracing::info!(user, %from, %to, "moved the files of a withdrawn certificate aside");
        }
        Ok(place)
    }
}

fn refuse_second(
    entries: &Entries<Registered>,
    app: &str,
    user: &str,
    issuing: Option<&str>,
    now_ms: u64,
) -> Result<(), CredentialsError> {
    let counts = |Registered { certificate, authority, .. }: &Registered| {
        certificate.app == app
            && certificate.user == user
            && authority.as_deref() == issuing
            && certificate.revoked_ms.is_none()
            && certificate.expires_ms > now_ms
    };
    let taken = entries.values().any(counts);
    if taken { Err(CredentialsError::Exists { kind: "user", name: user.to_owned() }) } else { Ok(()) }
}
