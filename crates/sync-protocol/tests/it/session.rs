//! Both machines against each other over a simulated wire, by a seed: connections are cut at any
//! frame, old ones live on beside new ones, either side is slow, the peer is killed and opens its
//! store again, the server trims its journal. What was pushed has one verdict and is in the journal
//! once; what the server has arrives; little is under way.

mod peer;
mod server;

use std::collections::{BTreeMap, VecDeque};

use sync_protocol::limits::{CREDIT_BYTES, FRAME_BYTES_AIM, FRAME_BYTES_MAX, PUSH_WINDOW_BYTES};
use sync_protocol::{ByeCode, Message, Moment, PeerMachine, PeerState, decode_frame};

use self::{peer::PeerHost, server::ServerHost};
use crate::random::Random;

/// A connection: what is under way on it, each way in order.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    to_server: VecDeque<Vec<u8>>,
    to_peer: VecDeque<Vec<u8>>,
    /// The peer takes no more from it; what it sent may still arrive.
    is_left: bool,
    /// The server sends no more on it.
    is_closed: bool,
}

struct World {
    random: Random,
    now_ms: u64,
    peer: PeerHost,
    server: ServerHost,
    /// By the session's number; the last one is the peer's.
    wires: BTreeMap<u64, Wire>,
    trace: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            now_ms: 0,
            peer: PeerHost::new(),
            server: ServerHost::default(),
            wires: BTreeMap::new(),
            trace: 0,
        }
    }

    fn moment(&mut self) -> Moment {
        Moment { now_ms: self.now_ms, jitter: self.random.next() }
    }

    /// Something happens.
    fn step(&mut self) {
        match self.random.below(100) {
            0..15 => self.peer.write(&mut self.random),
            15..25 => self.server.write_of_another(&mut self.random),
            25..27 => self.cut(),
            27 => self.kill_peer(),
            28 => self.server.trim(&mut self.random),
            29..40 => self.now_ms += self.random.below(400),
            40 => self.now_ms += self.random.below(40_000),
            41..55 => self.peer.store_one(),
            55..65 => self.server.apply_one(),
            _ => self.carry(),
        }
        self.settle();
    }

    /// One frame arrives somewhere.
    fn carry(&mut self) {
        let wires = self.wires.len() as u64;
        if wires == 0 {
            return;
        }
        let session = *self.wires.keys().nth(self.random.below(wires) as usize).expect("there are so many");
        let is_to_server = self.random.once_in(2);
        let at = self.moment();
        let wire = self.wires.get_mut(&session).expect("it was found");
        if is_to_server && self.server.wants_frames(session) {
            if let Some(frame) = wire.to_server.pop_front() {
                self.server.handle_frame(session, &frame, at.now_ms);
            } else if wire.is_left {
                self.server.disconnected(session);
                self.wires.remove(&session);
            }
        } else if !wire.is_left {
            if let Some(frame) = wire.to_peer.pop_front() {
                self.peer.machine.handle_frame(&frame, at);
            } else if wire.is_closed {
                wire.is_left = true;
                self.peer.machine.disconnected(at);
            }
        }
    }

    /// The peer's connection breaks: what is under way to it is lost, and of what it sent a part.
    fn cut(&mut self) {
        let at = self.moment();
        let Some((_, wire)) = self.wires.last_key_value().filter(|(_, wire)| !wire.is_left) else { return };
        let arriving = self.random.below(wire.to_server.len() as u64 + 1) as usize;
        self.leave(arriving);
        self.peer.machine.disconnected(at);
    }

    fn leave(&mut self, arriving: usize) {
        if let Some(mut last) = self.wires.last_entry() {
            let wire = last.get_mut();
            wire.to_server.truncate(arriving);
            wire.to_peer.clear();
            wire.is_left = true;
        }
    }

    fn kill_peer(&mut self) {
        let arriving = self.random.below(8) as usize;
        self.leave(arriving);
        self.peer.reopen();
        let at = self.moment();
        self.peer.machine.start(at);
    }

    /// Both machines say all that they have to say.
    fn settle(&mut self) {
        let at = self.moment();
        self.peer.machine.tick(at);
        self.server.tick(self.now_ms);
        while let Some(action) = self.peer.poll() {
            match action {
                peer::Action::Connect => {
                    let session = self.server.connect(self.now_ms);
                    self.wires.insert(session, Wire::default());
                    let at = self.moment();
                    self.peer.connected(at);
                }
                peer::Action::Disconnect => self.leave(usize::MAX),
                peer::Action::Send(frame) => {
                    check_is_no_fault(&frame);
                    let last = self.wires.last_entry().expect("it is connected").into_mut();
                    last.to_server.push_back(frame);
                }
            }
        }
        for (session, wire) in &mut self.wires {
            self.server.poll(*session, wire, self.now_ms);
        }
        self.check_bounds();
        self.trace = self.trace.rotate_left(7) ^ self.server.journal_len() ^ (self.wires.len() as u64) << 32;
    }

    fn check_bounds(&self) {
        for wire in self.wires.values() {
            let bytes = |frames: &VecDeque<Vec<u8>>| frames.iter().map(|it| it.len() as u64).sum::<u64>();
            assert!(bytes(&wire.to_server) <= PUSH_WINDOW_BYTES * 2);
            assert!(bytes(&wire.to_peer) <= CREDIT_BYTES + FRAME_BYTES_AIM as u64);
        }
    }

    /// Nothing new happens any more, until both sides agree.
    fn calm(&mut self) {
        for _ in 0..200_000 {
            match self.random.below(10) {
                0 => self.now_ms += 100,
                1..4 => self.peer.store_one(),
                4 => self.server.apply_one(),
                _ => self.carry(),
            }
            self.settle();
            if self.peer.machine.state() == PeerState::Live && self.peer.is_settled() && self.is_equal() {
                return;
            }
        }
        let (of_peer, of_server) = (&self.peer.documents, &self.server.documents);
        let lacks: Vec<_> = of_server.keys().filter(|id| of_peer.get(*id) != of_server.get(*id)).collect();
        let still_has: Vec<_> = of_peer.keys().filter(|id| !of_server.contains_key(*id)).collect();
        let (state, pending) = (self.peer.machine.state(), self.peer.pending.len());
        panic!("no rest: {state:?}, {pending} pending, the peer lacks {lacks:?} and still has {still_has:?}");
    }

    fn is_equal(&self) -> bool {
        self.peer.documents == self.server.documents
    }
}

