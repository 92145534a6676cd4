//! Segments: the files of the journal, each a header and frames.
//!
//! ```text
//! 0          8         12       16         32     40       48      56       64        72            88       92      96
//! | HWJOURNL | version | salt   | instance | site | first  | first | first  | commit  | incarnation | leader | crc32c| frames …, zeros
//! |          | u32     | u32    | of app   |      | frame  | txn   | offset | time    |             | epoch  |       |
//! ```
//! A segment is of one incarnation, with one leader epoch: another one begins another segment, and
//! may skip txnIds and offsets there.
//!
//! A sealed segment ends with a footer right behind its last frame, which says what follows on it:
//! ```text
//! 0          8       16     24       32        40      44
//! | HWSEALED | next  | next | next   | commit  | crc32c|
//! |          | frame | txn  | offset | time    |       |
//! ```
//! Checksums of frames and of the footer begin with the salt, a random number of the segment's own:
//! bytes that somebody put into a document are never taken for a frame. Version 1 had no salt (it
//! is 0) and no footer. Versions 1 and 2 had no incarnation and no leader epoch (the checksum
//! stands at 72): they are of the first incarnation, whose number is the app's instance.
//!
//! Invariants: the file is preallocated, so that a sync does not change its size and a full disk
//! shows before a write is taken; a sealed segment is cut to its last frame and footer. Frames are
//! read at their place, so reading needs no lock.
//!
//! Not here: which segment to read ([`super::Journal`]), what a frame holds ([`super::frame`]).

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use files::DataFile;

use crate::incarnation::Incarnation;

use super::frame::{FrameError, FrameHeader, HEADER_BYTES as FRAME_HEADER_BYTES};

/// The format this version writes. It reads all from 1 on.
pub(crate) const VERSION: u32 = 3;

/// The first version whose sealed segments have a footer.
const VERSION_WITH_FOOTER: u32 = 2;

/// The first version that says which incarnation it is of.
const VERSION_WITH_INCARNATION: u32 = 3;

/// Bytes of a segment before its first frame, in this version.
pub(crate) const HEADER_BYTES: u64 = 96;

/// The same in the versions before [`VERSION_WITH_INCARNATION`].
const HEADER_BYTES_BEFORE: u64 = 76;

/// Bytes of a footer.
pub(crate) const FOOTER_BYTES: u64 = 44;

const MAGIC: &[u8; 8] = b"HWJOURNL";
const FOOTER_MAGIC: &[u8; 8] = b"HWSEALED";

/// One index entry for at least this many bytes of frames.
const INDEX_INTERVAL_BYTES: u64 = 32 * 1024;

/// What a segment says of itself and of everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The format of the file.
    pub(crate) version: u32,
    /// Where its checksums begin.
    pub(crate) salt: u32,
    /// The app's random number for life.
    pub(crate) instance: [u8; 16],
    /// The site that the app's own writes are stamped with.
    pub(crate) site: u64,
    /// Which life of the data its frames are of.
    pub(crate) incarnation: Incarnation,
    pub(crate) first_frame: u64,
    pub(crate) first_txn: u64,
    pub(crate) first_offset: u64,
    /// The commit time of the frame before.
    pub(crate) commit_time_ms: u64,
}

/// What follows on a segment's last frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentEnd {
    pub(crate) next_frame: u64,
    pub(crate) next_txn: u64,
    pub(crate) next_offset: u64,
    /// The commit time of the last frame.
    pub(crate) commit_time_ms: u64,
}

/// Where a frame stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    pub(crate) first_offset: u64,
    pub(crate) frame_number: u64,
    pub(crate) commit_time_ms: u64,
    pub(crate) position: u64,
}

/// Why a segment cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SegmentError {
    #[error("{act} {path}: {source}")]
    Io { act: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{path} at byte {at}: {message}")]
    Damaged { path: PathBuf, at: u64, message: String },
    #[error("{path} has format {found}; this version reads up to {VERSION}")]
    NewerFormat { path: PathBuf, found: u32 },
}

