//! Who waits for verdicts of the server.
//!
//! Invariants: whoever waits follows a transaction that gets another number; who has given up is
//! forgotten.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Weak,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Duration,
};

use peer_core::Peer;
use sync_protocol::{Fault, Seq, TxnId};

use crate::Error;

/// What comes of waiting: the transaction at the server, if it is known.
type Verdict = Result<Option<u64>, Error>;

/// The end of one who waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    verdict: Receiver<Verdict>,
    /// While it lives, it waits.
    _lives: Arc<()>,
}

impl Waiting {
    pub(crate) fn wait(self, timeout: Duration) -> Verdict {
        match self.verdict.recv_timeout(timeout) {
            Ok(verdict) => verdict,
            Err(RecvTimeoutError::Timeout) => Err(Error::TimedOut),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Closed),
        }
    }
}

#[derive(Debug)]
struct Waiter {
    seq: Seq,
    /// All up to `seq`, not it alone.
    is_flush: bool,
    verdict: SyncSender<Verdict>,
    lives: Weak<()>,
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
    /// Waits for one transaction.
    pub(crate) fn for_one(&mut self, peer: &Peer, seq: Seq) -> Result<Waiting, Error> {
        let mut seq = seq;
        while let Some(to) = self.renumbered.get(&seq) {
            seq = *to;
        }
        let (waiter, waiting) = waiter(seq, false);
        if peer.is_pending(seq) {
            self.add(waiter);
        } else if let Some(rejected) = peer.rejected()?.into_iter().find(|it| it.seq == seq) {
            waiter.answer(Err(refused(seq, &rejected.faults)));
        } else {
            waiter.answer(Ok(peer.committed(seq)?.map(|txn| txn.0)));
        }
        Ok(waiting)
    }

    /// Waits for everything that is pending.
    pub(crate) fn for_all(&mut self, peer: &Peer) -> Result<Waiting, Error> {
        if self.newest.is_none() {
            self.newest = peer.committed(peer.settled())?;
        }
        let (waiter, waiting) = waiter(peer.last_seq(), true);
        self.add(waiter);
        self.settle(peer);
        Ok(waiting)
    }

    fn add(&mut self, waiter: Waiter) {
        self.all.retain(|it| it.lives.strong_count() > 0);
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
            waiter.answer(verdict.clone());
        }
    }

    /// Answers those that wait for all of what has its verdicts.
    pub(crate) fn settle(&mut self, peer: &Peer) {
        let (settled, newest) = (peer.settled(), self.newest.map(|txn| txn.0));
        for waiter in self.all.extract_if(.., |it| it.is_flush && it.seq <= settled) {
            waiter.answer(Ok(newest));
        }
        if peer.pending_len() == 0 && self.all.is_empty() && self.renumbered.len() > peer_core::limits::REJECTED_MAX {
            self.renumbered.clear();
        }
    }
}

impl Waiter {
    fn answer(&self, verdict: Verdict) {
        let _ = self.verdict.try_send(verdict); // there is room for one
    }
}

fn waiter(seq: Seq, is_flush: bool) -> (Waiter, Waiting) {
    let (sender, receiver) = sync_channel(1);
    let lives = Arc::new(());
    let waiter = Waiter { seq, is_flush, verdict: sender, lives: Arc::downgrade(&lives) };
    (waiter, Waiting { verdict: receiver, _lives: lives })
}

fn refused(seq: Seq, faults: &[Fault]) -> Error {
    Error::Rejected { sequence: seq.0, why: reasons(faults) }
}

/// What the server says of a refused transaction.
pub(crate) fn reasons(faults: &[Fault]) -> String {
    let each: Vec<_> = faults.iter().map(|it| format!("{:?}: {}", it.code, it.message)).collect();
    each.join("; ")
}
