//! The consumer protocol (KIP-848) beside a real Apache Kafka: one script of requests is sent to both, and every answer
//! must be the same, but for the steps in [`DIFFERENT`].
//!
//! Members have the ids that the script gives them, topics the same names on both sides. Of an assignment the script
//! sees how many partitions of which topic: which of them a member gets is each assignor's own affair.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crate::support::*;
use bytes::Bytes;
use kafka_protocol::{
    messages::{
        ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
        CreateTopicsRequest, DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, GroupId,
        HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, MetadataRequest, OffsetCommitRequest,
        OffsetFetchRequest, ResponseHeader, SyncGroupRequest, TopicName,
        consumer_group_heartbeat_request::TopicPartitions,
        create_topics_request::CreatableTopic,
        join_group_request::JoinGroupRequestProtocol,
        leave_group_request::MemberIdentity,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
        sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::{Decodable as _, HeaderVersion as _, Request, StrBytes},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use topics::{Compression, LiveQuery, OnGap, QueryLanguage};
use uuid::Uuid;

const Q: &str = "user-consumable-shop.q";
const R: &str = "user-consumable-shop.r";

/// Steps whose answers differ from Kafka's, and what they are here.
const DIFFERENT: &[(&str, &str)] = &[
    // Java takes Kafka's GROUP_ID_NOT_FOUND for the end, and here groups are forgotten at a restart.
    ("goes on in a group that is not there", "error 25"),
    // Kafka resolves expressions a moment later, and makes an epoch of it then.
    ("regex: nothing matches", "epoch 2, interval 5000, {}"),
];

/// One of the two brokers.
enum Broker {
    Ours(Box<Wire>, Box<Server>),
    Kafkas(TcpStream),
}

impl Broker {
    async fn call<T: Request>(&mut self, request: T, version: i16) -> T::Response {
        match self {
            Broker::Ours(wire, _) => wire.call(request, version).await,
            Broker::Kafkas(stream) => {
                within(stream.write_all(&frame(&request, version, 7))).await.unwrap();
                let mut length = [0; 4];
                within(stream.read_exact(&mut length)).await.unwrap();
                let mut bytes = vec![0; i32::from_be_bytes(length).try_into().unwrap()];
                within(stream.read_exact(&mut bytes)).await.unwrap();
                let mut bytes = Bytes::from(bytes);
                ResponseHeader::decode(&mut bytes, T::Response::header_version(version)).unwrap();
                T::Response::decode(&mut bytes, version).unwrap()
            }
        }
    }

    async fn create_topic(&mut self, name: &str, partitions: u16) {
        match self {
            Broker::Ours(_, server) => {
                let live_query = LiveQuery {
                    name: name.rsplit('.').next().unwrap().to_owned(),
                    collection: None,
                    query: None,
                    query_language: QueryLanguage::Legacy,
                    partitions,
                    on_gap: OnGap::Requery,
                    compression: Compression::None,
                    permission: None,
                    created_ms: now_ms(),
                };
                server.topics.create(live_query).await.unwrap();
            }
            Broker::Kafkas(_) => {
                let topic = CreatableTopic::default()
                    .with_name(topic(name))
                    .with_num_partitions(partitions.into())
                    .with_replication_factor(1);
                let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000);
                assert_eq!(self.call(request, 7).await.topics[0].error_code, 0);
            }
        }
    }
}

fn topic(name: &str) -> TopicName {
    TopicName(name.to_owned().into())
}

fn text(text: &str) -> StrBytes {
    text.to_owned().into()
}

/// What a member was told last.
#[derive(Debug, Clone, Default)]
struct Told {
    epoch: i32,
    assigned: Vec<(Uuid, Vec<i32>)>,
}

/// A broker, and what it has said so far.
struct Run {
    broker: Broker,
    group: &'static str,
    members: BTreeMap<String, Told>,
    names: BTreeMap<Uuid, String>,
    said: Vec<(String, String)>,
}

impl Run {
    fn note(&mut self, step: &str, said: String) {
        self.said.push((step.to_owned(), said));
    }

    /// The epoch or generation of the last answer does not count: Kafka begins anew when an empty group changes over,
    /// and here it goes on unless the group has been forgotten meanwhile; and after a topic was made it is chance how
    /// many steps it takes until an expression matches it.
    fn forget_number(&mut self) {
        if let Some((_, said)) = self.said.last_mut() {
            let words = said.split(' ').map(|word| word.trim_end_matches(','));
            *said = words.filter(|word| word.parse::<i32>().is_err()).collect::<Vec<_>>().join(" ");
        }
    }

    fn beat(&self, member: &str) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(GroupId(text(self.group)))
            .with_member_id(text(member))
            .with_member_epoch(self.members.get(member).map_or(1, |told| told.epoch))
    }

    fn join(&self, member: &str, topics: &[&str]) -> ConsumerGroupHeartbeatRequest {
        self.beat(member)
            .with_member_epoch(0)
            .with_rebalance_timeout_ms(30_000)
            .with_subscribed_topic_names(Some(topics.iter().map(|name| topic(name)).collect()))
            .with_topic_partitions(Some(Vec::new()))
    }

    /// A heartbeat that says what the member has: what it was told last.
    fn acknowledge(&self, member: &str) -> ConsumerGroupHeartbeatRequest {
        let owned = self.members[member].assigned.iter();
        let owned = owned
            .map(|(id, partitions)| TopicPartitions::default().with_topic_id(*id).with_partitions(partitions.clone()));
        self.beat(member).with_topic_partitions(Some(owned.collect()))
    }

    async fn send(&mut self, step: &str, request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
        self.send_in(step, request, 1).await
    }

    async fn send_in(
        &mut self,
        step: &str,
        request: ConsumerGroupHeartbeatRequest,
        version: i16,
    ) -> ConsumerGroupHeartbeatResponse {
        let member = request.member_id.to_string();
        let answer = self.broker.call(request, version).await;
        let said = self.take_up(&member, &answer).await;
        self.note(step, said);
        answer
    }

    async fn take_up(&mut self, member: &str, answer: &ConsumerGroupHeartbeatResponse) -> String {
        if answer.error_code != 0 {
            return format!("error {}", answer.error_code);
        }
        let assigned = match &answer.assignment {
            Some(assignment) => {
                let topics = assignment.topic_partitions.iter();
                let assigned: Vec<_> = topics.map(|it| (it.topic_id, it.partitions.clone())).collect();
                self.members.entry(member.to_owned()).or_default().assigned.clone_from(&assigned);
                self.shares(&assigned).await
            }
            None => "as before".to_owned(),
        };
        self.members.entry(member.to_owned()).or_default().epoch = answer.member_epoch;
        format!("epoch {}, interval {}, {assigned}", answer.member_epoch, answer.heartbeat_interval_ms)
    }

    /// How many partitions of which topic.
    async fn shares(&mut self, assigned: &[(Uuid, Vec<i32>)]) -> String {
        if assigned.iter().any(|(id, _)| !self.names.contains_key(id)) {
            let metadata = self.broker.call(MetadataRequest::default().with_topics(None), 12).await;
            let named = metadata.topics.into_iter().map(|it| (it.topic_id, it.name.unwrap().to_string()));
            self.names.extend(named);
        }
        let shares = assigned.iter().map(|(id, partitions)| format!("{}: {}", self.names[id], partitions.len()));
        format!("{:?}", shares.collect::<BTreeSet<_>>())
    }

    /// The member's heartbeats, each acknowledged, until its share is this; then what it is told. For what Kafka does
    /// after a moment.
    async fn until(&mut self, step: &str, member: &str, share: &str) {
        let latest = Instant::now() + Duration::from_secs(20);
        loop {
            let request = self.acknowledge(member);
            let answer = self.broker.call(request, 1).await;
            self.take_up(member, &answer).await;
            let assigned = self.members[member].assigned.clone();
            let shares = self.shares(&assigned).await;
            if answer.error_code == 0 && shares == share {
                return self.note(step, shares);
            }
            if Instant::now() > latest {
                return self.note(step, format!("{shares} instead of {share}, error {}", answer.error_code));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn commit(&mut self, step: &str, member: &str, epoch: i32, version: i16) {
        let own = self.members.get(member).and_then(|told| Some(*told.assigned.first()?.1.first()?));
        self.commit_of(step, member, epoch, version, own.unwrap_or(0)).await;
    }

    async fn commit_of(&mut self, step: &str, member: &str, epoch: i32, version: i16, partition: i32) {
        let partition = OffsetCommitRequestPartition::default().with_partition_index(partition);
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(self.group)))
            .with_member_id(text(member))
            .with_generation_id_or_member_epoch(epoch)
            .with_topics(vec![
                OffsetCommitRequestTopic::default().with_name(topic(Q)).with_partitions(vec![partition]),
            ]);
        let answer = self.broker.call(request, version).await;
        self.note(step, format!("error {}", answer.topics[0].partitions[0].error_code));
    }

    async fn fetch(&mut self, step: &str, member: Option<&str>, epoch: i32) {
        let topics = OffsetFetchRequestTopics::default().with_name(topic(Q)).with_partition_indexes(vec![0]);
        let wanted = OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(text(self.group)))
            .with_member_id(member.map(text))
            .with_member_epoch(epoch)
            .with_topics(Some(vec![topics]));
        let answer = self.broker.call(OffsetFetchRequest::default().with_groups(vec![wanted]), 9).await;
        self.note(step, format!("error {}", answer.groups[0].error_code));
    }

    async fn describe(&mut self, step: &str) {
        let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![GroupId(text(self.group))]);
        let answer = self.broker.call(request, 1).await;
        let group = &answer.groups[0];
        let mut members: Vec<String> = group
            .members
            .iter()
            .map(|it| {
                let count =
                    |topics: &[kafka_protocol::messages::consumer_group_describe_response::TopicPartitions]| {
                        topics.iter().map(|topic| topic.partitions.len()).sum::<usize>()
                    };
                format!(
                    "{} {:?} epoch {} names {:?} regex {:?} has {} is to have {} type {}",
                    it.member_id.as_str(),
                    it.instance_id.as_deref(),
                    it.member_epoch,
                    it.subscribed_topic_names.iter().map(|name| name.to_string()).collect::<BTreeSet<_>>(),
                    it.subscribed_topic_regex.as_deref().unwrap_or_default(),
                    count(&it.assignment.topic_partitions),
                    count(&it.target_assignment.topic_partitions),
                    it.member_type,
                )
            })
            .collect();
        members.sort();
        let said = format!(
            "error {} {} epochs {} {} {} {members:#?}",
            group.error_code,
            group.group_state.as_str(),
            group.group_epoch,
            group.assignment_epoch,
            group.assignor_name.as_str()
        );
        self.note(step, said);
    }

    fn classic_join(&self, member: &str, kind: &str, metadata: Bytes) -> JoinGroupRequest {
        JoinGroupRequest::default()
            .with_group_id(GroupId(text(self.group)))
            .with_session_timeout_ms(30_000)
            .with_rebalance_timeout_ms(30_000)
            .with_member_id(text(member))
            .with_protocol_type(text(kind))
            .with_protocols(vec![
                JoinGroupRequestProtocol::default().with_name(text("cooperative-sticky")).with_metadata(metadata),
            ])
    }

    /// Joins in version 3, which gives an id at once; the member's id and generation.
    async fn send_classic_join(&mut self, step: &str, request: JoinGroupRequest) -> (StrBytes, i32) {
        let answer = self.broker.call(request, 3).await;
        let members = answer.members.len();
        self.note(step, format!("error {} generation {} members {members}", answer.error_code, answer.generation_id));
        (answer.member_id, answer.generation_id)
    }

    /// How many partitions of `q` the member is told of.
    async fn classic_sync(
        &mut self,
        step: &str,
        (member, generation): &(StrBytes, i32),
        assigns: Option<Bytes>,
    ) -> Bytes {
        let assignments = assigns
            .map(|bytes| SyncGroupRequestAssignment::default().with_member_id(member.clone()).with_assignment(bytes));
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(text(self.group)))
            .with_generation_id(*generation)
            .with_member_id(member.clone())
            .with_assignments(assignments.into_iter().collect());
        let answer = self.broker.call(request, 3).await;
        self.note(step, format!("error {} {} bytes", answer.error_code, answer.assignment.len()));
        answer.assignment
    }

    async fn classic_beat(&mut self, step: &str, (member, generation): &(StrBytes, i32)) {
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(text(self.group)))
            .with_generation_id(*generation)
            .with_member_id(member.clone());
        let answer = self.broker.call(request, 3).await;
        self.note(step, format!("error {}", answer.error_code));
    }

    async fn classic_leave(&mut self, step: &str, member: &StrBytes) {
        let request = LeaveGroupRequest::default()
            .with_group_id(GroupId(text(self.group)))
            .with_members(vec![MemberIdentity::default().with_member_id(member.clone())]);
        let answer = self.broker.call(request, 4).await;
        self.note(step, format!("error {} {}", answer.error_code, answer.members[0].error_code));
    }

    async fn administrate(&mut self, step: &str) {
        let id = GroupId(text(self.group));
        let described = self.broker.call(DescribeGroupsRequest::default().with_groups(vec![id.clone()]), 6).await;
        let deleted = self.broker.call(DeleteGroupsRequest::default().with_groups_names(vec![id.clone()]), 2).await;
        let listed = self.broker.call(ListGroupsRequest::default(), 5).await;
        let listed = listed.groups.iter().find(|it| it.group_id == id);
        let listed =
            listed.map(|it| (it.group_state.to_string(), it.group_type.to_string(), it.protocol_type.to_string()));
        let classic = &described.groups[0];
        let described = (classic.error_code, classic.group_state.to_string(), classic.members.len());
        self.note(step, format!("{described:?}, delete {}, {listed:?}", deleted.results[0].error_code));
    }
}

