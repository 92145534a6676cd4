//! The field of a form that takes a permission document, as JSON.
//!
//! Invariant: what is wrong with it is told at the field, in the words that the server has for it.
//! Not here: what its queries mean, which is checked by who makes the key or the live query (`operations`).

use credentials::{GrantedQueries, PermissionDocument};
use wire::admin;

use crate::page::problem::sentence;

/// The field's name.
pub(crate) const PERMISSION: &str = "permission";

/// The document that stands in the field; `None` where nothing does.
pub(crate) fn read(text: &str) -> Result<Option<PermissionDocument>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let document: PermissionDocument =
        serde_json::from_str(text).map_err(|error| sentence(&format!("this is no permission document: {error}")))?;
    document.check_size().map_err(|error| sentence(&error))?;
    Ok(Some(document))
}

/// The same as a request for a live query brings it.
pub(crate) fn of_live_query(document: PermissionDocument) -> admin::PermissionDocument {
    let half = |GrantedQueries { everything, queries_by_collection }: GrantedQueries| admin::GrantedQueries {
        everything,
        queries_by_collection,
    };
    admin::PermissionDocument { read: half(document.read), write: half(document.write) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_document_says_where() {
        assert_eq!(read(" \r\n"), Ok(None));
        let read_north = r#"{"read":{"queriesByCollection":{"orders":["_id.shop == 'north'"]}}}"#;
        let document = read(read_north).unwrap().unwrap();
        assert_eq!(document.read.queries_by_collection["orders"], ["_id.shop == 'north'"]);
        assert_eq!(of_live_query(document).read.queries_by_collection.len(), 1);
        let wrong = read(r#"{"reed":{}}"#).unwrap_err();
        assert!(wrong.starts_with("This is no permission document: unknown field `reed`"), "{wrong}");
        assert!(wrong.ends_with("line 1 column 7."), "{wrong}");
    }
}
