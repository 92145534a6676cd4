//! A bound SELECT: which documents it means, and what it makes of them.
//!
//! Invariant: documents that come in the order of [`Select::sort`] make the rows that any others
//! would make.
//! Not here: rows (`rows`), what a row has (`projection`).

use std::collections::BTreeSet;
use std::sync::Arc;

use document::{DocumentId, Map, Path, Value};

use super::bind::{Binder, Slots};
use super::condition::Condition;
use super::group::Grouping;
use super::node::{Node, Scope};
use super::parts::Aliases;
use super::projection::Projection;
use super::rows::{Row, RowsError};
use super::syntax::{Aggregate, Expression, Item, UseIds};
use super::{Constants, syntax};
use crate::budget::Budget;
use crate::{BindError, Filter};

/// A SELECT with its arguments in place. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Select {
    bound: Arc<BoundSelect>,
}

#[derive(Debug)]
pub(super) struct BoundSelect {
    collection: String,
    filter: Filter,
    use_index: Option<String>,
    shape: Shape,
    pub(super) projection: Projection,
    pub(super) distinct: bool,
    /// Where there is GROUP BY or an aggregate.
    pub(super) grouping: Option<Grouping>,
    pub(super) order: Vec<OrderKey>,
    sort: Option<Vec<(Path, bool)>>,
    pub(super) offset: usize,
    pub(super) limit: Option<usize>,
}

/// What is sorted by, and whether the greatest comes first.
#[derive(Debug)]
pub(super) struct OrderKey {
    by: By,
    descending: bool,
}

#[derive(Debug)]
enum By {
    /// A column of the projection that has a name.
    Column(usize),
    Node(Node),
}

/// What a SELECT makes of the documents that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Them, whole, one row each: `SELECT *`.
    Documents,
    /// One row with their number under this name, and nothing else: `SELECT COUNT(*)`. LIMIT and
    /// OFFSET, where there are any, are of that row.
    Count(String),
    /// A row each.
    Rows,
    /// A row for some of them, or for groups of them: DISTINCT, GROUP BY, aggregates.
    Gathered,
}

/// What is made of one document: a projection without aggregates, as RETURNING has it.
#[derive(Debug, Clone)]
pub struct Projector {
    projection: Projection,
}

impl Select {
    pub(crate) fn bind(select: &syntax::Select, args: &Map, constants: &Constants) -> Result<Self, BindError> {
        let mut binder = Binder::new(args, constants, Some(&select.source));
        binder.allows_zones = true;
        Self::bind_with(select, &mut binder)
    }

    /// For what means the same whenever it is bound.
    pub(super) fn bind_kept(select: &syntax::Select, args: &Map) -> Result<Self, BindError> {
        let constants = Constants { now_ms: 0, strict: false, request_info: Map::new(), zone_offset: None };
        let mut binder = Binder::new(args, &constants, Some(&select.source));
        binder.is_kept = true;
        Self::bind_with(select, &mut binder)
    }

    /// For what a mutation selects; what decides it again must not ask for zones.
    pub(super) fn bind_with(select: &syntax::Select, binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let condition = Condition {
            root: bind_condition(select.condition.as_ref(), binder)?,
            ids: bind_ids(select.source.use_ids.as_ref(), binder)?,
        };
        let mut slots = bind_group_keys(select, binder)?;
        let projection = Projection::bind(&select.projection, binder, slots.as_mut().map(|(slots, _)| slots))?;
        let having = match (&select.having, &mut slots) {
            (None, _) => None,
            (Some(having), Some((slots, _))) => Some(binder.grouped(having, slots)?),
            (Some(_), None) => return Err(error("HAVING needs GROUP BY or an aggregate; WHERE is for documents")),
        };
        let order = bind_order(select, binder, slots.as_mut().map(|(slots, _)| slots), &projection)?;
        let offset = bind_count(select.tail.offset.as_ref(), "OFFSET", binder)?.unwrap_or(0);
        let limit = bind_count(select.tail.limit.as_ref(), "LIMIT", binder)?;
        let grouping = slots
            .map(|(slots, keys)| Grouping { keys, aggregates: slots.aggregates, having })
            .map(checked)
            .transpose()?;
        let shape = shape_of(select, grouping.as_ref(), &projection);
        let mut bound = BoundSelect {
            collection: select.source.name.clone(),
            filter: Filter::of_dql(condition, binder.steps),
            use_index: select.source.use_index.clone(),
            shape,
            projection,
            distinct: select.distinct,
            grouping,
            order,
            sort: None,
            offset,
            limit,
        };
        bound.sort = bound.sort_paths();
        Ok(Self { bound: Arc::new(bound) })
    }

    pub(super) fn bound(&self) -> &BoundSelect {
        &self.bound
    }

