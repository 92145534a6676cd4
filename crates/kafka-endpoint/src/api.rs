//! What each request is answered. One file for each of Kafka's APIs.
//!
//! Invariants: every answer shows the session's app and nothing of any other; a field that a
//! version lacks is left at its default, because the encoder refuses anything else.
//! Not here: which versions are served (`kafka_wire::api_versions`).

mod alter_configs;
pub(crate) mod api_versions;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_acls;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_topic_partitions;
mod describe_transactions;
mod describe_user_scram_credentials;
mod elect_leaders;
mod fetch;
mod find_coordinator;
mod heartbeat;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod list_transactions;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
mod read_only;
mod sync_group;

use kafka_protocol::{
    ResponseError,
    messages::{ApiKey, ListPartitionReassignmentsRequest},
    protocol::StrBytes,
};
use kafka_wire::offsets_by_id::{decode_offset_commit, decode_offset_fetch};
use store::CommitError;

use crate::{
    consumer_groups::ConsumerGroupError, groups::GroupError, limits, reason::Reason, reply::Reply, request::Request,
    session::Session,
};

/// Answers `request`. An error ends the connection.
pub(crate) async fn answer(session: &Session, request: &Request) -> Result<Reply, Reason> {
    session.server.metrics.count_request(request.api_name());
    let version = request.version;
    match request.key {
        ApiKey::ApiVersions => api_versions::answer(request),
        ApiKey::Produce => Reply::new(request, &produce::handle(session, request, request.decode()?)?),
        ApiKey::Fetch => fetch::answer(session, request).await,
        ApiKey::ListOffsets => Reply::new(request, &list_offsets::handle(session, request.decode()?, version).await),
        ApiKey::Metadata => Reply::new(request, &metadata::handle(session, request.decode()?, version)),
        ApiKey::OffsetCommit => {
            let commit = request.decode_by_id(decode_offset_commit)?;
            Reply::new(request, &offset_commit::handle(session, commit, version).await)
        }
        ApiKey::OffsetFetch => {
            let fetch = request.decode_by_id(decode_offset_fetch)?;
            Reply::new(request, &offset_fetch::handle(session, fetch, version))
        }
        ApiKey::FindCoordinator => Reply::new(request, &find_coordinator::handle(session, request.decode()?, version)),
        ApiKey::JoinGroup => Reply::new(request, &join_group::handle(session, request, request.decode()?).await),
        ApiKey::SyncGroup => Reply::new(request, &sync_group::handle(session, request.decode()?, version).await),
        ApiKey::Heartbeat => Reply::new(request, &heartbeat::handle(session, &request.decode()?)),
        ApiKey::LeaveGroup => Reply::new(request, &leave_group::handle(session, request.decode()?, version)),
        ApiKey::DescribeGroups => Reply::new(request, &describe_groups::handle(session, request.decode()?, version)),
        ApiKey::ListGroups => Reply::new(request, &list_groups::handle(session, &request.decode()?, version)),
        ApiKey::DeleteGroups => Reply::new(request, &delete_groups::handle(session, request.decode()?).await),
        ApiKey::OffsetDelete => Reply::new(request, &offset_delete::handle(session, request.decode()?).await),
        ApiKey::OffsetForLeaderEpoch => {
            Reply::new(request, &offset_for_leader_epoch::handle(session, request.decode()?).await)
        }
        ApiKey::DescribeCluster => Reply::new(request, &describe_cluster::handle(session, &request.decode()?, version)),
        ApiKey::DescribeConfigs => Reply::new(request, &describe_configs::handle(session, request.decode()?, version)),
        ApiKey::DescribeTopicPartitions => {
            Reply::new(request, &describe_topic_partitions::handle(session, request.decode()?))
        }
        ApiKey::DescribeLogDirs => Reply::new(request, &describe_log_dirs::handle(session, request.decode()?)),
        ApiKey::DescribeAcls => Reply::new(request, &describe_acls::handle(session, &request.decode()?)?),
        ApiKey::ListConfigResources => {
            Reply::new(request, &list_config_resources::handle(session, &request.decode()?, version))
        }
        ApiKey::DescribeClientQuotas => Reply::new(request, &describe_client_quotas::handle(&request.decode()?)),
        ApiKey::DescribeUserScramCredentials => {
            Reply::new(request, &describe_user_scram_credentials::handle(request.decode()?))
        }
        ApiKey::ListTransactions => Reply::new(request, &list_transactions::handle(request.decode()?)),
        ApiKey::DescribeTransactions => Reply::new(request, &describe_transactions::handle(request.decode()?)),
        ApiKey::DescribeProducers => Reply::new(request, &describe_producers::handle(session, request.decode()?)),
        ApiKey::ListPartitionReassignments => {
            request.decode::<ListPartitionReassignmentsRequest>()?;
            Reply::new(request, &list_partition_reassignments::handle())
        }
        ApiKey::ElectLeaders => Reply::new(request, &elect_leaders::handle(session, request.decode()?, version)),
        ApiKey::ConsumerGroupHeartbeat => {
            Reply::new(request, &consumer_group_heartbeat::handle(session, request, request.decode()?).await)
        }
        ApiKey::ConsumerGroupDescribe => {
            Reply::new(request, &consumer_group_describe::handle(session, request.decode()?, version))
        }
        ApiKey::InitProducerId => Reply::new(request, &init_producer_id::handle(session, &request.decode()?)),
        ApiKey::CreateTopics => Reply::new(request, &create_topics::handle(session, request, request.decode()?)),
        ApiKey::DeleteTopics => Reply::new(request, &delete_topics::handle(session, request, request.decode()?)),
        ApiKey::CreatePartitions => {
            Reply::new(request, &create_partitions::handle(session, request, request.decode()?))
        }
        ApiKey::DeleteRecords => Reply::new(request, &delete_records::handle(session, request, request.decode()?)),
        ApiKey::AlterConfigs => Reply::new(request, &alter_configs::handle(session, request, request.decode()?)),
        ApiKey::IncrementalAlterConfigs => {
            Reply::new(request, &alter_configs::handle_incremental(session, request, request.decode()?))
        }
        other => Err(kafka_wire::request_shape::ShapeError::UnknownApi { api_key: other as i16 }.into()),
    }
}