/// Version 1 of a consumer's subscription to `q`, with what it has.
fn subscription(assignment: Option<&Bytes>) -> Bytes {
    let mut bytes = vec![0, 1, 0, 0, 0, 1, 0, Q.len() as u8];
    bytes.extend_from_slice(Q.as_bytes());
    bytes.extend([0xff; 4]);
    match assignment {
        Some(assignment) => bytes.extend_from_slice(&assignment[2..assignment.len() - 4]),
        None => bytes.extend([0; 4]),
    }
    bytes.into()
}

/// Version 1 of an assignment of these partitions of `q`.
fn assignment(partitions: &[i32]) -> Bytes {
    let mut bytes = vec![0, 1, 0, 0, 0, 1, 0, Q.len() as u8];
    bytes.extend_from_slice(Q.as_bytes());
    bytes.extend((partitions.len() as i32).to_be_bytes());
    bytes.extend(partitions.iter().flat_map(|partition| partition.to_be_bytes()));
    bytes.extend([0xff; 4]);
    bytes.into()
}

/// Joining, giving back and taking, epochs, offsets, leaving.
async fn dynamic_members(run: &mut Run) {
    run.group = "dynamic";
    let join = run.join("a", &[Q]);
    run.send("a joins", join.clone()).await;
    run.send("a joins again: the answer was lost", join).await;
    let beat = run.beat("a");
    run.send("a goes on", beat.clone()).await;
    run.send("a has a greater epoch", beat.with_member_epoch(9)).await;
    run.describe("one member").await;
    let join = run.join("b", &[Q]);
    run.send("b joins", join).await;
    run.describe("two members, one waits").await;
    let beat = run.beat("b");
    run.send("b waits", beat).await;
    let beat = run.beat("a");
    run.send("a is told to give back", beat).await;
    let beat = run.beat("a");
    run.send("a has not", beat).await;
    run.describe("a has to give back").await;
    let acknowledged = run.acknowledge("a");
    run.send("a has", acknowledged).await;
    let beat = run.beat("b");
    run.send("b gets it", beat).await;
    run.describe("both have their shares").await;
    let again = run.join("a", &[Q]);
    run.send("a begins anew in the middle", again).await;
    let (epoch, owned) = (run.members["a"].epoch, run.acknowledge("a"));
    run.send("a has its epoch before", owned.with_member_epoch(epoch - 1)).await;
    let beat = run.beat("a");
    run.send("a has its epoch before, and does not say what it has", beat.with_member_epoch(epoch - 1)).await;
    let full = run.acknowledge("a").with_rebalance_timeout_ms(30_000);
    run.send("a says everything", full.with_subscribed_topic_names(Some(vec![topic(Q)]))).await;
    let beat = run.beat("x");
    run.send("a stranger", beat).await;
    run.commit("a commits", "a", epoch, 9).await;
    run.commit("a commits in an old version", "a", epoch, 8).await;
    run.commit("a commits in an older epoch", "a", epoch - 1, 9).await;
    run.commit("a commits in a newer epoch", "a", epoch + 1, 9).await;
    run.commit("b commits in an epoch before it had the partition", "b", epoch - 1, 9).await;
    run.commit("a stranger commits", "x", epoch, 9).await;
    run.commit("nobody commits", "", -1, 9).await;
    run.fetch("a fetches", Some("a"), epoch).await;
    run.fetch("a fetches in an older epoch", Some("a"), epoch - 1).await;
    run.fetch("a stranger fetches", Some("x"), epoch).await;
    run.fetch("nobody fetches", None, -1).await;
    run.administrate("an administrator looks").await;
    let leave = run.beat("b").with_member_epoch(-1);
    run.send("b leaves", leave.clone()).await;
    run.describe("b has left").await;
    run.send("b leaves again", leave).await;
    let beat = run.beat("a");
    run.send("a gets what b had", beat).await;
    let changed = run.acknowledge("a").with_subscribed_topic_names(Some(vec![topic(Q), topic("not-there")]));
    run.send("a subscribes to a topic that is not there", changed).await;
    let leave = run.beat("a").with_member_epoch(-1);
    run.send("a leaves", leave).await;
}

