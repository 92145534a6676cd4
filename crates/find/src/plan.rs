//! By which way a query's documents are found: rules, in this order.
//!
//! 1. The ids that the filter names. Where nothing can match: nothing. The count of all: one
//!    number.
//! 2. An index: that with the most keys bound to constants, then with a range on the next key, then
//!    with the order that is asked for.
//!    Where it does not give the order that is asked for, its entries are counted first: where there
//!    are many, a look at all documents finds as many as are wanted sooner.
//! 3. An index that gives the order alone, where no more than a `limit` is wanted, where a sort would
//!    keep too much, or where it tells all that is wanted.
//! 4. The documents whose ids lie in the ranges that the filter demands of `_id`, and the rules of what is granted.
//! 5. All documents of the collection.
//!
//! Who is not granted all documents gets a plan by the query and the rules alone: as if each index held anything, and
//! whatever its entries are many or few. Numbers that are counted then say only which reads wait for which. An index
//! that gives an order, which depends on what stands in it, is read for a short page, unless by the rules' ranges of
//! ids few documents can be in it: whatever is read, the answer is the same, and what is shown is the plan without. A
//! filter that is asked then is one that takes little and cannot fail ([`Query::is_asked_for_nothing`]).
//!
//! An index that the query names ([`IndexUse`]) is taken by rules 2 and 3 however many entries it
//! has; if it does not help, the others are asked as ever.
//!
//! Not here: which index answers what (`index_choice`), reading by the plan (`reading`).

use std::fmt;

use document::DocumentId;
use store::{ReadIndex, Snapshot, SnapshotError};

use crate::{
    IndexUse, Query, granted,
    id_ranges::{self, IdRange},
    index_choice::{self, IndexAccess, IndexOrder},
    limits::{GRANTED_FEW_MAX, PROBED_ENTRIES_MAX, SMALL_DOCUMENTS_MAX, SORT_DOCUMENTS_MAX},
    streams,
};

/// How a query is answered. Displays in a line.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) access: Access,
    /// Whether documents come in the order that is asked for.
    pub(crate) is_in_order: bool,
    /// It looks at no more documents than this.
    documents_max: Option<usize>,
    /// Whether a filter is asked at all.
    is_filtered: bool,
    /// Whether the entries of an index tell all that is asked for, and no document is read.
    is_covering: bool,
    /// Whether some of what is read may not be there for whoever asks.
    is_restricted: bool,
    /// What is told of it instead, where it depends on what may not be told.
    shown: Option<Box<Plan>>,
}

#[derive(Debug, Clone)]
pub(crate) enum Access {
    Nothing,
    /// How many there are is known.
    Counted,
    /// These, sorted.
    Ids(Vec<DocumentId>),
    Index(Box<IndexAccess>),
    IdRanges(Vec<IdRange>),
    Scan,
}

/// A step of a plan, as EXPLAIN shows it; the first reads, each other one takes what the one before
/// it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// Documents by their ids.
    IdScan {
        /// How many; `None`: ranges of ids.
        ids: Option<usize>,
    },
    /// Entries of an index.
    IndexScan {
        /// Its name.
        index: String,
        /// The paths of its keys.
        path: Vec<String>,
        /// Which entries, for people.
        spans: String,
        /// How many of its keys are bound to constants.
        equal_keys: usize,
        /// Whether all of them match.
        is_exact: bool,
        /// Whether they come in the order that is asked for.
        is_in_order: bool,
        /// Whether the last come first.
        backwards: bool,
        /// Whether they tell all that is asked for, and no document is read.
        covering: bool,
    },
    /// Entries of several parts of one index, merged by ids.
    UnionScan {
        /// How many parts.
        parts: usize,
    },
    /// The number of documents in the collection.
    CountScan,
    /// All documents of the collection.
    Scan,
    /// Each document is read.
    Fetch,
    /// What is not granted to whoever asks is left out.
    Permission,
    /// The filter is asked.
    Filter,
    /// What is asked for first is kept in memory.
    Sort {
        /// By these.
        path: Vec<String>,
    },
    /// So many are left out, and at most so many taken.
    Limit {
        /// Left out.
        offset: usize,
        /// Taken.
        limit: Option<usize>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Documents,
    Count,
    /// In any order, documents or their ids.
    AnyOrder,
    /// In order.
    Ids,
}

