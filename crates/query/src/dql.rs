//! DQL, version 1: statements, what they ask of documents, and what they make of them
//! (docs/reference/dql.md).
//!
//! A [`Statement`] is parsed once and bound to its arguments ([`Statement::bind`]); what is bound
//! says which documents it means ([`Select::filter`]) and makes rows or changes of them, one
//! document after the other. So the same code answers at a server and in a small peer.
//!
//! **The meaning of a condition never changes** (see the crate's header): live queries are evaluated
//! by it for ever. What an UPDATE computes is journaled as values, so a replay evaluates nothing.
//!
//! Values are in the order false < true < numbers < strings < arrays < objects < null < missing, in
//! which `int` and `float` are one kind, strings are compared by their bytes, and no string is a
//! date. What is MISSING is `None` here.
//!
//! Invariants: pure; parsing is bounded in depth and size ([`limits`]); evaluating is paid for from a
//! [`crate::Budget`] and fails for want of it alone; a wrong kind of value is MISSING, never an error.
//! Not here: which documents are looked at (crate `find`), transactions (`rules`), replies.

mod aggregate;
mod arithmetic;
mod bind;
mod call;
mod compare;
mod condition;
mod date;
mod declared;
mod function;
mod group;
mod key;
mod like;
mod memory;
mod mutation;
mod node;
mod parse;
mod parts;
mod projection;
mod rows;
mod select;
mod syntax;
mod token;
mod update;

pub mod limits;

#[cfg(test)]
mod laws;

use document::{Map, Value};

use crate::{BindError, Budget, Filter};

pub use compare::compare;
pub use mutation::{Conflict, DecideError, Delete, Documents, Insert, NewDocument, Update};
pub use rows::{Row, Rows, RowsError};
pub use select::{Projector, Select, Shape};
pub use syntax::ConflictPolicy;

pub(crate) use condition::Condition;

/// A parsed statement, not yet bound to its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    tree: syntax::Tree,
    text_bytes: usize,
}

/// Why a text is no statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line}, column {column}")]
pub struct SyntaxError {
    /// What is wrong and what was expected, in lower case.
    pub message: String,
    /// Where, from 1.
    pub line: usize,
    /// Where in the line, from 1, in characters.
    pub column: usize,
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SELECT.
    Select,
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE and TOMBSTONE.
    Delete,
    /// CREATE INDEX.
    CreateIndex,
    /// DROP INDEX.
    DropIndex,
    /// EXPLAIN of any statement.
    Explain,
    /// SHOW.
    Show,
}

/// What is the same wherever in a statement it is asked for, and whenever it is bound again.
#[derive(Debug, Clone)]
pub struct Constants {
    /// What `clock()` says, ms since the epoch.
    pub now_ms: u64,
    /// Whether an object whose field was not declared is one register: the vendor's strict mode, and
    /// `/api/v4`. Otherwise it is a map.
    pub strict: bool,
    /// What `request_info()` says ([`request_info`]).
    pub request_info: Map,
    /// How far ahead of UTC a time zone (IANA's name) is at a time in ms since the epoch, in
    /// seconds; for SELECT alone. `None`: zones are refused.
    pub zone_offset: Option<fn(&str, i64) -> Option<i32>>,
}

/// What `request_info()` says of a request that came at `now_ms`, if it has an id, from `peer`.
pub fn request_info(app: &str, request_id: Option<&str>, now_ms: u64, peer: &str) -> Map {
    let text = |name: &str, value: &str| (name.to_owned(), Value::String(value.to_owned()));
    let mut fields = vec![text("app_id", app), text("peer", peer)];
    fields.extend(request_id.map(|id| text("request_id", id)));
    fields.extend(date::Date::at(now_ms, 0).map(|date| text("start_time", &date.clock_text())));
    Map::from_fields(fields)
}

