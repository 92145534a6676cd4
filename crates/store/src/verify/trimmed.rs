//! What can be proved when the journal's front was trimmed: nothing can be replayed from the first
//! frame, so the documents are held against the events that are left, and against the last-change
//! index for the rest.
//!
//! The last event of every document in the journal is gathered in the scratch engine: under the
//! document's key its transaction, its offset, and the checksum of the JSON that it left.

use std::collections::{BTreeMap, HashMap};

use rules::{ChangedDocument, raw_document_key};
use wire::event;

use super::{AppReport, Differences, all_offsets};
use crate::{
    consumer_offsets::{ConsumerOffsets, OffsetsChange},
    definition::DefinitionEntry,
    engine::{Engine, EngineError, IndexEntry, decode_stored, stored_parts},
    journal::{
        frame::{EntryKind, FrameError, FrameHeader, entries},
        records::for_each_record,
        segment::Segment,
    },
    last_state::{left_by, said_by},
    position::Position,
    replay::ReplayError,
    tombstones::DroppedTombstones,
};

/// What the events that are left say.
pub(super) struct Gatherer<'a> {
    scratch: &'a Engine,
    offsets: ConsumerOffsets,
    definitions: Vec<DefinitionEntry>,
    dropped: Vec<IndexEntry>,
}

/// Stands for the state that an event leaves and does not say ([`said_by`]).
const UNKNOWN: &[u8] = &[1];

impl<'a> Gatherer<'a> {
    pub(super) fn new(scratch: &'a Engine) -> Self {
        Self { scratch, offsets: ConsumerOffsets::default(), definitions: Vec::new(), dropped: Vec::new() }
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
            match kind {
                EntryKind::ConsumerOffsets => {
                    OffsetsChange::decode(bytes).iter().for_each(|change| self.offsets.apply(change));
                }
                EntryKind::Definition => self.definitions.extend(DefinitionEntry::decode(bytes)),
                EntryKind::DroppedTombstones => {
                    self.dropped.extend(DroppedTombstones::decode(bytes).into_iter().flat_map(|all| all.tombstones));
                }
                EntryKind::Changeset | EntryKind::Decided | EntryKind::Request | EntryKind::Restored => {}
            }
        }
        let mut newest = HashMap::new();
        for_each_record(&frame[header.batches()], |record| {
            let unreadable = || FrameError(format!("the event {} cannot be read", record.offset));
            let (collection, id) = record.key.and_then(event::read_key).ok_or_else(unreadable)?;
            let change = record.value.and_then(event::read_change).ok_or_else(unreadable)?;
            let left = said_by(&change).unwrap_or_else(|| UNKNOWN.into());
            let event = Some(record.offset as u64);
            let changed = ChangedDocument {
                event_before: None,
                existed_before: false,
                exists: false,
                txn: header.first_txn,
                event,
                encoded: left,
            };
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
                    } else if event.encoded != UNKNOWN && event.encoded != &*left_by(&key, &document) {
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
        self.compare_definitions(engine, report)?;
        self.compare_dropped(engine, report)?;
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

impl Gatherer<'_> {
    /// The last entry of each definition that is left in the journal is in force.
    fn compare_definitions(&self, engine: &Engine, report: &mut AppReport) -> Result<(), EngineError> {
        let known = engine.definitions()?;
        let last: BTreeMap<_, _> = self.definitions.iter().map(|entry| ((entry.kind, &entry.name), entry)).collect();
        for ((kind, name), entry) in last {
            let found = known.iter().find(|one| one.kind == kind && one.name == *name);
            if found.map(|one| (one.origin, &one.body)) != entry.set.as_ref().map(|(origin, body)| (*origin, body)) {
                report.findings.push(format!("the definition of {kind:?} {name:?} is not the journal's last"));
            }
        }
        Ok(())
    }

    /// What was dropped is not there with the event that it was dropped for.
    fn compare_dropped(&self, engine: &Engine, report: &mut AppReport) -> Result<(), EngineError> {
        let mut differences = Differences::new("tombstone of", &mut report.findings);
        for (offset, key) in &self.dropped {
            if engine.last_event(key)? == Some(*offset) {
                differences.note(key, "was dropped, and is there");
            }
        }
        differences.finish();
        Ok(())
    }
}