/// What is refused before the group is looked at.
async fn invalid_requests(run: &mut Run) {
    run.group = "invalid";
    let join = run.join("a", &[Q]);
    let beat = run.beat("a");
    let invalid = [
        ("no rebalance timeout", join.clone().with_rebalance_timeout_ms(-1)),
        ("no subscription", join.clone().with_subscribed_topic_names(None)),
        ("partitions are not said", join.clone().with_topic_partitions(None)),
        (
            "partitions at a join",
            join.clone().with_topic_partitions(Some(vec![TopicPartitions::default().with_partitions(vec![0])])),
        ),
        ("no member id", join.clone().with_member_id(text(""))),
        ("no group", join.clone().with_group_id(GroupId(text("")))),
        ("an empty instance id", join.clone().with_instance_id(Some(text("")))),
        ("an empty rack id", join.clone().with_rack_id(Some(text("")))),
        ("an epoch that is none", beat.clone().with_member_epoch(-3)),
        ("away without an instance id", beat.clone().with_member_epoch(-2)),
        ("an assignor that is not there", join.clone().with_server_assignor(Some(text("sticky")))),
        ("an expression that is none", join.clone().with_subscribed_topic_regex(Some(text("(")))),
        ("leaves a group that is not there", beat.clone().with_member_epoch(-1)),
        ("goes on in a group that is not there", beat.clone().with_member_epoch(5)),
        ("subscribes to nothing", join.clone().with_subscribed_topic_names(Some(Vec::new()))),
    ];
    for (step, request) in invalid {
        run.send(step, request).await;
    }
    let answer = run.broker.call(join.with_member_id(text("")).with_group_id(GroupId(text("old"))), 0).await;
    let made = answer.member_id.is_some_and(|id| !id.is_empty());
    run.note("version 0 makes an id", format!("error {} {made}", answer.error_code));
}

