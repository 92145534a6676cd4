//! What is noted of live queries' topics ([`crate::views`] says what each means).
//!
//! | space | key | value |
//! |---|---|---|
//! | `departures` | 1, view | the head (crate `topics`, which versions it) |
//! | `departures` | 2, view, partition, span | the counts of a span (crate `topics`) |
//! | `departures` | 3, view, journal offset | version 1, for each partition: events before it |
//! | `departures` | 4, view, partition, offset | version 1, journal offset, txnId, the documents key |
//! | `departures` | 5, the documents key | version 1, for each view that the document left: view, partition, offset, txnId |
//! | `departures` | 6, view, partition | version 1, offset, txnId, the store's floor |
//! | `meta` | `last_view` | version 1, the last number that was given to a view |
//!
//! In keys numbers are big-endian: view u32, partition u16, span u32 or wider ([`WIDE_SPAN`]), offsets u64; in values
//! little-endian. The space has its name from what older versions kept there
//! (`older_views`), whose keys begin with a live query's name.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
};

use key_values::{Batch, Bytes};

use super::{
    handle::{Engine, EngineBatch, EngineSnapshot, Entry},
    spaces::{EngineError, META, VALUE_VERSION, VIEWS, decode_number, encode_number},
};
use crate::{
    binary::take,
    position::TxnId,
    views::{Leaves, ViewEntry, ViewFloor, ViewId, ViewLeave},
};

const HEAD: u8 = 1;
const COUNTS: u8 = 2;
const MARK: u8 = 3;
const ENTRY: u8 = 4;
const LEAVES: u8 = 5;
const FLOOR: u8 = 6;

/// A span's number has 4 bytes in a key below this, and 12 from it on: these, and the number u64. So keys
/// have the order of numbers, and what older versions wrote is read. Offset 2^46 is where it begins:
/// far beyond all that is written, and less far beyond what is restored.
const WIDE_SPAN: u32 = u32::MAX;

/// The tag, the view, the partition.
const COUNTS_KEY_HEAD: usize = 7;

const LAST_VIEW_KEY: &[u8] = b"last_view";

/// What a leave takes.
const LEAVE_BYTES: usize = 22;

impl Engine {
    /// A number that was never given before, also not by a life of the server that a kill ended.
    pub(crate) fn new_view(&self) -> Result<ViewId, EngineError> {
        let next = u32::try_from(u64::from(self.last_view()?.0) + 1)
            .map_err(|_| EngineError("all numbers of live queries are used up".into()))?;
        self.insert(META, LAST_VIEW_KEY, encode_number(next.into()))?;
        self.persist()?;
        Ok(ViewId(next))
    }

    pub(crate) fn last_view(&self) -> Result<ViewId, EngineError> {
        let last = self.get(META, LAST_VIEW_KEY)?.map_or(Ok(0), |value| decode_number(LAST_VIEW_KEY, &value))?;
        u32::try_from(last).map(ViewId).map_err(|_| unreadable("number", LAST_VIEW_KEY))
    }

    /// Writes them in one batch; leaves beside those that are noted of other views.
    pub(crate) fn note_views(&self, mut notes: Batch, leaves: &HashMap<Vec<u8>, Leaves>) -> Result<(), EngineError> {
        let _leaves = self.leaves.lock().expect("not poisoned");
        for (document, newer) in leaves {
            let mut merged: BTreeMap<ViewId, ViewLeave> = self.leaves_of(document)?.into_iter().collect();
            merged.extend(newer.iter().copied());
            notes.insert(VIEWS, leaves_key(document), encode_leaves(merged));
        }
        self.write(notes)
    }

    pub(crate) fn view_heads(&self) -> Result<Vec<(ViewId, Vec<u8>)>, EngineError> {
        let read = |entry: Entry| {
            let (key, value) = entry?;
            let view = view_of(&key).ok_or_else(|| unreadable("head", &key))?;
            Ok((view, value.to_vec()))
        };
        self.prefix(VIEWS, &[HEAD]).map(read).collect()
    }

