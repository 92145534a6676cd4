//! The sequencer: one thread an app that gives changesets their order and applies them in groups.
//!
//! A group is everything that comes while the committer is busy with the one before; it becomes one frame. So a lone write is
//! handed on at once, and under load one sync serves many.
//!
//! Invariants: a group that is refused for want of disk space leaves no trace; what is handed on is committed in order or, after a failure, not
//! at all.
//! Not here: what a changeset does (`apply`), writing and answering (`committer`).

use std::{
    sync::{Arc, atomic::Ordering::Acquire},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use document::Changeset;
use tokio::sync::{mpsc, oneshot};

use crate::{
    CommitError, Committed, WallClock,
    app::Shared,
    apply::{ApplyContext, ApplyError, Group, LargeDocument},
    committer::{Committer, CommitterHandle, GroupToCommit, Waiting},
    consumer_offsets::OffsetsChange,
    disk,
    journal::{
        Position,
        frame::{EntryKind, FrameBuilder, FrameHeader},
    },
    limits::{GROUP_BYTES_MAX, GROUP_CHANGESETS_MAX, GROUP_STEPS_MAX},
    recent::{RecentDocuments, RecentOverEngine},
};

pub(crate) type Reply<T> = oneshot::Sender<Result<T, CommitError>>;

/// What the sequencer is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Commit {
        changeset: Changeset,
        queued_at: Instant,
        reply: Reply<Committed>,
    },
    ChangeOffsets {
        change: OffsetsChange,
        reply: Reply<()>,
    },
    /// The committer has nothing to do.
    CommitterIdle,
    Stop,
}

/// The thread's state.
pub(crate) struct Sequencer {
    shared: Arc<Shared>,
    commands: mpsc::Receiver<Command>,
    clock: Arc<dyn WallClock>,
    /// Behind the last group that was handed on.
    position: Position,
    recent: RecentDocuments,
    committer: CommitterHandle,
    /// A new segment could not be made: what must be free before it is tried again.
    room_wanted_bytes: u64,
    last_sizes: LastSizes,
    /// When the disk's free space was last looked at.
    disk_seen_at: Option<Instant>,
}

/// What the last group needed: the next is likely to need the same, and growing buffers step by step copies them.
#[derive(Default)]
struct LastSizes {
    changes_bytes: usize,
    batches_bytes: usize,
}

/// How long the free space of the disk is believed. What is written meanwhile is far less than the reserve.
const DISK_SEEN_FOR: Duration = Duration::from_millis(20);

/// A group that still takes changesets.
struct OpenGroup<'a> {
    group: Group<'a, RecentOverEngine<'a>>,
    frame: FrameBuilder,
    waiting: Waiting,
    commands: usize,
}

impl Sequencer {
    /// Starts the sequencer and its committer; ends with [`Command::Stop`].
    pub(crate) fn spawn(
        shared: Arc<Shared>,
        queue: mpsc::Sender<Command>,
        commands: mpsc::Receiver<Command>,
        clock: Arc<dyn WallClock>,
        position: Position,
    ) -> std::io::Result<JoinHandle<()>> {
        let name = |what: &str| format!("{what}-{}", shared.name.as_str());
        let (sequencer_name, committer_name) = (name("sequencer"), name("committer"));
        let committer = Committer::spawn(shared.clone(), queue, position, committer_name)?;
        let sequencer = Self {
            shared,
            commands,
            clock,
            position,
            recent: RecentDocuments::new(),
            committer,
            room_wanted_bytes: 0,
            last_sizes: LastSizes::default(),
            disk_seen_at: None,
        };
        std::thread::Builder::new().name(sequencer_name).spawn(move || sequencer.run())
    }

