//! What a consumer is told in the place of trimmed events (docs/reference/live-queries.md, "Gaps").
//!
//! A page stands at the offset of the last event of the last document it names, and documents come
//! in the order of those offsets: so whoever has read a page goes on behind it and misses none, and
//! a page can be made again from nothing but the documents.

use bytes::Bytes;
use document::DocumentId;
use kafka_wire::record_batch::{BatchBuilder, Record};
use store::{Snapshot, SnapshotError, TrimmedChange, TxnId, limits::BATCH_BYTES_MAX};
use wire::event::{self, EventOp, RequeryDocument};

use crate::{limits::GAP_PAGE_DOCUMENTS_MAX, live_query::OnGap, matcher::Matcher};

/// The key of a page that names several documents.
const SEVERAL_KEY: &[u8] = br#"["requeryRequired"]"#;

/// Whose gap it is.
pub(crate) struct Gap<'a> {
    pub(crate) app: &'a str,
    pub(crate) matcher: &'a Matcher,
    /// The live query's name; `None` for the main feed.
    pub(crate) view: Option<&'a str>,
    pub(crate) partition: u16,
    pub(crate) on_gap: OnGap,
    /// The time of every record: when the oldest event that is left, or one before it, was
    /// committed.
    pub(crate) timestamp_ms: u64,
    pub(crate) event_bytes_max: usize,
    /// That of the oldest event that is left.
    pub(crate) leader_epoch: i32,
}

impl Gap<'_> {
    /// Whole batches for what was trimmed at or behind `offset`: about `bytes_max`, but at least
    /// one if anything is to be told.
    pub(crate) fn read(&self, snapshot: &Snapshot, offset: u64, bytes_max: usize) -> Result<Vec<Bytes>, SnapshotError> {
        let mut pages = self.pages();
        for change in self.changes(snapshot, offset) {
            let (change, key) = change?;
            pages.take(change, key);
            if pages.batches.bytes() >= bytes_max {
                break;
            }
        }
        pages.name();
        Ok(pages.batches.finish())
    }

    /// Instead of pages that may lack a removed document: at `offset`, word that the copy must be
    /// built again from offset 0.
    pub(crate) fn resync(&self, offset: u64, newest_txn: TxnId) -> Vec<Bytes> {
        let mut value = Vec::new();
        event::write_requery_required(&mut value, newest_txn.0, &[]);
        let mut pages = self.pages();
        pages.push(offset, SEVERAL_KEY, &value, None, EventOp::Resync, newest_txn.0);
        pages.batches.finish()
    }

    fn pages(&self) -> Pages<'_> {
        let mut batches = Batches::default();
        batches.of_epoch(self.leader_epoch);
        Pages { gap: self, batches, named: Vec::new() }
    }

    /// The offset of the first record that [`Gap::read`] from 0 would give: that of the first
    /// document it concerns, or of the page it is on.
    pub(crate) fn first_offset(&self, snapshot: &Snapshot) -> Result<Option<u64>, SnapshotError> {
        self.changes(snapshot, 0).next().map(|change| change.map(|(change, _)| change.offset)).transpose()
    }

    fn changes<'s>(
        &'s self,
        snapshot: &'s Snapshot,
        offset: u64,
    ) -> impl Iterator<Item = Result<(TrimmedChange, Vec<u8>), SnapshotError>> + 's {
        let here = |key: &[u8]| self.matcher.partition(key) == self.partition;
        trimmed_changes(snapshot, self.matcher, self.view, offset).filter_map(move |change| match change {
            Ok(change) => {
                let key = key_of(&change);
                here(&key).then_some(Ok((change, key)))
            }
            Err(error) => Some(Err(error)),
        })
    }
}

/// What a consumer may have missed by trimmed events from `offset` on, in their order. Without a
/// filter, the documents whose last event was trimmed. With one, those of them that match, and
/// those that left the live query `view` by a trimmed event and do not match now, whatever happened
/// to them outside since.
pub(crate) fn trimmed_changes<'s>(
    snapshot: &'s Snapshot,
    matcher: &'s Matcher,
    view: Option<&'s str>,
    offset: u64,
) -> impl Iterator<Item = Result<TrimmedChange, SnapshotError>> + 's {
    let is_concerned = |change: &TrimmedChange, matches: bool| {
        matcher.wants_collection(&change.collection)
            && (matcher.filter.is_none() || matches_now(matcher, change) == matches)
    };
    let keep = move |matches: bool| {
        move |change: &Result<TrimmedChange, SnapshotError>| {
            change.as_ref().map_or(true, |change| is_concerned(change, matches))
        }
    };
    let mut trimmed = snapshot.trimmed_changes(offset).filter(keep(true)).peekable();
    let view = view.filter(|_| matcher.filter.is_some());
    let left = view.into_iter().flat_map(move |view| snapshot.departures(view, offset));
    let mut left = left.filter(keep(false)).peekable();
    std::iter::from_fn(move || match (trimmed.peek(), left.peek()) {
        (Some(Ok(a)), Some(Ok(b))) if b.offset < a.offset => left.next(),
        (Some(_), _) => trimmed.next(),
        (None, _) => left.next(),
    })
}

