//! Scenarios, without sockets: time and ids are the test's, and clients do what Kafka's do.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const T: Uuid = Uuid::from_u128(1);
const U: Uuid = Uuid::from_u128(2);

fn layout(topics: &[(&str, Uuid, u16)]) -> Arc<TopicLayout> {
    Arc::new(TopicLayout::new(topics.iter().map(|(name, id, partitions)| (*name, *id, *partitions))))
}

/// A group, a clock, the topics that there are, and clients.
struct World {
    groups: ConsumerGroups,
    key: GroupKey,
    now_ms: u64,
    layout: Arc<TopicLayout>,
    clients: BTreeMap<String, Client>,
    noted: Option<Noted>,
}

/// A consumer, as Kafka's behave: it gives back what it is not assigned any more, and says so at once.
#[derive(Debug, Clone, Default)]
struct Client {
    epoch: i32,
    owned: Assignment,
    must_say_owned: bool,
    instance_id: Option<String>,
}

impl World {
    fn new(topics: &[(&str, Uuid, u16)]) -> Self {
        Self::adopting(topics, 0)
    }

    fn adopting(topics: &[(&str, Uuid, u16)], adopts_until_ms: u64) -> Self {
        let settings = Settings {
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            adopts_until_ms,
            noted_name: |id| format!("<{id}>"),
        };
        Self {
            groups: ConsumerGroups::new(settings),
            key: GroupKey { app: "shop".into(), group: "g".into() },
            now_ms: 1_000,
            layout: layout(topics),
            clients: BTreeMap::new(),
            noted: None,
        }
    }

    fn send(&mut self, heartbeat: Heartbeat) -> Result<HeartbeatAnswer, ConsumerGroupError> {
        heartbeat.check()?;
        let noted = self.noted.clone();
        self.groups.handle_heartbeat(self.now_ms, &self.key, heartbeat, &self.layout, || noted)
    }

    fn join(&mut self, id: &str) {
        self.join_as(join(id)).unwrap();
    }

    fn join_as(&mut self, heartbeat: Heartbeat) -> Result<(), ConsumerGroupError> {
        let (id, instance_id) = (heartbeat.member_id.clone(), heartbeat.instance_id.clone());
        let answer = self.send(heartbeat)?;
        self.clients.insert(id.clone(), Client { instance_id, ..Client::default() });
        self.take_up(&id, answer);
        Ok(())
    }

    /// One heartbeat of a client, and what it acknowledges at once; how many heartbeats that were.
    fn beat(&mut self, id: &str) -> usize {
        for sent in 1..10 {
            let client = self.clients[id].clone();
            let owned = client.must_say_owned.then(|| client.owned.clone());
            let beat = Heartbeat { instance_id: client.instance_id.clone(), owned, ..go_on(id, client.epoch) };
            match self.send(beat) {
                Ok(answer) => {
                    self.clients.get_mut(id).unwrap().must_say_owned = false;
                    self.take_up(id, answer);
                }
                Err(ConsumerGroupError::CoordinatorLoadInProgress) => {
                    let beat = full(id, client.epoch, &client.owned);
                    let answer = self.send(Heartbeat { instance_id: client.instance_id, ..beat }).unwrap();
                    self.take_up(id, answer);
                }
                Err(_) => {
                    self.clients
                        .insert(id.to_owned(), Client { instance_id: client.instance_id.clone(), ..Client::default() });
                    let answer = self.send(Heartbeat { instance_id: client.instance_id, ..join(id) }).unwrap();
                    self.take_up(id, answer);
                }
            }
            if !self.clients[id].must_say_owned {
                return sent;
            }
        }
        panic!("{id} acknowledges without end");
    }

