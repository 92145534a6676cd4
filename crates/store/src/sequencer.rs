//! The sequencer: one thread an app that gives changesets their order and applies them in groups.
//!
//! A group is everything that comes while the committer is busy with the one before; it becomes one frame. So a lone write is
//! handed on at once, and under load one sync serves many.
//!
//! Invariants: a group that is refused for want of disk space leaves no trace; what is handed on is committed in order or, after a failure, not
//! at all.
//! Not here: what a changeset does (`apply`), writing and answering (`committer`).

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, PoisonError, atomic::Ordering::Acquire},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use document::Changeset;
use tokio::sync::{mpsc, oneshot};

use crate::{
    CommitError, Committed, Counts, Remembered, RenderReply, Request, TxnId, Written,
    app::Shared,
    apply::{Applied, ApplyContext, ApplyError, Group, LargeDocument},
    committer::{Committer, CommitterHandle, GroupToCommit, Waiting},
    consumer_offsets::OffsetsChange,
    disk,
    engine::{Engine, EngineError, requests::RequestsKept},
    journal::{
        frame::{EntryKind, FrameBuilder, FrameHeader},
        segment::SegmentError,
    },
    limits::{GROUP_BYTES_MAX, GROUP_CHANGESETS_MAX, GROUP_STEPS_MAX},
    position::Position,
    recent::{RecentDocuments, RecentOverEngine},
    request::{RequestEntry, RequestKey},
};

pub(crate) type Reply<T> = oneshot::Sender<Result<T, CommitError>>;

/// How a write is called, and who makes its answer.
pub(crate) struct RequestToKeep {
    pub(crate) request: Request,
    /// `None` where nobody will ask for it.
    pub(crate) render: Option<RenderReply>,
}

