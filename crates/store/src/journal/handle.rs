//! The segments of one app as a whole: where frames go, and where events are found.
//!
//! Not here: what is done at an opening ([`super::recovery`]).

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, RwLock},
};

use bytes::Bytes;
use kafka_wire::record_batch::Record;

use super::{
    batch_reader::BatchReader,
    frame::{self, FrameError, FrameHeader},
    records::for_each_record,
    segment::{self, Segment, SegmentError, SegmentHeader},
};
use crate::{
    incarnation::{Incarnation, IncarnationStart},
    position::Position,
};

/// A record's place in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetAndTimestamp {
    /// Its offset.
    pub offset: u64,
    /// Its commit time, ms since the epoch; never falls from one event to the next.
    pub timestamp_ms: u64,
}

/// One or more whole record batches, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// As they stand on the wire.
    pub bytes: Bytes,
    /// The offset behind their last record.
    pub next_offset: u64,
}

impl std::ops::Deref for Piece {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.bytes
    }
}

impl std::borrow::Borrow<[u8]> for Piece {
    fn borrow(&self) -> &[u8] {
        &self.bytes
    }
}

/// The segments of one app. One thread places frames and one writes them; reading is free for all.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
    segment_bytes: u64,
    /// In order, at least one; the last is written to. Retention takes from the front.
    segments: RwLock<Vec<Arc<Segment>>>,
    /// Where the next frame goes in the last segment.
    planned_end: Mutex<u64>,
    random: fn() -> [u8; 16],
    /// The first damage that a reader met.
    damage: OnceLock<String>,
}

/// Where a frame goes.
#[derive(Debug)]
pub(crate) struct Place {
    segment: Arc<Segment>,
    at: u64,
}

impl Place {
    /// Whether a segment begins there.
    pub(crate) fn is_new_segment(&self) -> bool {
        self.at == self.segment.header.len_bytes()
    }

    /// Where the frame's checksum begins.
    pub(crate) fn salt(&self) -> u32 {
        self.segment.header.salt
    }

    /// Lets readers see the frame that was written there.
    pub(crate) fn publish(&self, header: &FrameHeader) {
        self.segment.publish(header);
    }
}

impl Journal {
    /// Makes the first segment of a new app.
    pub(crate) fn create(
        dir: &Path,
        segment_bytes: u64,
        instance: [u8; 16],
        site: u64,
        random: fn() -> [u8; 16],
    ) -> Result<Self, SegmentError> {
        files::ensure_directory(dir).map_err(|source| SegmentError::Io {
            act: "cannot create",
            path: dir.to_owned(),
            source,
        })?;
        let header = SegmentHeader {
            version: segment::VERSION,
            salt: salt(random),
            instance,
            site,
            incarnation: Incarnation::first(instance),
            first_frame: 0,
            first_txn: 1,
            first_offset: 0,
            commit_time_ms: 0,
        };
        let first = Segment::create(dir, header, room(segment::HEADER_BYTES, segment_bytes))?;
        Ok(Self::new(dir, segment_bytes, vec![first], random))
    }

    pub(super) fn new(dir: &Path, segment_bytes: u64, segments: Vec<Segment>, random: fn() -> [u8; 16]) -> Self {
        let segments: Vec<_> = segments.into_iter().map(Arc::new).collect();
        let planned_end = Mutex::new(segments.last().map_or(0, |s| s.len_bytes()));
        Self {
            dir: dir.to_owned(),
            segment_bytes,
            segments: RwLock::new(segments),
            planned_end,
            random,
            damage: OnceLock::new(),
        }
    }

    /// Where its segments are.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What every segment says of the app, and the site that it is stamped with now.
    pub(crate) fn identity(&self) -> ([u8; 16], u64) {
        let header = self.active().header;
        (header.instance, header.site)
    }

    /// Which life of the data this is.
    pub(crate) fn incarnation(&self) -> Incarnation {
        self.active().header.incarnation
    }

    /// The incarnations of what is kept, in order.
    pub(crate) fn incarnations(&self) -> Vec<IncarnationStart> {
        let mut all: Vec<IncarnationStart> = Vec::new();
        for SegmentHeader { incarnation, first_offset, first_txn, .. } in self.segments().iter().map(|s| s.header) {
            if all.last().is_none_or(|last| last.incarnation != incarnation) {
                all.push(IncarnationStart { incarnation, first_offset, first_txn });
            }
        }
        all
    }

