//! DescribeConfigs (32): what holds for topics, the broker and groups. All of it read-only.
//!
//! Invariant: what is listed is true of this server. Settings of Kafka's that nothing here obeys are left out.

use kafka_protocol::{
    ResponseError,
    messages::{
        DescribeConfigsRequest, DescribeConfigsResponse,
        describe_configs_request::DescribeConfigsResource,
        describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym},
    },
    protocol::StrBytes,
};
use topics::Compression;

use crate::{
    limits,
    options::TopicSettings,
    session::{NODE_ID, Session},
    topics::Topic,
};

/// Kafka's `ConfigResource.Type`.
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
pub(super) const BROKER_LOGGER: i8 = 8;
pub(super) const CLIENT_METRICS: i8 = 16;
pub(super) const GROUP: i8 = 32;

/// Kafka's `ConfigSource`: who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Who made the topic.
    Topic = 1,
    /// Where the server is started, otherwise than by default.
    Server = 4,
    /// Nobody: it is as it is by default, or cannot be otherwise.
    Default = 5,
}

/// Kafka's `ConfigType`.
#[derive(Clone, Copy)]
enum Kind {
    Boolean = 1,
    String = 2,
    Int = 3,
    Long = 5,
    List = 7,
}

struct Setting {
    name: &'static str,
    kind: Kind,
    value: String,
    source: Source,
    /// What Kafka's broker calls the setting that a topic or a group has this from.
    broker_name: &'static str,
}

/// An error with Kafka's words for it; empty ones where Kafka says nothing.
type Refusal = (ResponseError, String);

