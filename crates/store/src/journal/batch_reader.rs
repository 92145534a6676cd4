//! Reading events: the record batches of one segment's frames, in order, past the changesets
//! between them.
//!
//! Of a large frame only the batches are read, in pieces if they are many, with the header of the
//! frame behind; small frames are read many at a time. Each batch's own checksum is checked, so
//! that damage ends in an error here, whatever the consumer checks. The frame's covers the
//! changesets too: `verify`.
//!
//! Invariant: what is given follows on what was given before, without a hole: neither a frame's
//! header nor a batch's offset is under the batch's checksum, so both are held against what must
//! come next. What lies before the damage is given first, then the error.
//! Not here: which batches are wanted ([`super::Journal::read_batches`]).

use bytes::Bytes;
use kafka_wire::record_batch;

use super::{
    frame::{FrameError, FrameHeader, HEADER_BYTES},
    segment::{IndexEntry, Segment, SegmentError},
};

/// A frame smaller than this is read with those behind it.
const SMALL_FRAME_BYTES: usize = 16 * 1024;

/// How much is read at once where frames are small.
const WINDOW_BYTES: usize = 64 * 1024;

/// The batches of a frame with more than this are given in pieces of about so much.
const PIECE_BYTES: usize = 2 * 1024 * 1024;

/// Walks through the frames of one segment.
#[derive(Debug)]
pub(crate) struct BatchReader<'s> {
    segment: &'s Segment,
    /// Where the next frame begins.
    position: u64,
    /// The offset that the next event must have.
    next_offset: u64,
    window: Bytes,
    window_at: u64,
    /// What is left of the last frame.
    rest: Option<Rest>,
    /// What ended the frame before early.
    damage: Option<SegmentError>,
}

/// Batches of a large frame that were not given yet.
#[derive(Debug)]
struct Rest {
    header: FrameHeader,
    at: u64,
    end: u64,
    /// The offset that the next batch must have.
    next_offset: u64,
}

impl<'s> BatchReader<'s> {
    /// Begins with the segment's first frame.
    pub(crate) fn new(segment: &'s Segment) -> Self {
        Self::at(segment, segment.header.len_bytes(), segment.header.first_offset)
    }

    /// Begins with the frame of an index entry.
    pub(crate) fn from_entry(segment: &'s Segment, entry: IndexEntry) -> Self {
        Self::at(segment, entry.position, entry.first_offset)
    }

    fn at(segment: &'s Segment, position: u64, next_offset: u64) -> Self {
        Self { segment, position, next_offset, window: Bytes::new(), window_at: position, rest: None, damage: None }
    }

    /// The offset behind the last frame that was passed.
    pub(crate) fn next_offset(&self) -> u64 {
        self.next_offset
    }

    /// Whether anything was written behind where it stands.
    pub(crate) fn has_more(&self) -> bool {
        self.rest.is_some() || self.position < self.segment.len_bytes()
    }

    /// The next frame that has an event at or behind `offset`, with all of its batches, or with
    /// those before the damage, or with some of them: then the others follow. `None` at the
    /// segment's end.
    pub(crate) fn next(&mut self, offset: u64) -> Result<Option<(FrameHeader, Bytes)>, SegmentError> {
        if let Some(damage) = self.damage.take() {
            return Err(damage);
        }
        if let Some(rest) = self.rest.take() {
            return self.piece(rest, offset).map(Some);
        }
        while self.has_more() {
            let at = self.position;
            let head = self.bytes(at, HEADER_BYTES, WINDOW_BYTES)?;
            let header = FrameHeader::decode(&head).map_err(|e| self.segment.damaged(at, e))?;
            let header = header.ok_or_else(|| self.damaged(at, "there are zeros where a frame should be".into()))?;
            if header.first_offset != self.next_offset {
                let (found, expected) = (header.first_offset, self.next_offset);
                return Err(self.damaged(at, format!("a frame begins with offset {found}, not {expected}")));
            }
            if header.events > 0 && header.next_offset() > offset {
                let small = header.len_bytes < SMALL_FRAME_BYTES;
                let read_bytes = if small { WINDOW_BYTES } else { header.batches_bytes + HEADER_BYTES };
                let batches_at = at + header.batches().start as u64;
                if header.batches_bytes > PIECE_BYTES {
                    self.pass(at, &header);
                    let end = self.position;
                    let rest = Rest { header, at: batches_at, end, next_offset: header.first_offset };
                    return self.piece(rest, offset).map(Some);
                }
                let batches = self.bytes(batches_at, header.batches_bytes, read_bytes)?;
                let batches = self.before_damage(batches, batches_at, &header, offset)?;
                self.pass(at, &header);
                return Ok(Some((header, batches)));
            }
            self.pass(at, &header);
        }
        Ok(None)
    }

    fn pass(&mut self, at: u64, header: &FrameHeader) {
        self.position = at + header.len_bytes as u64;
        self.next_offset = header.next_offset();
    }

    /// The next batches of a large frame, from the one that holds `offset` on.
    fn piece(&mut self, mut rest: Rest, offset: u64) -> Result<(FrameHeader, Bytes), SegmentError> {
        let mut extent = self.extent(&rest)?;
        while extent.next_offset <= offset {
            (rest.at, rest.next_offset) = (rest.at + extent.len_bytes, extent.next_offset);
            extent = self.extent(&rest)?;
        }
        let len = (rest.end - rest.at).min(extent.len_bytes.max(PIECE_BYTES as u64)) as usize;
        let bytes = self.segment.read_at(rest.at, len).map_err(|e| self.segment.io("cannot read", e))?;
        let is_last = rest.at + bytes.len() as u64 == rest.end;
        let due = is_last.then(|| rest.header.next_offset());
        let whole = check(&bytes, rest.next_offset, due, self.leader_epoch());
        let damage = whole.damage.map(|message| self.damaged(rest.at + whole.len_bytes as u64, message));
        if whole.len_bytes == 0 {
            return Err(damage.unwrap_or_else(|| self.damaged(rest.at, "the file ends inside a batch".into())));
        }
        (rest.at, rest.next_offset) = (rest.at + whole.len_bytes as u64, whole.next_offset);
        let header = rest.header;
        self.damage = damage;
        self.rest = Some(rest).filter(|rest| self.damage.is_none() && rest.at < rest.end);
        Ok((header, Bytes::from(bytes).slice(..whole.len_bytes)))
    }

