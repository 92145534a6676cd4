//! Classic groups under clients that do what they like: any order of joins, syncs, heartbeats, commits, departures,
//! ends of connections and passing time.
//!
//! What must hold: each token is answered once; the generation of a group only grows; a generation has one leader,
//! which alone is told who is in it, and is in it itself; a member gets nobody else's assignment (but a static one
//! that of its predecessor, KIP-345), and none of another generation; the machine never asks to be called in the
//! past; when it closes, nobody is left waiting.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::steps::Steps;
use crate::groups::{Answer, GroupError, GroupKey, Groups, Join, JoinAnswer, Leaver, Protocol, Settings, Sync, Token};

const GROUPS: usize = 2;
const MEMBERS: usize = 5;
const SESSION_MS: u64 = 10_000;
const PROTOCOLS: [&str; 3] = ["range", "roundrobin", "cooperative-sticky"];

/// Runs the steps that `bytes` choose. Panics if a promise of the machine is broken.
pub fn groups(bytes: &[u8]) {
    let mut steps = Steps::new(bytes);
    let adopts_until_ms = if steps.choose(2) == 0 { 0 } else { 20_000 };
    let settings = Settings { initial_delay_ms: 50, adopts_until_ms };
    let mut world = World { machine: Groups::new(settings), ..World::default() };
    while let Some(step) = steps.next() {
        world.step(step, &mut steps);
        world.take_answers();
    }
    world.machine.close(world.now_ms);
    world.take_answers();
    assert!(world.waiting.is_empty(), "somebody waits for a machine that has closed");
}

/// What a client believes of itself.
#[derive(Debug, Default, Clone)]
struct Client {
    id: String,
    generation: i32,
    /// Whom it was told of as the leader.
    roster: Vec<String>,
}

/// Which request a token is of.
#[derive(Debug, Clone)]
enum Asked {
    Join { group: usize, client: usize },
    Sync { group: usize, generation: i32, member: String },
}

#[derive(Debug)]
struct World {
    machine: Groups,
    now_ms: u64,
    tokens: u64,
    ids: u64,
    clients: Vec<Vec<Client>>,
    waiting: BTreeMap<Token, Asked>,
    /// Of each group, the newest generation that anybody was told of.
    newest: Vec<i32>,
    leaders: BTreeMap<(usize, i32), String>,
    abandoned: BTreeSet<Token>,
    /// Whom each static member is by its ids, the present one and those before.
    instances: BTreeMap<String, (usize, usize)>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            machine: Groups::new(Settings { initial_delay_ms: 0, adopts_until_ms: 0 }),
            now_ms: 0,
            tokens: 0,
            ids: 0,
            clients: vec![vec![Client::default(); MEMBERS]; GROUPS],
            waiting: BTreeMap::new(),
            newest: vec![0; GROUPS],
            leaders: BTreeMap::new(),
            abandoned: BTreeSet::new(),
            instances: BTreeMap::new(),
        }
    }
}

fn key(group: usize) -> GroupKey {
    GroupKey { app: "shop".into(), group: format!("g{group}").into() }
}

/// The leader's assignment for a member: it says whose it is.
fn assignment(generation: i32, member: &str) -> Bytes {
    format!("{generation}/{member}").into()
}

impl World {
    fn step(&mut self, step: u8, steps: &mut Steps<'_>) {
        let (group, number) = (steps.choose(GROUPS), steps.choose(MEMBERS));
        let client = self.clients[group][number].clone();
        let noted = (steps.choose(2) == 1).then_some(client.generation);
        match step % 9 {
            0 => self.join(group, number, &client.id, None, steps),
            1 => self.join(group, number, "", None, steps),
            2 => self.join(group, number, "", Some(number), steps),
            3 => self.sync(group, &client),
            4 => {
                let _ = self.machine.handle_heartbeat(
                    self.now_ms,
                    &key(group),
                    &client.id,
                    None,
                    client.generation,
                    || noted,
                );
            }
            5 => {
                let generation = if steps.choose(4) == 0 { -1 } else { client.generation };
                let _ = self.machine.check_commit(self.now_ms, &key(group), &client.id, None, generation, || noted);
            }
            6 => self.leave(group, &client.id, steps),
            7 => self.abandon(group, steps),
            _ => self.pass_time(steps),
        }
    }

    fn join(&mut self, group: usize, client: usize, member_id: &str, instance: Option<usize>, steps: &mut Steps<'_>) {
        let first = steps.choose(PROTOCOLS.len());
        let protocols = PROTOCOLS.iter().cycle().skip(first).take(1 + steps.choose(PROTOCOLS.len()));
        let protocols = protocols.map(|name| Protocol { name: (*name).to_owned(), metadata: Bytes::from_static(b"m") });
        let join = Join {
            member_id: member_id.to_owned(),
            instance_id: instance.map(|instance| format!("i{instance}")),
            new_member_id: self.new_id(group, instance),
            must_know_its_id: steps.choose(2) == 0,
            can_skip_assignment: steps.choose(2) == 0,
            client_id: "c".into(),
            client_host: "/127.0.0.1".into(),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: 1_000 * (1 + steps.choose(30) as u64),
            protocol_type: if steps.choose(16) == 0 { "connect".into() } else { "consumer".into() },
            protocols: protocols.collect(),
            noted_generation: self.newest[group],
        };
        let token = self.token(Asked::Join { group, client });
        self.machine.handle_join(self.now_ms, &key(group), token, join);
    }