    fn take_up(&mut self, id: &str, answer: HeartbeatAnswer) {
        let client = self.clients.get_mut(id).unwrap();
        client.epoch = answer.member_epoch;
        if let Some(assignment) = answer.assignment {
            client.must_say_owned = assignment != client.owned;
            client.owned = assignment;
        }
        let owners = self.clients.values().flat_map(|client| client.owned.iter());
        let mut all: Vec<_> = owners.collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "two have the same partition: {:#?}", self.clients);
    }

    /// A heartbeat of every client; whether the group is at rest then.
    fn round(&mut self) -> bool {
        self.now_ms += 5_000;
        self.groups.poll(self.now_ms);
        for id in self.clients.keys().cloned().collect::<Vec<_>>() {
            self.beat(&id);
        }
        self.view().state == ConsumerGroupState::Stable
    }

    fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            self.round();
        }
    }

    /// Heartbeats until the group is at rest.
    fn rest(&mut self) -> usize {
        (1..20).find(|_| self.round()).expect("a group comes to rest")
    }

    fn leave(&mut self, id: &str, epoch: i32) -> Result<HeartbeatAnswer, ConsumerGroupError> {
        let client = self.clients.remove(id).unwrap_or_default();
        self.send(Heartbeat { instance_id: client.instance_id, ..go_on(id, epoch) })
    }

    fn pass_ms(&mut self, ms: u64) {
        self.now_ms += ms;
        self.groups.poll(self.now_ms);
    }

    fn view(&self) -> ConsumerGroupView {
        self.groups.describe(&self.key).unwrap().0
    }

    fn shares(&self) -> Vec<usize> {
        self.clients.values().map(|client| client.owned.len()).collect()
    }

    fn commit(&self, id: &str, epoch: i32) -> Result<(), ConsumerGroupError> {
        self.groups.check_commit(&self.key, id, epoch, true)
    }
}

fn go_on(id: &str, epoch: i32) -> Heartbeat {
    Heartbeat { member_id: id.into(), member_epoch: epoch, must_have_id: true, ..Heartbeat::default() }
}

fn full(id: &str, epoch: i32, owned: &Assignment) -> Heartbeat {
    Heartbeat {
        rebalance_timeout_ms: Some(30_000),
        names: Some(["t".to_owned()].into()),
        owned: Some(owned.clone()),
        ..go_on(id, epoch)
    }
}

fn join(id: &str) -> Heartbeat {
    full(id, 0, &Assignment::default())
}

fn partitions(topic: Uuid, numbers: impl IntoIterator<Item = i32>) -> Assignment {
    numbers.into_iter().map(|number| (topic, number)).collect()
}

#[test]
fn partitions_are_given_back_before_another_gets_them() {
    let mut world = World::new(&[("t", T, 4)]);
    world.join("a");
    assert_eq!(world.shares(), [4]);
    world.join("b");
    assert_eq!((world.shares(), world.view().state), (vec![4, 0], ConsumerGroupState::Reconciling));
    let told = world.send(go_on("a", 2)).unwrap();
    assert_eq!((told.member_epoch, told.assignment.as_ref().map(Assignment::len)), (2, Some(2)), "gives two back");
    let kept = told.assignment.unwrap();
    assert_eq!(world.send(go_on("b", 3)).unwrap().assignment, None, "has to wait for them");
    assert_eq!(world.send(go_on("a", 2)).unwrap().assignment, None, "has not said that it gave them back");
    let said = world.send(Heartbeat { owned: Some(kept), ..go_on("a", 2) }).unwrap();
    assert_eq!((said.member_epoch, said.assignment), (3, None));
    let given = world.send(go_on("b", 3)).unwrap();
    assert_eq!(given.assignment.map(|it| it.len()), Some(2));
    assert_eq!(world.view().state, ConsumerGroupState::Stable);
}