    /// The segments now, in order.
    pub(crate) fn segments(&self) -> Vec<Arc<Segment>> {
        self.segments.read().expect("not poisoned").clone()
    }

    /// The segment that is written to.
    pub(crate) fn active(&self) -> Arc<Segment> {
        self.segments.read().expect("not poisoned").last().expect("there is always a segment").clone()
    }

    /// A place for the frame of `frame_bytes` that follows on `position`: behind the frame before,
    /// in a new segment if the last one is full. Nothing has changed if it fails. Frames are placed
    /// in order by one thread and written in order by another.
    pub(crate) fn place(&self, frame_bytes: usize, position: &Position) -> Result<Place, SegmentError> {
        let mut planned_end = self.planned_end.lock().expect("not poisoned");
        let mut active = self.active();
        // A sealed segment of this version has room for its footer without growing.
        let end = *planned_end + frame_bytes as u64 + segment::FOOTER_BYTES;
        if active.header.version < segment::VERSION {
            active = self.begin_segment(frame_bytes, position)?;
            *planned_end = segment::HEADER_BYTES;
        } else if end > active.capacity_bytes() {
            if *planned_end == active.header.len_bytes() || end <= self.segment_bytes {
                active.grow(room(end, self.segment_bytes)).map_err(|e| active.io("cannot make room in", e))?;
            } else {
                active = self.begin_segment(frame_bytes, position)?;
                *planned_end = segment::HEADER_BYTES;
            }
        }
        let at = *planned_end;
        *planned_end += frame_bytes as u64;
        Ok(Place { segment: active, at })
    }

    /// Begins another life of the data, durably: what is there, up to `end`, is sealed, and what
    /// follows is of that life, begins at `first`, and is stamped as of `site`.
    pub(crate) fn begin_incarnation(
        &self,
        incarnation: Incarnation,
        site: u64,
        end: &Position,
        first: &Position,
    ) -> Result<(), SegmentError> {
        let mut planned_end = self.planned_end.lock().expect("not poisoned");
        let before = self.active();
        let sealed = segment::SegmentEnd {
            next_frame: end.next_frame,
            next_txn: end.next_txn,
            next_offset: end.next_offset,
            commit_time_ms: end.commit_time_ms,
        };
        before.seal(sealed).map_err(|e| before.io("cannot seal", e))?;
        let room = room(segment::HEADER_BYTES, self.segment_bytes);
        self.begin_segment_of(incarnation, site, room, first)?;
        *planned_end = segment::HEADER_BYTES;
        Ok(())
    }

    /// Has a last segment of an older version end where it does, durably, and begins one of this
    /// version behind it: for whoever is about to write documents of frames from `first_frame` on
    /// as only this version reads them. An older program then names the newer format, and does not
    /// take those documents for damaged.
    pub(crate) fn leave_older_version(&self, first_frame: u64) -> Result<(), SegmentError> {
        let mut planned_end = self.planned_end.lock().expect("not poisoned");
        let before = self.active();
        if before.header.version == segment::VERSION {
            return Ok(());
        }
        let end = before.walk_to_end()?;
        if end.next_frame <= first_frame {
            return Ok(());
        }
        before.seal(end).map_err(|e| before.io("cannot seal", e))?;
        let position = Position {
            next_frame: end.next_frame,
            next_txn: end.next_txn,
            next_offset: end.next_offset,
            commit_time_ms: end.commit_time_ms,
            ..Position::first()
        };
        let room = room(segment::HEADER_BYTES, self.segment_bytes);
        self.begin_segment_of(self.incarnation(), self.identity().1, room, &position)?;
        *planned_end = segment::HEADER_BYTES;
        Ok(())
    }

    fn begin_segment(&self, frame_bytes: usize, position: &Position) -> Result<Arc<Segment>, SegmentError> {
        let needed_bytes = segment::HEADER_BYTES + frame_bytes as u64 + segment::FOOTER_BYTES;
        self.begin_segment_of(self.incarnation(), self.identity().1, self.segment_bytes.max(needed_bytes), position)
    }

