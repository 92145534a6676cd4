//! Apply: (documents, changeset) to (changed documents, events). The one place where a write takes effect.
//!
//! Invariants: deterministic (no clock, randomness or hash-map order): the same changesets in the same order give the same bytes,
//! at commit, at replay after a crash, and in `verify`; a changeset that is refused leaves no trace.
//! Not here: the order of changesets (`sequencer`), durability (`journal`).

use std::{collections::HashMap, sync::Arc};

use document::{Action, Changeset, Document, Operation, SiteId, StampClock};
use kafka_wire::record_batch::{self, BatchBuilder};
use query::TooExpensive;
use wire::event::{self, EventOp};

use crate::{
    AppName, CommitError, Outcome,
    conditions::{Conditions, Size},
    engine::{EngineError, document_key},
    journal::Position,
    limits::{BATCH_BYTES_MAX, DOCUMENT_BYTES_MAX, DOCUMENT_BYTES_WARN},
};

/// What apply reads: the documents as the last group left them.
pub(crate) trait DocumentReader {
    /// The offset of the document's last event (`None` if it never had one), and its state; `None` if it was never written.
    fn stored(&self, key: &[u8]) -> Result<Option<(Option<u64>, Document)>, EngineError>;
}

/// What stays the same for all changesets of a group.
#[derive(Debug, Clone)]
pub(crate) struct ApplyContext<'a> {
    pub(crate) app: &'a AppName,
    pub(crate) site: SiteId,
    pub(crate) event_bytes_max: u32,
    /// Never below the last group's.
    pub(crate) commit_time_ms: u64,
}

/// Why a changeset could not be applied.
#[derive(Debug)]
pub(crate) enum ApplyError {
    /// It is refused, and leaves no trace.
    Refused(CommitError),
    /// The documents cannot be read.
    Engine(EngineError),
}

impl From<EngineError> for ApplyError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<TooExpensive> for ApplyError {
    fn from(error: TooExpensive) -> Self {
        Self::Refused(CommitError::TooExpensive { steps_max: error.steps_max })
    }
}

/// What one changeset did.
#[derive(Debug)]
pub(crate) struct Applied {
    /// Its transaction; `None` if it touched nothing and takes none.
    pub(crate) txn: Option<u64>,
    pub(crate) outcomes: Vec<Outcome>,
}

/// A document that the group changed.
#[derive(Debug)]
pub(crate) struct ChangedDocument {
    /// The offset of its last event before the group, if it had one.
    pub(crate) event_before: Option<u64>,
    /// The last transaction of the group that touched it.
    pub(crate) txn: u64,
    /// The offset of its last event, if it ever had one.
    pub(crate) event: Option<u64>,
    pub(crate) encoded: Box<[u8]>,
}

/// A group of changesets as it is applied, on top of the documents that `reader` gives.
pub(crate) struct Group<'a, R> {
    reader: &'a R,
    context: ApplyContext<'a>,
    position: Position,
    changed: HashMap<Vec<u8>, Arc<ChangedDocument>>,
    /// Closed batches; they are in `batch` while it is open.
    batches: Vec<u8>,
    batch: Option<BatchBuilder>,
    events: u32,
    transactions: u32,
    /// What conditions took, those of refused changesets too.
    steps: u64,
    large: Vec<LargeDocument>,
    scratch: Scratch,
}

/// A document that was written and is larger than [`DOCUMENT_BYTES_WARN`].
#[derive(Debug)]
pub(crate) struct LargeDocument {
    pub(crate) collection: String,
    /// As JSON.
    pub(crate) id: String,
    pub(crate) bytes: usize,
}

/// Buffers that are used again for every event.
#[derive(Default)]
struct Scratch {
    key: Vec<u8>,
    value: Vec<u8>,
    encoded: Vec<u8>,
}

/// A document while its transaction runs.
struct Touched {
    key: Vec<u8>,
    /// Index of the operation that names it first.
    operation: usize,
    event_before: Option<u64>,
    event: Option<u64>,
    document: Document,
    /// JSON of the document before the transaction; `None` if it was not there.
    before_json: Option<Vec<u8>>,
    /// Whether an operation wrote to it.
    written: bool,
    /// Kept only where several operations may name it.
    size: Size,
}

