//! Which certificates end when: for warnings, the log and `/metrics`.
//!
//! Invariants: of each user the certificate that ends last counts, so that one which was replaced is
//! no matter; what is revoked is not looked at.
//! Not here: the words (`warning`), who else is warned of what (`warnings`).

use std::collections::BTreeMap;

use credentials::{Credentials, UserCertificate};

use crate::{operations::Operations, warning::Warning};

/// A user certificate, or one that HTTPS has from files, is warned of if it ends within so many ms: 30
/// days.
pub const CERTIFICATE_WARNING_MS: u64 = credentials::limits::RENEWAL_DAYS * DAY_MS;

/// The server's own certificate is renewed when it has 30 days left, by a look every 12 hours: if it
/// has less than this, that fails.
const RENEWAL_FAILS_MS: u64 = CERTIFICATE_WARNING_MS - DAY_MS;

/// The certificate authority is warned of if it ends within so many ms: a year, since everybody needs
/// new files then.
pub const AUTHORITY_WARNING_MS: u64 = 365 * DAY_MS;

/// Apps whose certificates `/metrics` tells of, the first by name.
pub const APPS_COUNTED_MAX: usize = 1000;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The user certificates of an app that are neither revoked nor ended nor replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppCertificates {
    /// The app.
    pub app: String,
    /// How many users have one.
    pub users: usize,
    /// Of how many of them it ends within 30 days, or has.
    pub ending: usize,
    /// When the first of them ends, ms since the epoch; `None` where nobody has one.
    pub first_ends_ms: Option<u64>,
}

/// What is to be warned of certificates at `now_ms`.
pub fn certificate_warnings(credentials: &Credentials, now_ms: u64) -> Vec<Warning> {
    let mut found = ending(credentials.users(None), now_ms);
    let (authority_ends_ms, server_ends_ms) = credentials.ends_ms();
    let servers =
        [(server_ends_ms, false, RENEWAL_FAILS_MS), (credentials.https_file_ends_ms(), true, CERTIFICATE_WARNING_MS)];
    for (ends_ms, is_of_file, from_ms) in servers {
        let in_ms = ends_ms.map(|ends_ms| ends_ms.saturating_sub(now_ms)).filter(|in_ms| *in_ms < from_ms);
        found.extend(in_ms.map(|in_ms| Warning::ServerCertificateEnds { is_of_file, in_ms }));
    }
    let in_ms = authority_ends_ms.saturating_sub(now_ms);
    if in_ms < AUTHORITY_WARNING_MS && credentials.rotation(now_ms).is_none() {
        found.push(Warning::AuthorityEnds { in_ms });
    }
    found
}

impl Operations {
    /// The user certificates of every app, by name; of the first [`APPS_COUNTED_MAX`].
    pub fn app_certificates(&self, now_ms: u64) -> Vec<AppCertificates> {
        let names = self.data_dir.app_names();
        let apps = names.iter().map(|name| name.as_str()).take(APPS_COUNTED_MAX);
        let mut counted: BTreeMap<&str, AppCertificates> = apps
            .map(|app| (app, AppCertificates { app: app.to_owned(), users: 0, ending: 0, first_ends_ms: None }))
            .collect();
        for ((app, _), ends_ms) in last_of_users(self.credentials.users(None)) {
            let Some(of_app) = counted.get_mut(app.as_str()) else { continue };
            of_app.users += 1;
            of_app.ending += usize::from(ends_ms.saturating_sub(now_ms) < CERTIFICATE_WARNING_MS);
            of_app.first_ends_ms = Some(of_app.first_ends_ms.map_or(ends_ms, |first| first.min(ends_ms)));
        }
        counted.into_values().collect()
    }
}

/// When the last certificate of each user ends; of app and user.
fn last_of_users(certificates: Vec<UserCertificate>) -> BTreeMap<(String, String), u64> {
    let mut last: BTreeMap<(String, String), u64> = BTreeMap::new();
    for certificate in certificates.into_iter().filter(|it| it.revoked_ms.is_none()) {
        let ends_ms = last.entry((certificate.app, certificate.user)).or_default();
        *ends_ms = certificate.expires_ms.max(*ends_ms);
    }
    last
}

fn ending(certificates: Vec<UserCertificate>, now_ms: u64) -> Vec<Warning> {
    let left = last_of_users(certificates).into_iter().map(|(of, ends_ms)| (of, ends_ms.saturating_sub(now_ms)));
    let soon = left.filter(|(_, in_ms)| *in_ms < CERTIFICATE_WARNING_MS);
    soon.map(|((app, user), in_ms)| Warning::CertificateEnds { app, user, in_ms }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warning::Severity;

    fn certificate(user: &str, expires_ms: u64, revoked_ms: Option<u64>) -> UserCertificate {
        let (app, serial) = ("shop".to_owned(), format!("{user}-{expires_ms}"));
        UserCertificate { app, user: user.to_owned(), serial, issued_ms: 0, expires_ms, revoked_ms, live_queries: None }
    }

    #[test]
    fn a_certificate_that_was_replaced_or_revoked_is_no_matter() {
        let now_ms = 100 * DAY_MS;
        let certificates = vec![
            certificate("ann", now_ms + DAY_MS, None),
            certificate("ben", now_ms + DAY_MS, None),
            certificate("ben", now_ms + 100 * DAY_MS, None),
            certificate("cat", now_ms + DAY_MS, Some(5)),
            certificate("dan", now_ms - 1, None),
        ];
        let found = ending(certificates, now_ms);
        let of = |user: &str, in_ms| Warning::CertificateEnds { app: "shop".into(), user: user.into(), in_ms };
        assert_eq!(found, [of("ann", DAY_MS), of("dan", 0)]);
        assert_eq!(found[0].text(), "The certificate of ann, app shop, ends in 24 hours.");
        assert_eq!([found[0].severity(), found[1].severity()], [Severity::Soon, Severity::Urgent]);
    }

    #[test]
    fn the_servers_own_certificate_is_warned_of_once_its_renewal_is_late() {
        let directory = tempfile::tempdir().unwrap();
        let made_ms = 1_790_000_000_000;
        let credentials = Credentials::open(directory.path(), made_ms).unwrap();
        credentials.kafka_tls(&[], made_ms).unwrap();
        let server_ends_ms = credentials.ends_ms().1.unwrap();
        let codes = |now_ms| certificate_warnings(&credentials, now_ms).iter().map(Warning::code).collect::<Vec<_>>();
        assert!(codes(server_ends_ms - CERTIFICATE_WARNING_MS).is_empty());
        assert_eq!(codes(server_ends_ms - CERTIFICATE_WARNING_MS + DAY_MS + 1), ["serverCertificateEnds"]);
        let authority_ends_ms = credentials.ends_ms().0;
        assert!(codes(authority_ends_ms - 1000).contains(&"authorityEnds"));
        credentials.begin_rotation(None, authority_ends_ms - 1000).unwrap();
        assert!(!codes(authority_ends_ms - 1000).contains(&"authorityEnds"), "it is being replaced");
    }
}
