//! One batch in the making: the documents that it touches, and what else it changes.
//!
//! Invariants: nothing of the peer changes before the batch is written; what was changed in it is
//! seen by what comes later in it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use document::{CollectionName, Document, DocumentId};
use key_values::{Batch, KeyValues};

use crate::PeerError;
use crate::pending::{PendingFacts, PendingIndex, pending_key};
use crate::records::{Meta, Pending, StoredSubscription, Synced, decode_document, encode_document};
use crate::spaces::{MEMBER, PENDING, SUBS, SYNCED, TOMBSTONE, VIEW, document_key, numbered};
use crate::subscriptions::Subscriptions;

/// What a batch is made of. The peer lends what it has.
pub(crate) struct Work<'p> {
    store: &'p dyn KeyValues,
    index: &'p PendingIndex,
    subscriptions: &'p Subscriptions,
    pub(crate) meta: Meta,
    pub(crate) batch: Batch,
    touched: BTreeMap<Vec<u8>, Touched>,
    pending: BTreeMap<u64, Option<PendingFacts>>,
    changed_subs: BTreeMap<u64, Option<StoredSubscription>>,
    records: BTreeMap<u64, Rc<Pending>>,
}

/// A document that a batch touches.
pub(crate) struct Touched {
    pub(crate) collection: CollectionName,
    pub(crate) id: DocumentId,
    /// What was seen of it, if it was there.
    before: Option<Vec<u8>>,
    had_synced: bool,
    had_pending: bool,
    pub(crate) synced: Option<Synced>,
    /// The transactions that wrote it and have no verdict.
    pub(crate) pending: BTreeSet<u64>,
    members_before: BTreeMap<u64, u64>,
    /// The subscriptions that have it, each with the snapshot that named it last.
    pub(crate) members: BTreeMap<u64, u64>,
    /// What it is with all that is pending, where that is known already.
    pub(crate) view: Option<Document>,
}

/// What becomes of the peer's memory once the batch is written.
pub(crate) struct Done {
    pub(crate) meta: Meta,
    pub(crate) batch: Batch,
    pub(crate) pending: BTreeMap<u64, Option<PendingFacts>>,
    pub(crate) subs: BTreeMap<u64, Option<StoredSubscription>>,
    pub(crate) documents: Vec<DocumentChange>,
}

/// What became of a document.
pub(crate) struct DocumentChange {
    pub(crate) key: Vec<u8>,
    pub(crate) collection: CollectionName,
    pub(crate) id: DocumentId,
    pub(crate) pending: BTreeSet<u64>,
    /// What was seen before and is seen now: states of documents that are there.
    pub(crate) before: Option<Vec<u8>>,
    pub(crate) after: Option<Vec<u8>>,
}

impl<'p> Work<'p> {
    pub(crate) fn new(
        store: &'p dyn KeyValues,
        index: &'p PendingIndex,
        subscriptions: &'p Subscriptions,
        meta: Meta,
    ) -> Self {
        Self {
            store,
            index,
            subscriptions,
            meta,
            batch: Batch::default(),
            touched: BTreeMap::new(),
            pending: BTreeMap::new(),
            changed_subs: BTreeMap::new(),
            records: BTreeMap::new(),
        }
    }

    /// The document as this batch leaves it so far.
    pub(crate) fn touch(&mut self, collection: &CollectionName, id: &DocumentId) -> Result<&mut Touched, PeerError> {
        let key = document_key(collection, id);
        if !self.touched.contains_key(&key) {
            let touched = self.load(&key, collection, id)?;
            self.touched.insert(key.clone(), touched);
        }
        Ok(self.touched.get_mut(&key).expect("it was just put there"))
    }

