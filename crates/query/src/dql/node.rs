//! Bound expressions and their evaluation.
//!
//! Invariants: evaluating fails only for want of steps, and whatever it does was charged before; it
//! recurses as deep as the statement was nested, since a chain of operators is one node.
//! Not here: what functions do (`call`), what operators on numbers do (`arithmetic`).

mod evaluate;
mod keyed;
mod list;
mod made;
mod truth;

use std::borrow::Cow;
use std::collections::BTreeSet;

use document::{DocumentId, Map, Path, PathSegment, Value};

use super::arithmetic::Operator;
use super::function::Function;
use super::like::Like;
use super::syntax::{CastKind, Quantifier};
use crate::budget::{Budget, NODE_STEPS, SEGMENT_STEPS, TooExpensive, VALUE_STEPS};
use crate::filter::{ID_BYTE_STEPS, weight};
use crate::pattern::Pattern;

pub(crate) use made::{Made, SORTED_FIELD_STEPS};
pub(crate) use truth::{Comparison, Truth};

/// A bound expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// A constant; `None`: MISSING.
    Constant(Option<Value>),
    /// What was computed before: of a group, its keys, then its aggregates ([`super::bind::Slots`]).
    Slot(usize),
    /// The whole `_id`.
    Id,
    /// A path that begins with `_id`.
    IdPart(Path),
    Field(Path),
    /// What ANY, EVERY, ARRAY or OBJECT bound: how many bindings further out, and what is in it.
    Variable {
        out: usize,
        steps: Vec<PathSegment>,
    },
    /// What is MISSING is null in it.
    Array(Vec<Node>),
    /// What is MISSING is not in it.
    Object(Vec<(Node, Node)>),
    All(Vec<Node>),
    Any(Vec<Node>),
    Xor(Vec<Node>),
    Not(Box<Node>),
    Compare {
        left: Box<Node>,
        comparison: Comparison,
        right: Box<Node>,
    },
    Between {
        value: Box<Node>,
        low: Box<Node>,
        high: Box<Node>,
    },
    /// IN constants: those that are not null, sorted.
    IsOneOf {
        element: Box<Node>,
        sorted: Vec<Value>,
        has_null: bool,
    },
    /// IN (…).
    IsAmong {
        element: Box<Node>,
        list: Vec<Node>,
    },
    /// IN an array.
    IsElement {
        element: Box<Node>,
        array: Box<Node>,
    },
    IsNull(Box<Node>),
    IsMissing(Box<Node>),
    Like {
        text: Box<Node>,
        pattern: Like,
    },
    LikeComputed {
        text: Box<Node>,
        pattern: Box<Node>,
        escape: char,
        any_case: bool,
    },
    /// `regexp_like` with a constant pattern.
    Regex {
        text: Box<Node>,
        pattern: Pattern,
    },
    Negate(Box<Node>),
    /// From left to right.
    Calculation {
        first: Box<Node>,
        rest: Vec<(Operator, Node)>,
    },
    Call {
        function: Function,
        arguments: Vec<Node>,
    },
    Case {
        operand: Option<Box<Node>>,
        branches: Vec<(Node, Node)>,
        otherwise: Option<Box<Node>>,
    },
    Cast {
        value: Box<Node>,
        kind: CastKind,
    },
    Quantified {
        quantifier: Quantifier,
        list: Elements,
        condition: Box<Node>,
    },
    /// With a key it makes an object, otherwise an array.
    Comprehension {
        key: Option<Box<Node>>,
        element: Box<Node>,
        list: Elements,
        condition: Option<Box<Node>>,
    },
}

/// What a variable goes through: an array's elements, an object's values; WITHIN: those in them,
/// too, each before what is in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Elements {
    pub(crate) list: Box<Node>,
    /// Whether there is a variable before it for where each lies: its index or its name.
    pub(crate) has_index: bool,
    pub(crate) within: bool,
}

/// A value, or MISSING.
pub(crate) type Evaluated<'v> = Option<Cow<'v, Value>>;

/// What an expression is evaluated on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'v> {
    /// `None`: there is no document (`system:dual`, the values of an INSERT).
    pub(crate) id: Option<&'v DocumentId>,
    /// Without `_id`.
    pub(crate) fields: &'v Map,
    pub(crate) slots: &'v [Option<Value>],
}

/// A scope, and the variables in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Environment<'v> {
    scope: Scope<'v>,
    variable: Option<&'v Variable<'v>>,
}

#[derive(Debug)]
struct Variable<'v> {
    value: &'v Value,
    outer: Option<&'v Variable<'v>>,
}

pub(crate) static NULL: Value = Value::Null;
pub(crate) static TRUE: Value = Value::Bool(true);
pub(crate) static FALSE: Value = Value::Bool(false);

