//! What this site wrote and a restored server lacks, which is offered to it again.
//!
//! What was taken after the fork is offered as what it is now: of each document all that this site
//! wrote, since what the server has of it makes no difference. Documents that one transaction wrote
//! together are offered together, as far as it is kept which ones these are
//! ([`limits::COMMITTED_MAX`]) and one transaction holds them. Of what was taken in a transaction that
//! nobody told, it is known by when at the latest: it is offered if that is after the fork.
//!
//! Invariant: nothing is offered that other sites wrote.

use std::collections::BTreeMap;

use document::{Action, Changeset, Condition, Document, Operation, Origin};
use sync_protocol::Seq;

use super::Peer;
use crate::records::{Committed, Pending, PendingOperation, Synced, encode_document};
use crate::spaces::{COMMITTED, SYNCED, document_key, split_document_key};
use crate::work::Work;
use crate::{PeerError, limits};

/// A document that is offered.
struct Offered {
    pushed: PendingOperation,
    done: Operation,
}

impl Peer {
    /// The server was restored from a copy that has everything up to `fork` and less of what came
    /// after.
    pub(super) fn heal(&mut self, fork: u64) -> Result<(), PeerError> {
        let mut together = self.written_together(fork)?;
        let mut work = self.work();
        let mut groups: BTreeMap<Vec<u8>, Vec<Offered>> = BTreeMap::new();
        for entry in self.store.prefix(SYNCED, &[]) {
            let (key, record) = entry?;
            let synced = Synced::decode(&record)?;
            if synced.base.max(synced.taken_by) <= fork {
                continue;
            }
            let base = synced.base.min(fork);
            let (collection, id) = split_document_key(&key)?;
            if let Some(synced) = &mut work.touch(&collection, &id)?.synced {
                (synced.base, synced.taken_by) = (base, 0);
            }
            let delta = synced.document.delta_of(work.meta.site, 0);
            if delta == Document::new() {
                continue;
            }
            let (removes, encoded) = (!synced.document.exists(), encode_document(&delta));
            let action = Action::Merge { delta, removed: removes, base };
            let done =
                Operation { collection: collection.clone(), id: id.clone(), condition: Condition::Always, action };
            let pushed = PendingOperation { collection, id, removes, base, delta: encoded };
            groups.entry(together.first_of(&key)).or_default().push(Offered { pushed, done });
        }
        for group in groups.into_values() {
            self.offer(&mut work, group)?;
        }
        let done = work.finish()?;
        self.commit(done)?;
        self.machine.pushes_available(Seq(self.meta.last_seq));
        Ok(())
    }

    fn offer(&self, work: &mut Work<'_>, group: Vec<Offered>) -> Result<(), PeerError> {
        let mut pending = nothing();
        for Offered { pushed, done } in group {
            pending.operations.push(pushed);
            pending.done.operations.push(done);
            let is_full = pending.operations.len() > limits::TRANSACTION_DOCUMENTS_MAX
                || pending.push_bytes() > limits::TRANSACTION_BYTES_MAX;
            if is_full && pending.operations.len() > 1 {
                let (operation, done) = (pending.operations.pop(), pending.done.operations.pop());
                self.put_offer(work, std::mem::replace(&mut pending, nothing()))?;
                pending.operations.extend(operation);
                pending.done.operations.extend(done);
            }
        }
        self.put_offer(work, pending)
    }

    fn put_offer(&self, work: &mut Work<'_>, pending: Pending) -> Result<(), PeerError> {
        let seq = self.next_seq(work);
        for operation in &pending.operations {
            work.touch(&operation.collection, &operation.id)?.pending.insert(seq);
        }
        work.put_pending(seq, pending);
        Ok(())
    }

    fn written_together(&self, fork: u64) -> Result<Together, PeerError> {
        let mut together = Together::default();
        for entry in self.store.prefix(COMMITTED, &[]) {
            let Committed { txn, documents } = Committed::decode(&entry?.1)?;
            if txn > fork {
                let keys: Vec<_> = documents.iter().map(|(collection, id)| document_key(collection, id)).collect();
                keys.windows(2).for_each(|pair| together.join(&pair[0], &pair[1]));
            }
        }
        Ok(together)
    }
}

fn nothing() -> Pending {
    let done = Changeset { operations: Vec::new(), queries: Vec::new(), origin: Origin::default() };
    Pending { traceparent: None, operations: Vec::new(), done }
}

/// Which documents are offered together: each names another of its group, the first one none.
#[derive(Default)]
struct Together(BTreeMap<Vec<u8>, Vec<u8>>);

impl Together {
    fn first_of(&mut self, key: &[u8]) -> Vec<u8> {
        let mut first = key.to_vec();
        let mut passed = Vec::new();
        while let Some(next) = self.0.get(&first) {
            passed.push(std::mem::replace(&mut first, next.clone()));
        }
        for key in passed {
            self.0.insert(key, first.clone());
        }
        first
    }

    fn join(&mut self, a: &[u8], b: &[u8]) {
        let (a, b) = (self.first_of(a), self.first_of(b));
        if a != b {
            self.0.insert(b, a);
        }
    }
}