/// A statement with its arguments in place.
#[derive(Debug, Clone)]
pub enum Bound {
    /// SELECT.
    Select(Select),
    /// INSERT.
    Insert(Insert),
    /// UPDATE.
    Update(Update),
    /// DELETE and TOMBSTONE.
    Delete(Delete),
    /// CREATE INDEX.
    CreateIndex(NewIndex),
    /// DROP INDEX.
    DropIndex(OldIndex),
    /// EXPLAIN: the statement that is not to be run.
    Explain(Box<Bound>),
    /// SHOW: the names that are asked for.
    Show(Show),
}

/// An index to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewIndex {
    /// Its name.
    pub name: String,
    /// Whose documents.
    pub collection: String,
    /// Each path, and whether the greatest comes first.
    pub keys: Vec<(document::Path, bool)>,
    /// Whether one of that name may be there.
    pub if_not_exists: bool,
}

/// An index to be dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldIndex {
    /// Its name.
    pub name: String,
    /// Whose documents.
    pub collection: String,
    /// Whether none of that name is fine.
    pub if_exists: bool,
}

/// Which parameters SHOW shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Show(pub(crate) syntax::Show);

impl Statement {
    /// Parses the whole of `text`: one statement, with one `;` behind it or none.
    ///
    /// # Errors
    /// The first thing that is wrong, and where; what the language has but this version does not
    /// is named.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        Ok(Self { tree: parse::parse(text)?, text_bytes: text.len() })
    }

    /// What it does.
    pub fn kind(&self) -> Kind {
        use syntax::Tree;
        match &self.tree {
            Tree::Select(_) => Kind::Select,
            Tree::Insert(_) => Kind::Insert,
            Tree::Update(_) => Kind::Update,
            Tree::Delete(_) => Kind::Delete,
            Tree::CreateIndex(_) => Kind::CreateIndex,
            Tree::DropIndex(_) => Kind::DropIndex,
            Tree::Explain(_) => Kind::Explain,
            Tree::Show(_) => Kind::Show,
        }
    }

    /// The collection that it writes to or indexes, or that the explained one does; the system's own
    /// begin with `system:`.
    pub fn written_collection(&self) -> Option<&str> {
        use syntax::Tree;
        let mut tree = &self.tree;
        while let Tree::Explain(explained) = tree {
            tree = explained;
        }
        match tree {
            Tree::Insert(insert) => Some(&insert.source.name),
            Tree::Update(update) => Some(&update.source.name),
            Tree::Delete(delete) => Some(&delete.source.name),
            Tree::CreateIndex(index) => Some(&index.collection),
            Tree::DropIndex(index) => Some(&index.collection),
            Tree::Select(_) | Tree::Explain(_) | Tree::Show(_) => None,
        }
    }

    /// The length of its text, in bytes.
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Puts `args` in the place of `:name`; unused ones are fine.
    ///
    /// # Errors
    /// A parameter is missing or cannot stand where it does; names that mean nothing; a statement
    /// that cannot mean anything (an aggregate in WHERE, a path that is set twice).
    pub fn bind(&self, args: &Map, constants: &Constants) -> Result<Bound, BindError> {
        Self::bind_tree(&self.tree, args, constants)
    }

    fn bind_tree(tree: &syntax::Tree, args: &Map, constants: &Constants) -> Result<Bound, BindError> {
        use syntax::Tree;
        Ok(match tree {
            Tree::Select(select) => Bound::Select(Select::bind(select, args, constants)?),
            Tree::Insert(insert) => Bound::Insert(Insert::bind(insert, args, constants)?),
            Tree::Update(update) => Bound::Update(Update::bind(update, args, constants)?),
            Tree::Delete(delete) => Bound::Delete(Delete::bind(delete, args, constants)?),
            Tree::CreateIndex(index) => Bound::CreateIndex(NewIndex {
                name: index.name.clone(),
                collection: index.collection.clone(),
                keys: index.keys.iter().map(|(path, descending)| (path_of(path), *descending)).collect(),
                if_not_exists: index.if_not_exists,
            }),
            Tree::DropIndex(index) => Bound::DropIndex(OldIndex {
                name: index.name.clone(),
                collection: index.collection.clone(),
                if_exists: index.if_exists,
            }),
            Tree::Explain(explained) => Bound::Explain(Box::new(Self::bind_tree(explained, args, constants)?)),
            Tree::Show(show) => Bound::Show(Show(show.clone())),
        })
    }
}