async fn static_members(run: &mut Run) {
    run.group = "static";
    let fixed = |request: ConsumerGroupHeartbeatRequest| request.with_instance_id(Some(text("i")));
    let join = fixed(run.join("one", &[Q]));
    run.send("static: one joins", join.clone()).await;
    let second = fixed(run.join("two", &[Q]));
    run.send("static: two joins while one is there", second.clone()).await;
    run.send("static: one joins again", join).await;
    let beat = fixed(run.beat("one"));
    run.send("static: one goes on", beat.clone()).await;
    let beat_without = run.beat("one");
    run.send("static: one goes on without its name", beat_without).await;
    run.send("static: a name that is not there", beat.clone().with_instance_id(Some(text("j")))).await;
    let dynamic = run.join("d", &[Q]);
    run.send("static: a dynamic one joins", dynamic).await;
    let beat = fixed(run.beat("one"));
    run.send("static: one is told to give back", beat).await;
    let acknowledged = fixed(run.acknowledge("one"));
    run.send("static: one has", acknowledged).await;
    let beat = run.beat("d");
    run.send("static: the dynamic one gets it", beat).await;
    let away = fixed(run.beat("one")).with_member_epoch(-2);
    run.send("static: one is away", away).await;
    run.describe("static: one is away, as described").await;
    run.send("static: two takes over", second).await;
    let beat = fixed(run.beat("one")).with_member_epoch(2);
    run.send("static: one comes back", beat).await;
    let beat = run.beat("d");
    run.send("static: the dynamic one goes on", beat).await;
    run.describe("static: two has taken over, as described").await;
    let leave = fixed(run.beat("two")).with_member_epoch(-1);
    run.send("static: two leaves for ever", leave).await;
    let beat = run.beat("d");
    run.send("static: the dynamic one gets all", beat).await;
}

