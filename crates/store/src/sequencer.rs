//! The sequencer: one thread an app that gives changesets their order and commits them in groups.
//!
//! A group is everything that waits when the last group is done: applied, written as one journal frame, synced once, then put
//! into the documents and shown to readers. Nothing is acknowledged before all of that.
//!
//! Invariants: after a failed sync no more writes are taken; a group that is refused for want of disk space leaves no trace.
//! Not here: what a changeset does (`apply`), files (`journal`, `engine`).

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use document::Changeset;
use tokio::sync::{mpsc, oneshot};

use crate::{
    CommitError, Committed, TxnId, WallClock,
    app::Shared,
    apply::{Applied, ApplyContext, ApplyError, Group, GroupResult},
    consumer_offsets::OffsetsChange,
    disk,
    journal::{
        Position,
        frame::{EntryKind, FrameBuilder, FrameHeader},
    },
    limits::{GROUP_BYTES_MAX, GROUP_CHANGESETS_MAX},
};

type Reply<T> = oneshot::Sender<Result<T, CommitError>>;

/// What the sequencer is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Commit { changeset: Changeset, queued_at: Instant, reply: Reply<Committed> },
    ChangeOffsets { change: OffsetsChange, reply: Reply<()> },
    Stop,
}

/// The thread's state.
pub(crate) struct Sequencer {
    shared: Arc<Shared>,
    commands: mpsc::Receiver<Command>,
    clock: Arc<dyn WallClock>,
    position: Position,
    frame: FrameBuilder,
    halted: Option<CommitError>,
    /// A new segment could not be made: what must be free before it is tried again.
    room_wanted_bytes: u64,
}

/// Replies that wait for the group to be durable.
#[derive(Default)]
struct Waiting {
    commits: Vec<(Applied, Instant, Reply<Committed>)>,
    offsets: Vec<(OffsetsChange, Reply<()>)>,
}

/// A group with all its commands applied, not yet written.
struct Prepared {
    result: GroupResult,
    header: FrameHeader,
}

