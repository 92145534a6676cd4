//! Events as they stand on the topic (docs/reference/events.md).
//!
//! Written straight into a byte buffer: apply makes one for every change, so nothing is built in
//! between. Read as pieces of the buffer: whoever looks at one seldom needs all of it.
//! Not here: when an event is made (`store`), Kafka's record format (`kafka-wire`).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What the header `op` says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOp {
    /// A document that was not there is there.
    Insert,
    /// A document that was there was written.
    Update,
    /// A document is gone.
    Remove,
    /// Documents must be read again.
    Requery,
    /// A document's present state in the place of history.
    Snapshot,
    /// The consumer's copy must be built again.
    Resync,
}

impl EventOp {
    /// The header's value.
    pub fn as_str(self) -> &'static str {
        match self {
            EventOp::Insert => "insert",
            EventOp::Update => "update",
            EventOp::Remove => "remove",
            EventOp::Requery => "requery",
            EventOp::Snapshot => "snapshot",
            EventOp::Resync => "resync",
        }
    }
}

/// One document that a `requeryRequired` names.
#[derive(Debug, Clone, Copy)]
pub struct RequeryDocument<'a> {
    /// The app.
    pub app: &'a str,
    /// The collection.
    pub collection: &'a str,
    /// The id as canonical JSON.
    pub id_json: &'a str,
}

/// Appends
/// `{"txnId":…,"type":"documentChanged","collection":…,"change":{"method":"upsert","oldValue":…,"newValue":…}}`.
/// `write_old` and `write_new` append the documents' JSON (or `null`).
pub fn write_upsert(
    out: &mut Vec<u8>,
    txn_id: u64,
    collection: &str,
    write_old: impl FnOnce(&mut Vec<u8>),
    write_new: impl FnOnce(&mut Vec<u8>),
) {
    write_envelope(out, txn_id, collection);
    out.extend_from_slice(br#""upsert","oldValue":"#);
    write_old(out);
    out.extend_from_slice(br#","newValue":"#);
    write_new(out);
    out.extend_from_slice(b"}}");
}

/// Appends
/// `{"txnId":…,"type":"documentChanged","collection":…,"change":{"method":"remove","value":…}}`.
pub fn write_remove(out: &mut Vec<u8>, txn_id: u64, collection: &str, write_value: impl FnOnce(&mut Vec<u8>)) {
    write_envelope(out, txn_id, collection);
    out.extend_from_slice(br#""remove","value":"#);
    write_value(out);
    out.extend_from_slice(b"}}");
}

fn write_envelope(out: &mut Vec<u8>, txn_id: u64, collection: &str) {
    out.extend_from_slice(br#"{"txnId":"#);
    out.extend_from_slice(txn_id.to_string().as_bytes());
    out.extend_from_slice(br#","type":"documentChanged","collection":"#);
    document::write_json_string(collection, out);
    out.extend_from_slice(br#","change":{"method":"#);
}

/// Appends
/// `{"txnID":…,"txnId":…,"type":"requeryRequired","documents":[{"appId":…,"collectionName":…,"documentId":…}]}`.
pub fn write_requery_required(out: &mut Vec<u8>, txn_id: u64, documents: &[RequeryDocument<'_>]) {
    let txn_id = txn_id.to_string();
    out.extend_from_slice(br#"{"txnID":"#);
    out.extend_from_slice(txn_id.as_bytes());
    out.extend_from_slice(br#","txnId":"#);
    out.extend_from_slice(txn_id.as_bytes());
    out.extend_from_slice(br#","type":"requeryRequired","documents":["#);
    for (n, document) in documents.iter().enumerate() {
        out.extend_from_slice(if n == 0 { &br#"{"appId":"#[..] } else { &br#",{"appId":"#[..] });
        document::write_json_string(document.app, out);
        out.extend_from_slice(br#","collectionName":"#);
        document::write_json_string(document.collection, out);
        out.extend_from_slice(br#","documentId":"#);
        out.extend_from_slice(document.id_json.as_bytes());
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

/// Appends the record key of a document's events: the canonical JSON array `["people","abc123"]`.
pub fn write_key(out: &mut Vec<u8>, collection: &str, id_json: &str) {
    out.push(b'[');
    document::write_json_string(collection, out);
    out.push(b',');
    out.extend_from_slice(id_json.as_bytes());
    out.push(b']');
}

/// The collection and the id (canonical JSON) in the key of a document's event; `None` for a key
/// that is not one.
pub fn read_key(key: &[u8]) -> Option<(Cow<'_, str>, &str)> {
    let KeyParts(collection, id) = serde_json::from_slice(key).ok()?;
    Some((collection, id.get()))
}

#[derive(Deserialize)]
struct KeyParts<'a>(#[serde(borrow)] Cow<'a, str>, #[serde(borrow)] &'a RawValue);

/// What an event says happened. Documents are JSON as it stands in the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// A document is there; `old` is `None` if it was not.
    Upsert {
        /// Before.
        old: Option<&'a str>,
        /// After.
        new: &'a str,
    },
    /// A document is gone.
    Remove {
        /// As it was.
        value: &'a str,
    },
    /// Documents must be read again.
    Requery,
}

/// Reads an event's value; `None` if it is not one of ours.
pub fn read_change(value: &[u8]) -> Option<Change<'_>> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        change: Option<Parts<'a>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parts<'a> {
        #[serde(borrow)]
        old_value: Option<&'a RawValue>,
        #[serde(borrow)]
        new_value: Option<&'a RawValue>,
        #[serde(borrow)]
        value: Option<&'a RawValue>,
    }
    let envelope: Envelope<'_> = serde_json::from_slice(value).ok()?;
    let Some(parts) = envelope.change else { return Some(Change::Requery) };
    match (parts.new_value, parts.value) {
        (Some(new), None) => Some(Change::Upsert { old: parts.old_value.map(RawValue::get), new: new.get() }),
        (None, Some(value)) => Some(Change::Remove { value: value.get() }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn what_is_written_is_read() {
        let json = |text: &'static str| move |out: &mut Vec<u8>| out.extend_from_slice(text.as_bytes());
        let insert = written(|out| write_upsert(out, 7, "a\"b", json("null"), json(r#"{"_id":1}"#)));
        assert_eq!(read_change(&insert), Some(Change::Upsert { old: None, new: r#"{"_id":1}"# }));
        let update = written(|out| write_upsert(out, 7, "c", json(r#"{"_id":1}"#), json(r#"{"_id":1,"a":1.0}"#)));
        assert_eq!(
            read_change(&update),
            Some(Change::Upsert { old: Some(r#"{"_id":1}"#), new: r#"{"_id":1,"a":1.0}"# })
        );
        let remove = written(|out| write_remove(out, 7, "c", json(r#"{"_id":1}"#)));
        assert_eq!(read_change(&remove), Some(Change::Remove { value: r#"{"_id":1}"# }));
        let document = RequeryDocument { app: "shop", collection: "c", id_json: "1" };
        let requery = written(|out| write_requery_required(out, 7, &[document]));
        assert_eq!(read_change(&requery), Some(Change::Requery));
        assert_eq!(read_change(b"[]"), None);
    }

    #[test]
    fn a_key_is_taken_apart() {
        let key = written(|out| write_key(out, "a\"b", r#"{"k":1}"#));
        assert_eq!(
            read_key(&key),
            Some((Cow::Borrowed("a\"b"), r#"{"k":1}"#)).map(|(c, i)| (Cow::Owned(c.into_owned()), i))
        );
        assert_eq!(read_key(br#"["requeryRequired"]"#), None);
    }
}