fn matches_now(matcher: &Matcher, change: &TrimmedChange) -> bool {
    let Some(fields) = change.stored.document.value() else { return false };
    DocumentId::from_json(&change.id_json).is_ok_and(|id| matcher.matches(&id, &fields))
}

pub(crate) fn key_of(change: &TrimmedChange) -> Vec<u8> {
    let mut key = Vec::with_capacity(change.collection.len() + change.id_json.len() + 8);
    event::write_key(&mut key, &change.collection, &change.id_json);
    key
}

struct Pages<'a> {
    gap: &'a Gap<'a>,
    batches: Batches,
    /// The documents of the page that is being made, with their keys.
    named: Vec<(TrimmedChange, Vec<u8>)>,
}

impl Pages<'_> {
    fn take(&mut self, change: TrimmedChange, key: Vec<u8>) {
        if let Some(value) = self.snapshot_of(&change) {
            // What stands before it must be told before it, or would be skipped by who goes on
            // behind it.
            self.name();
            self.push(change.offset, &key, &value, Some(&change.collection), EventOp::Snapshot, change.stored.txn_id.0);
            return;
        }
        self.named.push((change, key));
        if self.named.len() == GAP_PAGE_DOCUMENTS_MAX {
            self.name();
        }
    }

    /// The event that carries the document itself; `None` if it is to be named instead.
    fn snapshot_of(&self, change: &TrimmedChange) -> Option<Vec<u8>> {
        if self.gap.on_gap != OnGap::Snapshot {
            return None;
        }
        let document = &change.stored.document;
        if !matches_now(self.gap.matcher, change) {
            return None;
        }
        let mut value = Vec::with_capacity(256);
        event::write_upsert(
            &mut value,
            change.stored.txn_id.0,
            &change.collection,
            |out| out.extend_from_slice(b"null"),
            |out| document.write_json(&change.id_json, out),
        );
        Some(value).filter(|value| value.len() <= self.gap.event_bytes_max)
    }

    /// Ends the page that is being made.
    fn name(&mut self) {
        let named = std::mem::take(&mut self.named);
        let Some((last, key)) = named.last() else { return };
        let txn = named.iter().map(|(change, _)| change.stored.txn_id.0).max().unwrap_or_default();
        let documents: Vec<RequeryDocument<'_>> = named
            .iter()
            .map(|(change, _)| RequeryDocument {
                app: self.gap.app,
                collection: &change.collection,
                id_json: &change.id_json,
            })
            .collect();
        let mut value = Vec::new();
        event::write_requery_required(&mut value, txn, &documents);
        let (key, collection) = match named.len() {
            1 => (key.as_slice(), Some(last.collection.as_str())),
            _ => (SEVERAL_KEY, None),
        };
        self.push(last.offset, key, &value, collection, EventOp::Requery, txn);
    }

    fn push(&mut self, offset: u64, key: &[u8], value: &[u8], collection: Option<&str>, op: EventOp, txn: u64) {
        let txn = txn.to_string();
        let mut headers: Vec<(&str, Option<&[u8]>)> = vec![("app", Some(self.gap.app.as_bytes()))];
        headers.extend(collection.map(|collection| ("collection", Some(collection.as_bytes()))));
        headers.extend([("op", Some(op.as_str().as_bytes())), ("txnId", Some(txn.as_bytes()))]);
        self.batches.push(&Record {
            offset: offset as i64,
            timestamp_ms: self.gap.timestamp_ms as i64,
            key: Some(key),
            value: Some(value),
            headers,
        });
    }
}

/// Record batches with holes between their offsets, each at most about [`BATCH_BYTES_MAX`].
#[derive(Default)]
pub(crate) struct Batches {
    leader_epoch: i32,
    closed: Vec<Bytes>,
    closed_bytes: usize,
    open: Option<(i64, BatchBuilder)>,
}

impl Batches {
    /// What is pushed from here on is of this leader epoch.
    pub(crate) fn of_epoch(&mut self, leader_epoch: i32) {
        if self.leader_epoch != leader_epoch {
            self.close();
            self.leader_epoch = leader_epoch;
        }
    }

    /// Appends a copy of `record`; offsets must grow.
    pub(crate) fn push(&mut self, record: &Record<'_>) {
        let record_bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        let fits = self.open.as_ref().is_some_and(|(base, batch)| {
            batch.len_bytes() + record_bytes <= BATCH_BYTES_MAX && record.offset - base < i64::from(i32::MAX)
        });
        if !fits {
            self.close();
        }
        let new = || {
            let batch = BatchBuilder::new(record.offset, record.timestamp_ms).of_epoch(self.leader_epoch);
            (record.offset, batch)
        };
        self.open.get_or_insert_with(new).1.push_record(record);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.closed_bytes + self.open.as_ref().map_or(0, |(_, batch)| batch.len_bytes())
    }

    fn close(&mut self) {
        if let Some((_, batch)) = self.open.take() {
            let batch = batch.finish();
            self.closed_bytes += batch.len();
            self.closed.push(batch.into());
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Bytes> {
        self.close();
        self.closed
    }
}
