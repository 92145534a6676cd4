//! Record batches, format v2 (Kafka documentation "Record Batch"; KIP-98).
//!
//! ```text
//! 0        8        12       16   17       21    23        27       35       43       51   53   57   61
//! | base   | length | leader | 2  | crc32c | att | last    | first  | max    | -1     | -1 | -1 | n  | records
//! | offset |        | epoch  |    |        |     | delta   | time   | time   | producer        |    |
//! ```

/// Bytes of a batch before its first record.
pub const HEADER_BYTES: usize = 61;

/// Builds one uncompressed batch with dense offsets from `base_offset`.
#[derive(Debug)]
pub struct BatchBuilder {
    out: Vec<u8>,
    scratch: Vec<u8>,
    base_offset: i64,
    first_timestamp_ms: i64,
    max_timestamp_ms: i64,
    records: i32,
}

impl BatchBuilder {
    /// Begins a batch. `timestamp_ms` is the first record's.
    pub fn new(_base_offset: i64, _timestamp_ms: i64) -> Self {
        todo!()
    }

    /// Appends a record at the next offset.
    pub fn push(&mut self, _timestamp_ms: i64, _key: &[u8], _value: &[u8], _headers: &[(&str, &[u8])]) {
        todo!()
    }

    /// How many bytes the batch has so far, header included.
    pub fn len_bytes(&self) -> usize {
        self.out.len()
    }

    /// How many records were pushed.
    pub fn records(&self) -> i32 {
        self.records
    }

    /// Fills in the header and the checksum (CRC-32C over everything after the crc field) and gives the batch.
    pub fn finish(self) -> Vec<u8> {
        todo!()
    }
}

/// A batch's header fields, checked against the bytes that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Size of the whole batch, header included.
    pub len_bytes: usize,
    /// Number of records.
    pub records: i32,
    /// The first record's timestamp, ms since the epoch.
    pub first_timestamp_ms: i64,
    /// The greatest timestamp.
    pub max_timestamp_ms: i64,
}

/// Why bytes are no batch.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("a record batch cannot be read: {message} at byte {at}")]
pub struct BatchError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub at: usize,
}

/// Reads the header at the front of `bytes` without checking the checksum.
pub fn decode_header(_bytes: &[u8]) -> Result<BatchHeader, BatchError> {
    todo!()
}

/// Checks the checksum of the batch at the front of `bytes`, and its header.
pub fn verify(_bytes: &[u8]) -> Result<BatchHeader, BatchError> {
    todo!()
}

/// One record, borrowed from its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, ms since the epoch.
    pub timestamp_ms: i64,
    /// Its key; empty and null are told apart.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// Its headers in order.
    pub headers: Vec<(&'a str, Option<&'a [u8]>)>,
}

/// The records of the uncompressed batch at the front of `bytes`, in order.
pub fn decode_records(_bytes: &[u8]) -> Result<Vec<Record<'_>>, BatchError> {
    todo!()
}
