//! A bound projection: what a row has, of a document or of a group.
//!
//! An expression without a name is `($n)`, n its place among the items from 1; a path is called by
//! its last step. `*` gives `_id`, then the fields in the order of their names, but for those that
//! a named item gives. Of two stars that give one name the later counts.
//! Not here: which rows there are (`rows`).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use document::{Map, Value};

use super::bind::{Binder, Slots};
use super::limits::ROW_BYTES_MAX;
use super::node::{Node, Scope};
use super::rows::{Row, RowsError};
use super::syntax::{self, Expression, Item, Source, Step};
use crate::BindError;
use crate::budget::{Budget, SEGMENT_STEPS, TooExpensive, VALUE_STEPS};

/// To make a row, or a field of one, in steps: memory for it.
const FIELD_STEPS: u64 = 32;

/// How many bytes a step copies.
const COPIED_BYTES: usize = 32;

#[derive(Debug, Clone)]
pub(crate) struct Projection {
    columns: Vec<Column>,
    /// Paths that are left out, each at least a name.
    left_out: Vec<Vec<String>>,
    /// The columns that have a name, by it.
    names: BTreeMap<String, usize>,
}

#[derive(Debug, Clone)]
enum Column {
    /// `_id` and every field.
    All,
    /// Every field of the object that this is.
    AllOf(Node),
    Value {
        name: String,
        node: Node,
    },
}

impl Projection {
    /// Over a document, or over a group where there are `slots`.
    pub(crate) fn bind(
        projection: &syntax::Projection,
        binder: &mut Binder<'_>,
        mut slots: Option<&mut Slots>,
    ) -> Result<Self, BindError> {
        let mut bound = Self { columns: Vec::new(), left_out: Vec::new(), names: BTreeMap::new() };
        for (index, item) in projection.items.iter().enumerate() {
            let column = match item {
                Item::Without(path) => {
                    bound.left_out.push(left_out(path, binder.source)?);
                    continue;
                }
                Item::All | Item::AllOf(_) if slots.is_some() => return Err(star_of_groups()),
                Item::All => Column::All,
                Item::AllOf(path) => Column::AllOf(binder.expression(&Expression::Path(path.clone()))?),
                Item::Value { expression, name } => {
                    let name = name.clone().unwrap_or_else(|| name_of(expression, index + 1));
                    if bound.names.insert(name.clone(), bound.columns.len()).is_some() {
                        return Err(error(format!("the projection has `{name}` twice: give one of them another name")));
                    }
                    let node = match &mut slots {
                        Some(slots) => binder.grouped(expression, slots)?,
                        None => binder.expression(expression)?,
                    };
                    Column::Value { name, node }
                }
            };
            bound.columns.push(column);
        }
        if bound.columns.is_empty() {
            return Err(error("the projection has nothing but what is left out".to_owned()));
        }
        Ok(bound)
    }

    /// Whether it is `*` and nothing else.
    pub(crate) fn is_all(&self) -> bool {
        matches!(self.columns.as_slice(), [Column::All]) && self.left_out.is_empty()
    }

    /// Where the column of that name is.
    pub(crate) fn place_of(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// The expression of a column with a name.
    pub(crate) fn node(&self, place: usize) -> &Node {
        match &self.columns[place] {
            Column::Value { node, .. } | Column::AllOf(node) => node,
            Column::All => unreachable!("`*` has no name"),
        }
    }

    /// The name of its only column, if it has no other.
    pub(crate) fn only_name(&self) -> Option<&str> {
        match self.columns.as_slice() {
            [Column::Value { name, .. }] if self.left_out.is_empty() => Some(name),
            _ => None,
        }
    }

    /// Adds the names of the fields that it needs, of nested ones the outermost. `false`: it needs
    /// all of them.
    pub(crate) fn collect_field_names<'n>(&'n self, names: &mut BTreeSet<&'n str>) -> bool {
        self.columns.iter().all(|column| match column {
            Column::All => false,
            Column::AllOf(node) | Column::Value { node, .. } => {
                node.collect_field_names(names);
                true
            }
        })
    }

