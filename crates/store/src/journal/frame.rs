//! Frames: one committed group of changesets with the events they made.
//!
//! ```text
//! 0     4     8        16      24       32       40       48    52     56    60      64      68    72
//! | len | crc | frame  | first | first  | commit | stamp  | txn | event| max | chan- | batch-| ver | changes | batches
//! |     |     | number | txn   | offset | time   | before | n   | n    | evt | ges n | es n  | sion|         |
//! ```
//! All little-endian. `len` is the whole frame's; `crc` is CRC-32C over everything behind it, begun
//! with the segment's salt. `changes` are entries `kind u8, length u32, bytes`; `batches` are Kafka
//! record batches as consumers get them. `version` is that of the rules which made the documents
//! and events (u16, crate `rules`; 0 in segments before version 3, which means the first) and flags
//! (u16, all 0). `commit time` is the last transaction's; a decided changeset says how much earlier
//! its own was.
//!
//! Not here: files ([`super::segment`]), what a changeset does (`crate::apply`).

use kafka_wire::record_batch;

/// Bytes of a frame before its changes.
pub(crate) const HEADER_BYTES: usize = 72;

/// What an entry of a frame is. Stored: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum EntryKind {
    /// A changeset as it was asked for; takes the next transaction. Only in segments before version
    /// 3.
    Changeset = 1,
    /// A consumer group's offsets; takes no transaction and makes no event.
    ConsumerOffsets = 2,
    /// How the request was called whose changeset stands before it.
    Request = 3,
    /// What was decided of a changeset: how many ms before the frame's commit time it was committed
    /// (varint), then its operations that were done, without conditions; takes the next
    /// transaction.
    Decided = 4,
    /// A definition (`crate::definition`); takes no transaction and makes no event.
    Definition = 5,
    /// Tombstones that were dropped (`crate::dropped_tombstones`); takes no transaction and makes
    /// no event.
    DroppedTombstones = 6,
    /// Where another incarnation goes on behind restored data ([`crate::Seam`]); takes no
    /// transaction and makes no event.
    Restored = 7,
}

impl EntryKind {
    fn from_tag(tag: u8) -> Option<Self> {
        let all = [
            Self::Changeset,
            Self::ConsumerOffsets,
            Self::Request,
            Self::Decided,
            Self::Definition,
            Self::DroppedTombstones,
            Self::Restored,
        ];
        all.into_iter().find(|kind| *kind as u8 == tag)
    }
}

/// A frame's header, checked against itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) len_bytes: usize,
    pub(crate) crc: u32,
    pub(crate) frame_number: u64,
    /// The transaction of the first changeset; the next free one if there is none.
    pub(crate) first_txn: u64,
    /// The offset of the first event; the next free one if there is none.
    pub(crate) first_offset: u64,
    pub(crate) commit_time_ms: u64,
    /// The stamp clock before the first changeset.
    pub(crate) stamp_before: u64,
    pub(crate) transactions: u32,
    pub(crate) events: u32,
    /// The largest event when this was written; apply needs it to make the same events again.
    pub(crate) event_bytes_max: u32,
    pub(crate) changes_bytes: usize,
    pub(crate) batches_bytes: usize,
    /// Of the rules that made the documents and the events; 0 before it was noted.
    pub(crate) rules_version: u16,
}

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct FrameError(pub(crate) String);

