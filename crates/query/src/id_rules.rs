//! Rules over `_id` alone that say which documents somebody may have
//! (docs/reference/access.md, "Permission documents").
//!
//! Invariants: the verdict depends on the collection and the id and on nothing else, so it never changes for a
//! document; what is not granted by a rule is not granted. Rules that compare one part of the id with one text, say how
//! it begins, or name whole ids, are looked up and cost nothing however many they are; the others are bounded
//! ([`limits::ID_RULES_ASKED_MAX`]), since each is asked. Almost all of them are asked of the id's JSON (`id_test`).
//! Not here: whose rules they are (`credentials`), what is done by them.

use std::collections::{BTreeMap, HashMap, HashSet};

use document::{DocumentId, Map};

use crate::{
    BindError, Budget, Filter, ParseError, Query, Root,
    filter::Node,
    id_test::{Beginnings, IdPlace, IdTest, TextTest},
    limits::{ID_RULES_ASKED_MAX, ID_RULES_REGEX_MAX},
};

/// Which documents of each collection are granted. Built once, shared by all who have it.
#[derive(Debug, Default)]
pub struct IdRules {
    everything: bool,
    collections: HashMap<String, CollectionIdRules>,
}

/// Which documents of one collection are granted: those that any of its rules matches.
#[derive(Debug, Default)]
pub struct CollectionIdRules {
    all: bool,
    ids: HashSet<DocumentId>,
    /// The same in order, where they are all that can be granted.
    ids_alone: Option<Vec<DocumentId>>,
    /// What grants at each place in the id.
    texts: HashMap<IdPlace, Texts>,
    tests: Vec<IdTest>,
    /// What has no test.
    asked: Vec<Filter>,
}

/// Texts that grant where they stand.
#[derive(Debug, Default)]
struct Texts {
    whole: HashSet<String>,
    beginnings: Beginnings,
}

/// Ids that may be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grantable<'r> {
    /// This one.
    Id(&'r DocumentId),
    /// Those that are texts and begin so.
    Beginning(&'r str),
}

/// Why rules are none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IdRulesError {
    /// A query that is none.
    #[error("query {index} of collection {collection}: {error}")]
    Parse {
        /// Of which collection.
        collection: String,
        /// Which one, from 0.
        index: usize,
        /// What is wrong with it.
        error: ParseError,
    },
    /// A query that cannot be bound: it has `$args`, which nobody gives here.
    #[error("query {index} of collection {collection}: {error}")]
    Bind {
        /// Of which collection.
        collection: String,
        /// Which one, from 0.
        index: usize,
        /// What is wrong with it.
        error: BindError,
    },
    /// A query that looks at fields: what it says of a document could change.
    #[error(
        "query {index} of collection {collection} looks at fields; a permission may look at _id and its parts only"
    )]
    Fields {
        /// Of which collection.
        collection: String,
        /// Which one, from 0.
        index: usize,
    },
    /// More than can be asked for each document.
    #[error(
        "collection {collection} has more than {ID_RULES_ASKED_MAX} queries that are neither `_id == …`, \
         `_id.part == 'text'` nor `starts_with(_id.part, 'text')`, or more than {ID_RULES_REGEX_MAX} regular expressions"
    )]
    TooMany {
        /// The collection.
        collection: String,
    },
}

impl IdRules {
    /// Everything is granted.
    pub fn everything() -> Self {
        Self { everything: true, collections: HashMap::new() }
    }

    /// Of queries by collection; where `everything`, they are checked and say nothing.
    pub fn compile(everything: bool, queries: &BTreeMap<String, Vec<String>>) -> Result<Self, IdRulesError> {
        let mut collections = HashMap::new();
        for (collection, queries) in queries {
            collections.insert(collection.clone(), CollectionIdRules::compile(collection, queries)?);
        }
        Ok(Self { everything, collections })
    }

    /// Whether every document of every collection is granted.
    pub fn is_everything(&self) -> bool {
        self.everything
    }

    /// Whether every document of the collection is granted.
    pub fn is_all_of(&self, collection: &str) -> bool {
        self.everything || self.collections.get(collection).is_some_and(|rules| rules.all)
    }

    /// Whether some document of the collection may be granted.
    pub fn is_some_of(&self, collection: &str) -> bool {
        self.everything || self.collections.get(collection).is_some_and(|rules| !rules.is_none())
    }

    /// The rules of a collection; `None` where nothing of it is granted, or where everything is
    /// ([`IdRules::is_everything`]).
    pub fn of(&self, collection: &str) -> Option<&CollectionIdRules> {
        self.collections.get(collection)
    }

    /// Whether a document is granted.
    pub fn grants(&self, collection: &str, id: &DocumentId) -> bool {
        self.everything || self.collections.get(collection).is_some_and(|rules| rules.grants(id.as_json()))
    }
}

