//! A parsed [`Condition`] and its arguments to a [`Node`] that is ready to be evaluated.
//!
//! Invariants: what depends on no document is decided here, unless that takes long, and a [`Node::Constant`] stands
//! alone or not at all; a regular expression is compiled once; a comparison of the whole `_id` with a constant is a
//! [`Node::IdIsOneOf`].

use std::collections::BTreeSet;

use document::{DocumentId, Map, Path, PathSegment, Value};

use crate::BindError;
use crate::budget::{Budget, NODE_STEPS, VALUE_STEPS};
use crate::compare::compare_freely;
use crate::filter::{Candidate, Node, Source};
use crate::limits::FOLD_STEPS_MAX;
use crate::pattern::Pattern;
use crate::syntax::{Comparison, Condition, Operand, PatternSource, write_argument};
use crate::token::shortened;

/// What binding made.
pub(crate) struct Bound {
    pub(crate) root: Node,
    /// What it took, compiling included.
    pub(crate) steps: u64,
}

/// Puts `args` in place.
pub(crate) fn bind(condition: &Condition, args: &Map) -> Result<Bound, BindError> {
    let mut binder = Binder { args, steps: 0, folding: Budget::new(FOLD_STEPS_MAX) };
    let root = binder.condition(condition)?;
    Ok(Bound { root, steps: binder.steps.saturating_add(binder.folding.spent()) })
}

/// To bring one element of a constant array into order.
const SORTED_ELEMENT_STEPS: u64 = 16 * VALUE_STEPS;

struct Binder<'a> {
    args: &'a Map,
    steps: u64,
    /// For what depends on no document.
    folding: Budget,
}

impl Binder<'_> {
    fn condition(&mut self, condition: &Condition) -> Result<Node, BindError> {
        self.steps += NODE_STEPS;
        Ok(match condition {
            Condition::Constant(value) => Node::Constant(*value),
            Condition::All(parts) => all(self.conditions(parts)?),
            Condition::Any(parts) => any(self.conditions(parts)?),
            Condition::Not(inner) => not(self.condition(inner)?),
            Condition::Compare { left, comparison, right } => {
                let (left, right) = (self.operand(left)?, self.operand(right)?);
                self.compared(left, *comparison, right)
            }
            Condition::Contains { array, element } => {
                let (array, element) = (self.array(array)?, self.operand(element)?);
                self.contains(array, element)
            }
            Condition::StartsWith { text, prefix } => {
                let (text, prefix) = (self.text(text, "starts_with")?, self.text(prefix, "starts_with")?);
                self.folded(Node::StartsWith { text, prefix })
            }
            Condition::EndsWith { text, suffix } => {
                let (text, suffix) = (self.text(text, "ends_with")?, self.text(suffix, "ends_with")?);
                self.folded(Node::EndsWith { text, suffix })
            }
            Condition::Regex { text, pattern } => {
                let (text, pattern) = (self.text(text, "regex")?, self.pattern(pattern)?);
                self.folded(Node::Regex { text, pattern })
            }
        })
    }

    fn conditions(&mut self, parts: &[Condition]) -> Result<Vec<Node>, BindError> {
        parts.iter().map(|part| self.condition(part)).collect()
    }

    fn compared(&mut self, left: Source, comparison: Comparison, right: Source) -> Node {
        match comparison {
            Comparison::Equal => self.equal(left, right),
            Comparison::Unequal => not(self.equal(left, right)),
            Comparison::Less => self.folded(Node::Less { left, right }),
            Comparison::LessOrEqual => self.folded(Node::LessOrEqual { left, right }),
            Comparison::Greater => self.folded(Node::Less { left: right, right: left }),
            Comparison::GreaterOrEqual => self.folded(Node::LessOrEqual { left: right, right: left }),
        }
    }

    fn equal(&mut self, left: Source, right: Source) -> Node {
        match (left, right) {
            (Source::Id, Source::Constant(value)) | (Source::Constant(value), Source::Id) => id_is_one_of([&value]),
            (Source::Id, other) | (other, Source::Id) => Node::IdEquals(other),
            (left, right) => self.folded(Node::Equal { left, right }),
        }
    }

    fn contains(&mut self, array: Source, element: Source) -> Node {
        if let Source::Constant(Value::Array(elements)) = &array {
            self.steps += SORTED_ELEMENT_STEPS * elements.len() as u64;
        }
        match (array, element) {
            (Source::Constant(Value::Array(elements)), Source::Id) => id_is_one_of(&elements),
            (Source::Constant(Value::Array(mut sorted)), element) => {
                sorted.sort_by(compare_freely);
                self.folded(Node::IsOneOf { element, sorted })
            }
            (array, Source::Id) => Node::IdIsAmong(array),
            (array, element) => self.folded(Node::Contains { array, element }),
        }
    }

    /// Decides a node that reads nothing from a document, if that does not take long.
    fn folded(&mut self, node: Node) -> Node {
        if node.sources().into_iter().all(|source| matches!(source, Source::Constant(_)))
            && let Ok(holds) = node.matches(&Candidate::of_nothing(), &mut self.folding)
        {
            return Node::Constant(holds);
        }
        node
    }

    fn operand(&self, operand: &Operand) -> Result<Source, BindError> {
        Ok(match operand {
            Operand::Field(path) => field(path),
            Operand::Argument(path) => Source::Constant(self.argument(path)?.clone()),
            Operand::Literal(value) => Source::Constant(value.clone()),
            Operand::Array(elements) => Source::Constant(Value::Array(self.elements(elements)?)),
        })
    }

    fn elements(&self, elements: &[Operand]) -> Result<Vec<Value>, BindError> {
        elements
            .iter()
            .map(|element| match self.operand(element)? {
                Source::Constant(value) => Ok(value),
                _ => unreachable!("an array's elements are constants"),
            })
            .collect()
    }

    fn array(&self, operand: &Operand) -> Result<Source, BindError> {
        let source = self.operand(operand)?;
        match (&source, operand) {
            (Source::Constant(Value::Array(_)), _) => Ok(source),
            (Source::Constant(value), Operand::Argument(path)) => Err(wrong_kind(path, value, "an array", "contains")),
            _ => Ok(source),
        }
    }

    fn text(&self, operand: &Operand, function: &str) -> Result<Source, BindError> {
        let source = self.operand(operand)?;
        match (&source, operand) {
            (Source::Constant(Value::String(_)), _) => Ok(source),
            (Source::Constant(value), Operand::Argument(path)) => Err(wrong_kind(path, value, "a string", function)),
            _ => Ok(source),
        }
    }

    fn pattern(&mut self, source: &PatternSource) -> Result<Pattern, BindError> {
        let pattern = self.compiled(source)?;
        self.steps = self.steps.saturating_add(pattern.compile_steps());
        Ok(pattern)
    }

    fn compiled(&self, source: &PatternSource) -> Result<Pattern, BindError> {
        let path = match source {
            PatternSource::Literal(pattern) => return Ok(pattern.clone()),
            PatternSource::Argument(path) => path,
        };
        match self.argument(path)? {
            Value::String(text) => Pattern::compile(text)
                .map_err(|message| BindError { message: format!("{}: {message}", argument_name(path)) }),
            other => Err(wrong_kind(path, other, "a string", "regex")),
        }
    }

    fn argument(&self, path: &Path) -> Result<&Value, BindError> {
        path.lookup(self.args)
            .ok_or_else(|| BindError { message: format!("the argument {} is missing", argument_name(path)) })
    }
}