/// The code on the wire; 0 is success.
fn code<T>(outcome: &Result<T, ResponseError>) -> i16 {
    outcome.as_ref().err().map_or(0, ResponseError::code)
}

/// A group's refusal as Kafka's error.
fn group_error(error: GroupError) -> ResponseError {
    match error {
        GroupError::UnknownMemberId => ResponseError::UnknownMemberId,
        GroupError::IllegalGeneration => ResponseError::IllegalGeneration,
        GroupError::RebalanceInProgress => ResponseError::RebalanceInProgress,
        GroupError::InconsistentGroupProtocol => ResponseError::InconsistentGroupProtocol,
        GroupError::MemberIdRequired => ResponseError::MemberIdRequired,
        GroupError::FencedInstanceId => ResponseError::FencedInstanceId,
        GroupError::GroupMaxSizeReached => ResponseError::GroupMaxSizeReached,
        GroupError::CoordinatorNotAvailable => ResponseError::CoordinatorNotAvailable,
    }
}

/// The refusal of a consumer group as Kafka's error.
fn consumer_group_error(error: ConsumerGroupError) -> ResponseError {
    match error {
        ConsumerGroupError::InvalidRequest(_) => ResponseError::InvalidRequest,
        ConsumerGroupError::UnknownMemberId => ResponseError::UnknownMemberId,
        ConsumerGroupError::FencedMemberEpoch => ResponseError::FencedMemberEpoch,
        ConsumerGroupError::StaleMemberEpoch => ResponseError::StaleMemberEpoch,
        ConsumerGroupError::FencedInstanceId => ResponseError::FencedInstanceId,
        ConsumerGroupError::UnreleasedInstanceId => ResponseError::UnreleasedInstanceId,
        ConsumerGroupError::GroupIdNotFound => ResponseError::GroupIdNotFound,
        ConsumerGroupError::UnsupportedAssignor => ResponseError::UnsupportedAssignor,
        ConsumerGroupError::InvalidRegularExpression => ResponseError::InvalidRegularExpression,
        ConsumerGroupError::GroupMaxSizeReached => ResponseError::GroupMaxSizeReached,
        ConsumerGroupError::CoordinatorLoadInProgress => ResponseError::CoordinatorLoadInProgress,
        ConsumerGroupError::CoordinatorNotAvailable => ResponseError::CoordinatorNotAvailable,
        ConsumerGroupError::UnsupportedVersion => ResponseError::UnsupportedVersion,
        ConsumerGroupError::IllegalGeneration => ResponseError::IllegalGeneration,
    }
}