    fn begin_segment_of(
        &self,
        incarnation: Incarnation,
        site: u64,
        capacity_bytes: u64,
        position: &Position,
    ) -> Result<Arc<Segment>, SegmentError> {
        let SegmentHeader { instance, .. } = self.active().header;
        let header = SegmentHeader {
            version: segment::VERSION,
            salt: salt(self.random),
            instance,
            site,
            incarnation,
            first_frame: position.next_frame,
            first_txn: position.next_txn,
            first_offset: position.next_offset,
            commit_time_ms: position.commit_time_ms,
        };
        let next = Arc::new(Segment::create(&self.dir, header, capacity_bytes)?);
        let mut segments = self.segments.write().expect("not poisoned");
        // One of an older version that has no frame: the file has its name now.
        segments.pop_if(|last| last.header.first_frame == header.first_frame);
        segments.push(next.clone());
        Ok(next)
    }

    /// Writes a frame, given in its two parts, at its place and makes it durable. After an error
    /// nobody knows what is on disk: nothing may be written again.
    pub(crate) fn append(&self, place: &Place, head: &[u8], batches: &[u8]) -> Result<(), SegmentError> {
        let segment = &place.segment;
        if place.is_new_segment() {
            self.seal_before(segment)?;
        }
        debug_assert_eq!(place.at, segment.len_bytes(), "frames are written in the order of their places");
        segment.write_durably(head, batches).map_err(|e| segment.io("cannot write to", e))
    }

    /// Cuts the segment before this one behind its last frame: all of its frames are written by
    /// now.
    fn seal_before(&self, segment: &Segment) -> Result<(), SegmentError> {
        let segments = self.segments();
        let before = segments.iter().rev().find(|s| s.header.first_frame < segment.header.first_frame);
        let end = segment.header.start();
        before.map_or(Ok(()), |before| before.seal(end).map_err(|e| before.io("cannot seal", e)))
    }

    /// Whether [`Journal::read_batches`] will most likely find what it needs in the system's page
    /// cache.
    pub(crate) fn reads_without_waiting(&self, offset: u64, bytes_max: usize) -> bool {
        let segments = self.segments();
        let first = segments.partition_point(|s| s.header.first_offset <= offset).saturating_sub(1);
        segments[first].is_cached_around(offset, bytes_max)
    }

    /// Whole record batches from the one that holds `offset` (or the first after it) on: at most
    /// `bytes_max`, at least one. Empty if there is none. Where something is damaged, what lies
    /// before it; an error if that is nothing.
    pub(crate) fn read_batches(&self, offset: u64, bytes_max: usize) -> Result<Vec<Piece>, SegmentError> {
        let mut out = BatchCollector { offset, left: bytes_max, batches: Vec::new() };
        if let Err(error) = collect(&self.segments(), &mut out) {
            self.note_damage(&error);
            if out.batches.is_empty() {
                return Err(error);
            }
        }
        Ok(out.batches)
    }

    /// When the event of `offset` was committed; `None` if it was trimmed or never was.
    pub(crate) fn event_time(&self, offset: u64) -> Result<Option<u64>, SegmentError> {
        let read = || {
            let segments = self.segments();
            let Some(at) = segments.iter().rposition(|s| s.header.first_offset <= offset) else { return Ok(None) };
            let Some(entry) = segments[at].index_entry(|e| e.first_offset <= offset)? else { return Ok(None) };
            let mut reader = BatchReader::from_entry(&segments[at], entry);
            let Some((_, batches)) = reader.next(offset)? else { return Ok(None) };
            let found = first_record(&batches, |record| record.offset as u64 >= offset);
            Ok(found.map_err(|e| segments[at].damaged(entry.position, e))?.map(|found| found.timestamp_ms))
        };
        read().inspect_err(|error| self.note_damage(error))
    }

    /// The first event at or after `timestamp_ms`.
    pub(crate) fn offset_for_timestamp(&self, timestamp_ms: u64) -> Result<Option<OffsetAndTimestamp>, SegmentError> {
        let segments = self.segments();
        let first = segments.partition_point(|s| s.header.commit_time_ms < timestamp_ms).saturating_sub(1);
        let found = segments[first..].iter().find_map(|segment| first_event_at(segment, timestamp_ms).transpose());
        found.transpose().inspect_err(|error| self.note_damage(error))
    }

    /// Where the first frame begins that holds a transaction behind `txn`; `None` if there is none.
    pub(crate) fn offset_after(&self, txn: u64) -> Result<Option<u64>, SegmentError> {
        let segments = self.segments();
        let first = segments.partition_point(|s| s.header.first_txn <= txn).saturating_sub(1);
        for segment in &segments[first..] {
            for frame in segment.frame_headers() {
                let (_, header) = frame.inspect_err(|error| self.note_damage(error))?;
                if header.first_txn + u64::from(header.transactions) > txn + 1 {
                    return Ok(Some(header.first_offset));
                }
            }
        }
        Ok(None)
    }

