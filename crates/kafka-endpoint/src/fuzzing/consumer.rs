//! Groups of the consumer protocol (KIP-848), with members of the classic one that come and go, under clients that do
//! what they like and topics that change.
//!
//! What must hold: no partition is given to a member while another one, that the group still has, holds it; a
//! member's epoch never falls while it is in the group; the machine never asks to be called in the past; each token
//! is answered at most once, and when it closes, nobody is left waiting.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use topics::TopicLayout;
use uuid::Uuid;

use super::steps::Steps;
use crate::{
    consumer_groups::{self, Assignment, ConsumerGroupError, Heartbeat, HeartbeatAnswer},
    coordination::{Committer, Coordination},
    groups::{self, Answer, GroupKey, Join, Leaver, Protocol, Sync, Token},
};

const MEMBERS: usize = 5;
const SESSION_MS: u64 = 45_000;
const REBALANCE_MS: u64 = 20_000;
const TOPICS: [(&str, Uuid); 2] = [("orders", Uuid::from_u128(1)), ("people", Uuid::from_u128(2))];
const PATTERNS: [&str; 4] = ["", "o.*", "orders|people", "(["];

/// A subscription to `orders`, as a consumer of the classic protocol writes it (version 0).
const CLASSIC_SUBSCRIPTION: &[u8] = b"\0\0\0\0\0\x01\0\x06orders\xff\xff\xff\xff";

/// Runs the steps that `bytes` choose. Panics if a promise of the machine is broken.
pub fn groups(bytes: &[u8]) {
    let mut world = World::new();
    let mut steps = Steps::new(bytes);
    while let Some(step) = steps.next() {
        world.step(step, &mut steps);
        world.take_answers();
    }
    world.machine.close(world.now_ms);
    world.take_answers();
    assert!(world.waiting.is_empty(), "somebody waits for a machine that has closed");
}

/// A client of the consumer protocol: what it was told, and what it still reads.
#[derive(Debug, Default, Clone)]
struct Client {
    id: String,
    epoch: i32,
    told: Assignment,
    reads: Assignment,
}

struct World {
    machine: Coordination,
    key: GroupKey,
    layout: Arc<TopicLayout>,
    now_ms: u64,
    number: u64,
    clients: Vec<Client>,
    /// Of the classic protocol: id and generation.
    classic: (String, i32),
    waiting: BTreeSet<Token>,
}

impl World {
    fn new() -> Self {
        let classic = groups::Settings { initial_delay_ms: 0, adopts_until_ms: 0 };
        let consumer = consumer_groups::Settings {
            session_timeout_ms: SESSION_MS,
            heartbeat_interval_ms: 5_000,
            adopts_until_ms: 0,
            noted_name: str::to_owned,
        };
        Self {
            machine: Coordination::new(classic, consumer),
            key: GroupKey { app: "shop".into(), group: "g".into() },
            layout: layout([3, 2]),
            now_ms: 0,
            number: 0,
            clients: vec![Client::default(); MEMBERS],
            classic: (String::new(), 0),
            waiting: BTreeSet::new(),
        }
    }

    fn step(&mut self, step: u8, steps: &mut Steps<'_>) {
        let number = steps.choose(MEMBERS);
        match step % 11 {
            0 | 1 => self.join(number, steps),
            2 | 3 => self.beat(number, false, steps),
            4 => self.beat(number, true, steps),
            5 => self.leave(number, steps),
            6 => self.check_offsets(number, steps),
            7 => self.pass_time(steps),
            8 => self.layout = layout([steps.choose(5), steps.choose(5)]),
            9 => self.join_classic(steps),
            _ => self.go_on_classic(steps),
        }
    }

