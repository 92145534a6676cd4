//! Record batches, format v2 (Kafka documentation "Record Batch"; KIP-98).
//!
//! ```text
//! 0        8        12       16   17       21    23        27       35       43       51   53   57   61
//! | base   | length | leader | 2  | crc32c | att | last    | first  | max    | -1     | -1 | -1 | n  | records
//! | offset |        | epoch  |    |        |     | delta   | time   | time   | producer        |    |
//! ```
//!
//! `length` counts what follows it. The checksum covers everything behind itself: the base offset
//! and the leader epoch are outside it. Numbers are big-endian, those inside records are varints.
//!
//! Invariants: what [`BatchBuilder`] makes, [`verify`] accepts and [`decode_records`] gives back; bytes from
//! elsewhere end in an error, never in a panic or an allocation larger than a small multiple of them. Not here:
//! compression (`compression`; a batch that is built or whose records are read has none) and the meaning of keys and
//! values.

use std::iter;

use crate::cursor::{Cursor, Unreadable};

/// Bytes of a batch before its first record.
pub const HEADER_BYTES: usize = 61;

/// Bytes of the smallest record: length, attributes, two deltas, null key, null value, no headers.
const RECORD_BYTES_MIN: usize = 7;

const LENGTH_AT: usize = 8;
const LENGTH_FROM: usize = 12;
const CRC_AT: usize = 17;
const CRC_FROM: usize = 21;
#[cfg(feature = "compression")]
pub(crate) const ATTRIBUTES_AT: usize = 21;
const MAGIC: i8 = 2;
pub(crate) const COMPRESSION_BITS: i16 = 0b111;
/// Set: every record's time is the batch's greatest one (LogAppendTime). Clear: each has its own
/// (CreateTime).
const LOG_APPEND_TIME_BIT: i16 = 0b1000;

/// Set: the records are the broker's own and no consumer is shown them (KIP-98).
const CONTROL_BIT: i16 = 0b10_0000;

/// A control record's key (version 0, type 1: COMMIT) and value (version 0, coordinator epoch 0).
const MARKER: ([u8; 4], [u8; 6]) = ([0, 0, 0, 1], [0; 6]);

/// The leader epoch of a batch, unless [`BatchBuilder::of_epoch`] says another.
pub const LEADER_EPOCH: i32 = 0;

/// Builds one uncompressed batch (CreateTime, no producer).
///
/// Pushing writes straight into the batch: nothing is allocated beyond its growth.
#[derive(Debug)]
pub struct BatchBuilder {
    out: Vec<u8>,
    /// Where the batch begins in `out`.
    start: usize,
    leader_epoch: i32,
    base_offset: i64,
    first_timestamp_ms: i64,
    max_timestamp_ms: i64,
    /// The offset that [`BatchBuilder::push`] gives next, minus `base_offset`.
    next_delta: i32,
    records: i32,
}

impl BatchBuilder {
    /// Begins a batch. `timestamp_ms` is the first record's.
    pub fn new(base_offset: i64, timestamp_ms: i64) -> Self {
        Self::append_to(Vec::new(), base_offset, timestamp_ms)
    }

    /// Begins a batch behind what `out` already holds; [`BatchBuilder::finish`] gives `out` back
    /// with the batch at its end.
    pub fn append_to(mut out: Vec<u8>, base_offset: i64, timestamp_ms: i64) -> Self {
        let start = out.len();
        out.resize(start + HEADER_BYTES, 0);
        BatchBuilder {
            out,
            start,
            leader_epoch: LEADER_EPOCH,
            base_offset,
            first_timestamp_ms: timestamp_ms,
            max_timestamp_ms: i64::MIN,
            next_delta: 0,
            records: 0,
        }
    }

    /// Gives the batch this leader epoch (KIP-101).
    pub fn of_epoch(mut self, leader_epoch: i32) -> Self {
        self.leader_epoch = leader_epoch;
        self
    }

