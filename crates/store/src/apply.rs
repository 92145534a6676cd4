//! Apply: (documents, changeset) to (changed documents, events). The one place where a write takes effect.
//!
//! Invariants: deterministic (no clock, randomness or hash-map order): the same changesets in the same order give the same bytes,
//! at commit, at replay after a crash, and in `verify`; a changeset that is refused leaves no trace.
//! Not here: the order of changesets (`sequencer`), durability (`journal`).

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use document::{Action, Changeset, Condition, Document, Operation, SiteId, StampClock, WriteRules};
use kafka_wire::record_batch::{self, BatchBuilder};
use query::TooExpensive;
use wire::event::{self, EventOp};

use crate::{
    AppName, CommitError, Outcome,
    conditions::{Conditions, Size},
    engine::{EngineError, document_key},
    limits::{
        BATCH_BYTES_MAX, DOCUMENT_BYTES_MAX, DOCUMENT_BYTES_WARN, RENDERED_BYTES_KEPT, TRANSACTION_BYTES_MAX,
        TRANSACTION_DOCUMENTS_MAX,
    },
    position::Position,
};

/// About what an event takes beside its documents.
const EVENT_OVERHEAD_BYTES: usize = 256;

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
    /// Whether all of it was taken before: then no bound is looked at, since the bounds of that time may have been others.
    pub(crate) was_taken: bool,
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
    state: State,
    /// Known once it is named a second time.
    size: Option<Size>,
}

/// How a document is held: only the one that an operation is at is held as such, so that a large transaction holds each once.
enum State {
    /// As it is stored: no operation wrote to it.
    Unwritten,
    /// An operation is at it.
    Open { document: Document, before: Before },
    /// It was written.
    Written(Written),
}

/// JSON of the document before the transaction.
enum Before {
    /// Not rendered yet: nothing was written so far.
    Pending,
    Rendered(Json),
}

/// JSON of a document, held while there is little of it.
enum Json {
    /// The document is not there.
    Absent,
    Held(Vec<u8>),
    /// It is rendered again when it is needed.
    Dropped {
        bytes: usize,
    },
}

impl Json {
    fn bytes(&self) -> usize {
        match self {
            Json::Absent => 0,
            Json::Held(json) => json.len(),
            Json::Dropped { bytes } => *bytes,
        }
    }

    /// Drops it if more than [`RENDERED_BYTES_KEPT`] were held with it; counts it in `held` otherwise.
    fn hold_within(self, held: &mut usize) -> Self {
        match self {
            Json::Held(json) if *held + json.len() > RENDERED_BYTES_KEPT => Json::Dropped { bytes: json.len() },
            other => {
                *held += other.held_bytes();
                other
            }
        }
    }

    fn held_bytes(&self) -> usize {
        if let Json::Held(json) = self { json.len() } else { 0 }
    }

    /// The JSON; `document` gives the document where it must be rendered again.
    fn get<'j>(
        &'j self,
        operation: &Operation,
        document: impl FnOnce() -> Result<Document, ApplyError>,
    ) -> Result<Option<Cow<'j, [u8]>>, ApplyError> {
        Ok(match self {
            Json::Absent => None,
            Json::Held(json) => Some(Cow::Borrowed(json)),
            Json::Dropped { bytes } => match Json::of(&document()?, operation, *bytes) {
                Json::Held(json) => Some(Cow::Owned(json)),
                _ => None,
            },
        })
    }

    fn of(document: &Document, operation: &Operation, capacity: usize) -> Self {
        if !document.exists() {
            return Json::Absent;
        }
        let mut json = Vec::with_capacity(capacity);
        document.write_json(operation.id.as_json(), &mut json);
        Json::Held(json)
    }
}

/// A document that was written, between two operations.
struct Written {
    before: Json,
    after: Json,
    encoded: Box<[u8]>,
}

impl Written {
    /// What it counts toward the transaction.
    fn bytes(&self) -> usize {
        self.before.bytes().max(self.after.bytes())
    }
}

