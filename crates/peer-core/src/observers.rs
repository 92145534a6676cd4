//! Observers: queries whose results are asked for again when they may have changed.
//!
//! Invariants: an observer is told of its first result at once, and then once for all that changed
//! since its result was asked for; nothing is told of one that was cancelled. Results are those of
//! whole transactions.

use std::collections::{BTreeMap, BTreeSet};

use document::Map;
use query::dql::{Row, Select};
use query::{Budget, Filter};

use crate::reading::{Reading, decode_fields};
use crate::select::selected;
use crate::work::DocumentChange;
use crate::{Find, QueryError, limits};

/// An observer of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObserverId(pub u64);

/// What is observed.
#[derive(Debug, Clone)]
pub enum Observed {
    /// Documents; each is a row with `_id`.
    Find(Find),
    /// The rows of a SELECT.
    Select(Select),
}

impl Observed {
    pub(crate) fn collection(&self) -> &str {
        match self {
            Self::Find(find) => find.collection.as_str(),
            Self::Select(select) => select.collection(),
        }
    }

    pub(crate) fn rows(&self, reading: &Reading<'_>) -> Result<Vec<Row>, QueryError> {
        match self {
            Self::Find(find) => {
                let found = find.run(reading, &mut Budget::new(limits::QUERY_STEPS_MAX))?;
                Ok(found.into_iter().map(row_of).collect())
            }
            Self::Select(select) => selected(reading, select),
        }
    }

    fn filter(&self) -> &Filter {
        match self {
            Self::Find(find) => &find.filter,
            Self::Select(select) => select.filter(),
        }
    }

    /// Whether a document that became another one is in it, before or after.
    fn concerns(&self, change: &DocumentChange, before: Option<&Map>, after: Option<&Map>) -> bool {
        let matches = |fields: Option<&Map>| {
            let matches = |fields| self.filter().matches(&change.id, fields, &mut Budget::of_a_document());
            fields.is_some_and(|fields| matches(fields).unwrap_or(true)) // too expensive: perhaps
        };
        self.collection() == change.collection.as_str() && (matches(before) || matches(after))
    }
}

/// The observers of a peer.
#[derive(Debug, Default)]
pub(crate) struct Observers {
    last: u64,
    all: BTreeMap<ObserverId, Observed>,
    /// Those that are to be told.
    changed: BTreeSet<ObserverId>,
}

impl Observers {
    pub(crate) fn add(&mut self, observed: Observed) -> Result<ObserverId, QueryError> {
        if self.all.len() >= limits::OBSERVERS_MAX {
            return Err(QueryError::TooManyObservers);
        }
        self.last += 1;
        let id = ObserverId(self.last);
        self.all.insert(id, observed);
        self.changed.insert(id);
        Ok(id)
    }

    pub(crate) fn remove(&mut self, id: ObserverId) {
        self.all.remove(&id);
        self.changed.remove(&id);
    }

    pub(crate) fn observed(&self, id: ObserverId) -> Option<&Observed> {
        self.all.get(&id)
    }

    /// The next one to be told.
    pub(crate) fn poll(&mut self) -> Option<ObserverId> {
        self.changed.pop_first()
    }

    /// Notes which ones documents' changes concern.
    pub(crate) fn note(&mut self, changes: &[DocumentChange]) {
        for change in changes.iter().filter(|change| change.before != change.after) {
            let open: Vec<_> = self
                .all
                .iter()
                .filter(|(id, it)| !self.changed.contains(id) && it.collection() == change.collection.as_str())
                .collect();
            if open.is_empty() {
                continue;
            }
            let fields =
                |state: &Option<Vec<u8>>| state.as_deref().and_then(|state| decode_fields(state).ok().flatten());
            let (before, after) = (fields(&change.before), fields(&change.after));
            let concerned = open.into_iter().filter(|(_, it)| it.concerns(change, before.as_ref(), after.as_ref()));
            let concerned: Vec<ObserverId> = concerned.map(|(id, _)| *id).collect();
            self.changed.extend(concerned);
        }
    }
}

/// A document as a row.
fn row_of(found: crate::Found) -> Row {
    let mut fields = vec![("_id".to_owned(), found.id.to_value())];
    fields.extend(found.value.into_fields());
    Row { fields }
}
