//! Pending writes that are stamped anew: by another clock, or for another site.
//!
//! A store that was copied has the same pending transactions as the other one, under the same site
//! and numbers. So the one that takes another site asks first which of them were taken under the
//! former one: those are settled, and only the others are stamped anew. Numbers that were given after
//! the copy are never the other one's: each opening leaves out many.
//!
//! Invariants: the order of local writes stays; what is stamped anew is done again on what the
//! server has, so that counters do not count twice what was not taken.

use std::collections::{BTreeMap, BTreeSet};

use document::{Changeset, CollectionName, Document, Origin, StampClock};
use sync_protocol::{Fault, FormerSite, NackCode, Rest, Seq, TxnId};

use super::Peer;
use super::sync::DAMAGED;
use super::verdicts::Taken;
use crate::records::{Pending, PendingOperation, decode_document};
use crate::spaces::document_key;
use crate::transaction::{apply_action, operation};
use crate::work::Work;
use crate::{Now, Output, PeerError, limits};

impl Peer {
    /// The server found stamps of a transaction too far ahead: it is stamped anew. Whether it was
    /// ahead by this clock too; where it was not, stamping it anew would not help.
    pub(super) fn take_skew(&mut self, now: Now, seq: u64) -> Result<bool, PeerError> {
        let ahead_ms = self.stamp_ms(now).saturating_add(limits::STAMP_AHEAD_MS_SURE);
        let Some(pending) = self.work().pending(seq)? else { return Ok(true) };
        let is_ahead = is_ahead(&pending, ahead_ms)?;
        if is_ahead {
            let mut seqs = vec![seq];
            seqs.extend(self.needing(&mut self.work(), seq)?); // they are refused with it
            self.do_again(now, seqs, Again::By { ahead_ms })?;
        }
        Ok(is_ahead)
    }

    /// The site is somebody else's too: from here on this store has another one.
    pub(super) fn renew_site(&mut self, now: Now) -> Result<(), PeerError> {
        let site = self.random.site();
        let instance = self.random.instance();
        let mut work = self.work();
        if !self.pending.is_empty() && work.meta.former.is_none() {
            work.meta.former = Some((work.meta.site, work.meta.last_seq));
        }
        work.meta.site = site;
        work.meta.acked = Some(0);
        let done = work.finish()?;
        self.commit(done)?;
        self.persist()?;
        if let Some((former, _)) = self.meta.former {
            self.machine.begin_former(former);
        }
        let moment = self.moment(now);
        self.machine.renew_site(site, instance, moment);
        self.outputs.push_back(Output::SiteRenewed);
        Ok(())
    }

    /// The server says what it took under the former site. The rest is stamped anew; what it does not
    /// know any more is set aside: it could be there already.
    pub(super) fn settle_former(&mut self, now: Now, known: Option<FormerSite>) -> Result<(), PeerError> {
        let through = self.meta.former.map_or(0, |(_, through)| through);
        let (mut taken, mut left) = (Vec::new(), Vec::new());
        let seqs: Vec<u64> = self.pending.after(0).map(|(seq, _)| seq).collect();
        for seq in seqs {
            let is_taken = |known: &FormerSite| known.has_taken(Seq(seq));
            // Where a subscription has its documents, these say what was taken: it may be the other copy's.
            match known.as_ref().filter(|_| seq <= through).map_or(Some(false), is_taken) {
                Some(true) => taken.push((Seq(seq), Taken::By(TxnId(0)))),
                Some(false) => left.push(seq),
                None => {
                    let message = "it is not known any more whether the server took it".to_owned();
                    let code = NackCode::Other("unknown".to_owned());
                    let fault = Fault { operation: 0, code, message, rest: Rest::default() };
                    self.take_rejection(now, Seq(seq), vec![fault])?;
                }
            }
        }
        self.settle(taken)?;
        self.do_again(now, left, Again::ForNewSite)?;
        self.machine.former_settled(Seq(self.meta.last_seq));
        Ok(())
    }

