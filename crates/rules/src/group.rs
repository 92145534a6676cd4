//! A group of changesets, applied one after the other: the one place where a write takes effect.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use document::{Action, Changeset, DeltaError, Document, DocumentDecodeError, Operation, SiteId, Stamp, StampClock};

use crate::{
    Given, Limits, Outcome, PushFault, PushFaultReason, Refusal, Returned, RulesVersion,
    conditions::{Conditions, Size},
    deltas::{Collected, EventDelta, Wrote},
    events::{Cause, EventWriter},
    key::document_key,
    limits::DOCUMENT_BYTES_WARN,
    merged::Merged,
    returned::Collector,
    transaction::{Before, CAPACITY_MIN, ChangedDocument, Json, Kept, State, Touched, Transaction, Written},
};

/// The documents as the groups before left them.
pub trait Documents {
    /// Why they cannot be read.
    type Error: From<DocumentDecodeError>;

    /// The document of that key; `None` if it was never written.
    fn stored(&self, key: &[u8]) -> Result<Option<Stored>, Self::Error>;
}

/// A document before a group.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The last transaction that touched it.
    pub txn: u64,
    /// The offset of its last event; `None` if it never had one.
    pub last_event: Option<u64>,
    /// Its state, tombstone included.
    pub document: Document,
    /// Whether it was written lately, and may be written again soon. Changes no result.
    pub is_hot: bool,
}

/// What stays the same for all changesets of a group. All of it stands in the journal.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The app's name.
    pub app: &'a str,
    /// The site that the app's own writes are stamped with.
    pub site: SiteId,
    /// The largest event, in bytes of its value; a larger one becomes a `requeryRequired`.
    pub event_bytes_max: u32,
    /// Kafka's leader epoch of the events.
    pub leader_epoch: u32,
    /// Of which version the rules are.
    pub version: RulesVersion,
}

/// What a group follows on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The next transaction.
    pub next_txn: u64,
    /// The offset of the next event.
    pub next_offset: u64,
    /// The stamp clock.
    pub stamp_last: u64,
}

/// Why a changeset could not be applied.
#[derive(Debug)]
pub enum ApplyError<E> {
    /// It is refused, and leaves no trace.
    Refused(Refusal),
    /// The documents cannot be read.
    Documents(E),
}

impl<E> From<Refusal> for ApplyError<E> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What one changeset did.
#[derive(Debug)]
pub struct Applied {
    /// Its transaction; `None` if it touched nothing and takes none.
    pub txn: Option<u64>,
    /// One for each operation.
    pub outcomes: Vec<Outcome>,
    /// What was asked for with [`Given::returning`], in the order of the operations.
    pub returned: Vec<Returned>,
    /// What was done in the place of what was asked for, by the operation, ascending.
    decided: Vec<(usize, Action)>,
}

impl Applied {
    /// Appends what a replay needs of the changeset: the operations that were done, without their
    /// conditions and queries.
    pub fn encode_decided(&self, changeset: &Changeset, out: &mut Vec<u8>) {
        let done = |n: usize| matches!(self.outcomes[n], Outcome::Applied).then(|| self.action(changeset, n));
        changeset.encode_decided(done, out);
    }

    fn action<'a>(&'a self, changeset: &'a Changeset, operation: usize) -> &'a Action {
        match self.decided.binary_search_by_key(&operation, |(n, _)| *n) {
            Ok(at) => &self.decided[at].1,
            Err(_) => &changeset.operations[operation].action,
        }
    }
}

/// A document that was written and is larger than [`DOCUMENT_BYTES_WARN`].
#[derive(Debug)]
pub struct LargeDocument {
    /// Its collection.
    pub collection: String,
    /// Its id as JSON.
    pub id: String,
    /// Its size.
    pub bytes: usize,
}

/// A group of changesets as it is applied, on top of `documents`.
pub struct Group<'a, D> {
    documents: &'a D,
    context: Context<'a>,
    next_txn: u64,
    stamp_last: u64,
    changed: HashMap<Vec<u8>, Changed>,
    events: EventWriter<'a>,
    transactions: u32,
    /// What conditions took, those of refused changesets too.
    steps: u64,
    large: Vec<LargeDocument>,
    scratch: Vec<u8>,
    /// Kept only if they are wanted.
    deltas: Option<Collected>,
}

/// A document that the group changed, as its next transaction finds it.
struct Changed {
    event_before: Option<u64>,
    existed_before: bool,
    exists: bool,
    txn: u64,
    event: Option<u64>,
    document: Kept,
    json: Json,
}

