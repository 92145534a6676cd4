//! Groups that go from one protocol to the other, without sockets: time and ids are the test's.

use bytes::Bytes;
use uuid::Uuid;

use super::*;
use crate::{
    consumer_groups::{Assignment, ConsumerGroupState},
    groups::{GroupState, JoinAnswer, Protocol, SyncAnswer},
};

const T: Uuid = Uuid::from_u128(1);

struct World {
    groups: Coordination,
    key: GroupKey,
    now_ms: u64,
    layout: Arc<TopicLayout>,
    tokens: u64,
    /// Members of the classic protocol that have an id.
    known: BTreeSet<String>,
}

impl World {
    fn new() -> Self {
        let classic = groups::Settings { initial_delay_ms: 0, adopts_until_ms: 0 };
        let consumer = consumer_groups::Settings {
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            adopts_until_ms: 0,
            noted_name: str::to_owned,
        };
        Self {
            groups: Coordination::new(classic, consumer),
            key: GroupKey { app: "shop".into(), group: "g".into() },
            now_ms: 1_000,
            layout: Arc::new(TopicLayout::new([("t", T, 4)])),
            tokens: 0,
            known: BTreeSet::new(),
        }
    }

    fn answer(&mut self, token: Token) -> Option<Answer> {
        let mut found = None;
        while let Some((answered, answer)) = self.groups.poll_answer() {
            if answered == token {
                found = Some(answer);
            }
        }
        found
    }

    fn join_classic(&mut self, id: &str, owned: &[i32]) -> Option<JoinAnswer> {
        self.tokens += 1;
        let token = Token(self.tokens);
        let join = classic_join(id, owned);
        self.send_join(token, join);
        self.answer(token).map(|answer| match answer {
            Answer::Join(answer) => answer,
            other => panic!("{other:?}"),
        })
    }

    /// A member that has no id yet is given the one that the join wishes for.
    fn send_join(&mut self, token: Token, mut join: Join) {
        if self.known.insert(join.new_member_id.clone()) {
            join.member_id.clear();
        }
        let layout = self.layout.clone();
        self.groups.handle_join(self.now_ms, &self.key, token, join, &layout);
    }

