//! Which documents a filter matches now: a look at some of them, never at all.
//!
//! Invariant: it ends after [`SCAN_DOCUMENTS_MAX`] documents or [`SCAN_TIME_MAX`], and says when it did.
//! Not here: finding documents for programs (`http-api`).

use std::time::Instant;

use document::{CollectionName, DocumentId, Map};
use query::{Budget, Filter, Query, TooExpensive};
use store::{App, Snapshot, StoredDocument};

use crate::failure::Failure;
use crate::limits::{MATCHES_SHOWN_MAX, SCAN_DOCUMENTS_MAX, SCAN_STEPS_MAX, SCAN_TIME_MAX};

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

/// The filter of a live query: without arguments.
pub(crate) fn parse(text: &str) -> Result<Filter, FilterFault> {
    let query =
        Query::parse(text).map_err(|error| FilterFault { message: error.to_string(), column: Some(error.column) })?;
    query.bind(&Map::new()).map_err(|error| FilterFault { message: error.message, column: None })
}

/// Looks at documents of a collection, or of all, until there are enough. Blocks on disk.
pub(crate) fn look(app: &App, collection: Option<&CollectionName>, filter: &Filter) -> Result<Matches, Failure> {
    let snapshot = app.snapshot()?;
    let collections = match collection {
        Some(collection) => vec![collection.clone()],
        None => snapshot.collections().collect::<Result<_, _>>()?,
    };
    let budget = Budget::new(SCAN_STEPS_MAX);
    let mut look = Look { filter, budget, started: Instant::now(), matches: Matches::default() };
    for collection in &collections {
        if !look.at_collection(&snapshot, collection)? {
            return Ok(look.matches);
        }
    }
    look.matches.complete = true;
    Ok(look.matches)
}

struct Look<'f> {
    filter: &'f Filter,
    budget: Budget,
    started: Instant,
    matches: Matches,
}

impl Look<'_> {
    /// `false` once it is enough.
    fn at_collection(&mut self, snapshot: &Snapshot, collection: &CollectionName) -> Result<bool, Failure> {
        if let Some(ids) = self.filter.ids() {
            for id in ids {
                if let Some(stored) = snapshot.document(collection, &id)?
                    && !self.take(collection, &id, &stored)?
                {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        for entry in snapshot.scan(collection) {
            let (id, stored) = entry?;
            if !self.take(collection, &id, &stored)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `false` if this was not looked at any more.
    fn take(
        &mut self,
        collection: &CollectionName,
        id: &DocumentId,
        stored: &StoredDocument,
    ) -> Result<bool, TooExpensive> {
        let spent = self.matches.looked_at >= SCAN_DOCUMENTS_MAX || self.started.elapsed() >= SCAN_TIME_MAX;
        if spent || self.matches.found.len() >= MATCHES_SHOWN_MAX {
            return Ok(false);
        }
        self.matches.looked_at += 1;
        if let Some(fields) = stored.document.value()
            && self.filter.matches(id, &fields, &mut self.budget)?
        {
            let mut json = Vec::new();
            stored.document.write_json(id.as_json(), &mut json);
            self.matches.found.push(MatchingDocument {
                collection: collection.as_str().to_owned(),
                json: beginning(&String::from_utf8_lossy(&json)),
            });
        }
        Ok(true)
    }
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
        assert!(parse("age >= 18").is_ok());
        let fault = parse("age >=").unwrap_err();
        assert!(fault.column.is_some() && fault.message.contains("column"), "{fault:?}");
        assert_eq!(parse("age >= $args.x").unwrap_err().column, None);
    }

    #[test]
    fn a_long_document_is_cut_between_characters() {
        let text = "\u{e4}".repeat(DOCUMENT_CHARACTERS_MAX + 1);
        assert_eq!(beginning(&text).chars().count(), DOCUMENT_CHARACTERS_MAX + 1);
        assert_eq!(beginning("short"), "short");
    }
}
