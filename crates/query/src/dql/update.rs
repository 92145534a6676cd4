//! Bound UPDATE: what it makes of a document that it means.
//!
//! Every right side sees the document as it was before the statement. The commands are in the order
//! APPLY, SET, UNSET; no two paths of a statement overlap, so that the order cannot matter.
//!
//! Invariant: what is decided are values and types; who applies the commands evaluates nothing.
//! Not here: applying them (crate `document`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use document::limits::DEPTH_MAX;
use document::{Document, DocumentId, FieldType, Map, PathSegment, UpdateCommand, UpdateKind, Value};

use super::bind::Binder;
use super::declared::{Declared, path_of};
use super::mutation::{bind_returning, bind_selection, check_writable};
use super::node::{Node, Scope};
use super::projection::owned;
use super::select::{Projector, Select, error};
use super::syntax::{Assigned, CounterChange, Source};
use super::{Constants, syntax};
use crate::BindError;
use crate::budget::{Budget, NODE_STEPS, SEGMENT_STEPS, TooExpensive};
use crate::filter::weight;

/// An UPDATE with its arguments in place. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Update {
    bound: Arc<BoundUpdate>,
}

#[derive(Debug)]
struct BoundUpdate {
    selection: Select,
    returning: Option<Projector>,
    declared: Declared,
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Change {
    path: Vec<String>,
    what: What,
}

#[derive(Debug)]
enum What {
    Increment(Node),
    /// Without a value: at 0.
    Restart(Option<Node>),
    Set(Node),
    Default,
    Unset,
}

/// Why it cannot be said what an UPDATE does to a document: the whole statement is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecideError {
    /// The budget does not suffice.
    #[error(transparent)]
    TooExpensive(#[from] TooExpensive),
    /// A value is missing or of a kind that cannot be written there.
    #[error("{message}")]
    Refused {
        /// What is wrong; names the path.
        message: String,
    },
}

impl Update {
    pub(crate) fn bind(update: &syntax::Update, args: &Map, constants: &Constants) -> Result<Self, BindError> {
        let source = &update.source;
        check_writable(source)?;
        let declared = Declared::bind(source, constants.strict)?;
        let mut binder = Binder::new(args, constants, Some(source));
        let changes = bind_changes(update, &mut binder)?;
        check_paths(&changes, &declared)?;
        let returning = bind_returning(update.returning.as_ref(), &mut binder)?;
        let selection = bind_selection(source, update.condition.as_ref(), &update.tail, &mut binder)?;
        let bound = BoundUpdate { selection, returning, declared, changes };
        Ok(Self { bound: Arc::new(bound) })
    }

    /// Which documents, each as a row with `_id`.
    pub fn selection(&self) -> &Select {
        &self.bound.selection
    }

    /// What is answered of each, as it is afterwards.
    pub fn returning(&self) -> Option<&Projector> {
        self.bound.returning.as_ref()
    }

    /// What it does to a document that matches; nothing where all that it would take away is not
    /// there. Every right side sees the document as it is given.
    ///
    /// # Errors
    /// A right side is MISSING, or cannot be written where it should be, or makes a token that neither
    /// the statement names nor the document holds.
    pub fn decide(
        &self,
        id: &DocumentId,
        document: &Document,
        budget: &mut Budget,
    ) -> Result<Vec<UpdateCommand>, DecideError> {
        let fields = document.value().unwrap_or_default();
        let scope = Scope { id: Some(id), fields: &fields, slots: &[] };
        let mut standing = Standing { document, fields: &fields, opaque: None };
        let mut commands = Vec::with_capacity(self.bound.changes.len());
        for change in &self.bound.changes {
            budget.charge(NODE_STEPS)?;
            let kind = change.kind(&scope, &self.bound.declared, budget)?;
            standing.check_tokens(change, &kind, &self.bound.declared, budget)?;
            let way = standing.way(&change.path, budget)?;
            if matches!(kind, UpdateKind::Unset) && way.obstacle.is_some() {
                continue;
            }
            let (to, inside) = change.path.split_at(way.obstacle.unwrap_or(change.path.len()));
            let kind = match (way.in_register, inside) {
                (true, inside) => in_register(kind, inside),
                (false, []) => kind,
                (false, inside) => merge_of(inside, kind),
            };
            commands.push(UpdateCommand { path: path_of(to), kind });
        }
        Ok(commands)
    }
}

/// What is known of it before a document is looked at.
impl Update {
    /// Gives the attachments' tokens that it names, in its arguments or in its text. Those that it
    /// makes of a document's fields are not among them: it writes such a one only where the document
    /// holds it already ([`Update::decide`]).
    ///
    /// # Errors
    /// The budget does not suffice.
    pub fn for_each_token(&self, budget: &mut Budget, each: &mut dyn FnMut(&Map)) -> Result<(), TooExpensive> {
        self.bound.changes.iter().try_for_each(|change| change.for_each_named_token(&self.bound.declared, budget, each))
    }