    /// The first counts at or behind `span`.
    pub(crate) fn view_counts(
        &self,
        view: ViewId,
        partition: u16,
        span: u64,
    ) -> Result<Option<(u64, Bytes)>, EngineError> {
        let range = (
            Bound::Included(counts_key(view, partition, span)),
            Bound::Included(counts_key(view, partition, u64::MAX)),
        );
        let Some(entry) = self.snapshot().range(VIEWS, range).next() else { return Ok(None) };
        let (key, value) = entry?;
        let span = span_of_counts(&key).ok_or_else(|| unreadable("counts", &key))?;
        Ok(Some((span, value)))
    }

    pub(crate) fn view_mark(&self, view: ViewId, offset: u64) -> Result<Option<Vec<u64>>, EngineError> {
        let key = mark_key(view, offset);
        let Some(value) = self.get(VIEWS, &key)? else { return Ok(None) };
        decode_mark(&value).map(Some).ok_or_else(|| unreadable("mark", &key))
    }

    /// The views that the document left, by its last leave of each.
    pub(crate) fn leaves_of(&self, document: &[u8]) -> Result<Leaves, EngineError> {
        let key = leaves_key(document);
        let Some(value) = self.get(VIEWS, &key)? else { return Ok(Leaves::new()) };
        decode_leaves(&value).ok_or_else(|| unreadable("leaves", &key))
    }

    pub(crate) fn view_floor(&self, view: ViewId, partition: u16) -> Result<Option<ViewFloor>, EngineError> {
        let key = floor_key(view, partition);
        let Some(value) = self.get(VIEWS, &key)? else { return Ok(None) };
        decode_floor(&value).map(Some).ok_or_else(|| unreadable("floor", &key))
    }

    /// Forgets everything of the view but the leaves; the head last, so that a crash does it again.
    pub(crate) fn forget_view(&self, view: ViewId) -> Result<(), EngineError> {
        for tag in [COUNTS, MARK, ENTRY, FLOOR, HEAD] {
            self.forget_prefix(&view_key(tag, view))?;
        }
        Ok(())
    }

    /// Forgets what is noted of views up to `last` that are not among `known`, which are sorted.
    pub(crate) fn sweep_views(&self, known: &[ViewId], last: ViewId) -> Result<(), EngineError> {
        let is_known = |view: ViewId| view > last || known.binary_search(&view).is_ok();
        for tag in [COUNTS, MARK, ENTRY, FLOOR] {
            let mut from = vec![tag];
            loop {
                let range = (Bound::Included(from), Bound::Excluded(vec![tag + 1]));
                let Some(entry) = self.snapshot().range(VIEWS, range).next() else { break };
                let (key, _) = entry?;
                let view = view_of(&key).ok_or_else(|| unreadable("view", &key))?;
                if !is_known(view) {
                    self.forget_prefix(&view_key(tag, view))?;
                }
                let Some(next) = view.0.checked_add(1) else { break };
                from = view_key(tag, ViewId(next));
            }
        }
        for entry in self.prefix(VIEWS, &[LEAVES]) {
            let (key, value) = entry?;
            let leaves = decode_leaves(&value).ok_or_else(|| unreadable("leaves", &key))?;
            if leaves.iter().all(|(view, _)| is_known(*view)) {
                continue;
            }
            // As it is by now.
            let _leaves = self.leaves.lock().expect("not poisoned");
            let mut leaves = self.leaves_of(&key[1..])?;
            leaves.retain(|(view, _)| is_known(*view));
            if leaves.is_empty() {
                self.remove(VIEWS, key)?;
            } else {
                self.insert(VIEWS, key, encode_leaves(leaves))?;
            }
        }
        Ok(())
    }

