//! Arguments into their places: a tree's expressions to [`Node`]s.
//!
//! Invariants: what depends on no document is a [`Node::Constant`], unless that takes long to
//! compute; a constant pattern is compiled once; a chain of operators is one node, however long.
//! Not here: which documents a condition demands (`condition`).

use std::collections::BTreeMap;

use document::{Map, Path, PathSegment, Value};

use super::Constants;
use super::arithmetic::Operator;
use super::call::text::with_flags;
use super::compare::compare;
use super::date::Date;
use super::function::Function;
use super::like::{ESCAPE, Like};
use super::limits::PARAMETERS_BYTES_MAX;
use super::node::{Comparison, Elements, Node, Scope};
use super::syntax::{self, Aggregate, Binary, Expression, InList, Is, Source, Step};
use crate::BindError;
use crate::budget::{Budget, NODE_STEPS, VALUE_STEPS};
use crate::limits::{FOLD_STEPS_MAX, REGEX_COUNT_MAX};
use crate::pattern::Pattern;

/// To bring one element of a constant list into order.
const SORTED_ELEMENT_STEPS: u64 = 16 * VALUE_STEPS;

/// As [`Constants::zone_offset`].
type ZoneOffset = fn(&str, i64) -> Option<i32>;

/// Binds the expressions of one statement.
pub(crate) struct Binder<'a> {
    pub(crate) args: &'a Map,
    pub(crate) constants: &'a Constants,
    /// A path may begin with its name or alias; `None`: there is no document, and a path is an
    /// error.
    pub(crate) source: Option<&'a Source>,
    /// Whether `clock`'s time zones are taken.
    pub(crate) allows_zones: bool,
    /// What it took, in steps: patterns that were compiled.
    pub(crate) steps: u64,
    /// Patterns that were compiled, by their sources.
    regexes: BTreeMap<String, Pattern>,
    /// Whether there are neither arguments nor a time nor a request.
    alone: bool,
    /// What it comes to is to stay the same whenever it is bound.
    pub(super) is_kept: bool,
    /// For what depends on no document.
    folding: Budget,
    /// For constants that folding does not suffice for.
    computing: Budget,
    /// How much memory the parameters take so far.
    parameter_bytes: usize,
}

/// What a group knows: the expressions it was made by, and what was computed of its documents.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slots {
    /// As they are written.
    pub(crate) keys: Vec<Expression>,
    pub(crate) aggregates: Vec<BoundAggregate>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BoundAggregate {
    pub(crate) aggregate: Aggregate,
    pub(crate) distinct: bool,
    /// `None`: `COUNT(*)`.
    pub(crate) argument: Option<Node>,
}

impl<'a> Binder<'a> {
    /// For a statement that takes no time zones.
    pub(crate) fn new(args: &'a Map, constants: &'a Constants, source: Option<&'a Source>) -> Self {
        Self {
            args,
            constants,
            source,
            allows_zones: false,
            steps: 0,
            regexes: BTreeMap::new(),
            alone: false,
            is_kept: false,
            folding: Budget::new(FOLD_STEPS_MAX),
            computing: Budget::of_a_document(),
            parameter_bytes: 0,
        }
    }

    /// For a condition without a statement: it may ask for neither arguments nor the time nor the
    /// request.
    pub(crate) fn alone(args: &'a Map, constants: &'a Constants, source: &'a Source) -> Self {
        Self { alone: true, is_kept: true, ..Self::new(args, constants, Some(source)) }
    }

    /// As it is, but nothing is decided beforehand.
    #[cfg(test)]
    pub(crate) fn without_folding(self) -> Self {
        Self { folding: Budget::new(0), ..self }
    }

    /// An expression over a document. An aggregate in it is an error.
    pub(crate) fn expression(&mut self, expression: &Expression) -> Result<Node, BindError> {
        Binding { binder: self, variables: Vec::new(), group: None }.node(expression)
    }