    /// Whose documents; the system's own begin with `system:`.
    pub fn collection(&self) -> &str {
        &self.bound.collection
    }

    /// Which of them: WHERE and USE IDS.
    pub fn filter(&self) -> &Filter {
        &self.bound.filter
    }

    /// What USE INDEX says; an empty text: use none.
    pub fn use_index(&self) -> Option<&str> {
        self.bound.use_index.as_deref()
    }

    /// What it makes of them.
    pub fn shape(&self) -> Shape {
        self.bound.shape.clone()
    }

    /// The places that ORDER BY names, each with whether the greatest comes first: in their order,
    /// ties by id, documents can be paged. `None` where rows have to be gathered first, or an order
    /// is computed. Empty: by ids.
    pub fn sort(&self) -> Option<Vec<(Path, bool)>> {
        self.bound.sort.clone()
    }

    /// Whether rows are made of groups: GROUP BY, aggregates.
    pub fn is_grouped(&self) -> bool {
        self.bound.grouping.is_some()
    }

    /// Whether equal rows come once: DISTINCT.
    pub fn is_distinct(&self) -> bool {
        self.bound.distinct
    }

    /// Whether there is an ORDER BY.
    pub fn is_ordered(&self) -> bool {
        !self.bound.order.is_empty()
    }

    /// How many rows are left out first.
    pub fn offset(&self) -> usize {
        self.bound.offset
    }

    /// At most so many rows; `None`: all.
    pub fn limit(&self) -> Option<usize> {
        self.bound.limit
    }

    /// The names of the fields that rows need, sorted, `_id` not among them; `None`: all. Where
    /// documents are not paged although [`Select::sort`] says how, rows need its fields too.
    pub fn field_names(&self) -> Option<Vec<&str>> {
        let bound = &*self.bound;
        let mut names = BTreeSet::new();
        if !bound.projection.collect_field_names(&mut names) {
            return None;
        }
        if let Some(grouping) = &bound.grouping {
            let arguments = grouping.aggregates.iter().filter_map(|aggregate| aggregate.argument.as_ref());
            grouping.keys.iter().chain(arguments).for_each(|node| node.collect_field_names(&mut names));
        }
        if bound.sort.is_none() {
            bound.order().for_each(|(node, _)| node.collect_field_names(&mut names));
        }
        names.remove("_id");
        Some(names.into_iter().collect())
    }

    /// Whether the rows need no more of a document than its id.
    pub fn needs_ids_only(&self) -> bool {
        self.field_names().is_some_and(|names| names.is_empty())
    }
}

impl BoundSelect {
    /// What is sorted by, and whether the greatest comes first.
    pub(super) fn order(&self) -> impl Iterator<Item = (&Node, bool)> {
        self.order.iter().map(|key| match &key.by {
            By::Column(place) => (self.projection.node(*place), key.descending),
            By::Node(node) => (node, key.descending),
        })
    }

    fn sort_paths(&self) -> Option<Vec<(Path, bool)>> {
        match self.shape {
            Shape::Documents | Shape::Rows => {
                self.order().map(|(node, descending)| Some((node.as_path()?, descending))).collect()
            }
            Shape::Count(_) | Shape::Gathered => None,
        }
    }
}

impl Projector {
    pub(super) fn bind(projection: &syntax::Projection, binder: &mut Binder<'_>) -> Result<Self, BindError> {
        Ok(Self { projection: Projection::bind(projection, binder, None)? })
    }

    /// The row of one document; `fields` is without `_id`.
    ///
    /// # Errors
    /// The budget does not suffice, or the row is larger than a row may be.
    pub fn project(&self, id: &DocumentId, fields: &Map, budget: &mut Budget) -> Result<Row, RowsError> {
        let scope = Scope { id: Some(id), fields, slots: &[] };
        budget.within_a_document(|budget| self.projection.project(&scope, budget))
    }
}

/// WHERE; `None` where it is always true.
fn bind_condition(condition: Option<&Expression>, binder: &mut Binder<'_>) -> Result<Option<Node>, BindError> {
    let node = condition.map(|condition| binder.expression(condition)).transpose()?;
    Ok(node.filter(|node| !matches!(node, Node::Constant(Some(Value::Bool(true))))))
}

/// The ids of USE IDS, sorted, each once.
/// A value that no id equals names no document.
fn bind_ids(use_ids: Option<&UseIds>, binder: &mut Binder<'_>) -> Result<Option<Vec<DocumentId>>, BindError> {
    let values = match use_ids {
        None => return Ok(None),
        Some(UseIds::Each(each)) => {
            let value = |one| binder.constant(one)?.ok_or_else(|| error("USE IDS has a value that is MISSING"));
            each.iter().map(value).collect::<Result<Vec<_>, _>>()?
        }
        Some(UseIds::List(list)) => match binder.constant(list)? {
            Some(Value::Array(values)) => values,
            other => {
                let found = other.as_ref().map_or("MISSING", Value::kind_name);
                return Err(error(format!("USE IDS LIST needs an array of ids, not {found}")));
            }
        },
    };
    let ids: BTreeSet<DocumentId> = values.iter().filter_map(crate::bind::id_of).collect();
    Ok(Some(ids.into_iter().collect()))
}