/// What the sequencer is asked to do.
pub(crate) enum Command {
    Commit {
        changeset: Changeset,
        request: Option<RequestToKeep>,
        queued_at: Instant,
        reply: Reply<Written>,
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
    /// Behind the last group that was handed on.
    position: Position,
    recent: RecentDocuments,
    /// Requests whose frames may not be with the documents yet, by frame.
    requests: VecDeque<(u64, Arc<HashMap<RequestKey, Remembered>>)>,
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

/// Requests of a group that are to be remembered.
struct Requests {
    /// In the order of their transactions.
    requests: Vec<(RequestKey, Remembered)>,
    by_name: HashMap<RequestKey, Remembered>,
}

/// A group that still takes changesets.
struct OpenGroup<'a> {
    group: Group<'a, RecentOverEngine<'a>>,
    frame: FrameBuilder,
    waiting: Waiting,
    /// Why it takes no changesets, only offsets of consumers: those have no stamps, and are dated by the last good time.
    refused: Option<CommitError>,
    commands: usize,
    /// Requests of earlier groups that the documents may not show yet.
    earlier: &'a VecDeque<(u64, Arc<HashMap<RequestKey, Remembered>>)>,
    engine: &'a Engine,
    requests: Vec<(RequestKey, Remembered)>,
    by_name: HashMap<RequestKey, Remembered>,
}

impl Sequencer {
    /// Starts the sequencer and its committer; ends with [`Command::Stop`].
    pub(crate) fn spawn(
        shared: Arc<Shared>,
        queue: mpsc::Sender<Command>,
        commands: mpsc::Receiver<Command>,
        position: Position,
        requests_kept: RequestsKept,
    ) -> std::io::Result<JoinHandle<()>> {
        let name = |what: &str| format!("{what}-{}", shared.name.as_str());
        let (sequencer_name, committer_name) = (name("sequencer"), name("committer"));
        let committer = Committer::spawn(shared.clone(), queue, position, requests_kept, committer_name)?;
        let sequencer = Self {
            shared,
            commands,
            position,
            recent: RecentDocuments::new(),
            requests: VecDeque::new(),
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
        // Whoever came too late is told that nothing happened.
        self.commands.close();
        if let Ok(first) = self.commands.try_recv() {
            self.refuse_waiting(first, &CommitError::Stopping);
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
        let earlier = self.earlier_requests();
        let time = shared.clock.time();
        let context = ApplyContext {
            app: &shared.name,
            site: shared.site,
            event_bytes_max: shared.options.event_bytes_max,
            commit_time_ms: time.good_ms.max(self.position.commit_time_ms),
            was_taken: false,
        };
        let mut open = OpenGroup {
            group: Group::new(&reader, context.clone(), self.position, self.last_sizes.batches_bytes),
            frame: FrameBuilder::with_capacity(self.last_sizes.changes_bytes),
            waiting: Waiting::default(),
            refused: time.obstacle(),
            commands: 0,
            earlier: &earlier,
            engine: &shared.engine,
            requests: Vec::new(),
            by_name: HashMap::new(),
        };
        let outcome = self.fill(&mut open, first);
        let OpenGroup { group, frame, waiting, requests, by_name, .. } = open;
        let result = group.into_result();
        self.recent = recent;
        self.requests = earlier;
        match outcome {
            Ok(stop) => {
                self.hand_on(frame, result, &context, waiting, Requests { requests, by_name });
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

    /// Requests of earlier groups that the documents may not show yet.
    fn earlier_requests(&mut self) -> VecDeque<(u64, Arc<HashMap<RequestKey, Remembered>>)> {
        let committed_frames = self.shared.committed_frames.load(Acquire);
        let mut earlier = std::mem::take(&mut self.requests);
        while earlier.pop_front_if(|(frame, _)| *frame < committed_frames).is_some() {}
        earlier
    }

    fn hand_on(
        &mut self,
        frame: FrameBuilder,
        mut result: crate::apply::GroupResult,
        context: &ApplyContext<'_>,
        waiting: Waiting,
        requests: Requests,
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
        let place = match self.shared.journal.place(frame.len_bytes(result.batches.len()), &self.position) {
            Ok(place) => place,
            Err(error) => {
                let error = self.no_segment(&error);
                return waiting.refuse(&error);
            }
        };
        let (head, header) = frame.finish(header, &result.batches, place.salt());
        self.last_sizes = LastSizes { changes_bytes: header.changes_bytes, batches_bytes: header.batches_bytes };
        self.room_wanted_bytes = 0;
        result.position.next_frame = header.frame_number + 1;
        result.position.commit_time_ms = header.commit_time_ms;
        self.position = result.position;
        let committed_frames = self.shared.committed_frames.load(Acquire);
        self.recent.extend(header.frame_number, &result.changed, committed_frames);
        if !requests.by_name.is_empty() {
            self.requests.push_back((header.frame_number, Arc::new(requests.by_name)));
        }
        let requests = requests.requests;
        let frame = crate::committer::FrameToCommit { head, header, place, result, requests };
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

    /// What the sender of a refused write is told: one that was sent before may be there though this one is refused.
    fn refusal(&self, request: Option<&RequestToKeep>, error: &CommitError) -> CommitError {
        let key = request.filter(|keep| keep.request.given).map(|keep| keep.request.key());
        let Some(key) = key else { return error.clone() };
        let may_be_there = self.requests.iter().any(|(_, requests)| requests.contains_key(&key))
            || self.shared.unknown_requests.lock().unwrap_or_else(PoisonError::into_inner).contains(&key);
        if may_be_there { CommitError::Unknown { reason: error.to_string() } } else { error.clone() }
    }

    /// Answers `first` and everything that waits with `error`; `true` when it was told to stop.
    fn refuse_waiting(&mut self, first: Command, error: &CommitError) -> bool {
        let mut stop = false;
        let mut next = Some(first);
        while let Some(command) = next.take() {
            match command {
                Command::Commit { request, reply, .. } => drop(reply.send(Err(self.refusal(request.as_ref(), error)))),
                Command::ChangeOffsets { reply, .. } => drop(reply.send(Err(error.clone()))),
                Command::CommitterIdle => {}
                Command::Stop => stop = true,
            }
            next = self.commands.try_recv().ok();
        }
        stop
    }
}

/// Whether an operation failed for want of room.
fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

impl OpenGroup<'_> {
    /// Applies one command. Replies at once if it is refused by itself.
    fn apply(&mut self, command: Command) -> Result<(), EngineError> {
        self.commands += 1;
        match command {
            Command::Commit { changeset, request, queued_at, reply } => {
                return self.commit(&changeset, request, queued_at, reply);
            }
            Command::ChangeOffsets { change, reply } => {
                self.frame.push_entry(EntryKind::ConsumerOffsets, |out| change.encode(out));
                self.waiting.offsets.push((change, reply));
            }
            Command::CommitterIdle | Command::Stop => unreachable!("not a change"),
        }
        Ok(())
    }

    fn commit(
        &mut self,
        changeset: &Changeset,
        request: Option<RequestToKeep>,
        queued_at: Instant,
        reply: Reply<Written>,
    ) -> Result<(), EngineError> {
        let given = request.as_ref().map(|keep| &keep.request).filter(|request| request.given);
        if let Some(request) = given
            && let Some(remembered) = self.remembered(&request.key())?
        {
            if remembered.body == request.body {
                self.waiting.repeated.push((remembered, reply));
            } else {
                drop(reply.send(Err(CommitError::RequestReused { id: request.id.clone() })));
            }
            return Ok(());
        }
        if let Some(error) = &self.refused {
            drop(reply.send(Err(error.clone())));
            return Ok(());
        }
        match self.group.apply(changeset) {
            Ok(applied) => {
                if let Some(txn) = applied.txn {
                    self.frame.push_entry(EntryKind::Changeset, |out| changeset.encode(out));
                    if let Some(keep) = request {
                        self.keep(keep, changeset, TxnId(txn), &applied);
                    }
                }
                self.waiting.commits.push((applied, queued_at, reply));
            }
            Err(ApplyError::Refused(error)) => drop(reply.send(Err(error))),
            Err(ApplyError::Engine(error)) => {
                drop(reply.send(Err(CommitError::Halted { reason: error.to_string() })));
                return Err(error);
            }
        }
        Ok(())
    }

    /// What is known of a request of this group, of one before, or of the documents.
    fn remembered(&self, key: &RequestKey) -> Result<Option<Remembered>, EngineError> {
        let earlier = self.earlier.iter().rev().map(|(_, requests)| &**requests);
        let found = std::iter::once(&self.by_name).chain(earlier).find_map(|requests| requests.get(key));
        found.map_or_else(|| self.engine.remembered(key), |found| Ok(Some(found.clone())))
    }

    /// Writes the request beside its changeset and, if its caller may send it again, has it remembered.
    fn keep(&mut self, keep: RequestToKeep, changeset: &Changeset, txn_id: TxnId, applied: &Applied) {
        let reply = keep.render.map(|render| render(&Committed { txn_id, outcomes: applied.outcomes.clone() }));
        let entry = RequestEntry::new(keep.request, reply);
        self.frame.push_entry(EntryKind::Request, |out| entry.encode(out));
        if entry.request.given {
            let counts = Counts::of(changeset, &applied.outcomes);
            let remembered = entry.remembered(txn_id, self.group.commit_time_ms(), counts);
            self.by_name.insert(entry.request.key(), remembered.clone());
            self.requests.push((entry.request.key(), remembered));
        }
    }

    fn is_full(&self) -> bool {
        let bytes = self.frame.changes_bytes() + self.group.event_bytes();
        self.commands >= GROUP_CHANGESETS_MAX || bytes >= GROUP_BYTES_MAX || self.group.steps() >= GROUP_STEPS_MAX
    }
}
