//! Local writes: a transaction in the making, whose own reads see what it has written.
//!
//! What it has come to is a [`Draft`] of its own, apart from what it borrows of the peer: so it can be
//! put aside and taken up again.
//!
//! Invariants: every write of one document has a stamp above all that is seen of it; what a
//! transaction pushes of a document is what it wrote there and nothing else.
//! Not here: statements (`peer::execute`), committing (`peer::write`).

use std::collections::{BTreeMap, BTreeSet};

use document::limits::DEPTH_MAX;
use document::{
    Action, Changeset, CollectionName, Condition, Document, DocumentId, FieldType, Map, Operation, Origin, Path,
    SiteId, Stamp, StampClock, UpdateCommand, UpdateError, WriteRules,
};
use key_values::KeyValues;
use query::{Budget, Filter};

use crate::now::Random;
use crate::pending::PendingIndex;
use crate::reading::{Overlay, Reading};
use crate::records::{Pending, PendingOperation, decode_document, encode_document};
use crate::spaces::{VIEW, document_key};
use crate::work::Work;
use crate::{Find, Found, PeerError, QueryError, WriteError, limits};

/// Which documents a write means.
#[derive(Debug, Clone)]
pub enum Which {
    /// The one with this id.
    Id(DocumentId),
    /// Those that match.
    Matching(Filter),
}

/// Writes that are committed together, or not at all. They become one transaction at the server.
pub struct Transaction<'p> {
    work: Work<'p>,
    store: &'p dyn KeyValues,
    index: &'p PendingIndex,
    pub(crate) draft: &'p mut Draft,
}

/// What a transaction has come to so far.
pub(crate) struct Draft {
    overlay: Overlay,
    documents: BTreeMap<Vec<u8>, DraftDocument>,
    /// The documents in the order in which they were first written.
    order: Vec<Vec<u8>>,
    clock: StampClock,
    /// Own stamps up to here are of earlier transactions.
    since: u64,
    /// The server's wall clock, as far as is known.
    stamp_ms: u64,
    pub(crate) wall_ms: u64,
    pub(crate) strict: bool,
    random: Random,
    traceparent: Option<String>,
}

/// A document that the transaction wrote.
struct DraftDocument {
    collection: CollectionName,
    id: DocumentId,
    before: Document,
    after: Document,
    base: u64,
    actions: Vec<Action>,
}

/// What a transaction came to.
pub(crate) struct Drafted<'p> {
    pub(crate) work: Work<'p>,
    pub(crate) ids: Vec<DocumentId>,
    /// None if nothing was written.
    pub(crate) pending: Option<Pending>,
    pub(crate) views: Vec<Document>,
}

/// What a transaction is begun with.
pub(crate) struct Begin {
    pub(crate) stamp_ms: u64,
    pub(crate) wall_ms: u64,
    pub(crate) strict: bool,
    pub(crate) random: Random,
    pub(crate) traceparent: Option<String>,
}

impl Draft {
    pub(crate) fn new(clock: StampClock, begin: Begin) -> Self {
        let Begin { stamp_ms, wall_ms, strict, random, traceparent } = begin;
        Self {
            overlay: Overlay::new(),
            documents: BTreeMap::new(),
            order: Vec::new(),
            clock,
            since: clock.last,
            stamp_ms,
            wall_ms,
            strict,
            random,
            traceparent,
        }
    }

    /// The source of chance, as far as it was used.
    pub(crate) fn into_random(self) -> Random {
        self.random
    }
}

impl<'p> Transaction<'p> {
    /// The peer is as it was when the draft was begun.
    pub(crate) fn new(store: &'p dyn KeyValues, index: &'p PendingIndex, work: Work<'p>, draft: &'p mut Draft) -> Self {
        Self { work, store, index, draft }
    }

    /// Merges `value` into the document; without an id a new one is made. `value` has no `_id`.
    ///
    /// # Errors
    /// What [`WriteError`] names; then nothing of this write was done.
    pub fn upsert(
        &mut self,
        collection: &CollectionName,
        id: Option<DocumentId>,
        value: Map,
        types: Vec<(Path, FieldType)>,
    ) -> Result<DocumentId, WriteError> {
        let id = id.unwrap_or_else(|| self.generate_id());
        self.write(collection, &id, Action::Upsert { value, types })?;
        Ok(id)
    }