impl FrameHeader {
    /// Reads the header at the front of `bytes`. `Ok(None)`: zeros, nothing was written here.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        if bytes.len() < HEADER_BYTES {
            return if bytes.iter().all(|&b| b == 0) {
                Ok(None)
            } else {
                Err(FrameError("the file ends inside a frame's header".into()))
            };
        }
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        if bytes[..HEADER_BYTES].iter().all(|&b| b == 0) {
            return Ok(None);
        }
        let header = Self {
            len_bytes: u32_at(0) as usize,
            crc: u32_at(4),
            frame_number: u64_at(8),
            first_txn: u64_at(16),
            first_offset: u64_at(24),
            commit_time_ms: u64_at(32),
            stamp_before: u64_at(40),
            transactions: u32_at(48),
            events: u32_at(52),
            event_bytes_max: u32_at(56),
            changes_bytes: u32_at(60) as usize,
            batches_bytes: u32_at(64) as usize,
            rules_version: u16::from_le_bytes([bytes[68], bytes[69]]),
        };
        let has_flags = bytes[70..72] != [0; 2];
        if header.len_bytes != HEADER_BYTES + header.changes_bytes + header.batches_bytes || has_flags {
            return Err(FrameError("a frame's lengths do not fit together".into()));
        }
        Ok(Some(header))
    }

    /// Checks the checksum of the whole frame in `bytes`, which stands in a segment of this salt.
    pub(crate) fn check(&self, frame: &[u8], salt: u32) -> Result<(), FrameError> {
        debug_assert_eq!(frame.len(), self.len_bytes);
        let found = crc32c::crc32c_append(salt, &frame[8..]);
        if found == self.crc {
            Ok(())
        } else {
            Err(FrameError(format!("frame {} has the checksum {found:08x}, not {:08x}", self.frame_number, self.crc)))
        }
    }

    /// Where the changes stand in the frame.
    pub(crate) fn changes(&self) -> std::ops::Range<usize> {
        HEADER_BYTES..HEADER_BYTES + self.changes_bytes
    }

    /// Where the record batches stand in the frame.
    pub(crate) fn batches(&self) -> std::ops::Range<usize> {
        HEADER_BYTES + self.changes_bytes..self.len_bytes
    }

    /// The offset after its last event.
    pub(crate) fn next_offset(&self) -> u64 {
        self.first_offset + u64::from(self.events)
    }

    /// The transaction after its last one.
    pub(crate) fn next_txn(&self) -> u64 {
        self.first_txn + u64::from(self.transactions)
    }
}

/// Builds one frame.
#[derive(Debug)]
pub(crate) struct FrameBuilder {
    bytes: Vec<u8>,
}

