//! A bound WHERE, and what it demands of documents.
//!
//! Invariants: a document that matches has one of the ids and meets every demand of at least one
//! alternative; only `true` matches.

use std::collections::BTreeSet;
use std::ops::Bound;

use document::{DocumentId, Map, Path, Value};

use super::bind::Binder;
use super::compare::{Kind, compare};
use super::function::Function;
use super::node::{Comparison, NULL, Node, Scope, TRUE};
use super::syntax::Source;
use super::{ConditionError, Constants, parse};
use crate::Filter;
use crate::budget::{Budget, NODE_STEPS, QUERY_BYTE_STEPS, TooExpensive};
use crate::demand::{Demand, Demands, Place, Test};
use crate::filter::required_by_either;

/// How many ids may equal one object: of a number there is an integer and a float.
const EQUAL_IDS_MAX: usize = 16;

/// A condition on documents: WHERE, and the ids of USE IDS.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    /// `None`: every document.
    pub(crate) root: Option<Node>,
    /// Only these, sorted, each once.
    pub(crate) ids: Option<Vec<DocumentId>>,
}

/// The condition that `text` is, as a filter of documents of `collection`, or of any.
pub(crate) fn parse_alone(text: &str, collection: Option<&str>) -> Result<Filter, ConditionError> {
    let expression = parse::parse_condition(text)?;
    let constants = Constants { now_ms: 0, strict: false, request_info: Map::new(), zone_offset: None };
    let name = collection.unwrap_or_default().to_owned();
    let source = Source { name, definitions: Vec::new(), alias: None, use_ids: None, use_index: None };
    let args = Map::new();
    let mut binder = Binder::alone(&args, &constants, &source);
    let root = binder.expression(&expression)?;
    let made_steps = binder.steps.saturating_add(QUERY_BYTE_STEPS * text.len() as u64);
    Ok(Filter::of_dql(Condition { root: Some(root), ids: None }, made_steps))
}

/// As the methods of [`Filter`] of the same names.
impl Condition {
    pub(crate) fn matches(&self, id: &DocumentId, fields: &Map, budget: &mut Budget) -> Result<bool, TooExpensive> {
        if let Some(ids) = &self.ids {
            budget.charge(NODE_STEPS)?;
            if ids.binary_search(id).is_err() {
                return Ok(false);
            }
        }
        match &self.root {
            Some(root) => root.holds(&Scope { id: Some(id), fields, slots: &[] }, budget),
            None => Ok(true),
        }
    }

    pub(crate) fn steps_max(&self) -> Option<u64> {
        let of_root = self.root.as_ref().map_or(Some(0), Node::steps_max)?;
        Some(of_root.saturating_add(NODE_STEPS))
    }

    pub(crate) fn ids(&self) -> Option<Vec<DocumentId>> {
        let of_root = self.root.as_ref().and_then(ids_of);
        match (&self.ids, of_root) {
            (Some(ids), Some(of_root)) => Some(ids.iter().filter(|&id| of_root.contains(id)).cloned().collect()),
            (Some(ids), None) => Some(ids.clone()),
            (None, of_root) => of_root.map(|ids| ids.into_iter().collect()),
        }
    }

    pub(crate) fn required_values(&self) -> Vec<(&Path, Vec<&Value>)> {
        self.root.as_ref().map(required_values).unwrap_or_default()
    }

    pub(crate) fn demands(&self) -> Demands<'_> {
        let of_root = self.root.as_ref().map_or_else(Demands::of_everything, demands);
        Demands { are_all: of_root.are_all && self.ids.is_none(), ..of_root }
    }

    pub(crate) fn collect_field_names<'n>(&'n self, names: &mut BTreeSet<&'n str>) {
        if let Some(root) = &self.root {
            root.collect_field_names(names);
        }
    }

    pub(crate) fn is_id_only(&self) -> bool {
        !self.root.as_ref().is_some_and(Node::reads_fields)
    }

    pub(crate) fn is_always(&self) -> bool {
        self.ids.is_none() && self.root.as_ref().is_none_or(is_true)
    }
}

fn is_true(node: &Node) -> bool {
    matches!(node, Node::Constant(Some(Value::Bool(true))))
}