    /// Its row.
    pub(crate) fn project(&self, scope: &Scope<'_>, budget: &mut Budget) -> Result<Row, RowsError> {
        budget.charge(FIELD_STEPS * (1 + self.columns.len() as u64))?;
        let mut fields = Vec::with_capacity(self.columns.len());
        let (mut stars, mut bytes) = (0, 0);
        for column in &self.columns {
            match column {
                Column::Value { name, node } => {
                    if let Some(value) = owned(node, scope, budget)? {
                        bytes += value.memory_bytes();
                        fields.push((name.clone(), value));
                    }
                }
                Column::All => {
                    stars += 1;
                    bytes += scope.fields.memory_bytes();
                    self.push_id(scope, &mut fields, budget)?;
                    self.push_all(scope.fields, &mut fields, budget)?;
                }
                Column::AllOf(node) => {
                    stars += 1;
                    if let Some(Value::Map(map)) = node.evaluate(scope, budget)?.as_deref() {
                        bytes += map.memory_bytes();
                        self.push_all(map, &mut fields, budget)?;
                    }
                }
            }
            if bytes > ROW_BYTES_MAX {
                return Err(RowsError::RowTooLarge);
            }
        }
        if stars > 1 {
            budget.charge(SEGMENT_STEPS * fields.len() as u64)?;
            keep_later(&mut fields);
        }
        for path in &self.left_out {
            budget.charge(SEGMENT_STEPS * (fields.len() + path.len()) as u64)?;
            leave_out(path, &mut fields);
        }
        Ok(Row { fields })
    }

    fn push_id(
        &self,
        scope: &Scope<'_>,
        fields: &mut Vec<(String, Value)>,
        budget: &mut Budget,
    ) -> Result<(), TooExpensive> {
        if let Some(id) = scope.id.filter(|_| !self.names.contains_key("_id")) {
            budget.charge(id.as_json().len() as u64)?;
            fields.push(("_id".to_owned(), id.to_value()));
        }
        Ok(())
    }

    fn push_all(&self, map: &Map, fields: &mut Vec<(String, Value)>, budget: &mut Budget) -> Result<(), TooExpensive> {
        for (name, value) in map.iter() {
            budget.charge(FIELD_STEPS)?;
            if self.names.is_empty() || !self.names.contains_key(name) {
                charge_copy(value, budget)?;
                fields.push((name.to_owned(), value.clone()));
            }
        }
        Ok(())
    }
}

/// The value of `node`, as a row keeps it.
pub(crate) fn owned(node: &Node, scope: &Scope<'_>, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    use std::borrow::Cow;
    Ok(match node.evaluate(scope, budget)? {
        None => None,
        Some(Cow::Owned(value)) => Some(value),
        Some(Cow::Borrowed(value)) => {
            charge_copy(value, budget)?;
            Some(value.clone())
        }
    })
}

fn charge_copy(value: &Value, budget: &mut Budget) -> Result<(), TooExpensive> {
    budget.charge(VALUE_STEPS + (value.memory_bytes() / COPIED_BYTES) as u64)
}

fn name_of(expression: &Expression, place: usize) -> String {
    match expression {
        Expression::Path(steps) => match steps.last() {
            Some(Step::Field(name)) => name.clone(),
            _ => format!("(${place})"),
        },
        _ => format!("(${place})"),
    }
}

/// The names on the way to what is left out of rows.
fn left_out(path: &[Step], source: Option<&Source>) -> Result<Vec<String>, BindError> {
    let name = |step: &Step| match step {
        Step::Field(name) => Ok(name.clone()),
        Step::Index(_) => Err(error("MISSING takes the name of a field, not an element of an array".to_owned())),
    };
    let names: Vec<String> = path.iter().map(name).collect::<Result<_, _>>()?;
    Ok(source.map_or(names.as_slice(), |source| source.path_inside(&names)).to_vec())
}

fn keep_later(fields: &mut Vec<(String, Value)>) {
    let mut seen = HashSet::new();
    let mut is_last: Vec<bool> = fields.iter().rev().map(|(name, _)| seen.insert(name.as_str())).collect();
    drop(seen);
    fields.retain(|_| is_last.pop().expect("one for each field"));
}

fn leave_out(path: &[String], fields: &mut Vec<(String, Value)>) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        return fields.retain(|(name, _)| name != first);
    }
    for (name, value) in fields.iter_mut() {
        if let (true, Value::Map(map)) = (name == first, value) {
            let mut inside = std::mem::take(map).into_fields();
            leave_out(rest, &mut inside);
            *map = Map::from_fields(inside);
        }
    }
}

fn star_of_groups() -> BindError {
    error("`*` cannot be selected with GROUP BY or aggregates: name the expressions".to_owned())
}

fn error(message: String) -> BindError {
    BindError { message }
}
