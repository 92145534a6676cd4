//! What the server tells: changes, snapshots, what begins again.
//!
//! Invariants: everything of a delivery is one batch, with the cursor or how far the snapshot is; a
//! transaction that comes in parts is shown only as a whole. A state replaces what was known as of
//! the same or an earlier transaction, and is merged into what is known as of a later one. What is
//! pending is never lost to a delivery. A part of a document that should be here and is not is never
//! taken for the document: its subscription begins again.

use std::collections::{BTreeMap, BTreeSet};

use document::{CollectionName, Document};
use key_values::Durability;
use sync_protocol::{Item, ItemKind, ResyncReason, SnapshotItem, SubId};

use super::Peer;
use crate::reading::decode_fields;
use crate::records::{Synced, decode_item, encode_item};
use crate::spaces::{
    MEMBER, STAGED, SYNCED, TOMBSTONE, collection_prefix, numbered, split_document_key, split_numbered,
};
use crate::subscriptions::filter_of;
use crate::work::{Touched, Work};
use crate::{Output, PeerError, limits::WALL_MS_MAX};

impl Peer {
    pub(super) fn take_changes(
        &mut self,
        items: Vec<Item>,
        through: u64,
        incarnation: [u8; 16],
    ) -> Result<(), PeerError> {
        if through == self.session_through && !items.is_empty() {
            return self.stage(&items);
        }
        let mut work = self.work();
        let mut damaged = BTreeSet::new();
        if self.last_staged > 0 {
            for entry in self.store.prefix(STAGED, &[]) {
                let (key, value) = entry?;
                take_item(&mut work, decode_item(&value)?, through, &mut damaged)?;
                work.batch.remove(STAGED, key);
            }
        }
        for item in items {
            take_item(&mut work, item, through, &mut damaged)?;
        }
        damaged.iter().for_each(|sub| work.begin_again(*sub));
        work.meta.cursor = Some((incarnation, through));
        let end = std::ops::Bound::Excluded(numbered(through.saturating_add(1), &[]));
        for entry in self.store.snapshot().range(TOMBSTONE, (std::ops::Bound::Unbounded, end)) {
            let (key, _) = entry?;
            let (collection, id) = split_document_key(split_numbered(&key)?.1)?;
            work.touch(&collection, &id)?; // it goes if it is still removed
            work.batch.remove(TOMBSTONE, key);
        }
        let done = work.finish()?;
        let before = self.meta.cursor_txn();
        self.commit(done)?;
        self.session_through = through;
        self.last_staged = 0;
        self.begun_again(damaged);
        self.tell_complete(before, through);
        self.settle_acked_before()
    }

    /// Subscriptions whose last page was read as of a transaction that is here now.
    fn tell_complete(&mut self, before: u64, now: u64) {
        for (sub, stored) in self.subscriptions.numbers().filter_map(|sub| Some((sub, self.subscriptions.stored(sub)?)))
        {
            if stored.is_complete(now) && stored.read_at > before {
                self.outputs.push_back(Output::SubscriptionComplete(SubId(sub)));
            }
        }
    }

    /// Keeps a part of a transaction until the last one comes.
    fn stage(&mut self, items: &[Item]) -> Result<(), PeerError> {
        let mut batch = key_values::Batch::with_capacity(items.len());
        let mut number = self.last_staged;
        for item in items {
            number += 1;
            batch.insert(STAGED, numbered(number, &[]), encode_item(item));
        }
        self.store.write(batch, Durability::Process)?;
        self.last_staged = number;
        Ok(())
    }

    pub(super) fn take_snapshot(
        &mut self,
        sub: SubId,
        items: Vec<SnapshotItem>,
        page: Option<Vec<u8>>,
        hash: u64,
        at: u64,
        done: bool,
    ) -> Result<(), PeerError> {
        let mut work = self.work();
        let Some(stored) = work.sub(sub.0) else { return Ok(()) };
        let mut stored = stored.clone();
        for item in items {
            let document = sent_document(&item.state)?;
            work.observe(&document);
            let brings_news =
                stored.is_new || says_more(&mut work, &stored.subscription.collection, &item.id, &document)?;
            let touched = work.touch(&stored.subscription.collection, &item.id)?;
            put_state(touched, document, at);
            show_again(touched, brings_news);
            touched.members.insert(sub.0, stored.generation);
        }
        if done {
            self.evict_unnamed(&mut work, sub.0, stored.generation)?;
            stored.is_new = false;
        }
        stored.refused = None;
        stored.read_at = at;
        stored.subscription.page = page;
        stored.subscription.hash = Some(hash);
        work.put_sub(sub.0, stored);
        let finished = work.finish()?;
        self.commit(finished)?;
        if self.is_complete(sub) {
            self.outputs.push_back(Output::SubscriptionComplete(sub));
        }
        self.settle_acked_before()
    }

