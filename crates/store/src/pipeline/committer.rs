//! The committer: one thread an app that makes groups durable and visible, in order, while the next
//! one is applied.
//!
//! Journal with one sync, then documents, then readers, then the writers' answers: nothing is
//! acknowledged before all of it.
//! Invariants: after a failed sync, or documents that could not be written, nothing is written
//! again until the server is restarted; who waits for a group that the journal may hold is then
//! told that nobody knows, who waits for a later one that nothing happened; whatever ends the
//! thread, nobody waits for it in vain.
//! Not here: order and effect of changesets (`sequencer`, `apply`).

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{
            AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::{command::Command, open_group::Waiting};
use crate::{
    commit::{CommitError, Committed},
    definition::{DefinitionChange, DefinitionKind},
    engine::{BesideDocuments, GroupWrites, indexes::IndexStep, requests::RequestsKept},
    journal::{
        Place,
        frame::{self, EntryKind, FrameHeader, entries},
    },
    limits::{GROUPS_WAITING_MAX, TAIL_BYTES_MAX},
    position::{Position, TxnId},
    push::PushOutcome,
    request::{RequestEntry, Written},
    shared::Shared,
};

/// A group that was applied.
pub(crate) struct GroupToCommit {
    /// `None` if nothing in it changed anything: its writers still wait for the groups before,
    /// whose effects they may have seen.
    pub(crate) frame: Option<FrameToCommit>,
    pub(crate) waiting: Waiting,
}

/// A group's frame, and what it leads to.
pub(crate) struct FrameToCommit {
    /// The frame without its batches, which `writes` has.
    pub(crate) head: Vec<u8>,
    pub(crate) header: FrameHeader,
    pub(crate) place: Place,
    pub(crate) writes: GroupWrites,
}

/// The sequencer's end.
pub(crate) struct CommitterHandle {
    groups: SyncSender<GroupToCommit>,
    in_flight: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl CommitterHandle {
    /// Whether it has a group that is not synced yet.
    pub(crate) fn is_busy(&self) -> bool {
        self.in_flight.load(Acquire) > 0 && !self.thread.is_finished()
    }

    /// Hands a group on; waits while [`GROUPS_WAITING_MAX`] wait already.
    pub(crate) fn commit(&self, group: GroupToCommit) {
        self.in_flight.fetch_add(1, AcqRel);
        if let Err(refused) = self.groups.send(group) {
            // The thread is gone: it panicked.
            refused.0.waiting.refuse(&CommitError::Halted { reason: "the committer failed".into() });
        }
    }

    /// Waits until every group is done.
    pub(crate) fn finish(self) {
        drop(self.groups);
        if self.thread.join().is_err() {
            tracing::error!("the committer panicked");
        }
    }
}

/// The thread's state.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    groups: Receiver<GroupToCommit>,
    in_flight: Arc<AtomicUsize>,
    /// Told when there is nothing to do.
    sequencer: mpsc::Sender<Command>,
    /// Behind the last group that was committed.
    position: Position,
    requests_kept: RequestsKept,
    /// `Some` while an index is to be built, or its entries removed; it keeps the app from being closed.
    index_work: Option<Arc<()>>,
}

/// How long an index is built at once while nobody waits, and between two groups.
const INDEX_STEP_IDLE: Duration = Duration::from_millis(5);
const INDEX_STEP_BUSY: Duration = Duration::from_millis(2);

/// Says that the committer is gone, should it end by a panic: the sequencer may wait for it.
struct Farewell {
    shared: Arc<Shared>,
    in_flight: Arc<AtomicUsize>,
    sequencer: mpsc::Sender<Command>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.shared.halt("the committer panicked, see the log".into());
        self.in_flight.store(0, Release);
        let _ = self.sequencer.try_send(Command::CommitterIdle);
    }
}

