//! Which live queries may carry an event, without asking every filter.
//!
//! A filter that needs a field to equal one of some constants is entered under those, one that matches certain ids
//! only under these; the others are asked about every event of their collection. Live queries of the same collection,
//! language, text and permission are entered, and asked, as one.
//!
//! Values are looked up as the legacy language compares them, for filters of either language: what
//! equals by DQL equals there too.
//!
//! Invariants: a live query that carries an event, or that a document leaves by it, is among those found; values are
//! compared as filters compare them; what is found by one look-up is found once. Not here: whether what was found
//! does match (`matcher`).

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use document::{DocumentId, Map, Path, Value};
use query::{Filter, compare_for_sort};

use crate::{
    limits::INDEXED_VALUES_MAX,
    live_query::{GrantedQueries, QueryLanguage},
    matcher::Event,
    view::View,
};

/// The filters of an app's live queries. These are named by their places in the list that it was made of.
#[derive(Debug, Default)]
pub(crate) struct FilterIndex {
    /// Of live queries that carry all collections.
    everywhere: Scope,
    by_collection: HashMap<String, Scope>,
}

/// The filters on one collection. They are named by their numbers, from 0.
#[derive(Debug, Default)]
struct Scope {
    /// For each filter, the live queries that have it.
    places: Vec<Vec<usize>>,
    /// Filters that cannot be looked up.
    always: Vec<usize>,
    by_id: HashMap<DocumentId, Vec<usize>>,
    by_field: Vec<Field>,
}

/// Filters by the values that they need a field to have.
#[derive(Debug)]
struct Field {
    path: Path,
    /// Each value once, in the order of [`compare_for_sort`].
    filters: Vec<(Value, Vec<usize>)>,
}

impl FilterIndex {
    pub(crate) fn new(views: &[Arc<View>]) -> Self {
        type Asked<'v> = (Option<(&'v str, QueryLanguage)>, Option<&'v GrantedQueries>);
        let mut scopes: HashMap<Option<&str>, BTreeMap<Asked<'_>, Vec<usize>>> = HashMap::new();
        for (place, view) in views.iter().enumerate() {
            let of_collection = scopes.entry(view.query.collection.as_deref()).or_default();
            let asked = view.query.query.as_deref().map(|text| (text, view.query.query_language));
            of_collection.entry((asked, view.query.permission.as_ref())).or_default().push(place);
        }
        let mut index = Self::default();
        for (collection, places) in scopes {
            let scope = Scope::new(places.into_values().collect(), views);
            match collection {
                Some(collection) => drop(index.by_collection.insert(collection.to_owned(), scope)),
                None => index.everywhere = scope,
            }
        }
        index
    }

    /// The live queries that may carry the event or be left by it, those of the same filter together.
    pub(crate) fn candidates(&self, event: &Event<'_>) -> Vec<&[usize]> {
        let of_collection = self.by_collection.get(event.collection);
        let mut found = Vec::new();
        for scope in of_collection.into_iter().chain([&self.everywhere]) {
            scope.find(event, &mut found);
        }
        found
    }

    /// The most filters that are asked about an event whatever its document is.
    pub(crate) fn asked_always(&self) -> usize {
        let of_a_collection = self.by_collection.values().map(|scope| scope.always.len()).max().unwrap_or(0);
        of_a_collection + self.everywhere.always.len()
    }
}

impl Scope {
    fn new(places: Vec<Vec<usize>>, views: &[Arc<View>]) -> Self {
        let filters: Vec<Option<&Filter>> =
            places.iter().map(|places| views[places[0]].matcher.filter.as_ref()).collect();
        let mut by_id: HashMap<DocumentId, Vec<usize>> = HashMap::new();
        let mut always = Vec::new();
        // Those that are looked up by a field: what each needs.
        let mut required = Vec::new();
        for (number, filter) in filters.into_iter().enumerate() {
            if let Some(ids) = filter.and_then(Filter::ids) {
                ids.into_iter().for_each(|id| by_id.entry(id).or_default().push(number));
                continue;
            }
            let mut needs = filter.map(Filter::required_values).unwrap_or_default();
            needs.retain(|(_, values)| values.len() <= INDEXED_VALUES_MAX);
            if needs.is_empty() {
                always.push(number);
            } else {
                required.push((number, needs));
            }
        }
        Self { places, always, by_id, by_field: fields(&required) }
    }

