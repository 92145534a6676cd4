//! The consumer: what is served, which partitions and offsets there are, and their records.

use crate::connection::Connection;
use crate::error::ClientError;
use crate::fetched::{Fetched, read_batches};
use crate::tls;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, BrokerId, FetchRequest, ListOffsetsRequest, MetadataRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

// Versions that Headwater and brokers from Apache Kafka 2.8 to 4 serve; Fetch 12 is the last that names topics.
const API_VERSIONS_VERSION: i16 = 3;
const METADATA_VERSION: i16 = 9;
const LIST_OFFSETS_VERSION: i16 = 6;
const FETCH_VERSION: i16 = 12;

const NEEDED: [(ApiKey, i16); 3] =
    [(ApiKey::Metadata, METADATA_VERSION), (ApiKey::ListOffsets, LIST_OFFSETS_VERSION), (ApiKey::Fetch, FETCH_VERSION)];

/// ListOffsets' words for the two ends of a partition.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

/// A consumer on one connection.
///
/// A call that is dropped half-way leaves the connection unusable; connect again. So does every error but those about
/// a topic.
#[derive(Debug)]
pub struct Consumer {
    pub(crate) connection: Connection<TlsStream<TcpStream>>,
    api_versions: Vec<ApiRange>,
}

/// One API that the server says it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiRange {
    /// The API's key, which need not be one that this client knows.
    pub api_key: i16,
    /// The oldest version.
    pub version_min: i16,
    /// The newest version.
    pub version_max: i16,
}

