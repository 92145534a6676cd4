//! Replay: frames of the journal applied again, at opening for what the documents lack and in
//! `verify` for everything.
//!
//! The very code that commits does it, so equal frames give equal documents; the events that come
//! out are compared with those in the frame.

use document::{Changeset, Origin, SiteId};
use rules::{Applied, ApplyError, Context, Group, RulesVersion};

use crate::{
    app_name::AppName,
    consumer_offsets::OffsetsChange,
    definition::DefinitionEntry,
    engine::{BesideDocuments, Engine, EngineError, GroupWrites},
    incarnation::Seam,
    journal::{
        Journal,
        frame::{EntryKind, FrameBuilder, FrameError, FrameHeader, entries},
        segment::{Segment, SegmentError},
    },
    position::{Position, TxnId},
    request::{Counts, RequestEntry},
    site::Site,
    tombstones::DroppedTombstones,
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
    Engine(#[from] EngineError),
}

/// Applies every frame behind `applied` to the engine.
pub(crate) fn replay(
    journal: &Journal,
    engine: &Engine,
    app: &AppName,
    applied: Option<Position>,
) -> Result<Replayed, ReplayError> {
    let mut position = applied.unwrap_or(Position::first());
    let mut frames = 0;
    let mut requests_kept = engine.requests_kept()?;
    journal.for_each_frame(position.next_frame, |segment, at, header, frame| {
        let writes = FrameToReplay { segment, at, header, frame }.replay(engine, app, &position)?;
        position = writes.position;
        frames += 1;
        Ok::<_, ReplayError>(engine.write_group(&writes, &mut requests_kept)?)
    })?;
    Ok(Replayed { position, frames })
}

/// One frame, and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct FrameToReplay<'f> {
    pub(crate) segment: &'f Segment,
    pub(crate) at: u64,
    pub(crate) header: &'f FrameHeader,
    pub(crate) frame: &'f [u8],
}

impl FrameToReplay<'_> {
    /// Applies the frame behind `position`; an error if it does not follow on it or its events come
    /// out differently.
    pub(crate) fn replay(
        self,
        engine: &Engine,
        app: &AppName,
        position: &Position,
    ) -> Result<GroupWrites, ReplayError> {
        let Self { header, frame, .. } = self;
        let position = self.follow(position)?;
        let writes = self.apply(engine, app, &position, &frame[header.changes()])?;
        if writes.result.batches != frame[header.batches()] {
            return Err(self.damaged("the frame's events are not those that its changesets make".into()));
        }
        Ok(writes)
    }

    /// What `changes` come to as the entries of the frame, which follows on `position`.
    fn apply(
        self,
        engine: &Engine,
        app: &AppName,
        position: &Position,
        changes: &[u8],
    ) -> Result<GroupWrites, ReplayError> {
        let Self { segment, header, .. } = self;
        let version = RulesVersion::from_number(header.rules_version)
            .ok_or_else(|| self.damaged(format!("it was made by rules of version {}", header.rules_version)))?;
        let context = Context {
            app: app.as_str(),
            site: SiteId(segment.header.site),
            event_bytes_max: header.event_bytes_max,
            leader_epoch: segment.header.incarnation.leader_epoch,
            version,
        };
        let place = rules::Place { stamp_last: header.stamp_before, ..position.place() };
        let group = Group::new(engine, context, place, header.batches_bytes);
        let mut entries_of = Entries { of: self, engine, group, beside: BesideDocuments::default(), last: None };
        for entry in entries(changes) {
            let (kind, bytes) = entry.map_err(|e| self.damaged(e.0))?;
            entries_of.take(kind, bytes)?;
        }
        let Entries { group, beside, .. } = entries_of;
        let result = group.into_result();
        let position = Position::after(header.frame_number, header.commit_time_ms, result.place);
        Ok(GroupWrites { result, position, beside })
    }

    /// Applies the entries of the frame up to the first transaction that is not wanted, which is
    /// asked by its number and commit time. Gives a frame of its own with what that comes to; `None` if
    /// no transaction is wanted.
    pub(crate) fn front(
        self,
        engine: &Engine,
        app: &AppName,
        position: &Position,
        wants: &dyn Fn(u64, u64) -> bool,
    ) -> Result<Option<(FrameBuilder, FrameHeader, GroupWrites)>, ReplayError> {
        let (frame_time_ms, position) = (self.header.commit_time_ms, self.follow(position)?);
        let (mut kept, mut next_txn, mut commit_time_ms) = (Vec::new(), position.next_txn, None);
        for entry in entries(&self.frame[self.header.changes()]) {
            let (kind, bytes) = entry.map_err(|e| self.damaged(e.0))?;
            let mut time_ms = None;
            if let EntryKind::Changeset | EntryKind::Decided = kind {
                let earlier_ms = match kind {
                    EntryKind::Decided => split_varint(bytes).map_or(0, |(earlier_ms, _)| earlier_ms),
                    _ => 0,
                };
                let at_ms = frame_time_ms.saturating_sub(earlier_ms);
                if !wants(next_txn, at_ms) {
                    break;
                }
                next_txn += 1;
                time_ms = Some(at_ms);
                commit_time_ms = time_ms;
            }
            kept.push((kind, bytes, time_ms));
        }
        let Some(commit_time_ms) = commit_time_ms else { return Ok(None) };
        let header = FrameHeader { commit_time_ms, ..*self.header };
        let mut frame = FrameBuilder::with_capacity(self.frame.len());
        for (kind, bytes, time_ms) in kept {
            frame.push_entry(kind, |out| match (kind, time_ms, split_varint(bytes)) {
                (EntryKind::Decided, Some(time_ms), Some((_, decided))) => {
                    put_varint(out, commit_time_ms - time_ms);
                    out.extend_from_slice(decided);
                }
                _ => out.extend_from_slice(bytes),
            });
        }
        let writes = FrameToReplay { header: &header, ..self }.apply(engine, app, &position, frame.entries())?;
        let (transactions, events) = (writes.result.transactions, writes.result.events);
        Ok(Some((frame, FrameHeader { transactions, events, ..header }, writes)))
    }

    /// The position that the frame follows on: the one behind the frame before, or behind what
    /// another incarnation skips.
    pub(crate) fn follow(self, position: &Position) -> Result<Position, ReplayError> {
        let Self { segment, header, .. } = self;
        let mut position = *position;
        let start = segment.header.start();
        let begins_segment = header.frame_number == start.next_frame;
        if begins_segment && start.next_txn >= position.next_txn && start.next_offset >= position.next_offset {
            // Whether it may skip any was looked at when the journal was opened.
            (position.next_txn, position.next_offset) = (start.next_txn, start.next_offset);
        }
        let found = (header.frame_number, header.first_txn, header.first_offset);
        let expected = (position.next_frame, position.next_txn, position.next_offset);
        if found != expected {
            return Err(self.damaged(format!(
                "frame, txnId and offset are {found:?}, after the frame before they must be {expected:?}"
            )));
        }
        Ok(position)
    }

    fn damaged(self, message: String) -> ReplayError {
        self.segment.damaged(self.at, FrameError(message)).into()
    }
}

