//! Groups that are odd: without a name, without members, unknown, expired; members that ask for what they may not.

use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, SyncGroupRequest,
    join_group_request::JoinGroupRequestProtocol,
    leave_group_request::MemberIdentity,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
    offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
    sync_group_request::SyncGroupRequestAssignment,
};
use kafka_protocol::{
    messages::ConsumerProtocolSubscription,
    protocol::{Encodable as _, StrBytes},
};

use super::{
    both::{Both, Difference, FOUR, difference, text, topic},
    support::TOPIC,
};

const NO_POSITION: &str =
    "a position below 0 is none: refused, so that a client's error does not lose the group's place";
const NO_NAME: &str = "a group without a name is refused, as clients do themselves since Kafka 2.2 (KIP-289)";
const ADOPTED: &str =
    "for some minutes after a start, members of a group that is not known are taken for those of before";
const FORGOTTEN: &str = "a group without members is forgotten, and whoever was one is told that they are none any more";

pub(super) const MEANT: &[Difference] = &[
    difference("OffsetCommit of -1", "topics.*.partitions.*.error_code", NO_POSITION),
    difference("OffsetCommit of -2", "topics.*.partitions.*.error_code", NO_POSITION),
    difference("OffsetCommit for no name", "topics.*.partitions.*.error_code", NO_NAME),
    difference("OffsetFetch for no name", "", NO_NAME),
    difference("DescribeGroups of no name", "", NO_NAME),
    difference("DeleteGroups of no name", "", NO_NAME),
    difference("DeleteGroups of one without offsets", "", "a group without offsets and members is forgotten already"),
    difference("SyncGroup of a stranger", "error_code", ADOPTED),
    difference("JoinGroup of a stranger", "", ADOPTED),
    difference("OffsetCommit of a generation of an unknown group", "topics.*.partitions.*.error_code", FORGOTTEN),
];

const NAME: &str = "member";

/// A member on each side, Kafka's first.
pub(super) struct Member {
    ids: [StrBytes; 2],
    generation: i32,
}

pub(super) async fn without_members(both: &mut Both) {
    coordinators(both).await;
    commits_without_members(both).await;
    unknown_groups(both).await;
}

fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

/// What is refused is refused at once.
pub(super) async fn before_the_first(both: &mut Both) {
    for kind in [2, 3, -1] {
        for version in [1, 3, 4, 6] {
            let find = FindCoordinatorRequest::default().with_key_type(kind);
            let find =
                if version >= 4 { find.with_coordinator_keys(vec![text("a")]) } else { find.with_key(text("a")) };
            both.ask(&format!("FindCoordinator of type {kind}"), find, version).await;
        }
    }
}

async fn coordinators(both: &mut Both) {
    for (kind, key) in [(0, "a"), (0, ""), (1, "a"), (1, "")] {
        for version in [1, 3, 4, 6] {
            let find = FindCoordinatorRequest::default().with_key_type(kind);
            let find =
                if version >= 4 { find.with_coordinator_keys(vec![text(key)]) } else { find.with_key(text(key)) };
            both.ask(&format!("FindCoordinator of type {kind}"), find, version).await;
        }
    }
}

fn commit(name: &str, generation: i32, member: &str, offset: i64) -> OffsetCommitRequest {
    commit_of((TOPIC, 0), name, generation, member, offset)
}

/// Of one partition, since Kafka answers for those that are not there first.
fn commit_of(
    (topic_name, index): (&str, i32),
    name: &str,
    generation: i32,
    member: &str,
    offset: i64,
) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(index)
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text("m")));
    let of = OffsetCommitRequestTopic::default().with_name(topic(topic_name)).with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(group(name))
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(text(member))
        .with_topics(vec![of])
}

fn fetch(names: &[&str], version: i16) -> OffsetFetchRequest {
    let group_of = |name: &&str| {
        let topics = OffsetFetchRequestTopics::default().with_name(topic(TOPIC)).with_partition_indexes(vec![0, 9]);
        let nonsense = OffsetFetchRequestTopics::default().with_name(topic("nonsense")).with_partition_indexes(vec![0]);
        OffsetFetchRequestGroup::default().with_group_id(group(name)).with_topics(Some(vec![topics, nonsense]))
    };
    if version >= 8 {
        return OffsetFetchRequest::default().with_groups(names.iter().map(group_of).collect());
    }
    OffsetFetchRequest::default().with_group_id(group(names[0])).with_topics(None)
}