/// One file of the journal.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) header: SegmentHeader,
    file: DataFile,
    /// Bytes up to the end of the last whole frame.
    len_bytes: AtomicU64,
    /// Sparse, in order; `None` until first needed.
    index: Mutex<Option<Vec<IndexEntry>>>,
}

/// Added to the name of a segment that does not have its header yet.
const HALF_MADE_EXTENSION: &str = "new";

/// Whether a crash left this while a segment was made: there is nothing in it.
pub(crate) fn is_half_made(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == HALF_MADE_EXTENSION)
}

/// A segment without a name, which nobody reads. What is left of it is freed when it is dropped.
///
/// A file system that frees a whole segment at once has every sync wait for it: most for a disk
/// that is told of each block that is free.
#[derive(Debug)]
pub(crate) struct RemovedSegment {
    file: DataFile,
    len_bytes: u64,
}

impl RemovedSegment {
    /// Bytes that are not freed yet.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Frees so many bytes, or what is left.
    pub(crate) fn free(&mut self, bytes: u64) -> std::io::Result<()> {
        let left = self.len_bytes.saturating_sub(bytes);
        self.file.set_len(left)?;
        self.len_bytes = left;
        Ok(())
    }
}

impl Segment {
    /// Makes a new segment with room for `capacity_bytes`, and makes its existence durable. It has
    /// its name once it has its header: whoever is killed before leaves a file that
    /// [`is_half_made`].
    pub(crate) fn create(dir: &Path, header: SegmentHeader, capacity_bytes: u64) -> Result<Self, SegmentError> {
        let path = dir.join(format!("{:020}.segment", header.first_frame));
        let half_made = path.with_added_extension(HALF_MADE_EXTENSION);
        // One of an older version, without a frame, has the same name: it stays if this fails.
        let takes_a_place = path.exists();
        let made = (|| {
            let file = DataFile::create(&half_made)?;
            file.allocate(capacity_bytes)?;
            file.write_all_at(&header.encode(), 0)?;
            file.sync_all()?;
            files::move_durably(&half_made, &path)?;
            Ok(file)
        })();
        let file = made.map_err(|source: std::io::Error| {
            // It takes up room, and must not be found at the next start.
            let _ = std::fs::remove_file(&half_made);
            if !takes_a_place {
                let _ = std::fs::remove_file(&path);
            }
            SegmentError::Io { act: "cannot create", path: path.clone(), source }
        })?;
        let len_bytes = AtomicU64::new(header.len_bytes());
        Ok(Self { path, header, file, len_bytes, index: Mutex::new(Some(Vec::new())) })
    }

    /// Opens an existing segment. Its length is the file's; the last one's must then be found by
    /// [`Segment::set_len_bytes`].
    pub(crate) fn open(path: &Path, writable: bool) -> Result<Self, SegmentError> {
        let io = |act| move |source| SegmentError::Io { act, path: path.to_owned(), source };
        let file = DataFile::open(path, writable).map_err(io("cannot open"))?;
        let len_bytes = file.len_bytes().map_err(io("cannot read"))?;
        let mut bytes = [0; HEADER_BYTES as usize];
        let read = bytes.len().min(usize::try_from(len_bytes).unwrap_or(usize::MAX));
        file.read_exact_at(&mut bytes[..read], 0).map_err(io("cannot read the header of"))?;
        let header = SegmentHeader::decode(&bytes[..read], path)?;
        Ok(Self { path: path.to_owned(), header, file, len_bytes: AtomicU64::new(len_bytes), index: Mutex::new(None) })
    }

    /// The same segment, for whoever reads it once and is in no hurry: the system does not read
    /// ahead, so that a sync has little to wait behind.
    pub(crate) fn reopen_without_read_ahead(&self) -> Result<Self, SegmentError> {
        let own = Self::open(&self.path, false)?;
        own.set_len_bytes(self.len_bytes());
        own.file.do_not_read_ahead();
        Ok(own)
    }

    /// Has the system keep nothing of it in memory: removing a file's pages is most of what
    /// removing the file takes.
    pub(crate) fn uncache(&self) {
        self.file.uncache();
    }

