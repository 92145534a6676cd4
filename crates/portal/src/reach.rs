//! How a permission document is shown: how far it reaches, and the document.

use credentials::{GrantedQueries, PermissionDocument};
use serde::Serialize;

use crate::limits::PERMISSION_SHOWN_CHARS;

/// How a permission document is shown.
pub(crate) struct Reach {
    /// In short.
    pub(crate) summary: String,
    /// As JSON, or its beginning.
    pub(crate) document: String,
}

impl Reach {
    /// Where the document is too long to be shown, `command` shows all of it.
    pub(crate) fn of(document: &PermissionDocument, command: &str) -> Self {
        Self { summary: summary(document), document: text(document, command) }
    }

    /// Of what a live query may carry of its collection.
    pub(crate) fn of_carried(carried: &topics::GrantedQueries, collection: &str, command: &str) -> Self {
        let queries = carried.queries_by_collection.get(collection).map_or(0, Vec::len);
        let summary = match (carried.everything, queries) {
            (true, _) => "all".to_owned(),
            (false, 1) => "those that one query grants".to_owned(),
            (false, queries) => format!("those that {queries} queries grant"),
        };
        Self { summary, document: text(carried, command) }
    }
}

fn summary(document: &PermissionDocument) -> String {
    let collections = |half: &GrantedQueries| half.queries_by_collection.len();
    match (document.read.everything, document.write.everything) {
        (true, true) => "all documents".to_owned(),
        (true, false) => format!("reads all, writes some of {}", counted(collections(&document.write))),
        (false, _) => format!("restricted: some of {}", counted(collections(&document.read))),
    }
}

fn counted(collections: usize) -> String {
    format!("{collections} collection{}", if collections == 1 { "" } else { "s" })
}

fn text(document: &impl Serialize, command: &str) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    if let Some((end, _)) = text.char_indices().nth(PERMISSION_SHOWN_CHARS) {
        text.truncate(end);
        text.push_str(&format!("\n… `{command}` shows all of it"));
    }
    text
}
