//! Scenarios, without sockets: time and ids are the test's.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// A group, a clock, and what came back.
struct World {
    groups: Groups,
    key: GroupKey,
    now_ms: u64,
    tokens: u64,
    answers: Vec<(Token, Answer)>,
    /// The generation that was noted before the start, and its members.
    noted: (i32, Vec<&'static str>),
}

impl World {
    fn new() -> Self {
        Self::with(Settings { initial_delay_ms: 0, adopts_until_ms: 0 })
    }

    fn with(settings: Settings) -> Self {
        let key = GroupKey { app: "shop".into(), group: "g".into() };
        Self {
            groups: Groups::new(settings),
            key,
            now_ms: 1_000,
            tokens: 0,
            answers: Vec::new(),
            noted: (0, Vec::new()),
        }
    }

    fn noted_of(&self, member: &str) -> Option<i32> {
        self.noted.1.contains(&member).then_some(self.noted.0)
    }

    fn token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }

    fn join(&mut self, join: Join) -> Token {
        let token = self.token();
        self.groups.handle_join(self.now_ms, &self.key, token, join);
        self.collect();
        token
    }

    fn sync(&mut self, sync: Sync) -> Token {
        let token = self.token();
        self.groups.handle_sync(self.now_ms, &self.key, token, sync);
        self.collect();
        token
    }

    fn pass_ms(&mut self, ms: u64) {
        let until_ms = self.now_ms + ms;
        while let Some(due_ms) = self.groups.poll_timeout().filter(|due_ms| *due_ms <= until_ms) {
            self.now_ms = self.now_ms.max(due_ms);
            self.groups.poll(self.now_ms);
        }
        self.now_ms = until_ms;
        self.groups.poll(self.now_ms);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(answer) = self.groups.poll_answer() {
            assert!(self.answers.iter().all(|(token, _)| *token != answer.0), "{answer:?} is a second answer");
            self.answers.push(answer);
        }
    }

    fn joined(&self, token: Token) -> Option<JoinAnswer> {
        match &self.answers.iter().find(|(answered, _)| *answered == token)?.1 {
            Answer::Join(answer) => Some(answer.clone()),
            other => panic!("{other:?}"),
        }
    }

    fn synced(&self, token: Token) -> Option<Result<Bytes, GroupError>> {
        match &self.answers.iter().find(|(answered, _)| *answered == token)?.1 {
            Answer::Sync(answer) => Some(answer.error.map_or(Ok(answer.assignment.clone()), Err)),
            other => panic!("{other:?}"),
        }
    }

    fn state(&self) -> Option<GroupState> {
        self.groups.describe(&self.key).map(|view| view.state)
    }

    fn heartbeat(&mut self, member: &str, generation: i32) -> Result<(), GroupError> {
        let noted = self.noted_of(member);
        self.groups.handle_heartbeat(self.now_ms, &self.key, member, None, generation, || noted)
    }

    fn commit(&mut self, member: &str, generation: i32) -> Result<(), GroupError> {
        let noted = self.noted_of(member);
        self.groups.check_commit(self.now_ms, &self.key, member, None, generation, || noted)
    }

    fn leave(&mut self, member: &str) -> Result<(), GroupError> {
        let leaver = Leaver { member_id: member.into(), instance_id: None };
        let result = self.groups.handle_leave(self.now_ms, &self.key, &[leaver]).remove(0);
        self.collect();
        result
    }

    /// Two members, `a` the leader, in a stable generation.
    fn stable_pair() -> (Self, i32) {
        let mut world = Self::new();
        let first = world.join(new("a"));
        assert_eq!(world.joined(first).unwrap().generation, 1);
        let second = world.join(new("b"));
        assert_eq!(world.joined(second), None, "waits for a");
        let again = world.join(known("a"));
        let generation = world.joined(again).unwrap().generation;
        assert_eq!(world.joined(second).unwrap().generation, generation);
        world.sync(led("a", generation, &["a", "b"]));
        world.sync(follows("b", generation));
        assert_eq!(world.state(), Some(GroupState::Stable));
        (world, generation)
    }
}

