//! ConsumerGroupHeartbeat (68): a member of the consumer protocol (KIP-848) joins, goes on, leaves.

use kafka_protocol::{
    ResponseError,
    messages::{
        ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
        consumer_group_heartbeat_response::{Assignment as ResponseAssignment, TopicPartitions},
    },
    protocol::StrBytes,
};

use crate::{
    consumer_groups::{Assignment, Heartbeat, HeartbeatAnswer},
    generations, limits,
    opens::Opens,
    request::Request,
    session::Session,
};

/// From this version on members make their ids themselves (KIP-1082).
const OWN_ID_SINCE: i16 = 1;

pub(super) async fn handle(
    session: &Session,
    request: &Request,
    heartbeat: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    if let Err(error) = session.check_group(&heartbeat.group_id) {
        return refused(error, "Group authorization failed.");
    }
    if let Err(error) = check_subscription(session, &heartbeat) {
        return refused(error, "Topic authorization failed.");
    }
    if let Err(error) = check(session, &heartbeat) {
        return refused(error, "the name of the group or of the member is empty, too long, or has a NUL");
    }
    if heartbeat.member_epoch == 0
        && let Err(error) = super::check_groups_room(session, &heartbeat.group_id)
    {
        return refused(error, "the app has as many groups as it may (--max-groups-per-app)");
    }
    let key = session.group(&heartbeat.group_id);
    let noted = || generations::noted(session, &key.group);
    let heartbeat = to_heartbeat(session, request, heartbeat);
    let layout = session.topics.layout();
    let coordinator = &session.server.coordinator;
    let checked = heartbeat.check();
    match checked.and_then(|()| coordinator.consumer_heartbeat(&key, heartbeat, &layout, noted)) {
        Ok(answer) => {
            if answer.is_roster_new {
                generations::note_roster(session, &key).await;
            }
            to_response(answer)
        }
        Err(error) => refused(super::consumer_group_error(error), &error.to_string()),
    }
}

/// The server assigns topics to members: of those that they may see. A pattern could match others.
fn check_subscription(session: &Session, heartbeat: &ConsumerGroupHeartbeatRequest) -> Result<(), ResponseError> {
    if session.opens == Opens::App {
        return Ok(());
    }
    if heartbeat.subscribed_topic_regex.as_ref().is_some_and(|pattern| !pattern.is_empty()) {
        return Err(ResponseError::TopicAuthorizationFailed);
    }
    let names = heartbeat.subscribed_topic_names.iter().flatten();
    names.map(|name| super::topic_by_name(session, name)).try_for_each(|found| found.map(drop))
}

fn check(session: &Session, heartbeat: &ConsumerGroupHeartbeatRequest) -> Result<(), ResponseError> {
    if heartbeat.group_id.is_empty() {
        return Err(ResponseError::InvalidRequest);
    }
    super::check_group(session, &heartbeat.group_id)?;
    let names = [Some(&heartbeat.member_id), heartbeat.instance_id.as_ref(), heartbeat.rack_id.as_ref()];
    let is_too_long = |name: &&StrBytes| name.len() > limits::GROUP_NAME_BYTES_MAX;
    if names.iter().flatten().any(is_too_long) { Err(ResponseError::InvalidRequest) } else { Ok(()) }
}

fn to_heartbeat(session: &Session, request: &Request, heartbeat: ConsumerGroupHeartbeatRequest) -> Heartbeat {
    let text = |text: Option<StrBytes>| text.map(|text| text.to_string());
    let random = uuid::Uuid::from_bytes((session.server.random)());
    let timeout_ms = u64::try_from(heartbeat.rebalance_timeout_ms).ok();
    let owned = |topics: Vec<_>| -> Assignment {
        let partitions = |topic: kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions| {
            topic.partitions.into_iter().map(move |partition| (topic.topic_id, partition))
        };
        topics.into_iter().flat_map(partitions).collect()
    };
    Heartbeat {
        member_id: heartbeat.member_id.to_string(),
        member_epoch: heartbeat.member_epoch,
        instance_id: text(heartbeat.instance_id),
        rack_id: text(heartbeat.rack_id),
        rebalance_timeout_ms: timeout_ms.map(|ms| ms.min(limits::REBALANCE_TIMEOUT_MS_MAX.unsigned_abs().into())),
        names: heartbeat.subscribed_topic_names.map(|names| names.iter().map(|name| name.to_string()).collect()),
        regex: text(heartbeat.subscribed_topic_regex),
        assignor: text(heartbeat.server_assignor),
        owned: heartbeat.topic_partitions.map(owned),
        client_id: request.client_id.chars().take(128).collect(),
        client_host: format!("/{}", session.peer.ip()),
        new_member_id: random.to_string(),
        must_have_id: request.version >= OWN_ID_SINCE,
    }
}

fn to_response(answer: HeartbeatAnswer) -> ConsumerGroupHeartbeatResponse {
    let topic = |(id, partitions): (uuid::Uuid, &std::collections::BTreeSet<i32>)| {
        TopicPartitions::default().with_topic_id(id).with_partitions(partitions.iter().copied().collect())
    };
    let assignment = |assignment: Assignment| {
        ResponseAssignment::default().with_topic_partitions(assignment.topics().map(topic).collect())
    };
    ConsumerGroupHeartbeatResponse::default()
        .with_member_id(Some(answer.member_id.into()))
        .with_member_epoch(answer.member_epoch)
        .with_heartbeat_interval_ms(i32::try_from(answer.heartbeat_interval_ms).unwrap_or(i32::MAX))
        .with_assignment(answer.assignment.map(assignment))
}

fn refused(error: ResponseError, message: &str) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse::default()
        .with_error_code(error.code())
        .with_error_message(Some(message.to_owned().into()))
}
