//! A request as it comes off the wire: its header, and the way from its bytes to a message.
//!
//! ```text
//! 0            2            4                  8
//! | API key    | version    | correlation id   | client id, tagged fields | message
//! ```

use bytes::Bytes;
use kafka_protocol::{
    messages::{ApiKey, RequestHeader},
    protocol::{Decodable, Request as RequestMessage, StrBytes},
};
use kafka_wire::{
    api_versions::codec_version,
    offsets_by_id::{self, CodecError},
    request_shape::{ShapeError, check_request},
};

use crate::reason::Reason;

/// A request whose header has been read.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) key: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: StrBytes,
    message: Bytes,
}

impl Request {
    /// Reads the header of `frame` and checks the shape of all of it, so that decoding allocates no more than what is
    /// there.
    pub(crate) fn read(frame: Bytes) -> Result<Self, Reason> {
        let peek = match check_request(&frame) {
            Ok(peek) => peek,
            // The one request that has an answer in versions that are not known yet (KIP-511).
            Err(ShapeError::UnsupportedApiVersions { api_version, correlation_id }) => {
                let (client_id, message) = (StrBytes::new(), Bytes::new());
                return Ok(Self { key: ApiKey::ApiVersions, version: api_version, correlation_id, client_id, message });
            }
            Err(error) => return Err(error.into()),
        };
        let mut message = frame;
        let header_version = peek.api_key.request_header_version(peek.api_version);
        let header = RequestHeader::decode(&mut message, header_version).map_err(|error| Reason::Undecodable {
            api: name_of(peek.api_key),
            version: peek.api_version,
            message: error.to_string(),
        })?;
        Ok(Self {
            key: peek.api_key,
            version: peek.api_version,
            correlation_id: peek.correlation_id,
            client_id: header.client_id.unwrap_or_default(),
            message,
        })
    }

    /// The message. Bytes behind it are ignored, as Apache Kafka ignores them.
    pub(crate) fn decode<R: RequestMessage>(&self) -> Result<R, Reason> {
        R::decode(&mut self.message.clone(), codec_version(self.key, self.version)).map_err(|error| {
            Reason::Undecodable { api: self.api_name(), version: self.version, message: error.to_string() }
        })
    }

    /// The message, by `read` where topics are named by ids (`kafka_wire::offsets_by_id`).
    pub(crate) fn decode_by_id<R: RequestMessage>(
        &self,
        read: impl FnOnce(&mut Bytes) -> Result<R, CodecError>,
    ) -> Result<R, Reason> {
        if self.version < offsets_by_id::VERSION {
            return self.decode();
        }
        read(&mut self.message.clone()).map_err(|error| Reason::Undecodable {
            api: self.api_name(),
            version: self.version,
            message: error.to_string(),
        })
    }

    /// The name of its API, for logs and metrics.
    pub(crate) fn api_name(&self) -> &'static str {
        name_of(self.key)
    }

    /// Whether nobody needs its effects once the client has gone: it only waits.
    pub(crate) fn is_abandonable(&self) -> bool {
        matches!(self.key, ApiKey::Fetch | ApiKey::JoinGroup | ApiKey::SyncGroup)
    }
}

fn name_of(key: ApiKey) -> &'static str {
    match key {
        ApiKey::Produce => "Produce",
        ApiKey::Fetch => "Fetch",
        ApiKey::ListOffsets => "ListOffsets",
        ApiKey::Metadata => "Metadata",
        ApiKey::OffsetCommit => "OffsetCommit",
        ApiKey::OffsetFetch => "OffsetFetch",
        ApiKey::FindCoordinator => "FindCoordinator",
        ApiKey::JoinGroup => "JoinGroup",
        ApiKey::Heartbeat => "Heartbeat",
        ApiKey::LeaveGroup => "LeaveGroup",
        ApiKey::SyncGroup => "SyncGroup",
        ApiKey::DescribeGroups => "DescribeGroups",
        ApiKey::ListGroups => "ListGroups",
        ApiKey::ApiVersions => "ApiVersions",
        ApiKey::DeleteGroups => "DeleteGroups",
        ApiKey::OffsetForLeaderEpoch => "OffsetForLeaderEpoch",
        ApiKey::DescribeConfigs => "DescribeConfigs",
        ApiKey::OffsetDelete => "OffsetDelete",
        ApiKey::DescribeCluster => "DescribeCluster",
        ApiKey::DescribeTopicPartitions => "DescribeTopicPartitions",
        ApiKey::DescribeLogDirs => "DescribeLogDirs",
        ApiKey::DescribeAcls => "DescribeAcls",
        ApiKey::ListConfigResources => "ListConfigResources",
        ApiKey::DescribeClientQuotas => "DescribeClientQuotas",
        ApiKey::DescribeUserScramCredentials => "DescribeUserScramCredentials",
        ApiKey::ListTransactions => "ListTransactions",
        ApiKey::DescribeTransactions => "DescribeTransactions",
        ApiKey::DescribeProducers => "DescribeProducers",
        ApiKey::ListPartitionReassignments => "ListPartitionReassignments",
        ApiKey::ElectLeaders => "ElectLeaders",
        ApiKey::ConsumerGroupHeartbeat => "ConsumerGroupHeartbeat",
        ApiKey::ConsumerGroupDescribe => "ConsumerGroupDescribe",
        ApiKey::InitProducerId => "InitProducerId",
        ApiKey::CreateTopics => "CreateTopics",
        ApiKey::DeleteTopics => "DeleteTopics",
        ApiKey::CreatePartitions => "CreatePartitions",
        ApiKey::DeleteRecords => "DeleteRecords",
        ApiKey::AlterConfigs => "AlterConfigs",
        ApiKey::IncrementalAlterConfigs => "IncrementalAlterConfigs",
        _ => "other",
    }
}