    /// The snapshot is here: what the subscription had and it does not name is no longer in it. So
    /// is what no subscription has and this one should have.
    fn evict_unnamed(&self, work: &mut Work<'_>, sub: u64, generation: u64) -> Result<(), PeerError> {
        let members = self.store.prefix(MEMBER, &numbered(sub, &[]));
        let mut named = Vec::new();
        for entry in members {
            let (key, value) = entry?;
            let (_, document) = split_numbered(&key)?;
            if *value == generation.to_be_bytes() {
                named.push(document.to_vec());
                continue;
            }
            let (collection, id) = split_document_key(document)?;
            let touched = work.touch(&collection, &id)?;
            if touched.members.get(&sub).is_some_and(|it| *it < generation) {
                touched.members.remove(&sub);
                leave_if_nobody_has_it(touched);
            }
        }
        let Some(stored) = self.subscriptions.stored(sub) else { return Ok(()) };
        let Ok(filter) = filter_of(&stored.subscription) else { return Ok(()) };
        let prefix = collection_prefix(stored.subscription.collection.as_str());
        let cursor = work.meta.cursor_txn();
        let mut named = named.into_iter().peekable();
        for entry in self.store.prefix(SYNCED, &prefix) {
            let (key, record) = entry?;
            while named.next_if(|it| it[..] < key[..]).is_some() {}
            if named.peek().is_some_and(|it| it[..] == key[..]) {
                continue;
            }
            let Some(fields) = Synced::shown_state(&record)?.map(decode_fields).transpose()?.flatten() else {
                continue;
            };
            let (collection, id) = split_document_key(&key)?;
            let budget = &mut query::Budget::of_a_document();
            if !filter.matches(&id, &fields, budget).unwrap_or(false) {
                continue;
            }
            let touched = work.touch(&collection, &id)?;
            // What it is since its base was told, if the cursor is there.
            let is_told = touched.synced.as_ref().is_some_and(|it| it.base > 0 && it.base <= cursor);
            if is_told && touched.pending.is_empty() {
                leave_if_nobody_has_it(touched);
            }
        }
        Ok(())
    }

    pub(super) fn take_resync(
        &mut self,
        sub: Option<SubId>,
        reason: ResyncReason,
        message: String,
    ) -> Result<(), PeerError> {
        let mut work = self.work();
        let was_refused = sub.and_then(|sub| self.subscriptions.stored(sub.0)).is_some_and(|it| it.refused.is_some());
        let subs = sub.map_or_else(|| work.sub_numbers(), |sub| vec![sub.0]);
        for sub in subs {
            work.begin_again(sub);
            if reason == ResyncReason::Refused {
                let Some(mut stored) = work.sub(sub).cloned() else { continue };
                stored.refused = Some(message.clone());
                self.evict_members(&mut work, sub)?;
                work.put_sub(sub, stored);
            }
        }
        let done = work.finish()?;
        self.commit(done)?;
        if sub.is_none() {
            self.session_through = 0;
            self.forget_staged()?;
        }
        if let (Some(sub), ResyncReason::Refused, false) = (sub, reason, was_refused) {
            self.outputs.push_back(Output::SubscriptionRefused { sub, message });
        }
        Ok(())
    }

    /// The subscription has nothing: no snapshot will say so.
    fn evict_members(&self, work: &mut Work<'_>, sub: u64) -> Result<(), PeerError> {
        for entry in self.store.prefix(MEMBER, &numbered(sub, &[])) {
            let (key, _) = entry?;
            let (collection, id) = split_document_key(split_numbered(&key)?.1)?;
            let touched = work.touch(&collection, &id)?;
            touched.members.remove(&sub);
            leave_if_nobody_has_it(touched);
        }
        Ok(())
    }

    pub(super) fn take_grant(&mut self, permission: u64) -> Result<(), PeerError> {
        let mut work = self.work();
        for sub in work.sub_numbers() {
            let Some(mut stored) = work.sub(sub).cloned() else { continue };
            if stored.subscription.hash.is_some_and(|hash| hash != permission) {
                stored.subscription.hash = Some(permission);
                work.put_sub(sub, stored);
            }
        }
        let done = work.finish()?;
        self.commit(done)
    }
}

/// A stamp beyond all clocks would leave no room for a later one: such a document is none.
fn sent_document(bytes: &[u8]) -> Result<Document, PeerError> {
    let document = Document::decode(bytes).map_err(|_| PeerError::BadDocument)?;
    if document.stamp_max().wall_ms() > WALL_MS_MAX { Err(PeerError::BadDocument) } else { Ok(document) }
}