impl Show {
    /// The one parameter that it names; `None` where it names several.
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            syntax::Show::Name(name) => Some(name),
            syntax::Show::All { .. } => None,
        }
    }

    /// Whether it asks for the parameter of this name.
    pub fn asks_for(&self, name: &str) -> bool {
        match &self.0 {
            syntax::Show::Name(asked) => asked.eq_ignore_ascii_case(name),
            syntax::Show::All { like: None } => true,
            syntax::Show::All { like: Some(like) } => {
                let pattern = like::Like::new(&like.pattern, like::ESCAPE, like.any_case);
                pattern.matches(name, &mut Budget::of_a_document()).unwrap_or(false)
            }
        }
    }
}

/// A condition as it stands behind WHERE, without parameters: a filter by version 1 of the language.
/// It may not ask for the time or the request.
///
/// # Errors
/// What is wrong, and where.
pub fn condition(text: &str) -> Result<Filter, ConditionError> {
    condition::parse_alone(text, None)
}

/// The same where all documents are of one collection, if there is one: paths may begin with its
/// name.
///
/// # Errors
/// As of [`condition`].
pub fn condition_of(text: &str, collection: Option<&str>) -> Result<Filter, ConditionError> {
    condition::parse_alone(text, collection)
}

/// What a peer subscribes to: `SELECT * FROM collection [WHERE …]`, and its parameters. It may not
/// ask for the time or the request. Gives the collection, and which of its documents.
///
/// # Errors
/// What is wrong, and where.
pub fn subscription(text: &str, args: &Map) -> Result<(String, Filter), ConditionError> {
    let statement = Statement::parse(text)?;
    let syntax::Tree::Select(select) = &statement.tree else {
        return Err(no_subscription("it is no SELECT").into());
    };
    let select = Select::bind_kept(select, args)?;
    let is_sorted = select.is_ordered() || select.offset() > 0 || select.limit().is_some();
    if select.shape() != Shape::Documents || is_sorted {
        return Err(no_subscription("it is more than SELECT * FROM … WHERE …").into());
    }
    Ok((select.collection().to_owned(), select.filter().clone()))
}

fn no_subscription(why: &str) -> BindError {
    BindError { message: format!("the statement is no subscription: {why}") }
}

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConditionError {
    /// It is none of the language.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// It asks for what is not there.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// The names of all functions, sorted, each with the fewest and the most arguments it takes.
pub fn functions() -> impl Iterator<Item = (&'static str, usize, usize)> {
    function::Function::all()
}

/// The key in a changeset's arguments under which [`Constants`] are kept; no parameter's name.
const CONSTANTS: &str = "#";

impl Constants {
    /// Puts them beside `args`, so that who has the text and these binds the same statement.
    pub fn put_into(&self, args: &mut Map) {
        let Self { now_ms, strict, request_info, zone_offset: _ } = self;
        let constants = Map::from_fields(vec![
            ("now".to_owned(), Value::Int(*now_ms as i64)),
            ("strict".to_owned(), Value::Bool(*strict)),
            ("requestInfo".to_owned(), Value::Map(request_info.clone())),
        ]);
        args.insert(CONSTANTS.to_owned(), Value::Map(constants));
    }

    /// Takes them from there. `None` if there are none.
    pub fn of_args(args: &Map) -> Option<Self> {
        let Value::Map(constants) = args.field(CONSTANTS)? else { return None };
        let (Value::Int(now), Value::Bool(strict), Value::Map(request_info)) =
            (constants.field("now")?, constants.field("strict")?, constants.field("requestInfo")?)
        else {
            return None;
        };
        Some(Self {
            now_ms: u64::try_from(*now).ok()?,
            strict: *strict,
            request_info: request_info.clone(),
            zone_offset: None,
        })
    }
}

/// Steps through objects as a path of a document.
fn path_of(steps: &[String]) -> document::Path {
    document::Path { segments: steps.iter().cloned().map(document::PathSegment::Field).collect() }
}
