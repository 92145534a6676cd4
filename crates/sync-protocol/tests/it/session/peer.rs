//! A peer's host: its store, which outlives a kill, and its machine, which does not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use document::SiteId;
use sync_protocol::{
    Identity, ItemKind, Moment, PeerMachine, PeerOutput, Push, PushOperation, ResyncReason, Seq, SubId, TxnId,
};

use super::Seen;
use crate::random::Random;
use crate::samples;

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Verdict {
    /// The transaction is none where the server had forgotten it.
    Acked(Option<TxnId>),
    Rejected,
}

pub(crate) enum Action {
    Connect,
    Disconnect,
    Send(Vec<u8>),
}

pub(crate) struct PeerHost {
    pub(crate) machine: PeerMachine,
    /// The stored ones.
    pub(crate) documents: BTreeMap<String, Vec<u8>>,
    pub(crate) pending: BTreeMap<u64, Push>,
    pub(crate) verdicts: BTreeMap<u64, Verdict>,
    identity: Identity,
    /// What the snapshot that is under way named, and changes meanwhile.
    named: Option<BTreeSet<String>>,
    last_seq: u64,
    /// Delivered, and not stored; lost with the process.
    deliveries: VecDeque<PeerOutput>,
    opened: u8,
    resyncs: u64,
    left: u64,
}

impl PeerHost {
    pub(crate) fn new() -> Self {
        let identity = Identity {
            site: SiteId(0x77),
            instance: [0; 16],
            sdk: "simulated".to_owned(),
            token: None,
            cursor: None,
            subs: vec![samples::subscription(1)],
        };
        Self {
            machine: PeerMachine::new(identity.clone()),
            documents: BTreeMap::new(),
            pending: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            identity,
            named: Some(BTreeSet::new()),
            last_seq: 0,
            deliveries: VecDeque::new(),
            opened: 0,
            resyncs: 0,
            left: 0,
        }
    }

    /// A kill, and the store is opened again.
    pub(crate) fn reopen(&mut self) {
        self.opened = self.opened.wrapping_add(1);
        self.identity.instance = [self.opened; 16];
        self.machine = PeerMachine::new(self.identity.clone());
        self.deliveries.clear();
    }

    pub(crate) fn write(&mut self, random: &mut Random) {
        self.last_seq += 1;
        let bytes = if random.once_in(20) { 300_000 } else { random.below(2000) } as usize;
        let template = samples::push(self.last_seq);
        let operation = PushOperation {
            id: samples::id(&random.below(20).to_string()),
            delta: [&self.last_seq.to_be_bytes()[..], &vec![0; bytes]].concat(),
            ..template.operations[0].clone()
        };
        self.pending.insert(self.last_seq, Push { operations: vec![operation], ..template });
        self.machine.pushes_available(Seq(self.last_seq));
    }

    pub(crate) fn connected(&mut self, at: Moment) {
        let settled = self.pending.keys().next().map_or(self.last_seq, |first| first - 1);
        self.machine.connected(at, at.now_ms, Seq(self.last_seq), Seq(settled));
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.deliveries.is_empty()
    }

    /// What the machine has to do with the wire; the rest is done.
    pub(crate) fn poll(&mut self) -> Option<Action> {
        loop {
            match self.machine.poll_output()? {
                PeerOutput::Connect => return Some(Action::Connect),
                PeerOutput::Disconnect => return Some(Action::Disconnect),
                PeerOutput::Send(frame) => return Some(Action::Send(frame)),
                PeerOutput::WantPending { request, after, bytes_max, count_max } => {
                    let pushes = self.pending_after(after, bytes_max, count_max);
                    self.machine.handle_pending(request, pushes);
                }
                PeerOutput::Acked(acked) => {
                    for (seq, txn) in acked {
                        self.decide(seq, Verdict::Acked(txn));
                    }
                }
                PeerOutput::Rejected { seq, .. } => self.decide(seq, Verdict::Rejected),
                PeerOutput::Granted { permission: None, .. } => {}
                PeerOutput::Granted { permission: Some(permission), .. } => {
                    for sub in &mut self.identity.subs {
                        sub.hash = sub.hash.map(|_| permission);
                    }
                }
                PeerOutput::SiteReused | PeerOutput::Restored { .. } => panic!("neither happens here"),
                delivery @ (PeerOutput::ApplyChanges { .. }
                | PeerOutput::ApplySnapshot { .. }
                | PeerOutput::Resync { .. }) => self.deliveries.push_back(delivery),
                PeerOutput::State(_)
                | PeerOutput::ClockOffset(_)
                | PeerOutput::WantDigest { .. }
                | PeerOutput::DigestReply(_)
                | PeerOutput::Former { .. }
                | PeerOutput::Ignored { .. } => {}
            }
        }
    }

    pub(crate) fn tell(&self, seen: &mut Seen) {
        seen.resyncs += self.resyncs;
        seen.left += self.left;
        seen.rejected += self.verdicts.values().filter(|it| **it == Verdict::Rejected).count() as u64;
    }

    fn pending_after(&self, after: Seq, bytes_max: u64, count_max: usize) -> Vec<Push> {
        let mut bytes = 0;
        let mut pushes = Vec::new();
        for push in self.pending.range(after.0 + 1..).map(|(_, push)| push).take(count_max) {
            bytes += push.operations[0].delta.len() as u64;
            if bytes > bytes_max && !pushes.is_empty() {
                break;
            }
            pushes.push(push.clone());
        }
        pushes
    }

    fn decide(&mut self, seq: Seq, verdict: Verdict) {
        assert!(self.pending.remove(&seq.0).is_some(), "{seq:?} has a second verdict");
        self.verdicts.insert(seq.0, verdict);
    }

    /// One local transaction of what was delivered.
    pub(crate) fn store_one(&mut self) {
        match self.deliveries.pop_front() {
            Some(PeerOutput::ApplyChanges { delivery, items, through, incarnation, .. }) => {
                for item in items {
                    let id = item.id.as_json().to_owned();
                    if let Some(named) = &mut self.named {
                        named.insert(id.clone());
                    }
                    match item.kind {
                        ItemKind::Leave => self.left += u64::from(self.documents.remove(&id).is_some()),
                        _ => drop(self.documents.insert(id, item.bytes.expect("it was looked at"))),
                    }
                }
                let rest = Default::default();
                self.identity.cursor = Some(sync_protocol::Cursor { incarnation, txn: through, rest });
                self.machine.stored(delivery);
            }
            Some(PeerOutput::ApplySnapshot { delivery, sub, items, page, hash, done, .. }) => {
                assert_eq!(sub, SubId(1));
                let mut named = self.named.take().unwrap_or_default();
                for item in items {
                    named.insert(item.id.as_json().to_owned());
                    self.documents.insert(item.id.as_json().to_owned(), item.state);
                }
                if done {
                    self.documents.retain(|id, _| named.contains(id));
                } else {
                    self.named = Some(named);
                }
                self.identity.subs[0].page = page;
                self.identity.subs[0].hash = Some(hash);
                self.machine.stored(delivery);
            }
            Some(PeerOutput::Resync { reason, .. }) => {
                assert_eq!(reason, ResyncReason::Trimmed);
                self.resyncs += 1;
                self.named = Some(BTreeSet::new());
                self.identity.subs[0].page = None;
                self.identity.subs[0].hash = None;
            }
            _ => {}
        }
        assert!(self.deliveries.len() <= 600, "no more than the credit, and resyncs");
    }
}
