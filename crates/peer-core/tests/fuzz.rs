//! A peer at a server that sends what it likes, by a seed: documents with bytes turned, changes out
//! of order, verdicts of what was never pushed. Nothing panics, the store stays one that opens, and
//! what was written here has a verdict or is pending. And documents of turned bytes by themselves.
//!
//! `cargo xtask fuzz` tries as many as one has time for; `FUZZ_CASES` says how many.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

#[path = "it/random.rs"]
mod random;

use std::collections::BTreeSet;

use document::{CollectionName, Document, DocumentId, Map, SiteId, Stamp, Value, WriteRules};
use key_values::MemoryDisk;
use peer_core::{Find, Now, Options, Output, Peer, SubscriptionRequest};
use random::Random;
use sync_protocol::{
    Ack, Bye, ByeCode, Changes, Codec, Item, ItemKind, Message, Nack, Rest, Resync, ResyncReason, Seq, Snapshot,
    SnapshotItem, SubId, Taken, TxnId, Welcome, decode_frame, encode_frame, limits::FRAME_BYTES_MAX,
};

/// Peers that are tried, where nothing else is said; documents are twenty times as many.
const CASES: u64 = 1_000;

const START_MS: u64 = 1_700_000_000_000;

fn cases() -> u64 {
    std::env::var("FUZZ_CASES").map_or(CASES, |cases| cases.parse().expect("FUZZ_CASES is a number"))
}