/// Why offsets could not be made durable, as Kafka's error: one that clients try again after.
fn commit_error(session: &Session, group: &str, error: &CommitError) -> ResponseError {
    tracing::warn!(app = %session.app_name, group, %error, "offsets of a consumer group are not committed");
    match error {
        // Committed again they are the same: an outcome that is unknown is no worse than none.
        CommitError::DiskFull { .. }
        | CommitError::ClockRefused(_)
        | CommitError::NoSegment { .. }
        | CommitError::Halted { .. }
        | CommitError::Unknown { .. }
        | CommitError::Stopping => ResponseError::CoordinatorNotAvailable,
        CommitError::Refused(_) | CommitError::TooManyIndexEntries { .. } | CommitError::RequestReused { .. } => {
            ResponseError::InvalidCommitOffsetSize
        }
    }
}

/// A group must be one that the session may see. Its name must be there and not too long; a NUL would end it in the
/// store's keys.
fn check_group(session: &Session, name: &str) -> Result<(), ResponseError> {
    session.check_group(name)?;
    let fits = (1..=limits::GROUP_NAME_BYTES_MAX).contains(&name.len()) && !name.contains('\0');
    if fits { Ok(()) } else { Err(ResponseError::InvalidGroupId) }
}

/// Whether one more group may be kept, if nothing is kept of this one.
fn check_groups_room(session: &Session, group: &str) -> Result<(), ResponseError> {
    let (is_known, groups) = session.app.knows_group(group);
    if is_known || groups < session.server.groups_per_app_max {
        return Ok(());
    }
    let app = &session.app_name;
    tracing::warn!(%app, group, groups, "the app has all the consumer groups that it may (--max-groups-per-app)");
    Err(ResponseError::GroupMaxSizeReached)
}

/// A topic of the session's app, by name. Logs it when the name is another app's.
fn topic_by_name(session: &Session, name: &str) -> Result<crate::topics::Topic, ResponseError> {
    let found = session.opens.by_name(&session.topics, name);
    if let Err(ResponseError::TopicAuthorizationFailed) = found {
        session.server.refusals.note_foreign_topic(session.peer, &session.who(), name);
    }
    found
}

/// What Kafka says beside an error of a topic.
fn topic_message(error: ResponseError, name: &str) -> StrBytes {
    match error {
        ResponseError::InvalidTopicException => crate::topics::why_invalid(name).into(),
        other => StrBytes::from_static_str(words(other)),
    }
}

/// What Kafka says of an error that it says nothing particular of.
fn words(error: ResponseError) -> &'static str {
    match error {
        ResponseError::ElectionNotNeeded => "Leader election not needed for topic partition.",
        ResponseError::InvalidRequest => {
            "This most likely occurs because of a request being malformed by the client library or the message was sent \
             to an incompatible broker. See the broker logs for more details."
        }
        ResponseError::TopicAuthorizationFailed => "Topic authorization failed.",
        ResponseError::UnknownTopicId => "This server does not host this topic ID.",
        ResponseError::UnknownTopicOrPartition => "This server does not host this topic-partition.",
        _ => "",
    }
}