    /// An expression over a group: what equals one of its keys becomes that key's slot, an aggregate
    /// the slot behind the keys; it is entered in `slots`, equal ones once. A path that is left over
    /// is an error that names it.
    pub(crate) fn grouped(&mut self, expression: &Expression, slots: &mut Slots) -> Result<Node, BindError> {
        let keys = slots.keys.iter().map(|key| self.expression(key)).collect::<Result<Vec<_>, _>>()?;
        let group = Group { keys, aggregates: &mut slots.aggregates };
        let node = Binding { binder: self, variables: Vec::new(), group: Some(group) }.node(expression)?;
        match node.first_path() {
            Some(path) => Err(error(format!("`{path}` must stand in GROUP BY or inside an aggregate"))),
            None => Ok(node),
        }
    }

    /// An expression without a document: its value.
    pub(crate) fn constant(&mut self, expression: &Expression) -> Result<Option<Value>, BindError> {
        let source = self.source.take();
        let node = self.expression(expression);
        self.source = source;
        match node? {
            Node::Constant(value) => Ok(value),
            // It takes longer than others are folded, so all of them are paid for together.
            node => {
                let before = self.computing.spent();
                let value = folded(&node, &mut self.computing);
                self.steps = self.steps.saturating_add(self.computing.spent() - before);
                value.map_err(|too_expensive| error(too_expensive.to_string()))
            }
        }
    }
}

/// What a group gives an expression.
struct Group<'g> {
    keys: Vec<Node>,
    aggregates: &'g mut Vec<BoundAggregate>,
}

/// One expression being bound.
struct Binding<'b, 'a> {
    binder: &'b mut Binder<'a>,
    /// Names that ANY, EVERY, ARRAY and OBJECT bound, the innermost last.
    variables: Vec<String>,
    group: Option<Group<'b>>,
}

fn error(message: impl Into<String>) -> BindError {
    BindError { message: message.into() }
}

/// Its value, which depends on no document.
fn folded(node: &Node, budget: &mut Budget) -> Result<Option<Value>, crate::TooExpensive> {
    let scope = Scope { id: None, fields: &Map::new(), slots: &[] };
    Ok(node.evaluate(&scope, budget)?.map(std::borrow::Cow::into_owned))
}

impl Binding<'_, '_> {
    fn node(&mut self, expression: &Expression) -> Result<Node, BindError> {
        // A chain of operators lies to the left: what is innermost there comes first.
        let mut chain = Vec::new();
        let mut first = expression;
        while let Expression::Binary { operator, left, right } = first {
            chain.push((*operator, &**right));
            first = left;
        }
        let mut node = self.single(first)?;
        node = self.finished(node);
        for (operator, right) in chain.into_iter().rev() {
            let right = self.node(right)?;
            let is_constant = [&node, &right].into_iter().all(|side| matches!(side, Node::Constant(_)));
            node = joined(node, operator, right);
            // The rest of a long chain is not looked at again.
            node = if is_constant { self.finished(node) } else { self.unless_key(node) };
        }
        Ok(node)
    }

    fn boxed(&mut self, expression: &Expression) -> Result<Box<Node>, BindError> {
        self.node(expression).map(Box::new)
    }

    fn nodes(&mut self, expressions: &[Expression]) -> Result<Vec<Node>, BindError> {
        expressions.iter().map(|expression| self.node(expression)).collect()
    }

    fn optional(&mut self, expression: Option<&Expression>) -> Result<Option<Box<Node>>, BindError> {
        expression.map(|expression| self.boxed(expression)).transpose()
    }

    /// Decides a node that depends on nothing, if that does not take long, and finds a group's keys.
    fn finished(&mut self, node: Node) -> Node {
        let node = self.decided(node);
        self.unless_key(node)
    }

    fn unless_key(&mut self, node: Node) -> Node {
        self.binder.steps = self.binder.steps.saturating_add(NODE_STEPS);
        if let Some(group) = &self.group
            && let Some(slot) = group.keys.iter().position(|key| *key == node)
        {
            return Node::Slot(slot);
        }
        node
    }

    fn decided(&mut self, node: Node) -> Node {
        let is_composite =
            !matches!(node, Node::Constant(_) | Node::Id | Node::IdPart(_) | Node::Field(_) | Node::Slot(_));
        let depends = |part: &&Node| !matches!(part, Node::Constant(_));
        if !is_composite || matches!(node, Node::Variable { .. }) || node.parts().iter().any(depends) {
            return node;
        }
        let before = self.binder.folding.spent();
        let value = folded(&node, &mut self.binder.folding);
        let spent = self.binder.folding.spent() - before;
        self.binder.steps = self.binder.steps.saturating_add(spent);
        match value {
            Ok(value) => Node::Constant(value),
            Err(_) => node,
        }
    }

