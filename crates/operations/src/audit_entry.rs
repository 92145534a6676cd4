//! One line of the audit log: who did what, when, from where, and what came of it.
//!
//! ```text
//! {"at":"2026-01-31T12:00:00.250Z","via":"portal","adminKey":"1a2b3c4d","session":"5e6f7a8b","address":"127.0.0.1",
//!  "action":"key.create","app":"shop","target":"till","result":"done"}
//! ```
//! Invariants: one line of JSON whatever stands in a name; no secret: of the admin key and of a
//! session the first 32 bits of their SHA-256, of an API key its name. Unknown fields are passed over
//! when it is read, so that fields may be added.
//! Not here: the file (`audit_log`), which request is which action (the edges).

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The longest target, in bytes; a longer one is cut.
pub const AUDIT_TARGET_BYTES_MAX: usize = 512;

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Who has the admin key.
    Admin {
        /// The first 32 bits of its SHA-256, as hex.
        key: String,
        /// The same of the portal's session.
        session: Option<String>,
    },
    /// Who has an API key.
    ApiKey {
        /// Its name.
        name: String,
    },
    /// Somebody who is not signed in.
    Nobody,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was not done, for a reason of whoever asked.
    Refused,
    /// It was not done, or not wholly, for a reason of the server.
    Failed,
}

impl Outcome {
    /// Of an HTTP status.
    pub fn of_status(status: u16) -> Self {
        match status {
            0..400 => Self::Done,
            400..500 => Self::Refused,
            _ => Self::Failed,
        }
    }

    /// As it stands in the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        [Self::Done, Self::Refused, Self::Failed].into_iter().find(|known| known.word() == word)
    }
}

/// An administrative action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When, ms since the epoch.
    pub at_ms: u64,
    /// By which door: `portal` or `admin`.
    pub via: String,
    /// Who.
    pub actor: Actor,
    /// From where.
    pub address: Option<IpAddr>,
    /// What, as `key.create`.
    pub action: String,
    /// Which app it concerns.
    pub app: Option<String>,
    /// What it was done to, as the name of a key; empty where the action says all.
    pub target: String,
    /// What came of it.
    pub outcome: Outcome,
}

impl AuditEntry {
    /// The line, without its end.
    pub(crate) fn line(&self) -> String {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        put("at", json!(time_text(self.at_ms)));
        put("via", json!(self.via));
        match &self.actor {
            Actor::Admin { key, session } => {
                put("adminKey", json!(key));
                session.iter().for_each(|session| put("session", json!(session)));
            }
            Actor::ApiKey { name } => put("apiKey", json!(name)),
            Actor::Nobody => {}
        }
        self.address.iter().for_each(|address| put("address", json!(address.to_string())));
        put("action", json!(self.action));
        self.app.iter().for_each(|app| put("app", json!(app)));
        if !self.target.is_empty() {
            put("target", json!(cut(&self.target)));
        }
        put("result", json!(self.outcome.word()));
        Value::Object(fields).to_string()
    }

    /// What a line says; `None` for what is no line of the log.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let fields: Map<String, Value> = serde_json::from_str(line).ok()?;
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let actor = match (text("adminKey"), text("apiKey")) {
            (Some(key), _) => Actor::Admin { key, session: text("session") },
            (None, Some(name)) => Actor::ApiKey { name },
            (None, None) => Actor::Nobody,
        };
        Some(Self {
            at_ms: time_of(&text("at")?)?,
            via: text("via")?,
            actor,
            address: text("address").and_then(|address| address.parse().ok()),
            action: text("action")?,
            app: text("app"),
            target: text("target").unwrap_or_default(),
            outcome: Outcome::of_word(&text("result")?)?,
        })
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(AUDIT_TARGET_BYTES_MAX)]
}

fn time_text(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1000).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|time| time.format(&Rfc3339).ok());
    match time {
        Some(time) => format!("{}.{:03}Z", time.trim_end_matches('Z'), ms % 1000),
        None => format!("{ms} ms"),
    }
}

fn time_of(text: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn entry(at_ms: u64, target: &str) -> AuditEntry {
        AuditEntry {
            at_ms,
            via: "portal".to_owned(),
            actor: Actor::Admin { key: "1a2b3c4d".to_owned(), session: Some("5e6f7a8b".to_owned()) },
            address: Some([127, 0, 0, 1].into()),
            action: "key.create".to_owned(),
            app: Some("shop".to_owned()),
            target: target.to_owned(),
            outcome: Outcome::Done,
        }
    }

    #[test]
    fn a_line_reads_back_whatever_stands_in_it() {
        for target in ["till", "", "two\nlines \"and\" \u{1F600}\u{2028}\0"] {
            let entry = entry(1_769_860_800_250, target);
            let line = entry.line();
            assert!(!line.contains('\n') && line.contains("\"at\":\"2026-01-31T12:00:00.250Z\""), "{line}");
            assert_eq!(AuditEntry::parse(&line), Some(entry));
        }
        let by_key = AuditEntry { actor: Actor::ApiKey { name: "deploy".into() }, address: None, ..entry(5, "x") };
        assert_eq!(AuditEntry::parse(&by_key.line()), Some(by_key));
        let nobody = AuditEntry { actor: Actor::Nobody, app: None, outcome: Outcome::Refused, ..entry(5, "") };
        assert_eq!(AuditEntry::parse(&nobody.line()), Some(nobody));
    }

    #[test]
    fn a_long_target_is_cut_and_what_is_no_line_is_none() {
        let cut = AuditEntry::parse(&entry(5, &"\u{e4}".repeat(AUDIT_TARGET_BYTES_MAX)).line()).unwrap();
        assert_eq!(cut.target.len(), AUDIT_TARGET_BYTES_MAX);
        for line in ["", "{}", "[]", "{\"at\":\"now\"}", &entry(5, "x").line()[1..]] {
            assert_eq!(AuditEntry::parse(line), None, "{line}");
        }
        let more = entry(5, "x").line().replace("{\"", "{\"later\":{},\"");
        assert_eq!(AuditEntry::parse(&more), Some(entry(5, "x")));
    }

    #[test]
    fn a_status_tells_what_came_of_it() {
        assert_eq!([200, 303, 409, 503].map(Outcome::of_status), {
            use Outcome::{Done, Failed, Refused};
            [Done, Done, Refused, Failed]
        });
    }
}
