//! What became of pushes.
//!
//! Invariants: a transaction leaves `pending` with its verdict, in one batch; one that is refused is
//! set aside with its reasons, and the view falls back to what the server has.

use std::collections::BTreeSet;

use document::{Action, CollectionName, DocumentId, Map};
use sync_protocol::{Fault, NackCode, Seq, TxnId};

use super::Peer;
use super::sync::DAMAGED;
use crate::records::{Committed, Pending, PendingOperation, Rejected, Synced, decode_document};
use crate::spaces::{COMMITTED, REJECTED, numbered};
use crate::work::Work;
use crate::{Now, Output, PeerError, limits};

/// A transaction that the server refused.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedTransaction {
    /// Its number.
    pub seq: Seq,
    /// What it did.
    pub done: document::Changeset,
    /// Why it was refused.
    pub faults: Vec<Fault>,
}

impl RejectedTransaction {
    /// What the server says of it, for people.
    pub fn why(&self) -> String {
        reasons(&self.faults)
    }

    /// The documents that it would have written.
    pub fn documents(&self) -> impl Iterator<Item = (&CollectionName, &DocumentId)> {
        self.done.operations.iter().map(|it| (&it.collection, &it.id))
    }

    /// What upserts in it would have written, without `_id`.
    pub fn values(&self) -> impl Iterator<Item = (&CollectionName, &DocumentId, &Map)> {
        self.done.operations.iter().filter_map(|it| match &it.action {
            Action::Upsert { value, .. }
            | Action::UpsertInitial { value, .. }
            | Action::UpsertDifference { value, .. } => Some((&it.collection, &it.id, value)),
            _ => None,
        })
    }
}

/// What the server says of a refused transaction, for people.
pub fn reasons(faults: &[Fault]) -> String {
    // Others fell with them: of those nothing is to be said.
    let wrong = faults.iter().filter(|it| it.code != NackCode::Transaction);
    let each: Vec<_> = wrong.map(|it| format!("{}: {}", it.code.as_str(), it.message)).collect();
    each.join("; ")
}

impl Peer {
    /// The transaction that a local one became at the server. `None` while it is pending, if it was
    /// refused, if the server does not know any more, or if it is long ago.
    ///
    /// # Errors
    /// The store.
    pub fn committed(&self, seq: Seq) -> Result<Option<TxnId>, PeerError> {
        let Some(txn) = self.store.get(COMMITTED, &numbered(seq.0, &[]))? else { return Ok(None) };
        Ok(Some(TxnId(Committed::decode(&txn)?.txn)))
    }

    /// Whether a local transaction has no verdict.
    pub fn is_pending(&self, seq: Seq) -> bool {
        self.pending.facts(seq.0).is_some()
    }

    /// The refused transactions that are kept, the oldest first.
    ///
    /// # Errors
    /// The store.
    pub fn rejected(&self) -> Result<Vec<RejectedTransaction>, PeerError> {
        let seqs = self.rejected.keys();
        seqs.map(|seq| {
            let bytes = self.store.get(REJECTED, &numbered(*seq, &[]))?;
            let Rejected { pending, faults } = Rejected::decode(&bytes.ok_or(DAMAGED)?)?;
            Ok(RejectedTransaction { seq: Seq(*seq), done: pending.done, faults })
        })
        .collect()
    }

    /// A refused transaction was seen to, and need not be kept.
    ///
    /// # Errors
    /// The store.
    pub fn forget_rejected(&mut self, seq: Seq) -> Result<(), PeerError> {
        if self.rejected.contains_key(&seq.0) {
            self.store.remove(REJECTED, &numbered(seq.0, &[]))?;
            self.is_persist_due = true;
            self.rejected.remove(&seq.0);
        }
        Ok(())
    }

    /// What was taken earlier, as the server does not know which transaction any more, stays pending
    /// until all that it can have become is here: what is known then may be of much later.
    pub(super) fn take_acks(&mut self, taken: Vec<(Seq, Option<TxnId>)>) -> Result<(), PeerError> {
        let mut told = Vec::with_capacity(taken.len());
        for (seq, txn) in taken {
            match (txn, self.machine.taken_by(seq)) {
                (Some(txn), _) => told.push((seq, Taken::As(txn))),
                (None, Some(by)) => {
                    self.acked_before.insert(seq, by);
                }
                // A connection before this one had not come to its end: it was a moment ago.
                (None, None) => told.push((seq, Taken::By(TxnId(u64::MAX)))),
            }
        }
        self.settle(told)?;
        self.settle_acked_before()
    }

    /// Settles what was taken earlier and is here by now.
    pub(super) fn settle_acked_before(&mut self) -> Result<(), PeerError> {
        if self.acked_before.is_empty() {
            return Ok(());
        }
        let cursor = self.meta.cursor_txn();
        let is_complete = |sub| {
            let stored = self.subscriptions.stored(sub);
            stored.is_none_or(|it| it.refused.is_some() || it.is_complete(cursor))
        };
        if !self.subscriptions.numbers().all(is_complete) {
            return Ok(());
        }
        let here = self.acked_before.iter().filter(|(_, by)| by.0 <= cursor);
        let here: Vec<_> = here.map(|(seq, by)| (*seq, Taken::By(*by))).collect();
        if here.is_empty() {
            return Ok(());
        }
        self.settle(here)?;
        self.acked_before.retain(|_, by| by.0 > cursor);
        Ok(())
    }