/// How a changeset is taken.
enum Taken<'f> {
    /// For the first time: within bounds, with what its sender gives.
    New(&'f Given<'f>, &'f Limits),
    /// It was taken before.
    Again,
}

impl<'a, D: Documents> Group<'a, D> {
    /// Begins a group at `place`, with room for events of `batches_bytes`.
    pub fn new(documents: &'a D, context: Context<'a>, place: Place, batches_bytes: usize) -> Self {
        let Context { app, event_bytes_max, leader_epoch, .. } = context;
        Self {
            documents,
            context,
            next_txn: place.next_txn,
            stamp_last: place.stamp_last,
            changed: HashMap::new(),
            events: EventWriter::new(app, event_bytes_max, leader_epoch, place.next_offset, batches_bytes),
            transactions: 0,
            steps: 0,
            large: Vec::new(),
            scratch: Vec::new(),
            deltas: None,
        }
    }

    /// Keeps what each transaction from here on writes ([`GroupResult::deltas`]). It changes nothing
    /// else.
    pub fn keep_deltas(&mut self) {
        self.deltas.get_or_insert_default();
    }

    /// Decides a changeset and applies what is done of it, as the next transaction, committed at
    /// `commit_time_ms`.
    ///
    /// # Errors
    /// [`ApplyError::Refused`]: it may not be done; the group goes on without it.
    /// [`ApplyError::Documents`]: the group is not to be used any further.
    pub fn apply(
        &mut self,
        changeset: &Changeset,
        given: &Given<'_>,
        limits: &Limits,
        commit_time_ms: u64,
    ) -> Result<Applied, ApplyError<D::Error>> {
        self.take(changeset, Taken::New(given, limits), commit_time_ms)
    }

    /// Applies what was decided of a changeset, as the next transaction: no condition is left in
    /// it, and no bound is looked at. One of [`RulesVersion::AsAsked`] was journaled with its
    /// conditions, which are evaluated again.
    ///
    /// # Errors
    /// As [`Group::apply`]; a refusal means that this is not what was committed.
    pub fn replay(&mut self, changeset: &Changeset, commit_time_ms: u64) -> Result<Applied, ApplyError<D::Error>> {
        self.take(changeset, Taken::Again, commit_time_ms)
    }

    fn take(
        &mut self,
        changeset: &Changeset,
        taken: Taken<'_>,
        commit_time_ms: u64,
    ) -> Result<Applied, ApplyError<D::Error>> {
        let (given, limits, tombstone_floor) = match taken {
            Taken::New(given, limits) => (*given, *limits, Some(given.tombstone_floor)),
            Taken::Again => (Given::default(), Limits::NONE, None),
        };
        let mut conditions = Conditions::new(changeset, &given, &limits);
        let collector = Collector::new(given.returning);
        let clock = StampClock { site: self.context.site, last: self.stamp_last };
        let writer = Writer { changeset, version: self.context.version, clock, commit_time_ms, tombstone_floor };
        let applied = self.apply_within(writer, &mut conditions, collector, &limits);
        self.steps += conditions.spent();
        applied
    }

