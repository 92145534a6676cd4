//! One app: what its edges call.
//!
//! Not here: how it is opened (`open`), how a write goes its way (`pipeline`).

use std::{
    sync::{Arc, Mutex, atomic::Ordering::Relaxed, mpsc::RecvTimeoutError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use attachments::Blobs;
use document::SiteId;

use crate::{
    app_name::AppName,
    commit::{CommitError, Committed, TakeOverError, WaitError},
    consumer_offsets::{CommittedOffset, GroupGeneration, OffsetsChange, generation_change, last_used_change},
    definition::{Definition, DefinitionEntry, DefinitionKind},
    deltas::{Delta, DeltasWanted},
    disk,
    engine::catalog::Catalog,
    event_log::EventLog,
    incarnation::{Incarnation, IncarnationStart, Seam},
    pipeline::{Command, CommitCommand, Pipeline, RequestToKeep},
    position::TxnId,
    push::PushOutcome,
    request::{Remembered, RenderReply, Request, Written},
    retention, settings,
    shared::Shared,
    site::Site,
    snapshot::{Snapshot, SnapshotError},
    stats::AppStats,
    trim_observer::TrimObserver,
    write::Write,
};

/// How long a stop waits for the engine to write the documents out. Usually it takes some 100 ms.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// One app of a data directory. Cheap to share behind an `Arc`; every method may be called from any
/// task.
#[derive(Debug)]
pub struct App {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) retention: Mutex<Option<JoinHandle<()>>>,
}

impl App {
    /// The blobs that its documents may refer to.
    pub fn blobs(&self) -> &Arc<Blobs> {
        &self.shared.blobs
    }

    /// Whether there is room for a file of `bytes` beside the journal and the documents, with what is kept
    /// in reserve for them. Blocks on disk, for a moment.
    ///
    /// # Errors
    /// [`CommitError::DiskFull`].
    pub fn check_room_for(&self, bytes: u64) -> Result<(), CommitError> {
        // What cannot be asked shows when it is written.
        let Ok((free_bytes, total)) = disk::space(&self.shared.dir) else { return Ok(()) };
        let needed_bytes = disk::reserve_bytes(self.shared.options.disk_reserve_bytes, total).saturating_add(bytes);
        if free_bytes < needed_bytes { Err(CommitError::DiskFull { free_bytes, needed_bytes }) } else { Ok(()) }
    }

    /// Its name.
    pub fn name(&self) -> &AppName {
        &self.shared.name
    }

    /// A random number that the app keeps for life, restores included; topic ids derive from it.
    pub fn instance(&self) -> [u8; 16] {
        self.shared.instance
    }

    /// Which life of the data this is, and which leader epoch stands for it.
    pub fn incarnation(&self) -> Incarnation {
        self.shared.journal.incarnation()
    }

    /// The incarnations of the events that are kept, the oldest first, each with where it begins.
    pub fn incarnations(&self) -> Vec<IncarnationStart> {
        self.shared.journal.incarnations()
    }

    /// Where restored data goes on, in order; empty if it never was restored.
    pub fn seams(&self) -> &[Seam] {
        self.shared.events.seams()
    }

    /// The restore that lost a transaction, if it ever was: nobody ever will have it.
    pub fn lost_with(&self, txn_id: TxnId) -> Option<&Seam> {
        self.seams().iter().find(|seam| seam.has_lost(txn_id))
    }

    /// Up to which transaction this life of the data and an earlier one are the same, with all
    /// between; 0 if nothing is known of that one.
    pub fn fork_from(&self, life: [u8; 16]) -> TxnId {
        let seams = self.seams().iter().skip_while(|seam| seam.before.id != life);
        if let Some(fork) = seams.map(|seam| seam.last_txn).min() {
            return fork;
        }
        let starts = self.incarnations();
        let Some(at) = starts.iter().position(|start| start.incarnation.id == life) else { return TxnId(0) };
        TxnId(starts[at + 1..].iter().map(|start| start.first_txn.saturating_sub(1)).min().unwrap_or(0))
    }

    /// Commits `write` as one transaction: durable, applied and visible to reads when this returns.
    /// Waits for a place in the queue while it is full. Dropping the future does not undo what was
    /// queued.
    pub async fn commit(&self, write: impl Into<Write>) -> Result<Committed, CommitError> {
        match self.send_commit(write.into(), None).await? {
            Written::New(committed) => Ok(committed),
            Written::Repeated(_) => unreachable!("it was not named"),
        }
    }

    /// As [`App::commit`], for a request with a name: if its caller gave it, and one of that name
    /// was committed before, or is on the way, its result is given and nothing is written. `render`
    /// makes the answer that is kept for repetitions; it is called once the changeset is applied,
    /// and must not wait.
    pub async fn commit_request(
        &self,
        write: impl Into<Write>,
        request: Request,
        render: RenderReply,
    ) -> Result<Written, CommitError> {
        self.send_commit(write.into(), Some(RequestToKeep { request, render: Some(render) })).await
    }

    /// As [`App::commit`], for a request that the server named itself, and whose answer says no
    /// more than what it did. It can be repeated under that name if its outcome was
    /// [`CommitError::Unknown`].
    pub async fn commit_unasked(&self, write: impl Into<Write>, request: Request) -> Result<Committed, CommitError> {
        let request = Request { given: false, ..request };
        match self.send_commit(write.into(), Some(RequestToKeep { request, render: None })).await? {
            Written::New(committed) => Ok(committed),
            Written::Repeated(_) => unreachable!("nobody looks for a name that the server made"),
        }
    }

    async fn send_commit(&self, write: Write, request: Option<RequestToKeep>) -> Result<Written, CommitError> {
        let command = Box::new(CommitCommand { write, request, queued_at: Instant::now() });
        self.pipeline.send(|answer| Command::Commit(command, answer)).await
    }

    /// Commits what a peer pushed, each as one transaction, in their order, and each once: what was
    /// taken before is known. Each says its site and which push it is ([`document::Origin`]). What is
    /// refused keeps nothing from what follows it, but for [`PushOutcome::SiteReused`], which is the
    /// last outcome then.
    ///
    /// # Errors
    /// Of none it is known what became of it: the peer is to send all of them again.
    pub async fn push(&self, pushes: Vec<Write>) -> Result<Vec<PushOutcome>, CommitError> {
        let is_named = |write: &Write| write.changeset.origin.site.is_some() && write.changeset.origin.pushed.is_some();
        assert!(pushes.iter().all(is_named), "what is pushed has a site and a number");
        self.keep_referred(&pushes);
        self.pipeline.send(|answer| Command::Push(pushes, Instant::now(), answer)).await
    }

    /// At most `count_max` of the sites that have pushed, ascending, those behind `after`. Blocks on
    /// disk.
    pub fn sites_after(&self, after: Option<SiteId>, count_max: usize) -> Result<Vec<(SiteId, Site)>, SnapshotError> {
        let sites = self.shared.engine.sites_after(after).take(count_max);
        Ok(sites.collect::<Result<_, _>>()?)
    }

    /// What is known of a peer's site. Blocks on disk.
    pub fn site(&self, site: SiteId) -> Result<Option<Site>, SnapshotError> {
        Ok(self.shared.engine.site(site)?)
    }

    /// What was remembered of a request that was committed, if it was. Blocks on disk.
    ///
    /// # Errors
    /// [`CommitError::RequestReused`] if its body was another; [`CommitError::Halted`] if the
    /// documents cannot be read.
    pub fn repeated(&self, request: &Request) -> Result<Option<Remembered>, CommitError> {
        let found = self.shared.engine.remembered(&request.key());
        let found = found.map_err(|error| CommitError::Halted { reason: error.to_string() })?;
        match found {
            Some(found) if found.body != request.body => Err(CommitError::RequestReused { id: request.id.clone() }),
            found => Ok(found),
        }
    }

    /// Makes or changes a definition, as an entry of the order: durable and in force when this
    /// returns.
    pub async fn define(&self, kind: DefinitionKind, name: &str, body: String) -> Result<(), CommitError> {
        let entries = vec![DefinitionEntry { kind, name: name.to_owned(), set: Some((0, body)) }];
        self.pipeline.send(|answer| Command::Define(entries, answer)).await
    }

    /// Forgets a definition, in the same way.
    pub async fn forget_definition(&self, kind: DefinitionKind, name: &str) -> Result<(), CommitError> {
        let entries = vec![DefinitionEntry { kind, name: name.to_owned(), set: None }];
        self.pipeline.send(|answer| Command::Define(entries, answer)).await
    }

    /// Takes over definitions (name and body) that an older version kept in the setting of that
    /// name, and then removes it. Blocks, on a thread that is no task's.
    ///
    /// # Errors
    /// [`TakeOverError::Commit`]: nothing was taken over, as [`CommitError`] says.
    /// [`TakeOverError::Io`]: the setting could not be removed, and is to be taken over again.
    pub fn take_over_setting(
        &self,
        setting: &str,
        kind: DefinitionKind,
        definitions: Vec<(String, String)>,
    ) -> Result<(), TakeOverError> {
        let entry = |(name, body)| DefinitionEntry { kind, name, set: Some((0, body)) };
        let entries = definitions.into_iter().map(entry).collect();
        self.pipeline.send_blocking(|answer| Command::Define(entries, answer))?;
        Ok(settings::forget(&self.shared, setting)?)
    }

    /// The definitions of a kind that are in force, by name.
    pub fn definitions(&self, kind: DefinitionKind) -> Vec<Definition> {
        self.shared.definitions.read().expect("not poisoned").of_kind(kind)
    }

    /// How many others hold it, or a snapshot of it, beside the caller, if the caller has one
    /// handle.
    pub fn holders(self: &Arc<Self>) -> usize {
        Arc::strong_count(self) - 1 + (Arc::strong_count(&self.shared.snapshots) - 1)
    }

    /// The newest transaction that reads can see.
    pub fn newest_txn(&self) -> TxnId {
        TxnId(*self.shared.newest_txn.borrow())
    }

    /// Waits until `txn_id` is applied, at most `timeout`; of one that was lost with a restore
    /// ([`App::lost_with`]) it is said at once.
    pub async fn wait_for(&self, txn_id: TxnId, timeout: Duration) -> Result<(), WaitError> {
        if self.lost_with(txn_id).is_some() {
            return Err(WaitError { wanted: txn_id.0, newest: self.newest_txn().0 });
        }
        let mut newest = self.shared.newest_txn.subscribe();
        if *newest.borrow() >= txn_id.0 {
            return Ok(());
        }
        let waited = tokio::time::timeout(timeout, newest.wait_for(|&newest| newest >= txn_id.0)).await;
        match waited {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(WaitError { wanted: txn_id.0, newest: self.newest_txn().0 }),
        }
    }

    /// The documents as they are now; does not change while it is held. Reading blocks on disk:
    /// scan on a blocking thread.
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        // First, so that the index in the snapshot is whole below it.
        let log_start = self.shared.journal.start().first_offset;
        let ready_indexes = self.shared.engine.ready_indexes();
        Snapshot::new(self.shared.engine.snapshot(), log_start, ready_indexes, self.shared.snapshots.clone())
    }

    /// The events in offset order.
    pub fn events(&self) -> &EventLog {
        &self.shared.events
    }

    /// Has what transactions write to their documents kept for a while ([`App::delta`]), as long as
    /// the returned is.
    pub fn want_deltas(&self) -> DeltasWanted {
        self.shared.deltas.want()
    }

    /// What the transaction of the event at `offset` wrote to its document, if that is kept.
    pub fn delta(&self, offset: u64) -> Option<Delta> {
        self.shared.deltas.find(offset)
    }

    /// Makes a consumer group's offsets durable, all or none. Each is (topic, partition, offset).
    pub async fn commit_offsets(
        &self,
        group: &str,
        offsets: Vec<(String, i32, CommittedOffset)>,
    ) -> Result<(), CommitError> {
        let offsets = offsets.into_iter().map(|(topic, partition, offset)| (topic, partition, Some(offset))).collect();
        self.change_offsets(OffsetsChange { group: group.to_owned(), offsets }).await
    }

    /// As [`App::commit_offsets`], on a thread that is no task's.
    pub fn commit_offsets_blocking(
        &self,
        group: &str,
        offsets: Vec<(String, i32, CommittedOffset)>,
    ) -> Result<(), CommitError> {
        let offsets = offsets.into_iter().map(|(topic, partition, offset)| (topic, partition, Some(offset))).collect();
        let change = OffsetsChange { group: group.to_owned(), offsets };
        self.pipeline.send_blocking(|answer| Command::ChangeOffsets(change, answer))
    }

    /// The group's committed offsets: (topic, partition, offset).
    pub fn committed_offsets(&self, group: &str) -> Vec<(String, i32, CommittedOffset)> {
        self.shared.offsets.read().expect("not poisoned").of_group(group)
    }

    /// Every group that has committed an offset, sorted.
    pub fn groups_with_offsets(&self) -> Vec<String> {
        self.shared.offsets.read().expect("not poisoned").groups()
    }

    /// What the committed offsets of all groups take up in bytes, roughly: now, and if `offsets` of
    /// `group` are committed.
    pub fn offsets_bytes_with(&self, group: &str, offsets: &[(String, i32, CommittedOffset)]) -> (usize, usize) {
        self.shared.offsets.read().expect("not poisoned").len_bytes_with(group, offsets)
    }

    /// The group's generation, as it was last noted.
    pub fn group_generation(&self, group: &str) -> Option<GroupGeneration> {
        self.shared.offsets.read().expect("not poisoned").generation(group)
    }

    /// The groups of which a generation is noted, sorted.
    pub fn groups_with_generation(&self) -> Vec<String> {
        self.shared.offsets.read().expect("not poisoned").groups_with_generation()
    }

    /// Notes a group's generation durably; `None` forgets it.
    pub async fn note_group_generation(
        &self,
        group: &str,
        generation: Option<GroupGeneration>,
    ) -> Result<(), CommitError> {
        self.change_offsets(generation_change(group, generation)).await
    }

    /// Every group of which offsets are kept, or when it was last used; sorted.
    pub fn groups_that_may_expire(&self) -> Vec<String> {
        self.shared.offsets.read().expect("not poisoned").groups_that_may_expire()
    }

    /// Whether anything is kept of the group (offsets, its generation, when it was last used), and of how many
    /// groups something is.
    pub fn knows_group(&self, group: &str) -> (bool, usize) {
        self.shared.offsets.read().expect("not poisoned").knows(group)
    }

    /// When the group was last used, in ms since the epoch, as it was last noted.
    pub fn group_last_used_ms(&self, group: &str) -> Option<u64> {
        self.shared.offsets.read().expect("not poisoned").last_used_ms(group)
    }

    /// Notes durably when a group was last used, in ms since the epoch.
    pub async fn note_group_used(&self, group: &str, used_ms: u64) -> Result<(), CommitError> {
        self.change_offsets(last_used_change(group, used_ms)).await
    }

    /// Forgets committed offsets: those of `partitions` (topic, partition), or, with `None`, all of the group's
    /// and when it was last used.
    pub async fn delete_offsets(&self, group: &str, partitions: Option<Vec<(String, i32)>>) -> Result<(), CommitError> {
        let change = match partitions {
            None => self.shared.offsets.read().expect("not poisoned").forget_change(group),
            Some(partitions) => {
                let offsets = partitions.into_iter().map(|(topic, partition)| (topic, partition, None)).collect();
                OffsetsChange { group: group.to_owned(), offsets }
            }
        };
        if change.offsets.is_empty() { Ok(()) } else { self.change_offsets(change).await }
    }

    async fn change_offsets(&self, change: OffsetsChange) -> Result<(), CommitError> {
        self.pipeline.send(|answer| Command::ChangeOffsets(change, answer)).await
    }

    /// Why writes are refused at the moment (halted, the clock, disk full); `None` while they are
    /// taken. Looks at the disk again where that was the reason: a health check may be the first to
    /// see that there is space.
    pub fn write_obstacle(&self) -> Option<CommitError> {
        let known = self.shared.obstacle();
        let clock = self.shared.clock.time().obstacle();
        match known {
            halted @ Some(CommitError::Halted { .. }) => halted,
            _ if clock.is_some() => clock,
            Some(CommitError::DiskFull { needed_bytes, .. }) => {
                let (free_bytes, _) = disk::space(&self.shared.dir).unwrap_or_default();
                (free_bytes < needed_bytes).then_some(CommitError::DiskFull { free_bytes, needed_bytes })
            }
            known => known,
        }
    }

    /// What shows that somebody knows more than the data, as an older copy shows that was put back
    /// without a restore; `None` while nothing does. It stays until the app is opened again.
    pub fn ahead(&self) -> Option<&str> {
        self.shared.ahead.get().map(String::as_str)
    }

    /// Notes that somebody knows more than there is, and logs it the first time. `what` says who knows
    /// what, as in "a consumer stands at offset 7 of …".
    pub fn note_ahead(&self, what: impl FnOnce() -> String) {
        if self.ahead().is_some() {
            return;
        }
        let newest = self.newest_txn().0;
        let what = format!("{}, the newest transaction is {newest}", what());
        let app = self.name().as_str();
        if self.shared.ahead.set(what.clone()).is_ok() {
            tracing::error!(
                app,
                what,
                "an older copy of the data was put back without headwater restore: txnIds and offsets are given out \
                 again, and whoever has read more misses events. Stop the server, and restore the copy"
            );
        }
    }

    /// The first damage that was met in the events while the app was open, with its file and byte;
    /// `None` while all that was read is whole. What lies behind it is not served: a backup has to
    /// be restored.
    pub fn damage(&self) -> Option<String> {
        self.shared.journal.damage().map(str::to_owned)
    }

    /// A text that an older version kept beside the app's data under `name` (of `a-z` and `-`), as
    /// `<name>.json`; `None` if there is none. What is damaged is an error. Blocks on disk.
    pub fn setting(&self, name: &str) -> std::io::Result<Option<String>> {
        settings::read_noted(&self.shared, name)
    }

    /// Has `observer` asked before anything goes, on the retention's thread. Nothing goes until
    /// this is called: whoever reads the events may have to note something of them first.
    pub fn observe_trims(&self, observer: Box<dyn TrimObserver>) {
        *self.shared.trim_observer.write().expect("not poisoned") = Some(observer);
    }

    /// Has retention look once, and waits until it has
    /// ([`crate::StoreOptions::trims_when_told`]).
    #[cfg(feature = "memory")]
    pub fn trim_now(&self) {
        retention::look_now(&self.shared, &self.pipeline);
    }

    /// The largest event, in bytes of its value; a larger one became a `requeryRequired`.
    pub fn event_bytes_max(&self) -> usize {
        self.shared.options.event_bytes_max as usize
    }

    /// Below this offset tombstones were dropped (`tombstone_retention_ms`): who resumes there may
    /// miss that a document was removed, and who looks here after taking a [`Snapshot`] knows
    /// whether the snapshot may lack one. 0: none was ever dropped. Only grows.
    pub fn tombstone_floor(&self) -> u64 {
        self.shared.engine.tombstone_floor().0
    }

    /// The transaction of the last tombstone that was dropped; 0 if an older version dropped it.
    pub fn tombstone_floor_txn(&self) -> TxnId {
        self.shared.engine.tombstone_floor().1
    }

    /// After this transaction changes can be told by events: what lies before was trimmed.
    pub fn events_after(&self) -> TxnId {
        TxnId(self.shared.journal.start().first_txn.saturating_sub(1))
    }

    /// The time by the app's clock, in ms since the epoch.
    pub fn now_ms(&self) -> u64 {
        self.shared.clock.time().good_ms
    }

    /// In how many ms retention trims the event at `offset`, which was written at `written_ms`, if
    /// writes go on as they did since the oldest event that is kept; `None` without a limit, or if
    /// it never does. Of its segment as of the event itself: a segment that is not full yet, or has
    /// younger events, stays longer.
    pub fn trimmed_in_ms(&self, offset: u64, written_ms: u64) -> Option<u64> {
        retention::trimmed_in_ms(&self.shared, offset, written_ms)
    }

    /// Counters for `/metrics` and health.
    pub fn stats(&self) -> AppStats {
        let shared = &self.shared;
        let counters = &shared.counters;
        let catalog = shared.engine.with_catalog(Catalog::totals);
        AppStats {
            transactions: counters.transactions.load(Relaxed),
            events: counters.events.load(Relaxed),
            frames: counters.frames.load(Relaxed),
            sync_micros: counters.sync_micros.load(Relaxed),
            documents_micros: counters.documents_micros.load(Relaxed),
            journal_bytes: shared.journal.len_bytes(),
            log_start: shared.journal.start().first_offset,
            trimmed_bytes: counters.trimmed_bytes.load(Relaxed),
            tombstones_dropped: counters.tombstones_dropped.load(Relaxed),
            requests_forgotten_early: counters.requests_forgotten_early.load(Relaxed),
            journal_segments: shared.journal.segments().len() as u64,
            documents: catalog.documents,
            indexes_ready: catalog.ready,
            indexes_building: catalog.building,
            index_entries: catalog.entries,
            documents_bytes: shared.engine.disk_bytes(),
            disk_free_bytes: disk::space(&shared.dir).map_or(0, |(free, _)| free),
            commit_seconds: counters.commit_histogram(),
        }
    }

    /// Finishes queued writes, stops the sequencer and writes the documents out. Later writes get
    /// [`CommitError::Stopping`].
    pub(crate) fn stop(&self, deadline: Instant) {
        if !self.pipeline.stop() {
            return;
        }
        drop(self.shared.retention.lock().expect("not poisoned").take());
        // Who observes trims may be the last that holds the app, on that very thread: it ends by itself.
        if let Some(thread) = self.retention.lock().expect("not poisoned").take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!(app = self.name().as_str(), "the retention thread panicked");
        }
        if std::thread::panicking() {
            // The engine takes a panic for a sign that its data may be broken and would never
            // finish; the next start replays.
            return;
        }
        if let Err(error) = self.flush_by(deadline) {
            tracing::warn!(
                app = self.name().as_str(),
                error,
                "the documents could not be written out; the next start replays"
            );
        }
    }

    fn flush_by(&self, deadline: Instant) -> Result<(), String> {
        let (done, flushed) = std::sync::mpsc::sync_channel(1);
        let shared = self.shared.clone();
        let flush = move || {
            let result = shared.engine.flush();
            // Whoever stops the app may count on being the last one to hold it.
            drop(shared);
            let _ = done.send(result);
        };
        let name = format!("flush-{}", self.name().as_str());
        std::thread::Builder::new().name(name).spawn(flush).map_err(|error| error.to_string())?;
        match flushed.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(result) => result.map_err(|error| error.0),
            Err(RecvTimeoutError::Timeout) => Err("the engine does not finish".to_owned()),
            Err(RecvTimeoutError::Disconnected) => Err("the engine panicked".to_owned()),
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop(Instant::now() + STOP_TIMEOUT);
    }
}