impl CollectionIdRules {
    fn compile(collection: &str, queries: &[String]) -> Result<Self, IdRulesError> {
        let mut rules = Self::default();
        let (mut asked, mut regexes) = (0, 0);
        for (index, text) in queries.iter().enumerate() {
            let collection = || collection.to_owned();
            let parsed =
                Query::parse(text).map_err(|error| IdRulesError::Parse { collection: collection(), index, error })?;
            let filter = parsed.bind(&Map::default()).map_err(|error| IdRulesError::Bind {
                collection: collection(),
                index,
                error,
            })?;
            if !filter.is_id_only() {
                return Err(IdRulesError::Fields { collection: collection(), index });
            }
            asked += usize::from(!rules.add(filter, &mut regexes));
            if asked > ID_RULES_ASKED_MAX || regexes > ID_RULES_REGEX_MAX {
                return Err(IdRulesError::TooMany { collection: collection() });
            }
        }
        if !rules.all && rules.texts.is_empty() && rules.tests.is_empty() && rules.asked.is_empty() {
            let mut ids: Vec<_> = rules.ids.iter().cloned().collect();
            ids.sort_unstable();
            rules.ids_alone = Some(ids);
        }
        Ok(rules)
    }

    /// Whether it is looked up, and not asked each time.
    fn add(&mut self, filter: Filter, regexes: &mut usize) -> bool {
        let Root::Legacy(root) = &filter.root else {
            self.asked.push(filter);
            return false;
        };
        match IdTest::of(root) {
            Some(test) => self.add_test(test),
            None => {
                *regexes += count_regexes(root);
                self.asked.push(filter);
                false
            }
        }
    }

    fn add_test(&mut self, test: IdTest) -> bool {
        match test {
            IdTest::Constant(grants) => self.all |= grants,
            IdTest::Is(ids) => self.ids.extend(ids),
            IdTest::Text(place, TextTest::OneOf(texts)) => self.texts.entry(place).or_default().whole.extend(texts),
            IdTest::Text(place, TextTest::StartsWith(text)) => {
                self.texts.entry(place).or_default().beginnings.insert(text);
            }
            IdTest::Any(parts) => {
                let mut all = true;
                for part in parts {
                    all &= self.add_test(part); // each is added, whatever the others are
                }
                return all;
            }
            other => {
                self.tests.push(other);
                return false;
            }
        }
        true
    }

    fn is_none(&self) -> bool {
        self.ids().is_some_and(<[_]>::is_empty)
    }

    /// Whether every document of the collection is granted.
    pub fn is_all(&self) -> bool {
        self.all
    }

    /// If only documents with these ids can be granted: the ids, in order. A reader then need not scan.
    pub fn ids(&self) -> Option<&[DocumentId]> {
        self.ids_alone.as_deref()
    }

    /// What ids can be granted, in no order, where that is one of so many. `None` where others can be too, or they
    /// are more.
    pub fn grantable(&self, most: usize) -> Option<Vec<Grantable<'_>>> {
        if self.all || !self.tests.is_empty() || !self.asked.is_empty() || self.ids.len() > most {
            return None;
        }
        let mut grantable: Vec<_> = self.ids.iter().map(Grantable::Id).collect();
        for (place, texts) in &self.texts {
            if !place.is_whole() || !texts.whole.is_empty() || grantable.len() + texts.beginnings.iter().len() > most {
                return None;
            }
            grantable.extend(texts.beginnings.iter().map(Grantable::Beginning));
        }
        Some(grantable)
    }

    /// Whether the document with this id, which is canonical JSON, is granted.
    pub fn grants(&self, id_json: &str) -> bool {
        let has_text = |(place, texts): (&IdPlace, &Texts)| place.text(id_json).is_some_and(|text| texts.grant(&text));
        self.all
            || self.texts.iter().any(has_text)
            || self.ids.contains(id_json)
            || self.tests.iter().any(|test| test.holds(id_json))
            || self.is_granted_by_asking(id_json)
    }

    fn is_granted_by_asking(&self, id_json: &str) -> bool {
        if self.asked.is_empty() {
            return false;
        }
        let Ok(id) = DocumentId::from_json(id_json) else { return false };
        let no_fields = Map::default();
        // One that is too expensive on an id is so each time: it does not grant.
        self.asked.iter().any(|filter| filter.matches(&id, &no_fields, &mut Budget::of_a_document()) == Ok(true))
    }
}

impl Texts {
    fn grant(&self, text: &str) -> bool {
        self.whole.contains(text) || self.beginnings.begin(text)
    }
}