fn protocols(names: &[&str]) -> Vec<Protocol> {
    names.iter().map(|name| Protocol { name: (*name).into(), metadata: Bytes::from_static(b"topics") }).collect()
}

fn new(id: &str) -> Join {
    Join {
        member_id: String::new(),
        instance_id: None,
        new_member_id: id.into(),
        must_know_its_id: false,
        can_skip_assignment: false,
        client_id: "test".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".into(),
        protocols: protocols(&["range", "cooperative-sticky"]),
        noted_generation: 0,
    }
}

fn known(id: &str) -> Join {
    Join { member_id: id.into(), new_member_id: "unused".into(), ..new("") }
}

fn fixed(instance: &str, id: &str) -> Join {
    Join { instance_id: Some(instance.into()), ..new(id) }
}

fn follows(member: &str, generation: i32) -> Sync {
    Sync {
        member_id: member.into(),
        instance_id: None,
        generation,
        protocol_type: None,
        protocol: None,
        assignments: Vec::new(),
    }
}

fn led(member: &str, generation: i32, to: &[&str]) -> Sync {
    let assignments = to.iter().map(|id| ((*id).to_owned(), Bytes::from((*id).to_owned()))).collect();
    Sync { assignments, ..follows(member, generation) }
}

#[test]
fn one_member_gets_what_it_assigns_itself() {
    let mut world = World::new();
    let join = world.join(new("a"));
    let answer = world.joined(join).unwrap();
    assert_eq!((answer.error, answer.generation, answer.leader.as_str()), (None, 1, "a"));
    assert_eq!((answer.protocol.as_deref(), answer.protocol_type.as_deref()), (Some("range"), Some("consumer")));
    assert_eq!(answer.members.len(), 1);
    let sync = world.sync(led("a", 1, &["a"]));
    assert_eq!(world.synced(sync), Some(Ok(Bytes::from("a"))));
    assert_eq!(world.heartbeat("a", 1), Ok(()));
    assert_eq!(world.commit("a", 1), Ok(()));
}

#[test]
fn a_new_client_first_learns_its_id() {
    let mut world = World::new();
    let join = world.join(Join { must_know_its_id: true, ..new("a") });
    let answer = world.joined(join).unwrap();
    assert_eq!((answer.error, answer.member_id.as_str()), (Some(GroupError::MemberIdRequired), "a"));
    let join = world.join(known("a"));
    assert_eq!(world.joined(join).unwrap().generation, 1);
}

#[test]
fn an_id_that_nobody_comes_back_with_holds_up_a_rebalance_only_so_long() {
    let mut world = World::new();
    world.join(Join { must_know_its_id: true, ..new("gone") });
    let join = world.join(new("a"));
    assert_eq!(world.joined(join), None);
    world.pass_ms(limits::PENDING_MEMBER_MS_MAX);
    assert_eq!(world.joined(join).unwrap().members.len(), 1);
    let late = world.join(known("gone"));
    assert_eq!(world.joined(late).unwrap().error, Some(GroupError::UnknownMemberId));
}

#[test]
fn the_first_members_of_an_empty_group_come_together() {
    let mut world = World::with(Settings { initial_delay_ms: 50, adopts_until_ms: 0 });
    let (first, second) = (world.join(new("a")), world.join(new("b")));
    world.pass_ms(49);
    assert_eq!(world.joined(first), None);
    world.pass_ms(1);
    assert_eq!(world.joined(first).unwrap().members.len(), 2);
    assert_eq!(world.joined(second).unwrap().generation, 1);
}