    /// Appends a record at the next offset.
    ///
    /// Panics when the batch would pass 2 GiB; callers keep batches near 1 MiB.
    #[inline]
    pub fn push(&mut self, timestamp_ms: i64, key: &[u8], value: &[u8], headers: &[(&str, &[u8])]) {
        let headers = headers.iter().map(|(name, value)| (*name, Some(*value)));
        self.append(self.next_delta, timestamp_ms, Some(key), Some(value), headers);
    }

    /// Appends a copy of `record` at its own offset; offsets between the one before and this one
    /// stay a hole.
    ///
    /// Panics when the record's offset is below the next free one or 2³¹ above the base offset, or
    /// when the batch would pass 2 GiB.
    pub fn push_record(&mut self, record: &Record<'_>) {
        let delta = i32::try_from(record.offset - self.base_offset).expect("offsets of a batch lie within 2^31");
        assert!(delta >= self.next_delta, "offsets of a batch only grow");
        self.append(delta, record.timestamp_ms, record.key, record.value, record.headers.iter().copied());
    }

    /// How many bytes the batch has so far, header included.
    pub fn len_bytes(&self) -> usize {
        self.out.len() - self.start
    }

    /// How many bytes the buffer has so far: the batch, and what it held before.
    pub fn buffer_bytes(&self) -> usize {
        self.out.len()
    }

    /// How many records were pushed.
    pub fn records(&self) -> i32 {
        self.records
    }

    /// Fills in the header and the checksum (CRC-32C over everything after the crc field) and gives
    /// the batch, behind what the buffer held before.
    ///
    /// Panics when nothing was pushed: a batch has a record.
    pub fn finish(mut self) -> Vec<u8> {
        assert!(self.records > 0, "a batch has at least one record");
        let batch = &mut self.out[self.start..];
        let length = i32::try_from(batch.len() - LENGTH_FROM).expect("push keeps a batch below 2 GiB");
        let mut header = HeaderWriter { batch, at: 0 };
        header.put(&self.base_offset.to_be_bytes());
        header.put(&length.to_be_bytes());
        header.put(&self.leader_epoch.to_be_bytes());
        header.put(&MAGIC.to_be_bytes());
        header.put(&0u32.to_be_bytes()); // checksum, filled in below
        header.put(&0i16.to_be_bytes()); // attributes: no compression, CreateTime
        header.put(&(self.next_delta - 1).to_be_bytes());
        header.put(&self.first_timestamp_ms.to_be_bytes());
        header.put(&self.max_timestamp_ms.to_be_bytes());
        header.put(&(-1i64).to_be_bytes()); // producer id
        header.put(&(-1i16).to_be_bytes()); // producer epoch
        header.put(&(-1i32).to_be_bytes()); // sequence
        header.put(&self.records.to_be_bytes());
        let checksum = crc32c::crc32c(&batch[CRC_FROM..]);
        batch[CRC_AT..CRC_FROM].copy_from_slice(&checksum.to_be_bytes());
        self.out
    }

    fn append<'h>(
        &mut self,
        offset_delta: i32,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl ExactSizeIterator<Item = Header<'h>> + Clone,
    ) {
        let timestamp_delta = timestamp_ms.wrapping_sub(self.first_timestamp_ms);
        let header_count = headers.len() as i64;
        let header_bytes = headers.clone().map(|(name, value)| field_len(Some(name.as_bytes())) + field_len(value));
        let body_bytes = 1
            + varint_len(timestamp_delta)
            + varint_len(offset_delta.into())
            + field_len(key)
            + field_len(value)
            + varint_len(header_count)
            + header_bytes.sum::<usize>();
        assert!(self.len_bytes() + body_bytes < i32::MAX as usize - 16, "a batch stays below 2 GiB");

        let out = &mut self.out;
        out.reserve(body_bytes + 5);
        put_varint(out, body_bytes as i64);
        out.push(0); // attributes: none are defined
        put_varint(out, timestamp_delta);
        put_varint(out, offset_delta.into());
        put_field(out, key);
        put_field(out, value);
        put_varint(out, header_count);
        for (name, value) in headers {
            put_field(out, Some(name.as_bytes()));
            put_field(out, value);
        }
        self.max_timestamp_ms = self.max_timestamp_ms.max(timestamp_ms);
        self.next_delta = offset_delta.checked_add(1).expect("offsets of a batch lie within 2^31");
        self.records += 1;
    }
}