    fn load(&self, key: &[u8], collection: &CollectionName, id: &DocumentId) -> Result<Touched, PeerError> {
        let synced = self.store.get(SYNCED, key)?.map(|bytes| Synced::decode(&bytes)).transpose()?;
        let pending = self.index.of_document(key);
        let is_held = synced.as_ref().is_some_and(|it| it.held);
        let before = match (is_held, pending.is_empty()) {
            (true, _) => None,
            (false, true) => synced.as_ref().filter(|it| !it.left).and_then(|it| shown(&it.document)),
            (false, false) => match self.store.get(VIEW, key)? {
                Some(state) => shown(&decode_document(&state)?),
                None => None,
            },
        };
        let mut members = BTreeMap::new();
        for sub in self.subscriptions.of_collection(collection) {
            if let Some(generation) = self.store.get(MEMBER, &numbered(sub, key))? {
                let generation = generation.as_ref().try_into().map_err(|_| PeerError::Damaged { what: "a member" })?;
                members.insert(sub, u64::from_be_bytes(generation));
            }
        }
        Ok(Touched {
            collection: collection.clone(),
            id: id.clone(),
            before,
            had_synced: synced.is_some(),
            had_pending: !pending.is_empty(),
            synced,
            pending,
            members_before: members.clone(),
            members,
            view: None,
        })
    }

    /// The pending transaction; none if it has a verdict.
    pub(crate) fn pending(&mut self, seq: u64) -> Result<Option<Rc<Pending>>, PeerError> {
        if let Some(record) = self.records.get(&seq) {
            return Ok(Some(record.clone()));
        }
        let Some(bytes) = self.store.get(PENDING, &pending_key(seq))? else { return Ok(None) };
        let record = Rc::new(Pending::decode(&bytes)?);
        self.records.insert(seq, record.clone());
        Ok(Some(record))
    }

    /// Writes a pending transaction. Its documents are to be touched by the caller.
    pub(crate) fn put_pending(&mut self, seq: u64, pending: Pending) {
        let bytes = pending.encode();
        self.pending.insert(seq, Some(PendingFacts { bytes: bytes.len() as u64 }));
        self.batch.insert(PENDING, pending_key(seq), bytes);
        self.records.insert(seq, Rc::new(pending));
    }

    /// Another number for a pending transaction, with what it is from here on.
    pub(crate) fn renumber(&mut self, from: u64, to: u64, pending: Pending) -> Result<(), PeerError> {
        for operation in &pending.operations {
            let touched = self.touch(&operation.collection, &operation.id)?;
            touched.pending.remove(&from);
            touched.pending.insert(to);
            touched.view = None;
        }
        if to != from {
            self.remove_pending(from);
        }
        self.put_pending(to, pending);
        Ok(())
    }

    /// It has a verdict. Its documents are to be touched by the caller.
    pub(crate) fn remove_pending(&mut self, seq: u64) {
        self.pending.insert(seq, None);
        self.batch.remove(PENDING, pending_key(seq));
    }

    /// The subscription as this batch leaves it so far.
    pub(crate) fn sub(&self, sub: u64) -> Option<&StoredSubscription> {
        match self.changed_subs.get(&sub) {
            Some(changed) => changed.as_ref(),
            None => self.subscriptions.stored(sub),
        }
    }

    /// The numbers of all subscriptions.
    pub(crate) fn sub_numbers(&self) -> Vec<u64> {
        self.subscriptions.numbers().collect()
    }

    pub(crate) fn put_sub(&mut self, sub: u64, stored: StoredSubscription) {
        self.batch.insert(SUBS, numbered(sub, &[]), stored.encode());
        self.changed_subs.insert(sub, Some(stored));
    }

    /// The subscription's snapshot is to come anew.
    pub(crate) fn begin_again(&mut self, sub: u64) {
        let Some(mut stored) = self.sub(sub).cloned() else { return };
        self.meta.last_generation += 1;
        stored.generation = self.meta.last_generation;
        stored.subscription.hash = None;
        stored.subscription.page = None;
        self.put_sub(sub, stored);
    }

    pub(crate) fn remove_sub(&mut self, sub: u64) {
        self.batch.remove(SUBS, numbered(sub, &[]));
        self.changed_subs.insert(sub, None);
    }

    /// Notes a stamp of the server's, so that the next one here is above it.
    pub(crate) fn observe(&mut self, document: &Document) {
        self.meta.clock_last = self.meta.clock_last.max(document.stamp_max().time);
    }

