//! Sinks (docs/reference/http-api.md, "Administration").
//!
//! Not here: which names of `config` are known and which are secrets (crate `sinks`).

use std::collections::BTreeMap;

use document::Value;
use serde::{Deserialize, Serialize};

use super::OnGap;
use crate::{
    RequestError,
    shape::{self, Fields, Place},
};

/// What stands for a secret that is not shown. Sent back, it leaves the secret as it is.
pub const HIDDEN: &str = "***";

const KAFKA_ONLY: [&str; 4] = ["topic", "config", "partitions", "replicationFactor"];
const WEBHOOK_ONLY: [&str; 2] = ["url", "secret"];

/// The body of `POST /admin/v1/apps/{app}/sinks`.
#[derive(Clone, PartialEq, Eq)]
pub struct NewSink {
    /// Its name.
    pub name: String,
    /// Whose events; `None`: those of the main feed.
    pub live_query: Option<String>,
    /// Where they go.
    pub target: SinkTarget,
    /// What a gap gets; that of the live query if not given.
    pub on_gap: Option<OnGap>,
    /// `Earliest` if not given.
    pub start: SinkStart,
    /// `Headwater` if not given.
    pub format: SinkFormat,
}

/// Where a sink's events go, secrets included.
#[derive(Clone, PartialEq, Eq)]
pub enum SinkTarget {
    /// Somebody's Kafka.
    Kafka {
        /// The topic.
        topic: String,
        /// librdkafka's own names.
        config: BTreeMap<String, String>,
        /// With how many partitions the topic is made if it is missing; `None`: it is not made.
        partitions: Option<u16>,
        /// How many brokers are to have it then; `None`: as the cluster says.
        replication_factor: Option<u16>,
    },
    /// A web server.
    Webhook {
        /// What is called.
        url: String,
        /// Signs each call.
        secret: String,
    },
}

/// The body of `PATCH /admin/v1/apps/{app}/sinks/{name}`. What is not given stays.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SinkChange {
    /// Names that are set, and those (`None`) that are removed.
    pub config: BTreeMap<String, Option<String>>,
    /// What is called from here on.
    pub url: Option<String>,
    /// Signs from here on; the one before goes on signing beside it for a while.
    pub secret: Option<String>,
    /// What a gap gets from here on.
    pub on_gap: Option<OnGap>,
}

/// Where a sink begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkStart {
    /// With all that there is.
    #[default]
    Earliest,
    /// With what is written after it was made.
    Latest,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkFormat {
    /// As on our own topics.
    #[default]
    Headwater,
    /// In Debezium's envelope, for sink connectors that read it.
    Debezium,
}

/// What a sink does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkState {
    /// It delivers, or has delivered everything.
    Running,
    /// It cannot for now, and tries again by itself.
    Waiting,
    /// It was told to stop.
    Paused,
    /// It cannot until somebody changes something.
    Failed,
}

/// A sink as the admin API shows it; secrets are [`HIDDEN`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SinkReply {
    /// Its name.
    pub name: String,
    /// The live query; absent: the main feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_query: Option<String>,
    /// `kafka` or `webhook`.
    pub kind: String,
    /// The topic, of one into a Kafka.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// What it is told of the Kafka.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<BTreeMap<String, String>>,
    /// With how many partitions the topic is made if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u16>,
    /// How many brokers are to have it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_factor: Option<u16>,
    /// What is called, of a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// [`HIDDEN`], of a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// What a gap gets; absent: as the live query says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_gap: Option<OnGap>,
    /// Where it began.
    pub start: SinkStart,
    /// How events are written.
    pub format: SinkFormat,
    /// When it was made, ms since the epoch.
    pub created_ms: u64,
    /// What it does.
    pub state: SinkState,
    /// Why, unless it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it tries again, ms since the epoch, if it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_ms: Option<u64>,
    /// Events that are not delivered; absent while that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_events: Option<u64>,
    /// Since when the oldest of them is there, in ms; absent while that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_ms: Option<u64>,
    /// Events that were delivered since the server's start.
    pub events: u64,
    /// Events that were delivered in the last minute.
    #[serde(default)]
    pub events_last_minute: u64,
    /// Tries that failed since the server's start.
    pub errors: u64,
    /// Events that are set aside, of a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_aside: Option<u64>,
}