/// A batch with one control record, the end of no transaction: clients show it to nobody, and go on
/// at the offset behind it.
pub fn marker(offset: i64, timestamp_ms: i64, leader_epoch: i32) -> Vec<u8> {
    let mut builder = BatchBuilder::new(offset, timestamp_ms).of_epoch(leader_epoch);
    builder.push(timestamp_ms, &MARKER.0, &MARKER.1, &[]);
    let mut batch = builder.finish();
    batch[CRC_FROM..CRC_FROM + 2].copy_from_slice(&CONTROL_BIT.to_be_bytes());
    let checksum = crc32c::crc32c(&batch[CRC_FROM..]);
    batch[CRC_AT..CRC_FROM].copy_from_slice(&checksum.to_be_bytes());
    batch
}

/// Writes fixed-size fields one behind the other.
struct HeaderWriter<'a> {
    batch: &'a mut [u8],
    at: usize,
}

impl HeaderWriter<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.batch[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Bytes of `value` as VARINT or VARLONG, which are the same for values that both can hold.
fn varint_len(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut bits = zigzag(value);
    while bits >= 0x80 {
        out.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
}

/// Bytes of a length-prefixed field; null is length -1.
fn field_len(field: Option<&[u8]>) -> usize {
    match field {
        Some(bytes) => varint_len(bytes.len() as i64) + bytes.len(),
        None => 1,
    }
}

fn put_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        Some(bytes) => {
            put_varint(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
        None => put_varint(out, -1),
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
    /// The leader epoch; like the base offset, it is not under the checksum.
    pub leader_epoch: i32,
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

impl BatchError {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        BatchError { at, message: message.into() }
    }
}

impl From<Unreadable> for BatchError {
    fn from(unreadable: Unreadable) -> Self {
        BatchError::new(unreadable.at, unreadable.message)
    }
}

/// Reads the header at the front of `bytes` without checking the checksum.
///
/// `bytes` may hold more than the batch. It is an error when they hold less, when the format is not
/// v2, or when the header contradicts itself (more records than its offsets or, uncompressed, its
/// bytes have room for).
pub fn decode_header(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
    Ok(decode_full_header(bytes)?.0)
}

/// The batches in `bytes`, which lie one behind the other, each with its header; checksums are not
/// checked. It ends behind the first error, which is [`decode_header`]'s.
pub fn batches(bytes: &[u8]) -> impl Iterator<Item = Result<(BatchHeader, &[u8]), BatchError>> {
    let mut rest = bytes;
    iter::from_fn(move || {
        let left = std::mem::take(&mut rest);
        (!left.is_empty()).then(|| {
            let header = decode_header(left)?;
            let (batch, behind) = left.split_at(header.len_bytes);
            rest = behind;
            Ok((header, batch))
        })
    })
}

/// Checks the checksum of the batch at the front of `bytes`, and its header.
pub fn verify(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
    let header = decode_header(bytes)?;
    let stored = Cursor::starting_at(bytes, CRC_AT).i32()? as u32;
    let computed = crc32c::crc32c(&bytes[CRC_FROM..header.len_bytes]);
    if stored != computed {
        return Err(BatchError::new(CRC_AT, format!("the checksum is {computed:08x}, not the stored {stored:08x},")));
    }
    Ok(header)
}

/// The batch at the front of `batch`, whose header was read, with other records and attributes.
#[cfg(feature = "compression")]
pub(crate) fn with_records(batch: &[u8], attributes: i16, records: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + records.len());
    out.extend_from_slice(&batch[..HEADER_BYTES]);
    out.extend_from_slice(records);
    let length = i32::try_from(out.len() - LENGTH_FROM).expect("a batch stays below 2 GiB");
    out[LENGTH_AT..LENGTH_FROM].copy_from_slice(&length.to_be_bytes());
    out[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.to_be_bytes());
    let checksum = crc32c::crc32c(&out[CRC_FROM..]);
    out[CRC_AT..CRC_FROM].copy_from_slice(&checksum.to_be_bytes());
    out
}

/// The header and the attributes of the batch at the front of `bytes`.
pub(crate) fn decode_full_header(bytes: &[u8]) -> Result<(BatchHeader, i16), BatchError> {
    let mut cursor = Cursor::new(bytes);
    let base_offset = i64::from_be_bytes(cursor.array()?);
    let length = cursor.i32()?;
    let leader_epoch = cursor.i32()?;
    let magic = cursor.i8()?;
    if magic != MAGIC {
        return Err(BatchError::new(CRC_AT - 1, format!("the format is v{magic}, not v2,")));
    }
    cursor.i32()?; // checksum
    let attributes = cursor.i16()?;
    let last_delta = cursor.i32()?;
    let first_timestamp_ms = i64::from_be_bytes(cursor.array()?);
    let max_timestamp_ms = i64::from_be_bytes(cursor.array()?);
    cursor.take(14)?; // producer id, producer epoch, sequence
    let records = cursor.i32()?;

    let len_bytes = usize::try_from(length).ok().map(|length| length.saturating_add(LENGTH_FROM));
    let Some(len_bytes) = len_bytes.filter(|len_bytes| (HEADER_BYTES..=bytes.len()).contains(len_bytes)) else {
        let there = bytes.len();
        return Err(BatchError::new(LENGTH_AT, format!("the length {length} does not fit the {there} bytes there")));
    };
    let last_offset = base_offset.checked_add(last_delta.into());
    let Some(last_offset) = last_offset.filter(|_| base_offset >= 0 && last_delta >= 0) else {
        return Err(BatchError::new(0, format!("the offsets {base_offset} + {last_delta} are impossible")));
    };
    // Compressed, they take less.
    let records_max = match attributes & COMPRESSION_BITS {
        0 => (len_bytes - HEADER_BYTES) / RECORD_BYTES_MIN,
        _ => i32::MAX as usize,
    };
    if records < 0 || records as usize > records_max || i64::from(records) > i64::from(last_delta) + 1 {
        return Err(BatchError::new(HEADER_BYTES - 4, format!("there is no room for {records} records")));
    }
    let header = BatchHeader {
        base_offset,
        last_offset,
        len_bytes,
        leader_epoch,
        records,
        first_timestamp_ms,
        max_timestamp_ms,
    };
    Ok((header, attributes))
}

/// A record's header: its name and its value.
pub type Header<'a> = (&'a str, Option<&'a [u8]>);

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
    pub headers: Vec<Header<'a>>,
}

/// The records of the uncompressed batch at the front of `bytes`, in order, without checking the
/// checksum; none of a batch of control records.
///
/// A compressed batch is an error, as are records that do not fill the batch exactly, or whose
/// offsets are outside it or do not grow, and header names that are not UTF-8.
pub fn decode_records(bytes: &[u8]) -> Result<Vec<Record<'_>>, BatchError> {
    let (header, attributes) = decode_full_header(bytes)?;
    if attributes & COMPRESSION_BITS != 0 {
        return Err(BatchError::new(CRC_FROM, "the batch is compressed"));
    }
    if attributes & CONTROL_BIT != 0 {
        return Ok(Vec::new());
    }
    let mut cursor = Cursor::starting_at(&bytes[..header.len_bytes], HEADER_BYTES);
    let mut records: Vec<Record<'_>> = Vec::with_capacity(header.records as usize);
    for _ in 0..header.records {
        let at = cursor.position();
        let mut record = decode_record(&mut cursor, &header)?;
        if attributes & LOG_APPEND_TIME_BIT != 0 {
            record.timestamp_ms = header.max_timestamp_ms;
        }
        let offset_min = records.last().map_or(header.base_offset, |before| before.offset + 1);
        if !(offset_min..=header.last_offset).contains(&record.offset) {
            return Err(BatchError::new(at, format!("the record's offset {} is out of order", record.offset)));
        }
        records.push(record);
    }
    if cursor.remaining() > 0 {
        return Err(cursor.fail("bytes are left behind the last record").into());
    }
    Ok(records)
}

