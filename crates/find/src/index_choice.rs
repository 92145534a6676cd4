//! Which index answers a query, by which of its parts, and whether in the order that is asked for.
//!
//! An index is taken where its keys lie as the query's language compares them (`key_order`).
//!
//! Invariants: every document that matches has an entry in one of the spans, and no entry lies in
//! two; an order is promised only if the entries have it.
//! Not here: other ways to find documents (`plan`), reading the entries (`streams`), where the
//! order of a language is that of keys (`key_order`).

use std::{borrow::Cow, cmp::Ordering, fmt::Write as _, ops::Bound};

use document::{Path, Value};
use query::{Demand, Language, Place, Test, compare_for_sort};
use store::{KeyEnd, KeyStart, KeyStatistics, ReadIndex, Span};

use crate::{
    Query,
    key_order::{BoundPlace, KeyOrder},
    limits::SPANS_MAX,
};

static TRUE: Value = Value::Bool(true);
static NULL: Value = Value::Null;

/// How an index is read.
#[derive(Debug, Clone)]
pub(crate) struct IndexAccess {
    pub(crate) index: ReadIndex,
    /// Where the matches are, sorted.
    pub(crate) spans: Vec<Span>,
    /// Whether all that lies there matches.
    pub(crate) is_exact: bool,
    pub(crate) order: IndexOrder,
    /// How many of its keys are bound to constants.
    pub(crate) equal_keys: usize,
    /// Whether the key behind them is bound to a range.
    pub(crate) has_range: bool,
    /// The spans for people.
    pub(crate) shown: String,
}

/// In which order an index gives documents.
#[derive(Debug, Clone)]
pub(crate) enum IndexOrder {
    /// In none that was asked for.
    Other,
    /// By ids, if the entries of the spans are merged: within each they are so.
    ById,
    /// As asked for, the sort keys being the index's last keys.
    BySort(SortedEntries),
}

/// How the entries are read to be in order.
#[derive(Debug, Clone)]
pub(crate) struct SortedEntries {
    /// All directions are the opposite of the index's.
    pub(crate) backwards: bool,
    /// Those with null and with nothing at the only sort key, to be merged by id; the spans are
    /// without them.
    pub(crate) nulls: Option<[Span; 2]>,
    /// Whether they come first.
    pub(crate) nulls_first: bool,
    /// Where the query goes on.
    pub(crate) after: Option<SoughtEntry>,
}

/// Where the document of a cursor has its entry, or would have it.
#[derive(Debug, Clone)]
pub(crate) struct SoughtEntry {
    /// `None`: among the nulls.
    pub(crate) components: Option<Vec<u8>>,
    pub(crate) id_json: String,
}

impl IndexAccess {
    /// Whether its entries tell the ids of what matches, in the order that is asked for or with what
    /// it takes to bring them there.
    pub(crate) fn covers_ids(&self, query: &Query) -> bool {
        self.is_exact && (query.sort.is_empty() || !matches!(self.order, IndexOrder::Other))
    }

    /// All its spans, in no order.
    pub(crate) fn all_spans(&self) -> impl Iterator<Item = &Span> {
        let nulls = match &self.order {
            IndexOrder::BySort(SortedEntries { nulls: Some(nulls), .. }) => &nulls[..],
            _ => &[],
        };
        nulls.iter().chain(&self.spans)
    }
}

