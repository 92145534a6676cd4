//! Which ids can lie where a condition on `_id` demands them, as ranges of canonical JSON.
//!
//! The languages order strings by their own bytes, documents lie by the bytes of their ids as
//! canonical JSON: there a `"` ends a string, and `"`, `\` and control characters are written
//! behind a `\` (0x5C), which is before `a` and behind `Z`. So what is less than `'Max'` lies
//! before `"Max`, or among the ids that have an escape within the letters of `Max`: before any `]`.
//! The legacy language compares date-times by time, so a bound that is one says no more there than
//! that the id is a string. To DQL they are strings as any.
//!
//! Invariant: no id that meets the demands lies outside of the ranges.

use std::ops::Bound;

use document::{Value, write_json_string};
use query::{Demand, Grantable, Language, Place, Test, is_date_time};
use store::IdBound;

/// Characters of a bound that are looked at; what follows them is taken for any.
const LOOKED_AT_MAX: usize = 24;

/// From here on, and before there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdRange {
    pub(crate) start: String,
    /// `None`: to the end.
    pub(crate) end: Option<String>,
}

impl IdRange {
    fn all() -> Self {
        Self { start: String::new(), end: None }
    }

    /// Between these two.
    fn between(start: &str, end: &str) -> Self {
        Self { start: start.to_owned(), end: Some(end.to_owned()) }
    }

    /// As the store takes them.
    pub(crate) fn bounds(&self) -> (IdBound, IdBound) {
        let end = self.end.clone().map_or(Bound::Unbounded, Bound::Excluded);
        (Bound::Included(self.start.clone()), end)
    }

    fn both(&self, other: &Self) -> Option<Self> {
        let start = self.start.clone().max(other.start.clone());
        let end = match (&self.end, &other.end) {
            (Some(one), Some(other)) => Some(one.min(other).clone()),
            (one, other) => one.clone().or_else(|| other.clone()),
        };
        let is_empty = end.as_ref().is_some_and(|end| *end <= start);
        (!is_empty).then_some(Self { start, end })
    }
}

/// The ids of what meets one of the alternatives, in order; `None` if one of them demands nothing
/// of ids.
pub(crate) fn of_alternatives(language: Language, alternatives: &[Vec<Demand<'_>>]) -> Option<Vec<IdRange>> {
    let mut all = Vec::new();
    for demands in alternatives {
        let of_ids = demands.iter().filter(|demand| demand.place == Place::Id);
        let ranges = of_ids.filter_map(|demand| of_test(language, &demand.test)).reduce(|a, b| in_both(&a, &b))?;
        all.extend(ranges);
    }
    Some(joined(all))
}

/// The ids that rules may grant, in order.
pub(crate) fn of_grantable(grantable: &[Grantable<'_>]) -> Vec<IdRange> {
    let of_one = |one: &Grantable<'_>| match one {
        // No id has a control character, so nothing else lies before that.
        Grantable::Id(id) => IdRange::between(id.as_json(), &format!("{}\0", id.as_json())),
        Grantable::Beginning(text) => of_prefix(text),
    };
    joined(grantable.iter().map(of_one).collect())
}

/// What lies in both; each in order.
pub(crate) fn in_both(a: &[IdRange], b: &[IdRange]) -> Vec<IdRange> {
    a.iter().flat_map(|a| b.iter().filter_map(move |b| a.both(b))).collect()
}

fn joined(mut ranges: Vec<IdRange>) -> Vec<IdRange> {
    ranges.sort_by(|a, b| a.start.cmp(&b.start));
    let mut joined: Vec<IdRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end.as_ref().is_none_or(|end| *end >= range.start) => {
                last.end = last.end.take().zip(range.end).map(|(one, other)| one.max(other));
            }
            _ => joined.push(range),
        }
    }
    joined
}

/// Ranges in order; `None`: any id.
fn of_test(language: Language, test: &Test<'_>) -> Option<Vec<IdRange>> {
    match test {
        Test::Missing => Some(Vec::new()), // every document has an id
        Test::OneOf(_) => None,
        Test::Prefix(prefix) => Some(vec![of_prefix(prefix)]),
        Test::Range { lower, upper } => {
            let mut ranges = vec![IdRange::all()];
            if let Bound::Included(value) | Bound::Excluded(value) = lower {
                ranges = in_both(&ranges, &at_or_above(language, value));
            }
            if let Bound::Included(value) | Bound::Excluded(value) = upper {
                ranges = in_both(&ranges, &at_or_below(language, value));
            }
            Some(ranges)
        }
    }
}

