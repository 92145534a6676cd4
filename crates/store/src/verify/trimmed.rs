//! What can be proved when the journal's front was trimmed: nothing can be replayed from the first frame, so the documents are held against the
//! events that are left, and against the last-change index for the rest.
//!
//! The last event of every document in the journal is gathered in the scratch engine: under the document's key its transaction, its offset, and
//! the checksum of the JSON that it left.

use std::collections::HashMap;

use document::Document;
use wire::event::{self, Change};

use super::{AppReport, Differences, all_offsets};
use crate::{
    apply::ChangedDocument,
    consumer_offsets::{ConsumerOffsets, OffsetsChange},
    engine::{Engine, EngineError, decode_stored, raw_document_key, split_document_key, stored_parts},
    journal::{
        frame::{EntryKind, FrameError, FrameHeader, entries},
        segment::Segment,
    },
    position::Position,
    replay::ReplayError,
    retention::for_each_record,
};

/// What the events that are left say.
pub(super) struct Gatherer<'a> {
    scratch: &'a Engine,
    offsets: ConsumerOffsets,
}

/// The state that an event leaves, instead of an encoded document.
const GONE: &[u8] = &[0];
const UNKNOWN: &[u8] = &[1];
const THERE: u8 = 2;

impl<'a> Gatherer<'a> {
    pub(super) fn new(scratch: &'a Engine) -> Self {
        Self { scratch, offsets: ConsumerOffsets::default() }
    }

    /// Takes over one frame.
    pub(super) fn take(
        &mut self,
        segment: &Segment,
        at: u64,
        header: &FrameHeader,
        frame: &[u8],
    ) -> Result<(), ReplayError> {
        for entry in entries(&frame[header.changes()]) {
            let (kind, bytes) = entry.map_err(|e| segment.damaged(at, e))?;
            if let (EntryKind::ConsumerOffsets, Some(change)) = (kind, OffsetsChange::decode(bytes)) {
                self.offsets.apply(&change);
            }
        }
        let mut newest = HashMap::new();
        for_each_record(&frame[header.batches()], |record| {
            let unreadable = || FrameError(format!("the event {} cannot be read", record.offset));
            let (collection, id) = record.key.and_then(event::read_key).ok_or_else(unreadable)?;
            let change = record.value.and_then(event::read_change).ok_or_else(unreadable)?;
            let left: Box<[u8]> = match change {
                Change::Upsert { new, .. } => there(new.as_bytes()),
                Change::Remove { .. } => GONE.into(),
                Change::Requery => UNKNOWN.into(),
            };
            let event = Some(record.offset as u64);
            let changed = ChangedDocument { event_before: None, txn: header.first_txn, event, encoded: left };
            newest.insert(raw_document_key(&collection, id), changed);
            Ok(())
        })
        .map_err(|e| segment.damaged(at, e))?;
        let mut batch = self.scratch.batch(newest.len());
        newest.iter().for_each(|(key, changed)| batch.put_document(key, changed));
        Ok(batch.commit(&Position::default())?)
    }

    /// Holds the documents against it all.
    pub(super) fn compare(self, engine: &Engine, log_start: u64, report: &mut AppReport) -> Result<(), EngineError> {
        let (found, gathered) = (engine.snapshot(), self.scratch.snapshot());
        let mut differences = Differences::new("document", &mut report.findings);
        let mut events = gathered.documents(&[]).peekable();
        let mut count = 0;
        for entry in found.documents(&[]) {
            let (key, value) = entry?;
            count += 1;
            while let Some(Ok((missing, _))) = events.next_if(|next| next.as_ref().is_ok_and(|(k, _)| *k < key)) {
                differences.note(&missing, "is missing");
            }
            let last_event = stored_parts(&key, &value)?.last_event;
            let event = events.next_if(|next| next.as_ref().is_ok_and(|(k, _)| *k == key)).transpose()?;
            match (event, last_event) {
                (Some((_, event)), Some(last_event)) => {
                    let event = stored_parts(&key, &event)?;
                    let document = decode_stored(&key, &value)?.document;
                    if event.last_event != Some(last_event) {
                        differences.note(&key, "does not know its last event");
                    } else if event.encoded != UNKNOWN && event.encoded != &*state(&key, &document) {
                        differences.note(&key, "is not what its last event says");
                    }
                }
                (Some(_), None) => differences.note(&key, "does not know its last event"),
                (None, Some(last)) if last >= log_start => differences.note(&key, "has no such event"),
                (None, _) => {}
            }
        }
        for missing in events {
            differences.note(&missing?.0, "is missing");
        }
        differences.finish();
        report.documents = count;
        let known = all_offsets(engine)?;
        if !self.offsets.is_part_of(&known) {
            report
                .findings
                .push("the consumer groups' committed offsets are not those that the journal ends with".into());
        }
        Ok(())
    }
}

fn there(json: &[u8]) -> Box<[u8]> {
    let mut out = vec![THERE];
    out.extend_from_slice(&crc32c::crc32c(json).to_le_bytes());
    out.into()
}

fn state(key: &[u8], document: &Document) -> Box<[u8]> {
    if !document.exists() {
        return GONE.into();
    }
    let mut json = Vec::new();
    let id = split_document_key(key).map_or("", |(_, id)| id);
    document.write_json(id, &mut json);
    there(&json)
}
