//! The server's machine, and a peer that does what it likes.

use std::collections::VecDeque;

use sync_protocol::limits::{FRAME_BYTES_MAX, PUSH_WINDOW_BYTES, PUSH_WINDOW_TRANSACTIONS};
use sync_protocol::{
    Applied, Authorised, ChangesPage, Digest, Hello, ItemKind, Message, Rest, ResyncReason, Seq, ServerMachine,
    ServerOutput, SessionState, SnapshotItem, SnapshotPage, Sub, SubId, Subscription, TxnId, Unsub, decode_frame,
};

use crate::{STEPS, a_push, frame, random::Random, samples};

/// A server's machine, its host, and a peer that does what it likes.
pub(crate) struct Server {
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
    pub(crate) fn run(seed: u64) -> bool {
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
                Hello { subs: subs.collect(), ..samples::hello() }.into()
            }
            _ if random.once_in(6) => random.message(),
            _ => Message::Digest(Digest { subs: vec![SubId(1)], rest: Rest::default() }),
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