/// The best of the collection's indexes for the filter; `None` if none helps to find what it
/// demands.
pub(crate) fn by_filter(
    indexes: &[ReadIndex],
    alternatives: &[Vec<Demand<'_>>],
    is_its_demands: bool,
    query: &Query,
) -> Option<IndexAccess> {
    let key_order = KeyOrder::of(query.filter.language());
    let all = indexes
        .iter()
        .filter_map(|index| Candidate::of(index, key_order, alternatives)?.into_access(is_its_demands, query));
    let has_order = |access: &IndexAccess| !matches!(access.order, IndexOrder::Other);
    let rank = |access: &IndexAccess| {
        let keys = usize::MAX - access.index.definition.keys.len();
        (access.equal_keys, access.has_range, has_order(access), access.is_exact, keys)
    };
    all.reduce(|best, next| if rank(&next) > rank(&best) { next } else { best })
}

/// An index all of which is in the order that is asked for.
pub(crate) fn by_order(indexes: &[ReadIndex], matches_all: bool, query: &Query) -> Option<IndexAccess> {
    if query.sort.is_empty() {
        return None;
    }
    let key_order = KeyOrder::of(query.filter.language());
    indexes.iter().find_map(|index| {
        let whole = Candidate { index, key_order, parts: vec![Part::default()], is_exact: true };
        let access = whole.into_access(matches_all, query)?;
        matches!(access.order, IndexOrder::BySort(_)).then_some(access)
    })
}

/// An index, taken apart for a filter.
struct Candidate<'q> {
    index: &'q ReadIndex,
    key_order: KeyOrder,
    /// One for each combination of constants of each alternative.
    parts: Vec<Part<'q>>,
    /// Whether they leave out no demand.
    is_exact: bool,
}

/// The first keys bound to constants, and the next one to a range.
#[derive(Debug, Clone, Default)]
struct Part<'q> {
    equal: Vec<Option<&'q Value>>,
    range: Option<(KeyStart<'q>, KeyEnd<'q>)>,
}

