//! Sessions with a party that sends what it likes, by a seed: valid messages out of order, made up
//! ones, frames with bits turned. Neither machine panics, leaves its documented ways, says anything
//! before it may, or holds more than is stated.
//!
//! `cargo xtask fuzz` tries as many as one has time for; `FUZZ_CASES` says how many. Alone in its
//! process, because it watches the process's address space.

#[path = "it/random.rs"]
mod random;
#[path = "it/samples.rs"]
#[expect(dead_code, reason = "other tests use more of them")]
mod samples;

use std::collections::VecDeque;

use document::SiteId;
use sync_protocol::limits::{CREDIT_MESSAGES, FRAME_BYTES_MAX, PUSH_WINDOW_BYTES, PUSH_WINDOW_TRANSACTIONS};
use sync_protocol::{
    Ack, Applied, Authorised, Bye, ByeCode, Changes, ChangesPage, Codec, Identity, ItemKind, Message, Moment, Nack,
    PeerMachine, PeerOutput, PeerState, Push, Rest, Resync, ResyncReason, Seq, ServerMachine, ServerOutput,
    SessionState, Snapshot, SnapshotItem, SnapshotPage, Sub, SubId, Subscription, Taken, TxnId, Unsub, decode_frame,
    encode_frame,
};

use random::Random;

/// Sessions that are tried, where nothing else is said.
const CASES: u64 = 4_000;

/// What happens in one of them, at most.
const STEPS: u64 = 60;

/// How much address space both machines and all frames may need, in KiB.
const PEAK_KIB: u64 = 96 * 1024;

fn cases() -> u64 {
    std::env::var("FUZZ_CASES").map_or(CASES, |cases| cases.parse().expect("FUZZ_CASES is a number"))
}

/// The largest address space this process ever had (proc(5), `VmPeak`); 0 where nothing tells.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmPeak:"));
    line.map_or(0, |line| line.split_whitespace().nth(1).expect("a number follows").parse().expect("it is decimal"))
}

#[test]
fn whatever_comes_neither_machine_panics_nor_leaves_its_ways() {
    let before = peak_kib();
    let (mut server_ends, mut peer_ends) = (0, 0);
    for seed in 0..cases() {
        server_ends += u64::from(Server::run(seed));
        peer_ends += u64::from(Peer::run(seed));
    }
    let grown = peak_kib() - before;
    assert!(grown < PEAK_KIB, "it took {grown} KiB");
    // Both kinds of sessions prove something: those that go on, and those that are ended.
    for ends in [server_ends, peer_ends] {
        assert!(ends * 20 > cases() && ends < cases(), "{ends} of {} sessions ended", cases());
    }
}

/// A frame of the message, often not as it should be.
fn frame(random: &mut Random, message: &Message) -> Vec<u8> {
    let codec = if random.once_in(4) { Codec::for_reader(&[1]) } else { Codec::Plain };
    let mut frame = encode_frame(message, codec).0;
    if random.once_in(12) {
        turn_bits(random, &mut frame);
    }
    frame
}

fn turn_bits(random: &mut Random, frame: &mut Vec<u8>) {
    for _ in 0..=random.below(4) {
        let at = random.below(frame.len() as u64) as usize;
        match random.below(5) {
            0 => frame[at] = random.next().to_le_bytes()[0],
            1 => frame[at] ^= 1 << random.below(8),
            2 => frame.insert(at, random.next().to_le_bytes()[0]),
            3 => frame.truncate(at.max(1)),
            _ => drop(frame.splice(at..at, [0x9b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])),
        }
    }
}

fn a_push(random: &mut Random, seq: u64) -> Push {
    let mut push = samples::push(seq);
    let large = if random.once_in(40) { 600_000 } else { 300 };
    push.operations[0].delta = vec![7; random.below(large) as usize];
    if random.once_in(10) {
        push.operations[0].kind = ItemKind::Removed;
    }
    push
}

/// A server's machine, its host, and a peer that does what it likes.
struct Server {
    machine: ServerMachine,
    random: Random,
    now_ms: u64,
    seq: u64,
    is_welcomed: bool,
    open: VecDeque<(Seq, u64)>,
    changes: Option<u64>,
    snapshot: Option<u64>,
}