impl Sequencer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        commands: mpsc::Receiver<Command>,
        clock: Arc<dyn WallClock>,
        position: Position,
    ) -> Self {
        Self { shared, commands, clock, position, frame: FrameBuilder::default(), halted: None, room_wanted_bytes: 0 }
    }

    /// Until it is told to stop, or nobody can ask any more.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.commands.blocking_recv() {
            let mut stop = false;
            let mut next = Some(first);
            while let Some(command) = next.take() {
                stop = self.commit_group(command);
                if !stop {
                    next = self.commands.try_recv().ok();
                }
            }
            if stop {
                break;
            }
        }
    }

    /// Commits one group that begins with `first`; `true` when it was told to stop.
    fn commit_group(&mut self, first: Command) -> bool {
        if let Err(error) = self.check_obstacles() {
            return self.refuse_group(first, &error);
        }
        let mut waiting = Waiting::default();
        let (prepared, stop) = self.prepare(first, &mut waiting);
        match prepared.and_then(|prepared| self.write(prepared, &waiting)) {
            Ok(()) => self.acknowledge(waiting),
            Err(error) => waiting.refuse(&error),
        }
        stop
    }

    /// Applies the commands that wait, up to the group's bounds. Replies at once to those that fail by themselves.
    fn prepare(&mut self, first: Command, waiting: &mut Waiting) -> (Result<Option<Prepared>, CommitError>, bool) {
        let shared = self.shared.clone();
        let context = ApplyContext {
            app: &shared.name,
            site: shared.site,
            event_bytes_max: shared.options.event_bytes_max,
            commit_time_ms: self.clock.now_ms().max(self.position.commit_time_ms),
        };
        let commit_time_ms = context.commit_time_ms;
        let event_bytes_max = context.event_bytes_max;
        let mut group = Group::new(&shared.engine, context, self.position);
        self.frame.clear();
        let mut next = Some(first);
        let mut stop = false;
        let mut count = 0;
        while let Some(command) = next.take() {
            match command {
                Command::Commit { changeset, queued_at, reply } => match group.apply(&changeset) {
                    Ok(applied) => {
                        if applied.txn.is_some() {
                            self.frame.push_entry(EntryKind::Changeset, |out| changeset.encode(out));
                        }
                        waiting.commits.push((applied, queued_at, reply));
                    }
                    Err(ApplyError::Refused(error)) => drop(reply.send(Err(error))),
                    Err(ApplyError::Engine(error)) => {
                        let error = self.halt(error.to_string());
                        drop(reply.send(Err(error.clone())));
                        return (Err(error), stop);
                    }
                },
                Command::ChangeOffsets { change, reply } => {
                    self.frame.push_entry(EntryKind::ConsumerOffsets, |out| change.encode(out));
                    waiting.offsets.push((change, reply));
                }
                Command::Stop => stop = true,
            }
            count += 1;
            let full =
                count >= GROUP_CHANGESETS_MAX || self.frame.changes_bytes() + group.event_bytes() >= GROUP_BYTES_MAX;
            if !full && !stop {
                next = self.commands.try_recv().ok();
            }
        }
        let result = group.into_result();
        if self.frame.changes_bytes() == 0 {
            return (Ok(None), stop);
        }
        let header = FrameHeader {
            len_bytes: 0,
            crc: 0,
            frame_number: self.position.next_frame,
            first_txn: self.position.next_txn,
            first_offset: self.position.next_offset,
            commit_time_ms,
            stamp_before: self.position.stamp_last,
            transactions: result.transactions,
            events: result.events,
            event_bytes_max,
            changes_bytes: 0,
            batches_bytes: 0,
        };
        (Ok(Some(Prepared { result, header })), stop)
    }

    /// Journal, documents, readers: in this order.
    fn write(&mut self, prepared: Option<Prepared>, waiting: &Waiting) -> Result<(), CommitError> {
        let Some(Prepared { mut result, header }) = prepared else { return Ok(()) };
        let shared = self.shared.clone();
        let (frame, header) = self.frame.finish(header, &result.batches);
        if let Err(error) = shared.journal.make_room(frame.len(), &self.position) {
            return Err(self.no_room(&error.to_string()));
        }
        self.room_wanted_bytes = 0;
        let began = Instant::now();
        if let Err(error) = shared.journal.append(frame) {
            return Err(self.halt(error.to_string()));
        }
        shared.counters.sync_micros.fetch_add(began.elapsed().as_micros() as u64, Relaxed);
        result.position.next_frame = header.frame_number + 1;
        result.position.commit_time_ms = header.commit_time_ms;
        if let Err(error) = write_documents(&shared, &result, waiting) {
            return Err(self.halt(error.to_string()));
        }
        self.position = result.position;
        shared.journal.publish(&header);
        shared.events.publish(&header, std::mem::take(&mut result.batches));
        shared.newest_txn.send_replace(self.position.next_txn - 1);
        shared.counters.frames.fetch_add(1, Relaxed);
        shared.counters.transactions.fetch_add(u64::from(header.transactions), Relaxed);
        shared.counters.events.fetch_add(u64::from(header.events), Relaxed);
        Ok(())
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
            drop(reply.send(Ok(Committed { txn_id, outcomes: applied.outcomes })));
        }
    }

    fn check_obstacles(&mut self) -> Result<(), CommitError> {
        if let Some(error) = &self.halted {
            return Err(error.clone());
        }
        let Ok((free_bytes, total)) = disk::space(&self.shared.dir) else { return Ok(()) };
        let reserve_bytes = disk::reserve_bytes(self.shared.options.disk_reserve_bytes, total);
        let needed_bytes = reserve_bytes.max(self.room_wanted_bytes);
        let full = (free_bytes < needed_bytes).then_some(CommitError::DiskFull { free_bytes, needed_bytes });
        self.set_obstacle(full.clone());
        full.map_or(Ok(()), Err)
    }

    fn no_room(&mut self, reason: &str) -> CommitError {
        self.room_wanted_bytes = self.shared.options.segment_bytes;
        let (free_bytes, _) = disk::space(&self.shared.dir).unwrap_or_default();
        let error = CommitError::DiskFull { free_bytes, needed_bytes: self.shared.options.segment_bytes };
        tracing::warn!(app = self.shared.name.as_str(), reason, "no room for a new journal segment");
        self.set_obstacle(Some(error.clone()));
        error
    }

    fn halt(&mut self, reason: String) -> CommitError {
        tracing::error!(app = self.shared.name.as_str(), reason, "the app takes no more writes");
        let error = CommitError::Halted { reason };
        self.halted = Some(error.clone());
        self.set_obstacle(Some(error.clone()));
        error
    }

    /// Tells health checks, and the log when it changes.
    fn set_obstacle(&self, obstacle: Option<CommitError>) {
        let mut known = self.shared.obstacle.write().expect("not poisoned");
        match (&*known, &obstacle) {
            (None, Some(error)) => tracing::warn!(app = self.shared.name.as_str(), %error, "writes are refused"),
            (Some(_), None) => tracing::info!(app = self.shared.name.as_str(), "writes are taken again"),
            _ => {}
        }
        *known = obstacle;
    }

    /// Answers `first` and everything that waits with `error`; `true` when it was told to stop.
    fn refuse_group(&mut self, first: Command, error: &CommitError) -> bool {
        let mut stop = false;
        let mut next = Some(first);
        while let Some(command) = next.take() {
            match command {
                Command::Commit { reply, .. } => drop(reply.send(Err(error.clone()))),
                Command::ChangeOffsets { reply, .. } => drop(reply.send(Err(error.clone()))),
                Command::Stop => stop = true,
            }
            next = self.commands.try_recv().ok();
        }
        stop
    }
}

impl Waiting {
    fn refuse(self, error: &CommitError) {
        self.commits.into_iter().for_each(|(_, _, reply)| drop(reply.send(Err(error.clone()))));
        self.offsets.into_iter().for_each(|(_, reply)| drop(reply.send(Err(error.clone()))));
    }
}

fn write_documents(shared: &Shared, result: &GroupResult, waiting: &Waiting) -> Result<(), crate::engine::EngineError> {
    let mut batch = shared.engine.batch(3 * result.changed.len() + 1);
    put_changed(&mut batch, &result.changed);
    for (change, _) in &waiting.offsets {
        put_offsets(&mut batch, change);
    }
    batch.commit(&result.position)
}

pub(crate) fn put_changed(
    batch: &mut crate::engine::EngineBatch<'_>,
    changed: &HashMap<Vec<u8>, crate::apply::ChangedDocument>,
) {
    for (key, document) in changed {
        batch.put_document(key, document.txn_before, document.txn, &document.encoded);
    }
}

pub(crate) fn put_offsets(batch: &mut crate::engine::EngineBatch<'_>, change: &OffsetsChange) {
    for (topic, partition, offset) in &change.offsets {
        batch.put_offset(&change.group, topic, *partition, offset.as_ref());
    }
}