    /// All but operators between two.
    fn single(&mut self, expression: &Expression) -> Result<Node, BindError> {
        Ok(match expression {
            Expression::Literal(value) => Node::Constant(Some(value.clone())),
            Expression::Parameter(name) => Node::Constant(Some(self.parameter(name)?)),
            Expression::Path(steps) => self.path(steps)?,
            Expression::Array(elements) => Node::Array(self.nodes(elements)?),
            Expression::Object(fields) => {
                let mut nodes = Vec::new();
                for (key, value) in fields {
                    nodes.push((self.node(key)?, self.node(value)?));
                }
                Node::Object(nodes)
            }
            Expression::Not(inner) => Node::Not(self.boxed(inner)?),
            Expression::Negate(inner) => Node::Negate(self.boxed(inner)?),
            Expression::Binary { .. } => unreachable!("the chain was followed to its end"),
            Expression::Is { value, what, negated } => {
                let value = self.boxed(value)?;
                self.negated(
                    *negated,
                    match what {
                        Is::Null => Node::IsNull(value),
                        Is::Missing => Node::IsMissing(value),
                    },
                )
            }
            Expression::Like { value, pattern, escape, any_case, negated } => {
                let (text, pattern) = (self.boxed(value)?, self.node(pattern)?);
                let like = self.like(text, pattern, *escape, *any_case);
                self.negated(*negated, like)
            }
            Expression::Between { value, low, high, negated } => {
                let (value, low, high) = (self.boxed(value)?, self.boxed(low)?, self.boxed(high)?);
                self.negated(*negated, Node::Between { value, low, high })
            }
            Expression::In { value, list, negated } => {
                let element = self.boxed(value)?;
                let node = self.is_in(element, list)?;
                self.negated(*negated, node)
            }
            Expression::Call { function, arguments } => self.call(*function, arguments)?,
            Expression::Aggregate { aggregate, distinct, argument } => {
                self.aggregate(*aggregate, *distinct, argument.as_deref())?
            }
            Expression::Case { operand, branches, otherwise } => {
                let operand = self.optional(operand.as_deref())?;
                let mut bound = Vec::new();
                for (condition, result) in branches {
                    bound.push((self.node(condition)?, self.node(result)?));
                }
                Node::Case { operand, branches: bound, otherwise: self.optional(otherwise.as_deref())? }
            }
            Expression::Cast { value, kind } => Node::Cast { value: self.boxed(value)?, kind: *kind },
            Expression::Quantified { quantifier, binding, condition } => {
                let list = self.elements(binding)?;
                let condition = self.within(binding, |own| own.boxed(condition))?;
                Node::Quantified { quantifier: *quantifier, list, condition }
            }
            Expression::Comprehension { key, element, binding, condition } => {
                let list = self.elements(binding)?;
                self.within(binding, |own| {
                    let (key, element) = (own.optional(key.as_deref())?, own.boxed(element)?);
                    Ok(Node::Comprehension { key, element, list, condition: own.optional(condition.as_deref())? })
                })?
            }
        })
    }

    fn negated(&mut self, negated: bool, node: Node) -> Node {
        let node = self.finished(node);
        if negated { Node::Not(Box::new(node)) } else { node }
    }

    fn parameter(&mut self, name: &str) -> Result<Value, BindError> {
        if self.binder.alone {
            self.refused_kept(&format!("the parameter :{name}"))?;
        }
        let Some(value) = self.binder.args.field(name) else {
            return Err(error(format!("Parameter {name} was not provided")));
        };
        let bytes = self.binder.parameter_bytes.saturating_add(value.memory_bytes());
        if bytes > PARAMETERS_BYTES_MAX {
            let most = PARAMETERS_BYTES_MAX >> 20;
            return Err(error(format!("the parameters, each wherever it stands, take more than {most} MiB")));
        }
        self.binder.parameter_bytes = bytes;
        Ok(value.clone())
    }

