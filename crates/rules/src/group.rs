//! A group of changesets, applied one after the other: the one place where a write takes effect.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use document::{Action, Changeset, Document, DocumentDecodeError, Operation, SiteId, Stamp, StampClock};

use crate::{
    Given, Limits, Outcome, Refusal, Returned, RulesVersion,
    conditions::{Conditions, Size},
    events::{Cause, EventWriter},
    key::document_key,
    limits::DOCUMENT_BYTES_WARN,
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
        }
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
        let (given, limits) = match taken {
            Taken::New(given, limits) => (*given, *limits),
            Taken::Again => (Given::default(), Limits::NONE),
        };
        let mut conditions = Conditions::new(changeset, &given, &limits);
        let collector = Collector::new(given.returning);
        let applied = self.apply_within(changeset, &mut conditions, collector, &limits, commit_time_ms);
        self.steps += conditions.spent();
        applied
    }

    fn apply_within(
        &mut self,
        changeset: &Changeset,
        conditions: &mut Conditions<'_>,
        mut collector: Collector,
        limits: &Limits,
        commit_time_ms: u64,
    ) -> Result<Applied, ApplyError<D::Error>> {
        let clock = StampClock { site: self.context.site, last: self.stamp_last };
        let mut writer = Writer { changeset, version: self.context.version, clock, commit_time_ms };
        let mut transaction = Transaction::default();
        let mut outcomes = Vec::with_capacity(changeset.operations.len());
        let mut decided = Vec::new();
        for (n, operation) in changeset.operations.iter().enumerate() {
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
            let outcome = writer.write(n, &action, document, touched.txn_before, before)?;
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
        let (written, size) = (None, None);
        Ok(Touched { key, operation, written, is_hot, txn_before, event_before, existed_before, event, state, size })
    }

    /// Makes the transaction's events and takes its documents over.
    fn finish(&mut self, changeset: &Changeset, transaction: Transaction, commit_time_ms: u64) -> Result<(), D::Error> {
        let txn = self.next_txn;
        let cause = Cause { txn, commit_time_ms, origin: &changeset.origin };
        self.events.make_room(transaction.documents, transaction.bytes);
        for Touched { key, operation, is_hot, txn_before, event_before, existed_before, event, state, .. } in
            transaction.into_ordered(self.context.version)
        {
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
            let is_silent = made.is_none() && event.is_some() && self.context.version >= RulesVersion::OfEvents;
            let txn = if is_silent { txn_before } else { txn };
            let event = made.or(event);
            let exists = !matches!(after, Json::Absent);
            let json = if is_hot { after } else { after.into_dropped() };
            self.changed.insert(key, Changed { event_before, existed_before, exists, txn, event, document, json });
        }
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
        GroupResult { place, changed, batches, events, transactions: self.transactions, large: self.large }
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
}

/// Writes the operations of one changeset.
struct Writer<'c> {
    changeset: &'c Changeset,
    version: RulesVersion,
    clock: StampClock,
    commit_time_ms: u64,
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
    ) -> Result<Outcome, Refusal> {
        let operation = &self.changeset.operations[n];
        let rendered = match before {
            Before::Rendered(_) => None,
            Before::Pending(known) => Some(known.take().unwrap_or_else(|| Json::of(document, operation, CAPACITY_MIN))),
        };
        let outcome = self.act(n, action, document, txn_before)?;
        if let Some(json) = rendered {
            *before = if outcome == Outcome::Applied { Before::Rendered(json) } else { Before::Pending(Some(json)) };
        }
        Ok(outcome)
    }

    fn act(&mut self, n: usize, action: &Action, document: &mut Document, txn_before: u64) -> Result<Outcome, Refusal> {
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
            Action::Merge { delta, base, .. } => self.merge(n, delta, *base, document, txn_before)?,
        }
        Ok(Outcome::Applied)
    }

    /// Takes over what a peer wrote. A document that was removed comes back only by somebody who
    /// knew that, or who has made one of the same name without ever having had this one.
    fn merge(
        &mut self,
        operation: usize,
        delta: &Document,
        base: u64,
        document: &mut Document,
        txn_before: u64,
    ) -> Result<(), Refusal> {
        let site = self.changeset.origin.site.unwrap_or_default();
        delta.check_delta(site).map_err(|reason| Refusal::InvalidDelta { operation, reason })?;
        let ahead = self.clock.observe(delta.stamp_max(), self.commit_time_ms);
        ahead.map_err(|reason| Refusal::StampAhead { operation, reason })?;
        let is_removed = !document.exists() && txn_before > 0;
        if is_removed && base != 0 && base < txn_before && delta.exists() {
            return Err(Refusal::Removed { operation, txn: txn_before });
        }
        document.merge(delta);
        Ok(())
    }
}
