//! Sinks as definitions of the app's order (`store::Definition`), without their secrets.
//!
//! ```text
//! {"version":1,"liveQuery":"adults","target":{"kind":"kafka","topic":"people","config":{…},"partitions":4},
//!  "start":"earliest","format":"headwater","createdMs":…}
//! {"version":1,"target":{"kind":"webhook","url":"https://…"},"start":"latest","format":"headwater","isPaused":true,
//!  "pauseReason":"…","createdMs":…}
//! ```
//! Not here: the secrets (`secrets`), what a configuration may name (`kafka`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use store::Definition;
use wire::admin::{OnGap, SinkFormat, SinkStart};

const VERSION: u32 = 1;

/// A sink, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sink {
    pub(crate) name: String,
    /// `None`: the main feed.
    pub(crate) live_query: Option<String>,
    pub(crate) target: Target,
    /// `None`: as the live query says.
    pub(crate) on_gap: Option<OnGap>,
    pub(crate) start: SinkStart,
    pub(crate) format: SinkFormat,
    pub(crate) is_paused: bool,
    /// Why, if nobody but its target asked for it.
    pub(crate) pause_reason: Option<String>,
    pub(crate) created_ms: u64,
}

/// Where its events go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum Target {
    Kafka {
        topic: String,
        config: BTreeMap<String, String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        partitions: Option<u16>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replication_factor: Option<u16>,
    },
    Webhook {
        url: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    live_query: Option<String>,
    target: Target,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_gap: Option<OnGap>,
    start: SinkStart,
    format: SinkFormat,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_paused: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pause_reason: Option<String>,
    created_ms: u64,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Target {
    /// As it is shown.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Kafka { .. } => "kafka",
            Self::Webhook { .. } => "webhook",
        }
    }
}

impl Sink {
    /// As the order keeps it.
    pub(crate) fn body(&self) -> String {
        let Self { live_query, target, on_gap, start, format, is_paused, pause_reason, created_ms, .. } = self.clone();
        let version = VERSION;
        let body = Body { version, live_query, target, on_gap, start, format, is_paused, pause_reason, created_ms };
        serde_json::to_string(&body).unwrap_or_default() // texts, numbers and maps of texts cannot fail
    }

    /// Reads what is in force; why, if it cannot be read.
    pub(crate) fn of(definition: &Definition) -> Result<Self, String> {
        let Definition { name, body, .. } = definition;
        let failed = |error: String| format!("the definition of the sink {name:?} cannot be read: {error}");
        let Versioned { version } = serde_json::from_str(body).map_err(|error| failed(error.to_string()))?;
        if version > VERSION {
            return Err(failed(format!("it has version {version}; this server reads up to {VERSION}")));
        }
        let body: Body = serde_json::from_str(body).map_err(|error| failed(error.to_string()))?;
        let Body { live_query, target, on_gap, start, format, is_paused, pause_reason, created_ms, .. } = body;
        let name = name.clone();
        Ok(Self { name, live_query, target, on_gap, start, format, is_paused, pause_reason, created_ms })
    }
}

#[cfg(test)]
mod tests {
    use store::{DefinitionKind, TxnId};

    use super::*;

    fn definition(body: String) -> Definition {
        let (kind, name) = (DefinitionKind::Sink, "warehouse".to_owned());
        Definition { kind, name, body, origin: 0, txn_id: TxnId(1), commit_time_ms: 1 }
    }

    #[test]
    fn it_reads_back_and_a_newer_one_is_called_that() {
        let config = [("bootstrap.servers".to_owned(), "b:9092".to_owned())].into();
        let targets = [
            Target::Kafka { topic: "people".into(), config, partitions: Some(4), replication_factor: None },
            Target::Webhook { url: "https://x.example/y".into() },
        ];
        for target in targets {
            let sink = Sink {
                name: "warehouse".into(),
                live_query: Some("adults".into()),
                target,
                on_gap: Some(OnGap::Requery),
                start: SinkStart::Latest,
                format: SinkFormat::Debezium,
                is_paused: true,
                pause_reason: Some("gone".into()),
                created_ms: 7,
            };
            assert_eq!(Sink::of(&definition(sink.body())), Ok(sink));
        }
        let newer = Sink::of(&definition(r#"{"version":2,"x":1}"#.into())).unwrap_err();
        assert!(newer.contains("version 2"), "{newer}");
    }
}