#[test]
fn a_follower_that_syncs_before_the_leader_waits_for_it() {
    let (mut world, generation) = World::stable_pair();
    let (a, b) = (world.join(known("a")), world.join(known("b")));
    assert_eq!(
        (world.joined(a).unwrap().generation, world.joined(b).unwrap().generation),
        (generation + 1, generation + 1)
    );
    let early = world.sync(follows("b", generation + 1));
    assert_eq!(world.synced(early), None);
    world.sync(led("a", generation + 1, &["a", "b"]));
    assert_eq!(world.synced(early), Some(Ok(Bytes::from("b"))));
    let late = world.sync(follows("b", generation + 1));
    assert_eq!(world.synced(late), Some(Ok(Bytes::from("b"))), "and again when it is stable");
}

#[test]
fn when_a_member_dies_the_other_takes_over() {
    let (mut world, generation) = World::stable_pair();
    world.pass_ms(6_000);
    assert_eq!(world.heartbeat("a", generation), Ok(()));
    world.pass_ms(4_000); // b's session ends
    assert_eq!(world.heartbeat("b", generation), Err(GroupError::UnknownMemberId));
    assert_eq!(world.heartbeat("a", generation), Err(GroupError::RebalanceInProgress));
    assert_eq!(world.commit("a", generation), Ok(()), "what it has read it may still commit");
    let join = world.join(known("a"));
    let answer = world.joined(join).unwrap();
    assert_eq!((answer.generation, answer.members.len()), (generation + 1, 1));
}

#[test]
fn a_member_that_does_not_rejoin_is_put_out_when_the_rebalance_ends() {
    let (mut world, generation) = World::stable_pair();
    let third = world.join(new("c"));
    let first = world.join(known("a"));
    for _ in 0..12 {
        world.pass_ms(5_000);
        let _ = world.heartbeat("b", generation); // alive, but it does not rejoin
    }
    let answer = world.joined(first).unwrap();
    let members: Vec<&str> = answer.members.iter().map(|member| member.id.as_str()).collect();
    assert_eq!(members, ["a", "c"]);
    assert_eq!(world.joined(third).unwrap().generation, generation + 1);
    assert_eq!(world.heartbeat("b", generation), Err(GroupError::UnknownMemberId));
}

#[test]
fn when_the_leader_leaves_another_leads() {
    let (mut world, generation) = World::stable_pair();
    assert_eq!(world.leave("a"), Ok(()));
    assert_eq!(world.leave("a"), Err(GroupError::UnknownMemberId));
    assert_eq!(world.heartbeat("b", generation), Err(GroupError::RebalanceInProgress));
    let join = world.join(known("b"));
    let answer = world.joined(join).unwrap();
    assert_eq!((answer.leader.as_str(), answer.members.len()), ("b", 1));
}

#[test]
fn a_leader_that_never_syncs_is_put_out() {
    let mut world = World::new();
    world.join(new("a"));
    let second = world.join(new("b"));
    world.join(known("a"));
    let generation = world.joined(second).unwrap().generation;
    let waiting = world.sync(follows("b", generation));
    for _ in 0..12 {
        world.pass_ms(5_000);
        let _ = world.heartbeat("a", generation);
    }
    assert_eq!(world.synced(waiting), Some(Err(GroupError::RebalanceInProgress)));
    let join = world.join(known("b"));
    assert_eq!(world.joined(join).unwrap().leader, "b");
}

#[test]
fn an_empty_group_is_forgotten() {
    let (mut world, _) = World::stable_pair();
    world.leave("a").unwrap();
    world.leave("b").unwrap();
    assert_eq!((world.state(), world.groups.len(), world.groups.bytes.len()), (None, 0, 0));
    assert_eq!(world.groups.poll_timeout(), None);
}

