//! Rules over `_id` alone that say which documents somebody may have
//! (docs/reference/access.md, "Permission documents").
//!
//! Invariants: the verdict depends on the collection and the id and on nothing else, so it never changes for a
//! document; what is not granted by a rule is not granted. Rules that compare one part of the id with one text, or
//! name whole ids, are looked up and cost nothing however many they are; the others are bounded
//! ([`limits::ID_RULES_ASKED_MAX`]), since each is asked.
//! Not here: whose rules they are (`credentials`), what is done by them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use document::{DocumentId, Map, Path, Value};

use crate::{
    BindError, Budget, Filter, ParseError, Query, Root,
    filter::{Node, Source},
    is_date_time,
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
    ids: BTreeSet<DocumentId>,
    /// By the part of the id, the texts that grant.
    texts: HashMap<Path, HashSet<String>>,
    asked: Vec<Filter>,
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
        "collection {collection} has more than {ID_RULES_ASKED_MAX} queries that are neither `_id == …` nor \
         `_id.part == 'text'`, or more than {ID_RULES_REGEX_MAX} regular expressions"
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
        self.everything || self.collections.get(collection).is_some_and(|rules| rules.grants(id))
    }
}

impl CollectionIdRules {
    fn compile(collection: &str, queries: &[String]) -> Result<Self, IdRulesError> {
        let mut rules = Self::default();
        let mut regexes = 0;
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
            rules.add(filter, &mut regexes);
            if rules.asked.len() > ID_RULES_ASKED_MAX || regexes > ID_RULES_REGEX_MAX {
                return Err(IdRulesError::TooMany { collection: collection() });
            }
        }
        Ok(rules)
    }

    fn add(&mut self, filter: Filter, regexes: &mut usize) {
        let Root::Legacy(root) = &filter.root else { return self.asked.push(filter) };
        match &**root {
            Node::Constant(true) => self.all = true,
            Node::Constant(false) => {}
            Node::IdIsOneOf(ids) => self.ids.extend(ids.iter().cloned()),
            Node::Equal { left: Source::IdPart(path), right: Source::Constant(Value::String(text)) }
            | Node::Equal { left: Source::Constant(Value::String(text)), right: Source::IdPart(path) }
                if !is_date_time(text) =>
            {
                self.texts.entry(path.clone()).or_default().insert(text.clone());
            }
            other => {
                *regexes += count_regexes(other);
                self.asked.push(filter);
            }
        }
    }

    fn is_none(&self) -> bool {
        !self.all && self.ids.is_empty() && self.texts.is_empty() && self.asked.is_empty()
    }

    /// Whether every document of the collection is granted.
    pub fn is_all(&self) -> bool {
        self.all
    }

    /// If only documents with these ids can be granted: the ids. A reader then need not scan.
    pub fn ids(&self) -> Option<&BTreeSet<DocumentId>> {
        (!self.all && self.texts.is_empty() && self.asked.is_empty()).then_some(&self.ids)
    }

    /// Whether a document is granted.
    pub fn grants(&self, id: &DocumentId) -> bool {
        if self.all || self.ids.contains(id) {
            return true;
        }
        if self.texts.is_empty() && self.asked.is_empty() {
            return false;
        }
        let as_field = Map::from_fields(vec![("_id".to_owned(), id.to_value())]);
        let has_text = |(path, texts): (&Path, &HashSet<String>)| matches!(path.lookup(&as_field), Some(Value::String(text)) if texts.contains(text));
        let no_fields = Map::default();
        // One that is too expensive on an id is so each time: it does not grant.
        let matches = |filter: &Filter| filter.matches(id, &no_fields, &mut Budget::of_a_document()) == Ok(true);
        self.texts.iter().any(has_text) || self.asked.iter().any(matches)
    }
}

fn count_regexes(node: &Node) -> usize {
    usize::from(matches!(node, Node::Regex { .. })) + node.parts().iter().map(count_regexes).sum::<usize>()
}

#[cfg(test)]
mod tests {
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
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        assert!(matches!(rules(&asked), Err(IdRulesError::TooMany { .. })));
        assert!(rules(&asked[1..]).is_ok());
    }

    #[test]
    fn only_whole_ids_need_no_scan() {
        assert_eq!(
            rules(&["_id == 'a'", "_id == 'b'"]).unwrap().of("books").unwrap().ids().map(BTreeSet::len),
            Some(2)
        );
        assert_eq!(rules(&["_id == 'a'", "_id.x == 'b'"]).unwrap().of("books").unwrap().ids(), None);
        assert_eq!(rules(&["true"]).unwrap().of("books").unwrap().ids(), None);
    }
}
