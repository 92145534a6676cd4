//! The events of a group, as record batches.
//!
//! Not here: when there is an event (`group`), how its JSON looks (crate `wire`).

use document::{Operation, Origin};
use kafka_wire::record_batch::{self, BatchBuilder};
use wire::event::{self, EventOp};

use crate::{limits::BATCH_BYTES_MAX, merged::Merged};

/// About what an event takes beside its documents.
const EVENT_OVERHEAD_BYTES: usize = 256;

/// About what a record takes beside its key, value and headers, and a header beside its name and
/// value.
const RECORD_OVERHEAD_BYTES: usize = 64;
const HEADER_OVERHEAD_BYTES: usize = 4;

/// Headers that an event may have.
const HEADERS_MAX: usize = 11;

/// Writes events behind each other into record batches.
pub(crate) struct EventWriter<'a> {
    app: &'a str,
    event_bytes_max: u32,
    leader_epoch: u32,
    next_offset: u64,
    /// Closed batches; they are in `batch` while it is open.
    batches: Vec<u8>,
    batch: Option<BatchBuilder>,
    events: u32,
    /// Used again for every event.
    key: Vec<u8>,
    value: Vec<u8>,
}

/// What an event tells beside the document.
pub(crate) struct Cause<'a> {
    pub(crate) txn: u64,
    pub(crate) commit_time_ms: u64,
    pub(crate) origin: &'a Origin,
    /// What a peer wrote to the document.
    pub(crate) merged: Option<Merged>,
}

impl<'a> EventWriter<'a> {
    /// Begins at `next_offset`, with room for `batches_bytes`.
    pub(crate) fn new(
        app: &'a str,
        event_bytes_max: u32,
        leader_epoch: u32,
        next_offset: u64,
        batches_bytes: usize,
    ) -> Self {
        Self {
            app,
            event_bytes_max,
            leader_epoch,
            next_offset,
            batches: Vec::with_capacity(batches_bytes),
            batch: None,
            events: 0,
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Room for the events of a large transaction: a buffer that grows by doubling would need up to
    /// three times as much.
    pub(crate) fn make_room(&mut self, documents: usize, bytes: usize) {
        if bytes > BATCH_BYTES_MAX {
            self.close_batch();
            self.batches.reserve(2 * bytes + EVENT_OVERHEAD_BYTES * documents);
        }
    }

    /// Appends the event of a document that was `before` and is `after`, as JSON. Gives its offset;
    /// `None` if the document was there neither before nor after: then there is none.
    pub(crate) fn push(
        &mut self,
        operation: &Operation,
        cause: &Cause<'_>,
        before: Option<&[u8]>,
        after: Option<&[u8]>,
    ) -> Option<u64> {
        let (collection, id) = (operation.collection.as_str(), operation.id.as_json());
        self.key.clear();
        self.value.clear();
        event::write_key(&mut self.key, collection, id);
        let value = &mut self.value;
        let mut op = match (before, after) {
            (None, None) => return None,
            (before, Some(after)) => {
                let old = before.unwrap_or(b"null");
                event::write_upsert(
                    value,
                    cause.txn,
                    collection,
                    |out| out.extend_from_slice(old),
                    |out| out.extend_from_slice(after),
                );
                if before.is_some() { EventOp::Update } else { EventOp::Insert }
            }
            (Some(before), None) => {
                event::write_remove(value, cause.txn, collection, |out| out.extend_from_slice(before));
                EventOp::Remove
            }
        };
        if value.len() > self.event_bytes_max as usize {
            value.clear();
            let document = event::RequeryDocument { app: self.app, collection, id_json: id };
            event::write_requery_required(value, cause.txn, &[document]);
            op = EventOp::Requery;
        }
        Some(self.push_record(cause, collection, op))
    }

    /// Appends the record whose key and value stand in the buffers; gives its offset.
    fn push_record(&mut self, cause: &Cause<'_>, collection: &str, op: EventOp) -> u64 {
        let Cause { txn, commit_time_ms, origin, merged } = cause;
        let (txn, commit_time) = (txn.to_string(), commit_time_ms.to_string());
        let caused_by = origin.cause.map(|cause| cause.to_string());
        // What was merged before pushes were known has none of the three.
        let merged = merged.filter(|_| origin.pushed.is_some());
        let site = merged.and(origin.site).map(|site| site.0.to_string());
        let stamp = merged.map(|merged| merged.stamp());
        let word = merged.map(|merged| merged.word());
        let mut headers: [(&str, &[u8]); HEADERS_MAX] = [
            ("app", self.app.as_bytes()),
            ("collection", collection.as_bytes()),
            ("op", op.as_str().as_bytes()),
            ("txnId", txn.as_bytes()),
            ("commitTime", commit_time.as_bytes()),
            ("peer", origin.peer.as_bytes()),
            ("", b""),
            ("", b""),
            ("", b""),
            ("", b""),
            ("", b""),
        ];
        let mut count = 6;
        let optional = [
            ("traceparent", origin.traceparent.as_deref()),
            ("cause", caused_by.as_deref()),
            ("site", site.as_deref()),
            ("stamp", stamp.as_deref()),
            ("merge", word),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                headers[count] = (name, value.as_bytes());
                count += 1;
            }
        }
        let headers = &headers[..count];
        let header_bytes = headers.iter().map(|(n, v)| n.len() + v.len() + HEADER_OVERHEAD_BYTES).sum::<usize>();
        let record_bytes = self.key.len() + self.value.len() + RECORD_OVERHEAD_BYTES + header_bytes;
        if self.batch.as_ref().is_some_and(|b| b.len_bytes() + record_bytes > BATCH_BYTES_MAX) {
            self.close_batch();
        }
        let batch = self.batch.get_or_insert_with(|| {
            let before = std::mem::take(&mut self.batches);
            let batch = BatchBuilder::append_to(before, self.next_offset as i64, *commit_time_ms as i64);
            batch.of_epoch(self.leader_epoch as i32)
        });
        batch.push(*commit_time_ms as i64, &self.key, &self.value, headers);
        self.next_offset += 1;
        self.events += 1;
        self.next_offset - 1
    }

    fn close_batch(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.batches = batch.finish();
        }
    }

    /// Bytes of events so far.
    pub(crate) fn bytes(&self) -> usize {
        self.batch.as_ref().map_or(self.batches.len(), BatchBuilder::buffer_bytes)
    }

    /// The batches, how many events are in them, and the offset behind the last.
    pub(crate) fn finish(mut self) -> (Vec<u8>, u32, u64) {
        self.close_batch();
        debug_assert!(self.batches.is_empty() || record_batch::decode_header(&self.batches).is_ok());
        (self.batches, self.events, self.next_offset)
    }
}