    /// Forgets the marks below `offset`, and the counts of spans below `span`.
    pub(crate) fn forget_view_below(
        &self,
        view: ViewId,
        partitions: u16,
        offset: u64,
        span: u64,
    ) -> Result<(), EngineError> {
        let mut batch = Batch::with_capacity(0);
        let snapshot = self.snapshot();
        let mut forget = |from: Vec<u8>, to: Vec<u8>| -> Result<(), EngineError> {
            for entry in snapshot.range(VIEWS, (Bound::Included(from), Bound::Excluded(to))) {
                batch.remove(VIEWS, entry?.0);
            }
            Ok(())
        };
        forget(view_key(MARK, view), mark_key(view, offset))?;
        for partition in 0..partitions {
            forget(counts_key(view, partition, 0), counts_key(view, partition, span))?;
        }
        self.write(batch)
    }

    /// Reads everything, so that damage in it shows.
    pub(crate) fn check_views(&self) -> Result<(), EngineError> {
        for entry in self.prefix(META, &[]) {
            entry?;
        }
        for entry in self.prefix(VIEWS, &[]) {
            let (key, value) = entry?;
            let is_whole = match key.first() {
                Some(&HEAD) => true,
                Some(&COUNTS) => span_of_counts(&key).is_some(),
                Some(&MARK) => decode_mark(&value).is_some(),
                Some(&ENTRY) => decode_entry(&value).is_some(),
                Some(&LEAVES) => decode_leaves(&value).is_some(),
                Some(&FLOOR) => decode_floor(&value).is_some(),
                // Of an older version, until it is taken over.
                Some(b'a'..=b'z' | b'0'..=b'9' | b'-') => true,
                _ => false,
            };
            if !is_whole {
                return Err(unreadable("note", &key));
            }
        }
        Ok(())
    }
}

impl EngineSnapshot {
    /// The entries of a partition from the offset `from` to that before `to`.
    pub(crate) fn view_entries(
        &self,
        view: ViewId,
        partition: u16,
        from: u64,
        to: u64,
    ) -> impl Iterator<Item = Result<(u64, ViewEntry), EngineError>> + use<> {
        let range = (
            Bound::Included(entry_key(view, partition, from)),
            Bound::Excluded(entry_key(view, partition, to.max(from))),
        );
        self.range(VIEWS, range).map(|entry| {
            let (key, value) = entry?;
            let offset = key.last_chunk::<8>().map(|offset| u64::from_be_bytes(*offset));
            offset.zip(decode_entry(&value)).ok_or_else(|| unreadable("entry", &key))
        })
    }
}

impl<'a> EngineBatch<'a> {
    /// Takes the leaves of a document whose tombstone is dropped out, and adds what each topic
    /// that showed it has to know: the greatest is kept.
    pub(super) fn drop_leaves(
        &mut self,
        engine: &'a Engine,
        document: &[u8],
        store_floor: u64,
        floors: &mut BTreeMap<(ViewId, u16), ViewFloor>,
    ) -> Result<(), EngineError> {
        // Until the batch is written nobody notes others on top of what is here.
        self.leaves.get_or_insert_with(|| engine.leaves.lock().expect("not poisoned"));
        let leaves = engine.leaves_of(document)?;
        if !leaves.is_empty() {
            self.batch.remove(VIEWS, leaves_key(document));
        }
        for (view, leave) in leaves {
            let ViewLeave { partition, offset, txn_id } = leave;
            let known = match floors.get(&(view, partition)) {
                Some(known) => Some(*known),
                None => engine.view_floor(view, partition)?,
            };
            let here = ViewFloor { offset: offset + 1, txn_id, store_floor };
            let (offset, txn_id) =
                known.map_or((here.offset, txn_id), |known| (known.offset, known.txn_id).max((here.offset, txn_id)));
            floors.insert((view, partition), ViewFloor { offset, txn_id, store_floor });
        }
        Ok(())
    }

    pub(super) fn put_view_floors(&mut self, floors: &BTreeMap<(ViewId, u16), ViewFloor>) {
        for (&(view, partition), floor) in floors {
            put_floor(&mut self.batch, view, partition, floor);
        }
    }
}

