//! What a fetch gives: records that own their bytes, and where to go on.

use bytes::Bytes;
use kafka_wire::{
    compression::decompress,
    record_batch::{BatchError, decode_records, verify},
};
use std::borrow::Cow;

use crate::limits::RECORDS_BYTES_MAX;

/// The answer to one fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The records at or behind the offset asked for, in order; none when the wait ended first.
    pub records: Vec<OwnedRecord>,
    /// Where to fetch next. Beyond the last record's offset + 1 where offsets behind it hold nothing.
    pub next_offset: i64,
    /// The offset that the partition's next record will have at least: reading has caught up when `next_offset` is this.
    pub high_watermark: i64,
}

/// One record. Its parts share the memory of the reply that they came in, or of its uncompressed batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, ms since the epoch.
    pub timestamp_ms: i64,
    /// Its key; empty and null are told apart.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers in order.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// The records of `batches` at or behind `offset`, and the offset to fetch next.
///
/// Batches begin before `offset` when it lies inside of one. The last may be cut off where a fetch's size ended; it
/// counts only if it is the first too, since then fetching again would not help.
pub(crate) fn read_batches(batches: &Bytes, offset: i64) -> Result<(Vec<OwnedRecord>, i64), BatchError> {
    let mut records = Vec::new();
    let mut next_offset = offset;
    let (mut at, mut unpacked_bytes) = (0, 0);
    while at < batches.len() {
        let rest = &batches[at..];
        if at > 0 && is_cut_off(rest) {
            break;
        }
        let in_reply = |error: BatchError| BatchError { at: at + error.at, ..error };
        let header = verify(rest).map_err(in_reply)?;
        let batch = match decompress(rest, RECORDS_BYTES_MAX.saturating_sub(unpacked_bytes)).map_err(in_reply)? {
            Cow::Borrowed(_) => batches.slice(at..at + header.len_bytes),
            Cow::Owned(unpacked) => {
                unpacked_bytes += unpacked.len();
                unpacked.into()
            }
        };
        for record in decode_records(&batch).map_err(in_reply)?.into_iter().filter(|record| record.offset >= offset) {
            let owned = |bytes: &[u8]| batch.slice_ref(bytes);
            let headers = record.headers.into_iter().map(|(name, value)| (name.to_owned(), value.map(owned)));
            records.push(OwnedRecord {
                offset: record.offset,
                timestamp_ms: record.timestamp_ms,
                key: record.key.map(owned),
                value: record.value.map(owned),
                headers: headers.collect(),
            });
        }
        next_offset = next_offset.max(header.last_offset.saturating_add(1));
        at += header.len_bytes;
    }
    Ok((records, next_offset))
}

/// Whether `bytes` are fewer than the batch at their front says that it has.
fn is_cut_off(bytes: &[u8]) -> bool {
    match bytes.get(8..12) {
        Some(length) => {
            let length = i32::from_be_bytes(length.try_into().expect("the slice has four bytes"));
            usize::try_from(length).is_ok_and(|length| length.saturating_add(12) > bytes.len())
        }
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_wire::record_batch::{BatchBuilder, Record};

    fn batch(offsets: &[i64]) -> Vec<u8> {
        let mut builder = BatchBuilder::new(offsets[0], 1_000);
        for &offset in offsets {
            let value = offset.to_string();
            let headers = vec![("op", Some(&b"insert"[..])), ("none", None)];
            let value = Some(value.as_bytes());
            builder.push_record(&Record { offset, timestamp_ms: 1_000 + offset, key: Some(b"k"), value, headers });
        }
        builder.finish()
    }

    fn offsets_from(batches: &[u8], offset: i64) -> (Vec<i64>, i64) {
        let (records, next) = read_batches(&Bytes::copy_from_slice(batches), offset).unwrap();
        (records.iter().map(|record| record.offset).collect(), next)
    }

    #[test]
    fn records_below_the_offset_are_skipped() {
        let batches = [batch(&[3, 4, 5]), batch(&[8, 20])].concat();
        assert_eq!(offsets_from(&batches, 0), (vec![3, 4, 5, 8, 20], 21));
        assert_eq!(offsets_from(&batches, 5), (vec![5, 8, 20], 21));
        assert_eq!(offsets_from(&batches, 21), (vec![], 21));
        assert_eq!(offsets_from(&[], 7), (vec![], 7));
    }

    #[test]
    fn a_cut_off_batch_waits_for_the_next_fetch() {
        let whole = [batch(&[3, 4]), batch(&[5, 6])].concat();
        for len in batch(&[3, 4]).len()..whole.len() {
            assert_eq!(offsets_from(&whole[..len], 0), (vec![3, 4], 5), "{len} bytes");
        }
        assert!(read_batches(&Bytes::copy_from_slice(&whole[..50]), 0).is_err());
    }

    #[test]
    fn a_damaged_batch_is_an_error_with_its_place() {
        let mut batches = [batch(&[3]), batch(&[4])].concat();
        *batches.last_mut().unwrap() ^= 1;
        let error = read_batches(&batches.into(), 0).unwrap_err();
        assert_eq!(error.at, batch(&[3]).len() + 17);
    }

    #[test]
    fn records_are_whole() {
        let (records, _) = read_batches(&batch(&[9]).into(), 0).unwrap();
        let headers = vec![("op".to_owned(), Some(Bytes::from_static(b"insert"))), ("none".to_owned(), None)];
        let (key, value) = (Some(Bytes::from_static(b"k")), Some(Bytes::from_static(b"9")));
        assert_eq!(records, [OwnedRecord { offset: 9, timestamp_ms: 1_009, key, value, headers }]);
    }
}