    fn refused_kept(&self, what: &str) -> Result<(), BindError> {
        match self.binder.is_kept {
            true => {
                Err(error(format!("{what} cannot stand in a condition that is kept: it must mean the same for ever")))
            }
            false => Ok(()),
        }
    }

    fn path(&self, steps: &[Step]) -> Result<Node, BindError> {
        let mut segments: Vec<PathSegment> = steps.iter().map(segment).collect();
        let Some(PathSegment::Field(first)) = segments.first() else {
            return Err(error("a path begins with a name"));
        };
        if let Some(out) = self.variables.iter().rev().position(|variable| variable == first) {
            segments.remove(0);
            return Ok(Node::Variable { out, steps: segments });
        }
        let Some(source) = self.binder.source else {
            let path = Path { segments };
            return Err(error(format!("`{path}` is a field, but there is no document to take it from")));
        };
        let qualifier = source.alias.as_ref().unwrap_or(&source.name);
        if first == qualifier && matches!(segments.get(1), Some(PathSegment::Field(_))) {
            segments.remove(0);
        }
        Ok(match segments.as_slice() {
            [PathSegment::Field(name)] if name == "_id" => Node::Id,
            [PathSegment::Field(name), ..] if name == "_id" => Node::IdPart(Path { segments }),
            _ => Node::Field(Path { segments }),
        })
    }

    fn like(&mut self, text: Box<Node>, pattern: Node, escape: Option<char>, any_case: bool) -> Node {
        let escape = escape.unwrap_or(ESCAPE);
        match pattern {
            Node::Constant(Some(Value::String(pattern))) => {
                self.binder.steps = self.binder.steps.saturating_add(4 * pattern.len() as u64);
                let pattern = Like::new(&pattern, escape, any_case);
                match pattern.exact() {
                    Some(exact) => {
                        let right = Box::new(Node::Constant(Some(Value::String(exact))));
                        Node::Compare { left: text, comparison: Comparison::Equal, right }
                    }
                    None => Node::Like { text, pattern },
                }
            }
            pattern => Node::LikeComputed { text, pattern: Box::new(pattern), escape, any_case },
        }
    }

    fn is_in(&mut self, element: Box<Node>, list: &InList) -> Result<Node, BindError> {
        let list = match list {
            InList::Each(list) => self.nodes(list)?,
            InList::Array(array) => match self.node(array)? {
                Node::Constant(Some(Value::Array(elements))) => {
                    elements.into_iter().map(|element| Node::Constant(Some(element))).collect()
                }
                Node::Array(elements) => elements,
                array => return Ok(Node::IsElement { element, array: Box::new(array) }),
            },
        };
        if !list.iter().all(|one| matches!(one, Node::Constant(Some(_)))) {
            return Ok(Node::IsAmong { element, list });
        }
        self.binder.steps = self.binder.steps.saturating_add(SORTED_ELEMENT_STEPS * list.len() as u64);
        let mut sorted = Vec::with_capacity(list.len());
        let mut has_null = false;
        for one in list {
            match one {
                Node::Constant(Some(Value::Null)) => has_null = true,
                Node::Constant(Some(value)) => sorted.push(value),
                _ => unreachable!("all are constants"),
            }
        }
        sorted.sort_by(|a, b| compare(Some(a), Some(b)));
        Ok(Node::IsOneOf { element, sorted, has_null })
    }

    fn elements(&mut self, binding: &syntax::Binding) -> Result<Elements, BindError> {
        let list = self.boxed(&binding.list)?;
        Ok(Elements { list, has_index: binding.index.is_some(), within: binding.within })
    }

    /// Runs `bind` where the variables of `binding` are known.
    fn within<T>(
        &mut self,
        binding: &syntax::Binding,
        bind: impl FnOnce(&mut Self) -> Result<T, BindError>,
    ) -> Result<T, BindError> {
        let outer = self.variables.len();
        self.variables.extend(binding.index.clone());
        self.variables.push(binding.name.clone());
        let bound = bind(self);
        self.variables.truncate(outer);
        bound
    }