fn of_prefix(prefix: &str) -> IdRange {
    let mut json = Vec::new();
    write_json_string(prefix, &mut json);
    json.pop();
    let start = String::from_utf8(json).expect("JSON is UTF-8");
    let end = behind_all_with(&start);
    IdRange { start, end }
}

fn at_or_above(language: Language, value: &Value) -> Vec<IdRange> {
    match value {
        Value::String(text) if !is_time(language, text) => {
            let start = format!("\"{}", plain_beginning(text));
            vec![IdRange { start, end: Some("#".to_owned()) }]
        }
        other => of_kind(language, other),
    }
}

/// Whether it is compared as a point in time.
fn is_time(language: Language, text: &str) -> bool {
    language == Language::Legacy && is_date_time(text)
}

fn at_or_below(language: Language, value: &Value) -> Vec<IdRange> {
    let Value::String(text) = value else { return of_kind(language, value) };
    if is_time(language, text) {
        return of_kind(language, value);
    }
    let plain = plain_beginning(text);
    let start = format!("\"{plain}");
    let end = behind_all_with(&start);
    let mut ranges = vec![IdRange { start: "\"".to_owned(), end }];
    let escapes = plain.char_indices().filter(|(_, letter)| *letter < '\\');
    ranges.extend(escapes.map(|(at, _)| {
        let shared = &plain[..at];
        IdRange::between(&format!("\"{shared}\\"), &format!("\"{shared}]"))
    }));
    // What ends where a space or `!` follows in `text` is less, and its `"` in JSON is greater than
    // those.
    let ends = plain.char_indices().filter(|(_, letter)| *letter < '"');
    ranges.extend(ends.map(|(at, _)| {
        let shared = &plain[..at];
        IdRange::between(&format!("\"{shared}\""), &format!("\"{shared}#"))
    }));
    joined(ranges)
}

/// The letters at its front that stand in JSON as they are.
fn plain_beginning(text: &str) -> &str {
    let is_plain = |letter: char| letter >= ' ' && letter != '"' && letter != '\\' && letter != '\u{7f}';
    let mut ends = text.char_indices().skip_while(|(_, letter)| is_plain(*letter)).map(|(at, _)| at);
    let end = ends.next().unwrap_or(text.len());
    let most = text.char_indices().nth(LOOKED_AT_MAX).map_or(text.len(), |(at, _)| at);
    &text[..end.min(most)]
}

/// All ids of the value's kind.
fn of_kind(language: Language, value: &Value) -> Vec<IdRange> {
    match value {
        Value::Map(_) if language == Language::Dql => vec![IdRange::between("{", "|")],
        Value::String(_) => vec![IdRange::between("\"", "#")],
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => vec![IdRange::between("-", ":")],
        // Nothing is less or greater than these, or no id is of their kind.
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Map(_) => Vec::new(),
    }
}

