//! Pending writes that are stamped anew: by another clock, or for another site; and own writes that
//! a restored server is offered again.
//!
//! Invariants: the order of local writes stays; what is stamped anew is done again on what the
//! server has, so that counters do not count twice what was not taken.

use std::collections::{BTreeMap, BTreeSet};

use document::{Action, Changeset, CollectionName, Condition, Document, Operation, Origin, SiteId, StampClock};
use sync_protocol::{Fault, NackCode, Rest, Seq};

use super::Peer;
use super::sync::DAMAGED;
use crate::records::{Pending, PendingOperation, Synced, encode_document};
use crate::spaces::{SYNCED, document_key, split_document_key};
use crate::transaction::{apply_action, operation};
use crate::work::Work;
use crate::{Now, Output, PeerError};

impl Peer {
    /// The server found stamps of a transaction too far ahead. It waits until all before it were
    /// answered, so that their order stays; then all of them are stamped anew.
    pub(super) fn take_skew(&mut self, now: Now, seq: u64) -> Result<(), PeerError> {
        let stamp_ms = self.stamp_ms(now);
        let mut work = self.work();
        let Some(pending) = work.pending(seq)? else { return Ok(()) };
        work.put_pending(seq, Pending { is_skewed: true, ..(*pending).clone() });
        // Writes of other documents need not go on from what was wrong.
        work.meta.clock_last = work.meta.clock_last.min(stamp_ms << 16);
        let done = work.finish()?;
        self.commit(done)
    }

    /// Stamps anew what waits for it, if nothing before it is open.
    pub(super) fn stamp_skewed(&mut self, now: Now) -> Result<(), PeerError> {
        match self.pending.to_stamp() {
            Some(seqs) => self.do_again(now, seqs, None),
            None => Ok(()),
        }
    }

    /// The site is somebody else's too: from here on this store has another one.
    pub(super) fn renew_site(&mut self, now: Now) -> Result<(), PeerError> {
        let site = self.random.site();
        let instance = self.random.instance();
        let pending: Vec<u64> = self.pending.after(0).map(|(seq, _)| seq).collect();
        self.do_again(now, pending, Some(site))?;
        self.persist()?;
        let moment = self.moment(now);
        self.machine.renew_site(site, instance, moment);
        self.outputs.push_back(Output::SiteRenewed);
        Ok(())
    }

    /// Does transactions again on what the server has: under new numbers, or for a new site.
    fn do_again(&mut self, now: Now, seqs: Vec<u64>, site: Option<SiteId>) -> Result<(), PeerError> {
        let stamp_ms = self.stamp_ms(now);
        let mut outputs = Vec::new();
        let mut kept = Vec::new();
        let mut work = self.work();
        if let Some(site) = site {
            work.meta.site = site;
        }
        let mut clock = StampClock { site: work.meta.site, last: work.meta.clock_last };
        let mut current = synced_documents(&mut work, &seqs)?;
        for seq in seqs {
            let old = work.pending(seq)?.ok_or(DAMAGED)?;
            let to = match site {
                Some(_) => seq,
                None => {
                    work.meta.last_seq += 1;
                    work.meta.last_seq
                }
            };
            let again = stamped_again(&old, &mut current, &mut clock, stamp_ms);
            for operation in &old.operations {
                let touched = work.touch(&operation.collection, &operation.id)?;
                touched.pending.remove(&seq);
                touched.view = None;
            }
            work.remove_pending(seq);
            match again {
                Some(again) => {
                    for operation in &again.operations {
                        work.touch(&operation.collection, &operation.id)?.pending.insert(to);
                    }
                    work.put_pending(to, again);
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

    /// The server was restored from a copy that has everything up to `fork` and less of what came
    /// after. What this site wrote of documents that changed since is offered again, whole: what
    /// the server has of it makes no difference.
    pub(super) fn heal(&mut self, fork: u64) -> Result<(), PeerError> {
        let mut work = self.work();
        for entry in self.store.prefix(SYNCED, &[]) {
            let (key, record) = entry?;
            let synced = Synced::decode(&record)?;
            if synced.base <= fork {
                continue;
            }
            let (collection, id) = split_document_key(&key)?;
            let delta = synced.document.delta_of(work.meta.site, 0);
            let touched = work.touch(&collection, &id)?;
            if let Some(synced) = &mut touched.synced {
                synced.base = fork;
            }
            if delta == Document::new() {
                continue;
            }
            work.meta.last_seq += 1;
            let seq = work.meta.last_seq;
            work.touch(&collection, &id)?.pending.insert(seq);
            let removes = !synced.document.exists();
            let pushed = PendingOperation { collection, id, removes, base: fork, delta: encode_document(&delta) };
            work.put_pending(seq, offered_again(pushed, delta));
        }
        let done = work.finish()?;
        self.commit(done)?;
        self.machine.pushes_available(Seq(self.meta.last_seq));
        Ok(())
    }
}

fn offered_again(pushed: PendingOperation, delta: Document) -> Pending {
    let action = Action::Merge { delta, removed: pushed.removes, base: pushed.base };
    let (collection, id) = (pushed.collection.clone(), pushed.id.clone());
    let done = Operation { collection, id, condition: Condition::Always, action };
    Pending {
        is_skewed: false,
        traceparent: None,
        operations: vec![pushed],
        done: Changeset { operations: vec![done], queries: Vec::new(), origin: Origin::default() },
    }
}

/// What the server has of the documents that the transactions wrote.
fn synced_documents(work: &mut Work<'_>, seqs: &[u64]) -> Result<BTreeMap<Vec<u8>, Document>, PeerError> {
    let mut documents = BTreeMap::new();
    for seq in seqs {
        let pending = work.pending(*seq)?.ok_or(DAMAGED)?;
        for operation in &pending.operations {
            let touched = work.touch(&operation.collection, &operation.id)?;
            let document = touched.synced.as_ref().map(|it| it.document.clone()).unwrap_or_default();
            documents.insert(document_key(&operation.collection, &operation.id), document);
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
    is_something.then_some(Pending { is_skewed: false, traceparent, operations, done })
}