    /// Whether a right side looks at fields, so that what is written tells of what was there.
    pub fn reads_fields(&self) -> bool {
        self.right_sides().any(Node::reads_fields)
    }

    /// The most steps that [`Update::decide`] takes, but for looking at what stands at its paths;
    /// `None` where that depends on the document.
    pub fn steps_max(&self) -> Option<u64> {
        let makes_tokens = self.bound.declared.has_attachments() && self.right_sides().any(|side| !side.is_constant());
        if makes_tokens {
            return None;
        }
        let changes = self.bound.changes.len() as u64;
        let mut sides = self.right_sides();
        sides.try_fold(changes * NODE_STEPS, |sum, side| Some(sum.saturating_add(side.steps_max()?)))
    }

    fn right_sides(&self) -> impl Iterator<Item = &Node> {
        self.bound.changes.iter().filter_map(|change| match &change.what {
            What::Increment(node) | What::Restart(Some(node)) | What::Set(node) => Some(node),
            What::Restart(None) | What::Default | What::Unset => None,
        })
    }
}

impl Change {
    fn kind(&self, scope: &Scope<'_>, declared: &Declared, budget: &mut Budget) -> Result<UpdateKind, DecideError> {
        Ok(match &self.what {
            What::Increment(node) => UpdateKind::Increment(self.integer(self.value(node, scope, budget)?)?),
            What::Restart(None) => UpdateKind::ReplaceWithCounter(Value::Int(0)),
            What::Restart(Some(node)) => match self.value(node, scope, budget)? {
                number @ (Value::Int(_) | Value::Uint(_) | Value::Float(_)) => UpdateKind::ReplaceWithCounter(number),
                other => return Err(self.refused(format!("cannot restart with {}", other.kind_name()))),
            },
            What::Set(node) => {
                let value = self.value(node, scope, budget)?;
                let depth = self.path.len() + value.depth();
                if depth > DEPTH_MAX {
                    return Err(self.refused(format!("would nest {depth} deep, {DEPTH_MAX} is allowed")));
                }
                declared.write(&self.path, value).map_err(|message| DecideError::Refused { message })?
            }
            What::Default => UpdateKind::Set(match declared.kind(&self.path) {
                Some(FieldType::Map) => Value::Map(Map::new()),
                _ => Value::Null,
            }),
            What::Unset => UpdateKind::Unset,
        })
    }

    /// Gives the tokens that the statement itself names: what the right side comes to without a
    /// document, and each constant in it that is one.
    fn for_each_named_token(
        &self,
        declared: &Declared,
        budget: &mut Budget,
        each: &mut dyn FnMut(&Map),
    ) -> Result<(), TooExpensive> {
        let What::Set(node) = &self.what else { return Ok(()) };
        if !declared.has_attachments() {
            return Ok(());
        }
        let nothing = Map::new();
        match self.kind(&Scope { id: None, fields: &nothing, slots: &[] }, declared, budget) {
            Ok(kind) => kind.for_each_token(each),
            Err(DecideError::TooExpensive(error)) => return Err(error),
            Err(DecideError::Refused { .. }) => {}
        }
        if node.is_constant() { Ok(()) } else { constant_tokens(node, budget, each) }
    }

    fn value(&self, node: &Node, scope: &Scope<'_>, budget: &mut Budget) -> Result<Value, DecideError> {
        owned(node, scope, budget)?.ok_or_else(|| self.refused("would be set to MISSING".to_owned()))
    }

    /// A float without a fraction is one too.
    fn integer(&self, value: Value) -> Result<Value, DecideError> {
        let integer = match &value {
            Value::Int(_) | Value::Uint(_) => return Ok(value),
            Value::Float(float) => exact_integer(*float),
            _ => None,
        };
        let found = match &value {
            Value::Float(float) => float.to_string(),
            other => other.kind_name().to_owned(),
        };
        integer.map(Value::Int).ok_or_else(|| self.refused(format!("must be incremented by an integer, not {found}")))
    }

