//! The committer: one thread an app that makes groups durable and visible, in order, while the next one is applied.
//!
//! Journal with one sync, then documents, then readers, then the writers' answers: nothing is acknowledged before all of it.
//! Invariants: after a failed sync, or documents that could not be written, nothing is written again until the server is restarted; who waits for
//! a group that the journal may hold is then told that nobody knows, who waits for a later one that nothing happened; whatever ends the thread,
//! nobody waits for it in vain.
//! Not here: order and effect of changesets (`sequencer`, `apply`).

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{
            AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Instant,
};

use tokio::sync::mpsc;

use crate::{
    CommitError, Committed, Remembered, TxnId, Written,
    app::Shared,
    apply::{Applied, GroupResult},
    consumer_offsets::OffsetsChange,
    engine::{Engine, EngineError, requests::RequestsKept},
    journal::{
        Place,
        frame::{self, EntryKind, FrameHeader, entries},
    },
    limits::{GROUPS_WAITING_MAX, TAIL_BYTES_MAX},
    position::Position,
    request::{RequestEntry, RequestKey},
    sequencer::{Command, Reply},
};

/// Replies that wait for the group to be durable.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) commits: Vec<(Applied, Instant, Reply<Written>)>,
    /// Requests that were sent again: what they had come to.
    pub(crate) repeated: Vec<(Remembered, Reply<Written>)>,
    pub(crate) offsets: Vec<(OffsetsChange, Reply<()>)>,
}

/// A group that was applied.
pub(crate) struct GroupToCommit {
    /// `None` if nothing in it changed anything: its writers still wait for the groups before, whose effects they may have seen.
    pub(crate) frame: Option<FrameToCommit>,
    pub(crate) waiting: Waiting,
}

/// A group's frame, and the documents and events it leads to.
pub(crate) struct FrameToCommit {
    /// The frame without its batches, which `result` has.
    pub(crate) head: Vec<u8>,
    pub(crate) header: FrameHeader,
    pub(crate) place: Place,
    pub(crate) result: GroupResult,
    /// To be remembered, in the order of their transactions.
    pub(crate) requests: Vec<(RequestKey, Remembered)>,
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
}

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
        let committer = Self { shared, groups, in_flight: in_flight.clone(), sequencer, position, requests_kept };
        let thread = std::thread::Builder::new().name(name).spawn(move || committer.run())?;
        Ok(CommitterHandle { groups: sender, in_flight, thread })
    }

    fn run(mut self) {
        let _farewell = Farewell {
            shared: self.shared.clone(),
            in_flight: self.in_flight.clone(),
            sequencer: self.sequencer.clone(),
        };
        while let Ok(GroupToCommit { frame, waiting }) = self.groups.recv() {
            // What changed nothing was decided, or found, on what earlier groups wrote: it is as good as they are.
            let halted = || self.shared.halted().map_or(Ok(()), Err);
            let synced = frame.as_ref().map_or_else(halted, |frame| self.sync(frame));
            let shown = synced.and_then(|()| frame.map_or(Ok(()), |frame| self.show(frame, &waiting)));
            // Before the writers are answered: what they send next may join the group that waits.
            if self.in_flight.fetch_sub(1, Release) == 1 {
                // With a full queue the sequencer is awake anyway, and looks for itself.
                let _ = self.sequencer.try_send(Command::CommitterIdle);
            }
            match shown {
                Ok(()) => self.acknowledge(waiting),
                Err(error) => waiting.refuse(&error),
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
        let written = shared.journal.append(&frame.place, &frame.head, &frame.result.batches);
        written.map_err(|error| self.unknown(&frame.head, error.to_string()))?;
        shared.counters.sync_micros.fetch_add(began.elapsed().as_micros() as u64, Relaxed);
        Ok(())
    }

    /// Takes no more writes; gives what those are told whose write the journal may hold. Whoever sends one of them again before the restart is
    /// told the same.
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
    fn show(&mut self, frame: FrameToCommit, waiting: &Waiting) -> Result<(), CommitError> {
        let shared = self.shared.clone();
        let FrameToCommit { head, header, place, mut result, requests } = frame;
        if result.batches.len() > TAIL_BYTES_MAX {
            // Nobody reads them from memory, and they may take up a good part of it.
            result.batches = Vec::new();
        }
        let began = Instant::now();
        let offsets = waiting.offsets.iter().map(|(change, _)| change);
        write_group(&shared.engine, &result, offsets, &requests, &mut self.requests_kept)
            .map_err(|error| self.unknown(&head, error.to_string()))?;
        shared.counters.documents_micros.fetch_add(began.elapsed().as_micros() as u64, Relaxed);
        self.position = result.position;
        place.publish(&header);
        shared.committed_frames.store(self.position.next_frame, Release);
        shared.events.publish(&header, result.batches);
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

    fn forget_requests(&mut self, now_ms: u64) {
        match self.shared.engine.forget_requests(&mut self.requests_kept, now_ms) {
            Ok(early) => drop(self.shared.counters.requests_forgotten_early.fetch_add(early, Relaxed)),
            Err(error) => {
                tracing::warn!(app = self.shared.name.as_str(), %error, "old requests could not be forgotten");
            }
        }
    }

    fn acknowledge(&self, waiting: Waiting) {
        if !waiting.offsets.is_empty() {
            let mut offsets = self.shared.offsets.write().expect("not poisoned");
            waiting.offsets.iter().for_each(|(change, _)| offsets.apply(change));
        }
        for (_, reply) in waiting.offsets {
            drop(reply.send(Ok(())));
        }
        let newest = self.position.next_txn - 1;
        for (applied, queued_at, reply) in waiting.commits {
            self.shared.counters.observe_commit(queued_at.elapsed());
            let txn_id = TxnId(applied.txn.unwrap_or(newest));
            drop(reply.send(Ok(Written::New(Committed { txn_id, outcomes: applied.outcomes }))));
        }
        for (remembered, reply) in waiting.repeated {
            drop(reply.send(Ok(Written::Repeated(remembered))));
        }
    }
}

impl Waiting {
    pub(crate) fn refuse(self, error: &CommitError) {
        self.commits.into_iter().for_each(|(_, _, reply)| drop(reply.send(Err(error.clone()))));
        // What they repeat is in an earlier group, which may come to the disk.
        let of_repeated = match error {
            CommitError::Unknown { .. } => error.clone(),
            refused => CommitError::Unknown { reason: refused.to_string() },
        };
        self.repeated.into_iter().for_each(|(_, reply)| drop(reply.send(Err(of_repeated.clone()))));
        self.offsets.into_iter().for_each(|(_, reply)| drop(reply.send(Err(error.clone()))));
    }
}

/// Puts what a group came to into the engine, in one batch: at commit, at replay and in `verify`.
pub(crate) fn write_group<'a>(
    engine: &Engine,
    result: &GroupResult,
    offsets: impl Iterator<Item = &'a OffsetsChange>,
    requests: &[(RequestKey, Remembered)],
    requests_kept: &mut RequestsKept,
) -> Result<(), EngineError> {
    let mut batch = engine.batch(result.changed.len() + 1);
    for (key, document) in &result.changed {
        batch.put_document(key, document);
    }
    for change in offsets {
        for (topic, partition, offset) in &change.offsets {
            batch.put_offset(&change.group, topic, *partition, offset.as_ref());
        }
    }
    batch.put_requests(requests, requests_kept);
    batch.commit(&result.position)
}
