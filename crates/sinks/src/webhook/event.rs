//! An event that is to be sent.

use bytes::Bytes;
use kafka_wire::record_batch::{Record, decode_records};
use store::Piece;

/// The key of what stands for several documents' events, or for all.
const SEVERAL: &str = r#"["requeryRequired"]"#;

/// An event, apart from the batch that it came in, so that keeping it keeps nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) partition: u16,
    pub(crate) offset: u64,
    /// Ms since the epoch.
    pub(crate) timestamp_ms: i64,
    pub(crate) key: String,
    pub(crate) op: String,
    pub(crate) txn_id: String,
    pub(crate) traceparent: Option<String>,
    pub(crate) value: Bytes,
    /// The number under which it was set aside, if it is sent again since somebody asked for it.
    pub(crate) replayed: Option<u64>,
}

impl Event {
    fn of(partition: u16, record: &Record<'_>) -> Self {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let header = |wanted: &str| {
            let found = record.headers.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| text(*value))
        };
        Self {
            partition,
            offset: record.offset as u64,
            timestamp_ms: record.timestamp_ms,
            key: text(record.key),
            op: header("op").unwrap_or_default(),
            txn_id: header("txnId").unwrap_or_default(),
            traceparent: header("traceparent"),
            value: Bytes::copy_from_slice(record.value.unwrap_or_default()),
            replayed: None,
        }
    }

    /// Whether it is about no single document: all before it is delivered first, and nothing after it
    /// before it is.
    pub(crate) fn is_barrier(&self) -> bool {
        self.key == SEVERAL
    }

    /// Whether it stands at its offset for ever. What stands for trimmed events may name documents whose
    /// events lay further in front.
    pub(crate) fn is_stored(&self) -> bool {
        matches!(self.op.as_str(), "insert" | "update" | "remove")
    }

    /// What it takes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.value.len() + 2 * self.key.len() + 256
    }
}

/// The events of a piece; none of its markers.
pub(crate) fn events(partition: u16, piece: &Piece) -> Result<Vec<Event>, String> {
    let mut events = Vec::new();
    for batch in kafka_wire::record_batch::batches(piece) {
        let (_, bytes) = batch.map_err(|error| error.to_string())?;
        let records = decode_records(bytes).map_err(|error| error.to_string())?;
        events.extend(records.iter().map(|record| Event::of(partition, record)));
    }
    Ok(events)
}