async fn commits_without_members(both: &mut Both) {
    for version in [2, 8, 9] {
        both.ask("OffsetCommit of -1", commit("minus", -1, "", -1), version).await;
        both.ask("OffsetCommit of -2", commit("minus", -1, "", -2), version).await;
        both.ask("OffsetCommit for no name", commit("", -1, "", 5), version).await;
        both.ask("OffsetCommit", commit("stored", -1, "", 5), version).await;
        both.ask("OffsetCommit with a member's name", commit("named", -1, "somebody", 5), version).await;
        let unknown = commit("unknown", 3, "somebody", 5);
        both.ask("OffsetCommit of a generation of an unknown group", unknown, version).await;
        both.ask("OffsetCommit of a generation", commit("stored", 3, "somebody", 5), version).await;
        for nowhere in [(TOPIC, 9), ("nonsense", 0)] {
            both.ask("OffsetCommit of nothing", commit_of(nowhere, "stored", -1, "", 5), version).await;
            both.ask("OffsetCommit of nothing", commit_of(nowhere, "stored", 3, "somebody", 5), version).await;
        }
    }
    both.ask("OffsetFetch for no name", fetch(&[""], 9), 9).await;
    both.ask("OffsetFetch for no name", fetch(&[""], 7), 7).await;
}

async fn unknown_groups(both: &mut Both) {
    for version in [2, 7, 8, 9] {
        both.ask("OffsetFetch", fetch(&["unknown", "stored"], version), version).await;
    }
    for version in [0, 5, 6] {
        let describe = |name: &str| DescribeGroupsRequest::default().with_groups(vec![group(name)]);
        both.ask("DescribeGroups", describe("unknown"), version).await;
        both.ask("DescribeGroups", describe("stored"), version).await;
        both.ask("DescribeGroups of no name", describe(""), version).await;
    }
    let beat = |name: &str| HeartbeatRequest::default().with_group_id(group(name)).with_member_id(text("m"));
    let leave = |name: &str| {
        let member = MemberIdentity::default().with_member_id(text("m"));
        LeaveGroupRequest::default().with_group_id(group(name)).with_members(vec![member])
    };
    let sync = |name: &str| {
        SyncGroupRequest::default()
            .with_group_id(group(name))
            .with_member_id(text("m"))
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(Some(text("range")))
    };
    for name in ["unknown", "", "stored"] {
        both.ask("Heartbeat", beat(name), 4).await;
        both.ask("LeaveGroup", leave(name), 5).await;
        both.ask("SyncGroup without a protocol", sync(name).with_protocol_name(None), 5).await;
        both.ask("SyncGroup of a stranger", sync(name), 5).await;
        let old = sync(name).with_protocol_name(None).with_protocol_type(None);
        both.ask("SyncGroup of a stranger", old, 3).await;
    }
    both.ask("JoinGroup of a stranger", join("strange", "m"), 9).await;
    both.ask("JoinGroup without a group", join("", ""), 9).await;
    for name in ["unknown", "stored"] {
        both.ask("OffsetDelete", forget(name, "nonsense"), 0).await;
        both.ask("OffsetDelete", forget(name, TOPIC), 0).await;
    }
    both.ask("OffsetDelete", forget("", TOPIC), 0).await;
    let delete = |name| DeleteGroupsRequest::default().with_groups_names(vec![group(name)]);
    both.ask("DeleteGroups", delete("unknown"), 2).await;
    both.ask("DeleteGroups", delete("named"), 2).await;
    both.ask("DeleteGroups of one without offsets", delete("stored"), 2).await;
    both.ask("DeleteGroups of no name", delete(""), 2).await;
}

fn forget(name: &str, of: &str) -> OffsetDeleteRequest {
    let partitions = vec![OffsetDeleteRequestPartition::default()];
    let topic = OffsetDeleteRequestTopic::default().with_name(topic(of)).with_partitions(partitions);
    OffsetDeleteRequest::default().with_group_id(group(name)).with_topics(vec![topic])
}

