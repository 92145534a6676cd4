//! A DQL statement as it was written: what the parser makes, and binding puts arguments into.
//!
//! Invariants: at most [`super::limits`] deep and large; a name is resolved to no more than its kind
//! (a function is known, a field is not).

use document::{FieldType, Value};

use super::function::Function;

/// A whole statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Select(Select),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
    CreateIndex(CreateIndex),
    DropIndex(DropIndex),
    Explain(Box<Tree>),
    Show(Show),
}

/// Whose documents: `[COLLECTION] name [(definitions)] [[AS] alias] [USE IDS …] [USE INDEX …]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    /// `system:name` has the name `system:name`; `default:name` has `name`; `__collections` is
    /// `system:collections`.
    pub(crate) name: String,
    /// Flattened: each with the steps that lead to it, `MAP`s beside what is declared in them.
    pub(crate) definitions: Vec<(Vec<String>, FieldType)>,
    pub(crate) alias: Option<String>,
    pub(crate) use_ids: Option<UseIds>,
    /// The text of `USE INDEX`; `''`: none at all.
    pub(crate) use_index: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum UseIds {
    /// `USE IDS a, b`.
    Each(Vec<Expression>),
    /// `USE IDS LIST e`: an array.
    List(Expression),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Select {
    pub(crate) distinct: bool,
    pub(crate) projection: Projection,
    pub(crate) source: Source,
    pub(crate) condition: Option<Expression>,
    pub(crate) group_by: Vec<Expression>,
    pub(crate) having: Option<Expression>,
    pub(crate) tail: Tail,
}

/// `*` or items; of RETURNING too.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Projection {
    pub(crate) items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// `*`, or `name.*` of the source itself: every field, `_id` among them.
    All,
    /// `path.*`: every field of the object there.
    AllOf(Vec<Step>),
    /// `MISSING path`: what other items gave is left out there.
    Without(Vec<Step>),
    /// `expression [[AS] name]`.
    Value { expression: Expression, name: Option<String> },
}

/// `ORDER BY … LIMIT … OFFSET …`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Tail {
    pub(crate) order: Vec<OrderKey>,
    pub(crate) limit: Option<Expression>,
    pub(crate) offset: Option<Expression>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OrderKey {
    pub(crate) expression: Expression,
    pub(crate) descending: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Insert {
    pub(crate) source: Source,
    pub(crate) initial: bool,
    pub(crate) documents: InsertSource,
    pub(crate) conflict: ConflictPolicy,
    pub(crate) returning: Option<Projection>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InsertSource {
    Documents(Vec<Expression>),
    Select(Box<Select>),
}

/// What an INSERT does about a document that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictPolicy {
    /// The statement is refused.
    Fail,
    /// That document stays as it is.
    Nothing,
    /// It is merged in, `MERGE` too.
    Update,
    /// What differs is merged in; where nothing does, nothing happens.
    UpdateLocalDiff,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    pub(crate) source: Source,
    pub(crate) apply: Vec<Apply>,
    pub(crate) set: Vec<Assignment>,
    pub(crate) unset: Vec<Vec<String>>,
    pub(crate) condition: Option<Expression>,
    pub(crate) tail: Tail,
    pub(crate) returning: Option<Projection>,
}

/// A counter's change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Apply {
    pub(crate) path: Vec<String>,
    pub(crate) change: CounterChange,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CounterChange {
    /// `INCREMENT BY e`, `PN_INCREMENT BY e`.
    Increment(Expression),
    /// `RESTART [WITH e]`.
    Restart(Option<Expression>),
}

/// `path = e`; `a -> (b = 1)` is `a.b = 1`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) path: Vec<String>,
    pub(crate) value: Assigned,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Assigned {
    Value(Expression),
    /// `-> tombstone()`: as UNSET.
    Tombstone,
    /// `-> default()`: null, or `{}` of a MAP.
    Default,
}

/// DELETE and TOMBSTONE.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delete {
    pub(crate) source: Source,
    pub(crate) condition: Option<Expression>,
    pub(crate) tail: Tail,
    pub(crate) returning: Option<Projection>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateIndex {
    pub(crate) name: String,
    pub(crate) collection: String,
    /// Each path, and whether its greatest value comes first.
    pub(crate) keys: Vec<(Vec<String>, bool)>,
    pub(crate) if_not_exists: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DropIndex {
    pub(crate) name: String,
    pub(crate) collection: String,
    pub(crate) if_exists: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Show {
    Name(String),
    All { like: Option<Like> },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Like {
    pub(crate) pattern: String,
    pub(crate) any_case: bool,
}

/// A step of a path that is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Field(String),
    Index(usize),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    /// Null, a boolean, a number or a string.
    Literal(Value),
    Array(Vec<Expression>),
    /// Keys are expressions: a string, or in a SELECT a field that holds one.
    Object(Vec<(Expression, Expression)>),
    /// `:name`.
    Parameter(String),
    /// A field, `_id`, a variable of ANY, EVERY or ARRAY; it may begin with the source's name or
    /// alias. At least one step, the first a name.
    Path(Vec<Step>),
    Not(Box<Expression>),
    Negate(Box<Expression>),
    Binary {
        operator: Binary,
        left: Box<Expression>,
        right: Box<Expression>,
    },
    Is {
        value: Box<Expression>,
        what: Is,
        negated: bool,
    },
    Like {
        value: Box<Expression>,
        pattern: Box<Expression>,
        escape: Option<char>,
        any_case: bool,
        negated: bool,
    },
    Between {
        value: Box<Expression>,
        low: Box<Expression>,
        high: Box<Expression>,
        negated: bool,
    },
    In {
        value: Box<Expression>,
        list: InList,
        negated: bool,
    },
    Call {
        function: Function,
        arguments: Vec<Expression>,
    },
    /// Only in a projection, HAVING, or ORDER BY.
    Aggregate {
        aggregate: Aggregate,
        distinct: bool,
        argument: Option<Box<Expression>>,
    },
    Case {
        operand: Option<Box<Expression>>,
        branches: Vec<(Expression, Expression)>,
        otherwise: Option<Box<Expression>>,
    },
    Cast {
        value: Box<Expression>,
        kind: CastKind,
    },
    Quantified {
        quantifier: Quantifier,
        binding: Binding,
        condition: Box<Expression>,
    },
    /// `ARRAY e FOR x IN list [WHEN condition] END`; with a key, `OBJECT key : e FOR …`.
    Comprehension {
        key: Option<Box<Expression>>,
        element: Box<Expression>,
        binding: Binding,
        condition: Option<Box<Expression>>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    Xor,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Concat,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Is {
    /// `IS UNKNOWN` too.
    Null,
    Missing,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InList {
    /// `IN (a, b)`.
    Each(Vec<Expression>),
    /// `IN e`: membership in the array.
    Array(Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    /// Without an argument: `COUNT(*)`.
    Count,
    Sum,
    Avg,
    Min,
    Max,
    Median,
    Mid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CastKind {
    Boolean,
    String,
    Integer,
    Float,
    Array,
    Object,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    Any,
    Every,
    AnyAndEvery,
}

/// `[index:] name IN list`, or WITHIN: of all depths.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binding {
    pub(crate) index: Option<String>,
    pub(crate) name: String,
    pub(crate) within: bool,
    pub(crate) list: Box<Expression>,
}