impl Committer {
    pub(crate) fn spawn(
        shared: Arc<Shared>,
        sequencer: mpsc::Sender<Command>,
        position: Position,
        requests_kept: RequestsKept,
        name: String,
    ) -> std::io::Result<CommitterHandle> {
        let (sender, groups) = sync_channel(GROUPS_WAITING_MAX);
        let in_flight = Arc::new(AtomicUsize::new(0));
        let index_work = shared.engine.has_index_work().then(|| shared.snapshots.clone());
        let in_flight_too = in_flight.clone();
        let committer =
            Self { shared, groups, in_flight: in_flight_too, sequencer, position, requests_kept, index_work };
        let thread = std::thread::Builder::new().name(name).spawn(move || committer.run())?;
        Ok(CommitterHandle { groups: sender, in_flight, thread })
    }

    fn run(mut self) {
        let _farewell = Farewell {
            shared: self.shared.clone(),
            in_flight: self.in_flight.clone(),
            sequencer: self.sequencer.clone(),
        };
        while let Some(GroupToCommit { frame, waiting }) = self.next_group() {
            // What changed nothing was decided, or found, on what earlier groups wrote: it is as
            // good as they are.
            let halted = || self.shared.halted().map_or(Ok(()), Err);
            let synced = frame.as_ref().map_or_else(halted, |frame| self.sync(frame));
            let shown = synced.and_then(|()| frame.map_or(Ok(()), |frame| self.show(frame)));
            // Before the writers are answered: what they send next may join the group that waits.
            if self.in_flight.fetch_sub(1, Release) == 1 {
                // With a full queue the sequencer is awake anyway, and looks for itself.
                let _ = self.sequencer.try_send(Command::CommitterIdle);
            }
            match shown {
                Ok(()) => self.acknowledge(waiting),
                Err(error) => waiting.refuse(&error),
            }
            self.build_indexes(INDEX_STEP_BUSY);
        }
    }

    /// The next group; builds indexes until it comes. `None` at the end.
    fn next_group(&mut self) -> Option<GroupToCommit> {
        while self.index_work.is_some() {
            match self.groups.try_recv() {
                Ok(group) => return Some(group),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => self.build_indexes(INDEX_STEP_IDLE),
            }
        }
        self.groups.recv().ok()
    }

    fn build_indexes(&mut self, at_most: Duration) {
        if self.index_work.is_none() {
            return;
        }
        if self.shared.halted().is_some() {
            self.index_work = None;
            return;
        }
        #[cfg(feature = "memory")]
        let at_most = if self.shared.options.builds_slowly { Duration::ZERO } else { at_most };
        match self.shared.engine.index_step(at_most) {
            Ok(IndexStep::GoesOn) => {}
            Ok(IndexStep::OneIsDone) => self.shared.index_changes.send_modify(|count| *count += 1),
            Ok(IndexStep::NothingToDo) => self.index_work = None,
            Err(error) => {
                let app = self.shared.name.as_str();
                tracing::error!(app, %error, "an index cannot be built; it is tried again at the next start");
                self.index_work = None;
            }
        }
    }

    /// Makes the frame durable.
    fn sync(&self, frame: &FrameToCommit) -> Result<(), CommitError> {
        let shared = &self.shared;
        if let Some(halted) = shared.halted() {
            return Err(halted);
        }
        let began = Instant::now();
        let written = shared.journal.append(&frame.place, &frame.head, &frame.writes.result.batches);
        written.map_err(|error| self.unknown(&frame.head, error.to_string()))?;
        shared.counters.sync_micros.fetch_add(began.elapsed().as_micros() as u64, Relaxed);
        Ok(())
    }

    /// Takes no more writes; gives what those are told whose write the journal may hold. Whoever
    /// sends one of them again before the restart is told the same.
    fn unknown(&self, frame_head: &[u8], reason: String) -> CommitError {
        let named = entries(&frame_head[frame::HEADER_BYTES..]).filter_map(|entry| match entry {
            Ok((EntryKind::Request, bytes)) => RequestEntry::decode(bytes).map(|entry| entry.request.key()),
            _ => None,
        });
        self.shared.unknown_requests.lock().unwrap_or_else(PoisonError::into_inner).extend(named);
        self.shared.halt(reason.clone());
        CommitError::Unknown { reason }
    }

