//! A bound query and its evaluation.
//!
//! Invariants: evaluating fails only for want of steps, and never recurses deeper than the query was nested (values
//! aside, which `document` bounds); whatever it does was charged before. What stands nowhere in a document is null.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::BTreeSet;

use document::{DocumentId, Map, Path, PathSegment, Value};

use crate::bind::id_of;
use crate::budget::{Budget, NODE_STEPS, SEGMENT_STEPS, TEXT_STEPS, TooExpensive, VALUE_STEPS};
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

    fn id_as_field(&self, budget: &mut Budget) -> Result<&Map, TooExpensive> {
        if let Some(known) = self.id_as_field.get() {
            return Ok(known);
        }
        budget.charge(self.id.map_or(0, |id| ID_BYTE_STEPS * id.as_json().len() as u64))?;
        Ok(self.id_as_field.get_or_init(|| {
            let id = self.id.map_or(Value::Null, DocumentId::to_value);
            Map::from_fields(vec![("_id".to_string(), id)])
        }))
    }

    fn has_id(&self, value: &Value, budget: &mut Budget) -> Result<bool, TooExpensive> {
        charge_as_id(value, budget)?;
        Ok(id_of(value).as_ref() == self.id)
    }
}

/// To read or write one byte of an id.
pub(crate) const ID_BYTE_STEPS: u64 = 4;

/// Making an id of a value takes all of it.
fn charge_as_id(value: &Value, budget: &mut Budget) -> Result<(), TooExpensive> {
    budget.charge(TEXT_STEPS)?;
    match value {
        Value::String(text) => budget.charge(ID_BYTE_STEPS * text.len() as u64),
        Value::Array(elements) => elements.iter().try_for_each(|element| charge_as_id(element, budget)),
        Value::Map(map) => map.iter().try_for_each(|(name, value)| {
            budget.charge(ID_BYTE_STEPS * name.len() as u64)?;
            charge_as_id(value, budget)
        }),
        _ => Ok(()),
    }
}

impl Source {
    fn value<'v>(&'v self, candidate: &'v Candidate<'_>, budget: &mut Budget) -> Result<&'v Value, TooExpensive> {
        Ok(match self {
            Source::Field(path) => {
                budget.charge(SEGMENT_STEPS * path.segments.len() as u64)?;
                candidate.fields.and_then(|fields| path.lookup(fields)).unwrap_or(&NULL)
            }
            Source::Id => candidate.id_as_field(budget)?.field("_id").unwrap_or(&NULL),
            Source::IdPart(path) => {
                budget.charge(SEGMENT_STEPS * path.segments.len() as u64)?;
                path.lookup(candidate.id_as_field(budget)?).unwrap_or(&NULL)
            }
            Source::Constant(value) => value,
        })
    }

    fn text<'v>(&'v self, candidate: &'v Candidate<'_>, budget: &mut Budget) -> Result<Option<&'v str>, TooExpensive> {
        Ok(match self.value(candidate, budget)? {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    fn elements<'v>(&'v self, candidate: &'v Candidate<'_>, budget: &mut Budget) -> Result<&'v [Value], TooExpensive> {
        Ok(match self.value(candidate, budget)? {
            Value::Array(elements) => elements,
            _ => &[],
        })
    }
}

impl Node {
    /// Whether the condition holds.
    pub(crate) fn matches(&self, candidate: &Candidate<'_>, budget: &mut Budget) -> Result<bool, TooExpensive> {
        budget.charge(NODE_STEPS)?;
        match self {
            Node::Constant(value) => Ok(*value),
            Node::All(parts) => is_any(parts, |part| Ok(!part.matches(candidate, budget)?)).map(|fails| !fails),
            Node::Any(parts) => is_any(parts, |part| part.matches(candidate, budget)),
            Node::Not(inner) => inner.matches(candidate, budget).map(|holds| !holds),
            Node::Equal { left, right } => {
                equal(left.value(candidate, budget)?, right.value(candidate, budget)?, budget)
            }
            Node::Less { left, right } => ordered(left, right, candidate, budget, Ordering::is_lt),
            Node::LessOrEqual { left, right } => ordered(left, right, candidate, budget, Ordering::is_le),
            Node::IsOneOf { element, sorted } => is_among(sorted, element.value(candidate, budget)?, budget),
            Node::Contains { array, element } => {
                let element = element.value(candidate, budget)?;
                is_any(array.elements(candidate, budget)?, |one| equal(one, element, budget))
            }
            Node::StartsWith { text, prefix } => {
                both(text, prefix, candidate, budget, |text, prefix| text.starts_with(prefix))
            }
            Node::EndsWith { text, suffix } => {
                both(text, suffix, candidate, budget, |text, suffix| text.ends_with(suffix))
            }
            Node::Regex { text, pattern } => match text.text(candidate, budget)? {
                Some(text) => pattern.matches(text, budget),
                None => Ok(false),
            },
            Node::IdIsOneOf(ids) => Ok(candidate.id.is_some_and(|id| ids.contains(id))),
            Node::IdEquals(other) => candidate.has_id(other.value(candidate, budget)?, budget),
            Node::IdIsAmong(array) => is_any(array.elements(candidate, budget)?, |one| candidate.has_id(one, budget)),
        }
    }