#[test]
fn refusals() {
    let (mut world, generation) = World::stable_pair();
    assert_eq!(world.heartbeat("a", generation - 1), Err(GroupError::IllegalGeneration));
    assert_eq!(world.heartbeat("nobody", generation), Err(GroupError::UnknownMemberId));
    assert_eq!(world.commit("a", generation + 1), Err(GroupError::IllegalGeneration));
    assert_eq!(world.commit("", -1), Err(GroupError::UnknownMemberId), "the group has members");
    let other = world.join(Join { protocols: protocols(&["RoundRobin"]), ..new("x") });
    assert_eq!(world.joined(other).unwrap().error, Some(GroupError::InconsistentGroupProtocol));
    let other = world.join(Join { protocol_type: "connect".into(), ..new("x") });
    assert_eq!(world.joined(other).unwrap().error, Some(GroupError::InconsistentGroupProtocol));
    let nothing = world.join(Join { protocols: Vec::new(), ..new("x") });
    assert_eq!(world.joined(nothing).unwrap().error, Some(GroupError::InconsistentGroupProtocol));
    let stranger = world.join(known("stranger"));
    assert_eq!(world.joined(stranger).unwrap().error, Some(GroupError::UnknownMemberId));
    let wrong = world.sync(Sync { protocol: Some("sticky".into()), ..follows("a", generation) });
    assert_eq!(world.synced(wrong), Some(Err(GroupError::InconsistentGroupProtocol)));
    assert_eq!(world.state(), Some(GroupState::Stable), "none of this disturbs the group");
}

#[test]
fn a_consumer_without_a_group_commits_only_where_there_is_none() {
    let mut world = World::new();
    assert_eq!(world.commit("", -1), Ok(()));
    assert_eq!(world.commit("a", 3), Err(GroupError::UnknownMemberId));
}

#[test]
fn the_protocol_that_most_like_best() {
    let mut world = World::new();
    world.join(Join { protocols: protocols(&["range", "sticky", "only-a"]), ..new("a") });
    let b = world.join(Join { protocols: protocols(&["sticky", "range"]), ..new("b") });
    let c = world.join(Join { protocols: protocols(&["sticky", "range"]), ..new("c") });
    world.join(Join { protocols: protocols(&["range", "sticky", "only-a"]), ..known("a") });
    assert_eq!(world.joined(b).unwrap().protocol.as_deref(), Some("sticky"));
    assert_eq!(world.joined(c).unwrap().protocol.as_deref(), Some("sticky"));
}

#[test]
fn a_follower_that_asks_again_changes_nothing_and_a_leader_does() {
    let (mut world, generation) = World::stable_pair();
    let follower = world.join(known("b"));
    assert_eq!(world.joined(follower).unwrap().generation, generation);
    assert_eq!(world.state(), Some(GroupState::Stable));
    world.join(known("a"));
    assert_eq!(world.state(), Some(GroupState::PreparingRebalance));
}

#[test]
fn a_member_with_a_new_subscription_rebalances_the_group() {
    let (mut world, _) = World::stable_pair();
    let mut changed = known("b");
    changed.protocols[0].metadata = Bytes::from_static(b"other topics");
    world.join(changed);
    assert_eq!(world.state(), Some(GroupState::PreparingRebalance));
}

#[test]
fn a_restarted_static_member_takes_its_place_without_a_rebalance() {
    let mut world = World::new();
    world.join(fixed("i", "old"));
    world.sync(Sync { instance_id: Some("i".into()), ..led("old", 1, &["old"]) });
    let join = world.join(Join { can_skip_assignment: true, ..fixed("i", "new") });
    let answer = world.joined(join).unwrap();
    assert_eq!((answer.generation, answer.member_id.as_str(), answer.leader.as_str()), (1, "new", "new"));
    assert!(answer.skip_assignment);
    let sync = world.sync(Sync { instance_id: Some("i".into()), ..follows("new", 1) });
    assert_eq!(world.synced(sync), Some(Ok(Bytes::from("old"))), "the assignment that there was");
    let fenced = world.groups.handle_heartbeat(world.now_ms, &world.key, "old", Some("i"), 1, || None);
    assert_eq!(fenced, Err(GroupError::FencedInstanceId));
    let older = world.join(fixed("i", "newest"));
    assert_eq!(world.joined(older).unwrap().leader, "new", "an older client must not assign anew");
}