impl Node {
    /// Its value.
    pub(crate) fn evaluate<'v>(
        &'v self,
        scope: &Scope<'v>,
        budget: &mut Budget,
    ) -> Result<Evaluated<'v>, TooExpensive> {
        self.value(&Environment { scope: *scope, variable: None }, budget)
    }

    /// Whether it is `true`.
    pub(crate) fn holds(&self, scope: &Scope<'_>, budget: &mut Budget) -> Result<bool, TooExpensive> {
        Ok(self.truth(&Environment { scope: *scope, variable: None }, budget)? == Truth::True)
    }

    /// Adds the names of the fields that it looks at, of nested ones the outermost.
    pub(crate) fn collect_field_names<'n>(&'n self, names: &mut BTreeSet<&'n str>) {
        if let Node::Field(path) = self
            && let Some(PathSegment::Field(name)) = path.segments.first()
        {
            names.insert(name);
        }
        self.parts().into_iter().for_each(|part| part.collect_field_names(names));
    }

    /// The path that it is, if it is no more than one: a field, `_id` or a part of it.
    pub(crate) fn as_path(&self) -> Option<Path> {
        match self {
            Node::Field(path) | Node::IdPart(path) => Some(path.clone()),
            Node::Id => Some(Path { segments: vec![PathSegment::Field("_id".to_owned())] }),
            _ => None,
        }
    }

    /// Whether its value can depend on a document's fields.
    pub(crate) fn reads_fields(&self) -> bool {
        matches!(self, Node::Field(_)) || self.parts().into_iter().any(Node::reads_fields)
    }

    /// The first path in it.
    pub(crate) fn first_path(&self) -> Option<Path> {
        self.as_path().or_else(|| self.parts().into_iter().find_map(Node::first_path))
    }

    /// The most steps that it can take, whatever the document is; `None` where that depends on the
    /// document.
    pub(crate) fn steps_max(&self) -> Option<u64> {
        let of_parts =
            self.parts().into_iter().try_fold(0_u64, |sum, part| Some(sum.saturating_add(part.steps_max()?)))?;
        let id_steps = ID_BYTE_STEPS * document::limits::ID_BYTES_MAX as u64;
        let own = match self {
            Node::Constant(_)
            | Node::Slot(_)
            | Node::All(_)
            | Node::Any(_)
            | Node::Xor(_)
            | Node::Not(_)
            | Node::IsNull(_)
            | Node::IsMissing(_)
            | Node::Negate(_) => 0,
            Node::Id => id_steps,
            Node::IdPart(path) => id_steps + SEGMENT_STEPS * path.segments.len() as u64,
            Node::Field(path) => SEGMENT_STEPS * path.segments.len() as u64,
            Node::Compare { left, right, .. } => left.weight().or(right.weight())?,
            Node::Between { value, low, high } => match value.weight() {
                Some(weight) => weight.saturating_mul(2),
                None => low.weight()?.saturating_add(high.weight()?),
            },
            Node::IsOneOf { sorted, .. } => {
                let looks = u64::from((sorted.len() + 1).ilog2()) + 1;
                looks.saturating_mul(sorted.iter().map(weight).max().unwrap_or(0))
            }
            _ => return None,
        };
        Some(of_parts.saturating_add(own).saturating_add(NODE_STEPS))
    }

    /// What comparing with it costs at most; `None` where that depends on the document.
    fn weight(&self) -> Option<u64> {
        match self {
            Node::Constant(value) => Some(value.as_ref().map_or(0, weight)),
            Node::Id | Node::IdPart(_) => Some(VALUE_STEPS * document::limits::ID_BYTES_MAX as u64),
            _ => None,
        }
    }

    pub(crate) fn is_constant(&self) -> bool {
        matches!(self, Node::Constant(_))
    }

    /// What it is made of.
    pub(crate) fn parts(&self) -> Vec<&Node> {
        match self {
            Node::Constant(_) | Node::Slot(_) | Node::Id | Node::IdPart(_) | Node::Field(_) | Node::Variable { .. } => {
                Vec::new()
            }
            Node::Array(parts) | Node::All(parts) | Node::Any(parts) | Node::Xor(parts) => parts.iter().collect(),
            Node::Object(fields) => fields.iter().flat_map(|(key, value)| [key, value]).collect(),
            Node::Not(inner)
            | Node::IsNull(inner)
            | Node::IsMissing(inner)
            | Node::Negate(inner)
            | Node::IsOneOf { element: inner, .. }
            | Node::Like { text: inner, .. }
            | Node::Regex { text: inner, .. }
            | Node::Cast { value: inner, .. } => vec![&**inner],
            Node::Compare { left, right, .. } => vec![&**left, &**right],
            Node::Between { value, low, high } => vec![&**value, &**low, &**high],
            Node::IsAmong { element, list } => [&**element].into_iter().chain(list).collect(),
            Node::IsElement { element, array } => vec![&**element, &**array],
            Node::LikeComputed { text, pattern, .. } => vec![&**text, &**pattern],
            Node::Calculation { first, rest } => {
                [&**first].into_iter().chain(rest.iter().map(|(_, right)| right)).collect()
            }
            Node::Call { arguments, .. } => arguments.iter().collect(),
            Node::Case { operand, branches, otherwise } => {
                let branches = branches.iter().flat_map(|(condition, result)| [condition, result]);
                operand.as_deref().into_iter().chain(branches).chain(otherwise.as_deref()).collect()
            }
            Node::Quantified { list, condition, .. } => vec![&*list.list, &**condition],
            Node::Comprehension { key, element, list, condition } => {
                [&**element, &*list.list].into_iter().chain(key.as_deref()).chain(condition.as_deref()).collect()
            }
        }
    }
}

/// Null of null, otherwise MISSING.
fn unless_null(value: Option<&Value>) -> Truth {
    if matches!(value, Some(Value::Null)) { Truth::Null } else { Truth::Missing }
}
