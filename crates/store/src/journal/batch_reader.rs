//! Reading events: the record batches of one segment's frames, in order, past the changesets between them.
//!
//! Of a large frame only the batches are read, with the header of the frame behind; small frames are read many at a time. Each batch's own
//! checksum is checked, so that damage ends in an error here, whatever the consumer checks. The frame's covers the changesets too: `verify`.
//! Not here: which batches are wanted ([`super::Journal::read_batches`]).

use bytes::Bytes;
use kafka_wire::record_batch;

use super::{
    frame::{FrameError, FrameHeader, HEADER_BYTES},
    segment::{Segment, SegmentError},
};

/// A frame smaller than this is read with those behind it.
const SMALL_FRAME_BYTES: usize = 16 * 1024;

/// How much is read at once where frames are small.
const WINDOW_BYTES: usize = 64 * 1024;

/// Walks through the frames of one segment.
#[derive(Debug)]
pub(crate) struct BatchReader<'s> {
    segment: &'s Segment,
    /// Where the next frame begins.
    position: u64,
    window: Bytes,
    window_at: u64,
}

impl<'s> BatchReader<'s> {
    /// Begins with the frame at `position`.
    pub(crate) fn new(segment: &'s Segment, position: u64) -> Self {
        Self { segment, position, window: Bytes::new(), window_at: position }
    }

    /// The next frame that has an event at or behind `offset`, with all of its batches; `None` at the segment's end.
    pub(crate) fn next(&mut self, offset: u64) -> Result<Option<(FrameHeader, Bytes)>, SegmentError> {
        while self.position < self.segment.len_bytes() {
            let at = self.position;
            let head = self.bytes(at, HEADER_BYTES, WINDOW_BYTES)?;
            let header = FrameHeader::decode(&head).map_err(|e| self.segment.damaged(at, e))?;
            let Some(header) = header else { return Ok(None) };
            self.position = at + header.len_bytes as u64;
            if header.events == 0 || header.next_offset() <= offset {
                continue;
            }
            let small = header.len_bytes < SMALL_FRAME_BYTES;
            let read_bytes = if small { WINDOW_BYTES } else { header.batches_bytes + HEADER_BYTES };
            let batches = self.bytes(at + header.batches().start as u64, header.batches_bytes, read_bytes)?;
            check(&batches).map_err(|e| self.segment.damaged(at, e))?;
            return Ok(Some((header, batches)));
        }
        Ok(None)
    }

    /// `len` bytes of the file at `at`: from the window, or from a new one of `read_bytes` that begins there.
    fn bytes(&mut self, at: u64, len: usize, read_bytes: usize) -> Result<Bytes, SegmentError> {
        let within = at.checked_sub(self.window_at).map(|start| start as usize);
        if let Some(start) = within.filter(|start| start + len <= self.window.len()) {
            return Ok(self.window.slice(start..start + len));
        }
        let window = self.segment.read_at(at, read_bytes).map_err(|e| self.segment.io("cannot read", e))?;
        (self.window, self.window_at) = (Bytes::from(window), at);
        if self.window.len() < len {
            return Err(self.segment.damaged(at, FrameError("the file ends inside a frame".into())));
        }
        Ok(self.window.slice(..len))
    }
}

fn check(mut batches: &[u8]) -> Result<(), FrameError> {
    while !batches.is_empty() {
        let batch = record_batch::verify(batches).map_err(|e| FrameError(e.to_string()))?;
        batches = &batches[batch.len_bytes..];
    }
    Ok(())
}