pub(crate) fn put_floor(batch: &mut Batch, view: ViewId, partition: u16, floor: &ViewFloor) {
    let mut value = vec![VALUE_VERSION];
    for number in [floor.offset, floor.txn_id.0, floor.store_floor] {
        value.extend_from_slice(&number.to_le_bytes());
    }
    batch.insert(VIEWS, floor_key(view, partition), value);
}

pub(crate) fn put_head(batch: &mut Batch, view: ViewId, head: Vec<u8>) {
    batch.insert(VIEWS, view_key(HEAD, view), head);
}

pub(crate) fn put_counts(batch: &mut Batch, view: ViewId, partition: u16, span: u64, counts: Vec<u8>) {
    batch.insert(VIEWS, counts_key(view, partition, span), counts);
}

pub(crate) fn put_mark(batch: &mut Batch, view: ViewId, offset: u64, counts: &[u64]) {
    let mut value = Vec::with_capacity(1 + 8 * counts.len());
    value.push(VALUE_VERSION);
    counts.iter().for_each(|count| value.extend_from_slice(&count.to_le_bytes()));
    batch.insert(VIEWS, mark_key(view, offset), value);
}

pub(crate) fn put_entry(batch: &mut Batch, view: ViewId, partition: u16, offset: u64, entry: &ViewEntry) {
    let mut value = Vec::with_capacity(17 + entry.document.len());
    value.push(VALUE_VERSION);
    value.extend_from_slice(&entry.event.to_le_bytes());
    value.extend_from_slice(&entry.txn_id.0.to_le_bytes());
    value.extend_from_slice(&entry.document);
    batch.insert(VIEWS, entry_key(view, partition, offset), value);
}

pub(crate) fn remove_entry(batch: &mut Batch, view: ViewId, partition: u16, offset: u64) {
    batch.remove(VIEWS, entry_key(view, partition, offset));
}

fn decode_mark(value: &[u8]) -> Option<Vec<u64>> {
    let [VALUE_VERSION, rest @ ..] = value else { return None };
    let (numbers, []) = rest.as_chunks::<8>() else { return None };
    Some(numbers.iter().map(|number| u64::from_le_bytes(*number)).collect())
}

fn decode_entry(value: &[u8]) -> Option<ViewEntry> {
    let [VALUE_VERSION, rest @ ..] = value else { return None };
    let mut rest = rest;
    let event = u64::from_le_bytes(take(&mut rest)?);
    let txn_id = TxnId(u64::from_le_bytes(take(&mut rest)?));
    Some(ViewEntry { event, txn_id, document: rest.to_vec() })
}

/// Sorted by the views.
fn encode_leaves(leaves: impl IntoIterator<Item = (ViewId, ViewLeave)>) -> Vec<u8> {
    let mut value = vec![VALUE_VERSION];
    for (view, leave) in leaves {
        value.extend_from_slice(&view.0.to_le_bytes());
        value.extend_from_slice(&leave.partition.to_le_bytes());
        value.extend_from_slice(&leave.offset.to_le_bytes());
        value.extend_from_slice(&leave.txn_id.0.to_le_bytes());
    }
    value
}

fn decode_leaves(value: &[u8]) -> Option<Leaves> {
    let [VALUE_VERSION, rest @ ..] = value else { return None };
    let mut rest = rest;
    let mut leaves = Leaves::with_capacity(rest.len() / LEAVE_BYTES);
    while !rest.is_empty() {
        let view = ViewId(u32::from_le_bytes(take(&mut rest)?));
        let partition = u16::from_le_bytes(take(&mut rest)?);
        let offset = u64::from_le_bytes(take(&mut rest)?);
        let txn_id = TxnId(u64::from_le_bytes(take(&mut rest)?));
        leaves.push((view, ViewLeave { partition, offset, txn_id }));
    }
    leaves.is_sorted_by(|(a, _), (b, _)| a < b).then_some(leaves)
}