    /// The transactions are no longer pending: the server took them.
    pub(super) fn settle(&mut self, taken: Vec<(Seq, Taken)>) -> Result<(), PeerError> {
        let mut work = self.work();
        let mut outputs = Vec::with_capacity(taken.len());
        for (seq, taken) in taken {
            let Some(pending) = work.pending(seq.0)? else { continue };
            for operation in &pending.operations {
                let delta = decode_document(&operation.delta)?;
                let is_here = self.is_here(&mut work, operation, taken)?;
                let touched = work.touch(&operation.collection, &operation.id)?;
                touched.pending.remove(&seq.0);
                touched.view = None;
                if is_here {
                    continue;
                }
                let synced = touched.synced.get_or_insert_with(Synced::of_nothing);
                synced.document.merge(&delta);
                match taken {
                    Taken::As(txn) => synced.base = synced.base.max(txn.0),
                    Taken::By(txn) => synced.taken_by = synced.taken_by.max(txn.0),
                }
            }
            work.remove_pending(seq.0);
            if let Some(acked) = &mut work.meta.acked {
                *acked = (*acked).max(seq.0);
            }
            let txn = taken.txn();
            if let Some(txn) = txn {
                let committed = Committed { txn: txn.0, documents: pending.documents_together() };
                work.batch.insert(COMMITTED, numbered(seq.0, &[]), committed.encode());
            }
            if let Some(old) = seq.0.checked_sub(limits::COMMITTED_MAX) {
                work.batch.remove(COMMITTED, numbered(old, &[]));
            }
            outputs.push(Output::Committed { seq, txn });
        }
        let done = work.finish()?;
        self.commit(done)?;
        self.outputs.extend(outputs);
        Ok(())
    }

    /// Whether what is known of the document is what the server had once it had taken the
    /// transaction, or later. What is no longer in it then was done away with there.
    fn is_here(&self, work: &mut Work<'_>, operation: &PendingOperation, taken: Taken) -> Result<bool, PeerError> {
        let cursor = work.meta.cursor_txn();
        let touched = work.touch(&operation.collection, &operation.id)?;
        let base = touched.synced.as_ref().map_or(0, |it| it.base);
        let subs: Vec<u64> = touched.members.keys().copied().collect();
        let is_kept_up = subs.iter().any(|sub| work.sub(*sub).is_some_and(|it| it.is_complete(cursor)));
        Ok(is_kept_up
            && match taken {
                Taken::As(txn) => txn.0 <= cursor.max(base),
                Taken::By(txn) => txn.0 <= cursor,
            })
    }

    pub(super) fn take_rejection(&mut self, now: Now, seq: Seq, faults: Vec<Fault>) -> Result<(), PeerError> {
        if faults.iter().any(|fault| fault.code == NackCode::Skew) && self.take_skew(now, seq.0)? {
            return Ok(());
        }
        let mut work = self.work();
        let Some(pending) = work.pending(seq.0)? else { return Ok(()) };
        let renumbered = self.take_back(&mut work, seq.0, &pending)?;
        fall_back(&mut work, seq.0, &pending, &faults)?;
        let kept = self.set_aside(&mut work, seq.0, (*pending).clone(), faults.clone());
        let done = work.finish()?;
        self.commit(done)?;
        self.note_set_aside(kept);
        self.outputs.push_back(Output::Rejected { seq, faults });
        self.outputs.extend(renumbered);
        self.machine.pushes_available(Seq(self.meta.last_seq));
        Ok(())
    }

    /// Puts a transaction among the refused ones; the oldest make room.
    pub(super) fn set_aside(&self, work: &mut Work<'_>, seq: u64, pending: Pending, faults: Vec<Fault>) -> SetAside {
        let bytes = Rejected { pending, faults }.encode();
        let size = bytes.len() as u64;
        let mut count = self.rejected.len() + 1;
        let mut total = self.rejected.values().sum::<u64>() + size;
        let mut gone = BTreeSet::new();
        for (old, old_bytes) in &self.rejected {
            if count <= limits::REJECTED_MAX && total <= limits::REJECTED_BYTES_MAX {
                break;
            }
            count -= 1;
            total -= old_bytes;
            work.batch.remove(REJECTED, numbered(*old, &[]));
            gone.insert(*old);
        }
        work.batch.insert(REJECTED, numbered(seq, &[]), bytes);
        SetAside { seq, size, gone }
    }

    pub(super) fn note_set_aside(&mut self, kept: SetAside) {
        self.rejected.retain(|seq, _| !kept.gone.contains(seq));
        self.rejected.insert(kept.seq, kept.size);
    }
}

/// How the server took a transaction.
#[derive(Debug, Clone, Copy)]
pub(super) enum Taken {
    /// As this one of its own.
    As(TxnId),
    /// As this one, or one before it.
    By(TxnId),
}

impl Taken {
    fn txn(self) -> Option<TxnId> {
        match self {
            Self::As(txn) => Some(txn),
            Self::By(_) => None,
        }
    }
}

/// What becomes of the memory of refused transactions.
pub(super) struct SetAside {
    seq: u64,
    size: u64,
    gone: BTreeSet<u64>,
}

/// The transaction is no longer pending. What the server says is removed goes, unless a subscription
/// has it: then its removal is on its way.
fn fall_back(work: &mut Work<'_>, seq: u64, pending: &Pending, faults: &[Fault]) -> Result<(), PeerError> {
    for (number, operation) in pending.operations.iter().enumerate() {
        let is_removed = faults.iter().any(|it| it.operation == number as u64 && it.code == NackCode::Removed);
        let touched = work.touch(&operation.collection, &operation.id)?;
        touched.pending.remove(&seq);
        touched.view = None;
        if let (true, true, Some(synced)) = (is_removed, touched.members.is_empty(), &mut touched.synced) {
            synced.left = true;
        }
    }
    work.remove_pending(seq);
    Ok(())
}