impl Purpose {
    fn has_order(self) -> bool {
        matches!(self, Purpose::Documents | Purpose::Ids)
    }
}

/// How the documents of `query` are found in their order.
pub fn plan(snapshot: &Snapshot, query: &Query) -> Result<Plan, SnapshotError> {
    Plan::of(snapshot, query, Purpose::Documents)
}

/// How what matches is counted. Order, offset and limit do not count.
pub fn plan_count(snapshot: &Snapshot, query: &Query) -> Result<Plan, SnapshotError> {
    Plan::of(snapshot, query, Purpose::Count)
}

/// How what matches is found where it may come in any order: for [`crate::ids`], and for
/// [`crate::rows`] of a query without an order, offset and limit.
pub fn plan_ids(snapshot: &Snapshot, query: &Query) -> Result<Plan, SnapshotError> {
    Plan::of(snapshot, query, Purpose::AnyOrder)
}

/// How the ids of the documents of `query` are found in their order ([`crate::documents_ids`]): by
/// the entries of an index alone where those are exact and in order.
pub fn plan_documents_ids(snapshot: &Snapshot, query: &Query) -> Result<Plan, SnapshotError> {
    Plan::of(snapshot, query, Purpose::Ids)
}

/// How the documents are found without an index: where there is no order to be made, they come in
/// the order of ids as they are looked at, so that a read can be broken off and go on later.
pub fn plan_in_place(query: &Query) -> Plan {
    Plan::without_index(query, Purpose::Documents)
}

impl Plan {
    fn of(snapshot: &Snapshot, query: &Query, purpose: Purpose) -> Result<Self, SnapshotError> {
        let without_index = Self::without_index(query, purpose);
        if matches!(without_index.access, Access::Ids(_) | Access::Nothing | Access::Counted) {
            return Ok(without_index);
        }
        if query.index == IndexUse::None {
            return Ok(without_index);
        }
        let indexes = snapshot.indexes(&query.collection)?;
        if query.grants().is_all() {
            return Self::with_indexes(snapshot, &indexes, query, purpose, without_index);
        }
        let ordered = Self::ordered_for_restricted(snapshot, &indexes, query, purpose)?;
        let blind = Self::with_indexes(snapshot, &granted::blindly(indexes), query, purpose, without_index)?;
        Ok(match ordered {
            Some(ordered) if !matches!(blind.access, Access::Index(_) | Access::Nothing) => {
                Self { shown: Some(Box::new(blind)), ..ordered }
            }
            _ => blind,
        })
    }

    /// A page in the order of an index. Sorting so few cannot fail, nor can the filter: so nobody can tell by the
    /// answer which of the two was done.
    fn ordered_for_restricted(
        snapshot: &Snapshot,
        indexes: &[ReadIndex],
        query: &Query,
        purpose: Purpose,
    ) -> Result<Option<Self>, SnapshotError> {
        if !purpose.has_order() || !query.is_asked_for_nothing() {
            return Ok(None);
        }
        let is_filtered = !query.filter.is_always();
        let alternatives = query.filter.alternatives();
        if is_filtered && id_ranges::of_alternatives(query.filter.language(), &alternatives).is_some() {
            return Ok(None);
        }
        let Some(access) = index_choice::by_order(indexes, !is_filtered, query) else { return Ok(None) };
        if Self::grants_few(snapshot, query)? {
            return Ok(None);
        }
        let is_covering = purpose == Purpose::Ids && access.covers_ids(query);
        // As everywhere, that decides among which reads this one waits, and nothing that is answered.
        let documents_max = match query.limit.map(|limit| limit.saturating_add(query.offset)) {
            Some(wanted) if !is_filtered => {
                let most = (2 * wanted + GRANTED_FEW_MAX).min(SMALL_DOCUMENTS_MAX);
                streams::entries_until(snapshot, &access, query, wanted, most)?
            }
            _ => None,
        };
        Ok(Some(Self {
            access: Access::Index(Box::new(access)),
            is_in_order: true,
            documents_max,
            is_filtered,
            is_covering,
            is_restricted: true,
            shown: None,
        }))
    }