#[test]
fn who_does_not_give_back_in_time_is_put_out() {
    let mut world = World::new(&[("t", T, 4)]);
    world.join("a");
    world.join("b");
    world.send(go_on("a", 2)).unwrap();
    for _ in 0..6 {
        world.pass_ms(5_000);
        world.send(go_on("b", 3)).unwrap();
        let _ = world.send(go_on("a", 2)); // it lives, and gives nothing back
    }
    assert_eq!(world.send(go_on("a", 2)), Err(ConsumerGroupError::UnknownMemberId));
    let left = world.view().members;
    assert_eq!((left.len(), left[0].assigned.len()), (1, 4));
}

#[test]
fn epochs_are_fenced() {
    let mut world = World::new(&[("t", T, 2)]);
    world.join("a");
    assert_eq!(world.send(go_on("a", 7)), Err(ConsumerGroupError::FencedMemberEpoch));
    assert_eq!(world.send(go_on("x", 1)), Err(ConsumerGroupError::UnknownMemberId));
    assert!(world.send(join("a")).is_ok(), "the answer to its join was lost");
    world.join("b");
    world.rest();
    assert_eq!(world.send(go_on("a", 1)), Err(ConsumerGroupError::FencedMemberEpoch));
    let previous = Heartbeat { owned: Some(Assignment::default()), ..go_on("a", 2) };
    assert!(world.send(previous).is_ok(), "the answer that told it of its epoch was lost");
    assert_eq!((world.commit("a", 3), world.commit("a", 2)), (Ok(()), Err(ConsumerGroupError::StaleMemberEpoch)));
    assert_eq!(world.commit("x", 1), Err(ConsumerGroupError::UnknownMemberId));
    assert_eq!(
        world.commit("", -1),
        Err(ConsumerGroupError::UnknownMemberId),
        "an administrator, while there are members"
    );
    let old = world.groups.check_commit(&world.key, "a", 3, false);
    assert_eq!(old, Err(ConsumerGroupError::UnsupportedVersion));
    let fetch = |member, epoch| world.groups.check_fetch(&world.key, member, epoch);
    assert_eq!((fetch(None, -1), fetch(Some("a"), 3)), (Ok(()), Ok(())));
    assert_eq!(fetch(Some("a"), 2), Err(ConsumerGroupError::StaleMemberEpoch));
}

#[test]
fn what_a_member_has_still_it_may_commit_late() {
    let mut world = World::new(&[("t", T, 2)]);
    world.join("a");
    world.join("b");
    world.rest();
    let late = |id: &str, epoch, partition| world.groups.may_commit_late(&world.key, id, epoch, partition);
    let of = |id: &str| world.clients[id].owned.iter().next().unwrap();
    assert!(late("a", 2, of("a")), "it had it when it was alone");
    assert!(!late("b", 2, of("b")) && !late("a", 2, of("b")) && !late("a", 1, of("a")) && !late("x", 2, of("a")));
}

#[test]
fn requests_that_are_not_valid() {
    let mut world = World::new(&[("t", T, 2)]);
    let mut refused = |heartbeat: Heartbeat| world.send(heartbeat).unwrap_err();
    use ConsumerGroupError::*;
    assert!(matches!(refused(Heartbeat { rebalance_timeout_ms: None, ..join("a") }), InvalidRequest(_)));
    assert!(matches!(refused(Heartbeat { names: None, ..join("a") }), InvalidRequest(_)));
    assert!(matches!(refused(Heartbeat { owned: None, ..join("a") }), InvalidRequest(_)));
    assert!(matches!(refused(join("")), InvalidRequest(_)));
    assert!(matches!(refused(go_on("a", -2)), InvalidRequest(_)));
    assert!(matches!(refused(go_on("a", -3)), InvalidRequest(_)));
    assert_eq!(refused(Heartbeat { assignor: Some("x".into()), ..join("a") }), UnsupportedAssignor);
    assert_eq!(refused(Heartbeat { regex: Some("(".into()), ..join("a") }), InvalidRegularExpression);
    assert_eq!(refused(go_on("a", -1)), GroupIdNotFound);
    assert_eq!(refused(go_on("a", 3)), UnknownMemberId);
    let made = world.send(Heartbeat { must_have_id: false, new_member_id: "made".into(), ..join("") }).unwrap();
    assert_eq!(made.member_id, "made", "version 0: the server makes the id");
}

