//! Deciding the conditions of a changeset, within a budget.
//!
//! Invariants: deterministic, since steps are counted and no clock is asked: a changeset that was taken is taken again when it is
//! replayed; whatever one changeset's conditions and repeated changes of one document take is bounded by
//! [`CHANGESET_STEPS_MAX`].
//! Not here: what an operation does (`apply`).

use document::{Action, Condition, ConditionQuery, Dialect, Document, Map, Operation, UpdateKind, Value};
use query::{Budget, Filter, Query};

use crate::{apply::ApplyError, engine::EngineError, limits::CHANGESET_STEPS_MAX};

/// The conditions of one changeset.
#[derive(Debug)]
pub(crate) struct Conditions<'a> {
    queries: &'a [ConditionQuery],
    budget: Budget,
    /// The last query that was asked, and its filter: the operations of one command share it.
    last: Option<(usize, Filter)>,
}

impl<'a> Conditions<'a> {
    pub(crate) fn new(queries: &'a [ConditionQuery]) -> Self {
        Self { queries, budget: Budget::new(CHANGESET_STEPS_MAX), last: None }
    }

    /// Of a changeset that was taken before.
    pub(crate) fn unbounded(queries: &'a [ConditionQuery]) -> Self {
        Self { queries, budget: Budget::new(u64::MAX), last: None }
    }

    /// What was spent, in steps.
    pub(crate) fn spent(&self) -> u64 {
        self.budget.spent()
    }

    /// Pays for going through a document of so many bytes once more.
    pub(crate) fn pay_for_document(&mut self, bytes: usize) -> Result<(), ApplyError> {
        Ok(self.budget.charge(bytes as u64)?)
    }

    /// Whether the operation's condition holds for the document.
    pub(crate) fn holds(&mut self, operation: &Operation, document: &Document) -> Result<bool, ApplyError> {
        Ok(match &operation.condition {
            Condition::Always => true,
            Condition::Exists => document.exists(),
            Condition::Absent => !document.exists(),
            Condition::Unchanged { since } => document.stamp_max() == *since,
            Condition::Matches { query } => match document.value() {
                None => false,
                Some(fields) => {
                    self.make_filter(*query)?;
                    let (.., filter) = self.last.as_ref().expect("just made");
                    filter.matches(&operation.id, &fields, &mut self.budget)?
                }
            },
        })
    }

    fn make_filter(&mut self, index: usize) -> Result<(), ApplyError> {
        if self.last.as_ref().is_some_and(|(last, _)| *last == index) {
            return Ok(());
        }
        // The edge has parsed and bound the very same text, and its meaning never changes.
        let broken = |e: String| EngineError(format!("a journaled condition cannot be read: {e}"));
        let asked = self.queries.get(index).ok_or_else(|| broken(format!("there is no query {index}")))?;
        let query = match asked.dialect {
            Dialect::Legacy => Query::parse(&asked.text).map_err(|e| broken(e.to_string()))?,
        };
        let filter = query.bind(&asked.args).map_err(|e| broken(e.to_string()))?;
        // Afterwards, since it is known only then; one query alone is bounded.
        self.budget.charge(filter.made_steps())?;
        self.last = Some((index, filter));
        Ok(())
    }
}

/// About how large a document is that several operations of a changeset change.
#[derive(Debug)]
pub(crate) struct Size {
    bytes: usize,
    /// What it was when it was measured last.
    measured: usize,
}

/// How much a document may seem to have grown, beside having doubled, before it is measured.
const GROWTH_UNSEEN: usize = 4096;

impl Size {
    pub(crate) fn of(document: &Document) -> Self {
        let bytes = measured(document);
        Self { bytes, measured: bytes }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Notes what an action has done to `document`: at most what it brings, but often it replaces something.
    pub(crate) fn note(&mut self, action: &Action, document: &Document) {
        self.bytes += bytes_added(action);
        if self.bytes > 2 * self.measured + GROWTH_UNSEEN {
            self.measured = measured(document);
            self.bytes = self.measured;
        }
    }
}

fn measured(document: &Document) -> usize {
    document.value().as_ref().map_or(0, bytes_of_map)
}

/// About how many bytes an action adds to a document at most.
fn bytes_added(action: &Action) -> usize {
    match action {
        Action::Upsert { value, .. } => bytes_of_map(value),
        Action::Update(commands) => commands
            .iter()
            .map(|command| {
                let brought = match &command.kind {
                    UpdateKind::Set(value) | UpdateKind::Increment(value) | UpdateKind::ReplaceWithCounter(value) => {
                        bytes(value)
                    }
                    UpdateKind::SetAttachment(token) => bytes_of_map(token),
                };
                VALUE_BYTES * command.path.segments.len() + brought
            })
            .sum(),
        Action::Remove => 0,
        Action::Merge { delta, .. } => measured(delta),
    }
}

/// About what a value takes beside its texts.
const VALUE_BYTES: usize = 8;

fn bytes(value: &Value) -> usize {
    let inside = match value {
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(bytes).sum(),
        Value::Map(map) => bytes_of_map(map),
        _ => 0,
    };
    VALUE_BYTES + inside
}

fn bytes_of_map(map: &Map) -> usize {
    map.iter().map(|(name, value)| name.len() + bytes(value)).sum()
}