    /// What is seen of the document with what is pending, the transactions in `without` not counted.
    pub(crate) fn merged(
        &mut self,
        collection: &CollectionName,
        id: &DocumentId,
        without: &BTreeSet<u64>,
    ) -> Result<Document, PeerError> {
        let touched = self.touch(collection, id)?;
        let mut document = touched.synced.as_ref().map(|it| it.document.clone()).unwrap_or_default();
        let seqs: Vec<u64> = touched.pending.difference(without).copied().collect();
        for seq in seqs {
            let record = self.pending(seq)?.ok_or(PeerError::Damaged { what: "a pending transaction" })?;
            for operation in record.operations.iter().filter(|it| it.id == *id && it.collection == *collection) {
                document.merge(&decode_document(&operation.delta)?);
            }
        }
        Ok(document)
    }

    /// Everything that is to be written.
    pub(crate) fn finish(mut self) -> Result<Done, PeerError> {
        let keys: Vec<Vec<u8>> = self.touched.keys().cloned().collect();
        let mut documents = Vec::with_capacity(keys.len());
        for key in keys {
            let needs_view = self.touched.get(&key).is_some_and(|it| {
                it.view.is_none() && !it.pending.is_empty() && !it.synced.as_ref().is_some_and(|it| it.held)
            });
            if needs_view {
                let (collection, id) = crate::spaces::split_document_key(&key)?;
                let view = self.merged(&collection, &id, &BTreeSet::new())?;
                self.touch(&collection, &id)?.view = Some(view);
            }
            let touched = self.touched.remove(&key).expect("it was touched");
            documents.push(self.finish_document(key, touched));
        }
        self.batch.insert(crate::spaces::META, crate::spaces::META_KEY, self.meta.encode());
        let Self { meta, batch, pending, changed_subs, .. } = self;
        Ok(Done { meta, batch, pending, subs: changed_subs, documents })
    }

    fn finish_document(&mut self, key: Vec<u8>, mut touched: Touched) -> DocumentChange {
        let is_settled = touched.pending.is_empty();
        let cursor = self.meta.cursor_txn();
        if let Some(synced) = &mut touched.synced {
            synced.left &= touched.members.is_empty();
            let is_over = (synced.left || synced.held) && touched.members.is_empty();
            let is_over = is_over || !synced.document.exists();
            // What was taken beyond the cursor is on its way here: as a member perhaps.
            if is_settled && is_over && synced.base <= cursor {
                touched.synced = None;
            } else if is_over && synced.base > 0 {
                self.batch.insert(TOMBSTONE, numbered(synced.base, &key), []);
            }
        }
        match &touched.synced {
            Some(synced) => self.batch.insert(SYNCED, key.clone(), synced.encode()),
            None if touched.had_synced => self.batch.remove(SYNCED, key.clone()),
            None => {}
        }
        let is_held = touched.synced.as_ref().is_some_and(|it| it.held);
        let after = match (&touched.synced, &touched.view) {
            _ if is_held => None,
            (Some(synced), _) if is_settled && !synced.left => shown(&synced.document),
            _ if is_settled => None,
            (_, view) => view.as_ref().and_then(shown),
        };
        match touched.view {
            Some(view) if !is_settled && !is_held => self.batch.insert(VIEW, key.clone(), encode_document(&view)),
            _ if touched.had_pending => self.batch.remove(VIEW, key.clone()),
            _ => {}
        }
        for (sub, generation) in &touched.members {
            if touched.members_before.get(sub) != Some(generation) {
                self.batch.insert(MEMBER, numbered(*sub, &key), generation.to_be_bytes());
            }
        }
        for sub in touched.members_before.keys().filter(|sub| !touched.members.contains_key(sub)) {
            self.batch.remove(MEMBER, numbered(*sub, &key));
        }
        let Touched { collection, id, pending, before, .. } = touched;
        DocumentChange { key, collection, id, pending, before, after }
    }
}

/// The state of a document that is there.
fn shown(document: &Document) -> Option<Vec<u8>> {
    document.exists().then(|| encode_document(document))
}