    /// Runs commands on the documents. The ids of those that are there.
    ///
    /// # Errors
    /// As [`Transaction::upsert`]. Documents before the one that failed are written.
    pub fn update(
        &mut self,
        collection: &CollectionName,
        which: &Which,
        commands: &[UpdateCommand],
    ) -> Result<Vec<DocumentId>, WriteError> {
        let ids = self.ids_of(collection, which)?;
        for id in &ids {
            self.write(collection, id, Action::Update(commands.to_vec()))?;
        }
        Ok(ids)
    }

    /// Removes the documents. The ids of those that were there.
    ///
    /// # Errors
    /// As [`Transaction::update`].
    pub fn remove(&mut self, collection: &CollectionName, which: &Which) -> Result<Vec<DocumentId>, WriteError> {
        let ids = self.ids_of(collection, which)?;
        for id in &ids {
            self.write(collection, id, Action::Remove)?;
        }
        Ok(ids)
    }

    /// The document, as this transaction sees it.
    ///
    /// # Errors
    /// The store.
    pub fn find_by_id(&self, collection: &CollectionName, id: &DocumentId) -> Result<Option<Map>, PeerError> {
        self.reading().fields(&document_key(collection, id))
    }

    /// Documents, as this transaction sees them.
    ///
    /// # Errors
    /// What [`QueryError`] names.
    pub fn find(&self, find: &Find) -> Result<Vec<Found>, QueryError> {
        find.run(&self.reading(), &mut Budget::new(limits::QUERY_STEPS_MAX))
    }

    pub(crate) fn reading(&self) -> Reading<'_> {
        Reading::of(self.store, Some(&self.draft.overlay))
    }

    pub(crate) fn generate_id(&mut self) -> DocumentId {
        DocumentId::generated(self.draft.stamp_ms, self.draft.random.next())
    }

    fn ids_of(&self, collection: &CollectionName, which: &Which) -> Result<Vec<DocumentId>, WriteError> {
        let mut ids = Vec::new();
        match which {
            Which::Id(id) => {
                let is_there = self.find_by_id(collection, id)?.is_some();
                ids.extend(is_there.then(|| id.clone()));
            }
            Which::Matching(filter) => {
                let budget = &mut Budget::new(limits::QUERY_STEPS_MAX);
                self.reading().matching(collection.as_str(), filter, budget, &mut |id, _, _| {
                    ids.push(id.clone());
                    Ok(ids.len() <= limits::TRANSACTION_DOCUMENTS_MAX)
                })?;
            }
        }
        if ids.len() > limits::TRANSACTION_DOCUMENTS_MAX { Err(WriteError::TooLarge) } else { Ok(ids) }
    }

    /// The whole document, as this transaction sees it.
    pub(crate) fn document(&mut self, collection: &CollectionName, id: &DocumentId) -> Result<Document, PeerError> {
        match self.draft.documents.get(&document_key(collection, id)) {
            Some(document) => Ok(document.after.clone()),
            None => Ok(self.load(collection, id)?.0),
        }
    }

    /// The document before this transaction, and the server's transaction of it.
    fn load(&mut self, collection: &CollectionName, id: &DocumentId) -> Result<(Document, u64), PeerError> {
        let key = document_key(collection, id);
        let touched = self.work.touch(collection, id)?;
        let base = touched.synced.as_ref().map_or(0, |it| it.base);
        let is_held = touched.synced.as_ref().is_some_and(|it| it.held);
        if is_held || self.index.of_document(&key).is_empty() {
            return Ok((self.work.merged(collection, id, &BTreeSet::new())?, base));
        }
        let state = self.store.get(VIEW, &key)?.ok_or(PeerError::Damaged { what: "a view" })?;
        Ok((decode_document(&state)?, base))
    }

    /// One write of one document. Whether there was anything to do.
    pub(crate) fn write(
        &mut self,
        collection: &CollectionName,
        id: &DocumentId,
        action: Action,
    ) -> Result<bool, WriteError> {
        if collection.as_str().starts_with("__") || collection.as_str().starts_with("system:") {
            return Err(WriteError::SystemCollection { name: collection.as_str().to_owned() });
        }
        if let Action::Upsert { value, .. } | Action::UpsertInitial { value, .. } = &action
            && value.depth() > DEPTH_MAX
        {
            return Err(WriteError::TooDeep);
        }
        let key = document_key(collection, id);
        if !self.draft.documents.contains_key(&key) {
            if self.draft.documents.len() >= limits::TRANSACTION_DOCUMENTS_MAX {
                return Err(WriteError::TooLarge);
            }
            let (before, base) = self.load(collection, id)?;
            let (collection, id, after) = (collection.clone(), id.clone(), before.clone());
            let document = DraftDocument { collection, id, before, after, base, actions: Vec::new() };
            self.draft.documents.insert(key.clone(), document);
        }
        let Draft { documents, order, overlay, clock, stamp_ms, .. } = &mut *self.draft;
        let document = documents.get_mut(&key).expect("it was just put there");
        if !apply_action(&mut document.after, &action, clock, *stamp_ms)? {
            return Ok(false);
        }
        if document.actions.is_empty() {
            order.push(key.clone());
        }
        document.actions.push(action);
        overlay.insert(key, encode_document(&document.after));
        Ok(true)
    }

    /// What it comes to; the draft is over with it.
    pub(crate) fn finish(mut self) -> Result<Drafted<'p>, WriteError> {
        let draft = self.draft;
        let (mut ids, mut operations, mut done, mut views) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for key in std::mem::take(&mut draft.order) {
            let document = draft.documents.remove(&key).expect("it was written");
            let is_unmade = !document.after.exists() && document.before == Document::new();
            if is_unmade {
                continue; // made and removed here: nobody need know
            }
            let DraftDocument { collection, id, before, after, base, actions } = document;
            operations.push(operation(&collection, &id, base, &before, &after, draft.clock.site, draft.since));
            done.extend(actions.into_iter().map(|action| Operation {
                collection: collection.clone(),
                id: id.clone(),
                condition: Condition::Always,
                action,
            }));
            ids.push(id);
            views.push(after);
        }
        self.work.meta.clock_last = draft.clock.last;
        let pending = Pending {
            traceparent: draft.traceparent.take(),
            operations,
            done: Changeset { operations: done, queries: Vec::new(), origin: Origin::default() },
        };
        if pending.push_bytes() > limits::TRANSACTION_BYTES_MAX {
            return Err(WriteError::TooLarge);
        }
        let pending = (!pending.operations.is_empty()).then_some(pending);
        Ok(Drafted { work: self.work, ids, pending, views })
    }
}