/// Subscriptions by expression, new topics, the other assignor.
async fn subscriptions(run: &mut Run) {
    run.group = "regex";
    let both = format!("{{\"{Q}: 4\", \"{R}: 2\"}}");
    let by_regex = run.join("a", &[]).with_subscribed_topic_names(None);
    run.send("regex: nothing matches", by_regex.clone().with_subscribed_topic_regex(Some(text("nothing")))).await;
    let changed = run.acknowledge("a").with_subscribed_topic_regex(Some(text("user-consumable-shop\\.[qr]")));
    let answer = run.broker.call(changed, 1).await;
    run.take_up("a", &answer).await;
    run.until("regex: matches one", "a", &format!("{{\"{Q}: 4\"}}")).await;
    run.broker.create_topic(R, 2).await;
    // Kafka looks at expressions again after ten seconds at the earliest, a new one resolves at once.
    let changed = run.acknowledge("a").with_subscribed_topic_regex(Some(text("user-consumable-shop\\.(q|r)")));
    let answer = run.broker.call(changed, 1).await;
    run.take_up("a", &answer).await;
    run.until("regex: a new topic", "a", &both).await;
    let names = run.acknowledge("a").with_subscribed_topic_regex(Some(text("")));
    let names = names.with_subscribed_topic_names(Some(vec![topic(R)])).with_server_assignor(Some(text("range")));
    let answer = run.broker.call(names, 1).await;
    run.take_up("a", &answer).await;
    run.until("regex: names again", "a", &format!("{{\"{R}: 2\"}}")).await;
    let join = run.join("b", &[Q, R]).with_server_assignor(Some(text("range")));
    run.send("range: b joins", join).await;
    run.forget_number();
    run.until("range: a", "a", &format!("{{\"{R}: 1\"}}")).await;
    run.until("range: b", "b", &format!("{{\"{Q}: 4\", \"{R}: 1\"}}")).await;
}