impl Consumer {
    /// Connects to the Kafka endpoint at `HOST:PORT`, checks the server's certificate, shows `tls`'s own, and asks what
    /// the server serves; so a refused certificate shows here. Takes at most `CONNECT_TIMEOUT + RESPONSE_TIMEOUT`.
    pub async fn connect(endpoint: &str, tls: Arc<ClientConfig>) -> Result<Self, ClientError> {
        let mut connection = Connection::new(tls::connect(endpoint, tls).await?);
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("headwater"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let response = connection.call(request, API_VERSIONS_VERSION, Duration::ZERO).await?;
        check(ApiKey::ApiVersions, response.error_code, None)?;
        let api_versions: Vec<ApiRange> = response
            .api_keys
            .iter()
            .map(|api| ApiRange { api_key: api.api_key, version_min: api.min_version, version_max: api.max_version })
            .collect();
        for (api, version) in NEEDED {
            let mut ranges = api_versions.iter().filter(|range| range.api_key == api as i16);
            if !ranges.any(|range| (range.version_min..=range.version_max).contains(&version)) {
                return Err(ClientError::Unsupported { api, version });
            }
        }
        Ok(Consumer { connection, api_versions })
    }

    /// What the server said it serves, when it was connected to.
    pub fn api_versions(&self) -> &[ApiRange] {
        &self.api_versions
    }

    /// The partitions of `topic`, ascending.
    pub async fn partitions(&mut self, topic: &str) -> Result<Vec<i32>, ClientError> {
        let asked = MetadataRequestTopic::default().with_name(Some(topic_name(topic)));
        let request = MetadataRequest::default().with_topics(Some(vec![asked])).with_allow_auto_topic_creation(false);
        let response = self.connection.call(request, METADATA_VERSION, Duration::ZERO).await?;
        let named = |name: &Option<TopicName>| name.as_ref().is_some_and(|name| name.as_str() == topic);
        let described = response.topics.into_iter().find(|described| named(&described.name));
        let described = described.ok_or_else(|| missing(ApiKey::Metadata, topic))?;
        check(ApiKey::Metadata, described.error_code, Some(topic))?;
        let mut partitions: Vec<i32> = described.partitions.iter().map(|partition| partition.partition_index).collect();
        partitions.sort_unstable();
        Ok(partitions)
    }

    /// The earliest offset of a partition, and the one that its next record will have at least.
    pub async fn offsets(&mut self, topic: &str, partition: i32) -> Result<(i64, i64), ClientError> {
        Ok((self.offset_at(topic, partition, EARLIEST).await?, self.offset_at(topic, partition, LATEST).await?))
    }

    /// The offset of a partition's first record of this time or later, in ms since the epoch; `None` if there is none.
    pub async fn offset_for_time(
        &mut self,
        topic: &str,
        partition: i32,
        time_ms: i64,
    ) -> Result<Option<i64>, ClientError> {
        let found = self.offset_at(topic, partition, time_ms.max(0)).await?;
        Ok((found >= 0).then_some(found))
    }

    /// Fetches records at or behind `offset`: waits up to `max_wait` until there are some, and takes at most about
    /// `max_bytes` of them (at least one batch, whatever its size).
    ///
    /// No records and `next_offset == offset` means that the wait ended; fetch again. `max_wait` has whole
    /// milliseconds, at most 2³¹.
    pub async fn fetch(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        max_wait: Duration,
        max_bytes: i32,
    ) -> Result<Fetched, ClientError> {
        let wanted = FetchPartition::default()
            .with_partition(partition)
            .with_fetch_offset(offset)
            .with_partition_max_bytes(max_bytes);
        let request = FetchRequest::default()
            .with_max_wait_ms(i32::try_from(max_wait.as_millis()).unwrap_or(i32::MAX))
            .with_min_bytes(1)
            .with_max_bytes(max_bytes)
            .with_topics(vec![FetchTopic::default().with_topic(topic_name(topic)).with_partitions(vec![wanted])]);
        let response = self.connection.call(request, FETCH_VERSION, max_wait).await?;
        check(ApiKey::Fetch, response.error_code, Some(topic))?;
        let answered = response.responses.into_iter().find(|answered| answered.topic.as_str() == topic);
        let mut answers = answered.into_iter().flat_map(|answered| answered.partitions);
        let answer = answers.find(|answer| answer.partition_index == partition);
        let answer = answer.ok_or_else(|| missing(ApiKey::Fetch, topic))?;
        if ResponseError::try_from_code(answer.error_code) == Some(ResponseError::OffsetOutOfRange) {
            return Err(ClientError::OffsetOutOfRange { topic: topic.into(), partition, offset });
        }
        check(ApiKey::Fetch, answer.error_code, Some(topic))?;
        let (records, next_offset) = read_batches(&answer.records.unwrap_or_default(), offset)
            .map_err(|source| ClientError::BadRecords { topic: topic.into(), partition, offset, source })?;
        Ok(Fetched { records, next_offset, high_watermark: answer.high_watermark })
    }

    async fn offset_at(&mut self, topic: &str, partition: i32, timestamp: i64) -> Result<i64, ClientError> {
        let wanted = ListOffsetsPartition::default().with_partition_index(partition).with_timestamp(timestamp);
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(vec![ListOffsetsTopic::default().with_name(topic_name(topic)).with_partitions(vec![wanted])]);
        let response = self.connection.call(request, LIST_OFFSETS_VERSION, Duration::ZERO).await?;
        let answered = response.topics.into_iter().find(|answered| answered.name.as_str() == topic);
        let mut answers = answered.into_iter().flat_map(|answered| answered.partitions);
        let answer = answers.find(|answer| answer.partition_index == partition);
        let answer = answer.ok_or_else(|| missing(ApiKey::ListOffsets, topic))?;
        check(ApiKey::ListOffsets, answer.error_code, Some(topic))?;
        Ok(answer.offset)
    }
}

pub(crate) fn topic_name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

/// What an error code means; `topic` is what was asked for.
pub(crate) fn check(api: ApiKey, error_code: i16, topic: Option<&str>) -> Result<(), ClientError> {
    let topic = topic.map(str::to_owned);
    Err(match (ResponseError::try_from_code(error_code), topic) {
        (None, _) => return Ok(()),
        (Some(ResponseError::TopicAuthorizationFailed), Some(topic)) => ClientError::TopicNotAuthorized { topic },
        (Some(ResponseError::UnknownTopicOrPartition), Some(topic)) => ClientError::UnknownTopic { topic },
        (Some(code), _) => ClientError::Refused { api, code },
    })
}

pub(crate) fn missing(api: ApiKey, topic: &str) -> ClientError {
    ClientError::BadResponse { api, message: format!("it does not speak of `{topic}`, which was asked for") }
}
