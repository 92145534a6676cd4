//! Consumer groups across a restart, and what one app's groups may take up.

use crate::support::*;
use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, OffsetCommitRequest,
    SyncGroupRequest, TopicName,
    join_group_request::JoinGroupRequestProtocol,
    leave_group_request::MemberIdentity,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
};

const GROUP: &str = "readers";
const INVALID_GROUP_ID: i16 = 24;
const UNKNOWN_MEMBER_ID: i16 = 25;
const REBALANCE_IN_PROGRESS: i16 = 27;
const INVALID_COMMIT_OFFSET_SIZE: i16 = 28;
const MEMBER_ID_REQUIRED: i16 = 79;

fn join(member: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default().with_name("range".to_owned().into());
    JoinGroupRequest::default()
        .with_group_id(GroupId(GROUP.to_owned().into()))
        .with_session_timeout_ms(60_000)
        .with_rebalance_timeout_ms(1_000)
        .with_member_id(member.to_owned().into())
        .with_protocol_type("consumer".to_owned().into())
        .with_protocols(vec![protocol])
}

async fn joined(wire: &mut Wire, member: &str) -> JoinGroupResponse {
    let answer = wire.call(join(member), 7).await;
    assert_eq!(answer.error_code, 0);
    let sync = SyncGroupRequest::default()
        .with_group_id(GroupId(GROUP.to_owned().into()))
        .with_generation_id(answer.generation_id)
        .with_member_id(answer.member_id.clone());
    assert_eq!(wire.call(sync, 3).await.error_code, 0);
    answer
}

async fn new_member(wire: &mut Wire) -> JoinGroupResponse {
    let first = wire.call(join(""), 7).await;
    assert_eq!(first.error_code, MEMBER_ID_REQUIRED);
    joined(wire, &first.member_id).await
}

fn offsets(group: &str, member: &str, generation: i32, metadata: &str) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(0)
        .with_committed_metadata(Some(metadata.to_owned().into()));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(TOPIC.to_owned().into()))
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(GroupId(group.to_owned().into()))
        .with_member_id(member.to_owned().into())
        .with_generation_id_or_member_epoch(generation)
        .with_topics(vec![topic])
}

async fn commit(wire: &mut Wire, of: &JoinGroupResponse) -> i16 {
    let answer = wire.call(offsets(GROUP, &of.member_id, of.generation_id, ""), 7).await;
    answer.topics[0].partitions[0].error_code
}

async fn heartbeat(wire: &mut Wire, of: &JoinGroupResponse) -> i16 {
    let request = HeartbeatRequest::default()
        .with_group_id(GroupId(GROUP.to_owned().into()))
        .with_generation_id(of.generation_id)
        .with_member_id(of.member_id.clone());
    wire.call(request, 3).await.error_code
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_members_go_on_and_zombies_are_refused() {
    let server = Server::start().await;
    let mut wire = server.connect("shop").await;
    let zombie = new_member(&mut wire).await;
    // It does not come to the rebalance, and is put out.
    let survivor = new_member(&mut server.connect("shop").await).await;
    assert!(survivor.generation_id > zombie.generation_id);
    assert_eq!(commit(&mut wire, &zombie).await, UNKNOWN_MEMBER_ID);

    let server = Server::start_in(server.stop().await).await;
    let mut wire = server.connect("shop").await;
    assert_eq!(commit(&mut wire, &zombie).await, UNKNOWN_MEMBER_ID);
    assert_eq!(heartbeat(&mut wire, &zombie).await, UNKNOWN_MEMBER_ID);
    let mut stale = survivor.clone();
    stale.generation_id = zombie.generation_id;
    assert_eq!(commit(&mut wire, &stale).await, UNKNOWN_MEMBER_ID);
    assert_eq!(heartbeat(&mut wire, &survivor).await, REBALANCE_IN_PROGRESS);
    assert_eq!(commit(&mut wire, &survivor).await, 0, "it has read on meanwhile");
    let again = joined(&mut wire, &survivor.member_id).await;
    assert_eq!(again.member_id, survivor.member_id);
    assert!(again.generation_id > survivor.generation_id);
    assert_eq!(commit(&mut wire, &again).await, 0);
    assert_eq!(commit(&mut wire, &zombie).await, UNKNOWN_MEMBER_ID);

    let leaver = MemberIdentity::default().with_member_id(again.member_id.clone());
    let leave = LeaveGroupRequest::default().with_group_id(GroupId(GROUP.to_owned().into())).with_members(vec![leaver]);
    assert_eq!(wire.call(leave, 3).await.error_code, 0);
    until(|| server.app.group_generation(GROUP).is_none(), "the note of a group without members to go").await;
    let server = Server::start_in(server.stop().await).await;
    let mut wire = server.connect("shop").await;
    assert_eq!(commit(&mut wire, &again).await, UNKNOWN_MEMBER_ID, "it had left");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_members_are_noted_has_no_offsets() {
    let server = Server::start().await;
    let mut wire = server.connect("shop").await;
    let member = new_member(&mut wire).await;
    assert_eq!(server.app.group_generation(GROUP).unwrap().number, member.generation_id);
    assert!(server.app.groups_with_offsets().is_empty() && server.app.committed_offsets(GROUP).is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_of_one_app_are_bounded_and_another_apps_are_taken() {
    let server = Server::start().await;
    let metadata = "m".repeat(kafka_endpoint::limits::OFFSET_METADATA_BYTES_MAX);
    // As many as there is room for, and one.
    let groups = kafka_endpoint::limits::OFFSETS_BYTES_PER_APP_MAX / (1_000 * metadata.len());
    for group in 0..=groups {
        let offset = store::CommittedOffset { offset: 0, leader_epoch: 0, metadata: metadata.clone() };
        let offsets = (0..1_000).map(|partition| ("t".to_owned(), partition, offset.clone()));
        server.app.commit_offsets(&group.to_string(), offsets.collect()).await.unwrap();
    }
    let mut wire = server.connect("shop").await;
    let code = |answer: kafka_protocol::messages::OffsetCommitResponse| answer.topics[0].partitions[0].error_code;
    assert_eq!(code(wire.call(offsets("new", "", -1, ""), 7).await), INVALID_COMMIT_OFFSET_SIZE);
    assert!(server.app.committed_offsets("new").is_empty());
    let mut other = server.connect("other").await;
    let mut request = offsets("new", "", -1, "");
    request.topics[0].name = TopicName("user-consumable-other".to_owned().into());
    assert_eq!(code(other.call(request, 7).await), 0);
    for group in ["0", "1"] {
        server.app.delete_offsets(group, None).await.unwrap();
    }
    assert_eq!(code(wire.call(offsets("new", "", -1, ""), 7).await), 0, "there is room again");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_groups_name_with_a_nul_is_refused() {
    let server = Server::start().await;
    let answer = server.connect("shop").await.call(offsets("a\0b", "", -1, ""), 7).await;
    assert_eq!(answer.topics[0].partitions[0].error_code, INVALID_GROUP_ID);
    server.stop().await;
}