/// `damaged`: subscriptions of which a part of a document came that should be here and is not.
fn take_item(work: &mut Work<'_>, item: Item, through: u64, damaged: &mut BTreeSet<u64>) -> Result<(), PeerError> {
    let Item { collection, id, kind, bytes, subs, .. } = item;
    let document = bytes.as_deref().map(sent_document).transpose()?;
    let brings_news = match &document {
        Some(document) => {
            work.observe(document);
            says_more(work, &collection, &id, document)?
        }
        None => false,
    };
    let generation = |sub: &SubId| Some((sub.0, work.sub(sub.0)?.generation));
    let known: Option<BTreeMap<u64, u64>> = subs.as_ref().map(|subs| subs.iter().filter_map(generation).collect());
    let complete = if kind == ItemKind::Delta { all_complete(work, &collection, subs.as_deref()) } else { Vec::new() };
    let touched = work.touch(&collection, &id)?;
    match (kind, document) {
        (ItemKind::Leave, _) => {
            touched.members.clear();
            leave_if_nobody_has_it(touched);
            return Ok(());
        }
        (ItemKind::Removed, Some(document)) => {
            put_state(touched, document, through);
            touched.members.clear();
            show_again(touched, brings_news);
            return Ok(());
        }
        (ItemKind::State, Some(document)) => put_state(touched, document, through),
        (ItemKind::Delta, Some(document)) => {
            if touched.members.is_empty() && !complete.is_empty() {
                damaged.extend(complete);
                return Ok(());
            }
            // A part is no document: of one that the server never told a page brings the whole.
            let Some(synced) = touched.synced.as_mut().filter(|it| it.base > 0) else {
                damaged.extend(left_alone(work, subs.as_deref()));
                return Ok(());
            };
            synced.document.merge(&document);
            synced.base = synced.base.max(through);
        }
        (_, None) => return Ok(()), // the protocol's machine lets none through
    }
    show_again(touched, brings_news);
    // Without them what is known stays as it is: what a snapshot that was cut had named, and the next
    // one does not, is not in it for that.
    if let Some(known) = known {
        touched.members = known;
        if subs.is_some_and(|subs| subs.is_empty()) {
            leave_if_nobody_has_it(touched);
        } else if let Some(synced) = &mut touched.synced {
            synced.left = false; // what a subscription had stays when that ends
        }
    }
    Ok(())
}

/// The subscriptions that may have a document, if each has all of its documents: `subs`, or all of
/// its collection.
fn all_complete(work: &Work<'_>, collection: &CollectionName, subs: Option<&[SubId]>) -> Vec<u64> {
    let cursor = work.meta.cursor_txn();
    let is_of_it = |sub: &u64| work.sub(*sub).is_some_and(|it| it.subscription.collection == *collection);
    let having: Vec<u64> = match subs {
        Some(subs) => subs.iter().map(|sub| sub.0).collect(),
        None => work.sub_numbers().into_iter().filter(is_of_it).collect(),
    };
    let is_complete = |sub: &u64| work.sub(*sub).is_some_and(|it| it.refused.is_some() || it.is_complete(cursor));
    if having.iter().all(is_complete) { having } else { Vec::new() }
}

/// The subscriptions among `subs`, if another one of them ended here meanwhile: the server counts on
/// what that one would have brought, and these have it by that alone.
fn left_alone(work: &Work<'_>, subs: Option<&[SubId]>) -> Vec<u64> {
    let (there, ended): (Vec<u64>, Vec<u64>) =
        subs.unwrap_or_default().iter().map(|sub| sub.0).partition(|sub| work.sub(*sub).is_some());
    if ended.is_empty() { Vec::new() } else { there }
}

/// Whether a document that was evicted would be another one with `news`, beyond what is pending.
fn says_more(
    work: &mut Work<'_>,
    collection: &CollectionName,
    id: &document::DocumentId,
    news: &Document,
) -> Result<bool, PeerError> {
    if !work.touch(collection, id)?.synced.as_ref().is_some_and(|it| it.held) {
        return Ok(false);
    }
    let known = work.merged(collection, id, &Default::default())?;
    let mut merged = known.clone();
    merged.merge(news);
    Ok(merged != known)
}

/// What was evicted comes back if it changed.
fn show_again(touched: &mut Touched, brings_news: bool) {
    if let Some(synced) = &mut touched.synced {
        synced.held &= !brings_news;
    }
}

fn put_state(touched: &mut Touched, document: Document, txn: u64) {
    match &mut touched.synced {
        Some(synced) if synced.base > txn => synced.document.merge(&document),
        Some(synced) => {
            synced.document = document;
            synced.base = txn;
        }
        None => touched.synced = Some(Synced { base: txn, taken_by: 0, left: false, held: false, document }),
    }
}

fn leave_if_nobody_has_it(touched: &mut Touched) {
    if let (true, Some(synced)) = (touched.members.is_empty(), &mut touched.synced) {
        synced.left = true;
    }
}