/// Members of both protocols, and groups that go from one to the other.
async fn migration(run: &mut Run) {
    run.group = "connect";
    let join = run.classic_join("", "connect", Bytes::from_static(b"x"));
    run.send_classic_join("migration: a worker of Connect", join).await;
    let join = run.join("a", &[Q]);
    run.send("migration: a consumer joins workers of Connect", join).await;
    let beat = run.beat("a");
    run.send("migration: a consumer goes on among workers of Connect", beat).await;

    run.group = "moving";
    let join = run.classic_join("", "consumer", subscription(None));
    let mut old = run.send_classic_join("migration: a classic member", join).await;
    let has = run.classic_sync("migration: it leads", &old, Some(assignment(&[0, 1, 2, 3]))).await;
    let join = run.join("a", &[Q]);
    run.send("migration: a consumer joins", join).await;
    run.administrate("migration: an administrator looks").await;
    run.classic_beat("migration: the classic member has to rejoin", &old).await;
    let join = run.classic_join(&old.0, "consumer", subscription(Some(&has)));
    old = run.send_classic_join("migration: it rejoins", join).await;
    let has = run.classic_sync("migration: it is told to give back", &old, None).await;
    run.classic_beat("migration: it has to rejoin again", &old).await;
    let join = run.classic_join(&old.0, "consumer", subscription(Some(&has)));
    old = run.send_classic_join("migration: it has given back", join).await;
    run.classic_sync("migration: it has its share", &old, None).await;
    run.classic_beat("migration: it goes on", &old).await;
    run.commit("migration: it commits", &old.0.clone(), old.1, 9).await;
    run.commit("migration: it commits in an older generation", &old.0.clone(), old.1 - 1, 9).await;
    let beat = run.beat("a");
    run.send("migration: the consumer gets its share", beat).await;
    let wrong = run.classic_join("", "connect", Bytes::from_static(b"x"));
    run.send_classic_join("migration: a worker of Connect cannot join", wrong).await;
    let stranger = (text("x"), 1);
    run.classic_beat("migration: a stranger", &stranger).await;
    run.classic_leave("migration: a stranger leaves", &stranger.0).await;
    let consumer = (text("a"), run.members["a"].epoch);
    run.classic_beat("migration: a consumer sends a classic heartbeat", &consumer).await;
    let leave = run.beat("a").with_member_epoch(-1);
    run.send("migration: the consumer leaves", leave).await;
    run.administrate("migration: the group is a classic one again").await;
    let join = run.classic_join(&old.0, "consumer", subscription(Some(&has)));
    old = run.send_classic_join("migration: the classic member rejoins", join).await;
    run.classic_leave("migration: it leaves", &old.0).await;
    let join = run.join("a", &[Q]);
    run.send("migration: a consumer joins the empty group", join).await;
    run.forget_number();
    let leave = run.beat("a").with_member_epoch(-1);
    run.send("migration: and leaves it", leave).await;
    let join = run.classic_join("", "consumer", subscription(None));
    run.send_classic_join("migration: a classic member joins the empty group", join).await;
    run.forget_number();
}