/// One changeset as it is applied.
#[derive(Default)]
struct Transaction {
    touched: Vec<Touched>,
    index: HashMap<Vec<u8>, usize>,
    /// The document that is [`State::Open`].
    open: Option<usize>,
    /// Written documents that are not open, and what they count.
    documents: usize,
    bytes: usize,
    /// JSON that is held.
    held_bytes: usize,
    is_bounded: bool,
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
        let queries = &changeset.queries;
        let is_bounded = !self.context.was_taken;
        let mut conditions = if is_bounded { Conditions::new(queries) } else { Conditions::unbounded(queries) };
        let applied = self.apply_deciding(changeset, &mut conditions);
        self.steps += conditions.spent();
        applied
    }

    fn apply_deciding(&mut self, changeset: &Changeset, conditions: &mut Conditions) -> Result<Applied, ApplyError> {
        let mut clock = StampClock { site: self.context.site, last: self.position.stamp_last };
        let mut transaction = Transaction { is_bounded: !self.context.was_taken, ..Transaction::default() };
        let mut outcomes = Vec::with_capacity(changeset.operations.len());
        for (n, operation) in changeset.operations.iter().enumerate() {
            let at = self.open(&changeset.operations, n, &mut transaction)?;
            let Touched { operation: first, size, state: State::Open { document, before }, .. } =
                &mut transaction.touched[at]
            else {
                unreachable!("it was opened");
            };
            refuse_existing(operation, document)?;
            // Whoever names a document again and again pays for going through it each time.
            let is_first = *first == n;
            if !is_first {
                let size = size.get_or_insert_with(|| Size::of(document));
                conditions.pay_for_document(size.bytes())?;
            }
            let wall_ms = self.context.commit_time_ms;
            outcomes.push(apply_operation(operation, document, before, &mut clock, wall_ms, conditions)?);
            if let Some(size) = size {
                size.note(&operation.action, document);
            }
        }
        transaction.close(&changeset.operations, &mut self.scratch)?;
        if transaction.documents == 0 {
            return Ok(Applied { txn: None, outcomes });
        }
        self.finish(changeset, transaction, clock)?;
        let txn = self.position.next_txn - 1;
        Ok(Applied { txn: Some(txn), outcomes })
    }

    /// Opens the operation's document, and closes the one that was open.
    fn open(&mut self, operations: &[Operation], n: usize, transaction: &mut Transaction) -> Result<usize, ApplyError> {
        let operation = &operations[n];
        let key = document_key(&operation.collection, &operation.id);
        let known = transaction.find(&key);
        if known.is_some() && known == transaction.open {
            return Ok(transaction.open.expect("just compared"));
        }
        transaction.close(operations, &mut self.scratch)?;
        let at = match known {
            Some(at) => at,
            None => transaction.add(key, n),
        };
        let touched = &mut transaction.touched[at];
        let (document, before) = match std::mem::replace(&mut touched.state, State::Unwritten) {
            State::Written(written) => {
                transaction.documents -= 1;
                transaction.bytes -= written.bytes();
                transaction.held_bytes -= written.before.held_bytes() + written.after.held_bytes();
                (decode(&written.encoded)?, Before::Rendered(written.before))
            }
            State::Unwritten | State::Open { .. } => {
                let (event_before, event, document) = self.stored(&touched.key)?;
                (touched.event_before, touched.event) = (event_before, event);
                (document, Before::Pending)
            }
        };
        touched.state = State::Open { document, before };
        transaction.open = Some(at);
        Ok(at)
    }

    /// The document as the group has it: the offset of its last event before the group, that of its last one, and its state.
    fn stored(&self, key: &[u8]) -> Result<(Option<u64>, Option<u64>, Document), ApplyError> {
        if let Some(changed) = self.changed.get(key) {
            return Ok((changed.event_before, changed.event, decode(&changed.encoded)?));
        }
        Ok(match self.reader.stored(key)? {
            Some((event, document)) => (event, event, document),
            None => (None, None, Document::new()),
        })
    }

    /// Makes the transaction's events and takes its documents over.
    fn finish(&mut self, changeset: &Changeset, transaction: Transaction, clock: StampClock) -> Result<(), ApplyError> {
        let txn = self.position.next_txn;
        self.make_room(&transaction);
        for Touched { key, operation, event_before, event, state, .. } in transaction.touched {
            let State::Written(Written { before, after, encoded }) = state else { continue };
            let operation = &changeset.operations[operation];
            let old = before.get(operation, || Ok(self.stored(&key)?.2))?;
            let new = after.get(operation, || Ok(decode(&encoded)?))?;
            self.note_large(operation, after.bytes());
            let made = self.push_event(changeset, operation, txn, old.as_deref(), new.as_deref());
            let event = made.or(event);
            let changed = ChangedDocument { event_before, txn, event, encoded };
            self.changed.insert(key, Arc::new(changed));
        }
        self.position.next_txn += 1;
        self.position.stamp_last = clock.last;
        self.transactions += 1;
        Ok(())
    }

    /// Room for the events of a large transaction: a buffer that grows by doubling would need up to three times as much.
    fn make_room(&mut self, transaction: &Transaction) {
        if transaction.bytes > BATCH_BYTES_MAX {
            self.close_batch();
            self.batches.reserve(2 * transaction.bytes + EVENT_OVERHEAD_BYTES * transaction.documents);
        }
    }

    fn note_large(&mut self, operation: &Operation, bytes: usize) {
        if bytes > DOCUMENT_BYTES_WARN {
            let (collection, id) = (operation.collection.as_str(), operation.id.as_json());
            self.large.push(LargeDocument { collection: collection.to_owned(), id: id.to_owned(), bytes });
        }
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

    /// When the group is committed, ms since the epoch.
    pub(crate) fn commit_time_ms(&self) -> u64 {
        self.context.commit_time_ms
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

impl Transaction {
    /// Where the document is, if an operation named it.
    fn find(&mut self, key: &[u8]) -> Option<usize> {
        // A single document, the common case, needs no index.
        if self.touched.len() <= 1 {
            return self.touched.first().filter(|only| only.key == key).map(|_| 0);
        }
        self.index.get(key).copied()
    }

    fn add(&mut self, key: Vec<u8>, operation: usize) -> usize {
        let at = self.touched.len();
        if at == 1 {
            self.index.insert(self.touched[0].key.clone(), 0);
        }
        if at >= 1 {
            self.index.insert(key.clone(), at);
        }
        self.touched.push(Touched {
            key,
            operation,
            event_before: None,
            event: None,
            state: State::Unwritten,
            size: None,
        });
        at
    }

    /// Holds the open document as briefly as can be. Refuses what is larger than it may be.
    fn close(&mut self, operations: &[Operation], scratch: &mut Scratch) -> Result<(), ApplyError> {
        let Some(at) = self.open.take() else { return Ok(()) };
        let touched = &mut self.touched[at];
        let State::Open { document, before } = std::mem::replace(&mut touched.state, State::Unwritten) else {
            return Ok(());
        };
        let Before::Rendered(before) = before else { return Ok(()) };
        let operation = &operations[touched.operation];
        let after = Json::of(&document, operation, before.bytes().max(256) + 64);
        let bytes = after.bytes();
        if self.is_bounded && bytes > DOCUMENT_BYTES_MAX {
            return Err(ApplyError::Refused(CommitError::DocumentTooLarge {
                collection: operation.collection.as_str().to_owned(),
                id: operation.id.as_json().to_owned(),
                bytes,
            }));
        }
        scratch.encoded.clear();
        document.encode(&mut scratch.encoded);
        let encoded = scratch.encoded.as_slice().into();
        let before = before.hold_within(&mut self.held_bytes);
        let after = after.hold_within(&mut self.held_bytes);
        let written = Written { before, after, encoded };
        self.documents += 1;
        self.bytes += written.bytes();
        touched.state = State::Written(written);
        let is_too_large = self.documents > TRANSACTION_DOCUMENTS_MAX || self.bytes > TRANSACTION_BYTES_MAX;
        if self.is_bounded && is_too_large {
            let (documents, bytes) = (self.documents, self.bytes);
            return Err(ApplyError::Refused(CommitError::TransactionTooLarge { documents, bytes }));
        }
        Ok(())
    }
}

fn decode(encoded: &[u8]) -> Result<Document, EngineError> {
    Document::decode(encoded).map_err(|e| EngineError(e.to_string()))
}

fn refuse_existing(operation: &Operation, document: &Document) -> Result<(), ApplyError> {
    match operation.condition {
        Condition::Absent if document.exists() => Err(ApplyError::Refused(CommitError::DocumentExists {
            collection: operation.collection.as_str().to_owned(),
            id: operation.id.as_json().to_owned(),
        })),
        _ => Ok(()),
    }
}

fn apply_operation(
    operation: &Operation,
    document: &mut Document,
    before: &mut Before,
    clock: &mut StampClock,
    wall_ms: u64,
    conditions: &mut Conditions,
) -> Result<Outcome, ApplyError> {
    if !conditions.holds(operation, document)? {
        return Ok(Outcome::Skipped);
    }
    if matches!(operation.action, Action::Remove) && !document.exists() {
        return Ok(Outcome::Skipped);
    }
    let rendered_here = matches!(before, Before::Pending).then(|| Json::of(document, operation, 256));
    match &operation.action {
        Action::Upsert { value, types } => document.upsert(value, types, clock.next(wall_ms), WriteRules::NEWEST),
        Action::Update(commands) => {
            if let Err(error) = document.update(commands, clock.next(wall_ms), WriteRules::NEWEST) {
                return Ok(Outcome::Failed(error));
            }
        }
        Action::Remove => document.remove(clock.next(wall_ms)),
        Action::Merge { .. } => {
            return Err(EngineError("a peer's changes cannot be applied yet".to_owned()).into());
        }
    }
    if let Some(json) = rendered_here {
        *before = Before::Rendered(json);
    }
    Ok(Outcome::Applied)
}
