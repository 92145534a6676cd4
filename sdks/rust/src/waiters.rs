//! Who waits for verdicts of the server, as a promise.
//!
//! Invariant: who has given up is forgotten. Not here: whom a verdict concerns (`peer_core::Waiters`).

use peer_core::{Peer, Verdict, reasons};
use sync_protocol::{Fault, Seq, TxnId};

use crate::{Error, promise::Resolver};

#[derive(Debug, Default)]
pub(crate) struct Waiters(peer_core::Waiters<Resolver<Option<u64>>>);

impl Waiters {
    /// `verdict` waits for one transaction.
    pub(crate) fn for_one(&mut self, peer: &Peer, seq: Seq, verdict: Resolver<Option<u64>>) -> Result<(), Error> {
        self.0.forget(Resolver::is_abandoned);
        resolve(self.0.wait_for_one(peer, seq, verdict)?);
        Ok(())
    }

    /// `verdict` waits for everything that is pending.
    pub(crate) fn for_all(&mut self, peer: &Peer, verdict: Resolver<Option<u64>>) -> Result<(), Error> {
        self.0.forget(Resolver::is_abandoned);
        resolve(self.0.wait_for_all(peer, verdict)?);
        Ok(())
    }

    pub(crate) fn committed(&mut self, seq: Seq, txn: Option<TxnId>) {
        resolve(self.0.committed(seq, txn));
    }

    pub(crate) fn rejected(&mut self, seq: Seq, faults: Vec<Fault>) {
        resolve(self.0.rejected(seq, faults));
    }

    pub(crate) fn renumbered(&mut self, from: Seq, to: Seq) {
        self.0.renumbered(from, to);
    }

    /// Answers those that wait for all of what has its verdicts.
    pub(crate) fn settle(&mut self, peer: &Peer) {
        resolve(self.0.settle(peer));
    }

    pub(crate) fn reopened(&mut self, peer: &Peer) {
        self.0.reopened(peer);
    }
}

fn resolve(answered: peer_core::Answered<Resolver<Option<u64>>>) {
    for (resolver, verdict) in answered {
        resolver.resolve(match verdict {
            Verdict::Taken(txn) => Ok(txn.map(|txn| txn.0)),
            Verdict::Refused { seq, faults } => Err(Error::Rejected { sequence: seq.0, why: reasons(&faults) }),
        });
    }
}