    fn sync(&mut self, group: usize, client: &Client) {
        let assign = |member: &String| (member.clone(), assignment(client.generation, member));
        let sync = Sync {
            member_id: client.id.clone(),
            instance_id: None,
            generation: client.generation,
            protocol_type: None,
            protocol: None,
            assignments: client.roster.iter().map(assign).collect(),
        };
        let asked = Asked::Sync { group, generation: client.generation, member: client.id.clone() };
        let token = self.token(asked);
        self.machine.handle_sync(self.now_ms, &key(group), token, sync);
    }

    fn leave(&mut self, group: usize, member_id: &str, steps: &mut Steps<'_>) {
        let instance_id = (steps.choose(3) == 0).then(|| format!("i{}", steps.choose(MEMBERS)));
        let leaver = Leaver { member_id: member_id.to_owned(), instance_id };
        assert_eq!(self.machine.handle_leave(self.now_ms, &key(group), &[leaver]).len(), 1);
    }

    /// The connection of somebody who waits has ended.
    fn abandon(&mut self, group: usize, steps: &mut Steps<'_>) {
        let of_group = |asked: &Asked| match asked {
            Asked::Join { group: of, .. } | Asked::Sync { group: of, .. } => *of == group,
        };
        let waiting: Vec<Token> =
            self.waiting.iter().filter(|(_, asked)| of_group(asked)).map(|(token, _)| *token).collect();
        if waiting.is_empty() {
            return;
        }
        let token = waiting[steps.choose(waiting.len())];
        self.waiting.remove(&token);
        self.abandoned.insert(token);
        self.machine.handle_abandoned(self.now_ms, &key(group), token);
    }

    fn pass_time(&mut self, steps: &mut Steps<'_>) {
        self.now_ms += [0, 10, 100, 1_000, 5_000, SESSION_MS, 60_000][steps.choose(7)];
        self.machine.poll(self.now_ms);
        let due_ms = self.machine.poll_timeout();
        assert!(
            due_ms.is_none_or(|due_ms| due_ms > self.now_ms),
            "asks to be called at {due_ms:?}, now {}",
            self.now_ms
        );
        let _ = self.machine.take_emptied();
    }

    fn new_id(&mut self, group: usize, instance: Option<usize>) -> String {
        self.ids += 1;
        let id = format!("m{}", self.ids);
        if let Some(instance) = instance {
            self.instances.insert(id.clone(), (group, instance));
        }
        id
    }

    /// Whether the assignment is the member's in that generation, or that of one whose place it took.
    fn is_its_own(&self, assigned: &Bytes, generation: i32, member: &str) -> bool {
        let instance = self.instances.get(member);
        let mut others = self.instances.iter().filter(|(_, of)| Some(*of) == instance).map(|(id, _)| id.as_str());
        assigned.is_empty()
            || *assigned == assignment(generation, member)
            || others.any(|id| *assigned == assignment(generation, id))
    }

    fn token(&mut self, asked: Asked) -> Token {
        self.tokens += 1;
        let token = Token(self.tokens);
        self.waiting.insert(token, asked);
        token
    }

    fn take_answers(&mut self) {
        while let Some((token, answer)) = self.machine.poll_answer() {
            assert!(!self.abandoned.contains(&token), "an answer for somebody who has gone");
            let asked = self.waiting.remove(&token).expect("each token is answered once");
            match (asked, answer) {
                (Asked::Join { group, client }, Answer::Join(answer)) => self.joined(group, client, answer),
                (Asked::Sync { generation, member, .. }, Answer::Sync(answer)) => {
                    let own = self.is_its_own(&answer.assignment, generation, &member);
                    assert!(answer.error.is_none() || answer.assignment.is_empty(), "a refusal with an assignment");
                    assert!(own, "{member} in {generation} got {:?}", answer.assignment);
                }
                (asked, answer) => panic!("{asked:?} was answered with {answer:?}"),
            }
        }
    }

    fn joined(&mut self, group: usize, client: usize, answer: JoinAnswer) {
        match answer.error {
            Some(GroupError::MemberIdRequired) => {
                assert!(!answer.member_id.is_empty(), "an id to come back with");
                self.clients[group][client].id = answer.member_id;
            }
            Some(_) => assert_eq!((answer.generation, answer.members.len()), (-1, 0), "a refusal tells nothing"),
            None => self.begun(group, client, answer),
        }
    }

    fn begun(&mut self, group: usize, client: usize, answer: JoinAnswer) {
        assert!(answer.generation >= self.newest[group], "the generation fell to {}", answer.generation);
        self.newest[group] = answer.generation;
        let leader = self.leaders.entry((group, answer.generation)).or_insert_with(|| answer.leader.clone());
        assert!(*leader == answer.leader || answer.skip_assignment || answer.members.is_empty(), "a second leader");
        let roster: Vec<String> = answer.members.iter().map(|member| member.id.clone()).collect();
        if roster.is_empty() {
            assert_ne!(answer.leader, answer.member_id, "the leader is told who is in the generation");
        } else {
            assert_eq!(answer.leader, answer.member_id, "only the leader is");
            assert!(roster.contains(&answer.member_id), "the leader is in its generation");
        }
        assert!(answer.protocol.is_some(), "a generation has a protocol");
        self.clients[group][client] = Client { id: answer.member_id, generation: answer.generation, roster };
    }
}
