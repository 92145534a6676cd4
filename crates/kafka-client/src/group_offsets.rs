//! A group's committed offsets, of a consumer that picks its partitions itself.
//!
//! Not here: membership. Where a group has members, the server refuses to commit beside them.

use std::time::Duration;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{ApiKey, GroupId, OffsetCommitRequest, OffsetFetchRequest};
use kafka_protocol::protocol::StrBytes;

use crate::consumer::{Consumer, check, missing, topic_name};
use crate::error::ClientError;

// Versions that Headwater and brokers from Apache Kafka 2.8 to 4 serve.
const OFFSET_FETCH_VERSION: i16 = 7;
const OFFSET_COMMIT_VERSION: i16 = 8;

/// What OffsetFetch says where nothing was committed.
const NOTHING: i64 = -1;

impl Consumer {
    /// The offset at which `group` goes on in a partition of `topic`; `None` if it never committed one.
    pub async fn committed(&mut self, group: &str, topic: &str, partition: i32) -> Result<Option<i64>, ClientError> {
        let wanted =
            OffsetFetchRequestTopic::default().with_name(topic_name(topic)).with_partition_indexes(vec![partition]);
        let request = OffsetFetchRequest::default().with_group_id(group_id(group)).with_topics(Some(vec![wanted]));
        let response = self.connection.call(request, OFFSET_FETCH_VERSION, Duration::ZERO).await?;
        check_group(ApiKey::OffsetFetch, response.error_code, group)?;
        let answered = response.topics.into_iter().find(|answered| answered.name.as_str() == topic);
        let mut answers = answered.into_iter().flat_map(|answered| answered.partitions);
        let answer = answers.find(|answer| answer.partition_index == partition);
        let answer = answer.ok_or_else(|| missing(ApiKey::OffsetFetch, topic))?;
        check(ApiKey::OffsetFetch, answer.error_code, Some(topic))?;
        Ok(Some(answer.committed_offset).filter(|&offset| offset != NOTHING))
    }

    /// Notes that `group` goes on at `offset` in a partition of `topic`. Refused while the group has members.
    pub async fn commit(&mut self, group: &str, topic: &str, partition: i32, offset: i64) -> Result<(), ClientError> {
        let committed =
            OffsetCommitRequestPartition::default().with_partition_index(partition).with_committed_offset(offset);
        let topic_offsets =
            OffsetCommitRequestTopic::default().with_name(topic_name(topic)).with_partitions(vec![committed]);
        let request = OffsetCommitRequest::default()
            .with_group_id(group_id(group))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic_offsets]);
        let response = self.connection.call(request, OFFSET_COMMIT_VERSION, Duration::ZERO).await?;
        let answered = response.topics.into_iter().find(|answered| answered.name.as_str() == topic);
        let mut answers = answered.into_iter().flat_map(|answered| answered.partitions);
        let answer = answers.find(|answer| answer.partition_index == partition);
        let answer = answer.ok_or_else(|| missing(ApiKey::OffsetCommit, topic))?;
        check_group(ApiKey::OffsetCommit, answer.error_code, group)?;
        check(ApiKey::OffsetCommit, answer.error_code, Some(topic))
    }
}

fn group_id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_owned()))
}

/// The errors that mean: somebody else has the group.
fn check_group(api: ApiKey, error_code: i16, group: &str) -> Result<(), ClientError> {
    match ResponseError::try_from_code(error_code) {
        Some(
            ResponseError::UnknownMemberId | ResponseError::RebalanceInProgress | ResponseError::IllegalGeneration,
        ) => Err(ClientError::GroupHasMembers { group: group.to_owned() }),
        Some(code @ ResponseError::GroupAuthorizationFailed) => Err(ClientError::Refused { api, code }),
        _ => Ok(()),
    }
}