#[test]
fn a_member_that_leaves_or_falls_silent_makes_room() {
    let mut world = World::new(&[("t", T, 4)]);
    ["a", "b", "c"].into_iter().for_each(|id| world.join(id));
    world.rest();
    let left = world.leave("a", -1).unwrap();
    assert_eq!((left.member_epoch, left.heartbeat_interval_ms), (-1, 0));
    assert_eq!(world.view().state, ConsumerGroupState::Assigning);
    world.rest();
    assert_eq!(world.shares(), [2, 2]);
    let silent = world.clients.remove("b").unwrap();
    world.rounds(9);
    assert_eq!(world.shares(), [4]);
    assert_eq!(world.send(go_on("b", silent.epoch)), Err(ConsumerGroupError::UnknownMemberId));
    world.leave("c", -1).unwrap();
    assert_eq!((world.groups.len(), world.groups.take_emptied().len()), (0, 1));
    assert_eq!((world.groups.bytes.len(), world.groups.schedule.len()), (0, 0));
}

#[test]
fn a_static_member_that_is_away_keeps_what_it_has() {
    let mut world = World::new(&[("t", T, 4)]);
    let fixed = |id: &str| Heartbeat { instance_id: Some("i".into()), ..join(id) };
    world.join_as(fixed("old")).unwrap();
    world.join("b");
    world.rest();
    let before = world.clients["old"].owned.clone();
    assert_eq!(world.join_as(fixed("early")), Err(ConsumerGroupError::UnreleasedInstanceId));
    assert_eq!(world.leave("old", -2).unwrap().member_epoch, -2);
    world.round();
    assert_eq!(world.shares(), [2], "nobody gets what it has");
    let epoch = world.view().epoch;
    world.join_as(fixed("new")).unwrap();
    assert_eq!((&world.clients["new"].owned, world.view().epoch), (&before, epoch), "and nothing is shared out anew");
    let late = Heartbeat { instance_id: Some("i".into()), ..go_on("old", 3) };
    assert_eq!(world.send(late), Err(ConsumerGroupError::FencedInstanceId));
    let unknown = Heartbeat { instance_id: Some("j".into()), ..go_on("old", 2) };
    assert_eq!(world.send(unknown), Err(ConsumerGroupError::UnknownMemberId));
}

#[test]
fn new_topics_and_expressions_lead_to_a_new_assignment() {
    let mut world = World::new(&[("t", T, 2)]);
    let by_regex = Heartbeat { names: None, regex: Some("(t|u)".into()), ..join("a") };
    world.join_as(by_regex).unwrap();
    world.join("b");
    world.rest();
    assert_eq!(world.shares(), [1, 1]);
    world.layout = layout(&[("t", T, 2), ("u", U, 2), ("tu", Uuid::from_u128(3), 2)]);
    world.rest();
    assert_eq!(world.shares(), [2, 2], "b has t, and a has u, which it alone subscribes to");
    world.layout = layout(&[("t", T, 2)]);
    world.rest();
    assert_eq!(world.shares(), [1, 1]);
    let epoch = world.clients["a"].epoch;
    let names = Heartbeat { names: Some(BTreeSet::new()), regex: Some(String::new()), ..go_on("a", epoch) };
    let answer = world.send(names).unwrap();
    world.take_up("a", answer);
    world.rest();
    assert_eq!(world.shares(), [0, 2]);
}

