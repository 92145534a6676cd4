//! Laws over random histories, by a seed: peers that write, are cut off, run out of disk, are killed
//! between any two batches, lose their power and have clocks of other years, and a server that writes too, trims and
//! is restored.
//!
//! In the end: every peer has byte for byte what the server has of its subscriptions and no more,
//! every increment of a transaction that was taken counts once, nothing is pending and nothing was
//! dropped. On the way: nobody sees half a transaction.

use std::collections::{BTreeMap, BTreeSet};

use document::{Map, Path, UpdateCommand, UpdateKind, Value};
use key_values::Crash;
use peer_core::{PeerError, SubscriptionRequest, Transaction, Which, WriteError, Written};
use query::{Filter, Query};
use sync_protocol::SubId;

use crate::random::Random;
use crate::rig::{Rig, collection, id, key, map};
use crate::server::Server;

const STEPS: u64 = 400;
const PEERS: u64 = 3;
/// What each peer subscribes to.
const QUERIES: [&[&str]; PEERS as usize] = [&["true"], &["n != 1"], &["n == 2", "m == 1 || count > 0"]];

struct History {
    random: Random,
    server: Server,
    rigs: Vec<Rig>,
    /// What was added to the counter by transactions that were committed locally.
    added: i64,
    /// The same of each peer, which a loss of power would take.
    unsafe_added: [i64; PEERS as usize],
    last_pair: i64,
    restores: bool,
    evicts: bool,
    seed: u64,
}

fn filter(query: &str) -> Filter {
    Query::parse(query).unwrap().bind(&Map::new()).unwrap()
}

fn subscribe(rig: &mut Rig, query: &str) -> Result<SubId, peer_core::SubscribeError> {
    rig.peer.subscribe(SubscriptionRequest::legacy("t", query, &Map::new())?)
}