    /// The most steps that it can take, whatever the document is; `None` where that depends on the document.
    pub(crate) fn steps_max(&self) -> Option<u64> {
        let of_parts = self.parts().iter().try_fold(0_u64, |sum, part| Some(sum.saturating_add(part.steps_max()?)));
        let steps = match self {
            Node::Constant(_) | Node::All(_) | Node::Any(_) | Node::Not(_) | Node::IdIsOneOf(_) => 0,
            Node::Equal { left, right } | Node::Less { left, right } | Node::LessOrEqual { left, right } => {
                left.weight().or(right.weight())?
            }
            Node::StartsWith { text, prefix: other } | Node::EndsWith { text, suffix: other } => {
                text.weight().or(other.weight())?
            }
            Node::IsOneOf { sorted, .. } => {
                let looks = u64::from((sorted.len() + 1).ilog2()) + 1;
                looks * sorted.iter().map(weight).max().unwrap_or(0)
            }
            Node::Contains { .. } | Node::Regex { .. } | Node::IdEquals(_) | Node::IdIsAmong(_) => return None,
        };
        let looked_up: u64 = self.sources().into_iter().map(Source::look_up_steps_max).sum();
        Some(of_parts?.saturating_add(NODE_STEPS).saturating_add(steps).saturating_add(looked_up))
    }

    /// Whether the outcome can depend on a document's fields.
    pub(crate) fn reads_fields(&self) -> bool {
        self.parts().iter().any(Node::reads_fields)
            || self.sources().into_iter().any(|source| matches!(source, Source::Field(_)))
    }

    /// The fields of the document that are read, by the names of the first steps of their paths.
    pub(crate) fn collect_field_names<'n>(&'n self, names: &mut BTreeSet<&'n str>) {
        let of_source = |source: &'n Source| match source {
            Source::Field(path) => match path.segments.first() {
                Some(PathSegment::Field(name)) => Some(name.as_str()),
                _ => None,
            },
            _ => None,
        };
        names.extend(self.sources().into_iter().filter_map(of_source));
        self.parts().iter().for_each(|part| part.collect_field_names(names));
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

    /// Fields, each with the values one of which it must [`equal`] for the condition to hold; what stands nowhere is
    /// null.
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

    pub(crate) fn parts(&self) -> &[Node] {
        match self {
            Node::All(parts) | Node::Any(parts) => parts,
            Node::Not(inner) => std::slice::from_ref(inner),
            _ => &[],
        }
    }
}

impl Source {
    /// What comparing with it costs at most; `None` where that depends on the document.
    fn weight(&self) -> Option<u64> {
        match self {
            Source::Constant(value) => Some(weight(value)),
            Source::Id | Source::IdPart(_) => Some(TEXT_STEPS + document::limits::ID_BYTES_MAX as u64),
            Source::Field(_) => None,
        }
    }

    fn look_up_steps_max(&self) -> u64 {
        let id_steps = ID_BYTE_STEPS * document::limits::ID_BYTES_MAX as u64;
        match self {
            Source::Constant(_) => 0,
            Source::Field(path) => SEGMENT_STEPS * path.segments.len() as u64,
            Source::Id => id_steps,
            Source::IdPart(path) => id_steps + SEGMENT_STEPS * path.segments.len() as u64,
        }
    }
}

/// What comparing anything with `value` costs at most.
pub(crate) fn weight(value: &Value) -> u64 {
    let inside = match value {
        Value::String(text) => TEXT_STEPS + text.len() as u64,
        Value::Array(elements) => elements.iter().map(weight).sum(),
        Value::Map(map) => map.iter().map(|(name, value)| name.len() as u64 + weight(value)).sum(),
        _ => 0,
    };
    VALUE_STEPS + inside
}

/// Whether `test` says so of any; stops at the first.
fn is_any<T>(all: &[T], mut test: impl FnMut(&T) -> Result<bool, TooExpensive>) -> Result<bool, TooExpensive> {
    for one in all {
        if test(one)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn ordered(
    left: &Source,
    right: &Source,
    candidate: &Candidate<'_>,
    budget: &mut Budget,
    test: impl Fn(Ordering) -> bool,
) -> Result<bool, TooExpensive> {
    let ordering = order(left.value(candidate, budget)?, right.value(candidate, budget)?, budget)?;
    Ok(ordering.is_some_and(test))
}

fn is_among(sorted: &[Value], element: &Value, budget: &mut Budget) -> Result<bool, TooExpensive> {
    let mut rest = sorted;
    while !rest.is_empty() {
        let middle = rest.len() / 2;
        match compare(&rest[middle], element, budget)? {
            Ordering::Equal => return Ok(true),
            Ordering::Less => rest = &rest[middle + 1..],
            Ordering::Greater => rest = &rest[..middle],
        }
    }
    Ok(false)
}

fn both(
    a: &Source,
    b: &Source,
    candidate: &Candidate<'_>,
    budget: &mut Budget,
    test: impl Fn(&str, &str) -> bool,
) -> Result<bool, TooExpensive> {
    let (Some(a), Some(b)) = (a.text(candidate, budget)?, b.text(candidate, budget)?) else { return Ok(false) };
    budget.charge(a.len().min(b.len()) as u64)?;
    Ok(test(a, b))
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
pub(crate) fn required_by_either<'n>(
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
