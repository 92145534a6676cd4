//! The format `debezium`: events as Debezium's connectors write them with `schemas.enable=false`, so that sink
//! connectors which read those (JDBC with its unwrapping transformation, Iceberg, …) read ours.
//!
//! ```text
//! key    {"_id":"abc123"}
//! value  {"before":{…},"after":{…},"source":{"version":"…","connector":"headwater","name":"shop","ts_ms":…,"db":"shop",
//!         "collection":"people","txId":42},"op":"c|u|d|r","ts_ms":…}
//! ```
//! The key is an object, so that its fields are a primary key (`primary.key.mode=record_key`); an `_id` that is itself
//! an object stays one field. It lacks the collection: a sink into one table carries one collection, by its live query.
//! `before` and `after` are documents as they stand in our events, or null. A remove is followed by a record without a
//! value (a tombstone), by which a compacted topic forgets the key. Headers and time are the event's own.
//!
//! What stands for a gap: a `snapshot` is `op` `r`. A `requeryRequired` has no shape here: the documents that it
//! names are read, and each is written as `r`, or as `d` and a tombstone if it is gone. So is the document of an
//! event that is too large for the target; one that is too large even so is left out, and the log says it. A `resync`
//! names none: it is left out, and the log says so. Not here: which partition, who reads the documents.

use serde_json::value::RawValue;
use wire::event::{self, Change};

/// What the source block says of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) app: &'a str,
    pub(crate) collection: &'a str,
    pub(crate) txn_id: u64,
    /// When the event was committed, ms since the epoch.
    pub(crate) commit_time_ms: i64,
}

/// The record's key.
pub(crate) fn key(id_json: &str) -> Vec<u8> {
    format!(r#"{{"_id":{id_json}}}"#).into_bytes()
}

/// The value of an event; `is_snapshot`: it is a document's present state in the place of history. `None` if it is no
/// change of a document. The flag says that a tombstone follows.
pub(crate) fn value(source: &Source<'_>, event: &[u8], is_snapshot: bool) -> Option<(Vec<u8>, bool)> {
    let (before, after, op) = match event::read_change(event)? {
        Change::Upsert { old: _, new } if is_snapshot => (None, Some(new), 'r'),
        Change::Upsert { old: Some(old), new } => (Some(old), Some(new), 'u'),
        Change::Upsert { old: None, new } => (None, Some(new), 'c'),
        Change::Remove { value } => (Some(value), None, 'd'),
        Change::Requery => return None,
    };
    Some((envelope(source, before, after, op), op == 'd'))
}

/// The value of a document that was read again: `None` if it is gone, and then a tombstone follows.
pub(crate) fn read_again(source: &Source<'_>, document: Option<&str>) -> Vec<u8> {
    envelope(source, None, document, if document.is_some() { 'r' } else { 'd' })
}

fn envelope(source: &Source<'_>, before: Option<&str>, after: Option<&str>, op: char) -> Vec<u8> {
    let Source { app, collection, txn_id, commit_time_ms } = source;
    let (before, after) = (before.unwrap_or("null"), after.unwrap_or("null"));
    let (app, collection) = (serde_json::Value::from(*app), serde_json::Value::from(*collection));
    let version = env!("CARGO_PKG_VERSION");
    format!(
        r#"{{"before":{before},"after":{after},"source":{{"version":"{version}","connector":"headwater","name":{app},"ts_ms":{commit_time_ms},"db":{app},"collection":{collection},"txId":{txn_id}}},"op":"{op}","ts_ms":{commit_time_ms}}}"#
    )
    .into_bytes()
}

/// The documents that a `requeryRequired` names, as collection and id (canonical JSON).
pub(crate) fn named(event: &[u8]) -> Option<Vec<(String, String)>> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Requery {
        documents: Vec<Named>,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        collection_name: String,
        document_id: Box<RawValue>,
    }
    let Requery { documents } = serde_json::from_slice(event).ok()?;
    Some(documents.into_iter().map(|it| (it.collection_name, it.document_id.get().to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Source<'_> = Source { app: "shop", collection: "people", txn_id: 42, commit_time_ms: 7 };

    fn shown(value: &[u8]) -> String {
        let value = String::from_utf8(value.to_vec()).unwrap();
        serde_json::from_str::<serde_json::Value>(&value).unwrap();
        value.replace(env!("CARGO_PKG_VERSION"), "V")
    }

    #[test]
    fn each_change_has_debeziums_letter_and_both_states() {
        let source = r#""source":{"version":"V","connector":"headwater","name":"shop","ts_ms":7,"db":"shop","collection":"people","txId":42}"#;
        let event = |change: &str| {
            format!(r#"{{"txnId":42,"type":"documentChanged","collection":"people","change":{change}}}"#)
        };
        let cases = [
            (r#"{"method":"upsert","oldValue":null,"newValue":{"_id":1}}"#, "null", r#"{"_id":1}"#, 'c'),
            (
                r#"{"method":"upsert","oldValue":{"_id":1},"newValue":{"_id":1,"a":2}}"#,
                r#"{"_id":1}"#,
                r#"{"_id":1,"a":2}"#,
                'u',
            ),
            (r#"{"method":"remove","value":{"_id":1}}"#, r#"{"_id":1}"#, "null", 'd'),
        ];
        for (change, before, after, op) in cases {
            let (found, is_gone) = value(&SOURCE, event(change).as_bytes(), false).unwrap();
            let expected = format!(r#"{{"before":{before},"after":{after},{source},"op":"{op}","ts_ms":7}}"#);
            assert_eq!((shown(&found), is_gone), (expected, op == 'd'));
        }
        let (snapshot, _) = value(&SOURCE, event(cases[0].0).as_bytes(), true).unwrap();
        assert!(shown(&snapshot).contains(r#""op":"r""#));
        assert!(shown(&read_again(&SOURCE, None)).starts_with(r#"{"before":null,"after":null,"#));
        assert_eq!(key(r#"{"a":1}"#), br#"{"_id":{"a":1}}"#);
    }

    #[test]
    fn a_requery_names_its_documents_and_a_resync_none() {
        let requery = br#"{"txnID":4,"txnId":4,"type":"requeryRequired","documents":[{"appId":"shop","collectionName":"people","documentId":{"a":1}}]}"#;
        assert_eq!(value(&SOURCE, requery, false), None);
        assert_eq!(named(requery).unwrap(), [("people".to_owned(), r#"{"a":1}"#.to_owned())]);
        assert_eq!(named(br#"{"txnID":4,"txnId":4,"type":"requeryRequired","documents":[]}"#), Some(Vec::new()));
    }
}
