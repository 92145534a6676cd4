//! Which transactions are pending, and which documents they wrote: what is asked too often for the
//! store.
//!
//! Invariant: it says what the space `pending` says.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    PeerError,
    records::Pending,
    spaces::{numbered, split_numbered},
};

/// About one pending transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PendingFacts {
    pub(crate) bytes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct PendingIndex {
    transactions: BTreeMap<u64, PendingFacts>,
    documents: BTreeMap<Vec<u8>, BTreeSet<u64>>,
    bytes: u64,
}

impl PendingIndex {
    pub(crate) fn open(entries: key_values::Entries) -> Result<Self, PeerError> {
        let mut index = Self::default();
        for entry in entries {
            let (key, value) = entry?;
            let (seq, _) = split_numbered(&key)?;
            index.put(seq, Some(PendingFacts { bytes: value.len() as u64 }));
            for key in Pending::document_keys(&value)? {
                index.documents.entry(key).or_default().insert(seq);
            }
        }
        Ok(index)
    }

    pub(crate) fn len(&self) -> usize {
        self.transactions.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.transactions.is_empty()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn facts(&self, seq: u64) -> Option<PendingFacts> {
        self.transactions.get(&seq).copied()
    }

    /// Those after `seq`, in order.
    pub(crate) fn after(&self, seq: u64) -> impl Iterator<Item = (u64, PendingFacts)> {
        self.transactions.range(seq.saturating_add(1)..).map(|(seq, facts)| (*seq, *facts))
    }

    /// Those before `seq` that wrote the document.
    pub(crate) fn of_document_before(&self, key: &[u8], seq: u64) -> impl DoubleEndedIterator<Item = u64> {
        self.documents.get(key).into_iter().flat_map(move |seqs| seqs.range(..seq)).copied()
    }

    /// Those that wrote the document.
    pub(crate) fn of_document(&self, key: &[u8]) -> BTreeSet<u64> {
        self.documents.get(key).cloned().unwrap_or_default()
    }

    pub(crate) fn set_document(&mut self, key: Vec<u8>, seqs: BTreeSet<u64>) {
        if seqs.is_empty() {
            self.documents.remove(&key);
        } else {
            self.documents.insert(key, seqs);
        }
    }

    pub(crate) fn put(&mut self, seq: u64, facts: Option<PendingFacts>) {
        let before = match facts {
            Some(facts) => {
                self.bytes += facts.bytes;
                self.transactions.insert(seq, facts)
            }
            None => self.transactions.remove(&seq),
        };
        self.bytes -= before.map_or(0, |before| before.bytes);
    }

    /// Up to which sequence number all have a verdict, of `last` that were given.
    pub(crate) fn settled(&self, last: u64) -> u64 {
        self.transactions.keys().next().map_or(last, |seq| seq - 1)
    }
}

/// The key of a pending transaction.
pub(crate) fn pending_key(seq: u64) -> Vec<u8> {
    numbered(seq, &[])
}
