//! The legacy query language: text to a filter over documents (docs/reference/query-language.md).
//!
//! **Language version 1.** The store journals query texts as the conditions of writes and decides
//! them again on every replay, so a text that was once a query must mean the same for ever: what
//! parses today may neither stop parsing nor match other documents. What is an error today may
//! become a query. That binds the grammar, [`limits`] (raise, never lower), the comparison rules,
//! the ISO-8601 forms, the syntax of the `regex` crate, and what evaluating costs (lower, never
//! raise). The fixtures in `tests/query/language.rs` and `tests/query/steps.rs` stand for it: add
//! to them, never change one.
//!
//! Invariants: pure; parsing is bounded in depth and size; evaluating is paid for from a [`Budget`]
//! and fails for want of it alone.
//! Not here: which documents to look at (`store`), HTTP (`http-api`).

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use document::{DocumentId, Map, Path, Value};

mod bind;
mod budget;
mod compare;
mod demand;
mod filter;
mod id_rules;
mod id_test;
mod instant;
mod parse;
mod pattern;
mod syntax;
mod token;

pub mod dql;
pub mod limits;

#[cfg(test)]
mod laws;

pub use budget::{Budget, Reach, TooExpensive};
pub use compare::compare_for_sort;
pub use demand::{Demand, Place, Test};
pub use id_rules::{CollectionIdRules, Grantable, IdRules, IdRulesError};
pub use instant::is_date_time;

use budget::QUERY_BYTE_STEPS;
use filter::{Candidate, Node};
use parse::BareNames;
use syntax::Condition;

/// A parsed query, not yet bound to its `$args`. Displays as a text that parses to an equal query.
#[derive(Debug, Clone)]
pub struct Query {
    condition: Condition,
    text_bytes: usize,
}

/// A query with its arguments in place, ready to be evaluated. Cheap to clone, free to share
/// between threads.
#[derive(Debug, Clone)]
pub struct Filter {
    root: Root,
    made_steps: u64,
}

/// The condition, by its language.
#[derive(Debug, Clone)]
enum Root {
    Legacy(Arc<Node>),
    Dql(Arc<dql::Condition>),
}

/// A query language. How values compare and which of them are equal follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// The legacy query language: what is missing is null, and the first of all; ISO-8601 strings
    /// are points in time ([`compare_for_sort`]).
    Legacy,
    /// DQL: null and missing are two, and the last of all; strings are strings ([`dql::compare`]).
    Dql,
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
    /// Parses the whole of `text`. `true` matches everything; an empty query is an error. Texts
    /// beyond [`limits`] are errors.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Ok(Self { condition: parse::parse(text, BareNames::Fields)?, text_bytes: text.len() })
    }

    /// As [`Query::parse`], for what changes or removes the documents that it selects: there a name
    /// without quotes that stands where a text is likely (`status != done`) is an error and no
    /// field, since who forgot the quotes would change every document. A field is written in
    /// backticks there, and `_id` as ever.
    pub fn parse_for_change(text: &str) -> Result<Self, ParseError> {
        Ok(Self { condition: parse::parse(text, BareNames::ForgottenQuotes)?, text_bytes: text.len() })
    }

    /// Puts `args` in the place of `$args.name`; unused arguments are allowed. An argument that is
    /// missing, that is no array or text where a function needs one, or that is no regular
    /// expression, is an error.
    pub fn bind(&self, args: &Map) -> Result<Filter, BindError> {
        let bound = bind::bind(&self.condition, args)?;
        let made_steps = bound.steps.saturating_add(QUERY_BYTE_STEPS * self.text_bytes as u64);
        Ok(Filter { root: Root::Legacy(Arc::new(bound.root)), made_steps })
    }
}

