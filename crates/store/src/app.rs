//! One app: what its edges call, and what they share with its sequencer.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, RwLock,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
        mpsc::RecvTimeoutError,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use document::{Changeset, SiteId};
use key_values::{DiskOptions, FjallDisk, KeyValues};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    AppName, AppStats, CommitError, Committed, CommittedOffset, EventLog, OpenError, Remembered, RenderReply, Request,
    Snapshot, SnapshotError, StoreOptions, TrimObserver, TrustedClock, WaitError, Written,
    consumer_offsets::{ConsumerOffsets, GroupGeneration, OffsetsChange, generation_change},
    disk,
    engine::{Engine, EngineError, JournalNote, spaces},
    journal::{Journal, recovery::Known},
    limits::QUEUE_CHANGESETS_MAX,
    position::Position,
    replay::{ReplayError, replay},
    request::RequestKey,
    retention::{self, RetentionWaker},
    sequencer::{Command, RequestToKeep, Sequencer},
    settings,
    stats::Counters,
};

/// How long a stop waits for the engine to write the documents out. Usually it takes some 100 ms.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// The folder of an app's journal, in the app's.
pub(crate) const JOURNAL: &str = "journal";

/// A site id for a new app's own writes.
pub(crate) fn fresh_site(random: fn() -> [u8; 16]) -> u64 {
    u64::from_le_bytes(random()[..8].try_into().expect("eight bytes")) | 1
}

/// A transaction's position in its app. Only grows; 0 is "before the first".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TxnId(pub u64);

/// One app of a data directory. Cheap to share behind an `Arc`; every method may be called from any task.
#[derive(Debug)]
pub struct App {
    shared: Arc<Shared>,
    /// Bounded by [`QUEUE_CHANGESETS_MAX`]: a writer that finds it full waits for a place.
    queue: mpsc::Sender<Command>,
    writing: Mutex<Writing>,
    /// Set once the sequencer runs; it is asked before the mutex.
    is_writing: AtomicBool,
    retention: Mutex<Option<JoinHandle<()>>>,
}

/// The sequencer and its committer: an app that is only read has no threads for them.
#[derive(Debug)]
enum Writing {
    /// Nothing was written since the app was opened.
    NotYet {
        commands: mpsc::Receiver<Command>,
        position: Position,
    },
    Running(JoinHandle<()>),
    /// The thread could not be started.
    Failed,
    Stopped,
}

/// What the sequencer writes and everyone reads.
pub(crate) struct Shared {
    pub(crate) name: AppName,
    pub(crate) dir: PathBuf,
    pub(crate) instance: [u8; 16],
    pub(crate) site: SiteId,
    pub(crate) options: StoreOptions,
    pub(crate) clock: Arc<TrustedClock>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) engine: Engine,
    pub(crate) events: EventLog,
    pub(crate) newest_txn: watch::Sender<u64>,
    pub(crate) offsets: RwLock<ConsumerOffsets>,
    pub(crate) obstacle: RwLock<Option<CommitError>>,
    /// Requests of which nobody knows whether they were done.
    pub(crate) unknown_requests: Mutex<HashSet<RequestKey>>,
    pub(crate) counters: Counters,
    /// Frames whose documents are in the engine.
    pub(crate) committed_frames: AtomicU64,
    /// `None` without a limit, and once the app stops.
    pub(crate) retention: Mutex<Option<RetentionWaker>>,
    pub(crate) trim_observer: RwLock<Option<Box<dyn TrimObserver>>>,
    /// Every snapshot has a handle of it.
    pub(crate) snapshots: Arc<()>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Shared {
    /// Why the app takes no more writes, if so.
    pub(crate) fn halted(&self) -> Option<CommitError> {
        let obstacle = self.obstacle.read().expect("not poisoned");
        obstacle.clone().filter(|error| matches!(error, CommitError::Halted { .. }))
    }

    /// Takes no more writes from here on; gives what writers are told.
    pub(crate) fn halt(&self, reason: String) -> CommitError {
        tracing::error!(app = self.name.as_str(), reason, "the app takes no more writes");
        let error = CommitError::Halted { reason };
        *self.obstacle.write().expect("not poisoned") = Some(error.clone());
        error
    }

    /// Notes why writes are refused for now, and logs it when it changes. What has halted the app stays.
    pub(crate) fn set_obstacle(&self, obstacle: Option<CommitError>) {
        let mut known = self.obstacle.write().expect("not poisoned");
        match (&*known, &obstacle) {
            (Some(CommitError::Halted { .. }), _) => return,
            (None, Some(error)) => tracing::warn!(app = self.name.as_str(), %error, "writes are refused"),
            (Some(_), None) => tracing::info!(app = self.name.as_str(), "writes are taken again"),
            _ => {}
        }
        *known = obstacle;
    }
}

