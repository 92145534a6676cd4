//! The sequencer: one thread an app that applies changes in their order, in groups.
//!
//! A group is everything that comes while the committer is busy with the one before; it becomes one
//! frame. So a lone write is handed on at once, and under load one sync serves many.
//!
//! Invariants: a group that is refused for want of disk space leaves no trace; what is handed on is
//! committed in order or, after a failure, not at all.
//! Not here: what is in a group (`open_group`), writing and answering (`committer`).

use std::{
    sync::{Arc, PoisonError, atomic::Ordering::Acquire},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rules::{Context, Group, LargeDocument, RulesVersion};
use tokio::sync::mpsc;

use super::{
    command::{Command, RequestToKeep},
    committer::{Committer, CommitterHandle, FrameToCommit, GroupToCommit},
    open_group::{EarlierNotes, OpenGroup},
    order::Order,
    recent::RecentDocuments,
};
use crate::{
    commit::CommitError,
    disk,
    engine::{EngineError, GroupWrites, requests::RequestsKept},
    journal::{
        frame::{FrameBuilder, FrameHeader},
        segment::SegmentError,
    },
    limits::NUMBER_MAX,
    position::Position,
    shared::Shared,
};

/// The thread's state.
pub(crate) struct Sequencer {
    shared: Arc<Shared>,
    order: Box<dyn Order>,
    /// What came when the group before was closed already.
    next: Option<Command>,
    /// Behind the last group that was handed on.
    position: Position,
    recent: RecentDocuments,
    noted: EarlierNotes,
    /// The transaction of the last tombstone that was dropped by a group that was handed on.
    tombstone_floor: u64,
    committer: CommitterHandle,
    /// A new segment could not be made: what must be free before it is tried again.
    room_wanted_bytes: u64,
    last_sizes: LastSizes,
    /// When the disk's free space was last looked at.
    disk_seen_at: Option<Instant>,
}

/// What the last group needed: the next is likely to need the same, and growing buffers step by
/// step copies them.
#[derive(Default)]
struct LastSizes {
    changes_bytes: usize,
    batches_bytes: usize,
}

/// More than one group can use up.
const NUMBERS_IN_RESERVE: u64 = 1 << 32;

/// How long the free space of the disk is believed. What is written meanwhile is far less than the
/// reserve.
const DISK_SEEN_FOR: Duration = Duration::from_millis(20);

impl Sequencer {
    /// Starts the sequencer and its committer; ends with [`Command::Stop`].
    pub(crate) fn spawn(
        shared: Arc<Shared>,
        queue: mpsc::Sender<Command>,
        order: Box<dyn Order>,
        position: Position,
        requests_kept: RequestsKept,
    ) -> std::io::Result<JoinHandle<()>> {
        let name = |what: &str| format!("{what}-{}", shared.name.as_str());
        let (sequencer_name, committer_name) = (name("sequencer"), name("committer"));
        let committer = Committer::spawn(shared.clone(), queue, position, requests_kept, committer_name)?;
        let sequencer = Self {
            shared,
            order,
            next: None,
            position,
            recent: RecentDocuments::new(),
            noted: EarlierNotes::new(),
            tombstone_floor: 0,
            committer,
            room_wanted_bytes: 0,
            last_sizes: LastSizes::default(),
            disk_seen_at: None,
        };
        std::thread::Builder::new().name(sequencer_name).spawn(move || sequencer.run())
    }

    fn run(mut self) {
        loop {
            let next = self.next.take();
            let stop = match next.unwrap_or_else(|| self.order.next()) {
                Command::CommitterIdle => false,
                Command::Stop => true,
                first => self.run_group(first),
            };
            if stop {
                break;
            }
        }
        // Whoever came too late is told that nothing happened.
        self.order.close();
        if let Some(late) = self.next.take().or_else(|| self.order.next_now()) {
            self.refuse_waiting(late, &CommitError::Stopping);
        }
        self.committer.finish();
    }

    /// Applies one group that begins with `first` and hands it on; `true` when it was told to stop.
    fn run_group(&mut self, first: Command) -> bool {
        if let Err(error) = self.check_obstacles() {
            return self.refuse_waiting(first, &error);
        }
        let shared = self.shared.clone();
        let recent = std::mem::replace(&mut self.recent, RecentDocuments::new());
        let documents = recent.over(&shared.engine);
        let earlier = self.earlier_notes();
        let tombstone_floor = self.tombstone_floor.max(shared.engine.tombstone_floor().1.0);
        let context = Context {
            app: shared.name.as_str(),
            site: shared.site,
            event_bytes_max: shared.options.event_bytes_max,
            leader_epoch: shared.journal.incarnation().leader_epoch,
            version: RulesVersion::NEWEST,
        };
        let time = self.order.time();
        let commit_time_ms = time.good_ms.max(self.position.commit_time_ms);
        let mut group = Group::new(&documents, context, self.position.place(), self.last_sizes.batches_bytes);
        if shared.deltas.are_wanted() {
            group.keep_deltas();
        }
        let frame = FrameBuilder::with_capacity(self.last_sizes.changes_bytes);
        let mut open =
            OpenGroup::new(group, frame, commit_time_ms, time.obstacle(), &earlier, tombstone_floor, &shared);
        let outcome = self.fill(&mut open, first, |open, command| match command {
            Command::Commit(command, answer) => open.commit(*command, answer),
            Command::Push(pushes, queued_at, answer) => open.push(pushes, queued_at, answer),
            Command::ChangeOffsets(change, answer) => {
                open.change_offsets(change, answer);
                Ok(())
            }
            Command::Define(entries, answer) => {
                open.define(entries, answer);
                Ok(())
            }
            Command::DropTombstones(dropped, answer) => open.drop_tombstones(dropped, &documents, answer),
            Command::CommitterIdle | Command::Stop => unreachable!("not a change"),
        });
        let OpenGroup { group, frame, waiting, beside, noted, tombstone_floor, .. } = open;
        let result = group.into_result();
        self.recent = recent;
        self.noted = earlier;
        match outcome {
            Ok(stop) => {
                if frame.is_empty() {
                    self.committer.commit(GroupToCommit { frame: None, waiting });
                    return stop;
                }
                let position = Position::after(self.position.next_frame, commit_time_ms, result.place);
                let writes = GroupWrites { result, position, beside };
                match self.place(frame, writes) {
                    Ok(frame) => {
                        self.tombstone_floor = tombstone_floor;
                        if !noted.is_empty() {
                            self.noted.push_back((frame.header.frame_number, Arc::new(noted)));
                        }
                        self.committer.commit(GroupToCommit { frame: Some(frame), waiting });
                    }
                    Err(error) => waiting.refuse(&error),
                }
                stop
            }
            Err(error) => {
                waiting.refuse(&error);
                false
            }
        }
    }

    /// Applies what comes until the committer can take the group, or it is full. `Ok(true)`: told
    /// to stop.
    fn fill<'g>(
        &mut self,
        open: &mut OpenGroup<'g>,
        first: Command,
        apply: impl Fn(&mut OpenGroup<'g>, Command) -> Result<(), EngineError>,
    ) -> Result<bool, CommitError> {
        let mut next = first;
        loop {
            match next {
                Command::Stop => return Ok(true),
                Command::CommitterIdle => {}
                alone @ Command::DropTombstones(..) if !open.is_empty() => {
                    self.next = Some(alone);
                    return Ok(false);
                }
                command => apply(open, command).map_err(|error| self.shared.halt(error.0))?,
            }
            if open.is_full() {
                return Ok(false);
            }
            next = match self.order.next_now() {
                Some(command) => command,
                None if !self.committer.is_busy() => return Ok(false),
                None => self.order.next(),
            };
        }
    }

    /// What earlier groups noted and the documents may not show yet.
    fn earlier_notes(&mut self) -> EarlierNotes {
        let committed_frames = self.shared.committed_frames.load(Acquire);
        let mut earlier = std::mem::take(&mut self.noted);
        while earlier.pop_front_if(|(frame, _)| *frame < committed_frames).is_some() {}
        earlier
    }

    /// Gives the group its place in the journal, and takes over what it came to. If it gets none
    /// nothing has changed.
    fn place(&mut self, frame: FrameBuilder, writes: GroupWrites) -> Result<FrameToCommit, CommitError> {
        let GroupWrites { result, position, beside } = &writes;
        for LargeDocument { collection, id, bytes } in &result.large {
            tracing::warn!(
                app = self.shared.name.as_str(),
                collection,
                id,
                bytes,
                "a large document: every change carries it twice"
            );
        }
        let header = FrameHeader {
            len_bytes: 0,
            crc: 0,
            frame_number: self.position.next_frame,
            first_txn: self.position.next_txn,
            first_offset: self.position.next_offset,
            commit_time_ms: position.commit_time_ms,
            stamp_before: self.position.stamp_last,
            transactions: result.transactions,
            events: result.events,
            event_bytes_max: self.shared.options.event_bytes_max,
            changes_bytes: 0,
            batches_bytes: 0,
            rules_version: RulesVersion::NEWEST.number(),
        };
        let place = self.shared.journal.place(frame.len_bytes(result.batches.len()), &self.position);
        let place = place.map_err(|error| self.no_segment(&error))?;
        let (head, header) = frame.finish(header, &result.batches, place.salt());
        self.last_sizes = LastSizes { changes_bytes: header.changes_bytes, batches_bytes: header.batches_bytes };
        self.room_wanted_bytes = 0;
        self.position = *position;
        let committed_frames = self.shared.committed_frames.load(Acquire);
        let dropped = beside.tombstones.as_ref().map_or(&[][..], |dropped| &dropped.tombstones);
        self.recent.extend(header.frame_number, &result.changed, dropped, committed_frames);
        Ok(FrameToCommit { head, header, place, writes })
    }

    fn check_obstacles(&mut self) -> Result<(), CommitError> {
        if let Some(halted) = self.shared.halted() {
            return Err(halted);
        }
        if self.position.next_txn.max(self.position.next_offset) > NUMBER_MAX - NUMBERS_IN_RESERVE {
            return Err(self.shared.halt("all transaction numbers or offsets are given out".into()));
        }
        if self.disk_seen_at.is_some_and(|at| at.elapsed() < DISK_SEEN_FOR) {
            return Ok(());
        }
        let Ok((free_bytes, total)) = disk::space(&self.shared.dir) else { return Ok(()) };
        let reserve_bytes = disk::reserve_bytes(self.shared.options.disk_reserve_bytes, total);
        let needed_bytes = reserve_bytes.max(self.room_wanted_bytes);
        let full = (free_bytes < needed_bytes).then_some(CommitError::DiskFull { free_bytes, needed_bytes });
        self.shared.set_obstacle(full.clone());
        self.disk_seen_at = full.is_none().then(Instant::now);
        full.map_or(Ok(()), Err)
    }

    /// Nothing was written: why, and what must be before it is tried again.
    fn no_segment(&mut self, error: &SegmentError) -> CommitError {
        self.disk_seen_at = None;
        let is_full = matches!(error, SegmentError::Io { source, .. } if is_full(source));
        let obstacle = if is_full {
            self.room_wanted_bytes = self.shared.options.segment_bytes;
            let (free_bytes, _) = disk::space(&self.shared.dir).unwrap_or_default();
            CommitError::DiskFull { free_bytes, needed_bytes: self.shared.options.segment_bytes }
        } else {
            CommitError::NoSegment { reason: error.to_string() }
        };
        tracing::warn!(app = self.shared.name.as_str(), %error, "no new journal segment can be made");
        self.shared.set_obstacle(Some(obstacle.clone()));
        obstacle
    }

    /// What the sender of a refused write is told: one that was sent before may be there though
    /// this one is refused.
    fn refusal(&self, request: Option<&RequestToKeep>, error: &CommitError) -> CommitError {
        let key = request.filter(|keep| keep.request.given).map(|keep| keep.request.key());
        let Some(key) = key else { return error.clone() };
        let may_be_there = self.noted.iter().any(|(_, noted)| noted.requests.contains_key(&key))
            || self.shared.unknown_requests.lock().unwrap_or_else(PoisonError::into_inner).contains(&key);
        if may_be_there { CommitError::Unknown { reason: error.to_string() } } else { error.clone() }
    }

    /// Answers `first` and everything that waits with `error`; `true` when it was told to stop.
    fn refuse_waiting(&mut self, first: Command, error: &CommitError) -> bool {
        let (mut next, mut stop) = (Some(first), false);
        while let Some(command) = next.take() {
            match command {
                Command::Commit(command, answer) => {
                    drop(answer.send(Err(self.refusal(command.request.as_ref(), error))));
                }
                Command::ChangeOffsets(_, answer) | Command::Define(_, answer) => {
                    drop(answer.send(Err(error.clone())));
                }
                Command::Push(_, _, answer) => drop(answer.send(Err(error.clone()))),
                Command::DropTombstones(_, answer) => drop(answer.send(Err(error.clone()))),
                Command::CommitterIdle => {}
                Command::Stop => stop = true,
            }
            next = self.order.next_now();
        }
        stop
    }
}

/// Whether an operation failed for want of room.
fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}