    /// The first damage that was met while reading, with its file and byte; `None` while all that
    /// was read is whole.
    pub(crate) fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    /// The damage that events from `offset` on, which were committed, are nowhere.
    pub(crate) fn events_missing(&self, offset: u64) -> SegmentError {
        let last = self.active();
        let error =
            last.damaged(last.len_bytes(), FrameError(format!("the events from offset {offset} on are missing")));
        self.note_damage(&error);
        error
    }

    /// Keeps the first damage that was met.
    pub(crate) fn note_damage(&self, error: &SegmentError) {
        let message = error.to_string();
        if self.damage.set(message.clone()).is_ok() {
            tracing::error!(error = message, "the journal is damaged: what lies behind that place is not served");
        }
    }

    /// Calls `each` with every frame from `frame_number` on.
    pub(crate) fn for_each_frame<E: From<SegmentError>>(
        &self,
        frame_number: u64,
        mut each: impl FnMut(&Segment, u64, &FrameHeader, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let segments = self.segments();
        let first = segments.partition_point(|s| s.header.first_frame <= frame_number).saturating_sub(1);
        for segment in &segments[first..] {
            let start = segment.index_entry(|e| e.frame_number <= frame_number)?;
            let mut position = start.map_or(segment.header.len_bytes(), |e| e.position);
            while position < segment.len_bytes() {
                let Some((header, frame)) = segment.frame_at(position)? else { break };
                if header.frame_number >= frame_number {
                    each(segment, position, &header, &frame)?;
                }
                position += header.len_bytes as u64;
            }
        }
        Ok(())
    }

    /// What the oldest segment says of what was before it; nothing was trimmed if its first frame
    /// is 0.
    pub(crate) fn start(&self) -> SegmentHeader {
        self.segments.read().expect("not poisoned").first().expect("a journal has a segment").header
    }

    /// Takes the first `count` segments out, the oldest first; their files are the caller's to
    /// remove, in this order. Who reads one may go on. Never the last segment.
    pub(crate) fn trim(&self, count: usize) -> Vec<Arc<Segment>> {
        let mut segments = self.segments.write().expect("not poisoned");
        let count = count.min(segments.len() - 1);
        segments.drain(..count).collect()
    }

    /// Bytes of all segments up to their last frames.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.segments.read().expect("not poisoned").iter().map(|s| s.len_bytes()).sum()
    }
}

fn salt(random: fn() -> [u8; 16]) -> u32 {
    let [a, b, c, d, ..] = random();
    u32::from_le_bytes([a, b, c, d])
}

/// The least room that is made in a segment.
const ROOM_BYTES_MIN: u64 = 64 * 1024;

/// How much more room is made than there was.
const ROOM_FACTOR: u64 = 4;

/// How much room to make in a segment that is to hold `wanted_bytes`: little while there is little
/// in it, since an app may stay empty. From a whole segment on, each next one begins as one.
pub(super) fn room(wanted_bytes: u64, segment_bytes: u64) -> u64 {
    let steps = std::iter::successors(Some(ROOM_BYTES_MIN), |room| room.checked_mul(ROOM_FACTOR));
    let step = steps.into_iter().find(|room| *room >= wanted_bytes).unwrap_or(u64::MAX);
    step.min(segment_bytes).max(wanted_bytes)
}

struct BatchCollector {
    offset: u64,
    left: usize,
    batches: Vec<Piece>,
}

impl BatchCollector {
    /// Takes what is wanted of a frame's batches; `true` when there is no room for more.
    fn take(&mut self, batches: Bytes) -> Result<bool, FrameError> {
        let (mut range, next_offset) = frame::batches_from(&batches, self.offset, self.left)?;
        // At least one is given, which may be too much: of the first frame only.
        if range.len() > self.left && !self.batches.is_empty() {
            range = 0..0;
        }
        // What follows on a frame that was not taken to its end would leave a hole.
        let is_cut = range.end < batches.len();
        self.left = self.left.saturating_sub(range.len());
        if !range.is_empty() {
            self.batches.push(Piece { bytes: batches.slice(range), next_offset });
        }
        Ok(is_cut || self.left == 0)
    }
}