    /// A new member, or one that begins again: it reads nothing.
    fn join(&mut self, number: usize, steps: &mut Steps<'_>) {
        self.number += 1;
        let is_known = steps.choose(3) == 0;
        let id = if is_known { self.clients[number].id.clone() } else { format!("m{}", self.number) };
        self.clients[number] = Client { id: id.clone(), ..Client::default() };
        let names = TOPICS.iter().take(steps.choose(3)).map(|(name, _)| (*name).to_owned()).collect();
        let pattern = PATTERNS[steps.choose(PATTERNS.len())];
        let heartbeat = Heartbeat {
            member_id: id,
            rebalance_timeout_ms: Some(REBALANCE_MS),
            instance_id: (steps.choose(4) == 0).then(|| format!("i{number}")),
            names: Some(names),
            regex: (!pattern.is_empty()).then(|| pattern.to_owned()),
            assignor: Some(["uniform", "range"][steps.choose(2)].to_owned()),
            owned: Some(Assignment::default()),
            new_member_id: format!("m{}", self.number),
            must_have_id: true,
            ..Heartbeat::default()
        };
        self.send(number, heartbeat);
    }

    /// It goes on; with `gives_back` it stops to read what it is not to have, and reads what it is, and says so.
    fn beat(&mut self, number: usize, gives_back: bool, steps: &mut Steps<'_>) {
        let client = &mut self.clients[number];
        if gives_back {
            client.reads = client.told.clone();
        }
        let says_all = steps.choose(3) == 0;
        let heartbeat = Heartbeat {
            member_id: client.id.clone(),
            member_epoch: client.epoch - i32::from(steps.choose(8) == 1),
            owned: (gives_back || says_all).then(|| client.reads.clone()),
            rebalance_timeout_ms: says_all.then_some(REBALANCE_MS),
            names: says_all.then(|| BTreeSet::from(["orders".to_owned()])),
            must_have_id: true,
            ..Heartbeat::default()
        };
        // A client does not send an epoch that means something else.
        if heartbeat.member_epoch > 0 {
            self.send(number, heartbeat);
        }
    }

    fn send(&mut self, number: usize, heartbeat: Heartbeat) {
        let layout = self.layout.clone();
        let (sent, joins) = (heartbeat.member_epoch, heartbeat.joins());
        // As the request is checked before the machine sees it.
        let checked = heartbeat.check();
        let answer = checked.and_then(|()| {
            self.machine.handle_consumer_heartbeat(self.now_ms, &self.key.clone(), heartbeat, &layout, || None)
        });
        match answer {
            Ok(answer) => self.told(number, answer, sent, joins),
            // What these say, a client obeys: it reads nothing any more.
            Err(
                ConsumerGroupError::UnknownMemberId
                | ConsumerGroupError::FencedMemberEpoch
                | ConsumerGroupError::FencedInstanceId,
            ) => {
                let id = self.clients[number].id.clone();
                self.clients[number] = Client { id, ..Client::default() };
            }
            Err(_) => {}
        }
    }

    fn told(&mut self, number: usize, answer: HeartbeatAnswer, sent: i32, joins: bool) {
        assert!(joins || answer.member_epoch >= sent, "the epoch fell from {sent} to {}", answer.member_epoch);
        let members: BTreeSet<String> = self.members();
        assert!(members.contains(&answer.member_id), "a member that the group does not show");
        self.clients[number].id = answer.member_id;
        self.clients[number].epoch = answer.member_epoch;
        let Some(assignment) = answer.assignment else { return };
        for partition in assignment.iter() {
            for (other, client) in self.clients.iter().enumerate() {
                let holds =
                    client.told.contains(partition.0, partition.1) || client.reads.contains(partition.0, partition.1);
                let is_itself = other == number || client.id == self.clients[number].id;
                assert!(
                    !holds || is_itself || !members.contains(&client.id),
                    "{partition:?} was given to {} while {} has it",
                    self.clients[number].id,
                    client.id
                );
            }
        }
        self.clients[number].told = assignment;
    }

    /// Who is in the group and speaks the consumer protocol.
    fn members(&self) -> BTreeSet<String> {
        let view = self.machine.consumer().describe(&self.key);
        let members = view.into_iter().flat_map(|(view, _)| view.members);
        members.filter(|member| !member.is_classic).map(|member| member.id).collect()
    }

    fn leave(&mut self, number: usize, steps: &mut Steps<'_>) {
        let client = std::mem::take(&mut self.clients[number]);
        let is_static = steps.choose(3) == 0;
        let heartbeat = Heartbeat {
            member_id: client.id,
            member_epoch: if is_static { -2 } else { -1 },
            instance_id: is_static.then(|| format!("i{number}")),
            must_have_id: true,
            ..Heartbeat::default()
        };
        let layout = self.layout.clone();
        let _ = self.machine.handle_consumer_heartbeat(self.now_ms, &self.key.clone(), heartbeat, &layout, || None);
    }

