//! Where the keys of an index lie as a query language compares their values.
//!
//! The keys are in the order false, true, numbers, strings by their bytes, arrays, objects, null,
//! missing. That is DQL's order, and what equals a value there has its bytes: only what was cut is
//! not told apart. The legacy language sees null, which missing is too, before all others, and
//! date-times as points in time before all other strings. So for it is decided here where both
//! agree, by what stands in the keys ([`KeyStatistics`]); where that is not sure, the answer is no.
//!
//! Not here: which index is taken (`index_choice`), what a value's key is (`store`).

use std::cmp::Ordering;

use document::Value;
use query::{Language, compare_for_sort, dql, is_date_time};
use store::{KeyStatistics, TimeForm};

static NULL: Value = Value::Null;

/// How a language compares what stands in keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyOrder(Language);

/// What a bound of a range comes to in an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BoundPlace {
    /// No value is less or greater.
    Nowhere,
    /// The values on its side are those on its side in the index.
    AsInLanguage,
    /// Perhaps not.
    Unsure,
}

/// How two values of a language compare in a sort; what is missing is `None`.
pub(crate) type Comparison = fn(Option<&Value>, Option<&Value>) -> Ordering;

/// How a language compares in a sort.
pub(crate) fn comparison(language: Language) -> Comparison {
    match language {
        Language::Legacy => compare_for_sort,
        Language::Dql => dql::compare,
    }
}

impl KeyOrder {
    pub(crate) fn of(language: Language) -> Self {
        Self(language)
    }

    pub(crate) fn are_equal(self, a: Option<&Value>, b: Option<&Value>) -> bool {
        comparison(self.0)(a, b).is_eq()
    }

    /// What stands in a key where `value` is equalled: one value, or null and nothing. `None` where
    /// others may equal it too.
    pub(crate) fn equal_keys<'v>(
        self,
        value: &'v Value,
        statistics: &KeyStatistics,
    ) -> Option<impl Iterator<Item = Option<&'v Value>> + use<'v>> {
        let is_legacy = self.0 == Language::Legacy;
        let is_null = *value == NULL;
        let is_sure = !is_legacy || is_null || legacy::is_as_in_keys(value, statistics);
        let is_missing_too = is_legacy && is_null;
        is_sure.then(|| std::iter::once(Some(value)).chain(is_missing_too.then_some(None)))
    }

    /// Where a range ends at `value`.
    pub(crate) fn bound(self, value: &Value, statistics: &KeyStatistics) -> BoundPlace {
        match (self.0, value) {
            (_, Value::Null) | (Language::Legacy, Value::Array(_) | Value::Map(_)) => BoundPlace::Nowhere,
            (Language::Dql, Value::Array(_) | Value::Map(_)) => BoundPlace::Unsure,
            (Language::Dql, _) => BoundPlace::AsInLanguage,
            (Language::Legacy, value) if legacy::is_as_in_keys(value, statistics) => BoundPlace::AsInLanguage,
            (Language::Legacy, _) => BoundPlace::Unsure,
        }
    }

    /// Whether entries with null or nothing in a key come elsewhere in a sort than they lie.
    pub(crate) fn moves_nulls(self) -> bool {
        self.0 == Language::Legacy
    }

    /// Whether all that equals this lies in one place.
    pub(crate) fn is_one_place(self, value: Option<&Value>) -> bool {
        !self.moves_nulls() || value.is_some_and(|value| *value != NULL)
    }

    /// Whether the entries of a key lie in the order of a sort, but for those that it moves.
    pub(crate) fn are_sorted(self, statistics: &KeyStatistics) -> bool {
        statistics.cut == 0 && (self.0 == Language::Dql || legacy::are_sorted(statistics))
    }

    /// Whether a page can go on behind `value` among the entries of a key.
    pub(crate) fn has_place_among(self, value: &Value, statistics: &KeyStatistics) -> bool {
        self.0 == Language::Legacy && legacy::has_place_among(value, statistics)
    }
}

/// Where the legacy language's order is that of keys.
mod legacy {
    use super::{KeyStatistics, TimeForm, Value, is_date_time};

    /// Whether what the language sees before, beside and behind `value` is there in the index too. A
    /// string that is no date-time is compared by bytes with all strings.
    pub(super) fn is_as_in_keys(value: &Value, statistics: &KeyStatistics) -> bool {
        match value {
            Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) => true,
            Value::String(text) => !is_date_time(text) || all_times_are_as(text, statistics),
            Value::Null | Value::Array(_) | Value::Map(_) => false,
        }
    }

    fn all_times_are_as(text: &str, statistics: &KeyStatistics) -> bool {
        let form = TimeForm::of(text);
        form != Some(TimeForm::OTHER) && statistics.times.keys().all(|other| Some(*other) == form)
    }

    pub(super) fn are_sorted(statistics: &KeyStatistics) -> bool {
        let forms_of_strings = usize::from(statistics.texts > 0) + statistics.times.len();
        let has_others = statistics.times.contains_key(&TimeForm::OTHER);
        statistics.containers == 0 && !has_others && forms_of_strings <= 1
    }

    /// Whether it would still be so if `value` stood there too.
    pub(super) fn has_place_among(value: &Value, statistics: &KeyStatistics) -> bool {
        match value {
            Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) => true,
            Value::String(text) => match TimeForm::of(text) {
                None => statistics.times.is_empty(),
                Some(form) => {
                    let is_the_only = statistics.times.keys().all(|other| *other == form);
                    form != TimeForm::OTHER && statistics.texts == 0 && is_the_only
                }
            },
            Value::Null | Value::Array(_) | Value::Map(_) => false,
        }
    }
}