impl<'q> Candidate<'q> {
    fn of(index: &'q ReadIndex, key_order: KeyOrder, alternatives: &'q [Vec<Demand<'q>>]) -> Option<Self> {
        let mut all = Self { index, key_order, parts: Vec::new(), is_exact: true };
        for demands in alternatives {
            let room = SPANS_MAX - all.parts.len();
            let (parts, is_exact) = parts_of(index, key_order, demands, room)?;
            all.parts.extend(parts);
            all.is_exact &= is_exact;
        }
        Some(all)
    }

    fn into_access(self, is_its_demands: bool, query: &Query) -> Option<IndexAccess> {
        let definition = &self.index.definition;
        let spans: Vec<_> = self.parts.iter().map(|part| part.span(self.index)).collect();
        let order = self.order(&spans, query);
        let spans = match order {
            // They touch where one value is the next one of the other, and are told apart all the
            // same.
            IndexOrder::ById => distinct(spans),
            _ => Span::union(spans),
        };
        let spans = match &order {
            IndexOrder::BySort(SortedEntries { nulls: Some(_), .. }) => {
                let equal = &self.parts.first()?.equal;
                vec![Span::of(definition, equal, KeyStart::First, KeyEnd::Before(&NULL))]
            }
            _ => spans,
        };
        Some(IndexAccess {
            is_exact: is_its_demands && self.is_exact && spans.iter().all(|span| span.is_exact),
            index: self.index.clone(),
            spans,
            order,
            equal_keys: self.parts.iter().map(|part| part.equal.len()).min().unwrap_or(definition.keys.len()),
            has_range: self.parts.iter().all(|part| part.range.is_some() || part.equal.len() == definition.keys.len()),
            shown: shown(&self.parts),
        })
    }

    /// In which order the entries of these spans, one for each part, come.
    fn order(&self, spans: &[Span], query: &Query) -> IndexOrder {
        let keys = &self.index.definition.keys;
        let constant = self.constant_keys();
        let mut sort = query.sort.iter().zip(0..).collect::<Vec<_>>();
        sort.retain(|(key, _)| !keys[..constant].iter().any(|bound| bound.path == key.path));
        if sort.is_empty() {
            let is_by_id = spans.len() <= SPANS_MAX && self.parts.iter().all(|part| part.equal.len() == keys.len());
            return if is_by_id { IndexOrder::ById } else { IndexOrder::Other };
        }
        let rest = &keys[constant..];
        let are_the_rest =
            sort.len() == rest.len() && sort.iter().zip(rest).all(|((key, _), own)| key.path == own.path);
        if !are_the_rest {
            return IndexOrder::Other;
        }
        let backwards = sort[0].0.descending != rest[0].descending;
        let statistics = &self.index.statistics[constant..];
        let mut splits_nulls = false;
        for (n, (((key, _), own), statistics)) in sort.iter().zip(rest).zip(statistics).enumerate() {
            if (key.descending != own.descending) != backwards || !self.key_order.are_sorted(statistics) {
                return IndexOrder::Other;
            }
            let has_nulls = statistics.nulls + statistics.missing > 0;
            if self.key_order.moves_nulls()
                && has_nulls
                && !self.parts.iter().all(|part| part.excludes_null(constant + n))
            {
                let is_all_of_the_key = self.parts.len() == 1 && self.parts[0].equal.len() == constant;
                if sort.len() > 1 || !is_all_of_the_key || self.parts[0].range.is_some() {
                    return IndexOrder::Other;
                }
                splits_nulls = true;
            }
        }
        let first = &self.parts.first().map(|part| &part.equal[..constant]).unwrap_or_default();
        let with = |last: Option<Option<&Value>>| {
            let equal: Vec<_> = first.iter().copied().chain(last).collect();
            Span::of(&self.index.definition, &equal, KeyStart::First, KeyEnd::Last)
        };
        let after = match &query.after {
            None => None,
            // Of DQL none is made.
            Some(_) if self.key_order == KeyOrder::of(Language::Dql) => return IndexOrder::Other,
            Some(cursor) => {
                let values: Vec<&Value> = sort.iter().filter_map(|(_, n)| cursor.values.get(*n)).collect();
                let has_place = |(value, statistics): (&&Value, &KeyStatistics)| match value {
                    Value::Null => splits_nulls,
                    value => self.key_order.has_place_among(value, statistics),
                };
                if values.len() != sort.len() || !values.iter().zip(statistics).all(has_place) {
                    return IndexOrder::Other;
                }
                let is_null = values.contains(&&NULL);
                let equal: Vec<_> = first.iter().copied().chain(values.into_iter().map(Some)).collect();
                let place = Span::of(&self.index.definition, &equal, KeyStart::First, KeyEnd::Last);
                if !place.is_exact {
                    return IndexOrder::Other;
                }
                let components = (!is_null).then(|| place.components().to_vec());
                Some(SoughtEntry { components, id_json: cursor.id.as_json().to_owned() })
            }
        };
        IndexOrder::BySort(SortedEntries {
            backwards,
            nulls: splits_nulls.then(|| [with(Some(Some(&NULL))), with(Some(None))]),
            nulls_first: !sort[0].0.descending,
            after,
        })
    }

    /// How many of the first keys have one value, in one place, wherever the spans are.
    fn constant_keys(&self) -> usize {
        let Some((first, others)) = self.parts.split_first() else { return 0 };
        let is_constant = |(n, value): (usize, &Option<&Value>)| {
            let is_same =
                |part: &Part<'_>| part.equal.get(n).is_some_and(|other| self.key_order.are_equal(*other, *value));
            self.key_order.is_one_place(*value) && others.iter().all(is_same)
        };
        first.equal.iter().enumerate().take_while(|(n, value)| is_constant((*n, value))).count()
    }
}

impl Part<'_> {
    fn span(&self, index: &ReadIndex) -> Span {
        let (start, end) = self.range.unwrap_or((KeyStart::First, KeyEnd::Last));
        Span::of(&index.definition, &self.equal, start, end)
    }

    /// Whether neither null nor nothing stands at the key.
    fn excludes_null(&self, key: usize) -> bool {
        match self.equal.get(key) {
            Some(value) => value.is_some_and(|value| *value != NULL),
            None => key == self.equal.len() && self.range.is_some(),
        }
    }
}