impl App {
    /// Opens or makes the app in `dir`: cuts a torn tail, replays what the documents lack.
    pub(crate) fn open(
        dir: &Path,
        name: AppName,
        options: &StoreOptions,
        clock: Arc<TrustedClock>,
        random: fn() -> [u8; 16],
    ) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { act: "cannot create", path: dir.to_owned(), source };
        files::ensure_directory(dir).map_err(io)?;
        let documents_dir = dir.join("documents");
        let engine_error = |e: EngineError| OpenError::Engine { path: dir.join("documents"), message: e.0 };
        let engine = key_values(&documents_dir, options).and_then(Engine::open).map_err(engine_error)?;
        let applied = engine.position().map_err(engine_error)?;
        let applied_frames = applied.map_or(0, |p| p.next_frame);
        let note = engine.journal().map_err(engine_error)?;
        let journal = open_journal(dir, options, applied_frames, note.as_ref(), random)?;
        check_start(&journal, applied_frames, &documents_dir)?;
        let noted = JournalNote::of(&journal.start());
        match note {
            Some(note) if note.instance == noted.instance => {}
            Some(_) => return Err(OpenError::OtherInstance { path: documents_dir }),
            None => engine.note_journal(&noted).map_err(engine_error)?,
        }
        let (instance, site) = journal.identity();
        let (journal, site) = (Arc::new(journal), SiteId(site));
        let replayed = replay(&journal, &engine, &name, site, applied).map_err(|error| match error {
            ReplayError::Segment(error) => error.into(),
            ReplayError::Engine(error) => engine_error(error),
        })?;
        if replayed.frames > 0 {
            tracing::info!(app = name.as_str(), frames = replayed.frames, "replayed the journal into the documents");
        }
        let position = replayed.position;
        let mut offsets = ConsumerOffsets::default();
        for (group, topic, partition, offset) in engine.consumer_offsets().map_err(engine_error)? {
            offsets.apply(&OffsetsChange { group, offsets: vec![(topic, partition, Some(offset))] });
        }
        let shared = Arc::new(Shared {
            name,
            dir: dir.to_owned(),
            instance,
            site,
            options: options.clone(),
            clock,
            events: EventLog::new(journal.clone(), position.next_offset),
            journal,
            engine,
            newest_txn: watch::Sender::new(position.next_txn - 1),
            offsets: RwLock::new(offsets),
            obstacle: RwLock::new(None),
            unknown_requests: Mutex::default(),
            counters: Counters::default(),
            committed_frames: AtomicU64::new(position.next_frame),
            retention: Mutex::new(None),
            trim_observer: RwLock::default(),
            snapshots: Arc::default(),
        });
        let cannot_start = |what: &'static str| {
            let path = dir.to_owned();
            move |source| OpenError::Io { act: what, path, source }
        };
        let mut retention_thread = None;
        let limits = [options.retention_bytes, options.retention_ms, options.tombstone_retention_ms];
        if limits.iter().any(Option::is_some) {
            let (waker, woken) = retention::channel();
            *shared.retention.lock().expect("not poisoned") = Some(waker);
            let thread = retention::spawn(shared.clone(), woken);
            retention_thread = Some(thread.map_err(cannot_start("cannot start the retention of"))?);
        }
        let (queue, commands) = mpsc::channel(QUEUE_CHANGESETS_MAX);
        let writing = Mutex::new(Writing::NotYet { commands, position });
        let (is_writing, retention) = (AtomicBool::new(false), Mutex::new(retention_thread));
        Ok(Self { shared, queue, writing, is_writing, retention })
    }

    /// Its name.
    pub fn name(&self) -> &AppName {
        &self.shared.name
    }

    /// A random number that the app keeps for life, restores included; topic ids derive from it.
    pub fn instance(&self) -> [u8; 16] {
        self.shared.instance
    }

    /// Commits `changeset` as one transaction: durable, applied and visible to reads when this returns. Waits for a place in
    /// the queue while it is full. Dropping the future does not undo what was queued.
    pub async fn commit(&self, changeset: Changeset) -> Result<Committed, CommitError> {
        match self.send_commit(changeset, None).await? {
            Written::New(committed) => Ok(committed),
            Written::Repeated(_) => unreachable!("it was not named"),
        }
    }

    /// As [`App::commit`], for a request with a name: if its caller gave it, and one of that name was committed before, or is on the way, its
    /// result is given and nothing is written. `render` makes the answer that is kept for repetitions; it is called once the changeset is applied,
    /// and must not wait.
    pub async fn commit_request(
        &self,
        changeset: Changeset,
        request: Request,
        render: RenderReply,
    ) -> Result<Written, CommitError> {
        self.send_commit(changeset, Some(RequestToKeep { request, render: Some(render) })).await
    }

    /// As [`App::commit`], for a request that the server named itself, and whose answer says no more than what it did. It can be repeated under
    /// that name if its outcome was [`CommitError::Unknown`].
    pub async fn commit_unasked(&self, changeset: Changeset, request: Request) -> Result<Committed, CommitError> {
        let request = Request { given: false, ..request };
        match self.send_commit(changeset, Some(RequestToKeep { request, render: None })).await? {
            Written::New(committed) => Ok(committed),
            Written::Repeated(_) => unreachable!("nobody looks for a name that the server made"),
        }
    }

    async fn send_commit(&self, changeset: Changeset, request: Option<RequestToKeep>) -> Result<Written, CommitError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Commit { changeset, request, queued_at: Instant::now(), reply };
        self.start_writing()?;
        self.queue.send(command).await.map_err(|_| self.gone())?;
        answer.await.map_err(|_| self.gone_with_it())?
    }

    /// What was remembered of a request that was committed, if it was. Blocks on disk.
    ///
    /// # Errors
    /// [`CommitError::RequestReused`] if its body was another; [`CommitError::Halted`] if the documents cannot be read.
    pub fn repeated(&self, request: &Request) -> Result<Option<Remembered>, CommitError> {
        let found = self.shared.engine.remembered(&request.key());
        let found = found.map_err(|error| CommitError::Halted { reason: error.to_string() })?;
        match found {
            Some(found) if found.body != request.body => Err(CommitError::RequestReused { id: request.id.clone() }),
            found => Ok(found),
        }
    }

    /// The first write starts the sequencer.
    fn start_writing(&self) -> Result<(), CommitError> {
        if self.is_writing.load(Acquire) {
            return Ok(());
        }
        let mut writing = self.writing.lock().expect("not poisoned");
        let (commands, position) = match std::mem::replace(&mut *writing, Writing::Stopped) {
            Writing::NotYet { commands, position } => (commands, position),
            // Somebody else has started it meanwhile, or the app stops: sending the command tells.
            other => {
                *writing = other;
                return Ok(());
            }
        };
        let kept = self.shared.engine.requests_kept();
        let kept =
            kept.map_err(|error| self.shared.halt(format!("the requests that are kept cannot be read: {error}")))?;
        let started = Sequencer::spawn(self.shared.clone(), self.queue.clone(), commands, position, kept);
        let thread = started.map_err(|error| {
            *writing = Writing::Failed;
            self.shared.halt(format!("cannot start the sequencer: {error}"))
        })?;
        *writing = Writing::Running(thread);
        self.is_writing.store(true, Release);
        Ok(())
    }

    /// What writers are told when nobody takes their command any more.
    fn gone(&self) -> CommitError {
        if matches!(*self.writing.lock().expect("not poisoned"), Writing::Stopped) {
            return CommitError::Stopping;
        }
        self.write_obstacle().unwrap_or_else(|| self.shared.halt("the sequencer panicked, see the log".into()))
    }

    /// What writers are told whose command was taken by somebody who is gone: the journal may hold it.
    fn gone_with_it(&self) -> CommitError {
        CommitError::Unknown { reason: self.gone().to_string() }
    }

    /// How many others hold it, or a snapshot of it, beside the caller, if the caller has one handle.
    pub fn holders(self: &Arc<Self>) -> usize {
        Arc::strong_count(self) - 1 + (Arc::strong_count(&self.shared.snapshots) - 1)
    }

    /// The newest transaction that reads can see.
    pub fn newest_txn(&self) -> TxnId {
        TxnId(*self.shared.newest_txn.borrow())
    }

    /// Waits until `txn_id` is applied, at most `timeout`.
    pub async fn wait_for(&self, txn_id: TxnId, timeout: Duration) -> Result<(), WaitError> {
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

    /// The documents as they are now; does not change while it is held. Reading blocks on disk: scan on a blocking thread.
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        // First, so that the index in the snapshot is whole below it.
        let log_start = self.shared.journal.start().first_offset;
        Snapshot::new(self.shared.engine.snapshot(), log_start, self.shared.snapshots.clone())
    }

    /// The events in offset order.
    pub fn events(&self) -> &EventLog {
        &self.shared.events
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

    /// The group's committed offsets: (topic, partition, offset).
    pub fn committed_offsets(&self, group: &str) -> Vec<(String, i32, CommittedOffset)> {
        self.shared.offsets.read().expect("not poisoned").of_group(group)
    }

    /// Every group that has committed an offset, sorted.
    pub fn groups_with_offsets(&self) -> Vec<String> {
        self.shared.offsets.read().expect("not poisoned").groups()
    }

    /// What the committed offsets of all groups take up in bytes, roughly: now, and if `offsets` of `group` are committed.
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

    /// Forgets committed offsets: those of `partitions` (topic, partition), or all of the group's if that is `None`.
    pub async fn delete_offsets(&self, group: &str, partitions: Option<Vec<(String, i32)>>) -> Result<(), CommitError> {
        let partitions = partitions.unwrap_or_else(|| {
            self.committed_offsets(group).into_iter().map(|(topic, partition, _)| (topic, partition)).collect()
        });
        if partitions.is_empty() {
            return Ok(());
        }
        let offsets = partitions.into_iter().map(|(topic, partition)| (topic, partition, None)).collect();
        self.change_offsets(OffsetsChange { group: group.to_owned(), offsets }).await
    }

    async fn change_offsets(&self, change: OffsetsChange) -> Result<(), CommitError> {
        let (reply, answer) = oneshot::channel();
        self.start_writing()?;
        self.queue.send(Command::ChangeOffsets { change, reply }).await.map_err(|_| self.gone())?;
        answer.await.map_err(|_| self.gone_with_it())?
    }

    /// Why writes are refused at the moment (halted, the clock, disk full); `None` while they are taken. Looks at the disk again where that was
    /// the reason: a health check may be the first to see that there is space.
    pub fn write_obstacle(&self) -> Option<CommitError> {
        let known = self.shared.obstacle.read().expect("not poisoned").clone();
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

    /// The first damage that was met in the events while the app was open, with its file and byte; `None` while all that was read is whole. What
    /// lies behind it is not served: a backup has to be restored.
    pub fn damage(&self) -> Option<String> {
        self.shared.journal.damage().map(str::to_owned)
    }

    /// A text that is kept beside the app's data under `name` (of `a-z` and `-`), as `<name>.json` with a checksum; `None` if there is none.
    /// What is damaged is an error. Blocks on disk.
    pub fn setting(&self, name: &str) -> std::io::Result<Option<String>> {
        let text = settings::read(&self.shared.dir, name)?;
        let notes = self.shared.engine.settings().map_err(std::io::Error::other)?;
        settings::check(&self.shared.dir, name, text.as_deref(), &notes)?;
        Ok(text)
    }

    /// Replaces the text of [`App::setting`], durably and whole. Blocks on disk.
    pub fn set_setting(&self, name: &str, text: &str) -> std::io::Result<()> {
        let Shared { dir, engine, .. } = &*self.shared;
        let before = self.setting(name)?;
        // Between the two notes the file may be the old one or the new one.
        let (old, new) = (before.as_deref().map(settings::checksum), Some(settings::checksum(text)));
        let note = |note: &[Option<u32>]| engine.note_setting(name, note).map_err(std::io::Error::other);
        note(&[old, new])?;
        engine.persist().map_err(std::io::Error::other)?;
        settings::write(dir, name, text)?;
        if let Err(error) = note(&[new]) {
            // The note that is there allows the new one too.
            tracing::warn!(app = self.name().as_str(), %error, "that a setting is in force could not be noted");
        }
        Ok(())
    }

    /// What was last noted of a view of the events; see [`App::note_view`].
    pub fn view(&self, name: &str) -> Result<Option<Vec<u8>>, SnapshotError> {
        Ok(self.shared.engine.view(name)?)
    }

    /// Keeps with the documents what is known of a view of the events, `None` forgets it. Not synced by itself, but before events are trimmed.
    pub fn note_view(&self, name: &str, state: Option<&[u8]>) -> Result<(), SnapshotError> {
        Ok(self.shared.engine.note_view(name, state)?)
    }

    /// Has `observer` asked before anything goes, on the retention's thread. Nothing goes until this is called: whoever reads the events may have
    /// to note something of them first.
    pub fn observe_trims(&self, observer: Box<dyn TrimObserver>) {
        *self.shared.trim_observer.write().expect("not poisoned") = Some(observer);
    }

    /// Notes that documents left `view` by events that are about to be trimmed: each is the event's offset, the collection and the id as canonical
    /// JSON. Only a document's newest departure is kept.
    pub fn note_departures(&self, view: &str, departures: &[(u64, String, String)]) -> Result<(), SnapshotError> {
        Ok(self.shared.engine.note_departures(view, departures)?)
    }

    /// The largest event, in bytes of its value; a larger one became a `requeryRequired`.
    pub fn event_bytes_max(&self) -> usize {
        self.shared.options.event_bytes_max as usize
    }

    /// Below this offset tombstones were dropped (`tombstone_retention_ms`): who resumes there may miss that a document was removed, and who
    /// looks here after taking a [`Snapshot`] knows whether the snapshot may lack one. 0: none was ever dropped. Only grows.
    pub fn tombstone_floor(&self) -> u64 {
        self.shared.engine.tombstone_floor()
    }

    /// Counters for `/metrics` and health.
    pub fn stats(&self) -> AppStats {
        let shared = &self.shared;
        let counters = &shared.counters;
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
            documents_bytes: shared.engine.disk_bytes(),
            disk_free_bytes: disk::space(&shared.dir).map_or(0, |(free, _)| free),
            commit_seconds: counters.commit_histogram(),
        }
    }

    fn stop_sequencer(&self, thread: JoinHandle<()>) {
        let mut stop = Command::Stop;
        while let Err(mpsc::error::TrySendError::Full(back)) = self.queue.try_send(stop) {
            stop = back;
            std::thread::yield_now();
        }
        if thread.join().is_err() {
            tracing::error!(app = self.name().as_str(), "the sequencer panicked");
        }
    }

    /// Finishes queued writes, stops the sequencer and writes the documents out. Later writes get [`CommitError::Stopping`].
    pub(crate) fn stop(&self, deadline: Instant) {
        let writing = std::mem::replace(&mut *self.writing.lock().expect("not poisoned"), Writing::Stopped);
        match writing {
            Writing::Stopped => return,
            Writing::NotYet { .. } | Writing::Failed => {}
            Writing::Running(thread) => self.stop_sequencer(thread),
        }
        drop(self.shared.retention.lock().expect("not poisoned").take());
        if let Some(thread) = self.retention.lock().expect("not poisoned").take()
            && thread.join().is_err()
        {
            tracing::error!(app = self.name().as_str(), "the retention thread panicked");
        }
        if std::thread::panicking() {
            // The engine takes a panic for a sign that its data may be broken and would never finish; the next start replays.
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

/// Opens the app's journal, or makes it where the documents know of none.
fn open_journal(
    dir: &Path,
    options: &StoreOptions,
    applied_frames: u64,
    note: Option<&JournalNote>,
    random: fn() -> [u8; 16],
) -> Result<Journal, OpenError> {
    let path = dir.join(JOURNAL);
    let known = Known { applied_frames, start: note.map(|note| note.start) };
    let Some(opened) = Journal::open(&path, options.segment_bytes, known, true, random)? else {
        if applied_frames > 0 || note.is_some() {
            return Err(OpenError::JournalMissing { path, applied_frames });
        }
        return Ok(Journal::create(&path, options.segment_bytes, random(), fresh_site(random), random)?);
    };
    let app = dir.file_name().unwrap_or_default().to_string_lossy();
    if opened.torn_bytes > 0 {
        tracing::warn!(%app, bytes = opened.torn_bytes, "cut a torn frame off the journal's end");
    }
    if opened.left_by_trim > 0 {
        tracing::warn!(%app, segments = opened.left_by_trim, "removed segments that a trim had left");
    }
    Ok(opened.journal)
}

/// Documents that do not know where the journal begins must at least know what was before.
fn check_start(journal: &Journal, applied_frames: u64, documents: &Path) -> Result<(), OpenError> {
    let start = journal.start();
    if start.first_frame <= applied_frames {
        return Ok(());
    }
    let message = format!(
        "the journal begins with frame {}, what was before it was trimmed, and the documents in {} only know {applied_frames} frames: \
         restore a backup",
        start.first_frame,
        documents.display(),
    );
    Err(OpenError::Damaged { path: journal.segments()[0].path.clone(), at: 0, message })
}

fn key_values(dir: &Path, options: &StoreOptions) -> Result<Box<dyn KeyValues>, EngineError> {
    #[cfg(feature = "memory")]
    if let Some(memory) = &options.memory {
        return Ok(Box::new(memory.clone()));
    }
    let options =
        DiskOptions { cache_bytes: options.cache_bytes, threads: options.engine_threads, spaces: spaces::SPACES };
    Ok(Box::new(FjallDisk::open(dir, &options)?))
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop(Instant::now() + STOP_TIMEOUT);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use document::{Action, CollectionName, Condition, DocumentId, Map, Operation, Origin, Value};
    use files::faults::{Fault, Plan};
    use kafka_wire::record_batch;

    use super::*;
    use crate::{NoObserver, WallClock, engine::raw_document_key};

    #[derive(Debug)]
    struct Noon;

    impl WallClock for Noon {
        fn now_ms(&self) -> u64 {
            1_645_472_201_000
        }
    }

    fn open(dir: &Path) -> App {
        open_with(dir, None)
    }

    fn open_with(dir: &Path, retention_bytes: Option<u64>) -> App {
        let options = StoreOptions { segment_bytes: 64 * 1024, retention_bytes, ..StoreOptions::default() };
        App::open(dir, AppName::new("shop").unwrap(), &options, TrustedClock::without_note(Arc::new(Noon)), || {
            *b"0123456789abcdef"
        })
        .unwrap()
    }

    fn upsert(id: &str) -> Changeset {
        let operation = Operation {
            collection: CollectionName::new("people").unwrap(),
            id: DocumentId::from_value(&Value::String(id.into())).unwrap(),
            condition: Condition::Always,
            action: Action::upsert(Map::new()),
        };
        Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() }
    }

    #[test]
    fn after_a_failed_sync_no_write_is_taken_until_the_app_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let app = open(dir.path());
        runtime.block_on(app.commit(upsert("kept"))).unwrap();
        let journal = app.shared.journal.segments()[0].path.parent().unwrap().to_owned();
        let _injected = files::faults::inject(&journal, Plan::new(Fault::Io, 1).only(&[files::Act::Sync]));
        let error = runtime.block_on(app.commit(upsert("failed"))).unwrap_err();
        assert!(matches!(&error, CommitError::Unknown { reason } if reason.contains("cannot write to")), "{error}");
        let error = runtime.block_on(app.commit(upsert("refused"))).unwrap_err();
        assert!(matches!(&error, CommitError::Halted { reason } if reason.contains("cannot write to")), "{error}");
        assert!(matches!(app.write_obstacle(), Some(CommitError::Halted { .. })));
        assert_eq!((app.newest_txn(), app.events().high_watermark()), (TxnId(1), 1), "readers see nothing of it");
        drop(app);
        let app = open(dir.path());
        assert_eq!(runtime.block_on(app.commit(upsert("again"))).unwrap().txn_id.0, app.newest_txn().0);
    }

    #[test]
    fn stamps_that_are_ahead_raise_no_commit_time() {
        const AHEAD_MS: u64 = 30 * 24 * 3600 * 1000;
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let app = open(dir.path());
        // As if a stamp had been seen that another site made by a clock of its own.
        if let Writing::NotYet { position, .. } = &mut *app.writing.lock().unwrap() {
            position.stamp_last = (Noon.now_ms() + AHEAD_MS) << 16;
        }
        runtime.block_on(app.commit(upsert("a"))).unwrap();
        drop(app);
        for n in 0..2 {
            // From the journal, too: what a replay and the next start go on from.
            let app = open(dir.path());
            runtime.block_on(app.commit(upsert(&format!("b{n}")))).unwrap();
            for batch in runtime.block_on(app.events().read(0, 1 << 20)).unwrap() {
                let header = record_batch::verify(&batch).unwrap();
                assert_eq!(header.max_timestamp_ms as u64, Noon.now_ms());
            }
            let people = CollectionName::new("people").unwrap();
            for stored in app.snapshot().unwrap().scan(&people) {
                let stamp = stored.unwrap().1.document.stamp_max();
                assert!(stamp.wall_ms() >= Noon.now_ms() + AHEAD_MS, "the stamps do grow: {stamp:?}");
            }
        }
    }

    #[test]
    fn a_segment_that_was_being_made_at_a_crash_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let app = open(dir.path());
        runtime.block_on(app.commit(upsert("kept"))).unwrap();
        let segment = app.shared.journal.segments()[0].path.clone();
        drop(app);
        let half_made = segment.with_file_name("00000000000000000001.segment.new");
        std::fs::write(&half_made, [0; 4096]).unwrap();
        let app = open(dir.path());
        assert!(!half_made.exists() && app.events().high_watermark() == 1);
        runtime.block_on(app.commit(upsert("next"))).unwrap();
    }

    #[test]
    fn segments_made_for_frames_that_were_never_written_are_removed() {
        for frames_missing in [0, 1, 2] {
            let dir = tempfile::tempdir().unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let app = open(dir.path());
            runtime.block_on(app.commit(upsert("kept"))).unwrap();
            let written = app.shared.journal.segments()[0].clone();
            // As a kill leaves them: the sequencer was ahead of the committer, which seals a segment when it writes the next.
            for frame in [1 + frames_missing, 2 + frames_missing] {
                // One event in each.
                let position =
                    Position { next_frame: frame, next_txn: 1 + frame, next_offset: frame, ..Position::default() };
                app.shared.journal.place(64 * 1024, &position).unwrap();
            }
            drop(app);
            // There is no room for the head of another frame behind the last.
            std::fs::File::options()
                .write(true)
                .open(&written.path)
                .unwrap()
                .set_len(written.len_bytes() + 10)
                .unwrap();

            let app = open(dir.path());
            assert_eq!(app.shared.journal.segments().len(), 1);
            let paths = std::fs::read_dir(written.path.parent().unwrap()).unwrap();
            assert_eq!(paths.count(), 1, "their files too");
            assert_eq!(runtime.block_on(app.commit(upsert("next"))).unwrap().txn_id, TxnId(2));
            let batches = runtime.block_on(app.events().read(0, 1 << 20)).unwrap();
            let mut offsets = Vec::new();
            for batch in batches {
                let each = |record: &record_batch::Record<'_>| {
                    offsets.push(record.offset);
                    Ok(())
                };
                retention::for_each_record(&batch, each).unwrap();
            }
            assert_eq!(offsets, [0, 1]);
        }
    }

    #[test]
    fn what_an_unfinished_trim_left_in_the_index_is_not_told() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let app = open(dir.path());
        runtime.block_on(app.commit(upsert("moved"))).unwrap();
        // As a kill leaves it right before a trim takes out what a writer was faster with: the document goes on, its entry stays.
        app.shared.engine.index(&[(0, raw_document_key("people", "\"moved\""))]).unwrap();
        runtime.block_on(app.commit(upsert("moved"))).unwrap();
        for n in 0..1000 {
            runtime.block_on(app.commit(upsert(&n.to_string()))).unwrap();
        }
        runtime.block_on(app.commit(upsert("moved"))).unwrap();
        drop(app);
        let app = open_with(dir.path(), Some(0));
        app.observe_trims(Box::new(NoObserver));
        app.shared.retention.lock().unwrap().as_ref().unwrap().wake();
        let deadline = Instant::now() + Duration::from_secs(30);
        while app.events().log_start() == 0 {
            assert!(Instant::now() < deadline, "waited in vain until it is trimmed");
            std::thread::sleep(Duration::from_millis(2));
        }
        let snapshot = app.snapshot().unwrap();
        let told: Vec<_> = snapshot.trimmed_changes(0).map(|change| change.unwrap().id_json).collect();
        assert!(told.contains(&"\"0\"".to_owned()) && !told.contains(&"\"moved\"".to_owned()), "{told:?}");
    }
}
