//! What a consumer is told in the place of trimmed events (docs/reference/live-queries.md, "Gaps").
//!
//! A page stands at the offset of the last document it names, and documents come in the order of
//! their offsets: so whoever has read a page goes on behind it and misses none, and a page can be
//! made again from nothing but the documents and what was noted of the trimmed events.
//!
//! On the main feed a document stands where its last event was. On a live query's topic it stands
//! at the offset of the last event by which it was seen there, if that was trimmed
//! ([`ViewEntry`]): while that event is the document's last, or the document left by it and has not
//! come back.

use document::DocumentId;
use kafka_wire::record_batch::{self, BatchBuilder, Record};
use store::{
    App, Piece, Snapshot, SnapshotError, StoredDocument, TxnId, ViewEntry, ViewNotes, limits::BATCH_BYTES_MAX,
    split_document_key,
};
use wire::event::{self, EventOp, RequeryDocument};

use crate::{limits::GAP_PAGE_DOCUMENTS_MAX, live_query::OnGap, matcher::Matcher, numbering::Skipped, view::View};

/// The key of a page that names several documents.
const SEVERAL_KEY: &[u8] = br#"["requeryRequired"]"#;

/// Whose gap it is.
pub(crate) struct Gap<'a> {
    pub(crate) app: &'a App,
    pub(crate) matcher: &'a Matcher,
    /// The live query; `None` for the main feed.
    pub(crate) view: Option<&'a View>,
    pub(crate) partition: u16,
    pub(crate) on_gap: OnGap,
    /// The time of every record: when the oldest event that is left, or one before it, was
    /// committed.
    pub(crate) timestamp_ms: u64,
    pub(crate) event_bytes_max: usize,
    /// That of the oldest event that is left.
    pub(crate) leader_epoch: i32,
}

/// A document that a consumer may not know as it is.
struct Change {
    /// Where it is told of.
    offset: u64,
    /// The transaction of the event that stood there.
    txn_id: TxnId,
    collection: String,
    id_json: String,
    stored: StoredDocument,
    /// Whether that event is the document's last.
    is_last: bool,
}

impl Gap<'_> {
    /// Whole batches for the offsets from `from` to that before `to`, whose events were trimmed:
    /// about `bytes_max`, but at least one if anything is to be told.
    pub(crate) fn read(
        &self,
        snapshot: &Snapshot,
        from: u64,
        to: u64,
        bytes_max: usize,
    ) -> Result<Vec<Piece>, SnapshotError> {
        let mut pages = self.pages();
        self.for_each_change(snapshot, from, to, |change| {
            let mut key = Vec::with_capacity(change.collection.len() + change.id_json.len() + 8);
            event::write_key(&mut key, &change.collection, &change.id_json);
            pages.take(change, key);
            pages.batches.bytes() < bytes_max
        })?;
        pages.name();
        Ok(pages.batches.finish())
    }

    /// Instead of pages that may lack a removed document: at `offset`, where the event of
    /// transaction `txn_id` was, word that the copy must be built again from offset 0.
    pub(crate) fn resync(&self, offset: u64, txn_id: TxnId) -> Vec<Piece> {
        let mut value = Vec::new();
        event::write_requery_required(&mut value, txn_id.0, &[]);
        let mut pages = self.pages();
        pages.push(offset, SEVERAL_KEY, &value, None, EventOp::Resync, txn_id.0);
        pages.batches.finish()
    }

    /// At the end of what a restore skipped, for a reader that knows what the life before wrote: word
    /// that the copy must be built again from offset 0.
    pub(crate) fn restored(&self, skipped: &Skipped) -> Vec<Piece> {
        self.resync(skipped.end - 1, skipped.seam.txn())
    }

    /// The same place, for a reader that has nothing of what was lost: no event, but what carries it
    /// over to the next.
    pub(crate) fn passed(&self, skipped: &Skipped) -> Vec<Piece> {
        let bytes = record_batch::marker((skipped.end - 1) as i64, self.timestamp_ms as i64, self.leader_epoch);
        vec![Piece { bytes: bytes.into(), next_offset: skipped.end }]
    }

    fn pages(&self) -> Pages<'_> {
        let mut batches = Batches::default();
        batches.of_epoch(self.leader_epoch);
        Pages { gap: self, batches, named: Vec::new() }
    }

    /// The first offset below `to` at which [`Gap::read`] has something to tell.
    pub(crate) fn first_offset(&self, snapshot: &Snapshot, to: u64) -> Result<Option<u64>, SnapshotError> {
        let mut first = None;
        self.for_each_change(snapshot, 0, to, |change| {
            first = Some(change.offset);
            false
        })?;
        Ok(first)
    }

    /// How many documents are told of at those offsets, at most `count_max`.
    pub(crate) fn count(
        &self,
        snapshot: &Snapshot,
        from: u64,
        to: u64,
        count_max: usize,
    ) -> Result<usize, SnapshotError> {
        let mut count = 0;
        self.for_each_change(snapshot, from, to, |_| {
            count += 1;
            count < count_max
        })?;
        Ok(count.min(count_max))
    }

    /// Calls `each` with what is told at those offsets, in order, while it says `true`.
    fn for_each_change(
        &self,
        snapshot: &Snapshot,
        from: u64,
        to: u64,
        mut each: impl FnMut(Change) -> bool,
    ) -> Result<(), SnapshotError> {
        let Some(view) = self.view else {
            for change in snapshot.trimmed_changes(from) {
                let change = change?;
                if change.offset >= to {
                    break;
                }
                let wants_more = each(Change {
                    offset: change.offset,
                    txn_id: change.stored.txn_id,
                    collection: change.collection,
                    id_json: change.id_json,
                    stored: change.stored,
                    is_last: true,
                });
                if !wants_more {
                    break;
                }
            }
            return Ok(());
        };
        let mut invalid = ViewNotes::default();
        for entry in snapshot.view_entries(view.number, self.partition, from, to) {
            let (offset, entry) = entry?;
            let Some(change) = change_of(self.app, snapshot, view, offset, &entry)? else {
                // It never will be again.
                invalid.forget_entry(view.number, self.partition, offset);
                continue;
            };
            if !each(change) {
                break;
            }
        }
        if invalid.is_empty() { Ok(()) } else { self.app.note_views(invalid) }
    }
}