fn command(path: &str, kind: UpdateKind) -> UpdateCommand {
    UpdateCommand { path: Path::parse(path).unwrap(), kind }
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut server = Server::new();
        server.in_parts = random.once_in(2);
        let mut rigs: Vec<Rig> = (0..PEERS).map(|peer| Rig::new(seed * 10 + peer + 1)).collect();
        let years_ms = 365 * 24 * 3_600_000;
        for (rig, queries) in rigs.iter_mut().zip(QUERIES) {
            let offset_ms = if random.once_in(2) { random.below(20 * years_ms) } else { 10 * years_ms };
            rig.now.wall_ms = rig.now.wall_ms + offset_ms - 10 * years_ms;
            for query in queries {
                subscribe(rig, query).unwrap();
            }
        }
        server.upsert(key("t", "counter"), map(r#"{"name":"counter"}"#));
        let (restores, evicts) = (seed.is_multiple_of(4), seed % 4 == 1);
        Self { random, server, rigs, added: 0, unsafe_added: [0; PEERS as usize], last_pair: 0, restores, evicts, seed }
    }

    fn run(mut self) {
        for _ in 0..STEPS {
            self.step();
            if !self.restores {
                self.check_pairs(); // what a restored server is offered again comes document by document
            }
        }
        for rig in &self.rigs {
            rig.disk.heal();
        }
        self.added += self.unsafe_added.iter().sum::<i64>();
        for round in 0..4 {
            for rig in &mut self.rigs {
                if round == 0 {
                    rig.cut(&mut self.server);
                }
                rig.settle(&mut self.server);
            }
        }
        self.check_pairs();
        self.check_end();
    }

    fn step(&mut self) {
        let at = self.random.below(PEERS) as usize;
        match self.random.below(20) {
            0..=3 => self.write(at),
            4 => self.server_writes(),
            5 if self.random.once_in(3) => self.rigs[at].cut(&mut self.server),
            6 if self.random.once_in(6) => self.rigs[at].kill(&mut self.server),
            7 if self.random.once_in(8) => {
                let left = self.random.below(6);
                self.server.trim(left);
            }
            8 if self.random.once_in(6) => {
                let batches = self.random.below(6) as i64;
                self.rigs[at].disk.fail_after(batches);
            }
            9 if self.restores && self.random.once_in(20) => self.restore(),
            10 if self.evicts && self.random.once_in(3) => self.evict(at),
            11 if self.random.once_in(12) => self.subscribe_anew(at),
            12 if self.random.once_in(8) => {
                self.unsafe_added[at] = 0;
                self.rigs[at].crash(&mut self.server, Crash::PowerLoss);
            }
            13 if self.random.once_in(3) => self.rigs[at].peer.persist().unwrap(),
            _ => self.move_frames(at),
        }
        let rig = &mut self.rigs[at];
        rig.now.steady_ms += 500;
        rig.now.wall_ms += 500;
        self.server.wall_ms += 200;
        rig.peer.start_sync(rig.now);
        rig.peer.tick(rig.now);
        let polled = rig.poll(&mut self.server);
        self.survive(at, polled);
        if !self.rigs[at].peer.is_persist_due() {
            self.added += std::mem::take(&mut self.unsafe_added[at]);
        }
    }

    /// The disk was full when the app wrote: sync is not concerned.
    fn survive_refusal(&mut self, at: usize) {
        self.rigs[at].disk.heal();
        if self.random.once_in(2) {
            self.rigs[at].kill(&mut self.server);
        }
    }

    /// The disk was full when something of the server's was stored, and has room again; or it was a
    /// kill.
    fn survive<T>(&mut self, at: usize, done: Result<T, PeerError>) {
        if done.is_ok() {
            return;
        }
        let is_kill = self.random.once_in(2);
        let rig = &mut self.rigs[at];
        rig.disk.heal();
        if is_kill { rig.kill(&mut self.server) } else { rig.failed(&mut self.server) }
    }

    fn move_frames(&mut self, at: usize) {
        for _ in 0..self.random.below(6) {
            let rig = &mut self.rigs[at];
            rig.send_one(&mut self.server);
            if self.random.once_in(2) {
                rig.receive_one(&mut self.server);
            }
        }
    }

    fn write(&mut self, at: usize) {
        let document = id(&format!("d{}", self.random.below(5)));
        let number = self.random.below(4) as i64;
        let by = self.random.below(5) as i64 + 1;
        let kind = self.random.below(10);
        let own = [format!("pair{at}a"), format!("pair{at}b")];
        self.last_pair += 1;
        let pair = self.last_pair;
        let rig = &mut self.rigs[at];
        let t = collection("t");
        let set = |path: &str, number| command(path, UpdateKind::Set(Value::Int(number)));
        let upsert = |it: &mut Transaction<'_>| -> Result<(), WriteError> {
            match kind {
                0 | 1 => {
                    let value = Map::from_fields(vec![("n".to_owned(), Value::Int(number))]);
                    it.upsert(&t, Some(document), value, vec![])?;
                }
                2 => {
                    let value = map(&format!(r#"{{"m":{number},"deep":{{"a":{by},"b":[{by}]}}}}"#));
                    it.upsert(&t, Some(document), value, vec![])?;
                }
                3 => drop(it.update(&t, &Which::Id(document), &[set("n", number), set("deep.c", by)])?),
                4 => drop(it.remove(&t, &Which::Id(document))?),
                5 => {
                    it.upsert(&collection("denied"), Some(id("x")), map("{}"), vec![])?;
                    it.upsert(&t, Some(document), map(r#"{"m":9}"#), vec![])?;
                }
                6 => {
                    let text = format!("UPDATE t SET m = n + {number} WHERE n = {number}");
                    it.execute(&text, &Map::new())?;
                }
                7 => {
                    for text in own {
                        let value = Map::from_fields(vec![("pair".to_owned(), Value::Int(pair))]);
                        it.upsert(&t, Some(id(&text)), value, vec![])?;
                    }
                }
                _ => {
                    if kind == 9 {
                        it.upsert(&collection("denied"), Some(id("x")), map("{}"), vec![])?; // all of it is refused
                    }
                    let add = command("count", UpdateKind::Increment(Value::Int(by)));
                    if it.update(&t, &Which::Id(id("counter")), std::slice::from_ref(&add))?.is_empty() {
                        it.upsert(&t, Some(id("counter")), map("{}"), vec![])?;
                        it.update(&t, &Which::Id(id("counter")), &[add])?;
                    }
                }
            }
            Ok(())
        };
        match rig.peer.transaction(rig.now, None, upsert) {
            Ok(((), Written { seq, .. })) => self.unsafe_added[at] += if kind == 8 && seq.is_some() { by } else { 0 },
            Err(_) => self.survive_refusal(at),
        }
    }

    fn server_writes(&mut self) {
        let document = key("t", &format!("d{}", self.random.below(5)));
        if self.random.once_in(4) && self.server.value(&document).is_some() {
            self.server.remove(document);
        } else {
            let number = self.random.below(4);
            self.server.upsert(document, map(&format!(r#"{{"n":{number}}}"#)));
        }
    }

    fn restore(&mut self) {
        for rig in &mut self.rigs {
            rig.cut(&mut self.server);
        }
        let back = self.random.below(6);
        self.server.restore(self.server.newest().saturating_sub(back).max(1));
    }

    fn evict(&mut self, at: usize) {
        let which = Which::Id(id(&format!("d{}", self.random.below(5))));
        let evicted = self.rigs[at].peer.evict(&collection("t"), &which);
        if evicted.is_err() {
            self.survive_refusal(at);
        }
    }

    fn subscribe_anew(&mut self, at: usize) {
        let rig = &mut self.rigs[at];
        let sub = rig.peer.subscriptions().next().map(|(sub, ..)| sub);
        if let Some(sub) = sub
            && rig.peer.unsubscribe(sub).is_err()
        {
            return self.survive_refusal(at);
        }
        for query in QUERIES[at] {
            let rig = &mut self.rigs[at];
            while subscribe(rig, query).is_err() {
                rig.disk.heal();
            }
        }
    }

    /// Two documents that are only ever written together are always the same.
    fn check_pairs(&self) {
        for (at, rig) in self.rigs.iter().enumerate() {
            let is_complete = at == 0 && rig.peer.subscriptions().all(|(sub, ..)| rig.peer.is_complete(sub));
            for of in 0..PEERS as usize {
                if is_complete || of == at {
                    let value = |it: &str| rig.value(&key("t", &format!("pair{of}{it}")));
                    assert_eq!(value("a"), value("b"), "seed {}: half a transaction at peer {at}", self.seed);
                }
            }
        }
    }

    fn check_end(&self) {
        let seed = self.seed;
        let counter = self.server.value(&key("t", "counter")).unwrap();
        let counted = counter.field("count").cloned().unwrap_or(Value::Int(0));
        assert_eq!(counted, Value::Int(self.added), "seed {seed}: the counter");
        for (at, rig) in self.rigs.iter().enumerate() {
            let synced = rig.disk.synced();
            let mut expected = BTreeMap::new();
            for (sub, subscription, refused) in rig.peer.subscriptions() {
                assert_eq!(refused, None);
                let matching = self.server.matching("t", &filter(&subscription.query));
                let members: BTreeSet<Vec<u8>> = matching.keys().cloned().collect();
                assert_eq!(rig.disk.members(sub.0), members, "seed {seed}: members of {sub:?} at peer {at}");
                expected.extend(matching);
            }
            for (document, state) in expected {
                assert_eq!(synced.get(&document), Some(&state), "seed {seed}: peer {at}, {document:?}");
            }
            assert_eq!((rig.peer.pending_len(), rig.disk.len(2), rig.disk.len(9)), (0, 0, 0), "seed {seed}");
            for rejected in rig.peer.rejected().unwrap() {
                let of = |it: &str| rejected.done.operations.iter().any(|done| done.collection.as_str() == it);
                let adds = rejected.done.operations.iter().any(|it| it.id == id("counter"));
                assert!(!adds || of("denied"), "seed {seed}: {rejected:?}");
            }
        }
    }
}

#[test]
fn the_laws_hold_over_random_histories() {
    let first: u64 = std::env::var("SEED").ok().map_or(1, |seed| seed.parse().unwrap());
    let count: u64 = std::env::var("SEEDS").ok().map_or(120, |seeds| seeds.parse().unwrap());
    for seed in first..first + count {
        History::new(seed).run();
    }
}
