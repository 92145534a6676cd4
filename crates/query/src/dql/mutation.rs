//! Bound INSERT and DELETE: what they write, and what they answer.
//!
//! Not here: UPDATE (`update`), what happens where a document is there already (`rules`).

use std::collections::HashSet;

use document::limits::DEPTH_MAX;
use document::{DocumentId, FieldType, Map, Path, Value};

use super::bind::Binder;
use super::declared::Declared;
use super::select::{Projector, Select, error};
use super::syntax::{
    ConflictPolicy, Expression, InsertSource, Item, Projection, Select as SelectTree, Source, Step, Tail,
};
use super::{Constants, syntax};
use crate::BindError;

pub use super::update::{DecideError, Update};

/// An INSERT with its arguments in place.
#[derive(Debug, Clone)]
pub struct Insert {
    /// Whose documents.
    pub collection: String,
    /// What is inserted.
    pub documents: Documents,
    /// What happens where one is there.
    pub conflict: Conflict,
    /// What is answered of each that was written.
    pub returning: Option<Projector>,
    declared: Declared,
}

/// Where an INSERT's documents come from.
#[derive(Debug, Clone)]
pub enum Documents {
    /// From the statement.
    Given(Vec<NewDocument>),
    /// Each row is one ([`Insert::document_of_row`]).
    Select(Select),
}

/// What an INSERT does about a document that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// INITIAL: nothing, and nothing either where its tombstone is.
    Initial,
    /// As ON ID CONFLICT says.
    Policy(ConflictPolicy),
}

/// A document to be inserted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDocument {
    /// `None`: one is to be made.
    pub id: Option<DocumentId>,
    /// Its fields, without `_id`.
    pub value: Map,
    /// Fields of another type than their value alone says.
    pub types: Vec<(Path, FieldType)>,
}

/// A DELETE with its arguments in place.
#[derive(Debug, Clone)]
pub struct Delete {
    /// Which documents, each as a row with `_id`.
    pub selection: Select,
    /// What is answered of each, as it was before.
    pub returning: Option<Projector>,
}

impl Insert {
    pub(crate) fn bind(insert: &syntax::Insert, args: &Map, constants: &Constants) -> Result<Self, BindError> {
        check_writable(&insert.source)?;
        let declared = Declared::bind(&insert.source, constants.strict)?;
        let conflict = if insert.initial { Conflict::Initial } else { Conflict::Policy(insert.conflict) };
        let documents = match &insert.documents {
            InsertSource::Documents(expressions) => {
                let mut binder = Binder::new(args, constants, None);
                Documents::Given(bind_documents(expressions, &declared, &mut binder)?)
            }
            InsertSource::Select(select) => {
                let source = Some(&select.source);
                let mut binder = Binder::new(args, constants, source);
                Documents::Select(Select::bind_with(select, &mut binder)?)
            }
        };
        let returning =
            bind_returning(insert.returning.as_ref(), &mut Binder::new(args, constants, Some(&insert.source)))?;
        Ok(Self { collection: insert.source.name.clone(), documents, conflict, returning, declared })
    }

    /// The document that a row of [`Documents::Select`] makes.
    ///
    /// # Errors
    /// Its `_id` is none, or a value cannot be of the type that was declared.
    pub fn document_of_row(&self, row: Map) -> Result<NewDocument, BindError> {
        new_document(row, &self.declared)
    }
}

impl Delete {
    pub(crate) fn bind(delete: &syntax::Delete, args: &Map, constants: &Constants) -> Result<Self, BindError> {
        check_writable(&delete.source)?;
        let mut binder = Binder::new(args, constants, Some(&delete.source));
        let returning = bind_returning(delete.returning.as_ref(), &mut binder)?;
        let selection = bind_selection(&delete.source, delete.condition.as_ref(), &delete.tail, &mut binder)?;
        Ok(Self { selection, returning })
    }
}

/// What the system keeps is only read.
pub(super) fn check_writable(source: &Source) -> Result<(), BindError> {
    match source.name.starts_with("system:") || source.name.starts_with("__") {
        true => Err(error(format!("`{}` is the system's: it can only be read", source.name))),
        false => Ok(()),
    }
}

/// Which documents a mutation means: a SELECT of their ids. Bound last, so that its filter bears what
/// it took to bind the whole statement.
pub(super) fn bind_selection(
    source: &Source,
    condition: Option<&Expression>,
    tail: &Tail,
    binder: &mut Binder<'_>,
) -> Result<Select, BindError> {
    if tail.order.iter().any(|key| key.expression.has_aggregate()) {
        return Err(error("there are no aggregates where documents are changed: name them in a SELECT"));
    }
    let id = Expression::Path(vec![Step::Field("_id".to_owned())]);
    let select = SelectTree {
        distinct: false,
        projection: Projection { items: vec![Item::Value { expression: id, name: None }] },
        source: source.clone(),
        condition: condition.cloned(),
        group_by: Vec::new(),
        having: None,
        tail: tail.clone(),
    };
    Select::bind_with(&select, binder)
}

pub(super) fn bind_returning(
    returning: Option<&Projection>,
    binder: &mut Binder<'_>,
) -> Result<Option<Projector>, BindError> {
    returning.map(|projection| Projector::bind(projection, binder)).transpose()
}

/// Each expression is a document, or an array of documents.
fn bind_documents(
    expressions: &[Expression],
    declared: &Declared,
    binder: &mut Binder<'_>,
) -> Result<Vec<NewDocument>, BindError> {
    let mut documents = Vec::with_capacity(expressions.len());
    for expression in expressions {
        match binder.constant(expression)? {
            Some(Value::Array(elements)) => {
                for element in elements {
                    documents.push(new_document(object(Some(element))?, declared)?);
                }
            }
            value => documents.push(new_document(object(value)?, declared)?),
        }
    }
    let mut seen = HashSet::new();
    match documents.iter().filter_map(|document| document.id.as_ref()).all(|id| seen.insert(id)) {
        true => Ok(documents),
        false => Err(error("Expected unique document identifiers")),
    }
}

fn object(value: Option<Value>) -> Result<Map, BindError> {
    match value {
        Some(Value::Map(map)) => Ok(map),
        other => {
            let found = other.as_ref().map_or("MISSING", Value::kind_name);
            Err(error(format!("a document must be an object, not {found}")))
        }
    }
}

fn new_document(mut value: Map, declared: &Declared) -> Result<NewDocument, BindError> {
    let id = value.remove("_id").map(|id| DocumentId::from_value(&id)).transpose();
    let id = id.map_err(|problem| error(problem.to_string()))?;
    let depth = value.depth();
    if depth > DEPTH_MAX {
        return Err(error(format!("a document would nest {depth} deep, {DEPTH_MAX} is allowed")));
    }
    let types = declared.types_of_document(&value).map_err(error)?;
    Ok(NewDocument { id, value, types })
}