    fn find<'s>(&'s self, event: &Event<'_>, found: &mut Vec<&'s [usize]>) {
        let looks_up = !(self.by_id.is_empty() && self.by_field.is_empty());
        let Some(documents) = looks_up.then(|| event.documents()).flatten() else {
            // Without a document to look up, every filter is asked.
            found.extend(self.places.iter().map(Vec::as_slice));
            return;
        };
        let mut filters = self.by_id.get(&documents.id).cloned().unwrap_or_default();
        for field in &self.by_field {
            for document in documents.before.iter().chain(&documents.after) {
                filters.extend(field.filters_for(document));
            }
        }
        // Before and after are often found under the same value.
        filters.sort_unstable();
        filters.dedup();
        found.extend(self.always.iter().chain(&filters).map(|&number| self.places[number].as_slice()));
    }
}

impl Field {
    fn filters_for(&self, document: &Map) -> &[usize] {
        self.filters_at(self.path.lookup(document))
    }

    fn filters_at(&self, value: Option<&Value>) -> &[usize] {
        let found = self.filters.binary_search_by(|(known, _)| compare_for_sort(Some(known), value));
        found.map_or(&[], |at| &self.filters[at].1)
    }
}

/// A filter's number, and each field that it needs to have one of some values.
type Required<'f> = (usize, Vec<(&'f Path, Vec<&'f Value>)>);