    fn sync(&mut self, id: &str, generation: i32, assignments: Vec<(String, Bytes)>) -> SyncAnswer {
        self.tokens += 1;
        let token = Token(self.tokens);
        let sync = Sync {
            member_id: id.into(),
            instance_id: None,
            generation,
            protocol_type: None,
            protocol: None,
            assignments,
        };
        self.groups.handle_sync(self.now_ms, &self.key, token, sync);
        match self.answer(token) {
            Some(Answer::Sync(answer)) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn beat_classic(&mut self, id: &str, generation: i32) -> Result<(), GroupError> {
        let layout = self.layout.clone();
        self.groups.handle_heartbeat(self.now_ms, &self.key, (id, None, generation), &layout, || None)
    }

    fn beat(&mut self, heartbeat: Heartbeat) -> Result<HeartbeatAnswer, ConsumerGroupError> {
        let layout = self.layout.clone();
        self.groups.handle_consumer_heartbeat(self.now_ms, &self.key, heartbeat, &layout, || None)
    }

    fn commit(&mut self, id: &str, epoch: i32) -> Result<(), CommitRefusal> {
        let by = Committer { member_id: id, instance_id: None, epoch, is_of_consumer_protocol: true };
        self.groups.check_commit(self.now_ms, &self.key, by, || None)
    }

    /// A stable classic group of one member with all four partitions.
    fn classic() -> (Self, i32) {
        let mut world = Self::new();
        let generation = world.join_classic("a", &[]).unwrap().generation;
        world.sync("a", generation, vec![("a".into(), assignment(&[0, 1, 2, 3]))]);
        assert_eq!(world.classic_state(), Some(GroupState::Stable));
        (world, generation)
    }

    fn classic_state(&self) -> Option<GroupState> {
        self.groups.classic().describe(&self.key).map(|view| view.state)
    }

    fn consumer_state(&self) -> Option<ConsumerGroupState> {
        self.groups.consumer().describe(&self.key).map(|(view, _)| view.state)
    }
}

/// Version 1 of a consumer's subscription to `t`.
fn subscription(owned: &[i32]) -> Bytes {
    let mut bytes = vec![0, 1, 0, 0, 0, 1, 0, 1, b't', 0xff, 0xff, 0xff, 0xff];
    bytes.extend_from_slice(&assignment(owned)[2..]);
    bytes.truncate(bytes.len() - 4); // no user data behind owned partitions
    bytes.into()
}

/// Version 1 of an assignment of these partitions of `t`.
fn assignment(partitions: &[i32]) -> Bytes {
    let mut bytes = vec![0, 1, 0, 0, 0, 1, 0, 1, b't'];
    bytes.extend((partitions.len() as i32).to_be_bytes());
    bytes.extend(partitions.iter().flat_map(|partition| partition.to_be_bytes()));
    bytes.extend([0xff; 4]);
    bytes.into()
}

fn classic_join(id: &str, owned: &[i32]) -> Join {
    Join {
        member_id: id.into(),
        instance_id: None,
        new_member_id: id.into(),
        must_know_its_id: false,
        can_skip_assignment: false,
        client_id: "test".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 20_000,
        protocol_type: "consumer".into(),
        protocols: vec![Protocol { name: "cooperative-sticky".into(), metadata: subscription(owned) }],
        noted_generation: 0,
    }
}

fn heartbeat(id: &str, epoch: i32) -> Heartbeat {
    Heartbeat { member_id: id.into(), member_epoch: epoch, must_have_id: true, ..Heartbeat::default() }
}

fn join(id: &str) -> Heartbeat {
    Heartbeat {
        rebalance_timeout_ms: Some(30_000),
        names: Some(["t".to_owned()].into()),
        owned: Some(Assignment::default()),
        ..heartbeat(id, 0)
    }
}

#[test]
fn a_group_goes_to_the_consumer_protocol_and_back_without_a_partition_at_two_members() {
    let (mut world, generation) = World::classic();
    let joined = world.beat(join("b")).unwrap();
    assert_eq!(joined.assignment.map(|it| it.len()), Some(0), "a has everything");
    assert_eq!((world.classic_state(), world.consumer_state()), (None, Some(ConsumerGroupState::Reconciling)));
    assert_eq!(world.commit("a", generation), Ok(()));
    assert_eq!(world.beat_classic("a", generation), Err(GroupError::RebalanceInProgress));
    let rejoined = world.join_classic("a", &[0, 1, 2, 3]).unwrap();
    assert_eq!((rejoined.error, rejoined.generation, rejoined.leader.as_str()), (None, generation, ""));
    let told = world.sync("a", generation, Vec::new());
    assert_eq!((told.error, told.assignment), (None, assignment(&[0, 1])), "gives two back");
    assert_eq!(world.beat(heartbeat("b", joined.member_epoch)).unwrap().assignment, None);
    assert_eq!(world.beat_classic("a", generation), Err(GroupError::RebalanceInProgress));
    let given = world.join_classic("a", &[0, 1]).unwrap();
    assert_eq!(given.generation, joined.member_epoch, "it has given them back, and is in the group's epoch");
    assert_eq!(world.sync("a", given.generation, Vec::new()).assignment, assignment(&[0, 1]));
    let got = world.beat(heartbeat("b", joined.member_epoch)).unwrap().assignment.unwrap();
    assert_eq!(got.iter().map(|(_, partition)| partition).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(world.consumer_state(), Some(ConsumerGroupState::Stable));
    assert_eq!(world.beat_classic("a", given.generation), Ok(()));
    let stale = CommitRefusal::Consumer(ConsumerGroupError::IllegalGeneration);
    assert_eq!((world.commit("a", given.generation), world.commit("a", 1)), (Ok(()), Err(stale)));

    world.beat(heartbeat("b", -1)).unwrap();
    assert_eq!(world.consumer_state(), None);
    assert_eq!(world.classic_state(), Some(GroupState::PreparingRebalance));
    let epoch = given.generation;
    assert_eq!(world.beat_classic("a", epoch), Err(GroupError::RebalanceInProgress));
    let alone = world.join_classic("a", &[0, 1]).unwrap();
    assert!(alone.error.is_none() && alone.generation > epoch && alone.leader == "a");
}

#[test]
fn empty_groups_change_over_in_both_directions() {
    let (mut world, _) = World::classic();
    let leaver = Leaver { member_id: "a".into(), instance_id: None };
    assert_eq!(world.groups.handle_leave(world.now_ms, &world.key, &[leaver]), [Ok(())]);
    let joined = world.beat(join("b")).unwrap();
    assert_eq!(joined.assignment.map(|it| it.len()), Some(4));
    world.beat(heartbeat("b", -1)).unwrap();
    assert_eq!(world.join_classic("c", &[]).unwrap().leader, "c");
    assert_eq!((world.groups.len(), world.consumer_state()), (1, None));
}

#[test]
fn a_group_that_is_not_of_consumers_stays_what_it_is() {
    let mut world = World::new();
    let connect = Join { protocol_type: "connect".into(), ..classic_join("w", &[]) };
    world.send_join(Token(9), connect);
    assert!(world.answer(Token(9)).is_some());
    assert_eq!(world.beat(join("b")), Err(ConsumerGroupError::GroupIdNotFound));
    assert_eq!(world.beat(heartbeat("b", 3)), Err(ConsumerGroupError::GroupIdNotFound));
    assert_eq!(world.classic_state(), Some(GroupState::CompletingRebalance));
}

#[test]
fn a_classic_member_that_does_not_rejoin_is_put_out() {
    let (mut world, generation) = World::classic();
    world.beat(join("b")).unwrap();
    for _ in 0..8 {
        world.now_ms += 3_000;
        world.groups.poll(world.now_ms);
        let _ = world.beat_classic("a", generation); // it lives, and does not rejoin
    }
    let got = world.beat(Heartbeat { owned: Some(Assignment::default()), ..heartbeat("b", 2) }).unwrap();
    assert_eq!(got.assignment.map(|it| it.len()), Some(4));
    assert_eq!(world.beat_classic("a", generation), Err(GroupError::UnknownMemberId));
    let foreign = Join { protocol_type: "connect".into(), ..classic_join("w", &[]) };
    world.send_join(Token(99), foreign);
    let Some(Answer::Join(refused)) = world.answer(Token(99)) else { panic!("no answer") };
    assert_eq!(refused.error, Some(GroupError::InconsistentGroupProtocol));
}

#[test]
fn members_that_wait_are_told_to_rejoin_when_the_group_changes_over() {
    let (mut world, _) = World::classic();
    world.send_join(Token(50), classic_join("c", &[]));
    assert_eq!(world.answer(Token(50)), None, "a has to rejoin first");
    world.beat(join("b")).unwrap();
    let Some(Answer::Join(told)) = world.answer(Token(50)) else { panic!("no answer") };
    assert_eq!(told.error, Some(GroupError::RebalanceInProgress));
    assert_eq!(world.join_classic("c", &[]).unwrap().error, None);
    world.groups.close(world.now_ms);
    assert_eq!(world.beat(heartbeat("b", 1)), Err(ConsumerGroupError::CoordinatorNotAvailable));
    assert_eq!(world.join_classic("c", &[]).unwrap().error, Some(GroupError::CoordinatorNotAvailable));
}
