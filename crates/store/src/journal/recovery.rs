//! Opening a journal: finding its end, cutting a torn tail, telling it from damage.
//!
//! A frame that cannot be read is a torn tail only if it is the last thing in the last segment and
//! the documents do not know it. With a readable frame behind it, in a sealed segment, or already
//! applied to the documents, it is damage: an error.
//!
//! A segment is sealed before the next one's first frame is written. So behind a crash the last
//! segment is the last one with a frame: those behind it were made ahead for frames that were never
//! written, and go. Every other one ends exactly where the next begins.
//!
//! Before the first one there may be segments that a trim was about to remove: the documents know
//! where the journal begins, and what is before that goes. If it begins later than they know,
//! segments are missing.

use std::path::{Path, PathBuf};

use super::{
    frame::{FrameHeader, HEADER_BYTES as FRAME_HEADER_BYTES},
    handle::{Journal, room},
    segment::{FOOTER_BYTES, Segment, SegmentEnd, SegmentError, VERSION, is_half_made},
};

/// A journal as it was found.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) journal: Journal,
    /// Bytes of a torn frame that were (or would be) cut.
    pub(crate) torn_bytes: u64,
    /// Segments that a trim had left, which were (or would be) removed.
    pub(crate) left_by_trim: usize,
}

/// What the documents know of the journal.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    /// How many frames they have surely seen.
    pub(crate) applied_frames: u64,
    /// Where it begins; `None` if they do not know.
    pub(crate) start: Option<SegmentEnd>,
}

impl Journal {
    /// Opens the journal in `dir`; `None` if there is none. With `cut` a torn tail is cut and what
    /// was left of segments is removed; without it they are only passed over.
    pub(crate) fn open(
        dir: &Path,
        segment_bytes: u64,
        known: Known,
        cut: bool,
        random: fn() -> [u8; 16],
    ) -> Result<Option<Opened>, SegmentError> {
        let mut paths = segment_paths(dir, cut)?;
        let left_by_trim = drop_left_by_trim(&mut paths, known.start, cut)?;
        let mut segments = Vec::new();
        for path in paths {
            segments.push(Segment::open(&path, cut)?);
        }
        let mut torn_bytes = 0;
        let last = loop {
            let Some(last) = segments.last() else { return Ok(None) };
            torn_bytes += find_end(last, known.applied_frames)?;
            // One that begins another incarnation, or another version behind a sealed one, says so
            // even without a frame.
            let is_made_ahead = match &segments[..] {
                [.., before, last] if before.header.version < last.header.version => before.set_sealed().is_err(),
                [.., before, last] => before.header.incarnation == last.header.incarnation,
                _ => false,
            };
            if !is_made_ahead || last.len_bytes() > last.header.len_bytes() {
                break last;
            }
            if cut {
                last.remove_durably()?;
            }
            segments.pop();
        };
        if cut {
            // Nothing more is written to one of an older version but its footer.
            let is_old = last.header.version < VERSION;
            let room = if is_old { last.len_bytes() + FOOTER_BYTES } else { room(last.len_bytes(), segment_bytes) };
            last.cut_tail(room).map_err(|e| last.io("cannot cut the torn tail of", e))?;
        }
        check_start(&segments[0], known.start)?;
        for pair in segments.windows(2) {
            check_sealed(&pair[0], &pair[1])?;
        }
        let journal = Journal::new(dir, segment_bytes, segments, random);
        Ok(Some(Opened { journal, torn_bytes, left_by_trim }))
    }
}

/// The app's random number, as the first segment of the journal in `dir` says it; `None` without a
/// segment.
pub(crate) fn identity_in(dir: &Path) -> Result<Option<[u8; 16]>, SegmentError> {
    let mut failed = None;
    // The first may be left of a trim.
    for path in segment_paths(dir, false)? {
        match Segment::open(&path, false) {
            Ok(segment) => return Ok(Some(segment.header.instance)),
            Err(error) => drop(failed.get_or_insert(error)),
        }
    }
    failed.map_or(Ok(None), Err)
}

