//! What an administrator is warned of, in words: what is, and what to do about it.
//!
//! Invariants: whole sentences, the same wherever they are shown; they name things, and hold no
//! secret. [`Warning::code`] is for programs and is never renamed.
//! Not here: when something is warned of (`warnings`), where a page about it is (`portal`).

use std::net::SocketAddr;

use store::DiskSpace;

/// How soon something has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something does not work, or is lost, now.
    Urgent,
    /// It comes to that if nothing is done.
    Soon,
    /// It may be meant so.
    Notice,
}

impl Severity {
    /// In one word, in lower case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Soon => "soon",
            Self::Notice => "notice",
        }
    }
}

/// What is to be known. Never renamed: programs look for [`Warning::code`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// The HTTP API asks for no key.
    ApiOpen {
        /// Where.
        addresses: Vec<SocketAddr>,
    },
    /// The machine's clock is not believed: no writes are taken.
    ClockRefused {
        /// Why, with what to do.
        why: String,
    },
    /// The clock was set back.
    ClockBehind {
        /// By how much.
        behind_ms: u64,
    },
    /// There is little room left where the data is.
    DiskNearlyFull {
        /// What there is.
        space: DiskSpace,
    },
    /// An app takes no writes.
    WritesRefused {
        /// Which.
        app: String,
        /// Why.
        why: String,
    },
    /// An app cannot be opened.
    AppDamaged {
        /// Which.
        app: String,
        /// What is wrong.
        why: String,
    },
    /// An app is deleted, and somebody still holds its files.
    DeletionUnfinished {
        /// Which.
        app: String,
    },
    /// An event of an app could not be read.
    JournalDamaged {
        /// Which.
        app: String,
        /// Where, and what is wrong.
        why: String,
    },
    /// An older copy of an app's data was put back without a restore.
    OlderCopy {
        /// Which.
        app: String,
        /// What shows it.
        why: String,
    },
    /// An app's own files for consumers cannot be used.
    CredentialsDamaged {
        /// Which.
        app: String,
        /// What is wrong.
        why: String,
    },
    /// A live query does not get on with new events.
    LiveQueryStopped {
        /// Which app's.
        app: String,
        /// Which, and why.
        why: String,
    },
    /// A consumer group reads a gap next, or soon.
    GapAhead {
        /// Which app's.
        app: String,
        /// Which.
        group: String,
        /// In how many ms, if it stays where it is; 0 where it is in it.
        in_ms: u64,
    },
    /// A consumer's certificate ends.
    CertificateEnds {
        /// Which app's.
        app: String,
        /// Whose.
        user: String,
        /// In how many ms; 0 if it has.
        in_ms: u64,
    },
    /// A certificate ends that the server itself shows.
    ServerCertificateEnds {
        /// Whether HTTPS has it from files; or else its own could not be renewed.
        is_of_file: bool,
        /// In how many ms; 0 if it has.
        in_ms: u64,
    },
    /// The certificate authority is being replaced.
    AuthorityRotating {
        /// For how many ms.
        for_ms: u64,
        /// Certificates of the former one that are needed still.
        needed: usize,
    },
    /// The last backup failed.
    BackupFailed {
        /// Where it was to go.
        to: String,
        /// Why.
        why: String,
    },
    /// Apps are not in the last backup.
    BackupLacksApps {
        /// Where it went.
        to: String,
        /// How many.
        apps: usize,
    },
    /// A look for damage has found some.
    DamageFound {
        /// What, with its place.
        what: String,
    },
    /// The certificate authority's own certificate ends, and with it every other.
    AuthorityEnds {
        /// In how many ms; 0 if it has.
        in_ms: u64,
    },
}