fn field(path: &Path) -> Source {
    match path.segments.as_slice() {
        [PathSegment::Field(name)] if name == "_id" => Source::Id,
        [PathSegment::Field(name), ..] if name == "_id" => Source::IdPart(path.clone()),
        _ => Source::Field(path.clone()),
    }
}

fn id_is_one_of<'v>(values: impl IntoIterator<Item = &'v Value>) -> Node {
    let ids: BTreeSet<DocumentId> = values.into_iter().filter_map(id_of).collect();
    if ids.is_empty() { Node::Constant(false) } else { Node::IdIsOneOf(ids) }
}

/// The id that equals `value`; none does unless it is a string, an integer (as a float, too: `1.0` is 1) or an object.
pub(crate) fn id_of(value: &Value) -> Option<DocumentId> {
    match value {
        Value::Float(float) => DocumentId::from_value(&integer_of(*float)?).ok(),
        other => DocumentId::from_value(other).ok(),
    }
}

/// The 64-bit integer that equals `float` exactly.
fn integer_of(float: f64) -> Option<Value> {
    let whole = float as i128; // saturates beyond 64 bits, where neither conversion below succeeds
    if float.fract() != 0.0 {
        return None;
    }
    i64::try_from(whole).map(Value::Int).or_else(|_| u64::try_from(whole).map(Value::Uint)).ok()
}

fn all(parts: Vec<Node>) -> Node {
    let mut kept = Vec::new();
    for part in parts {
        match part {
            Node::Constant(true) => {}
            Node::Constant(false) => return Node::Constant(false),
            Node::All(inner) => kept.extend(inner),
            other => kept.push(other),
        }
    }
    match kept.len() {
        0 => Node::Constant(true),
        1 => kept.remove(0),
        _ => Node::All(kept),
    }
}

/// Ids joined by `||` become one set, so that a long list of them is one look-up.
fn any(parts: Vec<Node>) -> Node {
    let mut ids = BTreeSet::new();
    let mut kept = Vec::new();
    for part in parts {
        match part {
            Node::Constant(false) => {}
            Node::Constant(true) => return Node::Constant(true),
            Node::IdIsOneOf(more) => ids.extend(more),
            Node::Any(inner) => kept.extend(inner),
            other => kept.push(other),
        }
    }
    if !ids.is_empty() {
        kept.insert(0, Node::IdIsOneOf(ids));
    }
    match kept.len() {
        0 => Node::Constant(false),
        1 => kept.remove(0),
        _ => Node::Any(kept),
    }
}

fn not(inner: Node) -> Node {
    match inner {
        Node::Constant(value) => Node::Constant(!value),
        Node::Not(inner) => *inner,
        other => Node::Not(Box::new(other)),
    }
}

fn wrong_kind(path: &Path, found: &Value, wanted: &str, function: &str) -> BindError {
    BindError {
        message: format!(
            "the argument {} must be {wanted} to stand in `{function}`, but it is {}",
            argument_name(path),
            found.kind_name()
        ),
    }
}

fn argument_name(path: &Path) -> String {
    let mut name = String::new();
    write_argument(&mut name, path).expect("writing to a string does not fail");
    shortened(&name)
}
