//! The core as a script uses it, without a browser.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use headwater_browser::{Core, CoreOptions, kind};
use key_values::LoggedMemory;
use peer_core::{Now, SPACES};
use sync_protocol::limits::FRAME_BYTES_MAX;
use sync_protocol::{Changes, Codec, DigestReply, Message, Rest, Seq, TxnId, Welcome, decode_frame, encode_frame};

const OPEN: &[u8] = br#"{"abi": 1, "server": "http://localhost"}"#;

struct Script {
    core: Core,
    now: Now,
    /// What is durable.
    logs: Vec<Vec<u8>>,
}

type Said = Vec<(u8, u32, Vec<u8>)>;

impl Script {
    fn open(logs: Vec<Vec<u8>>) -> Self {
        let core = Core::open(CoreOptions::decode(OPEN).unwrap(), loaded(&logs), [1, logs.len() as u64]).unwrap();
        Self { core, now: Now { steady_ms: 1_000, wall_ms: 1_700_000_000_000 }, logs }
    }

    /// What it wants done, after what it wrote was kept.
    fn follow(&mut self) -> Said {
        self.core.follow(self.now);
        let log = self.core.take_log();
        self.logs.extend((!log.is_empty()).then_some(log));
        said(&self.core.outputs.take())
    }

    fn call(&mut self, number: u32, message: &str) -> Said {
        self.core.call(self.now, number, message.as_bytes());
        self.follow()
    }

    fn wait(&mut self, ms: u64) -> Said {
        self.now.steady_ms += ms;
        self.core.tick(self.now);
        self.follow()
    }

    fn frame(&mut self, message: impl Into<Message>) -> Said {
        let (frame, _) = encode_frame(&message.into(), Codec::Plain);
        self.core.frame(self.now, &frame);
        self.follow()
    }

