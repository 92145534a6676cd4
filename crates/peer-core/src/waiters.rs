//! Who waits for verdicts of the server.
//!
//! Invariants: whoever waits follows a transaction that gets another number, and is answered once.
//! Not here: how one who waits is told, and for how long one does (the host).

use std::collections::BTreeMap;

use sync_protocol::{Fault, Seq, TxnId};

use crate::{Peer, PeerError, limits};

/// What came of a local transaction, or of all up to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The server has it, as this transaction, if that is known; of several as the newest.
    Taken(Option<TxnId>),
    /// The server refused it.
    Refused {
        /// Its number.
        seq: Seq,
        /// Its operations that failed.
        faults: Vec<Fault>,
    },
}

/// Who is to be told, and what.
pub type Answered<W> = Vec<(W, Verdict)>;

/// Those who wait for verdicts. A host tells it what the peer says ([`crate::Output`]).
#[derive(Debug)]
pub struct Waiters<W> {
    all: Vec<Waiter<W>>,
    /// What pending transactions were called before.
    renumbered: BTreeMap<Seq, Seq>,
    /// The newest transaction that the server made of one from here.
    newest: Option<TxnId>,
}

#[derive(Debug)]
struct Waiter<W> {
    who: W,
    seq: Seq,
    /// All up to `seq`, not it alone.
    is_flush: bool,
}

impl<W> Default for Waiters<W> {
    fn default() -> Self {
        Self { all: Vec::new(), renumbered: BTreeMap::new(), newest: None }
    }
}

impl<W> Waiters<W> {
    /// `who` waits for one transaction.
    ///
    /// # Errors
    /// The store.
    pub fn wait_for_one(&mut self, peer: &Peer, seq: Seq, who: W) -> Result<Answered<W>, PeerError> {
        let mut seq = seq;
        while let Some(to) = self.renumbered.get(&seq) {
            seq = *to;
        }
        if peer.is_pending(seq) {
            self.all.push(Waiter { who, seq, is_flush: false });
            return Ok(Vec::new());
        }
        let verdict = match peer.rejected()?.into_iter().find(|it| it.seq == seq) {
            Some(rejected) => Verdict::Refused { seq, faults: rejected.faults },
            None => Verdict::Taken(peer.committed(seq)?),
        };
        Ok(vec![(who, verdict)])
    }

    /// `who` waits for everything that is pending.
    ///
    /// # Errors
    /// The store.
    pub fn wait_for_all(&mut self, peer: &Peer, who: W) -> Result<Answered<W>, PeerError> {
        if self.newest.is_none() {
            self.newest = peer.committed(peer.settled())?;
        }
        self.all.push(Waiter { who, seq: peer.last_seq(), is_flush: true });
        Ok(self.settle(peer))
    }

    /// Those of whom `is_over` says so do not wait any more.
    pub fn forget(&mut self, mut is_over: impl FnMut(&W) -> bool) {
        self.all.retain(|it| !is_over(&it.who));
    }

    /// The peer says so.
    pub fn committed(&mut self, seq: Seq, txn: Option<TxnId>) -> Answered<W> {
        self.newest = self.newest.max(txn);
        self.verdict(seq, &Verdict::Taken(txn))
    }

    /// The peer says so.
    pub fn rejected(&mut self, seq: Seq, faults: Vec<Fault>) -> Answered<W> {
        self.verdict(seq, &Verdict::Refused { seq, faults })
    }

    /// The peer says so.
    pub fn renumbered(&mut self, from: Seq, to: Seq) {
        self.renumbered.insert(from, to);
        for waiter in &mut self.all {
            if waiter.seq == from || (waiter.is_flush && waiter.seq > from) {
                waiter.seq = waiter.seq.max(to);
            }
        }
    }

    fn verdict(&mut self, seq: Seq, verdict: &Verdict) -> Answered<W> {
        let over = self.all.extract_if(.., |it| !it.is_flush && it.seq == seq);
        over.map(|waiter| (waiter.who, verdict.clone())).collect()
    }

    /// Those that wait for all of what has its verdicts. To be called once nothing is left to be polled.
    pub fn settle(&mut self, peer: &Peer) -> Answered<W> {
        let (settled, newest) = (peer.settled(), self.newest);
        let over = self.all.extract_if(.., |it| it.is_flush && it.seq <= settled);
        let over: Vec<_> = over.map(|waiter| (waiter.who, Verdict::Taken(newest))).collect();
        if peer.pending_len() == 0 && self.all.is_empty() && self.renumbered.len() > limits::REJECTED_MAX {
            self.renumbered.clear();
        }
        over
    }

    /// The peer was opened again: the newest writes may be gone, and their writers know.
    pub fn reopened(&mut self, peer: &Peer) {
        for waiter in self.all.iter_mut().filter(|it| it.is_flush) {
            waiter.seq = waiter.seq.min(peer.last_seq());
        }
    }
}