fn decode_floor(value: &[u8]) -> Option<ViewFloor> {
    let [VALUE_VERSION, rest @ ..] = value else { return None };
    let mut rest = rest;
    let offset = u64::from_le_bytes(take(&mut rest)?);
    let txn_id = TxnId(u64::from_le_bytes(take(&mut rest)?));
    let store_floor = u64::from_le_bytes(take(&mut rest)?);
    rest.is_empty().then_some(ViewFloor { offset, txn_id, store_floor })
}

fn view_key(tag: u8, view: ViewId) -> Vec<u8> {
    let mut key = Vec::with_capacity(16);
    key.push(tag);
    key.extend_from_slice(&view.0.to_be_bytes());
    key
}

fn view_of(key: &[u8]) -> Option<ViewId> {
    Some(ViewId(u32::from_be_bytes(key.get(1..5)?.try_into().ok()?)))
}

fn counts_key(view: ViewId, partition: u16, span: u64) -> Vec<u8> {
    let mut key = view_key(COUNTS, view);
    key.extend_from_slice(&partition.to_be_bytes());
    match u32::try_from(span) {
        Ok(short) if short != WIDE_SPAN => key.extend_from_slice(&short.to_be_bytes()),
        _ => {
            key.extend_from_slice(&WIDE_SPAN.to_be_bytes());
            key.extend_from_slice(&span.to_be_bytes());
        }
    }
    key
}

/// `None` for anything but what [`counts_key`] makes.
fn span_of_counts(key: &[u8]) -> Option<u64> {
    let (short, wide) = key.get(COUNTS_KEY_HEAD..)?.split_first_chunk::<4>()?;
    match (u32::from_be_bytes(*short), wide) {
        (WIDE_SPAN, wide) => {
            let span = u64::from_be_bytes(wide.try_into().ok()?);
            (span >= u64::from(WIDE_SPAN)).then_some(span)
        }
        (short, []) => Some(short.into()),
        _ => None,
    }
}

fn mark_key(view: ViewId, offset: u64) -> Vec<u8> {
    let mut key = view_key(MARK, view);
    key.extend_from_slice(&offset.to_be_bytes());
    key
}

fn entry_key(view: ViewId, partition: u16, offset: u64) -> Vec<u8> {
    let mut key = view_key(ENTRY, view);
    key.extend_from_slice(&partition.to_be_bytes());
    key.extend_from_slice(&offset.to_be_bytes());
    key
}

fn leaves_key(document: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(document.len() + 1);
    key.push(LEAVES);
    key.extend_from_slice(document);
    key
}

fn floor_key(view: ViewId, partition: u16) -> Vec<u8> {
    let mut key = view_key(FLOOR, view);
    key.extend_from_slice(&partition.to_be_bytes());
    key
}

fn unreadable(what: &str, key: &[u8]) -> EngineError {
    EngineError(format!("the {what} of a live query cannot be read at {key:02x?}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Where its length changes, too.
    fn spans() -> impl Strategy<Value = u64> {
        let edge = u64::from(WIDE_SPAN);
        prop_oneof![0..2_000_000_u64, edge - 3..edge + 3, any::<u64>(), Just(u64::MAX)]
    }

    proptest! {
        #[test]
        fn counts_have_the_order_of_their_spans_and_read_back(a in spans(), b in spans(), partition: u16, view: u32) {
            let key = |span| counts_key(ViewId(view), partition, span);
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
            prop_assert_eq!(span_of_counts(&key(a)), Some(a));
            prop_assert!((0..key(a).len()).all(|cut| span_of_counts(&key(a)[..cut]).is_none()));
        }
    }

    #[test]
    fn what_older_versions_wrote_is_what_is_written() {
        let key = counts_key(ViewId(7), 1, 0x0102_0304);
        assert_eq!(key, [COUNTS, 0, 0, 0, 7, 0, 1, 1, 2, 3, 4]);
        let wide = counts_key(ViewId(7), 1, 1 << 37);
        assert_eq!(wide[7..], [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x20, 0, 0, 0, 0]);
        // A number that has a shorter key.
        assert_eq!(span_of_counts(&[&wide[..11], &7_u64.to_be_bytes()].concat()), None);
    }
}