#[test]
fn the_assignor_that_most_wish_for() {
    let mut world = World::new(&[("t", T, 3), ("u", U, 3)]);
    let wish = |id: &str| Heartbeat {
        assignor: Some("range".into()),
        names: Some(["t".into(), "u".into()].into()),
        ..join(id)
    };
    world.join_as(wish("a")).unwrap();
    world.join_as(wish("b")).unwrap();
    world.rest();
    assert_eq!((world.shares(), world.view().assignor), (vec![4, 2], "range"));
}

#[test]
fn survivors_of_a_restart_go_on_with_what_they_have() {
    let mut world = World::new(&[("t", T, 6)]);
    ["a", "b", "c"].into_iter().for_each(|id| world.join(id));
    world.rest();
    let (epoch, members) = world.groups.roster(&world.key).unwrap();
    let clients = world.clients.clone();
    let mut after = World::adopting(&[("t", T, 6)], 300_000);
    after.noted = Some(Noted { epoch, members: members.iter().map(|id| format!("<{id}>")).collect() });
    after.clients = clients.clone();
    assert_eq!(after.send(go_on("a", epoch)), Err(ConsumerGroupError::CoordinatorLoadInProgress));
    assert_eq!(after.commit("b", epoch), Ok(()), "it may commit before it comes back");
    assert_eq!(after.commit("stranger", epoch), Err(ConsumerGroupError::UnknownMemberId));
    assert_eq!(after.send(go_on("stranger", epoch)), Err(ConsumerGroupError::UnknownMemberId));
    after.beat("a");
    after.join("d");
    assert_eq!(after.clients["d"].owned.len(), 0, "b and c may still come");
    after.rest();
    assert_eq!(after.shares().iter().sum::<usize>(), 6);
    for id in ["a", "b", "c"] {
        assert!(after.clients[id].owned.is_subset_of(&clients[id].owned), "{id} has got something new");
    }
    assert!(after.view().epoch > epoch, "epochs only grow");
}

#[test]
fn a_survivor_that_does_not_come_is_waited_for_one_session() {
    let mut world = World::adopting(&[("t", T, 4)], 300_000);
    world.noted = Some(Noted { epoch: 5, members: ["<a>".to_owned(), "<b>".to_owned()].into() });
    world.clients.insert("a".into(), Client { epoch: 5, owned: partitions(T, [0, 1]), ..Client::default() });
    world.beat("a");
    world.rounds(8);
    assert_eq!(world.shares(), [2]);
    world.rounds(3);
    assert_eq!(world.shares(), [4]);
    let late = full("b", 5, &partitions(T, [2, 3]));
    assert_eq!(world.send(late), Err(ConsumerGroupError::UnknownMemberId));
}

#[test]
fn a_member_that_everybody_was_noted_for_may_begin_anew() {
    let mut world = World::adopting(&[("t", T, 4)], 300_000);
    world.noted = Some(Noted { epoch: 5, members: ["<a>".to_owned()].into() });
    world.join("a");
    assert_eq!(world.shares(), [4], "nobody else is waited for");
    assert!(world.clients["a"].epoch > 5);
}

/// What rebalancing costs: rounds in which each member sends the heartbeat that is due
/// (and acknowledges at once what it gave back), until everyone has what it is to have.
/// `cargo test -p kafka-endpoint heartbeats_until_rest -- --nocapture`
#[test]
fn heartbeats_until_rest() {
    let mut world = World::new(&[("t", T, 1000)]);
    let ids: Vec<String> = (0..100).map(|n| format!("m{n:03}")).collect();
    ids.iter().for_each(|id| world.join(id));
    let joined = world.rest();
    ids[..50].iter().for_each(|id| drop(world.leave(id, -1).unwrap()));
    let left = world.rest();
    ids[..50].iter().for_each(|id| world.join(id));
    let back = world.rest();
    world.layout = layout(&[("t", T, 1000), ("u", U, 1)]);
    let all: BTreeSet<String> = ["t".to_owned(), "u".to_owned()].into();
    let epoch = world.clients["m000"].epoch;
    let answer = world.send(Heartbeat { names: Some(all), ..go_on("m000", epoch) }).unwrap();
    world.take_up("m000", answer);
    let subscribed = world.rest();
    let most = [joined, left, back, subscribed].into_iter().max();
    print_figures(joined, left, back, subscribed);
    assert!(most <= Some(2), "{most:?} heartbeats");
    assert!(world.shares().iter().all(|share| (10..=11).contains(share)), "{:?}", world.shares());
}