/// What is pushed of a document that a transaction wrote.
pub(crate) fn operation(
    collection: &CollectionName,
    id: &DocumentId,
    base: u64,
    before: &Document,
    after: &Document,
    site: SiteId,
    since: u64,
) -> PendingOperation {
    // Of a document that nobody had written all is its own, what it stamped INITIAL too.
    let delta = match before.stamp_max() == Stamp::ZERO {
        true => after.clone(),
        false => after.delta_of(site, since),
    };
    debug_assert_eq!(delta.check_delta(site), Ok(()));
    PendingOperation {
        collection: collection.clone(),
        id: id.clone(),
        removes: !after.exists(),
        base,
        delta: encode_document(&delta),
    }
}

/// Does an action that needs no decision. Whether there was anything to do.
pub(crate) fn apply_action(
    document: &mut Document,
    action: &Action,
    clock: &mut StampClock,
    stamp_ms: u64,
) -> Result<bool, UpdateError> {
    let rules = WriteRules::NEWEST;
    if let Action::UpsertInitial { value, types } = action {
        let is_new = document.stamp_max() == Stamp::ZERO;
        if is_new {
            document.upsert(value, types, Stamp::INITIAL, rules);
        }
        return Ok(is_new);
    }
    let mut ahead = *clock;
    ahead.last = ahead.last.max(document.stamp_max().time);
    let stamp = ahead.next(stamp_ms);
    match action {
        Action::Upsert { value, types } => document.upsert(value, types, stamp, rules),
        Action::UpsertDifference { value, types } => match document.difference(value, types) {
            Some((value, types)) => document.upsert(&value, &types, stamp, rules),
            None => return Ok(false),
        },
        Action::Update(commands) => document.update(commands, stamp, rules)?,
        Action::Remove if document.exists() => document.remove(stamp),
        Action::Remove | Action::Computed { .. } | Action::UpsertInitial { .. } | Action::Merge { .. } => {
            return Ok(false);
        }
    }
    *clock = ahead;
    Ok(true)
}
