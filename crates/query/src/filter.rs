//! A bound query and its evaluation.
//!
//! Invariants: evaluating never fails and never recurses deeper than the query was nested (values aside, which `document` bounds); its cost is
//! at most the document's size for each comparison. What stands nowhere in a document is null.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use document::{DocumentId, Map, Path, Value};

use crate::bind::id_of;
use crate::compare::{compare, equal, order};
use crate::pattern::Pattern;

/// A condition with its arguments in place.
#[derive(Debug)]
pub(crate) enum Node {
    Constant(bool),
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Equal {
        left: Source,
        right: Source,
    },
    Less {
        left: Source,
        right: Source,
    },
    LessOrEqual {
        left: Source,
        right: Source,
    },
    /// `contains` with a constant array, sorted as [`compare`] does.
    IsOneOf {
        element: Source,
        sorted: Vec<Value>,
    },
    Contains {
        array: Source,
        element: Source,
    },
    StartsWith {
        text: Source,
        prefix: Source,
    },
    EndsWith {
        text: Source,
        suffix: Source,
    },
    Regex {
        text: Source,
        pattern: Pattern,
    },
    /// The document's id is one of these. Never empty.
    IdIsOneOf(BTreeSet<DocumentId>),
    IdEquals(Source),
    /// `contains` with the id as the element.
    IdIsAmong(Source),
}

/// Where a value comes from.
#[derive(Debug)]
pub(crate) enum Source {
    Field(Path),
    /// The whole `_id`.
    Id,
    /// A path that begins with `_id`.
    IdPart(Path),
    Constant(Value),
}

/// A document that may match.
pub(crate) struct Candidate<'d> {
    id: Option<&'d DocumentId>,
    fields: Option<&'d Map>,
    /// `{"_id": …}`, made when first asked for: most queries never do.
    id_as_field: OnceCell<Map>,
}

static NULL: Value = Value::Null;

impl<'d> Candidate<'d> {
    pub(crate) fn new(id: &'d DocumentId, fields: &'d Map) -> Self {
        Self { id: Some(id), fields: Some(fields), id_as_field: OnceCell::new() }
    }

    /// For a node that reads constants only.
    pub(crate) fn of_nothing() -> Self {
        Self { id: None, fields: None, id_as_field: OnceCell::new() }
    }

    fn id_as_field(&self) -> &Map {
        self.id_as_field.get_or_init(|| {
            let id = self.id.map_or(Value::Null, DocumentId::to_value);
            Map::from_fields(vec![("_id".to_string(), id)])
        })
    }

    fn has_id(&self, value: &Value) -> bool {
        id_of(value).as_ref() == self.id
    }
}

impl Source {
    fn value<'v>(&'v self, candidate: &'v Candidate<'_>) -> &'v Value {
        match self {
            Source::Field(path) => candidate.fields.and_then(|fields| path.lookup(fields)).unwrap_or(&NULL),
            Source::Id => candidate.id_as_field().field("_id").unwrap_or(&NULL),
            Source::IdPart(path) => path.lookup(candidate.id_as_field()).unwrap_or(&NULL),
            Source::Constant(value) => value,
        }
    }

    fn text<'v>(&'v self, candidate: &'v Candidate<'_>) -> Option<&'v str> {
        match self.value(candidate) {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    fn elements<'v>(&'v self, candidate: &'v Candidate<'_>) -> &'v [Value] {
        match self.value(candidate) {
            Value::Array(elements) => elements,
            _ => &[],
        }
    }
}

impl Node {
    /// Whether the condition holds.
    pub(crate) fn matches(&self, candidate: &Candidate<'_>) -> bool {
        match self {
            Node::Constant(value) => *value,
            Node::All(parts) => parts.iter().all(|part| part.matches(candidate)),
            Node::Any(parts) => parts.iter().any(|part| part.matches(candidate)),
            Node::Not(inner) => !inner.matches(candidate),
            Node::Equal { left, right } => equal(left.value(candidate), right.value(candidate)),
            Node::Less { left, right } => {
                order(left.value(candidate), right.value(candidate)).is_some_and(|o| o.is_lt())
            }
            Node::LessOrEqual { left, right } => {
                order(left.value(candidate), right.value(candidate)).is_some_and(|o| o.is_le())
            }
            Node::IsOneOf { element, sorted } => {
                let element = element.value(candidate);
                sorted.binary_search_by(|probe| compare(probe, element)).is_ok()
            }
            Node::Contains { array, element } => {
                let element = element.value(candidate);
                array.elements(candidate).iter().any(|one| equal(one, element))
            }
            Node::StartsWith { text, prefix } => both(text, prefix, candidate, |text, prefix| text.starts_with(prefix)),
            Node::EndsWith { text, suffix } => both(text, suffix, candidate, |text, suffix| text.ends_with(suffix)),
            Node::Regex { text, pattern } => text.text(candidate).is_some_and(|text| pattern.matches(text)),
            Node::IdIsOneOf(ids) => candidate.id.is_some_and(|id| ids.contains(id)),
            Node::IdEquals(other) => candidate.has_id(other.value(candidate)),
            Node::IdIsAmong(array) => array.elements(candidate).iter().any(|one| candidate.has_id(one)),
        }
    }

