//! An event as a record of the target: as it is, or, where it is too large, as `requeryRequired` in its place.
//!
//! Invariant: key, headers and time are the event's own, so that it lies in the partition where Kafka's own
//! producers would put it.
//! Not here: the other format (`debezium`).

use kafka_wire::record_batch::Record;
use rdkafka::message::{Header, OwnedHeaders};
use wire::event::{self, EventOp, RequeryDocument};

/// Bytes of a batch beside keys, values and headers: its header, and what stands around one record's fields.
const BATCH_BYTES: usize = 61 + 40;

/// Bytes around one header's name and value.
const HEADER_BYTES: usize = 10;

/// About how many bytes a batch has that holds this record alone, not compressed; never too few.
pub(super) fn batch_bytes(record: &Record<'_>) -> usize {
    let field = |field: Option<&[u8]>| field.map_or(0, <[u8]>::len);
    let headers = record.headers.iter().map(|(name, value)| name.len() + field(*value) + HEADER_BYTES);
    BATCH_BYTES + field(record.key) + field(record.value) + headers.sum::<usize>()
}

/// Its headers, as librdkafka takes them.
pub(super) fn headers(record: &Record<'_>) -> OwnedHeaders {
    let all = OwnedHeaders::new_with_capacity(record.headers.len());
    record.headers.iter().fold(all, |all, (key, value)| all.insert(Header { key, value: *value }))
}

/// The value of what stands in the place of a record that is too large: word that its document must be read
/// again. `None` if it names no document, and so is not large.
pub(super) fn requery(app: &str, record: &Record<'_>) -> Option<Vec<u8>> {
    let (collection, id_json) = event::read_key(record.key?)?;
    let mut value = Vec::new();
    let document = RequeryDocument { app, collection: &collection, id_json };
    event::write_requery_required(&mut value, txn_id(record)?, &[document]);
    Some(value)
}

/// The header `txnId`.
pub(super) fn txn_id(record: &Record<'_>) -> Option<u64> {
    header(record, "txnId")?.parse().ok()
}

/// A header's value.
pub(super) fn header<'a>(record: &Record<'a>, name: &str) -> Option<&'a str> {
    let value = record.headers.iter().find(|(known, _)| *known == name)?.1?;
    str::from_utf8(value).ok()
}

/// The same record with that value, as one that asks to read again.
pub(super) fn as_requery<'a>(record: &Record<'a>, value: &'a [u8]) -> Record<'a> {
    let mut headers = record.headers.clone();
    for (name, op) in &mut headers {
        if *name == "op" {
            *op = Some(EventOp::Requery.as_str().as_bytes());
        }
    }
    Record { offset: record.offset, timestamp_ms: record.timestamp_ms, key: record.key, value: Some(value), headers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_asks_to_read_its_document_again() {
        let record = Record {
            offset: 4,
            timestamp_ms: 7,
            key: Some(br#"["people",{"a":1}]"#),
            value: Some(b"..."),
            headers: vec![("op", Some(&b"update"[..])), ("txnId", Some(b"45")), ("peer", None)],
        };
        let value = requery("shop", &record).unwrap();
        let there = as_requery(&record, &value);
        assert_eq!((there.key, there.timestamp_ms, header(&there, "op")), (record.key, 7, Some("requery")));
        let expected = r#"{"txnID":45,"txnId":45,"type":"requeryRequired","documents":[{"appId":"shop","collectionName":"people","documentId":{"a":1}}]}"#;
        assert_eq!(str::from_utf8(&value).unwrap(), expected);
        let page = Record { key: Some(br#"["requeryRequired"]"#), ..record };
        assert_eq!(requery("shop", &page), None);
    }
}
