//! Opening an app: its journal, the documents beside it, and what one has that the other lacks.
//!
//! Invariant: an app that is open has documents that show every frame of its journal; one whose
//! parts do not belong together, or of which something is missing, is not opened, and the error
//! says what and where.

use std::{
    path::Path,
    sync::{Arc, Mutex, OnceLock, RwLock, atomic::AtomicU64},
};

use attachments::Blobs;
use document::SiteId;
use key_values::{DiskOptions, FjallDisk, KeyValues};
use tokio::sync::watch;

use crate::{
    app::App,
    app_name::AppName,
    consumer_offsets::{ConsumerOffsets, OffsetsChange},
    definition::Definitions,
    engine::{Engine, EngineError, JournalNote, spaces},
    event_log::EventLog,
    journal::{Journal, recovery::Known},
    open_error::OpenError,
    options::StoreOptions,
    pipeline::Pipeline,
    replay::{ReplayError, replay},
    retention, retention_waker,
    shared::Shared,
    stats::Counters,
    trusted_clock::TrustedClock,
};

/// The folder of an app's journal, in the app's.
pub const JOURNAL: &str = "journal";

/// The folder of an app's documents, in the app's.
pub(crate) const DOCUMENTS: &str = "documents";

/// The folder of an app's blobs, in the app's.
pub const ATTACHMENTS: &str = "attachments";

/// A site id for a new app's own writes: never nobody's, and never the one that is nobody's own
/// ([`SiteId::INITIAL`]).
pub(crate) fn fresh_site(random: fn() -> [u8; 16]) -> u64 {
    let site = SiteId(u64::from_le_bytes(random()[..8].try_into().expect("eight bytes")));
    if site.is_valid_origin() && site != SiteId::INITIAL { site.0 } else { SiteId::INITIAL.0 + 1 }
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
        let documents_dir = dir.join(DOCUMENTS);
        let engine_error = |e: EngineError| OpenError::Engine { path: dir.join(DOCUMENTS), message: e.0 };
        let engine = key_values(&documents_dir, options).and_then(Engine::open).map_err(engine_error)?;
        let applied = engine.position().map_err(engine_error)?;
        if engine.count_documents().map_err(engine_error)? {
            tracing::info!(app = name.as_str(), "counted the documents, which an older version had not");
        }
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
        journal.leave_older_version(applied_frames)?;
        let replayed = replay(&journal, &engine, &name, applied).map_err(|error| match error {
            ReplayError::Segment(error) => error.into(),
            ReplayError::Engine(error) => engine_error(error),
        })?;
        if replayed.frames > 0 {
            tracing::info!(app = name.as_str(), frames = replayed.frames, "replayed the journal into the documents");
        }
        let position = replayed.position;
        #[cfg(feature = "memory")]
        if let Some(id) = options.fork {
            let leader_epoch = journal.incarnation().leader_epoch + 1;
            journal.begin_incarnation(crate::Incarnation { id, leader_epoch }, site.0, &position, &position)?;
        }
        let mut offsets = ConsumerOffsets::default();
        for (group, topic, partition, offset) in engine.consumer_offsets().map_err(engine_error)? {
            offsets.apply(&OffsetsChange { group, offsets: vec![(topic, partition, Some(offset))] });
        }
        let seams = engine.seams().map_err(engine_error)?;
        let definitions = Definitions::of(engine.definitions().map_err(engine_error)?);
        let blobs_error = |source| OpenError::Io { act: "cannot list", path: dir.join(ATTACHMENTS), source };
        let shared = Arc::new(Shared {
            name,
            dir: dir.to_owned(),
            instance,
            site,
            options: options.clone(),
            clock,
            blobs: Blobs::open(&dir.join(ATTACHMENTS)).map_err(blobs_error)?,
            events: EventLog::new(journal.clone(), position.next_offset, seams),
            deltas: Arc::default(),
            journal,
            engine,
            newest_txn: watch::Sender::new(position.next_txn - 1),
            index_changes: watch::Sender::new(0),
            offsets: RwLock::new(offsets),
            definitions: RwLock::new(definitions),
            obstacle: RwLock::new(None),
            ahead: OnceLock::new(),
            unknown_requests: Mutex::default(),
            counters: Counters::default(),
            committed_frames: AtomicU64::new(position.next_frame),
            retention: Mutex::new(None),
            trim_observer: RwLock::default(),
            snapshots: Arc::default(),
        });
        let pipeline = Pipeline::new(shared.clone(), position);
        if shared.engine.has_index_work() {
            pipeline.go_on();
        }
        let mut retention = None;
        let limits = [options.retention_bytes, options.retention_ms, options.tombstone_retention_ms];
        if limits.iter().any(Option::is_some) {
            let (waker, woken) = retention_waker::channel();
            *shared.retention.lock().expect("not poisoned") = Some(waker);
            if !options.has_no_retention_thread() {
                let thread = retention::spawn(shared.clone(), pipeline.clone(), woken);
                let cannot_start =
                    |source| OpenError::Io { act: "cannot start the retention of", path: dir.to_owned(), source };
                retention = Some(thread.map_err(cannot_start)?);
            }
        }
        Ok(Self { shared, pipeline, retention: Mutex::new(retention) })
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use document::{Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, Value};
    use files::faults::{Fault, Plan};
    use kafka_wire::record_batch;

    use super::*;
    use crate::{
        commit::CommitError,
        journal::records::for_each_record,
        options::WallClock,
        position::{Position, TxnId},
        trim_observer::NoObserver,
    };

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
        let clock = TrustedClock::without_note(Arc::new(Noon));
        App::open(dir, AppName::new("shop").unwrap(), &options, clock, || *b"0123456789abcdef").unwrap()
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
        app.pipeline.set_stamp_last((Noon.now_ms() + AHEAD_MS) << 16);
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
            // As a kill leaves them: the sequencer was ahead of the committer, which seals a
            // segment when it writes the next.
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
                for_each_record(&batch, each).unwrap();
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
        // As a kill leaves it right before a trim takes out what a writer was faster with: the
        // document goes on, its entry stays.
        app.shared.engine.index(&[(0, rules::raw_document_key("people", "\"moved\""))]).unwrap();
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