    fn refused(&self, problem: String) -> DecideError {
        DecideError::Refused { message: format!("`{}` {problem}", path_of(&self.path)) }
    }
}

/// The way to what is written.
struct Way {
    /// How many of its steps lead to something that has no fields and must give way: a scalar, an
    /// array, a counter, an attachment. Where nothing, null or an object stands, the write makes
    /// its way itself.
    obstacle: Option<usize>,
    /// Whether it leads through an object that is one value: what is written becomes a part of it.
    in_register: bool,
}

/// What stands in a document on the way to what is written.
struct Standing<'d> {
    document: &'d Document,
    fields: &'d Map,
    /// Objects that are one value: registers and attachments. Looked for once, where it matters.
    opaque: Option<BTreeMap<Vec<String>, FieldType>>,
}

impl Standing<'_> {
    fn way(&mut self, path: &[String], budget: &mut Budget) -> Result<Way, TooExpensive> {
        budget.charge(SEGMENT_STEPS * path.len() as u64)?;
        let mut way = Way { obstacle: None, in_register: false };
        let mut map = self.fields;
        for depth in 1..path.len() {
            let is_obstacle = match map.field(&path[depth - 1]) {
                None | Some(Value::Null) => break,
                Some(Value::Map(inside)) => {
                    map = inside;
                    let kind = if way.in_register { None } else { self.opaque(&path[..depth], budget)? };
                    way.in_register |= kind == Some(FieldType::Register);
                    kind == Some(FieldType::Attachment)
                }
                Some(_) => true,
            };
            if is_obstacle {
                way.obstacle = Some(depth);
                break;
            }
        }
        Ok(way)
    }

    /// A token that is made of fields is one that the document holds, whatever its metadata: so its blob
    /// is there, and whoever sees the document may have it.
    fn check_tokens(
        &self,
        change: &Change,
        kind: &UpdateKind,
        declared: &Declared,
        budget: &mut Budget,
    ) -> Result<(), DecideError> {
        let mut made = Vec::new();
        if !matches!(&change.what, What::Set(node) if node.is_constant()) {
            kind.for_each_token(&mut |token| made.push(named_by(token)));
        }
        if made.is_empty() {
            return Ok(());
        }
        budget.charge(self.fields.memory_bytes() as u64 / 8)?;
        let mut known = Vec::new();
        self.document.for_each_token(&mut |token| known.push(named_by(token)));
        change.for_each_named_token(declared, budget, &mut |token| known.push(named_by(token)))?;
        if made.iter().all(|token| known.contains(token)) {
            return Ok(());
        }
        let problem = "would be set to an attachment that the document does not hold: name its token in the arguments";
        Err(change.refused(problem.to_owned()))
    }

    fn opaque(&mut self, path: &[String], budget: &mut Budget) -> Result<Option<FieldType>, TooExpensive> {
        if self.opaque.is_none() {
            budget.charge(self.fields.memory_bytes() as u64 / 8)?;
            self.opaque = Some(opaque_fields(self.document));
        }
        Ok(self.opaque.as_ref().and_then(|opaque| opaque.get(path).copied()))
    }
}

/// Which blob a token names, and how long it says it is.
fn named_by(token: &Map) -> [Option<Value>; 2] {
    ["id", "len"].map(|name| token.field(name).cloned())
}

/// Gives the tokens among the constants of an expression, and in them.
fn constant_tokens(node: &Node, budget: &mut Budget, each: &mut dyn FnMut(&Map)) -> Result<(), TooExpensive> {
    budget.charge(NODE_STEPS)?;
    if let Node::Constant(Some(value)) = node {
        budget.charge(weight(value))?;
        tokens_in(value, each);
    }
    node.parts().into_iter().try_for_each(|part| constant_tokens(part, budget, each))
}

fn tokens_in(value: &Value, each: &mut dyn FnMut(&Map)) {
    match value {
        Value::Map(map) if document::token_problem(map).is_none() => each(map),
        Value::Map(map) => map.iter().for_each(|(_, value)| tokens_in(value, each)),
        Value::Array(values) => values.iter().for_each(|value| tokens_in(value, each)),
        _ => {}
    }
}

fn opaque_fields(document: &Document) -> BTreeMap<Vec<String>, FieldType> {
    let is_opaque = |field: &document::FieldState| matches!(field.value, Some(Value::Map(_)));
    let names = |field: document::FieldState| {
        let steps = field.path.segments.into_iter().filter_map(|step| match step {
            PathSegment::Field(name) => Some(name),
            PathSegment::Index(_) => None,
        });
        (steps.collect(), field.kind)
    };
    document.fields().into_iter().filter(is_opaque).map(names).collect()
}