    /// Documents first, then the events and those who wait for them.
    fn show(&mut self, frame: FrameToCommit) -> Result<(), CommitError> {
        let shared = self.shared.clone();
        let FrameToCommit { head, header, place, mut writes } = frame;
        let mut batches = std::mem::take(&mut writes.result.batches);
        if batches.len() > TAIL_BYTES_MAX {
            // Nobody reads them from memory, and they may take up a good part of it.
            batches = Vec::new();
        }
        let began = Instant::now();
        let written = shared.engine.write_group(&writes, &mut self.requests_kept);
        written.map_err(|error| self.unknown(&head, error.to_string()))?;
        shared.counters.documents_micros.fetch_add(began.elapsed().as_micros() as u64, Relaxed);
        self.position = writes.position;
        self.show_beside(&writes.beside);
        place.publish(&header);
        shared.committed_frames.store(self.position.next_frame, Release);
        shared.deltas.publish(std::mem::take(&mut writes.result.deltas));
        shared.events.publish(&header, batches);
        shared.newest_txn.send_replace(self.position.next_txn - 1);
        if place.is_new_segment()
            && let Some(retention) = &*shared.retention.lock().expect("not poisoned")
        {
            retention.wake();
        }
        self.forget_requests(header.commit_time_ms);
        shared.counters.frames.fetch_add(1, Relaxed);
        shared.counters.transactions.fetch_add(u64::from(header.transactions), Relaxed);
        shared.counters.events.fetch_add(u64::from(header.events), Relaxed);
        Ok(())
    }

    /// What is kept in memory beside the documents.
    fn show_beside(&mut self, beside: &BesideDocuments) {
        if !beside.offsets.is_empty() {
            let mut offsets = self.shared.offsets.write().expect("not poisoned");
            beside.offsets.iter().for_each(|change| offsets.apply(change));
        }
        if !beside.definitions.is_empty() {
            let mut definitions = self.shared.definitions.write().expect("not poisoned");
            beside.definitions.iter().for_each(|change| definitions.apply(change));
            drop(definitions);
            let is_index = |change: &DefinitionChange| match change {
                DefinitionChange::Set(definition) => definition.kind == DefinitionKind::Index,
                DefinitionChange::Forget { kind, .. } => *kind == DefinitionKind::Index,
            };
            if beside.definitions.iter().any(is_index) {
                self.index_work = Some(self.shared.snapshots.clone());
                self.shared.index_changes.send_modify(|count| *count += 1);
            }
        }
        if let Some(dropped) = &beside.tombstones {
            let count = dropped.tombstones.len() as u64;
            self.shared.counters.tombstones_dropped.fetch_add(count, Relaxed);
        }
    }

    fn forget_requests(&mut self, now_ms: u64) {
        match self.shared.engine.forget_requests(&mut self.requests_kept, now_ms) {
            Ok(early) => drop(self.shared.counters.requests_forgotten_early.fetch_add(early, Relaxed)),
            Err(error) => {
                tracing::warn!(app = self.shared.name.as_str(), %error, "old requests could not be forgotten");
            }
        }
    }

    fn acknowledge(&self, waiting: Waiting) {
        for answer in waiting.changes {
            drop(answer.send(Ok(())));
        }
        for (count, answer) in waiting.dropped {
            drop(answer.send(Ok(count)));
        }
        let newest = self.position.next_txn - 1;
        for (mut applied, queued_at, answer) in waiting.commits {
            self.shared.counters.observe_commit(queued_at.elapsed());
            let txn_id = TxnId(applied.txn.unwrap_or(newest));
            drop(answer.send(Ok(Written::New(Committed::of(&mut applied, txn_id)))));
        }
        for (outcomes, queued_at, answer) in waiting.pushes {
            let taken = outcomes.iter().filter(|outcome| matches!(outcome, PushOutcome::Taken(_)));
            taken.for_each(|_| self.shared.counters.observe_commit(queued_at.elapsed()));
            drop(answer.send(Ok(outcomes)));
        }
        for (remembered, answer) in waiting.repeated {
            drop(answer.send(Ok(Written::Repeated(remembered))));
        }
    }
}