fn count_regexes(node: &Node) -> usize {
    usize::from(matches!(node, Node::Regex { .. })) + node.parts().iter().map(count_regexes).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use document::Value;

    use super::*;

    fn rules(queries: &[&str]) -> Result<IdRules, IdRulesError> {
        let queries = queries.iter().map(|&text| text.to_owned()).collect();
        IdRules::compile(false, &[("books".to_owned(), queries)].into())
    }

    fn id(text: &str) -> DocumentId {
        DocumentId::from_value(&Value::from_json(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn any_of_several_rules_grants() {
        let rules = rules(&["_id.shop == 'x'", "_id == 'a'", "starts_with(_id.shop, 'y')", "_id.n > 3"]).unwrap();
        for (text, is_granted) in [
            (r#"{"shop":"x","n":1}"#, true),
            (r#""a""#, true),
            (r#""x""#, false),
            (r#"{"shop":"yes"}"#, true),
            (r#"{"shop":"z","n":4}"#, true),
            (r#"{"shop":"z","n":3}"#, false),
            (r#"{"shop":["x"]}"#, false),
            ("7", false),
        ] {
            assert_eq!(rules.grants("books", &id(text)), is_granted, "{text}");
        }
        assert!(!rules.grants("other", &id(r#""a""#)));
        assert!(!rules.is_all_of("books") && rules.is_some_of("books") && !rules.is_some_of("other"));
    }

    #[test]
    fn what_is_looked_up_says_what_asking_would() {
        let texts =
            ["_id.d == '2024-01-01T00:00:00Z'", "_id.d == 'x'", "_id == 'x'", "'x' == _id.d.e", "true", "false"];
        let ids =
            [r#"{"d":"2024-01-01T01:00:00+01:00"}"#, r#"{"d":"x"}"#, r#""x""#, r#"{"d":{"e":"x"}}"#, r#"{"d":7}"#];
        for text in texts {
            let asked = Query::parse(text).unwrap().bind(&Map::default()).unwrap();
            for one in ids.map(id) {
                let expected = asked.matches(&one, &Map::default(), &mut Budget::of_a_document()).unwrap();
                assert_eq!(rules(&[text]).unwrap().grants("books", &one), expected, "{text} of {one:?}");
            }
        }
    }

    #[test]
    fn fields_arguments_and_too_many_are_refused() {
        assert_eq!(
            rules(&["true", "owner == 'x'"]).unwrap_err().to_string(),
            "query 1 of collection books looks at fields; a permission may look at _id and its parts only"
        );
        assert!(matches!(rules(&["_id == $args.x"]), Err(IdRulesError::Bind { index: 0, .. })));
        assert!(matches!(rules(&["_id =="]), Err(IdRulesError::Parse { index: 0, .. })));
        let asked: Vec<String> = (0..=ID_RULES_ASKED_MAX).map(|n| format!("_id.n > {n}")).collect();
        let looked_up: Vec<String> =
            (0..2 * ID_RULES_ASKED_MAX).map(|n| format!("starts_with(_id, 'a{n}-')")).collect();
        assert!(rules(&looked_up.iter().map(String::as_str).collect::<Vec<_>>()).is_ok());
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        assert!(matches!(rules(&asked), Err(IdRulesError::TooMany { .. })));
        assert!(rules(&asked[1..]).is_ok());
    }

    #[test]
    fn only_whole_ids_need_no_scan() {
        assert_eq!(rules(&["_id == 'a'", "_id == 'b'"]).unwrap().of("books").unwrap().ids().map(<[_]>::len), Some(2));
        assert_eq!(rules(&["_id == 'a'", "_id.x == 'b'"]).unwrap().of("books").unwrap().ids(), None);
        assert_eq!(rules(&["true"]).unwrap().of("books").unwrap().ids(), None);
    }

    #[test]
    fn ids_and_how_they_begin_are_known() {
        let grantable = |queries: &[&str]| {
            let rules = rules(queries).unwrap();
            let known = rules.of("books").unwrap().grantable(2).map(|known| {
                let show = |one: &Grantable<'_>| match one {
                    Grantable::Id(id) => id.as_json().to_owned(),
                    Grantable::Beginning(text) => format!("{text}…"),
                };
                known.iter().map(show).collect::<Vec<_>>().join(" ")
            });
            known.unwrap_or("any".to_owned())
        };
        assert_eq!(grantable(&["_id == 'a'", "starts_with(_id, 'bc')", "starts_with(_id, 'b')"]), "\"a\" b…");
        assert_eq!(grantable(&["starts_with(_id, 'b') || starts_with(_id, 'bc')"]), "b…");
        assert_eq!(grantable(&["starts_with(_id, 'b')", "starts_with(_id.x, 'b')"]), "any");
        assert_eq!(grantable(&["starts_with(_id, 'b')", "_id > 'b'"]), "any");
        assert_eq!(grantable(&["starts_with(_id, 'b')", "_id == 1 || _id == 2"]), "any");
        assert_eq!(grantable(&["true"]), "any");
        assert_eq!(grantable(&[]), "");
    }
}