fn print_figures(joined: usize, left: usize, back: usize, subscribed: usize) {
    println!(
        "heartbeats of 100 members with 1000 partitions until everyone has its share: all join {joined}, 50 leave {left}, 50 come back {back}, one subscribes to more {subscribed}"
    );
}

#[derive(Debug, Clone)]
enum Step {
    Join { member: u8, regex: bool },
    Beat { member: u8 },
    Silent { member: u8 },
    Leave { member: u8 },
    Topics { partitions: u16, second: bool },
    Pass { ms: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let member = 0..5_u8;
    let step = prop_oneof![
        3 => (member.clone(), any::<bool>()).prop_map(|(member, regex)| Step::Join { member, regex }),
        8 => member.clone().prop_map(|member| Step::Beat { member }),
        1 => member.clone().prop_map(|member| Step::Silent { member }),
        1 => member.prop_map(|member| Step::Leave { member }),
        1 => (1..9_u16, any::<bool>()).prop_map(|(partitions, second)| Step::Topics { partitions, second }),
        1 => (0..10_000_u64).prop_map(|ms| Step::Pass { ms }),
    ];
    proptest::collection::vec(step, 0..80)
}

proptest! {
    /// Whatever members do: no two have a partition at a time, everyone comes to rest with all partitions shared out,
    /// and nothing is left behind.
    #[test]
    fn laws(steps in steps()) {
        let mut world = World::new(&[("t", T, 4)]);
        for step in steps {
            match step {
                Step::Join { member, regex } => {
                    let id = format!("m{member}");
                    if world.clients.contains_key(&id) || world.groups.roster(&world.key).is_some_and(|it| it.1.contains(&id)) {
                        continue;
                    }
                    let pattern = regex.then(|| ".".to_owned());
                    let names = (!regex).then(|| ["t".to_owned(), "u".to_owned()].into());
                    world.join_as(Heartbeat { names, regex: pattern, ..join(&id) }).unwrap();
                }
                Step::Beat { member } => {
                    let id = format!("m{member}");
                    if world.clients.contains_key(&id) {
                        world.beat(&id);
                    }
                }
                // It has gone without a word, and reads nothing any more.
                Step::Silent { member } => drop(world.clients.remove(&format!("m{member}"))),
                Step::Leave { member } => {
                    let id = format!("m{member}");
                    if world.clients.contains_key(&id) {
                        world.leave(&id, -1).unwrap();
                    }
                }
                Step::Topics { partitions, second } => {
                    let topics = [("t", T, partitions), ("u", U, 3)];
                    world.layout = layout(&topics[..1 + usize::from(second)]);
                }
                Step::Pass { ms } => {
                    world.now_ms += ms;
                    world.groups.poll(world.now_ms);
                    for id in world.clients.keys().cloned().collect::<Vec<_>>() {
                        world.beat(&id);
                    }
                }
            }
        }
        if !world.clients.is_empty() {
            world.rounds(12);
            prop_assert_eq!(world.view().state, ConsumerGroupState::Stable);
            let all: usize = world.layout.topics().map(|(_, shape)| usize::from(shape.partitions)).sum();
            prop_assert_eq!(world.shares().iter().sum::<usize>(), all, "{:#?}", world.clients);
        }
        world.pass_ms(400_000);
        prop_assert_eq!((world.groups.len(), world.groups.bytes.len(), world.groups.schedule.len()), (0, 0, 0));
        prop_assert!(world.groups.downgrades.is_empty());
    }
}