/// The least text behind all that begin so.
fn behind_all_with(text: &str) -> Option<String> {
    let mut end = text.to_owned();
    while let Some(last) = end.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use document::{DocumentId, Map};
    use proptest::prelude::*;
    use query::{Budget, Filter, Query};

    use super::*;

    fn filter(text: &str, args: &Map) -> Filter {
        Query::parse(text).unwrap().bind(args).unwrap()
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        check_filter(&filter(text, &Map::new()), text, expected);
    }

    #[track_caller]
    fn check_filter(filter: &Filter, text: &str, expected: &str) {
        let ranges = of_alternatives(filter.language(), &filter.alternatives()).map(|ranges| {
            let show = |range: &IdRange| format!("{}..{}", range.start, range.end.as_deref().unwrap_or_default());
            ranges.iter().map(show).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(ranges.as_deref().unwrap_or("any"), expected, "{text}");
    }

    #[test]
    fn ranges_of_ids() {
        check("_id > 'm'", "\"m..#");
        check("_id < 'm'", "\"..\"n");
        check("_id >= 'a' && _id < 'b'", "\"a..\"c");
        check("_id <= 'Bob'", "\"..\"Boc \"\\..\"]");
        check("_id <= 'x1'", "\"..\"x2 \"x\\..\"x]");
        check("_id < 'x y'", "\"..\"x z \"x\"..\"x# \"x\\..\"x]");
        check("starts_with(_id, 'a\"b')", "\"a\\\"b..\"a\\\"c");
        check("starts_with(_id, 'a') || _id == null", "\"a..\"b");
        check("starts_with(_id, 'a') || starts_with(_id, 'b')", "\"a..\"c");
        check("_id > 5", "-..:");
        check("_id > '2024-01-01'", "\"..#");
        check("_id < null", "");
        check("_id > 'x' && a == 1 || _id < 3", "\"x..# -..:");
        check("a == 1", "any");
        check("_id > 5 && _id < 'x'", "");
    }

    #[test]
    fn ranges_of_ids_by_dql() {
        let check = |text: &str, expected: &str| {
            check_filter(&query::dql::condition(text).unwrap(), text, expected);
        };
        check("_id > 'm'", "\"m..#");
        check("_id > '2024-01-01'", "\"2024-01-01..#");
        check("_id LIKE 'ab%'", "\"ab..\"ac");
        check("_id > 5", "-..:");
        check("_id IS MISSING", "");
        check("a = 1", "any");
    }

    fn text() -> impl Strategy<Value = String> {
        let letters = ['a', 'b', 'Z', '"', '\\', '\n', ' ', '!', '0', ']', '\u{7f}', 'é', '\u{10ffff}'];
        let letter = prop::sample::select(letters.to_vec());
        prop_oneof![
            8 => prop::collection::vec(letter, 1..4).prop_map(|letters| letters.into_iter().collect::<String>()),
            1 => prop::sample::select(vec!["2024-01-01", "2024-01-01T01:00+02"]).prop_map(str::to_owned),
        ]
    }

    /// If it matches.
    fn is_within(filter: &Filter, id: &DocumentId) -> Result<(), TestCaseError> {
        if filter.matches(id, &Map::new(), &mut Budget::of_a_document()).unwrap() {
            let Some(ranges) = of_alternatives(filter.language(), &filter.alternatives()) else { return Ok(()) };
            let holds = |range: &IdRange| {
                *id.as_json() >= *range.start && range.end.as_ref().is_none_or(|end| id.as_json() < &end[..])
            };
            prop_assert!(ranges.iter().any(holds), "{} not in {:?}", id.as_json(), ranges);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn no_match_lies_outside(
            id in prop_oneof![4 => text().prop_map(Value::String), 1 => (-20_i64..20).prop_map(Value::Int)],
            x in text(), y in prop_oneof![4 => text().prop_map(Value::String), 1 => (-20_i64..20).prop_map(Value::Int)],
            query in prop::sample::select(vec![
                "_id > $args.y", "_id <= $args.y", "_id >= $args.x && _id < $args.y", "starts_with(_id, $args.x)",
                "_id < $args.x || starts_with(_id, $args.x) && _id > $args.y",
            ]),
        ) {
            let args = Map::from_fields(vec![("x".to_owned(), Value::String(x)), ("y".to_owned(), y)]);
            let filter = filter(query, &args);
            let id = DocumentId::from_value(&id).unwrap();
            is_within(&filter, &id)?;
        }

        #[test]
        fn no_match_by_dql_lies_outside(
            id in prop_oneof![4 => text().prop_map(Value::String), 1 => (-20_i64..20).prop_map(Value::Int)],
            x in text(), y in prop_oneof![4 => text().prop_map(Value::String), 1 => (-20_i64..20).prop_map(Value::Int)],
            query in prop::sample::select(vec![
                "_id > $y", "_id <= $y", "_id >= $x AND _id < $y", "starts_with(_id, $x)",
                "_id < $x OR starts_with(_id, $x) AND _id > $y",
            ]),
        ) {
            let json = |value: &Value| {
                let mut json = Vec::new();
                value.write_json(&mut json);
                String::from_utf8(json).unwrap()
            };
            let query = query.replace("$y", &json(&y)).replace("$x", &json(&Value::String(x)));
            is_within(&query::dql::condition(&query).unwrap(), &DocumentId::from_value(&id).unwrap())?;
        }
    }
}
