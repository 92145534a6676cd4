//! Which filters are asked about a document, and whose they are.
//!
//! A filter that needs a field to equal one of some constants is entered under those, one that
//! matches certain ids only under these; the others are asked about every document.
//!
//! Invariants: a filter that has a document is among those found for it; each stands here once,
//! however many sessions ask it. Values are compared as filters compare them.
//! Not here: whether what was found does match.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use document::{DocumentId, Map, Path, Value};
use query::compare_for_sort;
use sync_protocol::SubId;

use crate::{limits::INDEXED_VALUES_MAX, subscription::Asked};

/// The filters on one collection. They are named by the addresses of what is asked.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    filters: HashMap<usize, AskedBy>,
    always: BTreeSet<usize>,
    by_id: HashMap<DocumentId, Vec<usize>>,
    by_field: HashMap<Path, Vec<(Value, Vec<usize>)>>,
    /// Fields that filters look at, and how many do.
    fields: HashMap<String, usize>,
}

/// A filter, and the sessions that ask it, each with its subscription's number.
#[derive(Debug)]
pub(crate) struct AskedBy {
    pub(crate) asked: Arc<Asked>,
    pub(crate) sessions: Vec<(u64, SubId)>,
    entered: Entered,
}

/// Where a filter is found.
#[derive(Debug)]
enum Entered {
    Always,
    Ids(Vec<DocumentId>),
    Values(Path, Vec<Value>),
}

impl Asking {
    pub(crate) fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    pub(crate) fn add(&mut self, asked: &Arc<Asked>, session: u64, sub: SubId) {
        let name = Arc::as_ptr(asked).addr();
        if let Some(known) = self.filters.get_mut(&name) {
            return known.sessions.push((session, sub));
        }
        for field in asked.filter.field_names() {
            *self.fields.entry(field.to_owned()).or_default() += 1;
        }
        let entered = self.enter(asked, name);
        self.filters.insert(name, AskedBy { asked: asked.clone(), sessions: vec![(session, sub)], entered });
    }

    pub(crate) fn remove(&mut self, asked: &Arc<Asked>, session: u64, sub: SubId) {
        let name = Arc::as_ptr(asked).addr();
        let Some(known) = self.filters.get_mut(&name) else { return };
        known.sessions.retain(|it| *it != (session, sub));
        if known.sessions.is_empty()
            && let Some(AskedBy { entered, .. }) = self.filters.remove(&name)
        {
            self.take_out(&entered, name);
            for field in asked.filter.field_names() {
                let Some(count) = self.fields.get_mut(field) else { continue };
                *count -= 1;
                if *count == 0 {
                    self.fields.remove(field);
                }
            }
        }
    }