/// Where there is GROUP BY or an aggregate: what groups know, and the keys.
fn bind_group_keys(select: &syntax::Select, binder: &mut Binder<'_>) -> Result<Option<(Slots, Vec<Node>)>, BindError> {
    let items = select.projection.items.iter().filter_map(|item| match item {
        Item::Value { expression, .. } => Some(expression),
        _ => None,
    });
    let ordered = select.tail.order.iter().map(|key| &key.expression);
    let mut expressions = items.chain(&select.having).chain(ordered);
    if select.group_by.is_empty() && !expressions.any(Expression::has_aggregate) {
        return Ok(None);
    }
    let keys = select.group_by.iter().map(|key| binder.expression(key)).collect::<Result<_, _>>()?;
    Ok(Some((Slots { keys: select.group_by.clone(), aggregates: Vec::new() }, keys)))
}

fn bind_order(
    select: &syntax::Select,
    binder: &mut Binder<'_>,
    mut slots: Option<&mut Slots>,
    projection: &Projection,
) -> Result<Vec<OrderKey>, BindError> {
    let meanings = select.projection.items.iter().filter_map(|item| match item {
        Item::Value { expression, name: Some(name) } => Some((name.as_str(), expression)),
        _ => None,
    });
    let mut aliases = Aliases::new(meanings);
    let mut order = Vec::with_capacity(select.tail.order.len());
    for key in &select.tail.order {
        let column = aliases.named_by(&key.expression).and_then(|alias| projection.place_of(alias));
        let by = match (column, &mut slots) {
            (Some(place), _) => By::Column(place),
            (None, Some(slots)) => By::Node(binder.grouped(&aliases.resolved(&key.expression)?, slots)?),
            (None, None) => By::Node(binder.expression(&aliases.resolved(&key.expression)?)?),
        };
        if !matches!(by, By::Node(Node::Constant(_))) {
            order.push(OrderKey { by, descending: key.descending });
        }
    }
    Ok(order)
}

/// LIMIT or OFFSET.
fn bind_count(count: Option<&Expression>, clause: &str, binder: &mut Binder<'_>) -> Result<Option<usize>, BindError> {
    let Some(count) = count else { return Ok(None) };
    let value = binder.constant(count)?;
    let integer = match &value {
        Some(Value::Int(integer)) => u64::try_from(*integer).ok(),
        Some(Value::Uint(integer)) => Some(*integer),
        // A float beyond 64 bits becomes the greatest integer: no result has so many rows.
        Some(Value::Float(float)) if *float >= 0.0 && float.fract() == 0.0 => Some(*float as u64),
        _ => None,
    };
    let Some(integer) = integer else {
        let found = match &value {
            None => "MISSING".to_owned(),
            Some(Value::Int(integer)) => integer.to_string(),
            Some(Value::Float(float)) => float.to_string(),
            Some(other) => other.kind_name().to_owned(),
        };
        return Err(error(format!("{clause} must be a non-negative integer, not {found}")));
    };
    Ok(Some(usize::try_from(integer).unwrap_or(usize::MAX)))
}

fn checked(grouping: Grouping) -> Result<Grouping, BindError> {
    let takes_distinct = |aggregate| matches!(aggregate, Aggregate::Count | Aggregate::Sum | Aggregate::Avg);
    match grouping.aggregates.iter().any(|bound| bound.distinct && !takes_distinct(bound.aggregate)) {
        true => Err(error("DISTINCT is for COUNT, SUM and AVG")),
        false => Ok(grouping),
    }
}

fn shape_of(select: &syntax::Select, grouping: Option<&Grouping>, projection: &Projection) -> Shape {
    match grouping {
        Some(grouping) if grouping.keys.is_empty() && grouping.having.is_none() && !select.distinct => {
            match (select.projection.items.as_slice(), projection.only_name()) {
                ([Item::Value { expression, .. }], Some(name)) if is_count(expression) => Shape::Count(name.to_owned()),
                _ => Shape::Gathered,
            }
        }
        Some(_) => Shape::Gathered,
        None if select.distinct => Shape::Gathered,
        None if projection.is_all() => Shape::Documents,
        None => Shape::Rows,
    }
}

/// Whether it is `COUNT(*)`.
fn is_count(expression: &Expression) -> bool {
    matches!(expression, Expression::Aggregate { aggregate: Aggregate::Count, argument: None, .. })
}

pub(super) fn error(message: impl Into<String>) -> BindError {
    BindError { message: message.into() }
}