/// The parts of the index that hold what meets the demands, and whether they hold nothing else;
/// `None` if it helps nothing, or there would be more than `room`.
fn parts_of<'q>(
    index: &ReadIndex,
    key_order: KeyOrder,
    demands: &'q [Demand<'q>],
    room: usize,
) -> Option<(Vec<Part<'q>>, bool)> {
    let mut parts = vec![Part::default()];
    let mut used = 0;
    let mut impossible = false;
    let mut has_range = false;
    for (key, statistics) in index.definition.keys.iter().zip(&index.statistics) {
        let most = room / parts.len().max(1);
        if let Some(values) = constants_at(demands, key_order, &key.path, statistics, most) {
            let with_each = |part: &Part<'q>| {
                let one = |value| Part { equal: part.equal.iter().copied().chain([value]).collect(), range: None };
                values.iter().map(|value| one(*value)).collect::<Vec<_>>()
            };
            parts = parts.iter().flat_map(with_each).collect();
            used += 1;
            continue;
        }
        match range_at(demands, key_order, &key.path, statistics) {
            None => {}
            Some(RangeAt { used: its_own, range: None }) => {
                (used, impossible) = (used + its_own, true);
            }
            Some(RangeAt { used: its_own, range: Some(range) }) => {
                (used, has_range) = (used + its_own, true);
                parts.iter_mut().for_each(|part| part.range = Some(range));
            }
        }
        break;
    }
    if impossible {
        return Some((Vec::new(), true));
    }
    let is_bound = has_range || parts.first().is_none_or(|part| !part.equal.is_empty());
    (is_bound && parts.len() <= room).then_some((parts, used == demands.len()))
}

/// What must stand at a key, nothing being `None`, where all that equals it has its bytes.
fn constants_at<'q>(
    demands: &'q [Demand<'q>],
    key_order: KeyOrder,
    path: &Path,
    statistics: &KeyStatistics,
    most: usize,
) -> Option<Vec<Option<&'q Value>>> {
    let of_this_key = demands.iter().filter(|demand| demand.place == Place::Field(path));
    let all = of_this_key.filter_map(|demand| {
        let mut constants = match &demand.test {
            Test::OneOf(values) => constants_of(values, key_order, statistics)?,
            Test::Missing => vec![None],
            Test::Range { .. } | Test::Prefix(_) => return None,
        };
        constants.dedup_by(|a, b| a.is_some() == b.is_some() && key_order.are_equal(*a, *b));
        (constants.len() <= most).then_some(constants)
    });
    all.min_by_key(Vec::len)
}

fn constants_of<'q>(
    values: &[&'q Value],
    key_order: KeyOrder,
    statistics: &KeyStatistics,
) -> Option<Vec<Option<&'q Value>>> {
    let mut constants = Vec::with_capacity(values.len());
    for value in values {
        constants.extend(key_order.equal_keys(value, statistics)?);
    }
    Some(constants)
}

/// What demands of one key come to.
struct RangeAt<'q> {
    /// How many demands are in it.
    used: usize,
    /// `None`: nothing meets them.
    range: Option<(KeyStart<'q>, KeyEnd<'q>)>,
}

fn range_at<'q>(
    demands: &'q [Demand<'q>],
    key_order: KeyOrder,
    path: &Path,
    statistics: &KeyStatistics,
) -> Option<RangeAt<'q>> {
    let tests = || demands.iter().filter(|demand| demand.place == Place::Field(path)).map(|demand| &demand.test);
    let prefixes = tests().filter_map(|test| match test {
        Test::Prefix(prefix) => Some(*prefix),
        _ => None,
    });
    if let Some(prefix) = prefixes.max_by_key(|prefix| prefix.len()) {
        return Some(RangeAt { used: 1, range: Some((KeyStart::AtPrefix(prefix), KeyEnd::AtPrefix(prefix))) });
    }
    let mut used = 0;
    let (mut lower, mut upper) = (Bound::Unbounded, Bound::Unbounded);
    for test in tests() {
        let Test::Range { lower: own_lower, upper: own_upper } = test else { continue };
        let bounds = [*own_lower, *own_upper];
        let values = || bounds.iter().filter_map(value_of);
        let mut places = values().map(|value| key_order.bound(value, statistics));
        if places.clone().any(|place| place == BoundPlace::Nowhere) {
            return Some(RangeAt { used: demands.len(), range: None });
        }
        if places.any(|place| place == BoundPlace::Unsure) {
            continue;
        }
        used += 1;
        for value in values() {
            let known = value_of(&lower).or(value_of(&upper));
            if known.is_some_and(|known| kind(known) != kind(value)) {
                return Some(RangeAt { used: demands.len(), range: None });
            }
        }
        lower = tighter(lower, *own_lower, Ordering::Greater);
        upper = tighter(upper, *own_upper, Ordering::Less);
    }
    let any = value_of(&lower).or(value_of(&upper))?;
    let start = match lower {
        Bound::Included(value) => KeyStart::At(Some(value)),
        Bound::Excluded(value) => KeyStart::After(value),
        Bound::Unbounded => match any {
            Value::Bool(_) => KeyStart::First,
            Value::String(_) => KeyStart::FirstString,
            _ => KeyStart::After(&TRUE),
        },
    };
    let end = match upper {
        Bound::Included(value) => KeyEnd::At(Some(value)),
        Bound::Excluded(value) => KeyEnd::Before(value),
        Bound::Unbounded => KeyEnd::LastOfKind(any),
    };
    Some(RangeAt { used, range: Some((start, end)) })
}