    fn run(mut self) {
        while let Some(first) = self.commands.blocking_recv() {
            let stop = match first {
                Command::CommitterIdle => false,
                Command::Stop => true,
                first => self.run_group(first),
            };
            if stop {
                break;
            }
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
        let reader = recent.over(&shared.engine);
        let context = ApplyContext {
            app: &shared.name,
            site: shared.site,
            event_bytes_max: shared.options.event_bytes_max,
            commit_time_ms: self.clock.now_ms().max(self.position.commit_time_ms),
        };
        let mut open = OpenGroup {
            group: Group::new(&reader, context.clone(), self.position, self.last_sizes.batches_bytes),
            frame: FrameBuilder::with_capacity(self.last_sizes.changes_bytes),
            waiting: Waiting::default(),
            commands: 0,
        };
        let outcome = self.fill(&mut open, first);
        let OpenGroup { group, frame, waiting, .. } = open;
        let result = group.into_result();
        self.recent = recent;
        match outcome {
            Ok(stop) => {
                self.hand_on(frame, result, &context, waiting);
                stop
            }
            Err(error) => {
                waiting.refuse(&error);
                false
            }
        }
    }

    /// Applies what comes until the committer can take the group, or it is full. `Ok(true)`: told to stop.
    fn fill(&mut self, open: &mut OpenGroup<'_>, first: Command) -> Result<bool, CommitError> {
        let mut next = first;
        loop {
            match next {
                Command::Stop => return Ok(true),
                Command::CommitterIdle => {}
                command => open.apply(command).map_err(|error| self.shared.halt(error.0))?,
            }
            if open.is_full() {
                return Ok(false);
            }
            next = match self.commands.try_recv() {
                Ok(command) => command,
                Err(_) if !self.committer.is_busy() => return Ok(false),
                Err(_) => match self.commands.blocking_recv() {
                    Some(command) => command,
                    None => return Ok(true),
                },
            };
        }
    }

    fn hand_on(
        &mut self,
        frame: FrameBuilder,
        mut result: crate::apply::GroupResult,
        context: &ApplyContext<'_>,
        waiting: Waiting,
    ) {
        if frame.is_empty() {
            self.committer.commit(GroupToCommit { frame: None, waiting });
            return;
        }
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
            commit_time_ms: context.commit_time_ms,
            stamp_before: self.position.stamp_last,
            transactions: result.transactions,
            events: result.events,
            event_bytes_max: context.event_bytes_max,
            changes_bytes: 0,
            batches_bytes: 0,
        };
        let (head, header) = frame.finish(header, &result.batches);
        self.last_sizes = LastSizes { changes_bytes: header.changes_bytes, batches_bytes: header.batches_bytes };
        let place = match self.shared.journal.place(header.len_bytes, &self.position) {
            Ok(place) => place,
            Err(error) => {
                let error = self.no_room(&error.to_string());
                return waiting.refuse(&error);
            }
        };
        self.room_wanted_bytes = 0;
        result.position.next_frame = header.frame_number + 1;
        result.position.commit_time_ms = header.commit_time_ms;
        self.position = result.position;
        let committed_frames = self.shared.committed_frames.load(Acquire);
        self.recent.extend(header.frame_number, &result.changed, committed_frames);
        let frame = crate::committer::FrameToCommit { head, header, place, result };
        self.committer.commit(GroupToCommit { frame: Some(frame), waiting });
    }

    fn check_obstacles(&mut self) -> Result<(), CommitError> {
        if let Some(halted) = self.shared.halted() {
            return Err(halted);
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

    fn no_room(&mut self, reason: &str) -> CommitError {
        self.room_wanted_bytes = self.shared.options.segment_bytes;
        self.disk_seen_at = None;
        let (free_bytes, _) = disk::space(&self.shared.dir).unwrap_or_default();
        let error = CommitError::DiskFull { free_bytes, needed_bytes: self.shared.options.segment_bytes };
        tracing::warn!(app = self.shared.name.as_str(), reason, "no room for a new journal segment");
        self.shared.set_obstacle(Some(error.clone()));
        error
    }

    /// Answers `first` and everything that waits with `error`; `true` when it was told to stop.
    fn refuse_waiting(&mut self, first: Command, error: &CommitError) -> bool {
        let mut stop = false;
        let mut next = Some(first);
        while let Some(command) = next.take() {
            match command {
                Command::Commit { reply, .. } => drop(reply.send(Err(error.clone()))),
                Command::ChangeOffsets { reply, .. } => drop(reply.send(Err(error.clone()))),
                Command::CommitterIdle => {}
                Command::Stop => stop = true,
            }
            next = self.commands.try_recv().ok();
        }
        stop
    }
}

impl OpenGroup<'_> {
    /// Applies one command. Replies at once if it is refused by itself.
    fn apply(&mut self, command: Command) -> Result<(), crate::engine::EngineError> {
        self.commands += 1;
        match command {
            Command::Commit { changeset, queued_at, reply } => match self.group.apply(&changeset) {
                Ok(applied) => {
                    if applied.txn.is_some() {
                        self.frame.push_entry(EntryKind::Changeset, |out| changeset.encode(out));
                    }
                    self.waiting.commits.push((applied, queued_at, reply));
                }
                Err(ApplyError::Refused(error)) => drop(reply.send(Err(error))),
                Err(ApplyError::Engine(error)) => {
                    drop(reply.send(Err(CommitError::Halted { reason: error.to_string() })));
                    return Err(error);
                }
            },
            Command::ChangeOffsets { change, reply } => {
                self.frame.push_entry(EntryKind::ConsumerOffsets, |out| change.encode(out));
                self.waiting.offsets.push((change, reply));
            }
            Command::CommitterIdle | Command::Stop => unreachable!("not a change"),
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        let bytes = self.frame.changes_bytes() + self.group.event_bytes();
        self.commands >= GROUP_CHANGESETS_MAX || bytes >= GROUP_BYTES_MAX || self.group.steps() >= GROUP_STEPS_MAX
    }
}
