//! The legacy query language: text to a filter over documents.
//!
//! Invariants: pure; parsing and evaluating are bounded in depth and size; evaluating never fails.
//! Not here: which documents to look at (`store`), HTTP (`http-api`).

use document::{DocumentId, Map};

pub mod limits;

/// A parsed query, not yet bound to its `$args`.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {}

/// A query with its arguments in place, ready to be evaluated.
#[derive(Debug, Clone)]
pub struct Filter {}

/// Why text is no query.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message} at column {column}")]
pub struct ParseError {
    /// What is wrong and what was expected, in lower case.
    pub message: String,
    /// Where, from 1, in characters.
    pub column: usize,
}

/// Why a query cannot be bound: an argument is missing or of a kind that cannot stand there.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct BindError {
    /// What is wrong; names the argument.
    pub message: String,
}

impl Query {
    /// Parses the whole of `text`. `true` matches everything; an empty query is an error.
    pub fn parse(_text: &str) -> Result<Self, ParseError> {
        todo!()
    }

    /// Puts `args` in the place of `$args.name`; unused arguments are allowed.
    pub fn bind(&self, _args: &Map) -> Result<Filter, BindError> {
        todo!()
    }
}

impl Filter {
    /// Whether a document matches. `fields` is without `_id`.
    pub fn matches(&self, _id: &DocumentId, _fields: &Map) -> bool {
        todo!()
    }

    /// If only documents with these ids can match (`_id == 'a'`, or several joined by `||`), the ids: a reader then need not scan.
    pub fn ids(&self) -> Option<Vec<DocumentId>> {
        todo!()
    }

    /// Whether the outcome depends on nothing but `_id`, so that it can never change for a document.
    pub fn is_id_only(&self) -> bool {
        todo!()
    }

    /// Whether everything matches (`true`).
    pub fn is_always(&self) -> bool {
        todo!()
    }
}

/// Total order used by `sort`: null and missing, then booleans, numbers (compared exactly), strings (ISO-8601 date-times by instant against each
/// other, otherwise by UTF-8 bytes), arrays, maps.
pub fn compare_for_sort(_a: Option<&document::Value>, _b: Option<&document::Value>) -> std::cmp::Ordering {
    todo!()
}