/// What histories are to have had, so that they prove something.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    connections: u64,
    resyncs: u64,
    resumed_snapshots: u64,
    repeated_pushes: u64,
    rejected: u64,
    left: u64,
}

fn run(seed: u64, steps: usize, seen: &mut Seen) -> u64 {
    let mut world = World::new(seed);
    let at = world.moment();
    world.peer.machine.start(at);
    let calm_every = [50, 150, steps][(seed % 3) as usize];
    for step in 1..=steps {
        world.step();
        if step % calm_every == 0 {
            world.calm();
        }
    }
    world.calm();
    world.server.check_journal(&world.peer.verdicts);
    world.server.tell(seen);
    world.peer.tell(seen);
    world.trace
}

/// Neither side ever finds that the other one broke the protocol.
pub(crate) fn check_is_no_fault(frame: &[u8]) {
    let frame = decode_frame(frame, FRAME_BYTES_MAX).expect("it was encoded here");
    if let Message::Bye(bye) = frame.message {
        assert_ne!(bye.code, ByeCode::Protocol, "{}", bye.message);
    }
}

#[test]
fn what_was_pushed_is_acked_once_and_what_the_server_has_arrives_after_any_cut() {
    let mut seen = Seen::default();
    for seed in 0..240 {
        println!("seed {seed}");
        run(seed, 600, &mut seen);
    }
    println!("{seen:?}");
    assert!(seen.connections > 1000 && seen.resyncs > 100 && seen.resumed_snapshots > 30);
    assert!(seen.repeated_pushes > 100 && seen.rejected > 500 && seen.left > 100);
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let trace = |seed| run(seed, 500, &mut Seen::default());
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}

/// What is said of the peer's machine is true of its host too.
#[test]
fn a_peer_that_is_stopped_says_goodbye() {
    let mut world = World::new(1);
    let at = world.moment();
    world.peer.machine.start(at);
    world.calm();
    PeerMachine::stop(&mut world.peer.machine);
    world.settle();
    for _ in 0..100 {
        world.carry();
        world.settle();
    }
    assert!(world.wires.is_empty());
}