fn join(name: &str, member: &str) -> JoinGroupRequest {
    let mut subscription = bytes::BytesMut::new();
    subscription.extend_from_slice(&[0, 0]);
    let topics: Vec<StrBytes> = vec![text(TOPIC)];
    ConsumerProtocolSubscription::default().with_topics(topics).encode(&mut subscription, 0).unwrap();
    let range = JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(subscription.freeze());
    JoinGroupRequest::default()
        .with_group_id(group(name))
        .with_member_id(text(member))
        .with_session_timeout_ms(6_000)
        .with_rebalance_timeout_ms(6_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![range])
}

/// One that joins and does odd things, and is not heard of afterwards.
pub(super) async fn a_member(both: &mut Both) -> Member {
    let (kafka, own) = both.ask("JoinGroup", join(NAME, ""), 9).await;
    let ids = [kafka.unwrap().member_id, own.unwrap().member_id];
    let each = ids.clone().map(|id| join(NAME, &id));
    let (kafka, own) = both.ask_each("JoinGroup", each, 9).await;
    let generation = kafka.unwrap().generation_id;
    assert_eq!(own.unwrap().generation_id, generation);
    let sync = |id: &StrBytes| sync(id, generation);
    let without = |id: &StrBytes| sync(id).with_protocol_name(None);
    let without_type = |id: &StrBytes| sync(id).with_protocol_type(None);
    both.ask_each("SyncGroup without a protocol", ids.each_ref().map(without), 5).await;
    both.ask_each("SyncGroup without a protocol", ids.each_ref().map(without_type), 5).await;
    let other = |id: &StrBytes| sync(id).with_protocol_name(Some(text("other")));
    both.ask_each("SyncGroup of another protocol", ids.each_ref().map(other), 5).await;
    both.ask_each("SyncGroup", ids.each_ref().map(sync), 5).await;
    for version in [2, 8, 9] {
        let of = |generation| ids.each_ref().map(|id| commit(NAME, generation, id, 7));
        both.ask_each("OffsetCommit", of(generation), version).await;
        both.ask_each("OffsetCommit of another generation", of(generation + 1), version).await;
        both.ask("OffsetCommit of nobody", commit(NAME, -1, "", 7), version).await;
        both.ask("OffsetCommit of a stranger", commit(NAME, generation, "stranger", 7), version).await;
    }
    both.ask("OffsetDelete of what is subscribed", forget(NAME, TOPIC), 0).await;
    both.ask("OffsetDelete of what is not subscribed", forget(NAME, FOUR), 0).await;
    both.ask("OffsetDelete of what is not there", forget(NAME, "nonsense"), 0).await;
    let beat = |id: &StrBytes| beat(id, generation);
    both.ask_each("Heartbeat", ids.each_ref().map(beat), 4).await;
    Member { ids, generation }
}

fn sync(id: &StrBytes, generation: i32) -> SyncGroupRequest {
    let assignment = SyncGroupRequestAssignment::default().with_member_id(id.clone());
    SyncGroupRequest::default()
        .with_group_id(group(NAME))
        .with_generation_id(generation)
        .with_member_id(id.clone())
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(vec![assignment.with_assignment(vec![1, 2].into())])
}

fn beat(id: &StrBytes, generation: i32) -> HeartbeatRequest {
    HeartbeatRequest::default().with_group_id(group(NAME)).with_generation_id(generation).with_member_id(id.clone())
}

pub(super) async fn after_the_session(both: &mut Both, Member { ids, generation }: Member) {
    both.wait_until_empty(NAME).await;
    let (beat, sync) = (|id: &StrBytes| beat(id, generation), |id: &StrBytes| sync(id, generation));
    both.ask_each("Heartbeat after the session", ids.each_ref().map(beat), 4).await;
    both.ask_each("SyncGroup after the session", ids.each_ref().map(sync), 5).await;
    for version in [2, 8, 9] {
        let of = ids.each_ref().map(|id| commit(NAME, generation, id, 8));
        both.ask_each("OffsetCommit after the session", of, version).await;
    }
    both.ask_each("JoinGroup after the session", ids.each_ref().map(|id| join(NAME, id)), 9).await;
}