#[test]
fn a_static_member_that_is_away_keeps_its_place_until_its_session_ends() {
    let mut world = World::new();
    world.join(fixed("i", "s"));
    world.sync(Sync { instance_id: Some("i".into()), ..led("s", 1, &["s"]) });
    let join = world.join(Join { rebalance_timeout_ms: 1_000, session_timeout_ms: 60_000, ..new("b") });
    world.pass_ms(9_999);
    assert_eq!(world.joined(join), None, "60 s of patience, as the static member asked for");
    world.pass_ms(1);
    assert_eq!(world.joined(join).unwrap().members.len(), 1);
    let away = Leaver { member_id: String::new(), instance_id: Some("i".into()) };
    let left = world.groups.handle_leave(world.now_ms, &world.key, &[away]);
    assert_eq!(left, [Err(GroupError::UnknownMemberId)]);
}

#[test]
fn an_administrator_removes_a_static_member_by_its_name() {
    let mut world = World::new();
    world.join(fixed("i", "s"));
    let leaver = Leaver { member_id: String::new(), instance_id: Some("i".into()) };
    assert_eq!(world.groups.handle_leave(world.now_ms, &world.key, &[leaver]), [Ok(())]);
    assert_eq!(world.groups.len(), 0);
}

#[test]
fn a_join_that_is_sent_again_replaces_the_first() {
    let (mut world, generation) = World::stable_pair();
    let lost = world.join(known("a"));
    let again = world.join(known("a"));
    assert_eq!(world.joined(lost).unwrap().error, Some(GroupError::RebalanceInProgress));
    world.join(known("b"));
    assert_eq!(world.joined(again).unwrap().generation, generation + 1);
}

#[test]
fn a_member_whose_connection_ends_while_it_waits_has_one_session_to_come_back() {
    let (mut world, _) = World::stable_pair();
    let waiting = world.join(known("a"));
    world.groups.handle_abandoned(world.now_ms, &world.key, waiting);
    let other = world.join(known("b"));
    assert_eq!(world.joined(other), None);
    world.pass_ms(10_000);
    assert_eq!(world.joined(other).unwrap().members.len(), 1);
}

#[test]
fn two_apps_equal_names_are_two_groups() {
    let (mut world, _) = World::stable_pair();
    world.key = GroupKey { app: "other".into(), group: "g".into() };
    assert_eq!(world.state(), None);
    let join = world.join(new("z"));
    assert_eq!(world.joined(join).unwrap().members.len(), 1);
    assert_eq!(world.groups.list(&"shop".into()).len(), 1);
    assert_eq!(world.groups.list(&"sho".into()).len(), 0);
}