    /// Whether few documents lie where the rules can grant any. That tells of no others.
    fn grants_few(snapshot: &Snapshot, query: &Query) -> Result<bool, SnapshotError> {
        let Some(ranges) = query.grants().ranges() else { return Ok(false) };
        let mut count = 0;
        for (from, to) in ranges.iter().map(IdRange::bounds) {
            for document in snapshot.raw_documents(&query.collection, from, to) {
                document?;
                count += 1;
                if count > GRANTED_FEW_MAX {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn with_indexes(
        snapshot: &Snapshot,
        indexes: &[ReadIndex],
        query: &Query,
        purpose: Purpose,
        without_index: Self,
    ) -> Result<Self, SnapshotError> {
        if let IndexUse::Named(name) = &query.index
            && let Some(named) = indexes.iter().find(|index| index.definition.name == *name)
            && let Some(plan) = Self::index_of(snapshot, std::slice::from_ref(named), query, purpose, true)?
        {
            return Ok(plan);
        }
        let index = match indexes.is_empty() {
            true => None,
            false => Self::index_of(snapshot, indexes, query, purpose, false)?,
        };
        Ok(index.unwrap_or(without_index))
    }

    fn without_index(query: &Query, purpose: Purpose) -> Self {
        let (in_order, granted) = (!purpose.has_order() || query.sort.is_empty(), query.grants());
        let plan = |access, is_in_order, documents_max| {
            let (is_filtered, is_covering) = (!query.filter.is_always(), false);
            let is_restricted = !granted.is_all() && !matches!(access, Access::Ids(_) | Access::Nothing);
            Self { access, is_in_order, documents_max, is_filtered, is_covering, is_restricted, shown: None }
        };
        if let Some(mut ids) = granted.ids(query.filter.ids()) {
            ids.sort();
            ids.dedup();
            let count = ids.len();
            return plan(if ids.is_empty() { Access::Nothing } else { Access::Ids(ids) }, in_order, Some(count));
        }
        if purpose == Purpose::Count && query.filter.is_always() && granted.is_all() {
            return plan(Access::Counted, true, Some(0));
        }
        let alternatives = query.filter.alternatives();
        let demanded = id_ranges::of_alternatives(query.filter.language(), &alternatives);
        let ranges = match (demanded, granted.ranges()) {
            (Some(demanded), Some(granted)) => Some(id_ranges::in_both(&demanded, &granted)),
            (demanded, granted) => demanded.or(granted),
        };
        match ranges {
            Some(ranges) if ranges.is_empty() => plan(Access::Nothing, true, Some(0)),
            Some(ranges) => plan(Access::IdRanges(ranges), in_order, None),
            None => plan(Access::Scan, in_order, None),
        }
    }

    fn index_of(
        snapshot: &Snapshot,
        indexes: &[ReadIndex],
        query: &Query,
        purpose: Purpose,
        is_named: bool,
    ) -> Result<Option<Self>, SnapshotError> {
        let alternatives = query.filter.alternatives();
        let is_its_demands = query.filter.is_its_demands();
        if let Some(access) = index_choice::by_filter(indexes, &alternatives, is_its_demands, query) {
            if access.spans.is_empty() && !matches!(access.order, IndexOrder::BySort(_)) {
                let nothing = Access::Nothing;
                return Ok(Some(Self {
                    access: nothing,
                    is_in_order: true,
                    documents_max: Some(0),
                    is_filtered: true,
                    is_covering: false,
                    is_restricted: false,
                    shown: None,
                }));
            }
            if let Some(plan) = Self::by_index(snapshot, access, query, purpose, is_named)? {
                return Ok(Some(plan));
            }
        }
        if !purpose.has_order() {
            return Ok(None);
        }
        let Some(access) = index_choice::by_order(indexes, query.filter.is_always(), query) else { return Ok(None) };
        let is_worth_it = is_named
            || query.limit.is_some()
            || (purpose == Purpose::Ids && access.covers_ids(query))
            || snapshot.documents_in(&query.collection)? > SORT_DOCUMENTS_MAX as u64;
        if is_worth_it { Self::by_index(snapshot, access, query, purpose, is_named) } else { Ok(None) }
    }

    /// `None` if another way is better.
    fn by_index(
        snapshot: &Snapshot,
        access: IndexAccess,
        query: &Query,
        purpose: Purpose,
        is_named: bool,
    ) -> Result<Option<Self>, SnapshotError> {
        let has_order = !matches!(access.order, IndexOrder::Other);
        let is_in_order = !purpose.has_order() || has_order;
        let is_covering = match purpose {
            Purpose::Ids => access.covers_ids(query),
            Purpose::Count => access.is_exact,
            Purpose::Documents | Purpose::AnyOrder => false,
        };
        let wanted = query.limit.map(|limit| limit.saturating_add(query.offset));
        if !query.grants().is_all() {
            return Self::by_index_blindly(snapshot, access, query, is_in_order, is_covering);
        }
        let stops_at = wanted.filter(|_| access.is_exact && has_order && purpose.has_order());
        let worthwhile = match purpose {
            Purpose::Documents | Purpose::Ids if has_order => None,
            Purpose::Count if is_covering => None,
            _ if is_covering || is_named => Some(PROBED_ENTRIES_MAX),
            _ => Some(Self::worthwhile(snapshot, &access, query, purpose)?),
        };
        let mut documents_max = stops_at;
        if stops_at.is_none_or(|documents| documents > SMALL_DOCUMENTS_MAX) {
            let most = worthwhile.unwrap_or(SMALL_DOCUMENTS_MAX);
            let entries = count_to(snapshot, &access, most + 1)?;
            documents_max = (entries <= most).then_some(entries);
            let keeps_all =
                !is_in_order && query.sort.is_empty() && wanted.is_none_or(|most| most > SORT_DOCUMENTS_MAX);
            let are_too_many = entries > most && worthwhile.is_some_and(|most| most < PROBED_ENTRIES_MAX);
            if are_too_many || (keeps_all && entries > SORT_DOCUMENTS_MAX) {
                return Ok(None);
            }
        }
        let is_filtered = !query.filter.is_always();
        let access = Access::Index(Box::new(access));
        let (is_restricted, shown) = (false, None);
        Ok(Some(Self { access, is_in_order, documents_max, is_filtered, is_covering, is_restricted, shown }))
    }

    /// By an index, however many entries there are: their number tells of what is not granted. `None` where all that
    /// is found would have to be kept, and it may be more than can be.
    fn by_index_blindly(
        snapshot: &Snapshot,
        access: IndexAccess,
        query: &Query,
        is_in_order: bool,
        is_covering: bool,
    ) -> Result<Option<Self>, SnapshotError> {
        let wanted = query.limit.map_or(usize::MAX, |limit| limit.saturating_add(query.offset));
        if !is_in_order && query.sort.is_empty() && wanted > SORT_DOCUMENTS_MAX {
            return Ok(None);
        }
        // It decides among which reads this one waits, and nothing that is answered.
        let entries = count_to(snapshot, &access, SMALL_DOCUMENTS_MAX + 1)?;
        let documents_max = (entries <= SMALL_DOCUMENTS_MAX).then_some(entries);
        let (is_filtered, is_restricted) = (!query.filter.is_always(), true);
        let access = Access::Index(Box::new(access));
        Ok(Some(Self { access, is_in_order, documents_max, is_filtered, is_covering, is_restricted, shown: None }))
    }

    /// How many entries of an index may have to be read that are in no order or one that is not
    /// asked for. A document costs four times as much by its entry as in a look at all. Where every
    /// n-th matches and so many are wanted in the order of ids, a look at all finds them in n times
    /// as many.
    fn worthwhile(
        snapshot: &Snapshot,
        access: &IndexAccess,
        query: &Query,
        purpose: Purpose,
    ) -> Result<usize, SnapshotError> {
        let documents = snapshot.documents_in(&query.collection)?;
        let stops_early = purpose.has_order() && query.sort.is_empty() && access.is_exact;
        let wanted = query.limit.filter(|_| stops_early).map(|limit| limit.saturating_add(query.offset) as u64);
        let most = match wanted {
            Some(wanted) => documents.saturating_mul(wanted.min(documents)).isqrt() / 2,
            None => documents / 4,
        };
        Ok((most as usize).clamp(1, PROBED_ENTRIES_MAX))
    }

    /// Whether it looks at a handful of documents.
    pub fn is_small(&self) -> bool {
        self.documents_max.is_some_and(|documents| documents <= SMALL_DOCUMENTS_MAX)
    }

    /// Whether documents come in the order that is asked for as they are looked at, so that none
    /// has to be kept until all were.
    pub fn is_in_order(&self) -> bool {
        self.is_in_order
    }

    /// The steps that it takes.
    pub fn operators(&self, query: &Query) -> Vec<Operator> {
        if let Some(shown) = &self.shown {
            return shown.operators(query);
        }
        let mut operators = Vec::new();
        match &self.access {
            Access::Nothing => operators.push(Operator::IdScan { ids: Some(0) }),
            Access::Counted => return vec![Operator::CountScan],
            Access::Ids(ids) => operators.push(Operator::IdScan { ids: Some(ids.len()) }),
            Access::IdRanges(_) => operators.push(Operator::IdScan { ids: None }),
            Access::Scan => operators.push(Operator::Scan),
            Access::Index(access) => {
                operators.push(self.index_scan(access));
                if matches!(access.order, IndexOrder::ById) && access.spans.len() > 1 {
                    operators.push(Operator::UnionScan { parts: access.spans.len() });
                }
                if !self.is_covering {
                    operators.push(Operator::Fetch);
                }
            }
        }
        if self.is_restricted {
            let before_fetch = usize::from(matches!(operators.last(), Some(Operator::Fetch)));
            operators.insert(operators.len() - before_fetch, Operator::Permission);
        }
        if self.is_filtered && !self.is_covering {
            operators.push(Operator::Filter);
        }
        if !self.is_in_order {
            let mut path: Vec<String> = query.sort.iter().map(|key| key.path.to_string()).collect();
            path.push("_id".to_owned());
            operators.push(Operator::Sort { path });
        }
        if query.offset > 0 || query.limit.is_some() {
            operators.push(Operator::Limit { offset: query.offset, limit: query.limit });
        }
        operators
    }

    fn index_scan(&self, access: &IndexAccess) -> Operator {
        let definition = &access.index.definition;
        Operator::IndexScan {
            index: definition.name.clone(),
            path: definition.keys.iter().map(|key| key.path.to_string()).collect(),
            spans: access.shown.clone(),
            equal_keys: access.equal_keys,
            is_exact: access.is_exact,
            is_in_order: self.is_in_order && !matches!(access.order, IndexOrder::Other),
            backwards: matches!(&access.order, IndexOrder::BySort(sorted) if sorted.backwards),
            covering: self.is_covering,
        }
    }
}

/// How many entries there are, at most `most`.
fn count_to(snapshot: &Snapshot, access: &IndexAccess, most: usize) -> Result<usize, SnapshotError> {
    let mut count = 0;
    for span in access.all_spans() {
        for entry in snapshot.index_entries(&access.index, span, false) {
            entry?;
            count += 1;
            if count == most {
                return Ok(count);
            }
        }
    }
    Ok(count)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.access {
            Access::Nothing => f.write_str("nothing"),
            Access::Counted => f.write_str("count"),
            Access::Ids(ids) => write!(f, "ids {}", ids.len()),
            Access::IdRanges(ranges) => write!(f, "id ranges {}", ranges.len()),
            Access::Scan => f.write_str("scan"),
            Access::Index(access) => {
                write!(f, "index {} {}", access.index.definition.name, access.shown)?;
                match &access.order {
                    IndexOrder::Other => {}
                    IndexOrder::ById => f.write_str(", by id")?,
                    IndexOrder::BySort(sorted) if sorted.backwards => f.write_str(", sorted backwards")?,
                    IndexOrder::BySort(_) => f.write_str(", sorted")?,
                }
                match (access.is_exact, self.is_covering) {
                    (_, true) => f.write_str(", covering"),
                    (true, false) => f.write_str(", exact"),
                    (false, false) => Ok(()),
                }
            }
        }?;
        if self.is_in_order { Ok(()) } else { f.write_str(", then sort") }
    }
}
