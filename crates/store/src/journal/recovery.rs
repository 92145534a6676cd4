//! Opening a journal: finding its end, cutting a torn tail, telling it from damage.
//!
//! A frame that cannot be read is a torn tail only if it is the last thing in the last segment and the documents do not know
//! it. With a readable frame behind it, in a sealed segment, or already applied to the documents, it is damage: an error.
//!
//! A segment is sealed before the next one's first frame is written. So behind a crash the last segment is the last one with a frame: those
//! behind it were made ahead for frames that were never written, and go.

use std::path::Path;

use super::{
    Journal, Position,
    frame::{FrameHeader, HEADER_BYTES as FRAME_HEADER_BYTES},
    room,
    segment::{HEADER_BYTES, Segment, SegmentError, is_half_made},
};

/// A journal as it was found.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) journal: Journal,
    /// Bytes of a torn frame that were (or would be) cut.
    pub(crate) torn_bytes: u64,
}

impl Journal {
    /// Opens the journal in `dir`; `None` if there is none. `applied_frames`: how many frames the documents have surely
    /// seen. With `cut` a torn tail is cut, without it only passed over.
    pub(crate) fn open(
        dir: &Path,
        segment_bytes: u64,
        applied_frames: u64,
        cut: bool,
    ) -> Result<Option<Opened>, SegmentError> {
        let mut segments = Vec::new();
        for path in segment_paths(dir, cut)? {
            segments.push(Segment::open(&path, cut)?);
        }
        let mut torn_bytes = 0;
        let last = loop {
            let Some(last) = segments.last() else { return Ok(None) };
            torn_bytes += find_end(last, applied_frames)?;
            if segments.len() == 1 || last.len_bytes() > HEADER_BYTES {
                break last;
            }
            if cut {
                last.remove_durably()?;
            }
            segments.pop();
        };
        if cut {
            last.cut_tail(room(last.len_bytes(), segment_bytes))
                .map_err(|e| last.io("cannot cut the torn tail of", e))?;
        }
        for pair in segments.windows(2) {
            check_sealed(&pair[0], &pair[1])?;
        }
        Ok(Some(Opened { journal: Journal::new(dir, segment_bytes, segments), torn_bytes }))
    }
}

/// The app's random number, as the first segment of the journal in `dir` says it; `None` without a segment.
pub(crate) fn identity_in(dir: &Path) -> Result<Option<[u8; 16]>, SegmentError> {
    let Some(first) = segment_paths(dir, false)?.into_iter().next() else { return Ok(None) };
    Ok(Some(Segment::open(&first, false)?.header.instance))
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
fn segment_paths(dir: &Path, cut: bool) -> Result<Vec<std::path::PathBuf>, SegmentError> {
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
            std::fs::remove_file(&path).map_err(io)?;
        }
    }
    paths.sort();
    Ok(paths)
}

/// A sealed segment's frames lead up to the next one; only its length and the next header are looked at here, `verify` reads it all.
fn check_sealed(segment: &Segment, next: &Segment) -> Result<(), SegmentError> {
    let follows = segment.header.first_frame < next.header.first_frame
        && segment.header.first_offset <= next.header.first_offset
        && segment.header.instance == next.header.instance;
    if follows {
        return Ok(());
    }
    Err(SegmentError::Damaged {
        path: next.path.clone(),
        at: 0,
        message: format!("does not follow on {}", segment.path.display()),
    })
}

fn find_end(segment: &Segment, applied_frames: u64) -> Result<u64, SegmentError> {
    let mut end = Position {
        next_frame: segment.header.first_frame,
        next_txn: segment.header.first_txn,
        next_offset: segment.header.first_offset,
        ..Position::default()
    };
    let file_bytes = segment.len_bytes();
    let mut at = HEADER_BYTES;
    let torn = loop {
        if at >= file_bytes {
            break None;
        }
        match segment.frame_at(at) {
            Ok(None) if nothing_but_zeros(segment, at) => break None,
            Ok(None) => break Some(unwritten(segment, at)),
            Ok(Some((header, _))) if header.frame_number == end.next_frame => {
                at += header.len_bytes as u64;
                end.next_frame += 1;
                end.next_txn = header.next_txn();
                end.next_offset = header.next_offset();
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
        if end.next_frame < applied_frames || frame_behind(segment, at, end.next_frame)? {
            return Err(error);
        }
        torn_bytes = written_behind(segment, at)?;
    } else if end.next_frame < applied_frames {
        let message = format!("the journal ends at frame {}, the documents know {applied_frames}", end.next_frame);
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

/// Calls `each` with windows of the file from `from` on that overlap by `overlap` bytes, until it says `true`.
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
