//! Which documents there are for whoever asks.
//!
//! Invariants: all that is read goes by here before anything is decided by it; a plan for somebody who is not
//! granted all of a collection depends on the query and the rules alone, so that neither what is found nor how tells
//! of the rest. What the rest costs is time.

use std::collections::BTreeMap;

use document::DocumentId;
use query::CollectionIdRules;
use store::{KeyStatistics, ReadIndex, TimeForm};

use crate::Query;

/// Of one collection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Granted<'q> {
    All,
    Some(&'q CollectionIdRules),
    Nothing,
}

impl Query {
    pub(crate) fn grants(&self) -> Granted<'_> {
        let Some(rules) = &self.granted else { return Granted::All };
        let collection = self.collection.as_str();
        match rules.of(collection) {
            _ if rules.is_all_of(collection) => Granted::All,
            Some(rules) => Granted::Some(rules),
            None => Granted::Nothing,
        }
    }
}

impl Granted<'_> {
    pub(crate) fn is_all(self) -> bool {
        matches!(self, Granted::All)
    }

    pub(crate) fn has(self, id: &DocumentId) -> bool {
        match self {
            Granted::All => true,
            Granted::Some(rules) => rules.grants(id),
            Granted::Nothing => false,
        }
    }

    /// The ids of those that are named: no others are looked at. `None`: anything may be wanted.
    pub(crate) fn ids(self, named: Option<Vec<DocumentId>>) -> Option<Vec<DocumentId>> {
        match (named, self) {
            (Some(named), Granted::All) => Some(named),
            (Some(named), granted) => Some(named.into_iter().filter(|id| granted.has(id)).collect()),
            (None, Granted::All) => None,
            (None, Granted::Some(rules)) => rules.ids().map(|ids| ids.iter().cloned().collect()),
            (None, Granted::Nothing) => Some(Vec::new()),
        }
    }
}

/// The indexes as who may not see all of their documents may use them: as if anything stood in their keys.
pub(crate) fn blindly(mut indexes: Vec<ReadIndex>) -> Vec<ReadIndex> {
    for statistics in indexes.iter_mut().flat_map(|index| &mut index.statistics) {
        let times = BTreeMap::from([(TimeForm::OTHER, 1)]);
        *statistics = KeyStatistics { nulls: 1, missing: 1, texts: 1, times, containers: 1, cut: 1 };
    }
    indexes
}