/// `GET /admin/v1/apps/{app}/sinks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinksReply {
    /// By name.
    pub sinks: Vec<SinkReply>,
}

/// `DELETE /admin/v1/apps/{app}/sinks/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkDeletedReply {
    /// The sink that is gone.
    pub deleted: String,
}

impl NewSink {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let name = fields.string("name")?;
        let live_query = fields.optional_string("liveQuery")?;
        let kind = fields.string("kind")?;
        let on_gap = OnGap::take(&mut fields)?;
        let start = SinkStart::take(&mut fields)?;
        let format = SinkFormat::take(&mut fields)?;
        let (target, known) = match kind.as_str() {
            "kafka" => (take_kafka(&mut fields)?, &KAFKA_ONLY[..]),
            "webhook" => {
                let (url, secret) = (fields.string("url")?, fields.string("secret")?);
                (SinkTarget::Webhook { url, secret }, &WEBHOOK_ONLY[..])
            }
            other => {
                let message = format_args!("must be kafka or webhook, not {other:?}");
                return Err(Place::Body.field("kind").fault(message));
            }
        };
        let all = ["name", "liveQuery", "kind", "onGap", "start", "format"];
        fields.finish(&all.into_iter().chain(known.iter().copied()).collect::<Vec<_>>())?;
        Ok(Self { name, live_query, target, on_gap, start, format })
    }
}

fn take_kafka(fields: &mut Fields<'_>) -> Result<SinkTarget, RequestError> {
    let topic = fields.string("topic")?;
    let config = take_config(fields)?.into_iter();
    let config = config.filter_map(|(name, value)| Some((name, value?))).collect();
    let partitions = take_count(fields, "partitions")?;
    let replication_factor = take_count(fields, "replicationFactor")?;
    Ok(SinkTarget::Kafka { topic, config, partitions, replication_factor })
}

fn take_count(fields: &mut Fields<'_>, name: &str) -> Result<Option<u16>, RequestError> {
    let Some(given) = fields.optional_size(name)? else { return Ok(None) };
    let count = u16::try_from(given).ok().filter(|count| (1..=10_000).contains(count));
    count.map(Some).ok_or_else(|| Place::Body.field(name).fault(format_args!("must be from 1 to 10000, not {given}")))
}

/// Values are texts; numbers, `true` and `false` are taken as librdkafka writes them.
fn take_config(fields: &mut Fields<'_>) -> Result<BTreeMap<String, Option<String>>, RequestError> {
    let given = fields.optional_object("config")?.unwrap_or_default();
    let place = Place::Body.field("config");
    let mut config = BTreeMap::new();
    for (name, value) in given.into_fields() {
        let text = match value {
            Value::Null => None,
            Value::Bool(given) => Some(given.to_string()),
            Value::Int(given) => Some(given.to_string()),
            other => Some(shape::string(&place.field(&name), other)?),
        };
        config.insert(name, text);
    }
    Ok(config)
}

impl SinkChange {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        for name in ["name", "liveQuery", "kind", "topic", "partitions", "replicationFactor", "start", "format"] {
            if fields.take(name).is_some() {
                let message = "cannot be changed, only config, url, secret and onGap can: make a new sink";
                return Err(Place::Body.field(name).fault(message));
            }
        }
        let config = take_config(&mut fields)?;
        let (url, secret) = (fields.optional_string("url")?, fields.optional_string("secret")?);
        let on_gap = OnGap::take(&mut fields)?;
        fields.finish(&["config", "url", "secret", "onGap"])?;
        let change = Self { config, url, secret, on_gap };
        if change == Self::default() {
            return Err(Place::Body.fault("must say what to change; known are config, url, secret and onGap"));
        }
        Ok(change)
    }
}