async fn run_script(mut broker: Broker) -> Vec<(String, String)> {
    let latest = Instant::now() + Duration::from_secs(60);
    let find = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("dynamic")]);
    while broker.call(find.clone(), 4).await.coordinators[0].error_code != 0 {
        assert!(Instant::now() < latest, "the broker has no coordinator");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    broker.create_topic(Q, 4).await;
    let mut run = Run { broker, group: "ready", members: BTreeMap::new(), names: BTreeMap::new(), said: Vec::new() };
    // The coordinator learns of the topic a moment after it was made.
    let join = run.join("nobody", &[Q]);
    while run.broker.call(join.clone(), 1).await.assignment.is_none_or(|it| it.topic_partitions.is_empty()) {
        assert!(Instant::now() < latest, "the coordinator is not ready");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let leave = run.beat("nobody").with_member_epoch(-1);
    assert_eq!(run.broker.call(leave, 1).await.error_code, 0);
    dynamic_members(&mut run).await;
    invalid_requests(&mut run).await;
    static_members(&mut run).await;
    subscriptions(&mut run).await;
    migration(&mut run).await;
    if let Broker::Ours(wire, server) = run.broker {
        drop(wire);
        server.stop().await;
    }
    run.said
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_kafkas() {
    let kafka = tokio::task::spawn_blocking(|| {
        real_kafka::Broker::start_with("group.consumer.assignment.interval.ms=0\nauto.create.topics.enable=false")
    });
    let server = Server::start().await;
    let wire = server.connect("shop").await;
    let ours = run_script(Broker::Ours(Box::new(wire), Box::new(server))).await;
    let kafka = kafka.await.unwrap();
    let stream = TcpStream::connect(kafka.bootstrap()).await.unwrap();
    let kafkas = run_script(Broker::Kafkas(stream)).await;
    assert_eq!(ours.len(), kafkas.len());
    let mut wrong = Vec::new();
    for ((step, ours), (_, kafkas)) in ours.iter().zip(&kafkas) {
        let expected = DIFFERENT.iter().find(|(different, _)| different == step).map_or(kafkas.as_str(), |it| it.1);
        if ours != expected {
            wrong.push(format!("{step}\n  ours:    {ours}\n  Kafka's: {kafkas}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} answers:\n{}", wrong.len(), ours.len(), wrong.join("\n"));
}