pub(super) fn handle(session: &Session, request: DescribeConfigsRequest, version: i16) -> DescribeConfigsResponse {
    let with_synonyms = request.include_synonyms;
    let results = request.resources.into_iter().map(|wanted| {
        let name = wanted.resource_name.as_str();
        let settings = match wanted.resource_type {
            TOPIC => topic_settings(session, name),
            BROKER => broker_settings(name),
            BROKER_LOGGER => logger_settings(name),
            CLIENT_METRICS if name.is_empty() => refuse("Client metrics subscription name must not be empty"),
            CLIENT_METRICS => Ok(Vec::new()),
            GROUP => group_settings(name),
            _ => refuse(super::words(ResponseError::InvalidRequest)),
        };
        describe(wanted, settings, with_synonyms, version)
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn refuse<T>(message: &str) -> Result<T, Refusal> {
    Err((ResponseError::InvalidRequest, message.to_owned()))
}

fn describe(
    wanted: DescribeConfigsResource,
    settings: Result<Vec<Setting>, Refusal>,
    with_synonyms: bool,
    version: i16,
) -> DescribeConfigsResult {
    let (code, message) = match &settings {
        Ok(_) => (0, String::new()),
        Err((error, message)) => (error.code(), message.clone()),
    };
    let result = DescribeConfigsResult::default()
        .with_error_code(code)
        .with_error_message(Some(message.into()))
        .with_resource_type(wanted.resource_type)
        .with_resource_name(wanted.resource_name);
    // No list, or an empty one, means all.
    let keys = wanted.configuration_keys.filter(|keys| !keys.is_empty());
    let is_wanted = |name: &str| keys.as_ref().is_none_or(|keys| keys.iter().any(|key| &**key == name));
    let settings = settings.unwrap_or_default().into_iter().filter(|setting| is_wanted(setting.name));
    result.with_configs(settings.map(|setting| entry(setting, with_synonyms, version)).collect())
}

fn entry(setting: Setting, with_synonyms: bool, version: i16) -> DescribeConfigsResourceResult {
    let synonym = DescribeConfigsSynonym::default()
        .with_name(StrBytes::from_static_str(setting.broker_name))
        .with_value(Some(setting.value.clone().into()))
        .with_source(setting.source as i8);
    let entry = DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_static_str(setting.name))
        .with_value(Some(setting.value.into()))
        .with_read_only(true)
        .with_config_source(setting.source as i8)
        .with_synonyms(if with_synonyms { vec![synonym] } else { Vec::new() });
    if version >= 3 { entry.with_config_type(setting.kind as i8) } else { entry }
}

fn topic_settings(session: &Session, name: &str) -> Result<Vec<Setting>, Refusal> {
    let described: Topic = super::topic_by_name(session, name).map_err(|error| {
        let says_nothing = error == ResponseError::UnknownTopicOrPartition;
        (error, if says_nothing { String::new() } else { super::topic_message(error, name).to_string() })
    })?;
    let (topic, usual) = (&session.server.topic_settings, TopicSettings::default());
    let (compression, compressed_by) = match described.compression() {
        Compression::None => ("uncompressed", Source::Default), // as Kafka calls it
        other => (other.name(), Source::Topic),
    };
    let setting = |name, kind, value: String, source, broker_name| Setting { name, kind, value, source, broker_name };
    let fixed =
        |name, kind, value: &str, broker_name| setting(name, kind, value.to_owned(), Source::Default, broker_name);
    let given = |name, kind, (value, usual): (String, String), broker_name| {
        let source = if value == usual { Source::Default } else { Source::Server };
        setting(name, kind, value, source, broker_name)
    };
    let both = |of: fn(&TopicSettings) -> String| (of(topic), of(&usual));
    Ok(vec![
        fixed("cleanup.policy", Kind::List, "delete", "log.cleanup.policy"),
        setting("compression.type", Kind::String, compression.to_owned(), compressed_by, "compression.type"),
        given("max.message.bytes", Kind::Int, both(|it| it.event_bytes_max.to_string()), "message.max.bytes"),
        fixed("message.timestamp.type", Kind::String, "CreateTime", "log.message.timestamp.type"),
        fixed("min.insync.replicas", Kind::Int, "1", "min.insync.replicas"),
        fixed("remote.storage.enable", Kind::Boolean, "false", "remote.storage.enable"),
        given("retention.bytes", Kind::Long, both(|it| or_all(it.retention_bytes)), "log.retention.bytes"),
        given("retention.ms", Kind::Long, both(|it| or_all(it.retention_ms)), "log.retention.ms"),
        given("segment.bytes", Kind::Int, both(|it| it.segment_bytes.to_string()), "log.segment.bytes"),
        fixed("unclean.leader.election.enable", Kind::Boolean, "false", "unclean.leader.election.enable"),
    ])
}

/// A limit as Kafka writes it: -1 is none.
fn or_all(limit: Option<u64>) -> String {
    limit.map_or_else(|| "-1".to_owned(), |limit| limit.to_string())
}

/// A broker's own; without a name those that were set for all brokers while they run, of which there are none.
fn broker_settings(name: &str) -> Result<Vec<Setting>, Refusal> {
    if name.is_empty() {
        return Ok(Vec::new());
    }
    check_broker(name, &format!("expected {NODE_ID} or empty string, but"))?;
    let fixed = |name, kind, value: &str| Setting {
        name,
        kind,
        value: value.to_owned(),
        source: Source::Default,
        broker_name: name,
    };
    Ok(vec![
        fixed("auto.create.topics.enable", Kind::Boolean, "false"),
        fixed("broker.id", Kind::Int, &NODE_ID.to_string()),
        fixed("default.replication.factor", Kind::Int, "1"),
        fixed("delete.topic.enable", Kind::Boolean, "false"),
        fixed("node.id", Kind::Int, &NODE_ID.to_string()),
        fixed("num.partitions", Kind::Int, "1"),
    ])
}

/// What the server logs is set where it is started (`--log`); Kafka's names of loggers mean nothing here.
fn logger_settings(name: &str) -> Result<Vec<Setting>, Refusal> {
    if name.is_empty() {
        return refuse("Broker id must not be empty");
    }
    check_broker(name, &format!("expected {NODE_ID} but"))?;
    Ok(Vec::new())
}

fn check_broker(name: &str, expected: &str) -> Result<(), Refusal> {
    match name.parse::<i32>() {
        Err(_) => refuse(&format!("Broker id must be an integer, but it is: {name}")),
        Ok(NODE_ID) => Ok(()),
        Ok(other) => refuse(&format!("Unexpected broker id, {expected} received {other}")),
    }
}

/// The same for every group, whether it is there or not (KIP-848 names them).
fn group_settings(name: &str) -> Result<Vec<Setting>, Refusal> {
    if name.is_empty() {
        return refuse("Group name must not be empty");
    }
    let fixed = |name, value: u64, broker_name| Setting {
        name,
        kind: Kind::Int,
        value: value.to_string(),
        source: Source::Default,
        broker_name,
    };
    Ok(vec![
        fixed(
            "consumer.heartbeat.interval.ms",
            limits::CONSUMER_HEARTBEAT_INTERVAL_MS,
            "group.consumer.heartbeat.interval.ms",
        ),
        fixed("consumer.session.timeout.ms", limits::CONSUMER_SESSION_TIMEOUT_MS, "group.consumer.session.timeout.ms"),
    ])
}
