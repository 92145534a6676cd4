//! Deciding the conditions of a changeset, within a budget.
//!
//! Invariants: deterministic, since steps are counted and no clock is asked; whatever one
//! changeset's conditions and repeated changes of one document take is bounded by its [`Limits`].
//! Not here: what an operation does (`group`).

use std::sync::Arc;

use document::{
    Action, Changeset, Condition, ConditionQuery, Dialect, Document, Map, Operation, UpdateCommand, UpdateKind, Value,
};
use query::{Budget, Filter, Query, TooExpensive};

use crate::{Limits, Refusal};

/// The conditions of one changeset.
#[derive(Debug)]
pub(crate) struct Conditions<'c> {
    queries: &'c [ConditionQuery],
    budget: Budget,
    /// By the changeset's query. Those that came with it, or that were made of its text when they
    /// were first asked.
    filters: Vec<Option<Arc<Filter>>>,
}

impl From<TooExpensive> for Refusal {
    fn from(error: TooExpensive) -> Self {
        Self::TooExpensive { steps_max: error.steps_max }
    }
}

impl<'c> Conditions<'c> {
    /// `filters` are those of the changeset's queries, if its sender has made them.
    pub(crate) fn new(changeset: &'c Changeset, filters: &[Arc<Filter>], limits: &Limits) -> Self {
        let queries = &changeset.queries;
        let filters = (0..queries.len()).map(|n| filters.get(n).cloned()).collect();
        Self { queries, budget: Budget::new(limits.steps), filters }
    }

    /// What was spent, in steps.
    pub(crate) fn spent(&self) -> u64 {
        self.budget.spent()
    }

    /// Pays for going through a document of so many bytes once more.
    pub(crate) fn pay_for_document(&mut self, bytes: usize) -> Result<(), Refusal> {
        Ok(self.budget.charge(bytes as u64)?)
    }

    /// Whether the operation's condition holds for the document.
    pub(crate) fn holds(&mut self, operation: &Operation, document: &Document) -> Result<bool, Refusal> {
        Ok(match &operation.condition {
            Condition::Always => true,
            Condition::Exists => document.exists(),
            Condition::Absent if document.exists() => {
                let (collection, id) = (operation.collection.as_str().to_owned(), operation.id.as_json().to_owned());
                return Err(Refusal::DocumentExists { collection, id });
            }
            Condition::Absent => true,
            Condition::Unchanged { since } => document.stamp_max() == *since,
            Condition::Matches { query } => match document.value() {
                None => false,
                Some(fields) => {
                    let filter = self.filter(*query)?;
                    filter.matches(&operation.id, &fields, &mut self.budget)?
                }
            },
        })
    }

    fn filter(&mut self, query: usize) -> Result<Arc<Filter>, Refusal> {
        let unreadable = |message: String| Refusal::Query { message };
        match self.filters.get(query) {
            Some(Some(filter)) => return Ok(filter.clone()),
            Some(None) => {}
            None => return Err(unreadable(format!("there is no query {query}"))),
        }
        let ConditionQuery { dialect: Dialect::Legacy, text, args } = &self.queries[query];
        let parsed = Query::parse(text).map_err(|e| unreadable(e.to_string()))?;
        let filter = Arc::new(parsed.bind(args).map_err(|e| unreadable(e.to_string()))?);
        // Afterwards, since it is known only then; one query alone is bounded.
        self.budget.charge(filter.made_steps())?;
        self.filters[query] = Some(filter.clone());
        Ok(filter)
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

    /// Notes what an action has done to `document`: at most what it brings, but often it replaces
    /// something.
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
        Action::Update(commands) => commands.iter().map(bytes_of_command).sum(),
        Action::Remove => 0,
        Action::Merge { delta, .. } => measured(delta),
    }
}

fn bytes_of_command(command: &UpdateCommand) -> usize {
    let value = match &command.kind {
        UpdateKind::Set(value) | UpdateKind::Increment(value) | UpdateKind::ReplaceWithCounter(value) => bytes(value),
        UpdateKind::SetAttachment(token) => bytes_of_map(token),
    };
    VALUE_BYTES * command.path.segments.len() + value
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