/// What a part of a condition that tests one place by constants says of it.
enum Leaf<'n> {
    /// It equals one of these, none of them null.
    OneOf(Vec<&'n Value>),
    Missing,
    Null,
    /// It has the kind of the bounds and lies between them.
    Range(Bound<&'n Value>, Bound<&'n Value>),
    /// It begins so; `false`: that is not all.
    Prefix(&'n str, bool),
    /// It is never true.
    Never,
}

/// The place that a node tests, and how. `None` if it tests more than one, or in another way.
fn leaf(node: &Node) -> Option<(&Node, Leaf<'_>)> {
    match node {
        Node::Field(_) => Some((node, Leaf::OneOf(vec![&TRUE]))),
        Node::Compare { left, comparison, right } => match (&**left, &**right) {
            (place, Node::Constant(value)) => Some((place, compared(*comparison, value.as_ref())?)),
            (Node::Constant(value), place) => Some((place, compared(comparison.swapped(), value.as_ref())?)),
            _ => None,
        },
        Node::Between { value, low, high } => match (&**low, &**high) {
            (Node::Constant(low), Node::Constant(high)) => Some((value, between(low.as_ref(), high.as_ref())?)),
            _ => None,
        },
        Node::IsOneOf { element, sorted, .. } => Some((element, Leaf::OneOf(sorted.iter().collect()))),
        Node::IsNull(inner) => Some((inner, Leaf::Null)),
        Node::IsMissing(inner) => Some((inner, Leaf::Missing)),
        Node::Like { text, pattern } => {
            let (prefix, is_all) = pattern.prefix()?;
            (!prefix.is_empty()).then_some((&**text, Leaf::Prefix(prefix, is_all)))
        }
        Node::Call { function: Function::StartsWith, arguments } => match arguments.as_slice() {
            [text, Node::Constant(Some(Value::String(prefix)))] => Some((text, Leaf::Prefix(prefix, true))),
            _ => None,
        },
        _ => None,
    }
}

fn compared(comparison: Comparison, value: Option<&Value>) -> Option<Leaf<'_>> {
    let Some(value) = value.filter(|value| Kind::of(value) != Kind::Null) else { return Some(Leaf::Never) };
    match comparison {
        Comparison::Equal => return Some(Leaf::OneOf(vec![value])),
        Comparison::NotEqual => return None,
        _ if !Kind::of(value).is_scalar() => return None,
        _ => {}
    }
    Some(match comparison {
        Comparison::Less => Leaf::Range(Bound::Unbounded, Bound::Excluded(value)),
        Comparison::LessOrEqual => Leaf::Range(Bound::Unbounded, Bound::Included(value)),
        Comparison::Greater => Leaf::Range(Bound::Excluded(value), Bound::Unbounded),
        _ => Leaf::Range(Bound::Included(value), Bound::Unbounded),
    })
}

fn between<'n>(low: Option<&'n Value>, high: Option<&'n Value>) -> Option<Leaf<'n>> {
    match (low, high) {
        (Some(low), Some(high)) if Kind::of(low) == Kind::of(high) && Kind::of(low) != Kind::Null => {
            Kind::of(low).is_scalar().then_some(Leaf::Range(Bound::Included(low), Bound::Included(high)))
        }
        _ => Some(Leaf::Never),
    }
}

fn demands(node: &Node) -> Demands<'_> {
    match node {
        Node::Constant(_) if is_true(node) => Demands::of_everything(),
        Node::Constant(_) => Demands::of_nothing(),
        Node::All(parts) => Demands::of_all(parts.iter().map(demands)),
        Node::Any(parts) => Demands::of_any(parts.iter().map(demands)),
        _ => of_leaf(node).unwrap_or(Demands { are_all: false, ..Demands::of_everything() }),
    }
}

fn of_leaf(node: &Node) -> Option<Demands<'_>> {
    let (tested, leaf) = leaf(node)?;
    if matches!(leaf, Leaf::Never) {
        return Some(Demands::of_nothing());
    }
    let place = match tested {
        Node::Field(path) => Place::Field(path),
        Node::Id => Place::Id,
        _ => return None,
    };
    let (test, are_all) = match leaf {
        Leaf::OneOf(values) => (Test::OneOf(values), true),
        Leaf::Missing => (Test::Missing, true),
        Leaf::Null => (Test::OneOf(vec![&NULL]), true),
        Leaf::Range(lower, upper) => (Test::Range { lower, upper }, true),
        Leaf::Prefix(prefix, is_all) => (Test::Prefix(prefix), is_all),
        Leaf::Never => return Some(Demands::of_nothing()),
    };
    Some(Demands { alternatives: vec![vec![Demand { place, test }]], are_all })
}

