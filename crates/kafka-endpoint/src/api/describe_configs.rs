//! DescribeConfigs (32): what holds for topics and the broker. All of it read-only.

use kafka_protocol::{
    ResponseError,
    messages::{
        DescribeConfigsRequest, DescribeConfigsResponse,
        describe_configs_request::DescribeConfigsResource,
        describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult},
    },
    protocol::StrBytes,
};

use topics::Compression;

use crate::{
    session::{NODE_ID, Session},
    topics::Topic,
};

/// Kafka's `ConfigResource.Type`.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Kafka's `ConfigSource.STATIC_BROKER_CONFIG`: set where the server is started.
const SOURCE: i8 = 4;

/// Kafka's `ConfigType`.
#[derive(Clone, Copy)]
enum Kind {
    String = 2,
    Int = 3,
    Long = 5,
    List = 7,
}

type Setting = (&'static str, Kind, String);

pub(super) fn handle(session: &Session, request: DescribeConfigsRequest, version: i16) -> DescribeConfigsResponse {
    let results = request.resources.into_iter().map(|wanted| {
        let settings = match wanted.resource_type {
            TOPIC => super::topic_by_name(session, &wanted.resource_name).map(|topic| topic_settings(session, &topic)),
            BROKER => broker_settings(&wanted.resource_name),
            _ => Err(ResponseError::InvalidRequest),
        };
        describe(wanted, settings, version)
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn describe(
    wanted: DescribeConfigsResource,
    settings: Result<Vec<Setting>, ResponseError>,
    version: i16,
) -> DescribeConfigsResult {
    let result = DescribeConfigsResult::default()
        .with_error_code(super::code(&settings))
        .with_error_message(settings.as_ref().err().map(|error| error.to_string().into()))
        .with_resource_type(wanted.resource_type)
        .with_resource_name(wanted.resource_name);
    let is_wanted =
        |name: &str| wanted.configuration_keys.as_ref().is_none_or(|keys| keys.iter().any(|key| &**key == name));
    let settings = settings.unwrap_or_default().into_iter().filter(|(name, ..)| is_wanted(name));
    let entry = |(name, kind, value): Setting| {
        let entry = DescribeConfigsResourceResult::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(Some(value.into()))
            .with_read_only(true)
            .with_config_source(SOURCE);
        if version >= 3 { entry.with_config_type(kind as i8) } else { entry }
    };
    result.with_configs(settings.map(entry).collect())
}

fn topic_settings(session: &Session, described: &Topic) -> Vec<Setting> {
    let topic = &session.server.topic_settings;
    let compression = match described.compression() {
        Compression::None => "uncompressed", // as Kafka calls it
        other => other.name(),
    };
    let or_all = |limit: Option<u64>| limit.map_or_else(|| "-1".to_owned(), |limit| limit.to_string());
    vec![
        ("cleanup.policy", Kind::List, "delete".to_owned()),
        ("compression.type", Kind::String, compression.to_owned()),
        ("max.message.bytes", Kind::Int, topic.event_bytes_max.to_string()),
        ("message.timestamp.type", Kind::String, "CreateTime".to_owned()),
        ("min.insync.replicas", Kind::Int, "1".to_owned()),
        ("retention.bytes", Kind::Long, or_all(topic.retention_bytes)),
        ("retention.ms", Kind::Long, or_all(topic.retention_ms)),
        ("segment.bytes", Kind::Int, topic.segment_bytes.to_string()),
    ]
}

fn broker_settings(name: &str) -> Result<Vec<Setting>, ResponseError> {
    if !name.is_empty() && name != NODE_ID.to_string() {
        return Err(ResponseError::InvalidRequest);
    }
    Ok(vec![
        ("auto.create.topics.enable", Kind::String, "false".to_owned()),
        ("broker.id", Kind::Int, NODE_ID.to_string()),
        ("default.replication.factor", Kind::Int, "1".to_owned()),
        ("num.partitions", Kind::Int, "1".to_owned()),
    ])
}