    fn call(&mut self, function: Function, arguments: &[Expression]) -> Result<Node, BindError> {
        let arguments = self.nodes(arguments)?;
        match function {
            Function::Clock => {
                self.refused_kept("`clock`")?;
                self.clock(&arguments)
            }
            Function::RequestInfo => {
                self.refused_kept("`request_info`")?;
                Ok(Node::Constant(Some(Value::Map(self.binder.constants.request_info.clone()))))
            }
            Function::RegexpLike => self.regexp_like(arguments),
            Function::TzOffset if arguments.len() == 2 => self.tz_offset(&arguments),
            _ => Ok(Node::Call { function, arguments }),
        }
    }

    /// `clock()`, `clock(format)`, `clock(format, zone)`.
    fn clock(&self, arguments: &[Node]) -> Result<Node, BindError> {
        let mut texts = Vec::new();
        for argument in arguments {
            match argument {
                Node::Constant(Some(Value::String(text))) => texts.push(text.as_str()),
                Node::Constant(_) => return Ok(Node::Constant(None)),
                _ => return Err(error("`clock` takes texts that do not depend on a document")),
            }
        }
        let now_ms = self.binder.constants.now_ms;
        let offset = match texts.get(1) {
            Some(zone) => self.zone_offset(zone, now_ms)?,
            None => 0,
        };
        let value = match (Date::at(now_ms, offset), texts.first()) {
            (None, _) => None,
            (Some(date), None) => Some(Value::String(date.clock_text())),
            (Some(date), Some(&"ms")) => Some(date.milliseconds()),
            (Some(date), Some(format)) => date.formatted(format).map(Value::String),
        };
        Ok(Node::Constant(value))
    }

    /// `tz_offset(zone, 'TZN')`: how many minutes ahead of UTC a zone was at the epoch.
    fn tz_offset(&self, arguments: &[Node]) -> Result<Node, BindError> {
        let [zone, form] = arguments else { return Ok(Node::Constant(None)) };
        let (zone, form) = match (zone, form) {
            (Node::Constant(Some(Value::String(zone))), Node::Constant(Some(Value::String(form)))) => (zone, form),
            (Node::Constant(_), Node::Constant(_)) => return Ok(Node::Constant(None)),
            _ => return Err(error("`tz_offset` takes a zone's name that does not depend on a document")),
        };
        if !form.eq_ignore_ascii_case("TZN") {
            return Ok(Node::Constant(None));
        }
        let seconds = self.zones(zone)?(zone, 0);
        Ok(Node::Constant(seconds.map(|seconds| Value::Int(i64::from(seconds.div_euclid(60))))))
    }

    fn zone_offset(&self, zone: &str, now_ms: u64) -> Result<i32, BindError> {
        let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        self.zones(zone)?(zone, now_ms).ok_or_else(|| error(format!("there is no time zone '{zone}'")))
    }

    /// What knows time zones, where they may be asked for.
    fn zones(&self, zone: &str) -> Result<ZoneOffset, BindError> {
        let zones = self.binder.constants.zone_offset.filter(|_| self.binder.allows_zones);
        zones
            .ok_or_else(|| error(format!("the time zone '{zone}' cannot be taken: names of time zones are for SELECT")))
    }

    /// A constant pattern is compiled now.
    fn regexp_like(&mut self, mut arguments: Vec<Node>) -> Result<Node, BindError> {
        let constant = |at: usize| match arguments.get(at) {
            Some(Node::Constant(Some(Value::String(text)))) => Some(text.as_str()),
            None => Some(""),
            Some(_) => None,
        };
        let (Some(pattern), Some(flags)) = (constant(1), constant(2)) else {
            return Ok(Node::Call { function: Function::RegexpLike, arguments });
        };
        let named = |message: &str| error(format!("regexp_like: {message}"));
        let source = with_flags(pattern, flags).ok_or_else(|| named("the flags are c, i, m, s and x"))?;
        let pattern = match self.binder.regexes.get(&*source) {
            Some(known) => known.clone(),
            None if self.binder.regexes.len() >= REGEX_COUNT_MAX => {
                return Err(named(&format!("a statement can have at most {REGEX_COUNT_MAX} regular expressions")));
            }
            None => {
                let pattern = Pattern::compile(&source).map_err(|message| named(&message))?;
                self.binder.steps = self.binder.steps.saturating_add(pattern.compile_steps());
                self.binder.regexes.insert(source.into_owned(), pattern.clone());
                pattern
            }
        };
        Ok(Node::Regex { text: Box::new(arguments.swap_remove(0)), pattern })
    }

