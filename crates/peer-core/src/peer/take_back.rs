//! What a refused transaction leaves in later ones of the same counters, and how they get rid of it.
//!
//! A delta says how much its site added to a counter in all. So a later transaction has the refused
//! additions in it too, and says so when it is pushed: it needs the earlier one, and the server does
//! not take it without. Here the refused additions are taken from it. If it may have been sent it
//! goes by another number from here on, since the server refuses the one that it had.
//!
//! Invariant: stamps stay, and with them the order of local writes.

use std::collections::{BTreeMap, BTreeSet};

use document::{Additions, Document};
use sync_protocol::Seq;

use super::Peer;
use super::sync::DAMAGED;
use crate::records::{Pending, decode_document, encode_document};
use crate::spaces::document_key;
use crate::work::Work;
use crate::{Output, PeerError};

impl Peer {
    /// The earlier transactions without a verdict that must be taken for this one to be: of each
    /// counter's document the last one that adds to counters, which needs those before it, and what
    /// came after that.
    pub(super) fn needs_of(&self, work: &mut Work<'_>, seq: u64, pending: &Pending) -> Result<Vec<Seq>, PeerError> {
        let mut needs = BTreeSet::new();
        for operation in &pending.operations {
            let key = document_key(&operation.collection, &operation.id);
            let earlier: Vec<u64> = self.pending.of_document_before(&key, seq).collect();
            if earlier.is_empty() {
                continue;
            }
            let delta = decode_document(&operation.delta)?;
            for seq in earlier.into_iter().rev() {
                let earlier = delta_of(&*work.pending(seq)?.ok_or(DAMAGED)?, &key)?;
                if delta.adds_since(self.meta.site, earlier.stamp_max().time) {
                    needs.insert(Seq(seq));
                    if earlier.adds_since(self.meta.site, 0) {
                        break;
                    }
                }
            }
        }
        Ok(needs.into_iter().collect())
    }

    /// Later transactions that need this one, or one that needs it: the server refuses them with it.
    pub(super) fn needing(&self, work: &mut Work<'_>, seq: u64) -> Result<BTreeSet<u64>, PeerError> {
        let mut needing = BTreeSet::from([seq]);
        let mut next = Some(seq);
        while let Some(seq) = next {
            let pending = work.pending(seq)?.ok_or(DAMAGED)?;
            for operation in &pending.operations {
                let key = document_key(&operation.collection, &operation.id);
                let time = decode_document(&operation.delta)?.stamp_max().time;
                for later in self.pending.of_document(&key).split_off(&(seq + 1)) {
                    let delta = delta_of(&*work.pending(later)?.ok_or(DAMAGED)?, &key)?;
                    if delta.adds_since(self.meta.site, time) {
                        needing.insert(later);
                    }
                }
            }
            next = needing.range(seq + 1..).next().copied();
        }
        needing.remove(&seq);
        Ok(needing)
    }

    /// Takes what a refused transaction added from those that need it.
    pub(super) fn take_back(&self, work: &mut Work<'_>, seq: u64, refused: &Pending) -> Result<Vec<Output>, PeerError> {
        let needing = self.needing(work, seq)?;
        if needing.is_empty() {
            return Ok(Vec::new());
        }
        let mut amounts = self.additions_of(work, seq, refused)?;
        let mut outputs = Vec::new();
        for later in needing {
            let mut pending = (*work.pending(later)?.ok_or(DAMAGED)?).clone();
            for operation in &mut pending.operations {
                let key = document_key(&operation.collection, &operation.id);
                let Some((time, amounts)) = amounts.get_mut(&key).filter(|(_, it)| !it.is_empty()) else { continue };
                let mut delta = decode_document(&operation.delta)?;
                delta.take_back(self.meta.site, *time, amounts);
                operation.delta = encode_document(&delta);
            }
            let to = if later <= self.sent_through { self.next_seq(work) } else { later };
            work.renumber(later, to, pending)?;
            if to != later {
                outputs.push(Output::Renumbered { from: Seq(later), to: Seq(to) });
            }
        }
        Ok(outputs)
    }

    /// What a transaction added to counters, and when, by their documents.
    fn additions_of(
        &self,
        work: &mut Work<'_>,
        seq: u64,
        pending: &Pending,
    ) -> Result<BTreeMap<Vec<u8>, (u64, Additions)>, PeerError> {
        let mut additions = BTreeMap::new();
        for operation in &pending.operations {
            let key = document_key(&operation.collection, &operation.id);
            let since = self.pending.of_document(&key).split_off(&seq);
            let mut document = work.merged(&operation.collection, &operation.id, &since)?;
            let before = document.additions(self.meta.site);
            let delta = decode_document(&operation.delta)?;
            document.merge(&delta);
            additions.insert(key, (delta.stamp_max().time, document.additions(self.meta.site).since(&before)));
        }
        Ok(additions)
    }
}

/// What a transaction does to a document that it wrote.
fn delta_of(pending: &Pending, key: &[u8]) -> Result<Document, PeerError> {
    let of_it = pending.operations.iter().find(|it| document_key(&it.collection, &it.id) == key);
    decode_document(&of_it.ok_or(DAMAGED)?.delta)
}