impl PartialEq for Query {
    /// However they were written.
    fn eq(&self, other: &Self) -> bool {
        self.condition == other.condition
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

impl Filter {
    pub(crate) fn of_dql(condition: dql::Condition, made_steps: u64) -> Self {
        Self { root: Root::Dql(Arc::new(condition)), made_steps }
    }

    /// By which language it means what it means.
    pub fn language(&self) -> Language {
        match &self.root {
            Root::Legacy(_) => Language::Legacy,
            Root::Dql(_) => Language::Dql,
        }
    }

    /// Whether a document matches. `fields` is without `_id`. Takes its steps out of `budget`, at
    /// most [`limits::DOCUMENT_STEPS_MAX`]; where they do not suffice, it is not known whether the
    /// document matches.
    pub fn matches(&self, id: &DocumentId, fields: &Map, budget: &mut Budget) -> Result<bool, TooExpensive> {
        budget.within_a_document(|budget| match &self.root {
            Root::Legacy(root) => root.matches(&Candidate::new(id, fields), budget),
            Root::Dql(condition) => condition.matches(id, fields, budget),
        })
    }

    /// The most steps that [`Filter::matches`] can take, whatever the document is. `None` where
    /// that depends on the document, as a regular expression does; then
    /// [`limits::DOCUMENT_STEPS_MAX`] is all that can be said.
    pub fn steps_max(&self) -> Option<u64> {
        match &self.root {
            Root::Legacy(root) => root.steps_max(),
            Root::Dql(condition) => condition.steps_max(),
        }
    }

    /// What it took to make the filter, in steps: reading the query, compiling its regular
    /// expressions. Who makes many filters for one caller takes it out of that caller's budget.
    pub fn made_steps(&self) -> u64 {
        self.made_steps
    }

    /// If only documents with these ids can match (`_id == 'a'`, or several joined by `||`), the
    /// ids, sorted, each once: a reader then need not scan. Those documents must still be asked
    /// with [`Filter::matches`]. None at all where nothing can match.
    pub fn ids(&self) -> Option<Vec<DocumentId>> {
        match &self.root {
            Root::Legacy(root) => root.ids_where(true).map(|ids| ids.into_iter().collect()),
            Root::Dql(condition) => condition.ids(),
        }
    }

    /// Fields, each with values: only documents where every one of the fields equals one of its
    /// values can match, so that a filter can be looked up by what a document holds. Equal is what
    /// [`compare_for_sort`] finds no difference in, a missing field being null. Documents found
    /// that way must still be asked with [`Filter::matches`]. Empty if no field is bound to
    /// constants; a field may come more than once.
    pub fn required_values(&self) -> Vec<(&Path, Vec<&Value>)> {
        match &self.root {
            Root::Legacy(root) => root.required_values(),
            Root::Dql(condition) => condition.required_values(),
        }
    }

    /// What a document must meet to match, in alternatives: every demand of at least one of them.
    /// One without demands is met by every document; no alternative at all: nothing can match.
    /// Documents that meet them must still be asked with [`Filter::matches`]. At most 64.
    pub fn alternatives(&self) -> Vec<Vec<Demand<'_>>> {
        self.demands().alternatives
    }

    /// Whether the filter is no more than its demands: a document that meets every one of an
    /// alternative of [`Filter::alternatives`] matches, so that it need not be asked again.
    pub fn is_its_demands(&self) -> bool {
        self.demands().are_all
    }

    fn demands(&self) -> demand::Demands<'_> {
        match &self.root {
            Root::Legacy(root) => demand::demands(root),
            Root::Dql(condition) => condition.demands(),
        }
    }

    /// The names of the fields that [`Filter::matches`] looks at, sorted by their bytes, each once:
    /// of nested ones the outermost. It needs no others in `fields`.
    pub fn field_names(&self) -> Vec<&str> {
        let mut names = BTreeSet::new();
        match &self.root {
            Root::Legacy(root) => root.collect_field_names(&mut names),
            Root::Dql(condition) => condition.collect_field_names(&mut names),
        }
        names.into_iter().collect()
    }

    /// Whether a document has one of [`Filter::ids`], and one of the values that each field of
    /// [`Filter::required_values`] needs. One that has not does not match. Costs little, whatever
    /// the document is.
    pub fn may_match(&self, id: &DocumentId, fields: &Map) -> bool {
        let has_one = |(path, values): (&Path, Vec<&Value>)| {
            let found = path.lookup(fields);
            values.into_iter().any(|value| compare_for_sort(found, Some(value)).is_eq())
        };
        self.ids().is_none_or(|ids| ids.contains(id)) && self.required_values().into_iter().all(has_one)
    }

    /// Whether the outcome depends on nothing but `_id`, so that it can never change for a
    /// document.
    pub fn is_id_only(&self) -> bool {
        match &self.root {
            Root::Legacy(root) => !root.reads_fields(),
            Root::Dql(condition) => condition.is_id_only(),
        }
    }

    /// What everything matches, in the legacy language.
    pub fn always() -> Self {
        Self { root: Root::Legacy(Arc::new(Node::Constant(true))), made_steps: 0 }
    }

    /// Whether everything matches (`true`).
    pub fn is_always(&self) -> bool {
        match &self.root {
            Root::Legacy(root) => matches!(**root, Node::Constant(true)),
            Root::Dql(condition) => condition.is_always(),
        }
    }
}

impl ParseError {
    pub(crate) fn new(message: impl Into<String>, column: usize) -> Self {
        Self { message: message.into(), column }
    }
}