/// Merges in an object that has what `kind` writes at `path`, and nothing else.
fn merge_of(path: &[String], kind: UpdateKind) -> UpdateKind {
    let at_path = |kind| vec![(path_of(path), kind)];
    let (value, types) = match kind {
        UpdateKind::Set(value) => (value, Vec::new()),
        UpdateKind::Increment(number) | UpdateKind::ReplaceWithCounter(number) => (number, at_path(FieldType::Counter)),
        UpdateKind::SetAttachment(token) => (Value::Map(token), at_path(FieldType::Attachment)),
        UpdateKind::SetRegister(value) => (value, at_path(FieldType::Register)),
        UpdateKind::Merge { value, mut types } => {
            for (inside, _) in &mut types {
                inside.segments.splice(0..0, path_of(path).segments);
            }
            (Value::Map(value), types)
        }
        UpdateKind::Unset => (Value::Null, Vec::new()),
    };
    let value = match nested(path, value) {
        Value::Map(value) => value,
        _ => Map::new(),
    };
    UpdateKind::Merge { value, types }
}

/// What is written in a register is a plain value, in an object of its own where `path` has steps.
/// Counters and attachments cannot be in one: the document refuses them.
fn in_register(kind: UpdateKind, path: &[String]) -> UpdateKind {
    match kind {
        UpdateKind::Set(value) | UpdateKind::SetRegister(value) => UpdateKind::Set(nested(path, value)),
        UpdateKind::Merge { value, .. } => UpdateKind::Set(nested(path, Value::Map(value))),
        other => other,
    }
}

/// Objects of one field each around `value`.
fn nested(path: &[String], value: Value) -> Value {
    path.iter().rev().fold(value, |inside, name| Value::Map(Map::from_fields(vec![(name.clone(), inside)])))
}

fn exact_integer(float: f64) -> Option<i64> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    (float.fract() == 0.0 && (-BEYOND..BEYOND).contains(&float)).then_some(float as i64)
}

fn bind_changes(update: &syntax::Update, binder: &mut Binder<'_>) -> Result<Vec<Change>, BindError> {
    let mut changes = Vec::new();
    for apply in &update.apply {
        let what = match &apply.change {
            CounterChange::Increment(by) => What::Increment(binder.expression(by)?),
            CounterChange::Restart(at) => What::Restart(at.as_ref().map(|at| binder.expression(at)).transpose()?),
        };
        changes.push(change(&update.source, &apply.path, what)?);
    }
    for assignment in &update.set {
        let what = match &assignment.value {
            Assigned::Value(value) => What::Set(binder.expression(value)?),
            Assigned::Tombstone => What::Unset,
            Assigned::Default => What::Default,
        };
        changes.push(change(&update.source, &assignment.path, what)?);
    }
    for path in &update.unset {
        changes.push(change(&update.source, path, What::Unset)?);
    }
    Ok(changes)
}

fn change(source: &Source, path: &[String], what: What) -> Result<Change, BindError> {
    let path = source.path_inside(path);
    if path.first().is_some_and(|name| name == "_id") {
        return Err(error("The document id `_id` cannot be modified"));
    }
    if path.len() > DEPTH_MAX {
        return Err(error(format!("`{}` has more than {DEPTH_MAX} steps", path_of(path))));
    }
    Ok(Change { path: path.to_vec(), what })
}

/// No path is another's or leads into another's, and each can be changed so as it was declared.
fn check_paths(changes: &[Change], declared: &Declared) -> Result<(), BindError> {
    let mut paths = BTreeSet::new();
    for change in changes {
        let path = change.path.as_slice();
        if !paths.insert(path) {
            return Err(error(format!("`{}` is changed twice", path_of(path))));
        }
        for depth in 1..path.len() {
            let parent = &path[..depth];
            if let Some(kind @ (FieldType::Register | FieldType::Counter | FieldType::Attachment)) =
                declared.kind(parent)
            {
                let (parent, kind) = (path_of(parent), kind.as_str().to_uppercase());
                return Err(error(format!("`{parent}` is declared {kind}: it is changed as a whole")));
            }
        }
        if let (What::Default, Some(FieldType::Attachment)) = (&change.what, declared.kind(path)) {
            return Err(error(format!("`{}` is declared ATTACHMENT: it has no default()", path_of(path))));
        }
        let is_applied = matches!(change.what, What::Increment(_) | What::Restart(_));
        if let (true, Some(kind)) = (is_applied, declared.kind(path).filter(|kind| *kind != FieldType::Counter)) {
            let kind = kind.as_str().to_uppercase();
            return Err(error(format!("`{}` is declared {kind}: APPLY is for counters", path_of(path))));
        }
    }
    for path in &paths {
        if let Some(depth) = (1..path.len()).find(|depth| paths.contains(&path[..*depth])) {
            let (parent, path) = (path_of(&path[..depth]), path_of(path));
            return Err(error(format!("`{path}` lies in `{parent}`, which the statement changes too")));
        }
    }
    Ok(())
}