/// Each filter is entered under one field: that whose values it shares with the fewest.
fn fields(required: &[Required<'_>]) -> Vec<Field> {
    let mut all: HashMap<&Path, Vec<(&Value, usize)>> = HashMap::new();
    for (number, needs) in required {
        for (path, values) in needs {
            all.entry(path).or_default().extend(values.iter().map(|value| (*value, *number)));
        }
    }
    let mut fields: HashMap<&Path, Field> = all.into_iter().map(|(path, all)| (path, field(path, all))).collect();
    let crowd = |path: &Path, values: &[&Value]| -> usize {
        values.iter().map(|value| fields[path].filters_at(Some(value)).len()).sum()
    };
    let chosen: HashMap<usize, &Path> = required
        .iter()
        .filter_map(|(number, needs)| {
            let (path, _) = needs.iter().min_by_key(|(path, values)| crowd(path, values))?;
            Some((*number, *path))
        })
        .collect();
    for field in fields.values_mut() {
        for (_, filters) in &mut field.filters {
            filters.retain(|number| *chosen[number] == field.path);
        }
        field.filters.retain(|(_, filters)| !filters.is_empty());
    }
    fields.into_values().filter(|field| !field.filters.is_empty()).collect()
}

fn field(path: &Path, mut all: Vec<(&Value, usize)>) -> Field {
    let compare = |a: &Value, b: &Value| compare_for_sort(Some(a), Some(b));
    all.sort_by(|(a, _), (b, _)| compare(a, b));
    let of_one_value = all.chunk_by(|(a, _), (b, _)| compare(a, b).is_eq());
    let filters = of_one_value.map(|all| (all[0].0.clone(), all.iter().map(|(_, number)| *number).collect())).collect();
    Field { path: path.clone(), filters }
}

#[cfg(test)]
mod tests {
    use kafka_wire::record_batch::Record;
    use proptest::prelude::*;
    use store::ViewId;
    use uuid::Uuid;
    use wire::event;

    use super::*;
    use crate::{
        head::{Head, PartitionHead},
        live_query::{LiveQuery, OnGap},
        matcher::{Matcher, Seen},
        view::Noted,
    };

    /// Many are equal to each other only as queries compare.
    const VALUES: &[&str] = &[
        "null",
        "true",
        "0",
        "-0.0",
        "1",
        "1.0",
        "9007199254740992.0",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616.0",
        "\"\"",
        "\"1\"",
        "\"2024-02-29\"",
        "\"2024-02-29T01:00+01:00\"",
        "[1,\"x\"]",
        "[1.0,\"x\"]",
    ];
    const FIELDS: &[&str] = &["a", "b", "b.c", "b[0]", "_id", "_id.c"];
    const IDS: &[&str] = &["1", "\"1\"", "{\"c\":1}"];
    const COLLECTIONS: &[&str] = &["people", "pets"];

    fn term() -> impl Strategy<Value = String> {
        let field = || prop::sample::select(FIELDS);
        let value = || prop::sample::select(VALUES);
        prop_oneof![
            5 => (field(), value()).prop_map(|(field, value)| format!("{field} == {value}")),
            1 => (field(), value()).prop_map(|(field, value)| format!("{value} == {field}")),
            1 => (field(), value()).prop_map(|(field, value)| format!("{field} != {value}")),
            1 => (field(), value()).prop_map(|(field, value)| format!("{field} <= {value}")),
            2 => (prop::collection::vec(value(), 0..4), field())
                .prop_map(|(values, field)| format!("contains([{}], {field})", values.join(", "))),
        ]
    }

    fn query() -> impl Strategy<Value = String> {
        term().prop_recursive(3, 6, 3, |inner| {
            let several = || prop::collection::vec(inner.clone(), 2..4);
            prop_oneof![
                3 => several().prop_map(|parts| format!("({})", parts.join(" && "))),
                1 => several().prop_map(|parts| format!("({})", parts.join(" || "))),
                1 => inner.clone().prop_map(|inner| format!("!({inner})")),
            ]
        })
    }

    /// As [`query`], by DQL.
    fn query_by_dql() -> impl Strategy<Value = String> {
        let field = || prop::sample::select(FIELDS);
        let value = || prop::sample::select(VALUES);
        let term = prop_oneof![
            5 => (field(), value()).prop_map(|(field, value)| format!("{field} = {value}")),
            1 => (field(), value()).prop_map(|(field, value)| format!("{value} != {field}")),
            1 => (field(), value()).prop_map(|(field, value)| format!("{field} <= {value}")),
            1 => (field(), prop::sample::select(vec!["NULL", "MISSING", "NOT NULL"]))
                .prop_map(|(field, what)| format!("{field} IS {what}")),
            2 => (prop::collection::vec(value(), 1..4), field())
                .prop_map(|(values, field)| format!("{field} IN ({})", values.join(", "))),
        ];
        term.prop_recursive(3, 6, 3, |inner| {
            let several = || prop::collection::vec(inner.clone(), 2..4);
            prop_oneof![
                3 => several().prop_map(|parts| format!("({})", parts.join(" AND "))),
                1 => several().prop_map(|parts| format!("({})", parts.join(" OR "))),
                1 => inner.clone().prop_map(|inner| format!("NOT ({inner})")),
            ]
        })
    }

    fn view(collection: Option<&str>, query: Option<&str>) -> Arc<View> {
        view_by(QueryLanguage::Legacy, collection, query)
    }

    fn view_by(query_language: QueryLanguage, collection: Option<&str>, query: Option<&str>) -> Arc<View> {
        let query = LiveQuery {
            name: "q".into(),
            collection: collection.map(Into::into),
            query: query.map(Into::into),
            query_language,
            partitions: 1,
            on_gap: OnGap::Requery,
            compression: crate::live_query::Compression::None,
            permission: None,
            created_ms: 1,
        };
        let filter = query.check().unwrap();
        let matcher = Matcher { filter, collection: query.collection.clone(), ..Matcher::everything() };
        let (name, partitions) = ("t".to_owned(), vec![PartitionHead::default()]);
        let head = Head { name: name.clone(), created_ms: 0, origin: 0, scanned_to: 0, partitions };
        let noted = Noted { number: ViewId(1), head: &head, open: vec![None], seams: &[], settled_at: 0 };
        Arc::new(View::new(noted, name, Uuid::nil(), query, matcher, Arc::default()))
    }

    fn any_view() -> impl Strategy<Value = Arc<View>> {
        let collection = prop::option::of(prop::sample::select(COLLECTIONS));
        let query = prop_oneof![
            query().prop_map(|text| (QueryLanguage::Legacy, text)),
            query_by_dql().prop_map(|text| (QueryLanguage::Dql, text)),
        ];
        (collection, prop::option::weighted(0.9, query)).prop_map(|(collection, query)| {
            let (language, text) = query.unzip();
            view_by(language.unwrap_or_default(), collection, text.as_deref())
        })
    }

    fn document() -> impl Strategy<Value = String> {
        let value = || prop::sample::select(VALUES);
        let of_b = prop_oneof![
            value().prop_map(str::to_owned),
            value().prop_map(|value| format!("{{\"c\":{value}}}")),
            value().prop_map(|value| format!("[{value}]")),
        ];
        (prop::option::of(value()), prop::option::of(of_b)).prop_map(|(a, b)| {
            let a = a.map(|value| format!("\"a\":{value}"));
            let b = b.map(|value| format!("\"b\":{value}"));
            format!("{{{}}}", a.into_iter().chain(b).collect::<Vec<_>>().join(","))
        })
    }

    /// An event's collection, key and value.
    type Written = (&'static str, Vec<u8>, Vec<u8>);

    /// With neither document it only names one.
    fn written(collection: &'static str, id: &str, old: Option<&str>, new: Option<&str>) -> Written {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        event::write_key(&mut key, collection, id);
        let put = |json: &str, out: &mut Vec<u8>| out.extend_from_slice(json.as_bytes());
        match (old, new) {
            (old, Some(new)) => event::write_upsert(
                &mut value,
                1,
                collection,
                |out| put(old.unwrap_or("null"), out),
                |out| put(new, out),
            ),
            (Some(old), None) => event::write_remove(&mut value, 1, collection, |out| put(old, out)),
            (None, None) => event::write_requery_required(&mut value, 1, &[]),
        }
        (collection, key, value)
    }

    fn read<T>((collection, key, value): &Written, read: impl FnOnce(&Event<'_>) -> T) -> T {
        let headers = vec![("collection", Some(collection.as_bytes()))];
        read(&Event::new(&Record { offset: 0, timestamp_ms: 0, key: Some(key), value: Some(value), headers }))
    }

    fn any_event() -> impl Strategy<Value = Written> {
        let place = (prop::sample::select(COLLECTIONS), prop::sample::select(IDS));
        let document = || prop::option::weighted(0.8, document());
        (place, document(), document())
            .prop_map(|((collection, id), old, new)| written(collection, id, old.as_deref(), new.as_deref()))
    }

    /// The live queries of which `says` holds: among the candidates, and among all.
    fn that(views: &[Arc<View>], candidates: &[&[usize]], says: impl Fn(&Matcher) -> bool) -> [Vec<usize>; 2] {
        let asked = candidates.iter().filter(|places| says(&views[places[0]].matcher));
        let mut found: Vec<usize> = asked.flat_map(|places| places.iter().copied()).collect();
        found.sort_unstable(); // what was found twice stands there twice
        [found, (0..views.len()).filter(|&place| says(&views[place].matcher)).collect()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn what_is_found_is_what_each_filter_alone_says(
            views in prop::collection::vec(any_view(), 1..8),
            events in prop::collection::vec(any_event(), 1..8),
        ) {
            let index = FilterIndex::new(&views);
            for event in &events {
                let (carries, sees_leave) = read(event, |event| {
                    let candidates = index.candidates(event);
                    let carries = that(&views, &candidates, |matcher| matcher.carries(event));
                    (carries, that(&views, &candidates, |matcher| matcher.sees(event) == Some(Seen::Leave)))
                });
                prop_assert_eq!(&carries[0], &carries[1]);
                prop_assert_eq!(&sees_leave[0], &sees_leave[1]);
            }
        }
    }

    #[test]
    fn a_text_of_both_languages_is_two_filters() {
        let both = [QueryLanguage::Legacy, QueryLanguage::Dql, QueryLanguage::Dql];
        let views = both.map(|language| view_by(language, None, Some("n < 'a'")));
        let index = FilterIndex::new(&views);
        assert_eq!(index.asked_always(), 2);
    }

    #[test]
    fn only_filters_that_can_match_are_asked() {
        let queries = [
            "kind == 'a' && n == 1",
            "kind == 'a' && n == 2",
            "_id == 7 && n == 3",
            "n > 5",
            "n == 4 && kind == 'b'",
            "n > 5",
        ];
        let views = queries.map(|query| view(Some("people"), Some(query)));
        let index = FilterIndex::new(&views);
        assert_eq!(index.asked_always(), 1);
        let check = |event: Written, expect: &[&[usize]]| {
            read(&event, |event| assert_eq!(index.candidates(event), expect));
        };
        let people = |id, old, new| written("people", id, old, new);
        check(people("1", None, Some(r#"{"kind":"a","n":0}"#)), &[&[3, 5]]);
        check(people("1", None, Some(r#"{"kind":"a","n":2}"#)), &[&[3, 5], &[1]]);
        check(people("1", Some(r#"{"n":4.0}"#), Some(r#"{"kind":"a","n":2}"#)), &[&[3, 5], &[1], &[4]]);
        check(people("7", Some("{}"), None), &[&[3, 5], &[2]]);
        check(people("7", None, None), &[&[2], &[0], &[1], &[4], &[3, 5]]);
        check(written("pets", "7", Some("{}"), None), &[]);
    }
}