    fn check_offsets(&mut self, number: usize, steps: &mut Steps<'_>) {
        let client = self.clients[number].clone();
        let committer = Committer {
            member_id: &client.id,
            instance_id: None,
            epoch: client.epoch - steps.choose(3) as i32,
            is_of_consumer_protocol: steps.choose(2) == 0,
        };
        let key = self.key.clone();
        let _ = self.machine.check_commit(self.now_ms, &key, committer, || None);
        let _ = self.machine.check_fetch(&key, Some(&client.id), committer.epoch);
        let _ = self.machine.may_commit_late(&key, &client.id, committer.epoch, (TOPICS[0].1, 0));
    }

    fn pass_time(&mut self, steps: &mut Steps<'_>) {
        self.now_ms += [0, 100, 5_000, REBALANCE_MS, SESSION_MS, 600_000][steps.choose(6)];
        self.machine.poll(self.now_ms);
        let due_ms = self.machine.poll_timeout();
        assert!(
            due_ms.is_none_or(|due_ms| due_ms > self.now_ms),
            "asks to be called at {due_ms:?}, now {}",
            self.now_ms
        );
        let _ = self.machine.take_emptied();
    }

    fn join_classic(&mut self, steps: &mut Steps<'_>) {
        self.number += 1;
        let metadata = Bytes::from_static(if steps.choose(4) == 0 { b"?" } else { CLASSIC_SUBSCRIPTION });
        let join = Join {
            member_id: if steps.choose(3) == 0 { String::new() } else { self.classic.0.clone() },
            instance_id: (steps.choose(4) == 0).then(|| "classic".to_owned()),
            new_member_id: format!("c{}", self.number),
            must_know_its_id: steps.choose(2) == 0,
            can_skip_assignment: false,
            client_id: "c".into(),
            client_host: "/127.0.0.1".into(),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: REBALANCE_MS,
            protocol_type: "consumer".into(),
            protocols: vec![Protocol { name: "range".into(), metadata }],
            noted_generation: 0,
        };
        let token = self.token();
        let layout = self.layout.clone();
        self.machine.handle_join(self.now_ms, &self.key.clone(), token, join, &layout);
    }

    fn go_on_classic(&mut self, steps: &mut Steps<'_>) {
        let ((id, generation), key, layout) = (self.classic.clone(), self.key.clone(), self.layout.clone());
        match steps.choose(3) {
            0 => {
                let _ = self.machine.handle_heartbeat(self.now_ms, &key, (&id, None, generation), &layout, || None);
            }
            1 => {
                let _ = self.machine.handle_leave(self.now_ms, &key, &[Leaver { member_id: id, instance_id: None }]);
            }
            _ => {
                let sync = Sync {
                    assignments: vec![(id.clone(), Bytes::new())],
                    member_id: id,
                    instance_id: None,
                    generation,
                    protocol_type: None,
                    protocol: None,
                };
                let token = self.token();
                self.machine.handle_sync(self.now_ms, &key, token, sync);
            }
        }
    }

    fn token(&mut self) -> Token {
        self.number += 1;
        let token = Token(self.number);
        self.waiting.insert(token);
        token
    }

    fn take_answers(&mut self) {
        while let Some((token, answer)) = self.machine.poll_answer() {
            assert!(self.waiting.remove(&token), "each token is answered once");
            if let Answer::Join(answer) = answer
                && !answer.member_id.is_empty()
            {
                self.classic = (answer.member_id, answer.generation.max(0));
            }
        }
    }
}

/// Topics with so many partitions; one without any is not there.
fn layout(partitions: [usize; 2]) -> Arc<TopicLayout> {
    let there = TOPICS.iter().zip(partitions).filter(|(_, partitions)| *partitions > 0);
    Arc::new(TopicLayout::new(there.map(|((name, id), partitions)| (*name, *id, partitions as u16))))
}