impl Server {
    /// Whether the session was ended by what came.
    fn run(seed: u64) -> bool {
        let mut it = Self {
            machine: ServerMachine::new(1, 0),
            random: Random(seed),
            now_ms: 0,
            seq: 0,
            is_welcomed: false,
            open: VecDeque::new(),
            changes: None,
            snapshot: None,
        };
        if !it.random.once_in(20) {
            let hello = samples::hello().into();
            it.hear(&hello);
            it.look();
        }
        for _ in 0..it.random.below(STEPS) {
            if it.machine.state() == SessionState::Closed {
                return true;
            }
            match it.random.below(10) {
                0..6 => {
                    let message = it.message();
                    it.hear(&message);
                }
                6 => it.now_ms += it.random.below(20_000),
                _ => it.host(),
            }
            it.look();
        }
        it.machine.state() == SessionState::Closed
    }

    fn hear(&mut self, message: &Message) {
        let frame = frame(&mut self.random, message);
        let before = self.machine.state();
        // A host does not read on while a token is looked at; one that does loses the session at the worst.
        if self.machine.wants_frames() || self.random.once_in(2) {
            self.machine.handle_frame(&frame, self.now_ms);
        }
        self.check_way(before);
    }

    fn message(&mut self) -> Message {
        let random = &mut self.random;
        match random.below(12) {
            0..5 => {
                self.seq += random.below(20).min(1 + random.below(2));
                a_push(random, self.seq).into()
            }
            5 => Sub { subscription: samples::subscription(random.below(1200)), rest: Rest::default() }.into(),
            6 => Unsub { sub: SubId(random.below(4)), rest: Rest::default() }.into(),
            7 => {
                let bytes = if random.once_in(5) { random.next() } else { 0 };
                Applied { through: TxnId(random.next()), bytes, rest: Rest::default() }.into()
            }
            8 if random.once_in(3) => {
                let subs = (0..random.below(1500)).map(|n| Subscription { hash: None, ..samples::subscription(n) });
                sync_protocol::Hello { subs: subs.collect(), ..samples::hello() }.into()
            }
            _ if random.once_in(6) => random.message(),
            _ => Message::Digest(sync_protocol::Digest { subs: vec![SubId(1)], rest: Rest::default() }),
        }
    }

    /// The host answers one question, rightly or to an older request.
    fn host(&mut self) {
        let before = self.machine.state();
        match self.random.below(8) {
            0 => {
                let site_seq = Seq(self.random.below(60));
                self.machine.authorised(Authorised { site_seq, ..Authorised::default() }, self.now_ms);
                self.is_welcomed |= before == SessionState::Authorising;
            }
            1 | 2 => {
                let Some((seq, _)) = self.open.pop_front() else { return };
                if self.random.once_in(3) {
                    self.machine.rejected(seq, Vec::new(), TxnId(3));
                } else {
                    self.machine.applied(seq, TxnId(3));
                }
            }
            3 | 4 => {
                let Some(request) = self.changes.take() else { return };
                let items = (0..self.random.below(4)).map(|_| samples::item(ItemKind::State, Some(vec![1; 70_000])));
                let (items, through) = (items.collect(), TxnId(1000 + self.random.below(50)));
                self.machine.handle_changes(ChangesPage { request, items, through, caught_up: self.random.once_in(2) });
            }
            5 => {
                let Some(request) = self.snapshot.take() else { return };
                let item = SnapshotItem { id: samples::id("1"), state: vec![1; 90_000], rest: Rest::default() };
                let next = self.random.once_in(2).then(|| vec![1]);
                self.machine.handle_snapshot(SnapshotPage { request, items: vec![item], next, at: TxnId(1000) });
            }
            6 if self.random.once_in(10) => self.machine.drain(1000, self.now_ms),
            6 if self.random.once_in(10) => self.machine.grant(9, None, &[SubId(1)]),
            6 => self.machine.resync_all(TxnId(1000), ResyncReason::Trimmed, "x".repeat(3000)),
            _ => self.machine.tick(self.now_ms),
        }
        self.check_way(before);
    }

    /// Everything that the machine says to do.
    fn look(&mut self) {
        let mut is_over = false;
        for _ in 0..10_000 {
            let before = self.machine.state();
            let Some(output) = self.machine.poll_output() else { return };
            self.check_way(before);
            assert!(!is_over, "{output:?} comes after the close");
            match output {
                ServerOutput::Send(bytes) => self.check_sent(&bytes),
                ServerOutput::Close => is_over = true,
                ServerOutput::Authorise(_) => assert!(!self.is_welcomed),
                other => {
                    assert!(self.is_welcomed, "{other:?} comes before the welcome");
                    self.note(other);
                }
            }
        }
        panic!("it never comes to rest");
    }