/// What is told of an entry; `None` if it is not valid. The view has looked at all events of the
/// snapshot.
fn change_of(
    app: &App,
    snapshot: &Snapshot,
    view: &View,
    offset: u64,
    entry: &ViewEntry,
) -> Result<Option<Change>, SnapshotError> {
    let Some((stored, is_last)) = is_valid(app, snapshot, view, offset, entry)? else { return Ok(None) };
    let (collection, id_json) = parts(&entry.document)?;
    let (collection, id_json) = (collection.to_owned(), id_json.to_owned());
    Ok(Some(Change { offset, txn_id: entry.txn_id, collection, id_json, stored, is_last }))
}

/// The document of an entry that is valid, and whether the entry's event is its last.
pub(crate) fn is_valid(
    app: &App,
    snapshot: &Snapshot,
    view: &View,
    offset: u64,
    entry: &ViewEntry,
) -> Result<Option<(StoredDocument, bool)>, SnapshotError> {
    let Some(stored) = snapshot.stored(&entry.document)? else { return Ok(None) };
    if stored.last_event == Some(entry.event) {
        return Ok(Some((stored, true)));
    }
    let (_, id_json) = parts(&entry.document)?;
    if view.matcher.carries_all() || matches_now(&view.matcher, id_json, &stored) {
        return Ok(None);
    }
    // By this event or by a later one.
    let leave = view.leaves().of_view(app, view.number, &entry.document)?;
    Ok(leave.is_some_and(|leave| leave.offset == offset).then_some((stored, false)))
}

fn parts(document: &[u8]) -> Result<(&str, &str), SnapshotError> {
    split_document_key(document)
        .ok_or_else(|| SnapshotError { message: format!("the key {document:02x?} is not a document's") })
}

pub(crate) fn matches_now(matcher: &Matcher, id_json: &str, stored: &StoredDocument) -> bool {
    let Some(fields) = stored.document.value() else { return false };
    DocumentId::from_json(id_json).is_ok_and(|id| matcher.matches(&id, &fields))
}

struct Pages<'a> {
    gap: &'a Gap<'a>,
    batches: Batches,
    /// The documents of the page that is being made, with their keys.
    named: Vec<(Change, Vec<u8>)>,
}

impl Pages<'_> {
    fn take(&mut self, change: Change, key: Vec<u8>) {
        if let Some(value) = self.snapshot_of(&change) {
            // What stands before it must be told before it, or would be skipped by who goes on
            // behind it.
            self.name();
            self.push(change.offset, &key, &value, Some(&change.collection), EventOp::Snapshot, change.txn_id.0);
            return;
        }
        self.named.push((change, key));
        if self.named.len() == GAP_PAGE_DOCUMENTS_MAX {
            self.name();
        }
    }

    /// The event that carries the document itself; `None` if it is to be named instead.
    fn snapshot_of(&self, change: &Change) -> Option<Vec<u8>> {
        if self.gap.on_gap != OnGap::Snapshot || !change.is_last {
            return None;
        }
        let document = &change.stored.document;
        if !matches_now(self.gap.matcher, &change.id_json, &change.stored) {
            return None;
        }
        let mut value = Vec::with_capacity(256);
        event::write_upsert(
            &mut value,
            change.txn_id.0,
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
        let txn = named.iter().map(|(change, _)| change.txn_id.0).max().unwrap_or_default();
        let documents: Vec<RequeryDocument<'_>> = named
            .iter()
            .map(|(change, _)| RequeryDocument {
                app: self.gap.app.name().as_str(),
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
        let mut headers: Vec<(&str, Option<&[u8]>)> = vec![("app", Some(self.gap.app.name().as_str().as_bytes()))];
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

/// Record batches, with holes where offsets have some, each at most about [`BATCH_BYTES_MAX`].
#[derive(Default)]
pub(crate) struct Batches {
    leader_epoch: i32,
    closed: Vec<Piece>,
    closed_bytes: usize,
    open: Option<(i64, BatchBuilder)>,
    next_offset: u64,
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
        self.next_offset = record.offset as u64 + 1;
    }

    pub(crate) fn bytes(&self) -> usize {
        self.closed_bytes + self.open.as_ref().map_or(0, |(_, batch)| batch.len_bytes())
    }

    /// Behind the last that was pushed.
    pub(crate) fn next_offset(&self) -> u64 {
        self.next_offset
    }

    /// The batches that are closed; they are no longer here.
    pub(crate) fn take_closed(&mut self) -> Vec<Piece> {
        self.closed_bytes = 0;
        std::mem::take(&mut self.closed)
    }

    /// Ends a batch: what is pushed next begins another one.
    pub(crate) fn close(&mut self) {
        if let Some((_, batch)) = self.open.take() {
            let batch = batch.finish();
            self.closed_bytes += batch.len();
            self.closed.push(Piece { bytes: batch.into(), next_offset: self.next_offset });
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Piece> {
        self.close();
        self.closed
    }
}