    /// Whether the outcome can depend on a document's fields.
    pub(crate) fn reads_fields(&self) -> bool {
        self.parts().iter().any(Node::reads_fields)
            || self.sources().into_iter().any(|source| matches!(source, Source::Field(_)))
    }

    /// The ids outside which the condition cannot be `outcome`; `None` if it can be for any id.
    pub(crate) fn ids_where(&self, outcome: bool) -> Option<BTreeSet<DocumentId>> {
        match self {
            Node::Constant(value) => (*value != outcome).then(BTreeSet::new),
            Node::Not(inner) => inner.ids_where(!outcome),
            Node::All(parts) if outcome => ids_in_all(parts, outcome),
            Node::Any(parts) if !outcome => ids_in_all(parts, outcome),
            Node::All(parts) | Node::Any(parts) => ids_in_any(parts, outcome),
            Node::IdIsOneOf(ids) if outcome => Some(ids.clone()),
            _ => None,
        }
    }

    /// Fields, each with the values one of which it must [`equal`] for the condition to hold; what stands nowhere is null.
    pub(crate) fn required_values(&self) -> Vec<(&Path, Vec<&Value>)> {
        match self {
            Node::Equal { left: Source::Field(path), right: Source::Constant(value) }
            | Node::Equal { left: Source::Constant(value), right: Source::Field(path) } => vec![(path, vec![value])],
            Node::IsOneOf { element: Source::Field(path), sorted } => vec![(path, sorted.iter().collect())],
            Node::All(parts) => parts.iter().flat_map(Node::required_values).collect(),
            Node::Any(parts) => parts.iter().map(Node::required_values).reduce(required_by_either).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// What it reads itself, without its parts.
    pub(crate) fn sources(&self) -> Vec<&Source> {
        match self {
            Node::Constant(_) | Node::All(_) | Node::Any(_) | Node::Not(_) | Node::IdIsOneOf(_) => Vec::new(),
            Node::Equal { left, right } | Node::Less { left, right } | Node::LessOrEqual { left, right } => {
                vec![left, right]
            }
            Node::Contains { array, element } => vec![array, element],
            Node::StartsWith { text, prefix: other } | Node::EndsWith { text, suffix: other } => vec![text, other],
            Node::Regex { text: one, .. }
            | Node::IsOneOf { element: one, .. }
            | Node::IdEquals(one)
            | Node::IdIsAmong(one) => vec![one],
        }
    }

    fn parts(&self) -> &[Node] {
        match self {
            Node::All(parts) | Node::Any(parts) => parts,
            Node::Not(inner) => std::slice::from_ref(inner),
            _ => &[],
        }
    }
}

fn both(a: &Source, b: &Source, candidate: &Candidate<'_>, test: impl Fn(&str, &str) -> bool) -> bool {
    a.text(candidate).zip(b.text(candidate)).is_some_and(|(a, b)| test(a, b))
}

fn ids_in_all(parts: &[Node], outcome: bool) -> Option<BTreeSet<DocumentId>> {
    let pinned = parts.iter().filter_map(|part| part.ids_where(outcome));
    pinned.reduce(|a, b| a.intersection(&b).cloned().collect())
}

fn ids_in_any(parts: &[Node], outcome: bool) -> Option<BTreeSet<DocumentId>> {
    parts.iter().try_fold(BTreeSet::new(), |mut ids, part| {
        ids.append(&mut part.ids_where(outcome)?);
        Some(ids)
    })
}

/// A field that both require has a value of the one or of the other.
fn required_by_either<'n>(
    a: Vec<(&'n Path, Vec<&'n Value>)>,
    b: Vec<(&'n Path, Vec<&'n Value>)>,
) -> Vec<(&'n Path, Vec<&'n Value>)> {
    let of_both = |(path, mut values): (&'n Path, Vec<&'n Value>)| {
        let (_, others) = b.iter().find(|(other, _)| *other == path)?;
        values.extend(others);
        Some((path, values))
    };
    a.into_iter().filter_map(of_both).collect()
}