    fn apply_within(
        &mut self,
        mut writer: Writer<'_>,
        conditions: &mut Conditions<'_>,
        mut collector: Collector,
        limits: &Limits,
    ) -> Result<Applied, ApplyError<D::Error>> {
        let Writer { changeset, commit_time_ms, .. } = writer;
        let mut transaction = Transaction::new(self.deltas.is_some());
        let mut faults = Vec::new();
        let mut outcomes = Vec::with_capacity(changeset.operations.len());
        let mut decided = Vec::new();
        for (n, operation) in changeset.operations.iter().enumerate() {
            if changeset.origin.pushed.is_some() && !transaction.is_at(&changeset.operations, operation) {
                close_pushed(&mut transaction, changeset, limits, &mut self.scratch, &mut faults)?;
            }
            let at = self.open(&changeset.operations, n, &mut transaction, limits)?;
            let touched = &mut transaction.touched[at];
            let State::Open { document, before } = &mut touched.state else { unreachable!("it was opened") };
            // Whoever names a document again and again pays for going through it each time.
            if touched.operation != n {
                let size = touched.size.get_or_insert_with(|| Size::of(document));
                conditions.pay_for_document(size.bytes())?;
            }
            if !conditions.holds(operation, document)? {
                outcomes.push(Outcome::Skipped);
                continue;
            }
            let Some(action) = conditions.decide(operation, document)? else {
                outcomes.push(Outcome::Skipped);
                continue;
            };
            let fields_before = collector.before(document);
            let written = writer.write(n, &action, document, touched.txn_before, before, &mut touched.merged);
            let outcome = match written {
                // All that fail are told.
                Err(Refusal::Push { faults: of_operation }) => {
                    faults.extend(of_operation);
                    Outcome::Skipped
                }
                written => written?,
            };
            if outcome == Outcome::Applied {
                touched.written.get_or_insert(n);
                collector.take(n, fields_before, document)?;
            }
            outcomes.push(outcome);
            if let Some(size) = &mut touched.size {
                size.note(&action, document);
            }
            if let Cow::Owned(action) = action {
                decided.push((n, action));
            }
        }
        if changeset.origin.pushed.is_some() {
            close_pushed(&mut transaction, changeset, limits, &mut self.scratch, &mut faults)?;
        }
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.operation);
            return Err(Refusal::Push { faults }.into());
        }
        transaction.close(&changeset.operations, limits, &mut self.scratch)?;
        let returned = collector.returned;
        if transaction.documents == 0 {
            return Ok(Applied { txn: None, outcomes, returned, decided });
        }
        self.finish(changeset, transaction, commit_time_ms).map_err(ApplyError::Documents)?;
        self.stamp_last = writer.clock.last;
        Ok(Applied { txn: Some(self.next_txn - 1), outcomes, returned, decided })
    }

    /// Opens the operation's document, and closes the one that was open.
    fn open(
        &mut self,
        operations: &[Operation],
        n: usize,
        transaction: &mut Transaction,
        limits: &Limits,
    ) -> Result<usize, ApplyError<D::Error>> {
        let key = document_key(&operations[n].collection, &operations[n].id);
        let known = transaction.find(&key);
        if let Some(at) = known.filter(|_| known == transaction.open) {
            return Ok(at);
        }
        transaction.close(operations, limits, &mut self.scratch)?;
        let at = match known {
            None => transaction.add(self.find(key, n).map_err(ApplyError::Documents)?),
            Some(at) => {
                let reopened = transaction.reopen(at).map_err(|e| ApplyError::Documents(e.into()))?;
                let touched = &mut transaction.touched[at];
                match reopened {
                    Some((document, before)) => touched.state = State::Open { document, before },
                    // Read again: it was closed without a write.
                    None => {
                        let again = self.find(key, touched.operation).map_err(ApplyError::Documents)?;
                        *touched = Touched { size: touched.size.take(), ..again };
                    }
                }
                at
            }
        };
        transaction.open = Some(at);
        Ok(at)
    }

    /// The document as the group has it, open.
    fn find(&self, key: Vec<u8>, operation: usize) -> Result<Touched, D::Error> {
        let (txn_before, before_group, event, document, json, is_hot) = match self.changed.get(&key) {
            Some(Changed { txn, event_before, existed_before, event, document, json, .. }) => {
                let before_group = (*event_before, *existed_before);
                (*txn, before_group, *event, document.to_document()?, Some(json.clone()), true)
            }
            None => match self.documents.stored(&key)? {
                Some(Stored { txn, last_event, document, is_hot }) => {
                    (txn, (last_event, document.exists()), last_event, document, None, is_hot)
                }
                None => (0, (None, false), None, Document::new(), Some(Json::Absent), false),
            },
        };
        let (event_before, existed_before) = before_group;
        let json = json.filter(|json| !matches!(json, Json::Dropped { .. }));
        let state = State::Open { document, before: Before::Pending(json) };
        let (written, size, merged) = (None, None, None);
        Ok(Touched {
            key,
            operation,
            written,
            is_hot,
            txn_before,
            event_before,
            existed_before,
            event,
            state,
            size,
            merged,
        })
    }

    /// Makes the transaction's events and takes its documents over.
    fn finish(&mut self, changeset: &Changeset, transaction: Transaction, commit_time_ms: u64) -> Result<(), D::Error> {
        let txn = self.next_txn;
        self.events.make_room(transaction.documents, transaction.bytes);
        let mut deltas = self.deltas.take();
        let wrote = deltas.as_ref().map(|_| Wrote::of(changeset, self.context.site, self.stamp_last));
        for touched in transaction.into_ordered(self.context.version) {
            let Touched { key, operation, is_hot, txn_before, event_before, existed_before, event, state, .. } =
                touched;
            let cause = Cause { txn, commit_time_ms, origin: &changeset.origin, merged: touched.merged };
            let State::Written(Written { before, after, document }) = state else { continue };
            let operation = &changeset.operations[operation];
            let old = before.get(operation, || self.before(&key))?;
            let new = after.get(operation, || Ok::<_, D::Error>(document.to_document()?))?;
            if after.bytes() > DOCUMENT_BYTES_WARN {
                let (collection, id) = (operation.collection.as_str(), operation.id.as_json());
                let (collection, id) = (collection.to_owned(), id.to_owned());
                self.large.push(LargeDocument { collection, id, bytes: after.bytes() });
            }
            let made = self.events.push(operation, &cause, old.as_deref(), new.as_deref());
            if let (Some(deltas), Some(wrote), Some(offset)) = (&mut deltas, &wrote, made) {
                let is_whole = old.is_none() || new.is_none();
                let is_unchanged = cause.merged.is_some_and(|merged| merged.is_lost())
                    && self.before(&key)? == document.to_document()?;
                deltas.note(offset, is_whole, &key, &document, wrote, is_unchanged)?;
            }
            let is_silent = made.is_none() && event.is_some() && self.context.version >= RulesVersion::OfEvents;
            let txn = if is_silent { txn_before } else { txn };
            let event = made.or(event);
            let exists = !matches!(after, Json::Absent);
            let (document, json) = match is_hot {
                true => (document, after),
                false => (Kept::Encoded(document.into_encoded(&mut self.scratch)), after.into_dropped()),
            };
            self.changed.insert(key, Changed { event_before, existed_before, exists, txn, event, document, json });
        }
        self.deltas = deltas;
        self.next_txn += 1;
        self.transactions += 1;
        Ok(())
    }

    /// The document as it was before the transaction at hand.
    fn before(&self, key: &[u8]) -> Result<Document, D::Error> {
        match self.changed.get(key) {
            Some(changed) => Ok(changed.document.to_document()?),
            None => Ok(self.documents.stored(key)?.map_or_else(Document::new, |stored| stored.document)),
        }
    }

    /// Steps that conditions took so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Bytes of events so far.
    pub fn event_bytes(&self) -> usize {
        self.events.bytes()
    }

    /// The transaction that the next changeset takes.
    pub fn next_txn(&self) -> u64 {
        self.next_txn
    }

    /// What the group came to.
    pub fn into_result(self) -> GroupResult {
        let (batches, events, next_offset) = self.events.finish();
        let mut scratch = self.scratch;
        let changed = self.changed.into_iter().map(|(key, changed)| {
            let Changed { event_before, existed_before, exists, txn, event, document, .. } = changed;
            let encoded = document.into_encoded(&mut scratch);
            (key, Arc::new(ChangedDocument { event_before, existed_before, exists, txn, event, encoded }))
        });
        let changed = changed.collect();
        let place = Place { next_txn: self.next_txn, next_offset, stamp_last: self.stamp_last };
        let deltas = self.deltas.unwrap_or_default().deltas;
        GroupResult { place, changed, batches, events, transactions: self.transactions, large: self.large, deltas }
    }
}