    fn aggregate(
        &mut self,
        aggregate: Aggregate,
        distinct: bool,
        argument: Option<&Expression>,
    ) -> Result<Node, BindError> {
        let name = name_of(aggregate);
        let Some(mut group) = self.group.take() else {
            let places = "the projection, HAVING and ORDER BY, and not inside one another";
            return Err(error(format!("`{name}` cannot stand here: aggregates are for {places}")));
        };
        if !self.variables.is_empty() {
            return Err(error(format!("`{name}` cannot stand inside ANY, EVERY, ARRAY or OBJECT")));
        }
        // Its argument is of documents, not of groups.
        let argument = argument.map(|argument| self.node(argument)).transpose()?;
        let bound = BoundAggregate { aggregate, distinct, argument };
        let at = match group.aggregates.iter().position(|known| *known == bound) {
            Some(at) => at,
            None => {
                group.aggregates.push(bound);
                group.aggregates.len() - 1
            }
        };
        let slot = Node::Slot(group.keys.len() + at);
        self.group = Some(Group { keys: std::mem::take(&mut group.keys), aggregates: group.aggregates });
        Ok(slot)
    }
}

fn segment(step: &Step) -> PathSegment {
    match step {
        Step::Field(name) => PathSegment::Field(name.clone()),
        Step::Index(index) => PathSegment::Index(*index),
    }
}

fn name_of(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Count => "count",
        Aggregate::Sum => "sum",
        Aggregate::Avg => "avg",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::Median => "median",
        Aggregate::Mid => "mid",
    }
}

/// An operator between two; a chain of one kind is one node.
fn joined(left: Node, operator: Binary, right: Node) -> Node {
    match operator {
        Binary::Or => match (left, right) {
            (Node::Any(mut parts), Node::Any(more)) => {
                parts.extend(more);
                Node::Any(parts)
            }
            (Node::Any(mut parts), right) => {
                parts.push(right);
                Node::Any(parts)
            }
            (left, right) => Node::Any(vec![left, right]),
        },
        Binary::And => match (left, right) {
            (Node::All(mut parts), Node::All(more)) => {
                parts.extend(more);
                Node::All(parts)
            }
            (Node::All(mut parts), right) => {
                parts.push(right);
                Node::All(parts)
            }
            (left, right) => Node::All(vec![left, right]),
        },
        Binary::Xor => match left {
            Node::Xor(mut parts) => {
                parts.push(right);
                Node::Xor(parts)
            }
            left => Node::Xor(vec![left, right]),
        },
        Binary::Equal => compared(left, Comparison::Equal, right),
        Binary::NotEqual => compared(left, Comparison::NotEqual, right),
        Binary::Less => compared(left, Comparison::Less, right),
        Binary::LessOrEqual => compared(left, Comparison::LessOrEqual, right),
        Binary::Greater => compared(left, Comparison::Greater, right),
        Binary::GreaterOrEqual => compared(left, Comparison::GreaterOrEqual, right),
        Binary::ShiftLeft => calculated(left, Operator::ShiftLeft, right),
        Binary::ShiftRight => calculated(left, Operator::ShiftRight, right),
        Binary::Add => calculated(left, Operator::Add, right),
        Binary::Subtract => calculated(left, Operator::Subtract, right),
        Binary::Concat => calculated(left, Operator::Concat, right),
        Binary::Multiply => calculated(left, Operator::Multiply, right),
        Binary::Divide => calculated(left, Operator::Divide, right),
        Binary::Remainder => calculated(left, Operator::Remainder, right),
    }
}

fn compared(left: Node, comparison: Comparison, right: Node) -> Node {
    Node::Compare { left: Box::new(left), comparison, right: Box::new(right) }
}

fn calculated(left: Node, operator: Operator, right: Node) -> Node {
    match left {
        Node::Calculation { first, mut rest } => {
            rest.push((operator, right));
            Node::Calculation { first, rest }
        }
        left => Node::Calculation { first: Box::new(left), rest: vec![(operator, right)] },
    }
}

#[cfg(test)]
mod tests;
