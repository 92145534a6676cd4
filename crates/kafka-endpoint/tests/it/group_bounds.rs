//! Consumer groups stay bounded: offsets that nobody uses expire, and an app has so many groups and no more.

use std::time::Duration;

use crate::support::*;
use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest, SyncGroupRequest, TopicName,
    join_group_request::JoinGroupRequestProtocol,
    leave_group_request::MemberIdentity,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
};
use store::StoreOptions;

const GROUP_MAX_SIZE_REACHED: i16 = 81;

/// The code of a commit at the first offset.
async fn commit(wire: &mut Wire, group: &str, member: &str, generation: i32) -> i16 {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(0);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(TOPIC.to_owned().into()))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(group.to_owned().into()))
        .with_member_id(member.to_owned().into())
        .with_generation_id_or_member_epoch(generation)
        .with_topics(vec![topic]);
    wire.call(request, 7).await.topics[0].partitions[0].error_code
}

/// The code of a join by a client that is given its id at once, with that id and the generation.
async fn join(wire: &mut Wire, group: &str) -> (i16, String, i32) {
    let protocol = JoinGroupRequestProtocol::default().with_name("range".to_owned().into());
    let group = GroupId(group.to_owned().into());
    let request = JoinGroupRequest::default()
        .with_group_id(group.clone())
        .with_session_timeout_ms(60_000)
        .with_rebalance_timeout_ms(1_000)
        .with_protocol_type("consumer".to_owned().into())
        .with_protocols(vec![protocol]);
    let answer = wire.call(request, 3).await;
    if answer.error_code == 0 {
        let sync = SyncGroupRequest::default()
            .with_group_id(group)
            .with_generation_id(answer.generation_id)
            .with_member_id(answer.member_id.clone());
        assert_eq!(wire.call(sync, 3).await.error_code, 0);
    }
    (answer.error_code, answer.member_id.to_string(), answer.generation_id)
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_of_a_group_that_nobody_uses_expire_and_those_of_others_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let retention = Some(Duration::from_millis(400));
    let server =
        Server::start_tuned(directory, StoreOptions::default(), |options| options.offsets_retention = retention).await;
    let mut wire = server.connect("shop").await;
    let (code, member, generation) = join(&mut wire, "busy").await;
    assert_eq!((code, commit(&mut wire, "busy", &member, generation).await), (0, 0));
    // Three generations of groups come and go, and "busy" outlives them all.
    for name in ["first", "second", "third"] {
        assert_eq!(commit(&mut wire, name, "", -1).await, 0);
        until(|| server.app.committed_offsets(name).is_empty(), "offsets that nobody uses to expire").await;
        assert_eq!(server.app.group_last_used_ms(name), None, "nothing of the group is left");
    }
    assert_eq!(server.app.committed_offsets("busy").len(), 1);
    let beat = HeartbeatRequest::default()
        .with_group_id(GroupId("busy".to_owned().into()))
        .with_generation_id(generation)
        .with_member_id(member.clone().into());
    assert_eq!(wire.call(beat, 3).await.error_code, 0);
    let leaver = MemberIdentity::default().with_member_id(member.into());
    let leave =
        LeaveGroupRequest::default().with_group_id(GroupId("busy".to_owned().into())).with_members(vec![leaver]);
    assert_eq!(wire.call(leave, 3).await.error_code, 0);
    until(|| server.app.committed_offsets("busy").is_empty(), "the offsets of a group that was left to expire").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_group_was_last_used_outlives_a_restart() {
    let server = Server::start().await;
    let mut wire = server.connect("shop").await;
    let (_, member, generation) = join(&mut wire, "left").await;
    assert_eq!(commit(&mut wire, "left", &member, generation).await, 0);
    assert_eq!(server.app.group_last_used_ms("left"), None, "it is in use");
    let leaver = MemberIdentity::default().with_member_id(member.into());
    let leave =
        LeaveGroupRequest::default().with_group_id(GroupId("left".to_owned().into())).with_members(vec![leaver]);
    assert_eq!(wire.call(leave, 3).await.error_code, 0);
    until(|| server.app.group_last_used_ms("left").is_some(), "the end of its use to be noted").await;
    let noted = server.app.group_last_used_ms("left");
    let server = Server::start_in(server.stop().await).await;
    assert_eq!(server.app.group_last_used_ms("left"), noted);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_group_too_many_is_refused_and_those_that_are_there_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let server =
        Server::start_tuned(directory, StoreOptions::default(), |options| options.groups_per_app_max = 2).await;
    let mut wire = server.connect("shop").await;
    assert_eq!((commit(&mut wire, "a", "", -1).await, commit(&mut wire, "b", "", -1).await), (0, 0));
    assert_eq!(commit(&mut wire, "c", "", -1).await, GROUP_MAX_SIZE_REACHED);
    assert_eq!(join(&mut wire, "c").await.0, GROUP_MAX_SIZE_REACHED);
    assert_eq!((commit(&mut wire, "a", "", -1).await, join(&mut wire, "b").await.0), (0, 0));
    server.app.delete_offsets("a", None).await.unwrap();
    assert_eq!(commit(&mut wire, "c", "", -1).await, 0, "there is room again");
    server.stop().await;
}