    fn check_sent(&self, bytes: &[u8]) {
        match decode_frame(bytes, FRAME_BYTES_MAX).expect("it was encoded here").message {
            Message::Bye(_) => {}
            Message::Hello(_) | Message::Auth(_) | Message::Sub(_) | Message::Push(_) | Message::Applied(_) => {
                panic!("a server does not say so")
            }
            other => assert!(self.is_welcomed, "{} comes before the hello was taken", other.name()),
        }
    }

    fn note(&mut self, output: ServerOutput) {
        match output {
            ServerOutput::Apply(push) => {
                let bytes = push.operations[0].delta.len() as u64;
                self.open.push_back((push.seq, bytes));
                let all: u64 = self.open.iter().map(|(_, bytes)| bytes).sum();
                assert!(self.open.len() <= PUSH_WINDOW_TRANSACTIONS, "{} pushes are open", self.open.len());
                assert!(all <= PUSH_WINDOW_BYTES || self.open.len() == 1, "{all} bytes are open");
            }
            ServerOutput::WantChanges { request, .. } => self.changes = Some(request),
            ServerOutput::WantSnapshot { request, .. } => self.snapshot = Some(request),
            _ => {}
        }
    }

    /// A session only goes forward.
    #[track_caller]
    fn check_way(&self, before: SessionState) {
        let rank = |state| match state {
            SessionState::Greeted => 0,
            SessionState::Authorising => 1,
            SessionState::CatchingUp => 2,
            SessionState::Live => 3,
            SessionState::Draining => 4,
            SessionState::Closed => 5,
        };
        let now = self.machine.state();
        assert!(rank(before) <= rank(now), "{before:?} became {now:?}");
        assert_eq!(now == SessionState::Closed, self.machine.next_tick_ms().is_none());
    }
}

/// A peer's machine, its host, and a server that does what it likes.
struct Peer {
    machine: PeerMachine,
    random: Random,
    now_ms: u64,
    state: PeerState,
    last_seq: u64,
    through: u64,
    pushed: VecDeque<Seq>,
    deliveries: VecDeque<u64>,
    is_ended: bool,
}

impl Peer {
    /// Whether a session was ended by what came.
    fn run(seed: u64) -> bool {
        let subs = vec![samples::subscription(1), samples::subscription(2)];
        let identity =
            Identity { site: SiteId(7), instance: [1; 16], sdk: String::new(), token: None, cursor: None, subs };
        let mut it = Self {
            machine: PeerMachine::new(identity),
            random: Random(seed),
            now_ms: 0,
            state: PeerState::Stopped,
            last_seq: 40,
            through: 1000,
            pushed: VecDeque::new(),
            deliveries: VecDeque::new(),
            is_ended: false,
        };
        it.machine.start(Moment::default());
        it.look();
        for _ in 0..it.random.below(STEPS) {
            let at = it.moment();
            match it.random.below(10) {
                0..6 => {
                    let message = it.message();
                    let frame = frame(&mut it.random, &message);
                    it.machine.handle_frame(&frame, at);
                }
                6 => it.now_ms += it.random.below(40_000),
                7 => it.machine.tick(at),
                8 => {
                    let stored = it.random.below(it.deliveries.len() as u64 + 1) as usize;
                    if let Some(last) = it.deliveries.drain(..stored).next_back() {
                        it.machine.stored(last);
                    }
                }
                _ => {
                    it.last_seq += 1;
                    it.machine.pushes_available(Seq(it.last_seq));
                }
            }
            it.look();
        }
        it.is_ended
    }

    fn moment(&mut self) -> Moment {
        Moment { now_ms: self.now_ms, jitter: self.random.next() }
    }

