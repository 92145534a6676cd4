//! New certificates for users whose files are in the data directory, in the place of the old files.
//!
//! Invariants: passwords stay, so that a consumer's own copy of the settings opens the new files; the
//! old certificate counts on, until it is revoked or ends, or its authority goes. A crash in between
//! leaves the old files, or the new ones at the next start.
//! Not here: files that were issued elsewhere: nobody knows where they are by now.

use std::collections::BTreeSet;

use crate::{
    Credentials, CredentialsError, DEFAULT_USER, NewUser, UserCertificate, bundle,
    bundles::{bundle_directories, check_bundle},
    issuing::Placed,
    users::{Registered, Standing},
};

/// What [`Credentials::renew_users`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RenewedUsers {
    /// The new certificates.
    pub renewed: Vec<UserCertificate>,
    /// Users who have a certificate that counts, and files elsewhere: they need to be issued another
    /// one. Sorted.
    pub elsewhere: Vec<String>,
}

impl Credentials {
    /// Issues each user of the app another certificate whose files are in the data directory, and puts
    /// its files there in place of the old ones. Users who are revoked are passed over. With
    /// `only_former`, so are those whose files are of the next authority already.
    pub fn renew_users(
        &self,
        app: &str,
        topic: &str,
        endpoint: &str,
        only_former: bool,
        now_ms: u64,
    ) -> Result<RenewedUsers, CredentialsError> {
        check_bundle(app, DEFAULT_USER, topic, endpoint)?;
        let _changing = self.lock_bundles();
        let mut renewed = Vec::new();
        for found in bundle_directories(&self.data_dir).into_iter().filter(|found| found.app == app) {
            let Some(principal) = bundle::principal(&found.path.join(bundle::CHAIN))? else { continue };
            let is_his = principal.app == app && principal.user == found.user;
            if !is_his || self.register.standing_of(&principal) != Standing::Good {
                continue;
            }
            if only_former && !self.is_of_former(&principal.serial) {
                continue;
            }
            let live_queries = self.register.live_queries_of(&principal);
            let live_queries = live_queries.as_deref();
            let own_topic = live_queries.and_then(<[String]>::first).map(|name| format!("{topic}.{name}"));
            let topic = own_topic.as_deref().unwrap_or(topic);
            let user = NewUser { app, user: &found.user, topic, endpoint, directory: &found.path, live_queries };
            renewed.push(self.issue(&user, Placed::Over, now_ms, |_| Ok(()))?.0);
        }
        let has_files: BTreeSet<_> = renewed.iter().map(|certificate| certificate.user.clone()).collect();
        Ok(RenewedUsers { elsewhere: self.left_out(app, &has_files, now_ms), renewed })
    }

    /// Whether the authority that is being replaced signed it.
    fn is_of_former(&self, serial: &str) -> bool {
        let is_rotating = self.trust.load().authorities.next.is_some();
        is_rotating && self.register.entries().get(serial).is_some_and(|entry| entry.authority.is_none())
    }

    /// Users with a certificate that counts, but none of the authority that signs users now.
    fn left_out(&self, app: &str, renewed: &BTreeSet<String>, now_ms: u64) -> Vec<String> {
        let trust = self.trust.load();
        let entries = self.register.entries();
        let counts = |entry: &&Registered| {
            let certificate = &entry.certificate;
            certificate.app == app && certificate.revoked_ms.is_none() && certificate.expires_ms > now_ms
        };
        let has_new: BTreeSet<&str> = match trust.authorities.issuing_id() {
            None => BTreeSet::new(),
            Some(next) => {
                let of_next = entries.values().filter(|entry| entry.authority.as_deref() == Some(next));
                of_next.filter(counts).map(|entry| entry.certificate.user.as_str()).collect()
            }
        };
        let counting = entries.values().filter(counts).map(|entry| entry.certificate.user.as_str());
        let left: BTreeSet<&str> =
            counting.filter(|user| !renewed.contains(*user) && !has_new.contains(user)).collect();
        left.into_iter().map(str::to_owned).collect()
    }
}