#[test]
fn survivors_of_a_restart_commit_and_rejoin_under_their_old_ids() {
    let mut world = World::with(Settings { initial_delay_ms: 0, adopts_until_ms: 300_000 });
    world.noted = (7, vec!["a", "b", "c"]);
    assert_eq!(world.heartbeat("a", 7), Err(GroupError::RebalanceInProgress));
    assert_eq!(world.commit("a", 7), Ok(()));
    let a = world.join(Join { noted_generation: 7, ..known("a") });
    assert_eq!(world.joined(a), None, "others may have survived too");
    assert_eq!(world.heartbeat("b", 7), Err(GroupError::RebalanceInProgress));
    assert_eq!(world.commit("b", 7), Ok(()));
    let b = world.join(known("b"));
    world.pass_ms(limits::ADOPTION_HOLD_MS);
    assert_eq!(world.joined(a).unwrap().members.len(), 2);
    assert_eq!(world.joined(b).unwrap().error, None);
    assert_eq!(world.joined(b).unwrap().generation, 8, "generations only grow");
    assert_eq!(world.heartbeat("c", 7), Err(GroupError::UnknownMemberId), "the group has formed");
    assert_eq!(world.commit("c", 7), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_zombie_of_before_a_restart_is_refused() {
    let mut world = World::with(Settings { initial_delay_ms: 0, adopts_until_ms: 300_000 });
    world.noted = (7, vec!["a"]);
    assert_eq!(world.commit("a", 6), Err(GroupError::UnknownMemberId), "an earlier generation");
    assert_eq!(world.commit("put-out", 7), Err(GroupError::UnknownMemberId));
    assert_eq!(world.heartbeat("put-out", 7), Err(GroupError::UnknownMemberId));
    world.join(known("a"));
    assert_eq!(world.commit("put-out", 7), Err(GroupError::UnknownMemberId), "the group forms again");
    assert_eq!(world.commit("put-out", -1), Err(GroupError::UnknownMemberId));
    world.noted = (0, Vec::new());
    world.key.group = "unknown".into();
    assert_eq!(world.commit("a", 7), Err(GroupError::UnknownMemberId), "nothing is noted of it");
    assert_eq!(world.commit("", -1), Ok(()), "a consumer that assigns itself");
}

#[test]
fn what_is_noted_of_a_group_is_given_and_taken_back() {
    let (mut world, generation) = World::stable_pair();
    assert_eq!(world.groups.roster(&world.key), Some((generation, vec!["a".to_owned(), "b".to_owned()])));
    assert!(world.groups.take_emptied().is_empty());
    world.leave("a").unwrap();
    world.leave("b").unwrap();
    assert_eq!(world.groups.take_emptied().len(), 1);
    assert!(world.groups.take_emptied().is_empty() && !world.groups.is_in_use(&world.key));
    world.join(new("c"));
    world.pass_ms(20_000);
    assert_eq!(world.groups.take_emptied().len(), 1, "its session has ended");
}

#[test]
fn a_member_put_out_after_a_restart_is_no_survivor() {
    let mut world = World::with(Settings { initial_delay_ms: 0, adopts_until_ms: 300_000 });
    world.join(new("a"));
    world.pass_ms(20_000);
    assert_eq!(world.state(), Some(GroupState::Empty));
    assert_eq!(world.commit("a", 1), Err(GroupError::UnknownMemberId));
    world.pass_ms(300_000);
    assert_eq!(world.groups.len(), 0);
}

#[test]
fn closing_answers_everyone() {
    let (mut world, generation) = World::stable_pair();
    let waiting = world.join(new("c"));
    world.groups.close(world.now_ms);
    world.collect();
    assert_eq!(world.joined(waiting).unwrap().error, Some(GroupError::CoordinatorNotAvailable));
    assert_eq!(world.heartbeat("a", generation), Err(GroupError::CoordinatorNotAvailable));
    let late = world.join(new("d"));
    assert_eq!(world.joined(late).unwrap().error, Some(GroupError::CoordinatorNotAvailable));
}

#[test]
fn bounds() {
    let mut world = World::new();
    for n in 0..limits::GROUPS_PER_APP_MAX {
        world.key.group = n.to_string().into();
        world.join(new("a"));
    }
    world.key.group = "one more".into();
    let join = world.join(new("a"));
    assert_eq!(world.joined(join).unwrap().error, Some(GroupError::GroupMaxSizeReached));
    world.key.group = "0".into();
    let mut large = new("large");
    large.protocols[0].metadata = Bytes::from(vec![0; limits::GROUPS_BYTES_PER_APP_MAX]);
    let join = world.join(large);
    assert_eq!(world.joined(join).unwrap().error, Some(GroupError::GroupMaxSizeReached));
}

#[test]
fn one_app_cannot_use_up_what_another_may_hold() {
    let mut world = World::new();
    let half = || {
        let mut join = new("a");
        join.protocols[0].metadata = Bytes::from(vec![0; limits::GROUPS_BYTES_PER_APP_MAX / 2]);
        join
    };
    for (group, is_taken) in [("first", true), ("second", false)] {
        world.key.group = group.into();
        let join = world.join(half());
        assert_eq!(world.joined(join).unwrap().error.is_none(), is_taken, "{group}");
    }
    world.key = GroupKey { app: "other".into(), group: "first".into() };
    let join = world.join(half());
    assert_eq!(world.joined(join).unwrap().error, None);
}

#[test]
fn names_count_too() {
    let mut world = World::new();
    let name = || "x".repeat(limits::GROUP_NAME_BYTES_MAX);
    let mut refused = 0;
    for n in 0..3 * limits::GROUPS_BYTES_PER_APP_MAX / limits::GROUP_NAME_BYTES_MAX / 4 {
        world.key.group = (n / limits::GROUP_MEMBERS_MAX).to_string().into();
        let join = Join { instance_id: Some(format!("{n}{}", name())), ..new(&format!("{n}{}", name())) };
        world.join(join);
        refused += world.answers.drain(..).filter(|(_, answer)| {
            matches!(answer, Answer::Join(answer) if answer.error == Some(GroupError::GroupMaxSizeReached))
        }).count();
    }
    assert!(refused > 0, "12 MiB of names, each held several times");
}

#[derive(Debug, Clone)]
enum Step {
    Join { member: u8, instance: bool, known: bool },
    Sync { member: u8 },
    Heartbeat { member: u8 },
    Leave { member: u8 },
    Abandon { back: u8 },
    Pass { ms: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let member = 0..4_u8;
    let step = prop_oneof![
        4 => (member.clone(), any::<bool>(), any::<bool>()).prop_map(|(member, instance, known)| Step::Join { member, instance, known }),
        4 => member.clone().prop_map(|member| Step::Sync { member }),
        2 => member.clone().prop_map(|member| Step::Heartbeat { member }),
        1 => member.prop_map(|member| Step::Leave { member }),
        1 => (0..5_u8).prop_map(|back| Step::Abandon { back }),
        2 => (0..15_000_u64).prop_map(|ms| Step::Pass { ms }),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    /// Whatever members do: the generation never falls, every wait ends, nothing is left behind, and no step panics.
    #[test]
    fn laws(steps in steps()) {
        let mut world = World::with(Settings { initial_delay_ms: 20, adopts_until_ms: 0 });
        let mut asked = Vec::new();
        let mut abandoned = Vec::new();
        let mut generation = 0;
        let mut ids: Vec<String> = (0..4).map(|n| format!("m{n}")).collect();
        for step in steps {
            let present = world.groups.groups.get(&world.key).map_or(0, |group| group.generation);
            prop_assert!(present >= generation || present == 0);
            generation = present;
            match step {
                Step::Join { member, instance, known: is_known } => {
                    let id = &mut ids[usize::from(member)];
                    if !is_known {
                        *id = format!("m{member}-{}", world.tokens); // ids that are handed out are unique
                    }
                    let mut join = if is_known { known(id) } else { new(id) };
                    join.instance_id = instance.then(|| format!("i{}", member % 2));
                    join.must_know_its_id = member == 3;
                    asked.push(world.join(join));
                }
                Step::Sync { member } => {
                    let to: Vec<&str> = ids.iter().map(String::as_str).collect();
                    asked.push(world.sync(led(&ids[usize::from(member)], generation, &to)));
                }
                Step::Heartbeat { member } => drop(world.heartbeat(&ids[usize::from(member)], generation)),
                Step::Leave { member } => drop(world.leave(&ids[usize::from(member)])),
                Step::Abandon { back } => {
                    if let Some(token) = asked.iter().rev().nth(back.into()).copied() {
                        world.groups.handle_abandoned(world.now_ms, &world.key, token);
                        abandoned.push(token);
                        world.collect();
                    }
                }
                Step::Pass { ms } => world.pass_ms(ms),
            }
        }
        world.pass_ms(400_000);
        let answered = |token: &Token| world.answers.iter().any(|(answered, _)| answered == token);
        for token in &asked {
            prop_assert!(answered(token) || abandoned.contains(token), "{token:?} was never answered");
        }
        prop_assert_eq!((world.groups.len(), world.groups.bytes.len(), world.groups.schedule.len()), (0, 0, 0));
    }
}
