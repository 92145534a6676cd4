//! Which documents a filter matches now: a look at some of them, never at all.
//!
//! Invariant: it is as short as every look of the portal (`glance::Glance`), and says when it was cut.
//! Not here: finding documents for programs (`http-api`).

use document::{CollectionName, Map};
use find::{Found, Query};
use query::{Filter, dql};
use store::App;
use topics::QueryLanguage;

use crate::failure::Failure;
use crate::glance::{Ended, Glance};
use crate::limits::MATCHES_SHOWN_MAX;

/// Characters of a document that are shown.
const DOCUMENT_CHARACTERS_MAX: usize = 240;

/// What a look found.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    pub(crate) found: Vec<MatchingDocument>,
    /// Documents that were looked at.
    pub(crate) looked_at: usize,
    /// Whether there was nothing else to look at.
    pub(crate) complete: bool,
}

#[derive(Debug)]
pub(crate) struct MatchingDocument {
    pub(crate) collection: String,
    /// Its beginning.
    pub(crate) json: String,
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilterFault {
    pub(crate) message: String,
    /// Where, from 1, in characters.
    pub(crate) column: Option<usize>,
}

/// The filter of a live query of `collection`, or of all: without arguments.
pub(crate) fn parse(
    text: &str,
    language: QueryLanguage,
    collection: Option<&CollectionName>,
) -> Result<Filter, FilterFault> {
    match language {
        QueryLanguage::Legacy => parse_legacy(text),
        QueryLanguage::Dql => {
            dql::condition_of(text, collection.map(CollectionName::as_str)).map_err(|error| FilterFault {
                message: error.to_string(),
                column: match error {
                    dql::ConditionError::Syntax(error) => Some(column_in_one_line(text, &error)),
                    dql::ConditionError::Bind(_) => None,
                },
            })
        }
    }
}

/// Where it is if the ends of lines are characters as any.
fn column_in_one_line(text: &str, error: &dql::SyntaxError) -> usize {
    let before = text.split('\n').take(error.line.saturating_sub(1));
    before.map(|line| line.chars().count() + 1).sum::<usize>() + error.column
}

fn parse_legacy(text: &str) -> Result<Filter, FilterFault> {
    let query = query::Query::parse(text)
        .map_err(|error| FilterFault { message: error.to_string(), column: Some(error.column) })?;
    query.bind(&Map::new()).map_err(|error| FilterFault { message: error.message, column: None })
}

/// Looks at documents of a collection, or of all, until there are enough. Blocks on disk.
pub(crate) fn look(app: &App, collection: Option<&CollectionName>, filter: &Filter) -> Result<Matches, Failure> {
    let snapshot = app.snapshot()?;
    let collections = match collection {
        Some(collection) => vec![collection.clone()],
        None => snapshot.collections().collect::<Result<_, _>>()?,
    };
    let mut glance = Glance::default();
    let mut found = Vec::new();
    let mut complete = true;
    for collection in collections {
        let left = MATCHES_SHOWN_MAX - found.len();
        let query = Query { limit: Some(left + 1), ..Query::of(collection, filter.clone()) };
        let ended = glance.at(&snapshot, &query, |one| {
            complete = found.len() < MATCHES_SHOWN_MAX;
            if complete {
                found.push(shown(&query.collection, &one)?);
            }
            Ok(complete)
        })?;
        complete &= ended == Ended::Here;
        if !complete {
            break;
        }
    }
    Ok(Matches { found, looked_at: glance.looked_at, complete })
}

fn shown(collection: &CollectionName, found: &Found) -> Result<MatchingDocument, Failure> {
    let mut json = Vec::new();
    found.document()?.write_json(found.id.as_json(), &mut json);
    let json = beginning(&String::from_utf8_lossy(&json));
    Ok(MatchingDocument { collection: collection.as_str().to_owned(), json })
}

fn beginning(text: &str) -> String {
    match text.char_indices().nth(DOCUMENT_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_where() {
        let legacy = |text| parse(text, QueryLanguage::Legacy, None);
        assert!(legacy("age >= 18").is_ok());
        let fault = legacy("age >=").unwrap_err();
        assert!(fault.column.is_some() && fault.message.contains("column"), "{fault:?}");
        assert_eq!(legacy("age >= $args.x").unwrap_err().column, None);
        let by_dql = |text| parse(text, QueryLanguage::Dql, None);
        assert!(by_dql("age BETWEEN 18 AND 21").is_ok());
        assert_eq!(by_dql("age >= 18\nAND )").unwrap_err().column, Some(15));
    }

    #[test]
    fn a_long_document_is_cut_between_characters() {
        let text = "\u{e4}".repeat(DOCUMENT_CHARACTERS_MAX + 1);
        assert_eq!(beginning(&text).chars().count(), DOCUMENT_CHARACTERS_MAX + 1);
        assert_eq!(beginning("short"), "short");
    }
}
