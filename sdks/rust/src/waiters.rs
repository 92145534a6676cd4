//! Who waits for verdicts of the server.
//!
//! Invariants: whoever waits follows a transaction that gets another number; who has given up is
//! forgotten.

use std::collections::BTreeMap;

use peer_core::Peer;
use sync_protocol::{Fault, NackCode, Seq, TxnId};

use crate::{Error, promise::Resolver};

/// What comes of waiting: the transaction at the server, if it is known.
pub(crate) type Verdict = Result<Option<u64>, Error>;

#[derive(Debug)]
struct Waiter {
    seq: Seq,
    /// All up to `seq`, not it alone.
    is_flush: bool,
    verdict: Resolver<Option<u64>>,
}

#[derive(Debug, Default)]
pub(crate) struct Waiters {
    all: Vec<Waiter>,
    /// What pending transactions were called before.
    renumbered: BTreeMap<Seq, Seq>,
    /// The newest transaction that the server made of one from here.
    newest: Option<TxnId>,
}

impl Waiters {
    /// `verdict` waits for one transaction.
    pub(crate) fn for_one(&mut self, peer: &Peer, seq: Seq, verdict: Resolver<Option<u64>>) -> Result<(), Error> {
        let mut seq = seq;
        while let Some(to) = self.renumbered.get(&seq) {
            seq = *to;
        }
        if peer.is_pending(seq) {
            self.add(Waiter { seq, is_flush: false, verdict });
        } else if let Some(rejected) = peer.rejected()?.into_iter().find(|it| it.seq == seq) {
            verdict.resolve(Err(refused(seq, &rejected.faults)));
        } else {
            verdict.resolve(Ok(peer.committed(seq)?.map(|txn| txn.0)));
        }
        Ok(())
    }

    /// `verdict` waits for everything that is pending.
    pub(crate) fn for_all(&mut self, peer: &Peer, verdict: Resolver<Option<u64>>) -> Result<(), Error> {
        if self.newest.is_none() {
            self.newest = peer.committed(peer.settled())?;
        }
        self.add(Waiter { seq: peer.last_seq(), is_flush: true, verdict });
        self.settle(peer);
        Ok(())
    }

    fn add(&mut self, waiter: Waiter) {
        self.all.retain(|it| !it.verdict.is_abandoned());
        self.all.push(waiter);
    }

    pub(crate) fn committed(&mut self, seq: Seq, txn: Option<TxnId>) {
        self.newest = self.newest.max(txn);
        self.verdict(seq, &Ok(txn.map(|txn| txn.0)));
    }

    pub(crate) fn rejected(&mut self, seq: Seq, faults: &[Fault]) {
        self.verdict(seq, &Err(refused(seq, faults)));
    }

    pub(crate) fn renumbered(&mut self, from: Seq, to: Seq) {
        self.renumbered.insert(from, to);
        for waiter in &mut self.all {
            if waiter.seq == from || (waiter.is_flush && waiter.seq > from) {
                waiter.seq = waiter.seq.max(to);
            }
        }
    }

    fn verdict(&mut self, seq: Seq, verdict: &Verdict) {
        for waiter in self.all.extract_if(.., |it| !it.is_flush && it.seq == seq) {
            waiter.verdict.resolve(verdict.clone());
        }
    }

    /// Answers those that wait for all of what has its verdicts.
    pub(crate) fn settle(&mut self, peer: &Peer) {
        let (settled, newest) = (peer.settled(), self.newest.map(|txn| txn.0));
        for waiter in self.all.extract_if(.., |it| it.is_flush && it.seq <= settled) {
            waiter.verdict.resolve(Ok(newest));
        }
        if peer.pending_len() == 0 && self.all.is_empty() && self.renumbered.len() > peer_core::limits::REJECTED_MAX {
            self.renumbered.clear();
        }
    }

    /// The peer was opened again: the newest writes may be gone, and their writers know.
    pub(crate) fn reopened(&mut self, peer: &Peer) {
        for waiter in self.all.iter_mut().filter(|it| it.is_flush) {
            waiter.seq = waiter.seq.min(peer.last_seq());
        }
    }
}

fn refused(seq: Seq, faults: &[Fault]) -> Error {
    Error::Rejected { sequence: seq.0, why: reasons(faults) }
}

/// What the server says of a refused transaction.
pub(crate) fn reasons(faults: &[Fault]) -> String {
    // Others fell with them: of those nothing is to be said.
    let wrong = faults.iter().filter(|it| it.code != NackCode::Transaction);
    let each: Vec<_> = wrong.map(|it| format!("{}: {}", it.code.as_str(), it.message)).collect();
    each.join("; ")
}