fn value_of<'q>(bound: &Bound<&'q Value>) -> Option<&'q Value> {
    match bound {
        Bound::Included(value) | Bound::Excluded(value) => Some(value),
        Bound::Unbounded => None,
    }
}

/// The bound of two that lets less through: the greater one if `wins` says so, and of equal ones
/// that without its value.
fn tighter<'q>(a: Bound<&'q Value>, b: Bound<&'q Value>, wins: Ordering) -> Bound<&'q Value> {
    let (Some(of_a), Some(of_b)) = (value_of(&a), value_of(&b)) else {
        return if value_of(&a).is_some() { a } else { b };
    };
    match by_bytes(of_a, of_b) {
        Ordering::Equal if matches!(a, Bound::Excluded(_)) => a,
        Ordering::Equal => b,
        found if found == wins => a,
        _ => b,
    }
}

/// As they lie in an index, of one kind.
fn by_bytes(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.cmp(b),
        _ => compare_for_sort(Some(a), Some(b)),
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Bool(_) => 0,
        Value::String(_) => 2,
        _ => 1,
    }
}

/// Spans of single values, each once.
fn distinct(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by(|a, b| a.start().cmp(b.start()));
    spans.dedup_by(|a, b| a.start() == b.start());
    spans
}

fn shown(parts: &[Part<'_>]) -> String {
    const SHOWN_MAX: usize = 8;
    let mut all: Vec<String> = parts.iter().take(SHOWN_MAX).map(|part| part.to_string()).collect();
    if parts.len() > SHOWN_MAX {
        all.push(format!("{} more", parts.len() - SHOWN_MAX));
    }
    if parts.is_empty() { "nothing".to_owned() } else { all.join(" ∪ ") }
}

impl std::fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        for value in &self.equal {
            let _ = write!(text, "{} ", value.map_or(Cow::Borrowed("missing"), json));
        }
        match self.range {
            None if self.equal.is_empty() => text.push_str("all"),
            None => {}
            Some((KeyStart::AtPrefix(prefix), _)) => {
                let _ = write!(text, "{}…", json(&Value::String(prefix.to_owned())));
            }
            Some((start, end)) => {
                match start {
                    KeyStart::At(Some(value)) => text.push_str(&format!("[{}", json(value))),
                    KeyStart::After(value) if *value != TRUE => text.push_str(&format!("({}", json(value))),
                    _ => text.push_str("(-∞"),
                }
                match end {
                    KeyEnd::At(Some(value)) => text.push_str(&format!(", {}]", json(value))),
                    KeyEnd::Before(value) => text.push_str(&format!(", {})", json(value))),
                    _ => text.push_str(", ∞)"),
                }
            }
        }
        f.write_str(text.trim_end())
    }
}

/// Its beginning, as JSON.
fn json(value: &Value) -> Cow<'static, str> {
    const CHARACTERS_MAX: usize = 64;
    let mut json = Vec::new();
    value.write_json(&mut json);
    let text = String::from_utf8_lossy(&json);
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Owned(text.into_owned()),
    }
}