    /// Does transactions again, on what the server has and what need not be done again.
    fn do_again(&mut self, now: Now, seqs: Vec<u64>, again: Again) -> Result<(), PeerError> {
        let stamp_ms = self.stamp_ms(now);
        let mut outputs = Vec::new();
        let mut kept = Vec::new();
        let mut work = self.work();
        match again {
            Again::ForNewSite => work.meta.former = None,
            // Writes of other documents need not go on from what was wrong.
            Again::By { .. } => work.meta.clock_last = work.meta.clock_last.min(stamp_ms << 16),
        }
        let mut clock = StampClock { site: work.meta.site, last: work.meta.clock_last };
        let mut current = documents_before(&mut work, &seqs, again)?;
        for seq in seqs {
            let old = work.pending(seq)?.ok_or(DAMAGED)?;
            let to = match again {
                Again::ForNewSite => seq,
                Again::By { .. } => self.next_seq(&mut work),
            };
            let stamped = stamped_again(&old, &mut current, &mut clock, stamp_ms);
            for operation in &old.operations {
                let touched = work.touch(&operation.collection, &operation.id)?;
                touched.pending.remove(&seq);
                touched.view = None;
            }
            work.remove_pending(seq);
            match stamped {
                Some(stamped) => {
                    for operation in &stamped.operations {
                        work.touch(&operation.collection, &operation.id)?.pending.insert(to);
                    }
                    work.put_pending(to, stamped);
                    if to != seq {
                        outputs.push(Output::Renumbered { from: Seq(seq), to: Seq(to) });
                    }
                }
                None => {
                    let message = "it cannot be done again on what the server has".to_owned();
                    let fault = Fault { operation: 0, code: NackCode::Invalid, message, rest: Rest::default() };
                    kept.push(self.set_aside(&mut work, seq, (*old).clone(), vec![fault.clone()]));
                    outputs.push(Output::Rejected { seq: Seq(seq), faults: vec![fault] });
                }
            }
        }
        work.meta.clock_last = clock.last;
        let done = work.finish()?;
        self.commit(done)?;
        kept.into_iter().for_each(|it| self.note_set_aside(it));
        self.outputs.extend(outputs);
        self.machine.pushes_available(Seq(self.meta.last_seq));
        Ok(())
    }
}

/// Why transactions are done again.
#[derive(Debug, Clone, Copy)]
enum Again {
    /// For a new site, under the same numbers.
    ForNewSite,
    /// By a better clock, under new numbers; what is stamped beyond this waits for the same.
    By { ahead_ms: u64 },
}

/// Whether a transaction bears stamps beyond `ahead_ms`.
fn is_ahead(pending: &Pending, ahead_ms: u64) -> Result<bool, PeerError> {
    for operation in &pending.operations {
        if decode_document(&operation.delta)?.stamp_max().wall_ms() > ahead_ms {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The documents that the transactions wrote, as they were before: what was written after them is
/// stamped above them, and done again after them.
fn documents_before(work: &mut Work<'_>, seqs: &[u64], again: Again) -> Result<BTreeMap<Vec<u8>, Document>, PeerError> {
    let mut documents = BTreeMap::new();
    for seq in seqs {
        let pending = work.pending(*seq)?.ok_or(DAMAGED)?;
        for PendingOperation { collection, id, .. } in &pending.operations {
            let key = document_key(collection, id);
            if documents.contains_key(&key) {
                continue;
            }
            let mut without = work.touch(collection, id)?.pending.clone();
            if let Again::By { ahead_ms } = again {
                let mut later = BTreeSet::from_iter(seqs.iter().copied());
                for other in without {
                    if is_ahead(&*work.pending(other)?.ok_or(DAMAGED)?, ahead_ms)? {
                        later.insert(other);
                    }
                }
                without = later;
            }
            documents.insert(key, work.merged(collection, id, &without)?);
        }
    }
    Ok(documents)
}

/// The transaction with new stamps, done on `current`, which has what it did afterwards. `None` if
/// it cannot be done, or comes to nothing.
fn stamped_again(
    old: &Pending,
    current: &mut BTreeMap<Vec<u8>, Document>,
    clock: &mut StampClock,
    stamp_ms: u64,
) -> Option<Pending> {
    let since = clock.last;
    let mut after: BTreeMap<Vec<u8>, Document> = BTreeMap::new();
    for done in &old.done.operations {
        let key = document_key(&done.collection, &done.id);
        let before = || current.get(&key).cloned().unwrap_or_default();
        let document = after.entry(key.clone()).or_insert_with(before);
        apply_action(document, &done.action, clock, stamp_ms).ok()?;
    }
    let mut operations = Vec::new();
    for it in &old.operations {
        let key = document_key(&it.collection, &it.id);
        let before = current.get(&key).cloned().unwrap_or_default();
        let Some(document) = after.get(&key).filter(|document| **document != before) else { continue };
        operations.push(operation(&it.collection, &it.id, it.base, &before, document, clock.site, since));
    }
    current.extend(after);
    let keys: BTreeSet<(&CollectionName, &document::DocumentId)> =
        operations.iter().map(|it| (&it.collection, &it.id)).collect();
    let done = old.done.operations.iter().filter(|it| keys.contains(&(&it.collection, &it.id))).cloned().collect();
    let done = Changeset { operations: done, queries: Vec::new(), origin: Origin::default() };
    let is_something = !operations.is_empty();
    let traceparent = old.traceparent.clone();
    is_something.then_some(Pending { traceparent, operations, done })
}