fn decode_record<'a>(cursor: &mut Cursor<'a>, header: &BatchHeader) -> Result<Record<'a>, BatchError> {
    let body_bytes = cursor.varint()?;
    let from = cursor.position();
    cursor.i8()?; // attributes
    let timestamp_ms = header.first_timestamp_ms.wrapping_add(cursor.varlong()?);
    let offset = header.base_offset.wrapping_add(cursor.varint()?.into());
    let key = decode_field(cursor)?;
    let value = decode_field(cursor)?;
    let headers = decode_headers(cursor)?;
    if usize::try_from(body_bytes) != Ok(cursor.position() - from) {
        return Err(BatchError::new(from, format!("the record's length {body_bytes} is not what its fields take")));
    }
    Ok(Record { offset, timestamp_ms, key, value, headers })
}

fn decode_headers<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Header<'a>>, BatchError> {
    let at = cursor.position();
    let count = usize::try_from(cursor.varint()?).unwrap_or(usize::MAX);
    if count > cursor.remaining() / 2 {
        return Err(BatchError::new(at, "there is no room for the headers"));
    }
    let mut headers = Vec::with_capacity(count);
    for _ in 0..count {
        let at = cursor.position();
        let name = decode_field(cursor)?.and_then(|name| str::from_utf8(name).ok());
        let name = name.ok_or_else(|| BatchError::new(at, "a header's name is not UTF-8"))?;
        headers.push((name, decode_field(cursor)?));
    }
    Ok(headers)
}

