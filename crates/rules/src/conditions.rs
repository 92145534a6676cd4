//! Deciding a changeset's conditions, and what its actions come to, within a budget.
//!
//! Invariants: deterministic, since steps are counted and no clock is asked; whatever one
//! changeset's conditions, statements and repeated changes of one document take is bounded by its
//! [`Limits`].
//! Not here: what an operation does (`group`).

use std::{borrow::Cow, sync::Arc};

use document::{
    Action, Changeset, Condition, ConditionQuery, Dialect, Document, Map, Operation, Stamp, UpdateCommand, UpdateKind,
    Value,
};
use query::{
    Budget, Filter, Query, TooExpensive,
    dql::{Bound, Constants, DecideError, Statement, Update},
};

use crate::{Given, Limits, Refusal};

/// The queries of one changeset, and what may be spent on them.
#[derive(Debug)]
pub(crate) struct Conditions<'c> {
    queries: &'c [ConditionQuery],
    budget: Budget,
    /// By the changeset's query.
    made: Vec<Made>,
}

/// What was made of a query: by the changeset's sender, or of its text when it was first asked.
#[derive(Debug, Default)]
struct Made {
    filter: Option<Arc<Filter>>,
    /// If it is an UPDATE.
    update: Option<Update>,
}

impl From<TooExpensive> for Refusal {
    fn from(error: TooExpensive) -> Self {
        Self::TooExpensive { steps_max: error.steps_max }
    }
}

impl<'c> Conditions<'c> {
    pub(crate) fn new(changeset: &'c Changeset, given: &Given<'_>, limits: &Limits) -> Self {
        let filter = |n: usize| given.filters.get(n).cloned();
        let mut made: Vec<Made> =
            (0..changeset.queries.len()).map(|n| Made { filter: filter(n), update: None }).collect();
        let computed = changeset.operations.iter().find_map(|operation| match operation.action {
            Action::Computed { query } => Some(query),
            _ => None,
        });
        if let Some(made) = computed.and_then(|query| made.get_mut(query)) {
            made.update = given.update.cloned();
        }
        Self { queries: &changeset.queries, budget: Budget::new(limits.steps), made }
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
            Condition::Vacant => !document.exists(),
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

    /// What the operation does to the document, now that its condition holds: an action that a
    /// replay can do again without deciding anything. `None`: nothing.
    pub(crate) fn decide<'a>(
        &mut self,
        operation: &'a Operation,
        document: &Document,
    ) -> Result<Option<Cow<'a, Action>>, Refusal> {
        Ok(match &operation.action {
            Action::UpsertDifference { value, types } => {
                let different = document.difference(value, types);
                different.map(|(value, types)| Cow::Owned(Action::Upsert { value, types }))
            }
            Action::Computed { query } if document.exists() => {
                if self.made.get(*query).is_none_or(|made| made.update.is_none()) {
                    self.make(*query)?;
                }
                let update = self.made[*query].update.as_ref().ok_or_else(|| unreadable("it is no UPDATE"))?;
                match update.decide(&operation.id, document, &mut self.budget) {
                    Ok(commands) if commands.is_empty() => None,
                    Ok(commands) => Some(Cow::Owned(Action::Update(commands))),
                    Err(DecideError::TooExpensive(error)) => return Err(error.into()),
                    Err(DecideError::Refused { message }) => return Err(Refusal::of_statement(operation, message)),
                }
            }
            Action::Remove | Action::Computed { .. } if !document.exists() => None,
            Action::UpsertInitial { .. } if document.stamp_max() != Stamp::ZERO => None,
            action => Some(Cow::Borrowed(action)),
        })
    }

    fn filter(&mut self, query: usize) -> Result<Arc<Filter>, Refusal> {
        if self.made.get(query).is_none_or(|made| made.filter.is_none()) {
            self.make(query)?;
        }
        self.made[query].filter.clone().ok_or_else(|| unreadable("it is no condition"))
    }

    /// Makes of a query's text what its sender has not made.
    fn make(&mut self, query: usize) -> Result<(), Refusal> {
        let Some(asked) = self.queries.get(query) else {
            return Err(unreadable(format!("there is no query {query}")));
        };
        let made = match asked.dialect {
            Dialect::Legacy => made_of_legacy(asked),
            Dialect::Dql => made_of_statement(asked),
        };
        let made = made.map_err(unreadable)?;
        // Afterwards, since it is known only then; one query alone is bounded.
        self.budget.charge(made.filter.as_ref().map_or(0, |filter| filter.made_steps()))?;
        let known = &mut self.made[query];
        known.filter = known.filter.take().or(made.filter);
        known.update = known.update.take().or(made.update);
        Ok(())
    }
}

fn unreadable(message: impl Into<String>) -> Refusal {
    Refusal::Query { message: message.into() }
}

fn made_of_legacy(asked: &ConditionQuery) -> Result<Made, String> {
    let parsed = Query::parse(&asked.text).map_err(|e| e.to_string())?;
    let filter = parsed.bind(&asked.args).map_err(|e| e.to_string())?;
    Ok(Made { filter: Some(Arc::new(filter)), update: None })
}

/// Of the statement that selected the documents: they must still match.
fn made_of_statement(asked: &ConditionQuery) -> Result<Made, String> {
    let constants = Constants::of_args(&asked.args).ok_or("a statement has no constants")?;
    let statement = Statement::parse(&asked.text).map_err(|e| e.to_string())?;
    let filter = |filter: &Filter| Some(Arc::new(filter.clone()));
    Ok(match statement.bind(&asked.args, &constants).map_err(|e| e.to_string())? {
        Bound::Update(update) => Made { filter: filter(update.selection().filter()), update: Some(update) },
        Bound::Delete(delete) => Made { filter: filter(delete.selection.filter()), update: None },
        Bound::Select(select) => Made { filter: filter(select.filter()), update: None },
        _ => Made::default(),
    })
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

    /// Notes what a decided action has done to `document`: at most what it brings, but often it replaces
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

/// About how many bytes a decided action adds to a document at most.
fn bytes_added(action: &Action) -> usize {
    match action {
        Action::Upsert { value, .. } | Action::UpsertInitial { value, .. } => bytes_of_map(value),
        Action::UpsertDifference { .. } | Action::Computed { .. } => unreachable!("it was decided"),
        Action::Update(commands) => commands.iter().map(bytes_of_command).sum(),
        Action::Remove => 0,
        Action::Merge { delta, .. } => measured(delta),
    }
}

fn bytes_of_command(command: &UpdateCommand) -> usize {
    let value = match &command.kind {
        UpdateKind::Set(value)
        | UpdateKind::SetRegister(value)
        | UpdateKind::Increment(value)
        | UpdateKind::ReplaceWithCounter(value) => bytes(value),
        UpdateKind::SetAttachment(object) | UpdateKind::Merge { value: object, .. } => bytes_of_map(object),
        UpdateKind::Unset => 0,
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
