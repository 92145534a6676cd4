//! A journal is cut behind the last wanted transaction.
//!
//! Whole frames stay as they are. Of the frame that holds the end, the entries up to it are written
//! again, as a frame of their own, once the documents are those of the frame before.
//! Not here: what goes on behind the cut ([`super`]).

use std::path::{Path, PathBuf};

use files::DataFile;

use super::{AppError, RestoreError, RestoreTo};
use crate::{
    app::App,
    engine::requests::RequestsKept,
    journal::{Journal, frame::FrameHeader, recovery::Known, segment::Segment},
    position::{Position, TxnId},
    replay::{FrameToReplay, ReplayError},
};

/// Where a journal is cut, if it is.
pub(super) struct Cut {
    /// Behind the last frame that is there; its stamp clock is not known.
    pub(super) newest: Position,
    to: RestoreTo,
    /// The first frame that holds something that is not wanted.
    at: Option<Place>,
    /// The journal's front was trimmed.
    is_trimmed: bool,
    /// Whether what is wanted ends before the journal begins.
    ends_before: bool,
}

struct Place {
    segment: Segment,
    at: u64,
    is_first_frame: bool,
    behind: Vec<PathBuf>,
}

/// The frame that holds the end.
pub(super) struct Rest {
    segment: Segment,
    header: FrameHeader,
    frame: Vec<u8>,
    to: RestoreTo,
}

impl RestoreTo {
    /// Whether a transaction is wanted.
    fn wants(self, txn: u64, commit_time_ms: u64) -> bool {
        match self {
            Self::Newest => true,
            Self::Txn(TxnId(last)) => txn <= last,
            Self::Time(last_ms) => commit_time_ms <= last_ms,
        }
    }

    /// Whether all of a frame's transactions are.
    fn wants_all(self, header: &FrameHeader) -> bool {
        header.transactions == 0 || self.wants(header.next_txn() - 1, header.commit_time_ms)
    }
}

impl Cut {
    /// Looks for the place in the journal of `dir`. A torn tail is cut.
    pub(super) fn find(dir: &Path, to: RestoreTo, random: fn() -> [u8; 16]) -> Result<Self, AppError> {
        let opened = Journal::open(dir, 0, Known::default(), true, random)?;
        let Some(opened) = opened else {
            let newest = Position::first();
            return Ok(Self { newest, to, at: None, is_trimmed: false, ends_before: false });
        };
        let segments = opened.journal.segments();
        let start = opened.journal.start();
        let last = segments.last().ok_or_else(|| nothing(dir))?;
        let end = last.walk_to_end()?;
        let newest = Position {
            next_frame: end.next_frame,
            next_txn: end.next_txn,
            next_offset: end.next_offset,
            commit_time_ms: end.commit_time_ms,
            stamp_last: 0,
        };
        let ends_before = start.first_frame > 0 && !to.wants(start.first_txn - 1, start.commit_time_ms);
        let mut found = None;
        'segments: for (n, segment) in segments.iter().enumerate() {
            for frame in segment.frame_headers() {
                let (at, header) = frame?;
                if !to.wants_all(&header) {
                    let behind = segments[n + 1..].iter().map(|segment| segment.path.clone()).collect();
                    let is_first_frame = at == segment.header.len_bytes();
                    found = Some(Place {
                        segment: Segment::open(&segment.path, true)?,
                        at,
                        is_first_frame: is_first_frame && n > 0,
                        behind,
                    });
                    break 'segments;
                }
            }
        }
        Ok(Self { newest, to, at: found, is_trimmed: start.first_frame > 0, ends_before })
    }

    /// Whether the documents as they were there cannot be made.
    pub(super) fn is_impossible(&self) -> bool {
        self.ends_before || (self.is_trimmed && self.at.is_some())
    }

    /// Cuts the journal before that frame, and takes the documents out: the next opening makes those
    /// of the frames that are left. Gives the frame.
    pub(super) fn make(self, app_dir: &Path) -> Result<Option<Rest>, AppError> {
        let Some(Place { segment, at, is_first_frame, behind }) = self.at else { return Ok(None) };
        let io = |act, path: &Path| {
            let path = path.to_owned();
            move |source| RestoreError::Io { act, path, source }
        };
        let documents = app_dir.join("documents");
        files::remove_tree(&documents).map_err(io("cannot remove", &documents))?;
        let frame = segment.frame_at(at)?;
        for path in behind.iter().rev() {
            files::remove_durably(path).map_err(io("cannot remove", path))?;
        }
        if is_first_frame {
            files::remove_durably(&segment.path).map_err(io("cannot remove", &segment.path))?;
        } else {
            let cut = || {
                let file = DataFile::open(&segment.path, true)?;
                file.set_len(at)?;
                file.sync_all()
            };
            cut().map_err(io("cannot cut", &segment.path))?;
        }
        Ok(frame.map(|(header, frame)| Rest { segment, header, frame, to: self.to }))
    }
}

fn nothing(dir: &Path) -> AppError {
    let error = crate::open_error::OpenError::JournalMissing { path: dir.to_owned(), applied_frames: 0 };
    AppError::Open(error)
}

impl Rest {
    /// Writes what is wanted of the frame behind what the app has.
    pub(super) fn put_back(&self, app: &App) -> Result<(), ReplayError> {
        let Self { segment, header, frame, to } = self;
        let shared = &app.shared;
        let position = shared.engine.position()?.unwrap_or(Position::first());
        let frame = FrameToReplay { segment, at: 0, header, frame };
        let wants = |txn, commit_time_ms| to.wants(txn, commit_time_ms);
        let Some((head, header, writes)) = frame.front(&shared.engine, &shared.name, &position, &wants)? else {
            return Ok(());
        };
        let place = shared.journal.place(head.len_bytes(writes.result.batches.len()), &position)?;
        let (head, header) = head.finish(header, &writes.result.batches, place.salt());
        shared.journal.append(&place, &head, &writes.result.batches)?;
        place.publish(&header);
        Ok(shared.engine.write_group(&writes, &mut RequestsKept::default())?)
    }
}