    /// Where the batch at the front of `rest` ends; nothing of it is under a checksum here.
    fn extent(&self, rest: &Rest) -> Result<Extent, SegmentError> {
        let head = self.segment.read_at(rest.at, record_batch::HEADER_BYTES);
        let head = head.map_err(|e| self.segment.io("cannot read", e))?;
        let extent = Extent::decode(&head)
            .filter(|extent| extent.base_offset == rest.next_offset && rest.at + extent.len_bytes <= rest.end);
        extent
            .ok_or_else(|| self.damaged(rest.at, format!("no record batch of offset {} stands here", rest.next_offset)))
    }

    /// All of a frame's batches; where one is damaged those before it, and the error at the next
    /// call.
    fn before_damage(
        &mut self,
        batches: Bytes,
        at: u64,
        header: &FrameHeader,
        offset: u64,
    ) -> Result<Bytes, SegmentError> {
        let whole = check(&batches, header.first_offset, Some(header.next_offset()), self.leader_epoch());
        let Some(message) = whole.damage else { return Ok(batches) };
        let damage = self.damaged(at + whole.len_bytes as u64, message);
        if whole.next_offset <= offset.max(header.first_offset) {
            return Err(damage);
        }
        self.damage = Some(damage);
        Ok(batches.slice(..whole.len_bytes))
    }

    /// What every batch of the segment has.
    fn leader_epoch(&self) -> i32 {
        self.segment.header.incarnation.leader_epoch as i32
    }

    fn damaged(&self, at: u64, message: String) -> SegmentError {
        self.segment.damaged(at, FrameError(message))
    }

    /// `len` bytes of the file at `at`: from the window, or from a new one of `read_bytes` that
    /// begins there.
    fn bytes(&mut self, at: u64, len: usize, read_bytes: usize) -> Result<Bytes, SegmentError> {
        let within = at.checked_sub(self.window_at).map(|start| start as usize);
        if let Some(start) = within.filter(|start| start + len <= self.window.len()) {
            return Ok(self.window.slice(start..start + len));
        }
        let window = self.segment.read_at(at, read_bytes).map_err(|e| self.segment.io("cannot read", e))?;
        (self.window, self.window_at) = (Bytes::from(window), at);
        if self.window.len() < len {
            return Err(self.damaged(at, "the file ends inside a frame".into()));
        }
        Ok(self.window.slice(..len))
    }
}

/// What the head of a record batch says of its place.
struct Extent {
    base_offset: u64,
    next_offset: u64,
    len_bytes: u64,
}

impl Extent {
    fn decode(head: &[u8]) -> Option<Self> {
        let base_offset = u64::from_be_bytes(head.get(..8)?.try_into().ok()?);
        let length = u32::from_be_bytes(head.get(8..12)?.try_into().ok()?);
        let last_delta = u32::from_be_bytes(head.get(23..27)?.try_into().ok()?);
        let next_offset = base_offset.checked_add(u64::from(last_delta))?.checked_add(1)?;
        Some(Self { base_offset, next_offset, len_bytes: 12 + u64::from(length) })
    }
}

/// The batches of a frame, or of a piece of it, that are whole.
struct Whole {
    len_bytes: usize,
    next_offset: u64,
    /// Why the next one is not.
    damage: Option<String>,
}

/// `due`: the offset that they must end before; without it the last one may be cut, which is no
/// damage.
fn check(batches: &[u8], first_offset: u64, due: Option<u64>, leader_epoch: i32) -> Whole {
    let mut whole = Whole { len_bytes: 0, next_offset: first_offset, damage: None };
    while whole.len_bytes < batches.len() {
        let rest = &batches[whole.len_bytes..];
        let is_cut = || Extent::decode(rest).is_none_or(|extent| extent.len_bytes > rest.len() as u64);
        if due.is_none() && is_cut() {
            return whole;
        }
        match check_batch(rest, whole.next_offset, leader_epoch) {
            Ok(batch) => {
                whole.len_bytes += batch.len_bytes;
                whole.next_offset = batch.last_offset as u64 + 1;
            }
            Err(message) => return Whole { damage: Some(message), ..whole },
        }
    }
    if let Some(due) = due.filter(|&due| whole.next_offset != due) {
        whole.damage = Some(format!("the events end before {}, not {due}", whole.next_offset));
    }
    whole
}

/// The offset and the leader epoch are not under the batch's checksum (KIP-98).
fn check_batch(bytes: &[u8], offset: u64, leader_epoch: i32) -> Result<record_batch::BatchHeader, String> {
    let batch = record_batch::verify(bytes).map_err(|e| e.to_string())?;
    if batch.base_offset as u64 != offset {
        return Err(format!("a record batch begins with offset {}, not {offset}", batch.base_offset));
    }
    match batch.leader_epoch {
        epoch if epoch == leader_epoch => Ok(batch),
        epoch => Err(format!("a record batch has the leader epoch {epoch}, not {leader_epoch}")),
    }
}
