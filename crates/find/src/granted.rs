//! Which documents there are for whoever asks.
//!
//! Invariants: all that is read goes by here before anything is decided by it; a plan for somebody who is not
//! granted all of a collection depends on the query and the rules alone, so that neither what is found nor how tells
//! of the rest. What the rest costs is time.

use std::collections::BTreeMap;

use document::DocumentId;
use query::CollectionIdRules;
use store::{KeyStatistics, ReadIndex, TimeForm};

use crate::{
    Query,
    id_ranges::{self, IdRange},
    limits::{GRANTED_RANGES_MAX, RESTRICTED_FILTER_STEPS_MAX, RESTRICTED_PAGE_MAX},
};

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

impl Query {
    /// Whether the filter is asked without a budget: of a short page of what not all is granted of, by a filter that
    /// takes little. It then cannot fail, whichever documents are looked at.
    pub(crate) fn is_asked_for_nothing(&self) -> bool {
        let is_short = self.limit.is_some_and(|limit| limit.saturating_add(self.offset) <= RESTRICTED_PAGE_MAX);
        let takes_little = || self.filter.steps_max().is_some_and(|steps| steps <= RESTRICTED_FILTER_STEPS_MAX);
        is_short && !self.grants().is_all() && (self.filter.is_always() || takes_little())
    }
}

impl Granted<'_> {
    pub(crate) fn is_all(self) -> bool {
        matches!(self, Granted::All)
    }

    /// Whether the document with this id, as canonical JSON, is there.
    pub(crate) fn has(self, id_json: &str) -> bool {
        match self {
            Granted::All => true,
            Granted::Some(rules) => rules.grants(id_json),
            Granted::Nothing => false,
        }
    }

    /// The ids of those that are named: no others are looked at. `None`: anything may be wanted.
    pub(crate) fn ids(self, named: Option<Vec<DocumentId>>) -> Option<Vec<DocumentId>> {
        match (named, self) {
            (Some(named), Granted::All) => Some(named),
            (Some(named), granted) => Some(named.into_iter().filter(|id| granted.has(id.as_json())).collect()),
            (None, Granted::All) => None,
            (None, Granted::Some(rules)) => rules.ids().map(<[_]>::to_vec),
            (None, Granted::Nothing) => Some(Vec::new()),
        }
    }

    /// Where all lie that can be there, in order. `None`: anywhere.
    pub(crate) fn ranges(self) -> Option<Vec<IdRange>> {
        match self {
            Granted::Some(rules) => rules.grantable(GRANTED_RANGES_MAX).map(|all| id_ranges::of_grantable(&all)),
            Granted::All | Granted::Nothing => None,
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