impl Warning {
    /// Its name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ApiOpen { .. } => "apiOpen",
            Self::ClockRefused { .. } => "clockRefused",
            Self::ClockBehind { .. } => "clockBehind",
            Self::DiskNearlyFull { .. } => "diskNearlyFull",
            Self::WritesRefused { .. } => "writesRefused",
            Self::AppDamaged { .. } => "appDamaged",
            Self::DeletionUnfinished { .. } => "deletionUnfinished",
            Self::JournalDamaged { .. } => "journalDamaged",
            Self::OlderCopy { .. } => "olderCopy",
            Self::CredentialsDamaged { .. } => "credentialsDamaged",
            Self::LiveQueryStopped { .. } => "liveQueryStopped",
            Self::GapAhead { .. } => "gapAhead",
            Self::CertificateEnds { .. } => "certificateEnds",
            Self::ServerCertificateEnds { .. } => "serverCertificateEnds",
            Self::AuthorityRotating { .. } => "authorityRotating",
            Self::AuthorityEnds { .. } => "authorityEnds",
            Self::BackupFailed { .. } => "backupFailed",
            Self::BackupLacksApps { .. } => "backupLacksApps",
            Self::DamageFound { .. } => "damageFound",
        }
    }

    /// How soon something has to be done.
    pub fn severity(&self) -> Severity {
        match self {
            Self::ClockRefused { .. }
            | Self::WritesRefused { .. }
            | Self::AppDamaged { .. }
            | Self::JournalDamaged { .. }
            | Self::OlderCopy { .. }
            | Self::LiveQueryStopped { .. }
            | Self::DamageFound { .. }
            | Self::GapAhead { in_ms: 0, .. }
            | Self::CertificateEnds { in_ms: 0, .. }
            | Self::ServerCertificateEnds { in_ms: 0, .. }
            | Self::AuthorityEnds { in_ms: 0 } => Severity::Urgent,
            Self::ApiOpen { addresses } if addresses.iter().all(|address| address.ip().is_loopback()) => {
                Severity::Notice
            }
            Self::ApiOpen { .. } => Severity::Urgent,
            Self::DeletionUnfinished { .. } => Severity::Notice,
            Self::ClockBehind { .. }
            | Self::DiskNearlyFull { .. }
            | Self::CredentialsDamaged { .. }
            | Self::GapAhead { .. }
            | Self::CertificateEnds { .. }
            | Self::ServerCertificateEnds { .. }
            | Self::AuthorityRotating { .. }
            | Self::BackupFailed { .. }
            | Self::BackupLacksApps { .. }
            | Self::AuthorityEnds { .. } => Severity::Soon,
        }
    }

    /// The app that it concerns; `None` where it concerns the server.
    pub fn app(&self) -> Option<&str> {
        match self {
            Self::WritesRefused { app, .. }
            | Self::AppDamaged { app, .. }
            | Self::DeletionUnfinished { app }
            | Self::JournalDamaged { app, .. }
            | Self::OlderCopy { app, .. }
            | Self::CredentialsDamaged { app, .. }
            | Self::LiveQueryStopped { app, .. }
            | Self::GapAhead { app, .. }
            | Self::CertificateEnds { app, .. } => Some(app),
            Self::ApiOpen { .. }
            | Self::ClockRefused { .. }
            | Self::ClockBehind { .. }
            | Self::DiskNearlyFull { .. }
            | Self::ServerCertificateEnds { .. }
            | Self::AuthorityRotating { .. }
            | Self::BackupFailed { .. }
            | Self::BackupLacksApps { .. }
            | Self::DamageFound { .. }
            | Self::AuthorityEnds { .. } => None,
        }
    }

    /// What is.
    pub fn text(&self) -> String {
        match self {
            Self::ApiOpen { addresses } => {
                let listed: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                let who = match self.severity() {
                    Severity::Notice => "whoever is on this machine",
                    Severity::Urgent | Severity::Soon => "whoever reaches it",
                };
                format!("The HTTP API asks for no key on {}: {who} may read and write.", listed.join(" and "))
            }
            Self::ClockRefused { why } => format!("Writes are refused: {why}."),
            Self::ClockBehind { behind_ms } => {
                format!(
                    "The server's clock was set back. Events keep the latest time that was given until it has \
                     caught up, in {}.",
                    span(*behind_ms)
                )
            }
            Self::DiskNearlyFull { space } => {
                format!(
                    "The disk is nearly full: {} of {} are free.",
                    bytes(space.free_bytes),
                    bytes(space.total_bytes)
                )
            }
            Self::WritesRefused { app, why } => format!("The app {app} takes no writes: {why}."),
            Self::AppDamaged { app, why } => format!("The app {app} cannot be opened: {why}."),
            Self::DeletionUnfinished { app } => format!("The app {app} is deleted, and its files are still held."),
            Self::JournalDamaged { app, why } => {
                format!("The journal of the app {app} is damaged, and events from there on are not served: {why}.")
            }
            Self::OlderCopy { app, why } => {
                format!(
                    "An older copy of the app {app} seems to have been put back without a restore: {why}. TxnIds and offsets are given out again, and whoever has read more misses events."
                )
            }
            Self::CredentialsDamaged { app, why } => {
                format!("The files for consumers of the app {app} cannot be used: {why}.")
            }
            Self::LiveQueryStopped { app, why } => format!("In the app {app} a live query has stopped: {why}."),
            Self::GapAhead { app, group, in_ms: 0 } => {
                format!(
                    "The consumer group {group} of the app {app} has a gap ahead: events were trimmed before it \
                     read them."
                )
            }
            Self::GapAhead { app, group, in_ms } => {
                format!("The consumer group {group} of the app {app} has a gap ahead in {}, at its pace.", span(*in_ms))
            }
            Self::CertificateEnds { app, user, in_ms: 0 } => {
                format!("The certificate of {user}, app {app}, has ended: its consumers cannot connect.")
            }
            Self::CertificateEnds { app, user, in_ms } => {
                format!("The certificate of {user}, app {app}, ends in {}.", span(*in_ms))
            }
            Self::ServerCertificateEnds { is_of_file, in_ms } => {
                let which =
                    if *is_of_file { "The certificate that HTTPS has from files" } else { "The server's certificate" };
                match in_ms {
                    0 => format!("{which} has ended: clients refuse the server."),
                    _ => format!("{which} ends in {}.", span(*in_ms)),
                }
            }
            Self::AuthorityRotating { for_ms, needed } => {
                format!(
                    "The certificate authority is being replaced, since {}. Certificates of the former one that are needed still: {needed}.",
                    span(*for_ms)
                )
            }
            Self::BackupFailed { to, why } => format!("The last backup, into {to}, failed: {why}."),
            Self::BackupLacksApps { to, apps } => {
                format!(
                    "The last backup, into {to}, lacks {apps} {} that could not be copied.",
                    if *apps == 1 { "app" } else { "apps" }
                )
            }
            Self::DamageFound { what } => format!("A look for damage found: {what}."),
            Self::AuthorityEnds { in_ms: 0 } => "The server's certificate authority has ended.".to_owned(),
            Self::AuthorityEnds { in_ms } => format!("The server's certificate authority ends in {}.", span(*in_ms)),
        }
    }

    /// What to do.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::ApiOpen { .. } => "Make an API key: from the first one on, every request needs one.",
            Self::ClockRefused { .. } => {
                "Look what time it is on the server's machine: set its clock right, or run \"headwater accept-clock\" if it is."
            }
            Self::ClockBehind { .. } => "If the clock is right as it is, run \"headwater accept-clock\".",
            Self::DiskNearlyFull { .. } => {
                "Make room, or set --retention-bytes: before the disk is full, writes are refused."
            }
            Self::WritesRefused { .. } => {
                "Mend what it says; if writes do not go on by themselves, restart the server."
            }
            Self::AppDamaged { .. } => {
                "Bring its files back, a volume that is not mounted for example, or restore a backup; \"headwater verify\" says what is damaged."
            }
            Self::DeletionUnfinished { .. } => "It ends by itself, when the last connection to it does.",
            Self::JournalDamaged { .. } => "Stop the server, run \"headwater verify\", and restore a backup.",
            Self::OlderCopy { .. } => {
                "Stop the server, and make a new data directory of this one with \"headwater restore --from\"."
            }
            Self::CredentialsDamaged { .. } => {
                "Move its folder below credentials/ aside: the next start makes the files anew, and consumers need the new ones."
            }
            Self::LiveQueryStopped { .. } => {
                "The server's log says more. Restart it; if it stays, run \"headwater verify\"."
            }
            Self::GapAhead { in_ms: 0, .. } => {
                "It is told which documents to read again, or gets them. Find out why it was away, and keep events for longer."
            }
            Self::GapAhead { .. } => {
                "Start its consumers or add some, or keep events for longer (--retention-ms, --retention-bytes)."
            }
            Self::CertificateEnds { .. } => "Issue a new one and give its files to the consumer.",
            Self::ServerCertificateEnds { is_of_file: true, .. } => {
                "Put the new files where --https-cert and --https-key say, and restart the server."
            }
            Self::ServerCertificateEnds { .. } => {
                "The server's log says why it is not renewed; \"headwater credentials rotate\" tries it again."
            }
            Self::AuthorityRotating { .. } => {
                "\"headwater credentials status\" says who has not changed over; \"headwater credentials rotate --finish\" ends it."
            }
            Self::BackupFailed { .. } => "Mend what it says, and take one with \"headwater backup\".",
            Self::BackupLacksApps { .. } => {
                "The server's log says why; an older backup has them still, and is not pruned. \"headwater verify\" says what is damaged."
            }
            Self::DamageFound { .. } => "Stop the server, run \"headwater verify\", and restore a backup.",
            Self::AuthorityEnds { .. } => {
                "Replace it while consumers read, with \"headwater credentials rotate --ca\": nothing that it signed outlives it."
            }
        }
    }
}

/// A span of time in its largest unit.
fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

fn bytes(bytes: u64) -> String {
    match bytes >> 20 {
        mib @ 0..10_240 => format!("{mib} MiB"),
        mib => format!("{} GiB", mib >> 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_that_is_open_to_others_is_urgent() {
        let open = |address: &str| Warning::ApiOpen { addresses: vec![address.parse().unwrap()] };
        assert_eq!(open("127.0.0.1:8080").severity(), Severity::Notice);
        assert_eq!(open("0.0.0.0:8080").severity(), Severity::Urgent);
        assert!(open("0.0.0.0:8080").text().contains("0.0.0.0:8080: whoever reaches it"));
        assert!(Severity::Urgent < Severity::Soon && Severity::Soon < Severity::Notice, "the gravest first");
    }
}