/// Whether the journal in `dir` has filled no segment yet.
pub(crate) fn is_in_first_segment(dir: &Path) -> Result<bool, SegmentError> {
    match &segment_paths(dir, false)?[..] {
        [] => Ok(true),
        [only] => Ok(Segment::open(only, false)?.header.first_frame == 0),
        _ => Ok(false),
    }
}

/// When the newest event of the oldest segment in `dir` was committed, if that segment is sealed.
pub(crate) fn oldest_sealed_ms(dir: &Path) -> Result<Option<u64>, SegmentError> {
    let Some(second) = segment_paths(dir, false)?.into_iter().nth(1) else { return Ok(None) };
    Ok(Some(Segment::open(&second, false)?.header.commit_time_ms))
}

/// Removes, if `cut`, what a crash left of a segment that was being made.
fn segment_paths(dir: &Path, cut: bool) -> Result<Vec<PathBuf>, SegmentError> {
    let io = |source| SegmentError::Io { act: "cannot list", path: dir.to_owned(), source };
    let mut paths = Vec::new();
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(paths),
        Err(e) => return Err(io(e)),
    };
    for entry in entries {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|e| e == "segment") {
            paths.push(path);
        } else if cut && is_half_made(&path) {
            files::remove(&path).map_err(io)?;
        }
    }
    paths.sort();
    Ok(paths)
}

/// Takes out the segments before the one that the journal begins with; gives how many. A trim took
/// them out, and was kept from removing their files. They are known by their names: of what is in
/// them some may have been freed.
fn drop_left_by_trim(paths: &mut Vec<PathBuf>, start: Option<SegmentEnd>, cut: bool) -> Result<usize, SegmentError> {
    let Some(start) = start else { return Ok(0) };
    let is_left = |path: &&PathBuf| first_frame(path).is_some_and(|frame| frame < start.next_frame);
    let left = paths.iter().take_while(is_left).count();
    // Where nothing is left behind them, they are all there is: that is damage, and evidence.
    if left == paths.len() {
        return Ok(0);
    }
    for path in paths.drain(..left) {
        if cut {
            let removed = files::remove_durably(&path);
            removed.map_err(|source| SegmentError::Io { act: "cannot remove", path, source })?;
        }
    }
    Ok(left)
}

