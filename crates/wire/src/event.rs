//! Events as they stand on the topic (CONTRACT section 1).
//!
//! Written straight into a byte buffer: apply makes one for every change, so nothing is built in between.
//! Not here: when an event is made (`store`), Kafka's record format (`kafka-wire`).

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

/// Appends `{"txnId":…,"type":"documentChanged","collection":…,"change":{"method":"upsert","oldValue":…,"newValue":…}}`.
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

/// Appends `{"txnId":…,"type":"documentChanged","collection":…,"change":{"method":"remove","value":…}}`.
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

/// Appends `{"txnID":…,"txnId":…,"type":"requeryRequired","documents":[{"appId":…,"collectionName":…,"documentId":…}]}`.
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