/// Collects until there is no room for more.
fn collect(segments: &[Arc<Segment>], out: &mut BatchCollector) -> Result<(), SegmentError> {
    let first = segments.partition_point(|s| s.header.first_offset <= out.offset).saturating_sub(1);
    for (n, segment) in segments[first..].iter().enumerate() {
        let Some(entry) = segment.index_entry(|e| e.first_offset <= out.offset)? else { continue };
        let mut reader = BatchReader::from_entry(segment, entry);
        loop {
            while let Some((_, batches)) = reader.next(out.offset)? {
                if out.take(batches).map_err(|e| segment.damaged(entry.position, e))? {
                    return Ok(());
                }
            }
            let Some(next) = segments.get(first + n + 1) else { return Ok(()) };
            if next.len_bytes() == next.header.len_bytes() {
                // Made ahead: nothing was written to it yet, and this one may grow.
                return Ok(());
            }
            // A frame in the next segment is published after all of this one.
            if !reader.has_more() {
                check_seam(segment, reader.next_offset(), next)?;
                break;
            }
        }
    }
    Ok(())
}

/// A segment ends exactly where the next one begins.
fn check_seam(segment: &Segment, next_offset: u64, next: &Segment) -> Result<(), SegmentError> {
    let expected = next.header.first_offset;
    // Another incarnation may skip offsets.
    let may_skip = next.header.incarnation != segment.header.incarnation;
    if next_offset == expected || (may_skip && next_offset < expected) {
        return Ok(());
    }
    let message = format!("the segment's events end before {next_offset}, the next segment begins with {expected}");
    Err(segment.damaged(segment.len_bytes(), FrameError(message)))
}

/// The segment's first event at or after `timestamp_ms`. A frame's time is under the checksum of
/// the whole frame only, so those that decide are read whole: the one that is found, and the one
/// before.
fn first_event_at(segment: &Segment, timestamp_ms: u64) -> Result<Option<OffsetAndTimestamp>, SegmentError> {
    let (mut next_offset, mut time_ms) = (segment.header.first_offset, segment.header.commit_time_ms);
    let mut before = None;
    for frame in segment.frame_headers() {
        let (at, header) = frame?;
        if header.first_offset != next_offset || header.commit_time_ms < time_ms {
            return Err(segment.damaged(at, FrameError("a frame does not follow on the one before".into())));
        }
        (next_offset, time_ms) = (header.next_offset(), header.commit_time_ms);
        if header.events == 0 {
            continue;
        }
        if header.commit_time_ms >= timestamp_ms {
            if let Some(before) = before {
                segment.frame_at(before)?;
            }
            let Some((header, frame)) = segment.frame_at(at)? else { continue };
            // The frame's time is its last transaction's; the others may be earlier.
            let is_at = |record: &Record<'_>| record.timestamp_ms as u64 >= timestamp_ms;
            if let Some(found) = first_record(&frame[header.batches()], is_at).map_err(|e| segment.damaged(at, e))? {
                return Ok(Some(found));
            }
        }
        before = Some(at);
    }
    Ok(None)
}

/// The first record of the batches that `is_it`.
fn first_record(batches: &[u8], is_it: impl Fn(&Record<'_>) -> bool) -> Result<Option<OffsetAndTimestamp>, FrameError> {
    let mut found = None;
    for_each_record(batches, |record| {
        if found.is_none() && is_it(record) {
            let (offset, timestamp_ms) = (record.offset as u64, record.timestamp_ms as u64);
            found = Some(OffsetAndTimestamp { offset, timestamp_ms });
        }
        Ok(())
    })?;
    Ok(found)
}

/// Takes whole batches out of frames that are in memory, as [`Journal::read_batches`] does.
pub(crate) fn take_batches(frames: impl Iterator<Item = Bytes>, offset: u64, bytes_max: usize) -> Vec<Piece> {
    let mut out = BatchCollector { offset, left: bytes_max, batches: Vec::new() };
    for batches in frames {
        if out.take(batches).expect("frames in memory were made by us") {
            break;
        }
    }
    out.batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_grows_with_what_is_written_up_to_a_segment() {
        const KIB: u64 = 1024;
        for (wanted, segment, expected) in [
            (76, 64 << 20, 64 * KIB),
            (64 * KIB, 64 << 20, 64 * KIB),
            (64 * KIB + 1, 64 << 20, 256 * KIB),
            (17 << 20, 64 << 20, 64 << 20),
            (76, 4096, 4096),
            (5000, 4096, 5000),
            (65 << 20, 64 << 20, 65 << 20),
        ] {
            assert_eq!(room(wanted, segment), expected, "{wanted} of {segment}");
        }
    }
}