fn map(json: &str) -> Map {
    let Ok(Value::Map(map)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
    map
}

fn encoded(document: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    document.encode(&mut out);
    out
}

/// A document that somebody may have: of several sites, with arrays, counters and fields that are
/// gone.
fn a_document(random: &mut Random) -> Document {
    let mut document = Document::new();
    let mut time = START_MS << 16;
    for _ in 0..=random.below(4) {
        time += 1 + random.below(1000);
        // Seldom one from a time that nobody believes.
        let time = if random.once_in(30) { u64::MAX - random.below(3) } else { time };
        if document.stamp_max().time >= time {
            break;
        }
        let stamp = Stamp { time, site: SiteId(2 + random.below(3)) };
        match random.below(6) {
            0 => document.remove(stamp),
            1 => document.upsert(&map(r#"{"a":[1,{"b":null},"x"],"n":1.5}"#), &[], stamp, WriteRules::NEWEST),
            2 => document.upsert(&map(r#"{"deep":{"er":{"still":true}}}"#), &[], stamp, WriteRules::NEWEST),
            _ => {
                let json = format!(r#"{{"name":"{}","age":{}}}"#, random.next(), random.below(99));
                document.upsert(&map(&json), &[], stamp, WriteRules::NEWEST);
            }
        }
    }
    document
}

fn turn_bits(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(3) {
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(5) {
            0 => bytes[at] = random.next().to_le_bytes()[0],
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes.insert(at, [0, 1, 0x7f, 0x80, 0xff][random.below(5) as usize]),
            3 => bytes.truncate(at),
            _ => drop(bytes.splice(at..at, [0xff, 0xff, 0xff, 0xff, 0x0f])),
        }
    }
}

/// Its bytes, often not as they should be.
fn a_state(random: &mut Random) -> Vec<u8> {
    let mut bytes = encoded(&a_document(random));
    if random.once_in(3) {
        turn_bits(random, &mut bytes);
    }
    bytes
}

#[test]
fn documents_of_turned_bytes_are_documents_or_errors() {
    let mut random = Random(1);
    let mut taken = 0;
    let all = cases() * 20;
    for _ in 0..all {
        let mut bytes = encoded(&a_document(&mut random));
        turn_bits(&mut random, &mut bytes);
        drop(Document::decode_value(&bytes));
        drop(Document::decode_json(&bytes, &mut Vec::new()));
        drop(Document::decode_exists(&bytes));
        let Ok(document) = Document::decode(&bytes) else { continue };
        taken += 1;
        assert_eq!(Document::decode(&encoded(&document)).as_ref(), Ok(&document), "what was read is written so again");
        for site in [SiteId(2), SiteId(3), SiteId::INITIAL] {
            let _ = document.check_delta(site);
        }
        let (own, _) = (a_document(&mut random), document.value());
        let (mut ours, mut theirs) = (own.clone(), document.clone());
        ours.merge(&document);
        theirs.merge(&own);
        assert_eq!(encoded(&ours), encoded(&theirs), "merged from either side it is one document");
        drop(ours.delta_of(SiteId(2), START_MS << 16));
        drop(ours.value());
    }
    assert!(taken * 50 > all, "of {all} only {taken} could be read: too much was turned");
}

struct Rig {
    disk: MemoryDisk,
    peer: Peer,
    random: Random,
    now: Now,
    through: u64,
    pushed: Vec<Seq>,
    unsettled: BTreeSet<Seq>,
    failures: u64,
    deliveries: u64,
}

#[test]
fn a_server_that_sends_what_it_likes_breaks_no_peer() {
    let (mut failures, mut deliveries) = (0, 0);
    for seed in 0..cases() {
        let rig = Rig::run(seed);
        failures += rig.failures;
        deliveries += rig.deliveries;
    }
    assert!(failures > cases() / 20 && deliveries > cases(), "{failures} failed of {deliveries} deliveries");
}

impl Rig {
    fn run(seed: u64) -> Self {
        let disk = MemoryDisk::default();
        let peer = Peer::open(Box::new(disk.clone()), Options::default(), [seed, 1]).unwrap();
        let mut it = Self {
            disk,
            peer,
            random: Random(seed),
            now: Now { steady_ms: 0, wall_ms: START_MS },
            through: 0,
            pushed: Vec::new(),
            unsettled: BTreeSet::new(),
            failures: 0,
            deliveries: 0,
        };
        it.peer.subscribe(SubscriptionRequest::legacy("people", "true", &map("{}")).unwrap()).unwrap();
        it.peer.start_sync(it.now);
        for _ in 0..40 {
            it.poll();
            match it.random.below(8) {
                0 | 1 => it.write(),
                2 => {
                    it.now.steady_ms += 60_000;
                    it.peer.tick(it.now);
                }
                _ => it.hear(),
            }
        }
        it.poll();
        let all = Find::new("people", "age > 1 || name != 'x'", &map("{}")).unwrap();
        it.peer.find(&all).unwrap();
        it.peer = Peer::open(Box::new(it.disk.clone()), Options::default(), [seed, 2]).unwrap();
        for seq in &it.unsettled {
            assert!(it.peer.is_pending(*seq), "seed {seed}: {seq:?} has no verdict and is not pending");
        }
        it
    }

    fn write(&mut self) {
        let collection = CollectionName::new("people").unwrap();
        let id = self.id();
        let written = self.peer.upsert(self.now, &collection, Some(id), map(r#"{"name":"own"}"#), Vec::new());
        let written = written.unwrap_or_else(|error| panic!("local work goes on: {error}"));
        self.unsettled.extend(written.1.seq);
    }

    fn id(&mut self) -> DocumentId {
        DocumentId::from_json(&self.random.below(6).to_string()).unwrap()
    }

    fn hear(&mut self) {
        let message = self.message();
        let mut frame = encode_frame(&message, Codec::Plain).0;
        if self.random.once_in(20) {
            turn_bits(&mut self.random, &mut frame);
        }
        self.peer.handle_frame(self.now, &frame);
    }

    fn message(&mut self) -> Message {
        let rest = Rest::default;
        let is_greeted = self.peer.sync_state() == sync_protocol::PeerState::Greeted;
        match self.random.below(12) {
            _ if is_greeted && !self.random.once_in(8) => self.welcome(),
            0..4 => {
                self.deliveries += 1;
                self.through += self.random.below(3);
                let items = (0..self.random.below(4)).map(|_| self.item()).collect();
                let caught_up = self.random.once_in(2);
                Changes { items, through: TxnId(self.through), caught_up, rest: rest() }.into()
            }
            4..7 => {
                self.deliveries += 1;
                let items = (0..self.random.below(4)).map(|_| SnapshotItem {
                    id: self.id(),
                    state: a_state(&mut self.random),
                    rest: rest(),
                });
                let (items, done) = (items.collect(), self.random.once_in(2));
                let (sub, page) = (SubId(1 + self.random.below(20) / 19), (!done).then(|| vec![1]));
                Snapshot { sub, items, page, at: TxnId(self.through), done, rest: rest() }.into()
            }
            7..10 => {
                let seq = self.pushed.pop().filter(|_| !self.random.once_in(8)).unwrap_or(Seq(self.random.below(9)));
                if self.random.once_in(3) {
                    return Nack { seq, faults: Vec::new(), at: TxnId(1), rest: rest() }.into();
                }
                Ack { taken: vec![Taken { seq, txn: TxnId(self.through), rest: rest() }], rest: rest() }.into()
            }
            10 => {
                let sub = self.random.once_in(2).then_some(SubId(1));
                let reason = ResyncReason::from_word(["trimmed", "refused", "?"][self.random.below(3) as usize]);
                Resync { sub, reason, message: String::new(), rest: rest() }.into()
            }
            _ => {
                let code = ByeCode::from_word(["busy", "denied", "site_reused"][self.random.below(3) as usize]);
                Bye { code, message: String::new(), retry_after_ms: None, rest: rest() }.into()
            }
        }
    }

    fn welcome(&mut self) -> Message {
        let random = &mut self.random;
        Welcome {
            session: 1,
            incarnation: [random.below(2) as u8; 16],
            newest: TxnId(self.through),
            floor: TxnId(0),
            fork: TxnId(random.below(9)),
            site_seq: Seq(random.below(5)),
            wall_ms: [START_MS, START_MS + 99, 0, u64::MAX, 4_070_908_800_000][random.below(5) as usize],
            permission: random.below(2),
            expires_ms: None,
            push_window: [1 << 20, 0, u64::MAX][random.below(3) as usize],
            frame_bytes_max: [8 << 20, 0, u64::MAX][random.below(3) as usize],
            codecs: vec![0, 1, 99],
            former: None,
            rest: Rest::default(),
        }
        .into()
    }

    fn item(&mut self) -> Item {
        let kind =
            [ItemKind::Delta, ItemKind::State, ItemKind::Leave, ItemKind::Removed][self.random.below(4) as usize];
        let bytes = (kind != ItemKind::Leave).then(|| a_state(&mut self.random));
        let collection = CollectionName::new("people").unwrap();
        let subs = self.random.once_in(2).then(|| vec![SubId(self.random.below(3))]);
        Item { collection, id: self.id(), kind, bytes, subs, rest: Rest::default() }
    }

    /// Everything that the peer says to do.
    fn poll(&mut self) {
        for _ in 0..10_000 {
            match self.peer.poll_output(self.now) {
                Ok(None) => return,
                Ok(Some(output)) => self.take(output),
                Err(_) => {
                    self.failures += 1;
                    self.pushed.clear();
                    self.peer.start_sync(self.now);
                }
            }
        }
        panic!("it never comes to rest");
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::Connect => {
                self.pushed.clear();
                self.peer.connected(self.now).unwrap();
            }
            Output::Send(frame) => {
                let frame = decode_frame(&frame, FRAME_BYTES_MAX).expect("it was encoded here");
                if let Message::Push(push) = frame.message {
                    self.pushed.push(push.seq);
                }
            }
            Output::Committed { seq, .. } | Output::Rejected { seq, .. } => drop(self.unsettled.remove(&seq)),
            Output::Renumbered { from, to } if self.unsettled.remove(&from) => drop(self.unsettled.insert(to)),
            Output::State(sync_protocol::PeerState::NeedsAuth | sync_protocol::PeerState::Refused) => {
                self.peer.start_sync(self.now);
            }
            _ => {}
        }
    }
}