    /// Removes the file, though not durably by itself. If nobody else reads it, what it holds is
    /// the caller's to free a little at a time; otherwise the system frees all of it when the last
    /// reader is done.
    pub(crate) fn remove(self: Arc<Self>) -> Result<Option<RemovedSegment>, SegmentError> {
        let io = |e| self.io("cannot remove", e);
        let file = DataFile::open(&self.path, true).map_err(io)?;
        files::remove(&self.path).map_err(io)?;
        Ok(Arc::into_inner(self).map(|segment| RemovedSegment { file, len_bytes: segment.capacity_bytes() }))
    }

    /// Removes the file, and makes sure that it does not come back.
    pub(crate) fn remove_durably(&self) -> Result<(), SegmentError> {
        files::remove_durably(&self.path).map_err(|e| self.io("cannot remove", e))
    }

    /// Bytes up to the end of the last whole frame.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.len_bytes.load(Ordering::Acquire)
    }

    /// Bytes the file may hold without growing.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        self.file.len_bytes().unwrap_or(0)
    }

    /// Says where the last whole frame ends.
    pub(crate) fn set_len_bytes(&self, len_bytes: u64) {
        self.len_bytes.store(len_bytes, Ordering::Release);
    }

    /// Writes a frame behind the last one and makes it durable. Readers see it only after
    /// [`Segment::publish`].
    pub(crate) fn write_durably(&self, head: &[u8], batches: &[u8]) -> std::io::Result<()> {
        self.file.write_all_at(head, self.len_bytes())?;
        self.file.write_all_at(batches, self.len_bytes() + head.len() as u64)?;
        self.file.sync_data()
    }

    /// Lets readers see the frame that was written last.
    pub(crate) fn publish(&self, header: &FrameHeader) {
        let position = self.len_bytes();
        if let Some(index) = self.index.lock().expect("not poisoned").as_mut() {
            push_sparse(index, header, position);
        }
        self.set_len_bytes(position + header.len_bytes as u64);
    }

    /// Cuts the file behind its last frame, and says there what follows.
    pub(crate) fn seal(&self, end: SegmentEnd) -> std::io::Result<()> {
        let len_bytes = self.len_bytes();
        if self.has_footer() {
            self.file.write_all_at(&end.encode(self.header.salt), len_bytes)?;
            self.file.set_len(len_bytes + FOOTER_BYTES)?;
        } else {
            self.file.set_len(len_bytes)?;
        }
        self.file.sync_all()
    }

    /// Whether it gets a footer when it is sealed.
    pub(crate) fn has_footer(&self) -> bool {
        self.header.version >= VERSION_WITH_FOOTER
    }

    /// What the file's footer says, and where it begins; `None` if the file does not end with one.
    pub(crate) fn footer(&self) -> Result<Option<(u64, SegmentEnd)>, SegmentError> {
        let Some(at) = self.capacity_bytes().checked_sub(FOOTER_BYTES).filter(|&at| at >= self.header.len_bytes())
        else {
            return Ok(None);
        };
        if !self.has_footer() {
            return Ok(None);
        }
        let mut bytes = [0; FOOTER_BYTES as usize];
        self.file.read_exact_at(&mut bytes, at).map_err(|e| self.io("cannot read", e))?;
        Ok(SegmentEnd::decode(&bytes, self.header.salt).map(|end| (at, end)))
    }

    /// Takes a sealed segment's length from its footer, and gives what follows on it. A version
    /// without footers is read through, header by header.
    pub(crate) fn set_sealed(&self) -> Result<SegmentEnd, SegmentError> {
        if !self.has_footer() {
            return self.walk_to_end();
        }
        let message = "it does not end as a sealed segment does: it was cut, or its end is damaged";
        let (at, end) =
            self.footer()?.ok_or_else(|| self.damaged(self.capacity_bytes(), FrameError(message.to_owned())))?;
        self.set_len_bytes(at);
        Ok(end)
    }

    /// What follows on its last frame, found header by header.
    pub(crate) fn walk_to_end(&self) -> Result<SegmentEnd, SegmentError> {
        let mut end = self.header.start();
        let mut read_to = self.header.len_bytes();
        for frame in self.frame_headers() {
            let (position, header) = frame?;
            end = SegmentEnd::after(&header);
            read_to = position + header.len_bytes as u64;
        }
        if read_to != self.len_bytes() {
            return Err(self.damaged(read_to, FrameError("the file ends inside a frame".into())));
        }
        Ok(end)
    }

    /// Makes room for a frame that is larger than a whole segment.
    pub(crate) fn grow(&self, capacity_bytes: u64) -> std::io::Result<()> {
        // The next frame's sync makes it durable. One here would take the error of a write that
        // failed behind the last sync from whoever has to know of it: the system tells each once.
        self.file.allocate(capacity_bytes)
    }

    /// Writes zeros from the end of the last whole frame on, and makes room again.
    pub(crate) fn cut_tail(&self, capacity_bytes: u64) -> std::io::Result<()> {
        self.file.set_len(self.len_bytes())?;
        self.file.allocate(capacity_bytes.max(self.len_bytes()))?;
        self.file.sync_all()
    }

    /// Bytes from `position`, at most `len`, not beyond the last whole frame.
    pub(crate) fn read_at(&self, position: u64, len: usize) -> std::io::Result<Vec<u8>> {
        let len = len.min(self.len_bytes().saturating_sub(position) as usize);
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            // Into spare capacity: zeroing the window first would cost as much as copying it.
            let at = position + bytes.len() as u64;
            if self.file.read_spare_at(&mut bytes, at)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    /// Bytes from `position`, whatever they are: for whoever copies the file.
    pub(crate) fn copy_at(&self, position: u64, len: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, position)?;
        Ok(bytes)
    }

    /// The last index entry that `before` holds for, or the first; `None` if the segment has no
    /// frames. Damage further on is met by whoever reads on from there.
    pub(crate) fn index_entry(&self, before: impl Fn(&IndexEntry) -> bool) -> Result<Option<IndexEntry>, SegmentError> {
        let find = |index: &[IndexEntry]| index.get(index.partition_point(before).saturating_sub(1)).copied();
        let mut index = self.index.lock().expect("not poisoned");
        if let Some(index) = index.as_ref() {
            return Ok(find(index));
        }
        let (built, error) = self.build_index();
        let found = find(&built);
        match error {
            Some(error) if built.is_empty() => return Err(error),
            // The disk may read it the next time.
            Some(SegmentError::Io { .. }) => {}
            _ => *index = Some(built),
        }
        Ok(found)
    }

    /// Whether the frame of `offset` and what stands `bytes` behind it are in the system's page
    /// cache; `false` if that cannot be told without waiting. Reads ahead of a consumer fill what
    /// lies between.
    pub(crate) fn is_cached_around(&self, offset: u64, bytes: usize) -> bool {
        let Ok(index) = self.index.try_lock() else { return false };
        let Some(index) = index.as_ref() else { return false };
        let at = index.partition_point(|e| e.first_offset <= offset).saturating_sub(1);
        let Some(first) = index.get(at).map(|e| e.position) else { return false };
        let last = (first + bytes as u64).min(self.len_bytes().saturating_sub(1));
        [first, last].into_iter().all(|position| self.file.is_cached_at(position))
    }

    /// The index up to what cannot be read.
    fn build_index(&self) -> (Vec<IndexEntry>, Option<SegmentError>) {
        let mut index = Vec::new();
        let mut next_offset = self.header.first_offset;
        for frame in self.frame_headers() {
            match frame {
                Ok((position, header)) if header.first_offset == next_offset => {
                    push_sparse(&mut index, &header, position);
                    next_offset = header.next_offset();
                }
                Ok((position, _)) => {
                    let error = FrameError("a frame does not follow on the one before".into());
                    return (index, Some(self.damaged(position, error)));
                }
                Err(error) => return (index, Some(error)),
            }
        }
        (index, None)
    }

    /// The headers of all frames with their positions; bodies are not read.
    pub(crate) fn frame_headers(&self) -> impl Iterator<Item = Result<(u64, FrameHeader), SegmentError>> + '_ {
        let mut position = self.header.len_bytes();
        let mut window = (position, Vec::new());
        std::iter::from_fn(move || {
            if position >= self.len_bytes() {
                return None;
            }
            let header = self.header_in_window(position, &mut window);
            match header {
                Ok(Some(header)) => {
                    let at = position;
                    position += header.len_bytes as u64;
                    Some(Ok((at, header)))
                }
                Ok(None) => {
                    let error = FrameError("there are zeros where a frame should be".into());
                    let at = std::mem::replace(&mut position, u64::MAX);
                    Some(Err(self.damaged(at, error)))
                }
                Err(error) => {
                    position = u64::MAX;
                    Some(Err(error))
                }
            }
        })
    }

    /// Reads a header through a window of the file, so that small frames do not cost a system call
    /// each.
    fn header_in_window(
        &self,
        position: u64,
        window: &mut (u64, Vec<u8>),
    ) -> Result<Option<FrameHeader>, SegmentError> {
        const WINDOW_BYTES: usize = 256 * 1024;
        let inside = position >= window.0 && position + FRAME_HEADER_BYTES as u64 <= window.0 + window.1.len() as u64;
        if !inside {
            *window = (position, self.read_at(position, WINDOW_BYTES).map_err(|e| self.io("cannot read", e))?);
        }
        let bytes = &window.1[(position - window.0) as usize..];
        FrameHeader::decode(bytes).map_err(|e| self.damaged(position, e))
    }

    /// The whole frame at `position`, checksum checked. `Ok(None)`: nothing was written there.
    pub(crate) fn frame_at(&self, position: u64) -> Result<Option<(FrameHeader, Vec<u8>)>, SegmentError> {
        let head = self.read_at(position, FRAME_HEADER_BYTES).map_err(|e| self.io("cannot read", e))?;
        let Some(header) = FrameHeader::decode(&head).map_err(|e| self.damaged(position, e))? else { return Ok(None) };
        let frame = self.read_at(position, header.len_bytes).map_err(|e| self.io("cannot read", e))?;
        if frame.len() < header.len_bytes {
            return Err(self.damaged(position, FrameError("the file ends inside a frame".into())));
        }
        header.check(&frame, self.header.salt).map_err(|e| self.damaged(position, e))?;
        Ok(Some((header, frame)))
    }

    pub(crate) fn io(&self, act: &'static str, source: std::io::Error) -> SegmentError {
        SegmentError::Io { act, path: self.path.clone(), source }
    }

    pub(crate) fn damaged(&self, at: u64, error: FrameError) -> SegmentError {
        SegmentError::Damaged { path: self.path.clone(), at, message: error.0 }
    }
}