impl SinkStart {
    fn take(fields: &mut Fields<'_>) -> Result<Self, RequestError> {
        match fields.optional_string("start")?.as_deref() {
            None | Some("earliest") => Ok(Self::Earliest),
            Some("latest") => Ok(Self::Latest),
            Some(other) => {
                Err(Place::Body.field("start").fault(format_args!("must be earliest or latest, not {other:?}")))
            }
        }
    }
}

impl SinkFormat {
    fn take(fields: &mut Fields<'_>) -> Result<Self, RequestError> {
        match fields.optional_string("format")?.as_deref() {
            None | Some("headwater") => Ok(Self::Headwater),
            Some("debezium") => Ok(Self::Debezium),
            Some(other) => {
                Err(Place::Body.field("format").fault(format_args!("must be headwater or debezium, not {other:?}")))
            }
        }
    }
}

impl SinkState {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Failed => "failed",
        }
    }
}

/// Secrets are in them.
impl std::fmt::Debug for NewSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSink")
            .field("name", &self.name)
            .field("live_query", &self.live_query)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SinkTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kafka { topic, .. } => f.debug_struct("Kafka").field("topic", topic).finish_non_exhaustive(),
            Self::Webhook { url, .. } => f.debug_struct("Webhook").field("url", url).finish_non_exhaustive(),
        }
    }
}

impl std::fmt::Debug for SinkChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SinkChange").field("url", &self.url).field("on_gap", &self.on_gap).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> String {
        NewSink::parse(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_sink_is_read_with_what_its_kind_has() {
        let body = r#"{"name":"warehouse","liveQuery":"adults","kind":"kafka","topic":"people",
            "config":{"bootstrap.servers":"b:9092","linger.ms":5,"enable.x":true},"onGap":"requery","start":"earliest",
            "format":"headwater"}"#;
        let NewSink { name, live_query, target, on_gap, start, format } = NewSink::parse(body.as_bytes()).unwrap();
        assert_eq!((name.as_str(), live_query.as_deref(), on_gap), ("warehouse", Some("adults"), Some(OnGap::Requery)));
        assert_eq!((start, format), (SinkStart::Earliest, SinkFormat::Headwater));
        let SinkTarget::Kafka { topic, config, partitions: None, replication_factor: None } = target else { panic!() };
        assert_eq!(topic, "people");
        assert_eq!(config["linger.ms"], "5");
        assert_eq!(config["enable.x"], "true");
        let hook = br#"{"name":"h","kind":"webhook","url":"https://x.example/y","secret":"s"}"#;
        assert!(matches!(NewSink::parse(hook).unwrap().target, SinkTarget::Webhook { .. }));
    }

    #[test]
    fn what_does_not_belong_to_the_kind_is_refused_by_name() {
        assert!(refusal(r#"{"name":"a","kind":"kafka"}"#).contains("topic"));
        assert!(refusal(r#"{"name":"a","kind":"ftp"}"#).contains("kafka or webhook"));
        let both = r#"{"name":"a","kind":"webhook","url":"https://x","secret":"s","topic":"t"}"#;
        assert!(refusal(both).contains("topic"));
        assert!(refusal(r#"{"name":"a","kind":"kafka","topic":"t","partitions":0}"#).contains("from 1 to 10000"));
        assert!(SinkChange::parse(br#"{"topic":"t"}"#).unwrap_err().to_string().contains("cannot be changed"));
        assert!(SinkChange::parse(b"{}").is_err());
        let change = SinkChange::parse(br#"{"config":{"acks":null,"linger.ms":"1"}}"#).unwrap();
        assert_eq!(change.config.len(), 2);
    }

    #[test]
    fn no_secret_is_written_into_a_log() {
        let body = br#"{"name":"a","kind":"webhook","url":"https://x.example","secret":"hush"}"#;
        assert!(!format!("{:?}", NewSink::parse(body).unwrap()).contains("hush"));
        assert!(!format!("{:?}", SinkChange::parse(br#"{"secret":"hush"}"#).unwrap()).contains("hush"));
    }
}