/// What a group came to.
#[derive(Debug)]
pub struct GroupResult {
    /// What follows on it.
    pub place: Place,
    /// Each once, by its key, in no order.
    pub changed: Vec<(Vec<u8>, Arc<ChangedDocument>)>,
    /// Record batches, back to back.
    pub batches: Vec<u8>,
    /// How many events are in them.
    pub events: u32,
    /// How many changesets took a transaction.
    pub transactions: u32,
    /// For the log; a replay leaves them alone.
    pub large: Vec<LargeDocument>,
    /// By offset; none unless [`Group::keep_deltas`] was called.
    pub deltas: Vec<EventDelta>,
}

/// Writes the operations of one changeset.
struct Writer<'c> {
    changeset: &'c Changeset,
    version: RulesVersion,
    clock: StampClock,
    commit_time_ms: u64,
    /// The transaction of the last tombstone that was dropped; `None` at a replay, which refuses
    /// nothing.
    tombstone_floor: Option<u64>,
}

impl Writer<'_> {
    /// Does what was decided of operation `n`.
    fn write(
        &mut self,
        n: usize,
        action: &Action,
        document: &mut Document,
        txn_before: u64,
        before: &mut Before,
        merged: &mut Option<Merged>,
    ) -> Result<Outcome, Refusal> {
        let operation = &self.changeset.operations[n];
        let rendered = match before {
            Before::Rendered(_) => None,
            Before::Pending(known) => Some(known.take().unwrap_or_else(|| Json::of(document, operation, CAPACITY_MIN))),
        };
        let outcome = self.act(n, action, document, txn_before, merged)?;
        if let Some(json) = rendered {
            *before = if outcome == Outcome::Applied { Before::Rendered(json) } else { Before::Pending(Some(json)) };
        }
        Ok(outcome)
    }

    fn act(
        &mut self,
        n: usize,
        action: &Action,
        document: &mut Document,
        txn_before: u64,
        merged: &mut Option<Merged>,
    ) -> Result<Outcome, Refusal> {
        let rules = self.version.write_rules();
        match action {
            Action::Upsert { value, types } => {
                document.upsert(value, types, self.clock.next(self.commit_time_ms), rules);
            }
            Action::Update(commands) => {
                let mut clock = self.clock;
                let done = document.update(commands, clock.next(self.commit_time_ms), rules);
                // What is not journaled must leave no trace in the clock.
                if done.is_ok() || self.version == RulesVersion::AsAsked {
                    self.clock = clock;
                }
                let operation = &self.changeset.operations[n];
                match (done, &operation.action) {
                    (Ok(()), _) => {}
                    (Err(error), Action::Computed { .. }) => {
                        return Err(Refusal::of_statement(operation, error.message));
                    }
                    (Err(error), _) => return Ok(Outcome::Failed(error)),
                }
            }
            // Below every tick of the clock.
            Action::UpsertInitial { value, types } => document.upsert(value, types, Stamp::INITIAL, rules),
            Action::UpsertDifference { .. } | Action::Computed { .. } => unreachable!("it was decided"),
            Action::Remove => document.remove(self.clock.next(self.commit_time_ms)),
            Action::Merge { delta, removed, base } => {
                if let Some(tombstone_floor) = self.tombstone_floor {
                    let known = Known { exists: document.exists(), txn: txn_before, tombstone_floor };
                    let checked = self.check_merge(delta, *removed, *base, known);
                    checked.map_err(|reason| Refusal::Push { faults: vec![PushFault { operation: n, reason }] })?;
                }
                self.clock.last = self.clock.last.max(delta.stamp_max().time);
                document.merge(delta);
                *merged = Some(Merged::of(delta, document).and(*merged));
            }
        }
        Ok(Outcome::Applied)
    }

    /// Whether what a peer wrote may be taken over. A document that was removed comes back only by
    /// somebody who knew that, or who has made one of the same name without ever having had this
    /// one.
    fn check_merge(&self, delta: &Document, removed: bool, base: u64, known: Known) -> Result<(), PushFaultReason> {
        let site = self.changeset.origin.site.unwrap_or_default();
        if site == self.clock.site {
            return Err(DeltaError::Site(site).into());
        }
        delta.check_delta(site)?;
        if removed == delta.exists() {
            return Err(PushFaultReason::Kind { removed });
        }
        let mut clock = self.clock;
        clock.observe(delta.stamp_max(), self.commit_time_ms)?;
        let Known { exists, txn, tombstone_floor } = known;
        // Nobody has written it, or that and its removal are forgotten.
        let removal = if txn > 0 { txn } else { tombstone_floor };
        if !exists && !removed && base != 0 && base < removal {
            return Err(PushFaultReason::Removed { txn: removal });
        }
        Ok(())
    }
}

/// What is known of a document that a peer writes to.
#[derive(Debug, Clone, Copy)]
struct Known {
    exists: bool,
    /// The transaction that wrote or removed it; 0: nobody has, as far as is known.
    txn: u64,
    tombstone_floor: u64,
}

/// Closes the open document of what a peer pushed. One that is too large is told with the others.
fn close_pushed(
    transaction: &mut Transaction,
    changeset: &Changeset,
    limits: &Limits,
    scratch: &mut Vec<u8>,
    faults: &mut Vec<PushFault>,
) -> Result<(), Refusal> {
    let Some(at) = transaction.open else { return Ok(()) };
    let operation = transaction.touched[at].operation;
    match transaction.close(&changeset.operations, limits, scratch) {
        Err(Refusal::DocumentTooLarge { bytes, bytes_max, .. }) => {
            faults.push(PushFault { operation, reason: PushFaultReason::TooLarge { bytes, bytes_max } });
            Ok(())
        }
        closed => closed,
    }
}
