//! The legacy query language: text to a filter over documents (CONTRACT section 2; for users, `docs/reference/query-language.md`).
//!
//! **Language version 1.** The store journals query texts as the conditions of writes and decides them again on every replay, so a text that
//! was once a query must mean the same for ever: what parses today may neither stop parsing nor match other documents. What is an error today
//! may become a query. That binds the grammar, [`limits`] (raise, never lower), the comparison rules, the ISO-8601 forms, and the syntax
//! of the `regex` crate. The fixtures in `tests/query/language.rs` stand for it: add to them, never change one.
//!
//! Invariants: pure; parsing and evaluating are bounded in depth and size; evaluating never fails.
//! Not here: which documents to look at (`store`), HTTP (`http-api`).

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use document::{DocumentId, Map, Path, Value};

mod bind;
mod compare;
mod filter;
mod instant;
mod parse;
mod pattern;
mod syntax;
mod token;

pub mod limits;

#[cfg(test)]
mod laws;

pub use compare::compare_for_sort;

use filter::{Candidate, Node};
use syntax::Condition;

/// A parsed query, not yet bound to its `$args`. Displays as a text that parses to an equal query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    condition: Condition,
}

/// A query with its arguments in place, ready to be evaluated. Cheap to clone, free to share between threads.
#[derive(Debug, Clone)]
pub struct Filter {
    root: Arc<Node>,
}

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
    /// Parses the whole of `text`. `true` matches everything; an empty query is an error. Texts beyond [`limits`] are errors.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::parse(text).map(|condition| Self { condition })
    }

    /// Puts `args` in the place of `$args.name`; unused arguments are allowed. An argument that is missing, that is no array or text where a
    /// function needs one, or that is no regular expression, is an error.
    pub fn bind(&self, args: &Map) -> Result<Filter, BindError> {
        bind::bind(&self.condition, args).map(|root| Filter { root: Arc::new(root) })
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

impl Filter {
    /// Whether a document matches. `fields` is without `_id`.
    pub fn matches(&self, id: &DocumentId, fields: &Map) -> bool {
        self.root.matches(&Candidate::new(id, fields))
    }

    /// If only documents with these ids can match (`_id == 'a'`, or several joined by `||`), the ids, sorted, each once: a reader then need not
    /// scan. Those documents must still be asked with [`Filter::matches`]. None at all where nothing can match.
    pub fn ids(&self) -> Option<Vec<DocumentId>> {
        self.root.ids_where(true).map(|ids| ids.into_iter().collect())
    }

    /// Fields, each with values: only documents where every one of the fields equals one of its values can match, so that a filter can be
    /// looked up by what a document holds. Equal is what [`compare_for_sort`] finds no difference in, a missing field being null. Documents
    /// found that way must still be asked with [`Filter::matches`]. Empty if no field is bound to constants; a field may come more than once.
    pub fn required_values(&self) -> Vec<(&Path, Vec<&Value>)> {
        self.root.required_values()
    }

    /// Whether the outcome depends on nothing but `_id`, so that it can never change for a document.
    pub fn is_id_only(&self) -> bool {
        !self.root.reads_fields()
    }

    /// Whether everything matches (`true`).
    pub fn is_always(&self) -> bool {
        matches!(*self.root, Node::Constant(true))
    }
}

impl ParseError {
    pub(crate) fn new(message: impl Into<String>, column: usize) -> Self {
        Self { message: message.into(), column }
    }
}