/// The first frame of a segment, as its name says.
fn first_frame(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// The first segment is the one that the documents know the journal to begin with.
fn check_start(first: &Segment, start: Option<SegmentEnd>) -> Result<(), SegmentError> {
    let Some(start) = start.filter(|start| *start != first.header.start()) else { return Ok(()) };
    let header = first.header;
    let message = format!(
        "the journal begins with frame {}, transaction {}, offset {}; the documents know it to begin with {}, {}, {}: segments are missing",
        header.first_frame, header.first_txn, header.first_offset, start.next_frame, start.next_txn, start.next_offset,
    );
    Err(first.damaged(0, super::frame::FrameError(message)))
}

/// A sealed segment ends exactly where the next begins. What is between is not looked at here:
/// `verify` reads it all.
fn check_sealed(segment: &Segment, next: &Segment) -> Result<(), SegmentError> {
    let end = segment.set_sealed()?;
    if end.is_followed_by(&segment.header, &next.header) && segment.header.instance == next.header.instance {
        return Ok(());
    }
    Err(SegmentError::Damaged {
        path: next.path.clone(),
        at: 0,
        message: format!(
            "does not follow on {}: a segment between them is missing, or one of them is another journal's",
            segment.path.display()
        ),
    })
}

/// Finds the end of the last segment with a frame, which is sealed or not: a crash may have come
/// right before the next one's first frame.
fn find_end(segment: &Segment, applied_frames: u64) -> Result<u64, SegmentError> {
    let mut end = segment.header.start();
    let sealed = segment.footer()?;
    let file_bytes = sealed.map_or(segment.len_bytes(), |(at, _)| at);
    // What is known to have been written.
    let known_frames = applied_frames.max(sealed.map_or(0, |(_, sealed)| sealed.next_frame));
    segment.set_len_bytes(file_bytes);
    let mut at = segment.header.len_bytes();
    let torn = loop {
        if at >= file_bytes {
            break None;
        }
        match segment.frame_at(at) {
            Ok(None) if nothing_but_zeros(segment, at) => break None,
            Ok(None) => break Some(unwritten(segment, at)),
            Ok(Some((header, _))) if header.frame_number == end.next_frame => {
                at += header.len_bytes as u64;
                end = SegmentEnd::after(&header);
            }
            Ok(Some((header, _))) => {
                let message = format!("frame {} stands where {} should", header.frame_number, end.next_frame);
                return Err(segment.damaged(at, super::frame::FrameError(message)));
            }
            Err(error @ SegmentError::Damaged { .. }) => break Some(error),
            Err(error) => return Err(error),
        }
    };
    let mut torn_bytes = 0;
    if let Some(error) = torn {
        if end.next_frame < known_frames || frame_behind(segment, at, end.next_frame)? {
            return Err(error);
        }
        torn_bytes = written_behind(segment, at)?;
    } else if end.next_frame < known_frames {
        let message = format!("the journal ends at frame {}, the documents know {known_frames}", end.next_frame);
        return Err(segment.damaged(at, super::frame::FrameError(message)));
    }
    segment.set_len_bytes(at);
    Ok(torn_bytes)
}

fn unwritten(segment: &Segment, at: u64) -> SegmentError {
    segment.damaged(at, super::frame::FrameError("zeros stand where a frame should begin".into()))
}

fn nothing_but_zeros(segment: &Segment, at: u64) -> bool {
    written_behind(segment, at).is_ok_and(|bytes| bytes == 0)
}

/// How many bytes from `at` on reach to the last one that is not zero.
fn written_behind(segment: &Segment, at: u64) -> Result<u64, SegmentError> {
    let mut written = 0;
    for_each_window(segment, at, 0, |start, window| {
        if let Some(last) = window.iter().rposition(|&b| b != 0) {
            written = start + last as u64 + 1 - at;
        }
        false
    })?;
    Ok(written)
}

/// Whether a whole frame with a number above `expected` stands somewhere behind `at`.
fn frame_behind(segment: &Segment, at: u64, expected: u64) -> Result<bool, SegmentError> {
    // A damaged frame hides at most itself: the next one's number is known.
    let wanted = expected + 1..expected + 1_000_000;
    let mut found = false;
    for_each_window(segment, at + 1, FRAME_HEADER_BYTES - 1, |start, window| {
        for n in 0..window.len().saturating_sub(FRAME_HEADER_BYTES - 1) {
            let number = u64::from_le_bytes(window[n + 8..n + 16].try_into().expect("eight bytes"));
            if wanted.contains(&number)
                && matches!(FrameHeader::decode(&window[n..]), Ok(Some(_)))
                && matches!(segment.frame_at(start + n as u64), Ok(Some(_)))
            {
                found = true;
                return true;
            }
        }
        false
    })?;
    Ok(found)
}

/// Calls `each` with windows of the file from `from` on that overlap by `overlap` bytes, until it
/// says `true`.
fn for_each_window(
    segment: &Segment,
    from: u64,
    overlap: usize,
    mut each: impl FnMut(u64, &[u8]) -> bool,
) -> Result<(), SegmentError> {
    let mut at = from;
    while at < segment.len_bytes() {
        let window = segment.read_at(at, 1 << 20).map_err(|e| segment.io("cannot read", e))?;
        if each(at, &window) || window.len() <= overlap || at + window.len() as u64 >= segment.len_bytes() {
            break;
        }
        at += (window.len() - overlap) as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{
        super::frame::{EntryKind, FrameBuilder, FrameError},
        *,
    };
    use crate::position::Position;

    fn header(frame: u64) -> FrameHeader {
        FrameHeader {
            len_bytes: 0,
            crc: 0,
            frame_number: frame,
            first_txn: frame + 1,
            first_offset: frame,
            commit_time_ms: 0,
            stamp_before: 0,
            transactions: 1,
            events: 1,
            event_bytes_max: 1 << 20,
            changes_bytes: 0,
            batches_bytes: 0,
            rules_version: 2,
        }
    }

    /// A frame that holds `inside`.
    fn frame(number: u64, inside: &[u8], salt: u32) -> (Vec<u8>, FrameHeader) {
        let mut builder = FrameBuilder::with_capacity(inside.len());
        builder.push_entry(EntryKind::Changeset, |out| out.extend_from_slice(inside));
        builder.finish(header(number), b"", salt)
    }

    fn open(dir: &Path) -> Result<Opened, SegmentError> {
        Journal::open(dir, 64 * 1024, Known::default(), true, || [9; 16]).map(Option::unwrap)
    }

    /// Two whole frames, and a torn one with `inside`.
    fn torn(dir: &Path, inside: &[u8]) {
        let journal = Journal::create(dir, 64 * 1024, [7; 16], 1, || [9; 16]).unwrap();
        for number in 0..2 {
            let place = journal.place(frame(number, b"", 0).0.len(), &Position::default()).unwrap();
            let (head, header) = frame(number, b"", place.salt());
            journal.append(&place, &head, b"").unwrap();
            place.publish(&header);
        }
        let place = journal.place(2048 + inside.len(), &Position::default()).unwrap();
        let (head, _) = frame(2, &[inside, &[1; 2048]].concat(), place.salt());
        // All but its last bytes came to the disk.
        journal.append(&place, &head[..head.len() - 100], b"").unwrap();
    }

    #[test]
    fn a_frame_inside_a_document_is_not_taken_for_one_behind_a_torn_tail() {
        let dir = tempfile::tempdir().unwrap();
        let (look_alike, _) = frame(3, b"anything", 0);
        torn(dir.path(), &look_alike);
        let opened = open(dir.path()).expect("a torn tail is cut");
        assert!(opened.torn_bytes > 2000);
        assert_eq!(
            opened.journal.segments()[0].len_bytes(),
            super::super::segment::HEADER_BYTES + 2 * frame(0, b"", 0).0.len() as u64
        );
    }

    #[test]
    fn a_frame_of_the_segment_behind_a_broken_one_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let (whole, _) = frame(3, b"anything", u32::from_le_bytes([9; 4]));
        torn(dir.path(), &whole);
        let error = open(dir.path()).map(drop).unwrap_err();
        assert!(matches!(error, SegmentError::Damaged { .. }), "{error}");
    }

    #[test]
    fn a_crash_between_the_seal_and_the_next_frame_leaves_a_journal_that_opens() {
        let dir = tempfile::tempdir().unwrap();
        torn(dir.path(), b"");
        {
            let opened = open(dir.path()).unwrap();
            let segment = &opened.journal.segments()[0];
            segment.seal(SegmentEnd::after(&header(1))).unwrap();
        }
        let opened = open(dir.path()).unwrap();
        let segment = &opened.journal.segments()[0];
        assert_eq!((opened.torn_bytes, segment.footer().unwrap()), (0, None), "it is written to again");
        assert_eq!(segment.frame_headers().count(), 2);
    }

    #[test]
    fn what_a_seal_says_was_there_and_is_not_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        torn(dir.path(), b"");
        open(dir.path()).unwrap().journal.segments()[0].seal(SegmentEnd::after(&header(2))).unwrap();
        let error = open(dir.path()).map(drop).unwrap_err();
        let FrameError(message) = match error {
            SegmentError::Damaged { message, .. } => FrameError(message),
            other => panic!("{other}"),
        };
        assert!(message.contains("ends at frame 2"), "{message}");
    }
}
