//! How the server does, at a glance: apps, disk, consumer groups, certificates, and what somebody
//! should look at.
//!
//! Invariant: only open apps are measured, so that asking opens none.
//! Not here: what is warned of (`warnings`); where the server listens, which whoever asks has found
//! already; numbers over time (`/metrics`, the portal).

use credentials::UserCertificate;
use store::{AppStats, TxnId};
use topics::AppTopics;

use crate::{groups::GroupLag, operations::Operations, warning::Severity};

/// At most so many groups are looked at in an app.
const SHOWN_MAX: usize = 100;

/// How the server does.
#[derive(Debug, Clone)]
pub struct Status {
    /// The time by the server's clock, in ms since the epoch.
    pub now_ms: u64,
    /// Every app, sorted by name.
    pub apps: Vec<AppStatus>,
    /// Groups of open apps, the one that is furthest behind first; at most 100.
    pub groups: Vec<GroupStatus>,
    /// Free and total bytes of the file system of the data directory; `None` where that is not known.
    pub disk: Option<(u64, u64)>,
    /// Whether requests need a key.
    pub keys_needed: bool,
    /// When the certificate authority ends, in ms since the epoch.
    pub authority_ends_ms: u64,
    /// When the server's own certificate ends, which is renewed by itself.
    pub server_certificate_ends_ms: Option<u64>,
    /// How many user certificates count, and when the first of them ends.
    pub user_certificates: (usize, Option<u64>),
    /// What somebody should look at, in whole sentences; none if all is well.
    pub warnings: Vec<String>,
}

/// How an app does.
#[derive(Debug, Clone)]
pub struct AppStatus {
    /// Its name.
    pub name: String,
    /// Why it cannot be opened, if it cannot.
    pub damaged: Option<String>,
    /// Its newest transaction, where that is known.
    pub newest_txn: Option<TxnId>,
    /// The offset that the next event gets, and its numbers; `None` while it is not open.
    pub open: Option<(u64, AppStats)>,
}

/// How far behind a consumer group is.
#[derive(Debug, Clone)]
pub struct GroupStatus {
    /// Its app.
    pub app: String,
    /// Its name.
    pub name: String,
    /// Kafka's name of its state.
    pub state: String,
    /// How many members it has.
    pub members: usize,
    /// In events.
    pub lag: u64,
    /// In time, of its latest partition; `None` where that is not known.
    pub lag_ms: Option<u64>,
    /// Whether what it reads next was trimmed.
    pub gap_ahead: bool,
}

impl Operations {
    /// How the server does. Blocks on disk.
    pub fn status(&self) -> Status {
        let now_ms = self.clock.now_ms();
        let mut groups = Vec::new();
        for topics in self.topics.all_opened() {
            groups.extend(self.groups_of(&topics));
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.lag));
        groups.truncate(SHOWN_MAX);
        let counting: Vec<UserCertificate> = self.counting_certificates(now_ms);
        let (authority_ends_ms, server_certificate_ends_ms) = self.credentials.ends_ms();
        // What may be meant so is told with what it concerns.
        let warnings = self.warnings(now_ms).into_iter().filter(|warning| warning.severity() != Severity::Notice);
        Status {
            now_ms,
            apps: self.data_dir.app_names().iter().map(|name| self.app_status(name.as_str())).collect(),
            groups,
            disk: self.data_dir.space().ok().map(|space| (space.free_bytes, space.total_bytes)),
            keys_needed: self.credentials.is_closed(),
            authority_ends_ms,
            server_certificate_ends_ms,
            user_certificates: (counting.len(), counting.iter().map(|it| it.expires_ms).min()),
            warnings: warnings.map(|warning| format!("{} {}", warning.text(), warning.advice())).collect(),
        }
    }

    fn app_status(&self, name: &str) -> AppStatus {
        let open = self.data_dir.opened(name).map(|app| (app.events().high_watermark(), app.stats()));
        AppStatus {
            name: name.to_owned(),
            damaged: self.data_dir.damage(name),
            newest_txn: self.data_dir.newest_txn(name),
            open,
        }
    }

    fn groups_of(&self, topics: &AppTopics) -> Vec<GroupStatus> {
        let groups = self.groups(topics);
        let (first, _) = groups.first(SHOWN_MAX);
        let status = |group: GroupLag| {
            let times = group.partitions.iter().map(|partition| groups.times(partition).lag_ms);
            GroupStatus {
                app: topics.app().name().as_str().to_owned(),
                lag_ms: times.reduce(|a, b| Some(a?.max(b?))).flatten(),
                lag: group.lag(),
                gap_ahead: group.gap_ahead(),
                state: group.state,
                members: group.members,
                name: group.name,
            }
        };
        first.into_iter().map(status).collect()
    }

    /// Those that are neither revoked nor ended.
    fn counting_certificates(&self, now_ms: u64) -> Vec<UserCertificate> {
        let mut users = self.credentials.users(None);
        users.retain(|it| it.revoked_ms.is_none() && it.expires_ms > now_ms && self.data_dir.has_app(&it.app));
        users
    }
}
