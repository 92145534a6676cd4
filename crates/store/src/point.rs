//! A point of an app: what a backup copies of it while it takes writes.
//!
//! It is what a crash right now could leave, less a torn tail: the journal up to its last whole
//! frame, and the documents as of some frame of it where the journal's front was trimmed. Opened as
//! an app, the copy shows every transaction up to the point's newest one.
//!
//! Invariants: a point's segments can be read while it is kept, whatever retention takes out
//! meanwhile; they follow on one another without a hole; the documents know no frame that the
//! segments do not have.
//! Not here: where the copy goes and how it is checked (crate `backup`).

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, atomic::Ordering::Acquire},
    time::{Duration, Instant},
};

use key_values::{Bytes, DiskOptions, FjallDisk, KeyRange, KeyValues as _, KeyValuesError, Space};

use crate::{
    app::App,
    app_name::AppName,
    engine::{EngineError, EngineSnapshot, spaces::SPACES},
    journal::{
        frame::{FrameError, FrameHeader},
        segment::{FOOTER_BYTES, Segment, SegmentEnd, SegmentError},
    },
    open::DOCUMENTS,
    open_error::OpenError,
    register::Register,
    shared::Shared,
};

/// How long a point waits for a trim that is between two notes, or for a frame to be shown.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);

/// Between two looks meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Whoever reads a segment is told of the progress after so many bytes.
const TOLD_EVERY_BYTES: u64 = 1 << 20;

/// Why a point cannot be taken, or its documents not read.
#[derive(Debug, thiserror::Error)]
pub enum PointError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The documents.
    #[error("the documents cannot be read: {0}")]
    Documents(String),
    /// The app is in between for longer than it ever should be.
    #[error("no frame was shown, or a trim came to no end, within {} s", SETTLED_WITHIN.as_secs())]
    Unsettled,
}

impl From<EngineError> for PointError {
    fn from(EngineError(message): EngineError) -> Self {
        Self::Documents(message)
    }
}

impl From<SegmentError> for PointError {
    fn from(error: SegmentError) -> Self {
        Self::Journal(error.into())
    }
}

/// See the module. Holds back the engine's clean-up where it has documents: drop it soon.
#[derive(Debug)]
pub struct Point {
    /// Of which app.
    pub name: AppName,
    /// The app's random number for life.
    pub instance: [u8; 16],
    /// Its newest transaction; 0 if there is none.
    pub newest_txn: u64,
    /// When that was committed, ms since the epoch; 0 if there is none.
    pub newest_commit_ms: u64,
    /// The offset of the oldest event that is kept.
    pub log_start: u64,
    /// The offset behind the newest event.
    pub next_offset: u64,
    /// The journal, in order. The last one is not sealed.
    pub segments: Vec<PointSegment>,
    documents: Option<EngineSnapshot>,
    /// Keeps the app from being closed.
    _held: Arc<()>,
}

/// A segment of the journal, as far as the point goes.
#[derive(Debug)]
pub struct PointSegment {
    segment: Arc<Segment>,
    frames_end: u64,
    is_sealed: bool,
}

/// Is shown a frame: its header, its place in the segment, its bytes.
pub(crate) type EachFrame<'e> = &'e mut dyn FnMut(&FrameHeader, u64, &[u8]) -> Result<(), PointError>;

/// An entry of the documents' sorted spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentsEntry {
    /// Which space, by its place in the store's list.
    pub space: u8,
    /// Its key.
    pub key: Bytes,
    /// Its value, in the store's own format.
    pub value: Bytes,
}