    /// Whether a filter looks at the field of this name, or at something in it.
    pub(crate) fn looks_at(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// The sessions that ask anything.
    pub(crate) fn sessions(&self) -> BTreeSet<u64> {
        self.filters.values().flat_map(|filter| filter.sessions.iter().map(|(session, _)| *session)).collect()
    }

    /// The filters that may have a document of this id that is one of `states`.
    pub(crate) fn candidates<'a>(
        &'a self,
        id: &DocumentId,
        states: impl Iterator<Item = &'a Map> + Clone,
    ) -> impl Iterator<Item = &'a AskedBy> {
        let mut names: Vec<usize> = self.always.iter().copied().collect();
        names.extend(self.by_id.get(id).into_iter().flatten());
        for (path, values) in &self.by_field {
            for fields in states.clone() {
                if let Ok(at) = position(values, path.lookup(fields)) {
                    names.extend(&values[at].1);
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        names.into_iter().filter_map(|name| self.filters.get(&name))
    }

    fn enter(&mut self, asked: &Asked, name: usize) -> Entered {
        if let Some(ids) = asked.ids() {
            ids.iter().for_each(|id| self.by_id.entry(id.clone()).or_default().push(name));
            return Entered::Ids(ids);
        }
        let mut needs = asked.filter.required_values();
        needs.retain(|(_, values)| values.len() <= INDEXED_VALUES_MAX);
        let crowd = |path: &Path, values: &[&Value]| -> usize {
            let Some(known) = self.by_field.get(path) else { return 0 };
            let at = values.iter().filter_map(|value| position(known, Some(value)).ok());
            at.map(|at| known[at].1.len()).sum()
        };
        let Some((path, values)) = needs.into_iter().min_by_key(|(path, values)| crowd(path, values)) else {
            self.always.insert(name);
            return Entered::Always;
        };
        let known = self.by_field.entry(path.clone()).or_default();
        for value in &values {
            match position(known, Some(value)) {
                Ok(at) if known[at].1.contains(&name) => {}
                Ok(at) => known[at].1.push(name),
                Err(at) => known.insert(at, ((*value).clone(), vec![name])),
            }
        }
        Entered::Values(path.clone(), values.into_iter().cloned().collect())
    }

    fn take_out(&mut self, entered: &Entered, name: usize) {
        match entered {
            Entered::Always => drop(self.always.remove(&name)),
            Entered::Ids(ids) => {
                for id in ids {
                    let Some(names) = self.by_id.get_mut(id) else { continue };
                    names.retain(|it| *it != name);
                    if names.is_empty() {
                        self.by_id.remove(id);
                    }
                }
            }
            Entered::Values(path, values) => {
                let Some(known) = self.by_field.get_mut(path) else { return };
                for value in values {
                    let Ok(at) = position(known, Some(value)) else { continue };
                    known[at].1.retain(|it| *it != name);
                    if known[at].1.is_empty() {
                        known.remove(at);
                    }
                }
                if known.is_empty() {
                    self.by_field.remove(path);
                }
            }
        }
    }
}

/// Where a value stands, or would; a missing one is null.
fn position(values: &[(Value, Vec<usize>)], value: Option<&Value>) -> Result<usize, usize> {
    values.binary_search_by(|(known, _)| compare_for_sort(Some(known), value))
}

#[cfg(test)]
mod tests {
    use document::CollectionName;
    use query::Query;

    use super::*;

    const QUERIES: [&str; 9] = [
        "n == 1",
        "n == 1 && kind == 'a'",
        "contains([1, 2, 3], n)",
        "n > 2",
        "_id == 'x'",
        "kind == null",
        "kind == 'a' || n == 3",
        "true",
        "n == 1.0",
    ];

    fn asked(text: &str) -> Arc<Asked> {
        let filter = Query::parse(text).unwrap().bind(&Map::new()).unwrap();
        Arc::new(Asked { collection: CollectionName::new("c").unwrap(), filter, rights: None })
    }

    fn map(json: &str) -> Map {
        let Ok(Value::Map(map)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
        map
    }

    #[test]
    fn what_has_a_document_is_found_for_it_until_it_is_removed() {
        let all = QUERIES.map(asked);
        let mut asking = Asking::default();
        for (session, asked) in all.iter().enumerate() {
            asking.add(asked, session as u64, SubId(1));
            asking.add(asked, session as u64, SubId(2));
        }
        assert_eq!(asking.filters.len(), QUERIES.len());
        assert_eq!(["n", "kind", "x"].map(|field| asking.looks_at(field)), [true, true, false]);
        let states =
            ["{}", r#"{"n":1}"#, r#"{"n":3,"kind":"a"}"#, r#"{"n":2,"kind":null}"#, r#"{"kind":"b"}"#].map(map);
        let ids = ["x", "y"].map(|id| DocumentId::from_value(&Value::String(id.into())).unwrap());
        for removed in 0..=all.len() {
            for (id, state) in ids.iter().flat_map(|id| states.iter().map(move |state| (id, state))) {
                let found: Vec<_> = asking.candidates(id, [state].into_iter()).map(|it| it.asked.clone()).collect();
                for asked in &all[removed..] {
                    let is_found = found.iter().filter(|it| Arc::ptr_eq(it, asked)).count();
                    assert!(is_found <= 1 && (is_found == 1 || !asked.has(id, state)), "{asked:?} {state:?}");
                }
            }
            let Some(asked) = all.get(removed) else { break };
            asking.remove(asked, removed as u64, SubId(1));
            assert!(!asking.is_empty());
            asking.remove(asked, removed as u64, SubId(2));
        }
        assert!(asking.is_empty() && asking.always.is_empty() && asking.by_id.is_empty() && asking.by_field.is_empty());
        assert!(asking.fields.is_empty());
    }

    #[test]
    fn what_needs_another_value_is_not_asked() {
        let all: Vec<_> = (0..100).map(|n| asked(&format!("n == {n}"))).collect();
        let mut asking = Asking::default();
        all.iter().for_each(|asked| asking.add(asked, 1, SubId(1)));
        let (id, state) = (DocumentId::from_value(&Value::Int(1)).unwrap(), map(r#"{"n":7}"#));
        let found: Vec<_> = asking.candidates(&id, [&state].into_iter()).collect();
        assert!(found.len() == 1 && Arc::ptr_eq(&found[0].asked, &all[7]));
    }
}
