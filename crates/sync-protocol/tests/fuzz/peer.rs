//! A peer's machine, and a server that does what it likes.

use std::collections::VecDeque;

use document::SiteId;
use sync_protocol::limits::{CREDIT_MESSAGES, FRAME_BYTES_MAX, PUSH_WINDOW_TRANSACTIONS};
use sync_protocol::{
    Ack, Bye, ByeCode, Changes, Granted, Identity, ItemKind, Message, Moment, Nack, PeerMachine, PeerOutput, PeerState,
    Rest, Resync, ResyncReason, Seq, Snapshot, SnapshotItem, SubId, Taken, TxnId, decode_frame,
};

use crate::{STEPS, a_push, frame, random::Random, samples};

/// A peer's machine, its host, and a server that does what it likes.
pub(crate) struct Peer {
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
    pub(crate) fn run(seed: u64) -> bool {
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
            _ => Message::Granted(Granted { permission: 3, expires_ms: None, rest: rest() }),
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
        let is_drawn = matches!(
            (self.state, to),
            (Stopped | Backoff { .. } | NeedsAuth | Refused, Connecting | Backoff { .. })
                | (Connecting, Greeted | Backoff { .. })
                | (Greeted, CatchingUp)
                | (CatchingUp, Live)
                | (Greeted | CatchingUp | Live, Backoff { .. } | NeedsAuth | Refused)
        );
        assert!(is_drawn, "{:?} became {to:?}", self.state);
        self.is_ended |= self.state.is_connected() && !to.is_connected();
        self.state = to;
    }
}