impl App {
    /// The app as it is now, to be copied. Blocks on disk; holds no writer up.
    ///
    /// # Errors
    /// The journal's end or the documents cannot be read.
    pub fn point(&self) -> Result<Point, PointError> {
        let held = self.shared.snapshots.clone();
        let began = Instant::now();
        loop {
            if let Some(point) = Point::try_take(&self.shared, held.clone())? {
                return Ok(point);
            }
            if began.elapsed() > SETTLED_WITHIN {
                return Err(PointError::Unsettled);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Point {
    /// `None` while something is in between: it is to be tried again.
    fn try_take(shared: &Shared, held: Arc<()>) -> Result<Option<Self>, PointError> {
        // Before the documents, so that no segment is missing that they need; and after them, so
        // that every frame that they know is there.
        let before = shared.journal.segments();
        let documents = shared.engine.snapshot();
        let applied_frames = documents.position()?.map_or(0, |position| position.next_frame);
        if shared.committed_frames.load(Acquire) < applied_frames {
            return Ok(None);
        }
        let after = shared.journal.segments();
        let Some(start) = documents.journal()?.map(|note| note.start) else { return Ok(None) };
        let by_frame = before.into_iter().chain(after).map(|segment| (segment.header.first_frame, segment));
        let segments: BTreeMap<u64, Arc<Segment>> =
            by_frame.filter(|(first_frame, _)| *first_frame >= start.next_frame).collect();
        let segments = without_made_ahead(segments.into_values().collect());
        let Some(first) = segments.first().filter(|first| first.header.start() == start) else { return Ok(None) };
        let (instance, log_start) = (first.header.instance, first.header.first_offset);
        let was_trimmed = first.header.first_frame > 0;
        let Some(segments) = PointSegment::all_of(&segments)? else { return Ok(None) };
        let Some(last) = segments.last() else { return Ok(None) };
        let end = last.end()?;
        Ok(Some(Self {
            name: shared.name.clone(),
            instance,
            newest_txn: end.next_txn - 1,
            newest_commit_ms: end.commit_time_ms,
            log_start,
            next_offset: end.next_offset,
            segments,
            documents: was_trimmed.then_some(documents),
            _held: held,
        }))
    }

    /// Whether the journal alone does not say all: its front was trimmed.
    pub fn has_documents(&self) -> bool {
        self.documents.is_some()
    }

    /// What is kept of the documents, space by space, each in the order of its keys; empty where
    /// the journal says all ([`Point::has_documents`]).
    pub fn documents(&self) -> impl Iterator<Item = Result<DocumentsEntry, PointError>> {
        const EVERYTHING: KeyRange = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        self.documents.iter().flat_map(|documents| {
            (0..SPACES.len()).flat_map(|n| {
                let space = u8::try_from(n).expect("there are few spaces");
                documents.entries(Space(n), EVERYTHING).map(move |entry| {
                    let (key, value) = entry?;
                    Ok(DocumentsEntry { space, key, value })
                })
            })
        })
    }
}

/// Without those that were made ahead for frames that are not written yet. One that begins another
/// incarnation stays.
fn without_made_ahead(mut segments: Vec<Arc<Segment>>) -> Vec<Arc<Segment>> {
    while let [.., before, last] = &segments[..] {
        let is_empty = last.len_bytes() == last.header.len_bytes();
        let goes_on =
            (before.header.incarnation, before.header.version) == (last.header.incarnation, last.header.version);
        if !(is_empty && goes_on) {
            break;
        }
        segments.pop();
    }
    segments
}

impl PointSegment {
    /// `None` if one is not sealed yet that another follows on, or one is missing between.
    fn all_of(segments: &[Arc<Segment>]) -> Result<Option<Vec<Self>>, SegmentError> {
        let mut all = Vec::new();
        for (n, segment) in segments.iter().enumerate() {
            let mut frames_end = segment.len_bytes();
            if let Some(next) = segments.get(n + 1)
                && segment.has_footer()
            {
                match segment.footer()? {
                    Some((at, end)) if end.is_followed_by(&segment.header, &next.header) => frames_end = at,
                    _ => return Ok(None),
                }
            }
            all.push(Self { segment: segment.clone(), frames_end, is_sealed: n + 1 < segments.len() });
        }
        Ok(Some(all))
    }

    /// Its name in the folder [`crate::JOURNAL_FOLDER`].
    pub fn file_name(&self) -> String {
        format!("{:020}.segment", self.segment.header.first_frame)
    }

    /// Bytes of it that belong to the point.
    pub fn len_bytes(&self) -> u64 {
        let footer = if self.is_sealed && self.segment.has_footer() { FOOTER_BYTES } else { 0 };
        self.frames_end + footer
    }

    /// Whether it never changes again.
    pub fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// By what a sealed one is known: the bytes of its head, with its random salt, and of its
    /// footer.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn identity(&self) -> std::io::Result<Vec<u8>> {
        let mut identity = self.segment.copy_at(0, self.segment.header.len_bytes() as usize)?;
        identity.extend(self.segment.copy_at(self.frames_end, (self.len_bytes() - self.frames_end) as usize)?);
        Ok(identity)
    }

    /// Bytes from `at`, at most `len`, not beyond [`PointSegment::len_bytes`].
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_at(&self, at: u64, len: usize) -> std::io::Result<Vec<u8>> {
        let len = len.min(usize::try_from(self.len_bytes().saturating_sub(at)).unwrap_or(usize::MAX));
        self.segment.copy_at(at, len)
    }

    /// Reads every frame, and looks at its checksum. `read` is told of bytes that were read since
    /// it was last told; where it says `false`, the look ends there.
    ///
    /// # Errors
    /// The first damage, with its place.
    pub fn check(&self, read: &mut dyn FnMut(u64) -> bool) -> Result<(), PointError> {
        self.for_each_frame(read, &mut |_, _, _| Ok(()))
    }

    /// As [`PointSegment::check`]; `each` is shown every frame, with its place.
    pub(crate) fn for_each_frame(
        &self,
        read: &mut dyn FnMut(u64) -> bool,
        each: EachFrame<'_>,
    ) -> Result<(), PointError> {
        let mut at = self.segment.header.len_bytes();
        let mut number = self.segment.header.first_frame;
        let mut told = at;
        while at < self.frames_end {
            let frame = self.segment.frame_at(at)?.filter(|(header, _)| header.frame_number == number);
            let Some((header, frame)) = frame else {
                let message = format!("frame {number} should stand there");
                return Err(self.damaged(at, FrameError(message)));
            };
            each(&header, at, &frame)?;
            at += header.len_bytes as u64;
            number += 1;
            if at - told >= TOLD_EVERY_BYTES && !read(std::mem::replace(&mut told, at).abs_diff(at)) {
                return Ok(());
            }
        }
        read(at - told);
        Ok(())
    }

    /// The error that says what is wrong there.
    pub(crate) fn damaged(&self, at: u64, error: FrameError) -> PointError {
        self.segment.damaged(at, error).into()
    }

    /// What follows on its last frame.
    fn end(&self) -> Result<SegmentEnd, SegmentError> {
        let mut end = self.segment.header.start();
        for frame in self.segment.frame_headers() {
            let (position, header) = frame?;
            if position >= self.frames_end {
                break;
            }
            end = SegmentEnd::after(&header);
        }
        Ok(end)
    }
}

/// Why documents are not written.
enum Unwritten<E> {
    Source(E),
    Engine(KeyValuesError),
}

impl<E> From<KeyValuesError> for Unwritten<E> {
    fn from(error: KeyValuesError) -> Self {
        Self::Engine(error)
    }
}

/// Makes the documents of the app in `app_dir`, where there are none, of what [`Point::documents`]
/// gave. Durable when it returns.
///
/// # Errors
/// The first error of `entries`, or why they cannot be written.
pub fn write_documents<E: From<OpenError>>(
    app_dir: &Path,
    entries: impl Iterator<Item = Result<DocumentsEntry, E>>,
) -> Result<(), E> {
    let path = app_dir.join(DOCUMENTS);
    let failed = |KeyValuesError(message): KeyValuesError| OpenError::Engine { path: app_dir.join(DOCUMENTS), message };
    let options = DiskOptions { cache_bytes: 8 << 20, threads: 2, spaces: SPACES };
    let disk = FjallDisk::open(&path, &options).map_err(failed)?;
    let entries = entries.map(|entry| {
        let DocumentsEntry { space, key, value } = entry.map_err(Unwritten::Source)?;
        Ok((Space(usize::from(space)), key, value))
    });
    disk.fill(entries).map_err(|error| match error {
        Unwritten::Source(error) => error,
        Unwritten::Engine(error) => failed(error).into(),
    })?;
    disk.flush().map_err(failed)?;
    Ok(())
}

/// The register of apps with these in it, as the file of a data directory.
pub fn register_of<'p>(apps: impl Iterator<Item = (&'p AppName, [u8; 16])>) -> String {
    Register { apps: apps.map(|(name, instance)| (name.clone(), Some(instance))).collect() }.sealed()
}