impl<'a, R: DocumentReader> Group<'a, R> {
    /// Begins a group behind `position`, with room for events of `batches_bytes`.
    pub(crate) fn new(reader: &'a R, context: ApplyContext<'a>, position: Position, batches_bytes: usize) -> Self {
        Self {
            reader,
            context,
            position,
            changed: HashMap::new(),
            batches: Vec::with_capacity(batches_bytes),
            batch: None,
            events: 0,
            transactions: 0,
            steps: 0,
            large: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Applies one changeset as the next transaction.
    pub(crate) fn apply(&mut self, changeset: &Changeset) -> Result<Applied, ApplyError> {
        let mut conditions = Conditions::new();
        let applied = self.apply_deciding(changeset, &mut conditions);
        self.steps += conditions.spent();
        applied
    }

    fn apply_deciding(&mut self, changeset: &Changeset, conditions: &mut Conditions) -> Result<Applied, ApplyError> {
        let mut clock = StampClock { site: self.context.site, last: self.position.stamp_last };
        let mut touched: Vec<Touched> = Vec::with_capacity(changeset.operations.len());
        let mut index: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut outcomes = Vec::with_capacity(changeset.operations.len());
        for (n, operation) in changeset.operations.iter().enumerate() {
            let at = self.touch(operation, n, &mut touched, &mut index)?;
            let document = &mut touched[at];
            if document.operation != n {
                conditions.pay_for_document(document.size.bytes())?;
            }
            let stamp_wall_ms = self.context.commit_time_ms;
            let outcome = apply_operation(operation, document, &mut clock, stamp_wall_ms, conditions)?;
            document.written |= outcome == Outcome::Applied;
            if changeset.operations.len() > 1 {
                document.size.note(&operation.action, &document.document);
            }
            outcomes.push(outcome);
        }
        if !touched.iter().any(|t| t.written) {
            return Ok(Applied { txn: None, outcomes });
        }
        self.finish(changeset, touched, clock)?;
        let txn = self.position.next_txn - 1;
        Ok(Applied { txn: Some(txn), outcomes })
    }

    /// The working copy of the operation's document, loaded at its first mention.
    fn touch(
        &self,
        operation: &Operation,
        n: usize,
        touched: &mut Vec<Touched>,
        index: &mut HashMap<Vec<u8>, usize>,
    ) -> Result<usize, EngineError> {
        let key = document_key(&operation.collection, &operation.id);
        // A single operation, the common case, needs no index.
        if !touched.is_empty() {
            if index.is_empty() {
                index.extend(touched.iter().enumerate().map(|(at, t)| (t.key.clone(), at)));
            }
            if let Some(&at) = index.get(&key) {
                return Ok(at);
            }
            index.insert(key.clone(), touched.len());
        }
        let (event_before, event, document) = match self.changed.get(&key) {
            Some(changed) => {
                let document = Document::decode(&changed.encoded).map_err(|e| EngineError(e.to_string()))?;
                (changed.event_before, changed.event, document)
            }
            None => match self.reader.stored(&key)? {
                Some((event, document)) => (event, event, document),
                None => (None, None, Document::new()),
            },
        };
        let before_json = document.exists().then(|| {
            let mut json = Vec::with_capacity(256);
            document.write_json(operation.id.as_json(), &mut json);
            json
        });
        let size = Size::of(before_json.as_ref().map_or(0, Vec::len));
        touched.push(Touched { key, operation: n, event_before, event, document, before_json, written: false, size });
        Ok(touched.len() - 1)
    }

    /// Makes the transaction's events and takes its documents over; refuses it as a whole if one has grown too large.
    fn finish(
        &mut self,
        changeset: &Changeset,
        mut touched: Vec<Touched>,
        clock: StampClock,
    ) -> Result<(), ApplyError> {
        touched.retain(|t| t.written);
        let txn = self.position.next_txn;
        let mut after = Vec::with_capacity(touched.len());
        for document in &touched {
            let operation = &changeset.operations[document.operation];
            let json = document.document.exists().then(|| {
                let mut json = Vec::with_capacity(document.before_json.as_ref().map_or(256, Vec::len) + 64);
                document.document.write_json(operation.id.as_json(), &mut json);
                json
            });
            let bytes = json.as_ref().map_or(0, Vec::len);
            if bytes > DOCUMENT_BYTES_MAX {
                return Err(ApplyError::Refused(CommitError::DocumentTooLarge {
                    collection: operation.collection.as_str().to_owned(),
                    id: operation.id.as_json().to_owned(),
                    bytes,
                }));
            }
            if bytes > DOCUMENT_BYTES_WARN {
                let (collection, id) = (operation.collection.as_str(), operation.id.as_json());
                self.large.push(LargeDocument { collection: collection.to_owned(), id: id.to_owned(), bytes });
            }
            after.push(json);
        }
        for (document, after_json) in touched.into_iter().zip(after) {
            let operation = &changeset.operations[document.operation];
            let event =
                self.push_event(changeset, operation, txn, document.before_json.as_deref(), after_json.as_deref());
            self.scratch.encoded.clear();
            document.document.encode(&mut self.scratch.encoded);
            let encoded = self.scratch.encoded.as_slice().into();
            let event = event.or(document.event);
            let changed = ChangedDocument { event_before: document.event_before, txn, event, encoded };
            self.changed.insert(document.key, Arc::new(changed));
        }
        self.position.next_txn += 1;
        self.position.stamp_last = clock.last;
        self.transactions += 1;
        Ok(())
    }

    /// The event's offset; `None` if the document was there neither before nor after.
    fn push_event(
        &mut self,
        changeset: &Changeset,
        operation: &Operation,
        txn: u64,
        before: Option<&[u8]>,
        after: Option<&[u8]>,
    ) -> Option<u64> {
        let collection = operation.collection.as_str();
        let id = operation.id.as_json();
        let Scratch { key, value, .. } = &mut self.scratch;
        key.clear();
        value.clear();
        event::write_key(key, collection, id);
        let mut op = match (before, after) {
            (None, None) => return None,
            (before, Some(after)) => {
                let old = before.unwrap_or(b"null");
                event::write_upsert(
                    value,
                    txn,
                    collection,
                    |out| out.extend_from_slice(old),
                    |out| out.extend_from_slice(after),
                );
                if before.is_some() { EventOp::Update } else { EventOp::Insert }
            }
            (Some(before), None) => {
                event::write_remove(value, txn, collection, |out| out.extend_from_slice(before));
                EventOp::Remove
            }
        };
        if value.len() > self.context.event_bytes_max as usize {
            value.clear();
            let document = event::RequeryDocument { app: self.context.app.as_str(), collection, id_json: id };
            event::write_requery_required(value, txn, &[document]);
            op = EventOp::Requery;
        }
        Some(self.push_record(&changeset.origin, collection, txn, op))
    }

    /// Appends the record whose key and value stand in the scratch buffers; gives its offset.
    fn push_record(&mut self, origin: &document::Origin, collection: &str, txn: u64, op: EventOp) -> u64 {
        let time_ms = self.context.commit_time_ms;
        let (txn, commit_time) = (txn.to_string(), time_ms.to_string());
        let cause = origin.cause.map(|cause| cause.to_string());
        let mut headers: [(&str, &[u8]); 8] = [
            ("app", self.context.app.as_str().as_bytes()),
            ("collection", collection.as_bytes()),
            ("op", op.as_str().as_bytes()),
            ("txnId", txn.as_bytes()),
            ("commitTime", commit_time.as_bytes()),
            ("peer", origin.peer.as_bytes()),
            ("", b""),
            ("", b""),
        ];
        let mut count = 6;
        for (name, value) in [("traceparent", &origin.traceparent), ("cause", &cause)] {
            if let Some(value) = value {
                headers[count] = (name, value.as_bytes());
                count += 1;
            }
        }
        let headers = &headers[..count];
        let Scratch { key, value, encoded } = std::mem::take(&mut self.scratch);
        let record_bytes =
            key.len() + value.len() + 64 + headers.iter().map(|(n, v)| n.len() + v.len() + 4).sum::<usize>();
        if self.batch.as_ref().is_some_and(|b| b.len_bytes() + record_bytes > BATCH_BYTES_MAX) {
            self.close_batch();
        }
        let batch = self.batch.get_or_insert_with(|| {
            let before = std::mem::take(&mut self.batches);
            BatchBuilder::append_to(before, self.position.next_offset as i64, time_ms as i64)
        });
        batch.push(time_ms as i64, &key, &value, headers);
        self.scratch = Scratch { key, value, encoded };
        self.position.next_offset += 1;
        self.events += 1;
        self.position.next_offset - 1
    }

    fn close_batch(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.batches = batch.finish();
        }
    }

    /// Steps that conditions took so far.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Bytes of events so far.
    pub(crate) fn event_bytes(&self) -> usize {
        self.batch.as_ref().map_or(self.batches.len(), BatchBuilder::buffer_bytes)
    }

    /// What the group came to.
    pub(crate) fn into_result(mut self) -> GroupResult {
        self.close_batch();
        debug_assert!(self.batches.is_empty() || record_batch::decode_header(&self.batches).is_ok());
        GroupResult {
            position: self.position,
            changed: self.changed,
            batches: self.batches,
            events: self.events,
            transactions: self.transactions,
            large: self.large,
        }
    }
}

/// What a group came to.
#[derive(Debug)]
pub(crate) struct GroupResult {
    /// Behind the group, but for the frame number and the commit time.
    pub(crate) position: Position,
    /// In no order: each is written under its own key.
    pub(crate) changed: HashMap<Vec<u8>, Arc<ChangedDocument>>,
    /// Record batches, back to back.
    pub(crate) batches: Vec<u8>,
    pub(crate) events: u32,
    pub(crate) transactions: u32,
    /// For the log; replay leaves them alone.
    pub(crate) large: Vec<LargeDocument>,
}

fn apply_operation(
    operation: &Operation,
    touched: &mut Touched,
    clock: &mut StampClock,
    wall_ms: u64,
    conditions: &mut Conditions,
) -> Result<Outcome, ApplyError> {
    let document = &mut touched.document;
    if !conditions.holds(operation, document)? {
        return Ok(Outcome::Skipped);
    }
    Ok(match &operation.action {
        Action::Upsert { value, counters } => {
            document.upsert(value, counters, clock.next(wall_ms));
            Outcome::Applied
        }
        Action::Update(commands) => match document.update(commands, clock.next(wall_ms)) {
            Ok(()) => Outcome::Applied,
            Err(error) => Outcome::Failed(error),
        },
        Action::Remove if document.exists() => {
            document.remove(clock.next(wall_ms));
            Outcome::Applied
        }
        Action::Remove => Outcome::Skipped,
    })
}