fn push_sparse(index: &mut Vec<IndexEntry>, header: &FrameHeader, position: u64) {
    if index.last().is_none_or(|last| position - last.position >= INDEX_INTERVAL_BYTES) {
        index.push(IndexEntry {
            first_offset: header.first_offset,
            frame_number: header.frame_number,
            commit_time_ms: header.commit_time_ms,
            position,
        });
    }
}

impl SegmentHeader {
    /// What the segment before must end with.
    pub(crate) fn start(&self) -> SegmentEnd {
        SegmentEnd {
            next_frame: self.first_frame,
            next_txn: self.first_txn,
            next_offset: self.first_offset,
            commit_time_ms: self.commit_time_ms,
        }
    }

    /// Bytes before the first frame.
    pub(crate) fn len_bytes(&self) -> u64 {
        if self.version < VERSION_WITH_INCARNATION { HEADER_BYTES_BEFORE } else { HEADER_BYTES }
    }

    fn encode(&self) -> [u8; HEADER_BYTES as usize] {
        debug_assert_eq!(self.version, VERSION, "older ones are only read");
        let mut out = [0; HEADER_BYTES as usize];
        out[..8].copy_from_slice(MAGIC);
        out[8..12].copy_from_slice(&self.version.to_le_bytes());
        out[12..16].copy_from_slice(&self.salt.to_le_bytes());
        out[16..32].copy_from_slice(&self.instance);
        let numbers = [self.site, self.first_frame, self.first_txn, self.first_offset, self.commit_time_ms];
        for (n, number) in numbers.into_iter().enumerate() {
            out[32 + 8 * n..40 + 8 * n].copy_from_slice(&number.to_le_bytes());
        }
        out[72..88].copy_from_slice(&self.incarnation.id);
        out[88..92].copy_from_slice(&self.incarnation.leader_epoch.to_le_bytes());
        let crc = crc32c::crc32c(&out[..92]);
        out[92..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header at the front of `bytes`: its version first, then its checksum, then what it
    /// means.
    fn decode(bytes: &[u8], path: &Path) -> Result<Self, SegmentError> {
        let damaged =
            |at, message: &str| SegmentError::Damaged { path: path.to_owned(), at, message: message.to_owned() };
        let (header, rest) = bytes
            .split_first_chunk::<{ HEADER_BYTES_BEFORE as usize }>()
            .ok_or_else(|| damaged(0, "the file ends inside the segment's header"))?;
        if &header[..8] != MAGIC {
            return Err(damaged(0, "not a journal segment"));
        }
        let u64_at = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
        let u32_at = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
        let version = u32_at(8);
        if version > VERSION {
            return Err(SegmentError::NewerFormat { path: path.to_owned(), found: version });
        }
        let instance = header[16..32].try_into().expect("sixteen bytes");
        let (checked, incarnation) = if version < VERSION_WITH_INCARNATION {
            (72, Incarnation::first(instance))
        } else {
            let end = rest
                .first_chunk::<{ (HEADER_BYTES - HEADER_BYTES_BEFORE) as usize }>()
                .ok_or_else(|| damaged(0, "the file ends inside the segment's header"))?;
            let id = [&header[72..], &end[..12]].concat().try_into().expect("sixteen bytes");
            (92, Incarnation { id, leader_epoch: u32::from_le_bytes(*end[12..].first_chunk().expect("four bytes")) })
        };
        if bytes[checked..checked + 4] != crc32c::crc32c(&bytes[..checked]).to_le_bytes() {
            return Err(damaged(checked as u64, "the segment's header has a wrong checksum"));
        }
        Ok(Self {
            version,
            salt: u32_at(12),
            instance,
            site: u64_at(32),
            incarnation,
            first_frame: u64_at(40),
            first_txn: u64_at(48),
            first_offset: u64_at(56),
            commit_time_ms: u64_at(64),
        })
    }
}

impl SegmentEnd {
    /// What follows on the frame of `header`.
    pub(crate) fn after(header: &FrameHeader) -> Self {
        Self {
            next_frame: header.frame_number + 1,
            next_txn: header.next_txn(),
            next_offset: header.next_offset(),
            commit_time_ms: header.commit_time_ms,
        }
    }

    /// Whether a segment with this header follows on it; `before` is the header of the one that
    /// ends here. Another incarnation may skip txnIds and offsets.
    pub(crate) fn is_followed_by(&self, before: &SegmentHeader, next: &SegmentHeader) -> bool {
        if before.incarnation == next.incarnation {
            return *self == next.start();
        }
        let start = next.start();
        next.incarnation.leader_epoch > before.incarnation.leader_epoch
            && start.next_frame == self.next_frame
            && start.next_txn >= self.next_txn
            && start.next_offset >= self.next_offset
            && start.commit_time_ms >= self.commit_time_ms
    }

    fn encode(&self, salt: u32) -> [u8; FOOTER_BYTES as usize] {
        let mut out = [0; FOOTER_BYTES as usize];
        out[..8].copy_from_slice(FOOTER_MAGIC);
        let numbers = [self.next_frame, self.next_txn, self.next_offset, self.commit_time_ms];
        for (n, number) in numbers.into_iter().enumerate() {
            out[8 + 8 * n..16 + 8 * n].copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32c::crc32c_append(salt, &out[..40]);
        out[40..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8; FOOTER_BYTES as usize], salt: u32) -> Option<Self> {
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let is_whole =
            &bytes[..8] == FOOTER_MAGIC && bytes[40..] == crc32c::crc32c_append(salt, &bytes[..40]).to_le_bytes();
        is_whole.then(|| Self {
            next_frame: u64_at(8),
            next_txn: u64_at(16),
            next_offset: u64_at(24),
            commit_time_ms: u64_at(32),
        })
    }
}