/// The entries of one frame, as they are applied.
struct Entries<'f, 'g> {
    of: FrameToReplay<'f>,
    engine: &'g Engine,
    group: Group<'g, Engine>,
    beside: BesideDocuments,
    /// What the last changeset came to: its request may follow.
    last: Option<LastChangeset>,
}

#[derive(Clone, Copy)]
struct LastChangeset {
    txn_id: TxnId,
    commit_time_ms: u64,
    counts: Counts,
}

impl Entries<'_, '_> {
    fn take(&mut self, kind: EntryKind, bytes: &[u8]) -> Result<(), ReplayError> {
        let unreadable = |what: &str| self.of.damaged(format!("{what} cannot be read"));
        let commit_time_ms = self.of.header.commit_time_ms;
        match kind {
            EntryKind::Changeset => self.take_changeset(bytes, commit_time_ms)?,
            EntryKind::Decided => {
                let (earlier_ms, bytes) = split_varint(bytes).ok_or_else(|| unreadable("a changeset's commit time"))?;
                self.take_changeset(bytes, commit_time_ms.saturating_sub(earlier_ms))?;
            }
            EntryKind::ConsumerOffsets => {
                let change = OffsetsChange::decode(bytes).ok_or_else(|| unreadable("a change of committed offsets"))?;
                self.beside.offsets.push(change);
            }
            EntryKind::Request => {
                let entry = RequestEntry::decode(bytes).ok_or_else(|| unreadable("the name of a request"))?;
                let Some(last) = self.last.take() else {
                    return Err(self.of.damaged("the name of a request follows on no changeset".into()));
                };
                let mut remembered = entry.remembered(last.txn_id, last.commit_time_ms);
                remembered.counts = entry.counts.unwrap_or(last.counts);
                self.beside.requests.push((entry.request.key(), remembered));
            }
            EntryKind::Definition => {
                let entry = DefinitionEntry::decode(bytes).ok_or_else(|| unreadable("a definition"))?;
                let change = entry.at(TxnId(self.group.next_txn() - 1), commit_time_ms);
                self.beside.definitions.push(change);
            }
            EntryKind::DroppedTombstones => {
                let dropped = DroppedTombstones::decode(bytes).ok_or_else(|| unreadable("a list of tombstones"))?;
                self.beside.tombstones = Some(dropped);
            }
            EntryKind::Restored => {
                self.beside.seams.push(Seam::decode(bytes).ok_or_else(|| unreadable("where a restore goes on"))?);
            }
        }
        Ok(())
    }

    fn take_changeset(&mut self, bytes: &[u8], commit_time_ms: u64) -> Result<(), ReplayError> {
        let damaged = |message: String| self.of.damaged(message);
        let changeset = Changeset::decode(bytes).map_err(|e| damaged(e.to_string()))?;
        match self.group.replay(&changeset, commit_time_ms) {
            Ok(Applied { txn: Some(txn), outcomes, .. }) => {
                let counts = Counts::of(&changeset, &outcomes);
                self.last = Some(LastChangeset { txn_id: TxnId(txn), commit_time_ms, counts });
                self.note_push(&changeset.origin, TxnId(txn))
            }
            Ok(_) => Err(damaged("a changeset that was committed touches nothing when replayed".into())),
            Err(ApplyError::Refused(e)) => Err(damaged(format!("a committed changeset is refused: {e}"))),
            Err(ApplyError::Documents(e)) => Err(e.into()),
        }
    }

    fn note_push(&mut self, origin: &Origin, txn_id: TxnId) -> Result<(), ReplayError> {
        let (Some(site), Some(pushed)) = (origin.site, &origin.pushed) else { return Ok(()) };
        let known = match self.beside.sites.remove(&site) {
            Some(known) => Some(known),
            None => self.engine.site(site)?,
        };
        self.beside.sites.insert(site, Site::after(known, pushed, txn_id));
        Ok(())
    }
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// An unsigned LEB128 number at the front, and what stands behind it.
fn split_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (n, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f).checked_shl(7 * n as u32)?;
        if byte & 0x80 == 0 {
            return Some((number, &bytes[n + 1..]));
        }
    }
    None
}
