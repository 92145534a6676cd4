//! Replay: frames of the journal applied again, at opening for what the documents lack and in `verify` for everything.
//!
//! The very code that commits does it, so equal frames give equal documents; the events that come out are compared with those
//! in the frame.

use document::{Changeset, SiteId};

use crate::{
    AppName, Counts, Remembered, TxnId,
    apply::{Applied, ApplyContext, ApplyError, Group, GroupResult},
    committer::write_group,
    consumer_offsets::OffsetsChange,
    engine::{Engine, EngineError, requests::RequestsKept},
    journal::{
        Journal,
        frame::{EntryKind, FrameError, FrameHeader, entries},
        segment::{Segment, SegmentError},
    },
    position::Position,
    request::{RequestEntry, RequestKey},
};

/// How far a replay came.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) position: Position,
    pub(crate) frames: u64,
}

/// Why a replay stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error(transparent)]
    Segment(#[from] SegmentError),
    #[error(transparent)]
    Engine(#[from] crate::engine::EngineError),
}

/// Applies every frame behind `applied` to the engine.
pub(crate) fn replay(
    journal: &Journal,
    engine: &Engine,
    app: &AppName,
    site: SiteId,
    applied: Option<Position>,
) -> Result<Replayed, ReplayError> {
    let mut position = applied.unwrap_or(Position { next_txn: 1, ..Position::default() });
    let mut frames = 0;
    let mut requests_kept = engine.requests_kept()?;
    journal.for_each_frame(position.next_frame, |segment, at, header, frame| {
        let replayed = replay_frame(segment, at, header, frame, engine, app, site, &position)?;
        position = replayed.result.position;
        frames += 1;
        Ok::<_, ReplayError>(write_replayed(engine, &replayed, &mut requests_kept)?)
    })?;
    Ok(Replayed { position, frames })
}

/// One frame applied again.
pub(crate) struct ReplayedFrame {
    pub(crate) result: GroupResult,
    pub(crate) offsets: Vec<OffsetsChange>,
    pub(crate) requests: Vec<(RequestKey, Remembered)>,
}

/// Puts what a frame came to into the engine.
pub(crate) fn write_replayed(
    engine: &Engine,
    replayed: &ReplayedFrame,
    requests_kept: &mut RequestsKept,
) -> Result<(), EngineError> {
    write_group(engine, &replayed.result, replayed.offsets.iter(), &replayed.requests, requests_kept)
}

/// Applies a frame behind `position`; an error if it does not follow on it or its events come out differently.
#[expect(clippy::too_many_arguments, reason = "the frame's place is named in every error")]
pub(crate) fn replay_frame(
    segment: &Segment,
    at: u64,
    header: &FrameHeader,
    frame: &[u8],
    engine: &Engine,
    app: &AppName,
    site: SiteId,
    position: &Position,
) -> Result<ReplayedFrame, ReplayError> {
    let damaged = |message: String| ReplayError::from(segment.damaged(at, FrameError(message)));
    let found = (header.frame_number, header.first_txn, header.first_offset);
    let expected = (position.next_frame, position.next_txn, position.next_offset);
    if found != expected {
        return Err(damaged(format!(
            "frame, txnId and offset are {found:?}, after the frame before they must be {expected:?}"
        )));
    }
    let (event_bytes_max, commit_time_ms) = (header.event_bytes_max, header.commit_time_ms);
    let context = ApplyContext { app, site, event_bytes_max, commit_time_ms, was_taken: true };
    let mut group =
        Group::new(engine, context, Position { stamp_last: header.stamp_before, ..*position }, header.batches_bytes);
    let (mut offsets, mut requests) = (Vec::new(), Vec::new());
    // What the last changeset came to: its request may follow.
    let mut last = None;
    for entry in entries(&frame[header.changes()]) {
        let (kind, bytes) = entry.map_err(|e| damaged(e.0))?;
        match kind {
            EntryKind::Changeset => {
                let changeset = Changeset::decode(bytes).map_err(|e| damaged(e.to_string()))?;
                match group.apply(&changeset) {
                    Ok(Applied { txn: Some(txn), outcomes }) => {
                        last = Some((TxnId(txn), Counts::of(&changeset, &outcomes)));
                    }
                    Ok(_) => {
                        return Err(damaged("a changeset that was committed touches nothing when replayed".into()));
                    }
                    Err(ApplyError::Refused(e)) => {
                        return Err(damaged(format!("a committed changeset is refused: {e}")));
                    }
                    Err(ApplyError::Engine(e)) => return Err(e.into()),
                }
            }
            EntryKind::ConsumerOffsets => {
                let change = OffsetsChange::decode(bytes);
                offsets.push(change.ok_or_else(|| damaged("committed offsets cannot be read".into()))?);
            }
            EntryKind::Request => {
                let entry = RequestEntry::decode(bytes);
                let (Some(entry), Some((txn, counts))) = (entry, last.take()) else {
                    return Err(damaged("the name of a request cannot be read, or follows on no changeset".into()));
                };
                requests.push((entry.request.key(), entry.remembered(txn, header.commit_time_ms, counts)));
            }
        }
    }
    let mut result = group.into_result();
    if result.batches != frame[header.batches()] {
        return Err(damaged("the frame's events are not those that its changesets make".into()));
    }
    result.position.next_frame = header.frame_number + 1;
    result.position.commit_time_ms = header.commit_time_ms;
    Ok(ReplayedFrame { result, offsets, requests })
}