    /// Connects, until it is live.
    fn connect(&mut self) {
        let said = self.call(1, r#"{"call": "start_sync"}"#);
        assert!(said.iter().any(|(kind, ..)| *kind == kind::CONNECT));
        self.core.connected(self.now);
        assert!(matches!(frames(&self.follow())[..], [Message::Hello(_)]));
        self.frame(Welcome {
            session: 1,
            incarnation: [9; 16],
            newest: TxnId(0),
            floor: TxnId(0),
            fork: TxnId(0),
            site_seq: Seq(0),
            wall_ms: self.now.wall_ms,
            permission: 1,
            expires_ms: None,
            push_window: 1 << 20,
            frame_bytes_max: 8 << 20,
            codecs: Vec::new(),
            former: None,
            rest: Rest::default(),
        });
        self.frame(Changes { items: Vec::new(), through: TxnId(0), caught_up: true, rest: Rest::default() });
    }
}

fn loaded(logs: &[Vec<u8>]) -> LoggedMemory {
    let store = LoggedMemory::new(SPACES.len());
    logs.iter().for_each(|log| store.load(log).unwrap());
    store
}

fn said(mut bytes: &[u8]) -> Said {
    let mut all = Vec::new();
    while let Some(kind) = bytes.split_off_first() {
        let whose = u32::from_le_bytes(bytes.split_off(..4).unwrap().try_into().unwrap());
        let length = u32::from_le_bytes(bytes.split_off(..4).unwrap().try_into().unwrap());
        all.push((*kind, whose, bytes.split_off(..length as usize).unwrap().to_vec()));
    }
    all
}

fn frames(said: &Said) -> Vec<Message> {
    let frames = said.iter().filter(|(kind, ..)| *kind == kind::SEND);
    frames.map(|(.., frame)| decode_frame(frame, FRAME_BYTES_MAX).unwrap().message).collect()
}

/// The answer of a call, as text.
#[track_caller]
fn answer(said: &Said, number: u32) -> String {
    let found = said.iter().find(|(kind, whose, _)| [kind::ANSWER, kind::VERDICT].contains(kind) && *whose == number);
    String::from_utf8(found.expect("it is answered").2.clone()).unwrap()
}

#[test]
fn a_server_that_says_nothing_is_asked_for_a_sign_of_life_and_then_given_up() {
    let mut script = Script::open(Vec::new());
    script.connect();
    for _ in 0..5 {
        assert_eq!(frames(&script.wait(29_999)), []);
        let asked = frames(&script.wait(1));
        assert!(matches!(&asked[..], [Message::Digest(digest)] if digest.subs.is_empty()), "{asked:?}");
        let reply = DigestReply { at: TxnId(0), entries: Vec::new(), rest: Rest::default() };
        assert_eq!(frames(&script.frame(reply)), []);
    }
    let state = answer(&script.call(2, r#"{"call": "state"}"#), 2);
    assert!(state.contains("live"), "it is connected for 150 s: {state}");
    script.wait(30_000);
    script.wait(30_000);
    let given_up = script.wait(30_000);
    assert!(given_up.iter().any(|(kind, ..)| *kind == kind::DISCONNECT), "{given_up:?}");
}

#[test]
fn what_could_not_be_kept_is_gone_and_whoever_waits_or_watches_stays() {
    let mut script = Script::open(Vec::new());
    script.core.subscribe(script.now, 7, br#"{"watch": "select", "statement": "SELECT * FROM t"}"#);
    script.call(1, r#"{"call": "upsert", "collection": "t", "value": {"_id": "kept"}}"#);
    let kept = script.logs.clone();
    assert!(script.call(2, r#"{"call": "flushed"}"#).is_empty(), "it waits");
    script.call(3, r#"{"call": "begin"}"#);
    script.call(4, r#"{"call": "rollback", "transaction": 0}"#);
    script.call(5, r#"{"call": "upsert", "collection": "t", "value": {"_id": "lost"}}"#);
    script.core.tell();
    script.core.told(7);
    script.core.outputs.take();
    script.core.open_again(loaded(&kept), [3, 4], script.now, "no room").unwrap();
    assert!(!script.core.is_transaction_open());
    assert!(script.core.is_event_due());
    script.core.tell();
    let events = said(&script.core.outputs.take());
    assert_eq!(events, [(kind::EVENT, 7, br#"{"items":[{"_id":"kept"}]}"#.to_vec())]);
    let state = answer(&script.call(6, r#"{"call": "state"}"#), 6);
    assert!(state.contains("no room") && state.contains(r#""pending":1"#), "{state}");
}

#[test]
fn a_transaction_that_nothing_comes_of_is_ended() {
    let mut script = Script::open(Vec::new());
    let begun = answer(&script.call(1, r#"{"call": "begin"}"#), 1);
    let number: u64 = begun.trim_matches(|it: char| !it.is_ascii_digit()).parse().unwrap();
    let find = format!(r#"{{"call": "find_by_id", "collection": "t", "id": "a", "transaction": {number}}}"#);
    assert!(answer(&script.call(2, r#"{"call": "begin"}"#), 2).contains("in_transaction"));
    script.wait(9_999);
    assert_eq!(answer(&script.call(3, &find), 3), r#"{"document":null}"#);
    script.wait(9_999);
    assert!(script.core.is_transaction_open());
    script.wait(1);
    assert!(!script.core.is_transaction_open());
    assert!(answer(&script.call(4, &find), 4).contains("no_transaction"));
}

#[test]
fn a_call_that_waits_for_the_server_is_answered_in_time() {
    let mut script = Script::open(Vec::new());
    script.call(1, r#"{"call": "upsert", "collection": "t", "value": {"_id": "a"}}"#);
    assert!(script.call(2, r#"{"call": "committed", "sequence": 1, "timeout_ms": 50}"#).is_empty());
    assert_eq!(script.core.next_tick_ms(), Some(1_050));
    assert!(script.wait(49).is_empty());
    assert!(answer(&script.wait(1), 2).contains("timed_out"));
    let logs = std::mem::take(&mut script.logs);
    let mut again = Script::open(logs);
    let found = again.call(3, r#"{"call": "find", "collection": "t"}"#);
    assert_eq!(answer(&found, 3), r#"{"documents":[{"_id":"a"}]}"#);
    assert!(answer(&again.call(4, "nonsense"), 4).contains("invalid_message"));
}