/// Fields, each with the values one of which it must equal, as the legacy language compares too.
fn required_values(node: &Node) -> Vec<(&Path, Vec<&Value>)> {
    match node {
        Node::All(parts) => parts.iter().flat_map(required_values).collect(),
        Node::Any(parts) => parts.iter().map(required_values).reduce(required_by_either).unwrap_or_default(),
        _ => match leaf(node) {
            Some((Node::Field(path), Leaf::OneOf(values)))
                if values.iter().all(|value| Kind::of(value).is_scalar()) =>
            {
                vec![(path, values)]
            }
            // What is missing is null there.
            Some((Node::Field(path), Leaf::Null | Leaf::Missing)) => vec![(path, vec![&NULL])],
            _ => Vec::new(),
        },
    }
}

/// The ids outside which the condition cannot be true; `None` if it can be for any id.
fn ids_of(node: &Node) -> Option<BTreeSet<DocumentId>> {
    match node {
        Node::Constant(_) => (!is_true(node)).then(BTreeSet::new),
        Node::All(parts) => parts.iter().filter_map(ids_of).reduce(|a, b| a.intersection(&b).cloned().collect()),
        Node::Any(parts) => parts.iter().try_fold(BTreeSet::new(), |mut ids, part| {
            ids.append(&mut ids_of(part)?);
            Some(ids)
        }),
        _ => match leaf(node)? {
            (_, Leaf::Never) => Some(BTreeSet::new()),
            (Node::Id, Leaf::OneOf(values)) => values.into_iter().try_fold(BTreeSet::new(), |mut ids, value| {
                ids.extend(ids_equal_to(value)?);
                Some(ids)
            }),
            _ => None,
        },
    }
}

/// Every id that equals `value`; `None` if there may be many.
fn ids_equal_to(value: &Value) -> Option<Vec<DocumentId>> {
    let ids = match value {
        Value::Map(_) => equal_values(value)?.iter().filter_map(|value| DocumentId::from_value(value).ok()).collect(),
        other => crate::bind::id_of(other).into_iter().collect(),
    };
    Some(ids)
}

/// Every value that equals `value`: a number may be an integer or a float.
fn equal_values(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => Some(equal_numbers(value)),
        Value::Array(elements) => {
            let arrays = combined(elements.iter(), equal_values)?;
            Some(arrays.into_iter().map(Value::Array).collect())
        }
        Value::Map(map) => {
            let objects = combined(map.iter(), |(name, value)| {
                Some(equal_values(value)?.into_iter().map(|value| (name.to_owned(), value)).collect())
            })?;
            Some(objects.into_iter().map(|fields| Value::Map(Map::from_fields(fields))).collect())
        }
        other => Some(vec![other.clone()]),
    }
}

fn equal_numbers(number: &Value) -> Vec<Value> {
    let candidates = [
        Some(number.clone()),
        crate::compare::Number::of(number).and_then(super::arithmetic::whole),
        crate::compare::Number::of(number).map(|number| Value::Float(super::arithmetic::float(number))),
        Some(Value::Float(-0.0)),
        Some(Value::Float(0.0)),
    ];
    let mut equal: Vec<Value> = Vec::new();
    for candidate in candidates.into_iter().flatten() {
        if compare(Some(&candidate), Some(number)).is_eq() && !equal.contains(&candidate) {
            equal.push(candidate);
        }
    }
    equal
}

/// Every list with one choice for each of `parts`.
fn combined<P, T: Clone>(parts: impl Iterator<Item = P>, choices: impl Fn(P) -> Option<Vec<T>>) -> Option<Vec<Vec<T>>> {
    let mut lists = vec![Vec::new()];
    for part in parts {
        let choices = choices(part)?;
        if lists.len() * choices.len() > EQUAL_IDS_MAX {
            return None;
        }
        lists = lists
            .iter()
            .flat_map(|list| choices.iter().map(|choice| list.iter().chain([choice]).cloned().collect()))
            .collect();
    }
    Some(lists)
}