impl FrameBuilder {
    /// An empty frame with room for entries of `capacity_bytes`.
    pub(crate) fn with_capacity(capacity_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + capacity_bytes);
        bytes.resize(HEADER_BYTES, 0);
        Self { bytes }
    }

    /// Appends an entry that `write` writes.
    pub(crate) fn push_entry(&mut self, kind: EntryKind, write: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.push(kind as u8);
        let length_at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        write(&mut self.bytes);
        let length =
            u32::try_from(self.bytes.len() - length_at - 4).expect("an entry is smaller than a request may be");
        self.bytes[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// The entries so far.
    pub(crate) fn entries(&self) -> &[u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// Bytes of the entries so far.
    pub(crate) fn changes_bytes(&self) -> usize {
        self.bytes.len() - HEADER_BYTES
    }

    /// Whether there are no entries.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes_bytes() == 0
    }

    /// Bytes of the whole frame, with batches of so many.
    pub(crate) fn len_bytes(&self, batches_bytes: usize) -> usize {
        self.bytes.len() + batches_bytes
    }

    /// Fills in the header (its lengths and checksum are made here, for a segment of this salt) and
    /// gives the frame's head: all of it but the batches, which follow on it in the file and need
    /// not be copied.
    pub(crate) fn finish(mut self, mut header: FrameHeader, batches: &[u8], salt: u32) -> (Vec<u8>, FrameHeader) {
        header.changes_bytes = self.changes_bytes();
        header.batches_bytes = batches.len();
        header.len_bytes = self.len_bytes(batches.len());
        let u32_of = |n: usize| u32::try_from(n).expect("a frame is bounded by its group").to_le_bytes();
        let out = &mut self.bytes;
        out[0..4].copy_from_slice(&u32_of(header.len_bytes));
        out[8..16].copy_from_slice(&header.frame_number.to_le_bytes());
        out[16..24].copy_from_slice(&header.first_txn.to_le_bytes());
        out[24..32].copy_from_slice(&header.first_offset.to_le_bytes());
        out[32..40].copy_from_slice(&header.commit_time_ms.to_le_bytes());
        out[40..48].copy_from_slice(&header.stamp_before.to_le_bytes());
        out[48..52].copy_from_slice(&header.transactions.to_le_bytes());
        out[52..56].copy_from_slice(&header.events.to_le_bytes());
        out[56..60].copy_from_slice(&header.event_bytes_max.to_le_bytes());
        out[60..64].copy_from_slice(&u32_of(header.changes_bytes));
        out[64..68].copy_from_slice(&u32_of(header.batches_bytes));
        out[68..70].copy_from_slice(&header.rules_version.to_le_bytes());
        header.crc = crc32c::crc32c_append(crc32c::crc32c_append(salt, &out[8..]), batches);
        out[4..8].copy_from_slice(&header.crc.to_le_bytes());
        (self.bytes, header)
    }
}

/// The entries of a frame's changes, in order.
pub(crate) fn entries(mut changes: &[u8]) -> impl Iterator<Item = Result<(EntryKind, &[u8]), FrameError>> {
    std::iter::from_fn(move || {
        if changes.is_empty() {
            return None;
        }
        let entry = split_entry(changes);
        changes = entry.as_ref().map_or(&[], |(_, _, rest)| rest);
        Some(entry.map(|(kind, bytes, _)| (kind, bytes)))
    })
}

fn split_entry(changes: &[u8]) -> Result<(EntryKind, &[u8], &[u8]), FrameError> {
    let (&kind, rest) = changes.split_first().expect("not empty");
    let kind = EntryKind::from_tag(kind).ok_or_else(|| FrameError(format!("an entry has the unknown kind {kind}")))?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(|| FrameError("an entry has no length".into()))?;
    let length = u32::from_le_bytes(*length) as usize;
    let (bytes, rest) =
        rest.split_at_checked(length).ok_or_else(|| FrameError("an entry is longer than its frame".into()))?;
    Ok((kind, bytes, rest))
}

/// The part of `batches` from the batch that holds `offset` (or the first after it) on, whole
/// batches, at most `bytes_max` but at least one. Gives where it begins and ends, and the offset
/// behind its last event.
pub(crate) fn batches_from(
    batches: &[u8],
    offset: u64,
    bytes_max: usize,
) -> Result<(std::ops::Range<usize>, u64), FrameError> {
    let mut at = 0;
    let mut start = None;
    let mut next_offset = offset;
    while at < batches.len() {
        let header = record_batch::decode_header(&batches[at..]).map_err(|e| FrameError(e.to_string()))?;
        let end = at + header.len_bytes;
        if start.is_none() && header.last_offset as u64 >= offset {
            start = Some(at);
        }
        if let Some(start) = start
            && end - start > bytes_max
        {
            let is_first = at == start;
            return Ok(if is_first { (start..end, header.last_offset as u64 + 1) } else { (start..at, next_offset) });
        }
        next_offset = header.last_offset as u64 + 1;
        at = end;
    }
    Ok((start.unwrap_or(at)..at, next_offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: u32 = 0x1234_5678;

    fn header() -> FrameHeader {
        FrameHeader {
            len_bytes: 0,
            crc: 0,
            frame_number: 7,
            first_txn: 9,
            first_offset: 11,
            commit_time_ms: 13,
            stamp_before: 15,
            transactions: 1,
            events: 2,
            event_bytes_max: 1 << 20,
            changes_bytes: 0,
            batches_bytes: 0,
            rules_version: 2,
        }
    }

    fn frame() -> (Vec<u8>, FrameHeader) {
        let mut builder = FrameBuilder::with_capacity(0);
        builder.push_entry(EntryKind::Changeset, |out| out.extend_from_slice(b"one"));
        builder.push_entry(EntryKind::ConsumerOffsets, |_| ());
        let (mut frame, header) = builder.finish(header(), b"batches", SALT);
        frame.extend_from_slice(b"batches");
        (frame, header)
    }

    #[test]
    fn a_frame_reads_back() {
        let (bytes, written) = frame();
        let read = FrameHeader::decode(&bytes).unwrap().unwrap();
        assert_eq!(read, written);
        read.check(&bytes, SALT).unwrap();
        assert!(read.check(&bytes, 0).is_err(), "in another segment it is no frame");
        assert_eq!(&bytes[read.batches()], b"batches");
        let entries: Vec<_> = entries(&bytes[read.changes()]).map(Result::unwrap).collect();
        assert_eq!(entries, [(EntryKind::Changeset, &b"one"[..]), (EntryKind::ConsumerOffsets, &b""[..])]);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (bytes, _) = frame();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let noticed = match FrameHeader::decode(&damaged) {
                Ok(Some(header)) => header.len_bytes != bytes.len() || header.check(&damaged, SALT).is_err(),
                Ok(None) | Err(_) => true,
            };
            assert!(noticed, "bit {bit}");
        }
    }

    #[test]
    fn hostile_entries_are_errors() {
        for bytes in [&[9u8, 0, 0, 0, 0][..], &[1], &[1, 255, 255, 255, 255, 0]] {
            assert!(entries(bytes).any(|e| e.is_err()), "{bytes:?}");
        }
    }
}