/// A length-prefixed field; length -1 is null.
fn decode_field<'a>(cursor: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, BatchError> {
    let at = cursor.position();
    match cursor.varint()? {
        -1 => Ok(None),
        length => {
            let length = usize::try_from(length).map_err(|_| BatchError::new(at, "a length is negative"))?;
            Ok(Some(cursor.take(length)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::{Buf, Bytes};
    use kafka_protocol::records::{RecordBatchDecoder, TimestampType};
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// What a record has beside its offset.
    #[derive(Debug, Clone)]
    struct Pushed {
        timestamp_ms: i64,
        key: Vec<u8>,
        value: Vec<u8>,
        headers: Vec<(String, Vec<u8>)>,
    }

    fn pushed() -> impl Strategy<Value = Pushed> {
        let timestamp = prop_oneof![1_700_000_000_000i64..1_700_000_100_000, any::<i64>()];
        (
            timestamp,
            vec(any::<u8>(), 0..40),
            vec(any::<u8>(), 0..300),
            vec(("[a-z]{0,9}", vec(any::<u8>(), 0..9)), 0..4),
        )
            .prop_map(|(timestamp_ms, key, value, headers)| Pushed { timestamp_ms, key, value, headers })
    }

    fn build(base_offset: i64, records: &[Pushed]) -> Vec<u8> {
        let mut builder = BatchBuilder::new(base_offset, records[0].timestamp_ms);
        for record in records {
            let headers: Vec<_> =
                record.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
            builder.push(record.timestamp_ms, &record.key, &record.value, &headers);
        }
        let len_bytes = builder.len_bytes();
        let batch = builder.finish();
        assert_eq!(batch.len(), len_bytes);
        batch
    }

    fn sample() -> Vec<u8> {
        let mut builder = BatchBuilder::new(7, 1_000);
        builder.push(1_000, b"[\"people\",\"a\"]", b"{}", &[("app", b"default"), ("op", b"insert")]);
        builder.push(1_003, b"", b"value", &[]);
        builder.finish()
    }

    #[test]
    fn bytes_of_a_batch() {
        let hex: String =
            sample().chunks(16).map(|row| row.iter().map(|b| format!("{b:02x}")).collect::<String>() + "\n").collect();
        expect_test::expect![[r#"
            00000000000000070000006a00000000
            021782ec1f0000000000010000000000
            0003e800000000000003ebffffffffff
            ffffffffffffffffff00000002580000
            001c5b2270656f706c65222c2261225d
            047b7d04066170700e64656661756c74
            046f700c696e7365727416000602000a
            76616c756500
        "#]]
        .assert_eq(&hex);
    }

    #[test]
    fn a_marker_is_a_batch_that_shows_no_record() {
        let batch = marker(41, 5, 3);
        let header = verify(&batch).unwrap();
        assert_eq!((header.base_offset, header.last_offset, header.records, header.leader_epoch), (41, 41, 1, 3));
        assert_eq!(decode_records(&batch).unwrap(), []);
        let mut bytes = Bytes::from(batch);
        let decoded = RecordBatchDecoder::decode(&mut bytes).unwrap();
        assert!(decoded.records.len() == 1 && decoded.records[0].control && !decoded.records[0].transactional);
    }

    #[test]
    fn a_batch_goes_behind_what_the_buffer_holds() {
        let mut builder = BatchBuilder::append_to(b"frame".to_vec(), 7, 1_000);
        assert_eq!(builder.len_bytes(), HEADER_BYTES);
        builder.push(1_000, b"[\"people\",\"a\"]", b"{}", &[("app", b"default"), ("op", b"insert")]);
        builder.push(1_003, b"", b"value", &[]);
        assert_eq!(builder.finish(), [b"frame".as_slice(), &sample()].concat());
    }

    #[test]
    fn copied_records_keep_their_offsets_and_nulls() {
        let null = Record { offset: 12, timestamp_ms: 5, key: None, value: None, headers: vec![("h", None)] };
        let later = Record { offset: 40, timestamp_ms: 4, key: Some(b""), value: Some(b"v"), headers: vec![] };
        let mut builder = BatchBuilder::new(10, 5);
        builder.push_record(&null);
        builder.push_record(&later);
        let batch = builder.finish();
        let header = verify(&batch).unwrap();
        assert_eq!((header.base_offset, header.last_offset, header.records, header.max_timestamp_ms), (10, 40, 2, 5));
        assert_eq!(decode_records(&batch).unwrap(), [null, later]);
    }

    #[test]
    fn every_flipped_bit_behind_the_epoch_is_found() {
        let batch = sample();
        for bit in 16 * 8..batch.len() * 8 {
            let mut flipped = batch.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn batches_come_one_by_one_up_to_the_first_that_cannot_be_read() {
        let mut builder = BatchBuilder::append_to(sample(), 9, 1);
        builder.push(1, b"k", b"v", &[]);
        let both = builder.finish();
        let found: Vec<_> = batches(&both).map(Result::unwrap).collect();
        assert_eq!(found.iter().map(|(header, _)| header.base_offset).collect::<Vec<_>>(), [7, 9]);
        assert_eq!(found.iter().map(|(_, batch)| *batch).collect::<Vec<_>>().concat(), both);
        let mut cut = batches(&both[..both.len() - 1]);
        assert!(cut.next().unwrap().is_ok() && cut.next().unwrap().is_err() && cut.next().is_none());
        assert_eq!(batches(&[]).count(), 0);
    }

    #[test]
    fn every_cut_is_an_error() {
        let batch = sample();
        for len in 0..batch.len() {
            assert!(decode_header(&batch[..len]).is_err() && decode_records(&batch[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn compressed_and_old_batches_are_refused_by_name() {
        let mut batch = sample();
        batch[22] = 4;
        assert_eq!(decode_records(&batch).unwrap_err().message, "the batch is compressed");
        batch[16] = 1;
        let error = decode_header(&batch).unwrap_err();
        assert_eq!(error.to_string(), "a record batch cannot be read: the format is v1, not v2, at byte 16");
    }

    #[test]
    fn hostile_counts_allocate_nothing() {
        let mut batch = sample();
        batch[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&i32::MAX.to_be_bytes());
        batch[23..27].copy_from_slice(&i32::MAX.to_be_bytes());
        assert!(decode_records(&batch).is_err());
    }

    proptest! {
        #[test]
        fn what_is_built_is_read_back(base_offset in 0..i64::MAX / 2, records in vec(pushed(), 1..20)) {
            let batch = build(base_offset, &records);
            let header = verify(&batch).unwrap();
            prop_assert_eq!(header.len_bytes, batch.len());
            prop_assert_eq!(header.last_offset, base_offset + records.len() as i64 - 1);
            prop_assert_eq!(header.max_timestamp_ms, records.iter().map(|r| r.timestamp_ms).max().unwrap());
            let decoded = decode_records(&batch).unwrap();
            prop_assert_eq!(decoded.len(), records.len());
            for ((record, pushed), offset) in decoded.iter().zip(&records).zip(base_offset..) {
                prop_assert_eq!((record.offset, record.timestamp_ms), (offset, pushed.timestamp_ms));
                prop_assert_eq!((record.key, record.value), (Some(&pushed.key[..]), Some(&pushed.value[..])));
                let headers: Vec<_> = pushed.headers.iter().map(|(n, v)| (n.as_str(), Some(v.as_slice()))).collect();
                prop_assert_eq!(&record.headers, &headers);
            }
        }

        /// An independent reader of the format agrees.
        #[test]
        fn kafka_protocol_reads_the_same(base_offset in 0..1i64 << 40, records in vec(pushed(), 1..20)) {
            // That decoder keeps a record's headers in a map, and adds timestamps without wrapping.
            let mut records = records;
            for record in &mut records {
                record.timestamp_ms %= 1 << 60;
                record.headers.sort();
                record.headers.dedup_by(|a, b| a.0 == b.0);
            }
            let mut bytes = Bytes::from(build(base_offset, &records));
            let set = RecordBatchDecoder::decode(&mut bytes).unwrap();
            prop_assert!(!bytes.has_remaining());
            prop_assert_eq!(set.records.len(), records.len());
            for ((record, pushed), offset) in set.records.iter().zip(&records).zip(base_offset..) {
                prop_assert_eq!((record.offset, record.timestamp), (offset, pushed.timestamp_ms));
                prop_assert_eq!(record.timestamp_type, TimestampType::Creation);
                prop_assert_eq!((record.partition_leader_epoch, record.producer_id, record.producer_epoch), (0, -1, -1));
                prop_assert!(!record.transactional && !record.control);
                prop_assert_eq!(record.key.as_deref(), Some(&pushed.key[..]));
                prop_assert_eq!(record.value.as_deref(), Some(&pushed.value[..]));
                let headers: Vec<_> = record.headers.iter()
                    .map(|(name, value)| (name.to_string(), value.as_deref().unwrap().to_vec())).collect();
                prop_assert_eq!(&headers, &pushed.headers);
            }
        }

        #[test]
        fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
            let _ = (decode_header(&bytes), verify(&bytes), decode_records(&bytes));
        }

        #[test]
        fn damaged_batches_never_panic(
            records in vec(pushed(), 1..5),
            damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut batch = build(3, &records);
            for (at, byte) in damage {
                let at = at.index(batch.len());
                batch[at] = byte;
            }
            let _ = (verify(&batch), decode_records(&batch));
        }
    }
}