    fn message(&mut self) -> Message {
        let random = &mut self.random;
        let rest = Rest::default;
        if self.machine.state() == PeerState::Greeted && !random.once_in(6) {
            return samples::welcome().into();
        }
        match random.below(16) {
            0..4 => {
                self.through += random.below(3);
                let bytes = if random.once_in(20) { 900_000 } else { 50 };
                let items = vec![samples::item(ItemKind::State, Some(vec![1; bytes]))];
                Changes { items, through: TxnId(self.through), caught_up: random.once_in(2), rest: rest() }.into()
            }
            4..7 => {
                let item = SnapshotItem { id: samples::id("1"), state: vec![1; 50], rest: rest() };
                let (sub, done) = (SubId(1 + random.below(3)), random.once_in(2));
                let page = (!done).then(|| vec![1]);
                Snapshot { sub, items: vec![item], page, at: TxnId(self.through), done, rest: rest() }.into()
            }
            7..11 => {
                let seq = self.pushed.pop_front().filter(|_| !random.once_in(20)).unwrap_or(Seq(random.below(60)));
                if random.once_in(3) {
                    return Nack { seq, faults: Vec::new(), at: TxnId(1), rest: rest() }.into();
                }
                Ack { taken: vec![Taken { seq, txn: TxnId(1), rest: rest() }], rest: rest() }.into()
            }
            11 => {
                let (sub, reason) = (random.once_in(2).then_some(SubId(1)), ResyncReason::Trimmed);
                Resync { sub, reason, message: String::new(), rest: rest() }.into()
            }
            12 if random.once_in(4) => {
                let code = ByeCode::from_word(["busy", "denied", "site_reused", "?"][random.below(4) as usize]);
                let retry_after_ms = random.once_in(2).then(|| random.next());
                Bye { code, message: String::new(), retry_after_ms, rest: rest() }.into()
            }
            13 if random.once_in(3) => random.message(),
            _ => Message::Granted(sync_protocol::Granted { permission: 3, expires_ms: None, rest: rest() }),
        }
    }

    /// Everything that the machine says to do.
    fn look(&mut self) {
        for _ in 0..10_000 {
            let Some(output) = self.machine.poll_output() else { return };
            let at = self.moment();
            match output {
                PeerOutput::Connect => {
                    (self.pushed, self.deliveries) = Default::default();
                    self.machine.connected(at, 5, Seq(self.last_seq), Seq(0));
                }
                PeerOutput::Send(bytes) => self.check_sent(&bytes),
                PeerOutput::WantPending { request, after, count_max, .. } => {
                    let seqs = after.0 + 1..=self.last_seq;
                    let pushes = seqs.take(count_max).map(|seq| a_push(&mut self.random, seq)).collect();
                    self.machine.handle_pending(request, pushes);
                }
                PeerOutput::ApplyChanges { delivery, .. } | PeerOutput::ApplySnapshot { delivery, .. } => {
                    self.deliveries.push_back(delivery);
                    let open = self.deliveries.len();
                    assert!(open <= CREDIT_MESSAGES, "{open} messages are delivered and not stored");
                }
                PeerOutput::SiteReused => self.machine.renew_site(SiteId(8), [2; 16], at),
                PeerOutput::State(state) => self.enter(state),
                _ => {}
            }
        }
        panic!("it never comes to rest");
    }

    fn check_sent(&mut self, bytes: &[u8]) {
        match decode_frame(bytes, FRAME_BYTES_MAX).expect("it was encoded here").message {
            Message::Push(push) => {
                self.pushed.push_back(push.seq);
            }
            Message::Welcome(_) | Message::Changes(_) | Message::Snapshot(_) | Message::Ack(_) | Message::Nack(_) => {
                panic!("a peer does not say so")
            }
            _ => {}
        }
        let open = self.pushed.len();
        assert!(open <= PUSH_WINDOW_TRANSACTIONS + STEPS as usize, "{open} pushes are not answered");
    }

    /// The ways that the protocol's page draws.
    fn enter(&mut self, to: PeerState) {
        use PeerState::{Backoff, CatchingUp, Connecting, Greeted, Live, NeedsAuth, Refused, Stopped};
        let is_drawn = match (self.state, to) {
            (Stopped | Backoff { .. } | NeedsAuth | Refused, Connecting | Backoff { .. }) => true,
            (Connecting, Greeted) | (Greeted, CatchingUp) | (CatchingUp, Live) => true,
            (Connecting, Backoff { .. }) => true,
            (Greeted | CatchingUp | Live, Backoff { .. } | NeedsAuth | Refused) => true,
            _ => false,
        };
        assert!(is_drawn, "{:?} became {to:?}", self.state);
        self.is_ended |= self.state.is_connected() && !to.is_connected();
        self.state = to;
    }
}
