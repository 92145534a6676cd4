//! Retention: trims the journal's oldest segments, by bytes and by time
//! (docs/reference/live-queries.md; Kafka's `retention.bytes` and `retention.ms`), and
//! drops tombstones that are old enough, if it is told to.
//!
//! One thread an app, if it has a limit: it looks when a segment begins, and every five seconds.
//! Before a segment goes, every document whose last event lies in it is entered in the last-change
//! index, and the documents are made durable: so what was trimmed can be named, and never has to be
//! replayed. Writers do not wait for any of it.
//!
//! Invariants: only sealed segments whose frames the documents have; oldest first; the index is
//! whole below the log start; nothing goes unless whoever reads the events has let it go
//! (`trim_observer`).
//! Not here: what consumers are told of what was trimmed (`gap`).

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::Ordering::{Acquire, Relaxed},
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use wire::event;

use crate::{
    commit::CommitError,
    engine::{ENTRIES_AT_ONCE, EngineError, JournalNote},
    incarnation::Seam,
    journal::{
        batch_reader::BatchReader,
        frame::FrameError,
        records::for_each_record,
        segment::{RemovedSegment, Segment, SegmentError},
    },
    pipeline::{Command, Pipeline},
    shared::Shared,
    snapshot::SnapshotError,
    tombstones::{DroppedTombstones, OldTombstones},
    trim_observer::TrimObserver,
};

/// How often it looks by itself; Kafka's `log.retention.check.interval.ms` is five minutes.
const INTERVAL: Duration = Duration::from_secs(5);

/// As `nice` says it: 19 is the lowest.
const PRIORITY: i32 = 15;

/// How long a segment is read without a rest.
const READ_WITHOUT_REST: Duration = Duration::from_millis(1);

/// The longest rest: what took longer than this was waiting for others already.
const REST_MAX: Duration = Duration::from_millis(10);

/// How much is freed in a ms at most: a file system's journal that takes up too much at once has
/// every sync wait for it. 64 ms a GB.
const FREED_BYTES_PER_MS: u64 = 16 << 20;

/// How long the file system should be busy with what is freed at once, since a sync may wait as
/// long.
const FREEING_WITHOUT_REST: Duration = Duration::from_millis(1);

/// Segments that go at a time: whoever makes a live query waits until they are gone.
const SEGMENTS_AT_ONCE: usize = 4;

/// The least that is freed at once, and what is tried first.
const FREED_AT_ONCE_MIN: u64 = 1 << 20;
const FREED_AT_FIRST: u64 = 4 << 20;

/// Why segments could not be trimmed. It is tried again at the next look.
#[derive(Debug, thiserror::Error)]
enum RetentionError {
    #[error(transparent)]
    Segment(#[from] SegmentError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("cannot free a removed segment: {0}")]
    Free(#[from] std::io::Error),
}

/// Starts the thread; it ends when every waker is gone.
pub(crate) fn spawn(
    shared: Arc<Shared>,
    pipeline: Arc<Pipeline>,
    woken: Receiver<()>,
) -> std::io::Result<JoinHandle<()>> {
    let name = format!("retention-{}", shared.name.as_str());
    std::thread::Builder::new().name(name).spawn(move || {
        // There is no hurry: writers go first. Where the system does not allow it, it runs as any
        // other thread.
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), PRIORITY);
        let mut tombstones = OldTombstones::new(shared.engine.tombstone_floor().0);
        // The first look is not at once: whoever opens the app has something better to do.
        while woken.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Disconnected) {
            let observer = shared.trim_observer.read().expect("not poisoned");
            let Some(observer) = observer.as_deref() else { continue };
            look(&shared, &pipeline, observer, &mut tombstones);
        }
    })
}

/// One look, without the thread: nobody is asked what has to be kept.
#[cfg(feature = "memory")]
pub(crate) fn look_now(shared: &Shared, pipeline: &Pipeline) {
    let mut tombstones = OldTombstones::new(shared.engine.tombstone_floor().0);
    look(shared, pipeline, &crate::trim_observer::NoObserver, &mut tombstones);
}

fn look(shared: &Shared, pipeline: &Pipeline, observer: &dyn TrimObserver, tombstones: &mut OldTombstones) {
    if let Err(error) = trim(shared, observer) {
        tracing::warn!(app = shared.name.as_str(), %error, "old events could not be trimmed");
    }
    match tombstones.drop_old(shared, observer, &|dropped| drop_tombstones(pipeline, dropped)) {
        Ok(0) => {}
        Ok(dropped) => {
            let (floor, _) = shared.engine.tombstone_floor();
            tracing::info!(app = shared.name.as_str(), dropped, floor, "dropped old tombstones");
        }
        Err(error) => {
            tracing::warn!(app = shared.name.as_str(), %error, "old tombstones could not be dropped");
        }
    }
}

/// Has tombstones dropped as an entry of the order. Nobody has to be told of what cannot be done
/// now: it is tried again.
fn drop_tombstones(pipeline: &Pipeline, dropped: DroppedTombstones) -> Result<u64, EngineError> {
    match pipeline.send_blocking(|answer| Command::DropTombstones(dropped, answer)) {
        Err(CommitError::Stopping) => Ok(0),
        done => done.map_err(|error| EngineError(error.to_string())),
    }
}

/// Trims what the limits say, some segments at a time.
fn trim(shared: &Shared, observer: &dyn TrimObserver) -> Result<(), RetentionError> {
    while let Some(trim) = Trim::due(shared) {
        let began = Instant::now();
        let Some(trimmed) = trim.take_out(shared, observer)? else { return Ok(()) };
        let Trim { count, bytes, log_start, segments } = trim;
        let indexed_ms = began.elapsed().as_millis() as u64;
        drop(segments);
        let began = Instant::now();
        remove(shared, trimmed)?;
        let freed_ms = began.elapsed().as_millis() as u64;
        shared.counters.trimmed_bytes.fetch_add(bytes, Relaxed);
        tracing::info!(
            app = shared.name.as_str(),
            segments = count,
            bytes,
            log_start,
            indexed_ms,
            freed_ms,
            "trimmed old events"
        );
    }
    Ok(())
}

/// A step of a trim, of the oldest segments. First everything that must be known of them later is
/// noted and made durable, and a crash leaves them where they are. Then they are out, and only
/// their files are left.
struct Trim {
    count: usize,
    bytes: u64,
    /// Behind them.
    log_start: u64,
    segments: Vec<Arc<Segment>>,
}

impl Trim {
    /// What the limits say, or the oldest [`SEGMENTS_AT_ONCE`] of it; `None` if nothing is to go.
    fn due(shared: &Shared) -> Option<Self> {
        let segments = shared.journal.segments();
        let committed_frames = shared.committed_frames.load(Acquire);
        let sealed = segments.windows(2).take_while(|pair| pair[1].header.first_frame <= committed_frames).count();
        let size =
            |pair: &[Arc<Segment>]| Size { bytes: pair[0].len_bytes(), newest_ms: pair[1].header.commit_time_ms };
        let sizes: Vec<Size> = segments.windows(2).take(sealed).map(size).collect();
        let (retention_bytes, retention_ms) = (shared.options.retention_bytes, shared.options.retention_ms);
        // By a clock that is not believed nothing is too old.
        let oldest_kept_ms =
            shared.clock.time().believed_ms().zip(retention_ms).map(|(now, limit)| now.saturating_sub(limit));
        let count = trimmable(&sizes, shared.journal.len_bytes(), retention_bytes, oldest_kept_ms);
        let count = count.min(SEGMENTS_AT_ONCE);
        let bytes = sizes[..count].iter().map(|size| size.bytes).sum();
        let log_start = segments[count].header.first_offset;
        (count > 0).then_some(Self { count, bytes, log_start, segments })
    }

    /// Gives the segments that are out; `None`: the app stops, and does not wait for all of them.
    /// The next start indexes them again.
    fn take_out(
        &self,
        shared: &Shared,
        observer: &dyn TrimObserver,
    ) -> Result<Option<Vec<Arc<Segment>>>, RetentionError> {
        // From here on writers take the entries out that this trim makes.
        shared.engine.begin_index(self.log_start)?;
        shared.engine.forget_index_from(self.segments[0].header.first_offset)?;
        for (segment, end) in self.segments_with_ends() {
            if is_stopping(shared) {
                return Ok(None);
            }
            index(shared, segment, end).inspect_err(|error| note_damage(shared, error))?;
        }
        let failed = |error: SnapshotError| EngineError(error.message);
        let mut observed = observer.begin();
        for (segment, end) in self.segments_with_ends() {
            if is_stopping(shared) {
                return Ok(None);
            }
            // It reads the same events again, from memory now.
            observed.about_to_trim(segment.header.first_offset..end).map_err(failed)?;
            segment.uncache();
        }
        shared.engine.persist()?;
        // Whoever waits for this to end waits from here on only.
        observed.last_look().map_err(failed)?;
        shared.engine.persist()?;
        let trimmed = shared.journal.trim(self.count);
        // From here on the next start takes out itself what is not removed yet.
        shared.engine.note_journal(&JournalNote::of(&shared.journal.start()))?;
        Ok(Some(trimmed))
    }

    /// Each that goes, and the offset behind it.
    fn segments_with_ends(&self) -> impl Iterator<Item = (&Segment, u64)> {
        self.segments.windows(2).take(self.count).map(|pair| (&*pair[0], pair[1].header.first_offset))
    }
}

/// Removes the files of segments that were taken out. One that cannot be removed does not keep the
/// others: the next start tries it again.
fn remove(shared: &Shared, trimmed: Vec<Arc<Segment>>) -> Result<(), RetentionError> {
    let (mut all_removed, mut failed) = (Vec::new(), None);
    for segment in trimmed {
        match segment.remove() {
            Ok(removed) => all_removed.extend(removed),
            Err(error) => drop(failed.get_or_insert(error)),
        }
    }
    // Before anything is freed: a name that came back would name a file that was cut.
    files::sync_directory(shared.journal.dir())?;
    let mut at_once = FREED_AT_FIRST;
    for mut removed in all_removed {
        // Whoever stops the app does not wait for this: what is left is freed as fast as can be.
        while removed.len_bytes() > 0 && !is_stopping(shared) {
            at_once = free(&mut removed, at_once)?;
        }
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// A sealed segment's size in bytes and time.
struct Size {
    bytes: u64,
    newest_ms: u64,
}

/// How many of the oldest segments go; `total_bytes` counts the active one too. As Kafka reckons:
/// by bytes, a segment goes while what is left without it is still the limit or more; by time,
/// while its newest event is older than the limit.
fn trimmable(sealed: &[Size], total_bytes: u64, retention_bytes: Option<u64>, oldest_kept_ms: Option<u64>) -> usize {
    let mut left_bytes = total_bytes;
    let by_bytes = sealed.iter().take_while(|size| {
        left_bytes = left_bytes.saturating_sub(size.bytes);
        retention_bytes.is_some_and(|limit| left_bytes >= limit)
    });
    let by_bytes = by_bytes.count();
    let by_time = sealed.iter().take_while(|size| oldest_kept_ms.is_some_and(|kept| size.newest_ms < kept)).count();
    by_bytes.max(by_time)
}

/// See [`crate::App::trimmed_in_ms`].
pub(crate) fn trimmed_in_ms(shared: &Shared, offset: u64, written_ms: u64) -> Option<u64> {
    let now_ms = shared.clock.time().good_ms;
    let by_time = shared.options.retention_ms.map(|limit| written_ms.saturating_add(limit).saturating_sub(now_ms));
    let by_bytes = shared.options.retention_bytes.and_then(|limit| {
        let segments = shared.journal.segments();
        let next = segments.partition_point(|segment| segment.header.first_offset <= offset);
        let behind: u64 = segments[next..].iter().map(|segment| segment.len_bytes()).sum();
        let oldest_ms = segments.first().map_or(now_ms, |oldest| oldest.header.commit_time_ms.max(1));
        in_bytes(limit.saturating_sub(behind), shared.journal.len_bytes(), now_ms.saturating_sub(oldest_ms))
    });
    by_time.into_iter().chain(by_bytes).min()
}

/// In how many ms `left` bytes are written, where `bytes` were in `took_ms`.
fn in_bytes(left: u64, bytes: u64, took_ms: u64) -> Option<u64> {
    let took = u128::from(left) * u128::from(took_ms);
    took.checked_div(bytes.into()).map(|ms| u64::try_from(ms).unwrap_or(u64::MAX))
}

fn note_damage(shared: &Shared, error: &RetentionError) {
    if let RetentionError::Segment(damage @ SegmentError::Damaged { .. }) = error {
        shared.journal.note_damage(damage);
    }
}

/// Enters the documents whose last event lies in `segment`, whose last offset is the one before
/// `end`.
fn index(shared: &Shared, segment: &Segment, end: u64) -> Result<(), RetentionError> {
    let mut newest: HashMap<Vec<u8>, u64> = HashMap::new();
    let segment = segment.reopen_without_read_ahead()?;
    let mut reader = BatchReader::new(&segment);
    let mut reading_since = Instant::now();
    while let Some((_, batches)) = reader.next(0)? {
        for_each_record(&batches, |record| {
            let key = record.key.and_then(event::read_key);
            let (collection, id) = key.ok_or_else(|| FrameError("an event's key cannot be read".into()))?;
            newest.insert(rules::raw_document_key(&collection, id), record.offset as u64);
            Ok(())
        })
        .map_err(|e| segment.damaged(segment.header.len_bytes(), e))?;
        // It rests as long as it reads: where the system no longer has the segment in memory, a
        // writer's sync waits behind what is read.
        let read = reading_since.elapsed();
        if read >= READ_WITHOUT_REST {
            rest(read);
            reading_since = Instant::now();
        }
    }
    let skips = |seam: &Seam| (seam.end_offset, seam.first_offset) == (reader.next_offset(), end);
    if reader.next_offset() != end && !shared.events.seams().iter().any(skips) {
        let message = format!("the segment's events end before {}, not {end}", reader.next_offset());
        return Err(segment.damaged(segment.len_bytes(), FrameError(message)).into());
    }
    let mut newest: Vec<(u64, Vec<u8>)> = newest.into_iter().map(|(key, offset)| (offset, key)).collect();
    newest.sort_unstable();
    for entries in newest.chunks(ENTRIES_AT_ONCE) {
        shared.engine.index(entries)?;
    }
    Ok(())
}

/// Whether the app waits for this thread to end.
fn is_stopping(shared: &Shared) -> bool {
    shared.retention.lock().expect("not poisoned").is_none()
}

/// Frees so many bytes and rests; how many to free next, so that it takes [`FREEING_WITHOUT_REST`].
fn free(removed: &mut RemovedSegment, at_once: u64) -> Result<u64, RetentionError> {
    let bytes = at_once.min(removed.len_bytes());
    let began = Instant::now();
    removed.free(bytes)?;
    let took = began.elapsed();
    let ration = Duration::from_micros(bytes * 1000 / FREED_BYTES_PER_MS);
    // Where it takes longer than its ration, others get half as long.
    rest(ration.checked_sub(took).unwrap_or(took / 2));
    if bytes < at_once {
        // The end of a segment says little.
        return Ok(at_once);
    }
    let in_time = bytes as f64 * FREEING_WITHOUT_REST.as_secs_f64() / took.as_secs_f64().max(1e-9);
    Ok((in_time as u64).clamp(FREED_AT_ONCE_MIN, FREED_BYTES_PER_MS))
}

/// Leaves the disk to others for as long as it was in use.
fn rest(worked: Duration) {
    std::thread::sleep(worked.min(REST_MAX));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use document::{Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, Value};

    use super::*;
    use crate::{
        app::App,
        app_name::AppName,
        incarnation::Incarnation,
        journal::segment::SegmentHeader,
        options::{StoreOptions, WallClock},
        trim_observer::NoObserver,
        trusted_clock::TrustedClock,
    };

    fn sizes(sizes: &[(u64, u64)]) -> Vec<Size> {
        sizes.iter().map(|&(bytes, newest_ms)| Size { bytes, newest_ms }).collect()
    }

    #[test]
    fn by_bytes_as_much_as_leaves_the_limit() {
        let sealed = sizes(&[(100, 1), (100, 2), (100, 3)]);
        for (limit, expected) in [(0, 3), (50, 3), (51, 2), (150, 2), (151, 1), (250, 1), (251, 0), (1000, 0)] {
            assert_eq!(trimmable(&sealed, 350, Some(limit), None), expected, "{limit}");
        }
        assert_eq!(trimmable(&sealed, 350, None, None), 0);
    }

    #[test]
    fn by_time_what_is_older() {
        let sealed = sizes(&[(100, 10), (100, 20), (100, 30)]);
        for (now, expected) in [(15_u64, 0), (16, 1), (25, 1), (26, 2), (100, 3)] {
            assert_eq!(trimmable(&sealed, 350, None, Some(now - 5)), expected, "{now}");
        }
        assert_eq!(trimmable(&sealed, 350, Some(250), Some(21)), 2, "either limit is enough");
    }

    #[test]
    fn what_is_removed_goes_in_pieces_unless_somebody_reads_it() {
        const CAPACITY: u64 = 64 * 1024;
        let dir = tempfile::tempdir().unwrap();
        let segment = |first_frame| {
            let header = SegmentHeader {
                version: crate::journal::segment::VERSION,
                salt: 1,
                instance: [7; 16],
                site: 1,
                incarnation: Incarnation::first([7; 16]),
                first_frame,
                first_txn: 1,
                first_offset: 0,
                commit_time_ms: 0,
            };
            Arc::new(Segment::create(dir.path(), header, CAPACITY).unwrap())
        };
        let read = segment(0);
        assert!(read.clone().remove().unwrap().is_none());
        assert_eq!(read.read_at(0, 8).unwrap(), b"HWJOURNL", "who reads it may go on");

        let mut removed = segment(1).remove().unwrap().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the names go first");
        let mut left = Vec::new();
        let mut at_once = CAPACITY / 2 + 1;
        while removed.len_bytes() > 0 {
            at_once = free(&mut removed, at_once).unwrap().min(CAPACITY / 2 + 1);
            left.push(removed.len_bytes());
        }
        assert_eq!(left, [CAPACITY / 2 - 1, 0]);
    }

    /// A clock that says more each time.
    #[derive(Debug, Default)]
    struct Ticks(AtomicU64);

    impl WallClock for Ticks {
        fn now_ms(&self) -> u64 {
            1_645_472_201_000 + self.0.fetch_add(1, Relaxed)
        }
    }

    fn operation(id: &str, action: Action) -> Changeset {
        let operation = Operation {
            collection: CollectionName::new("people").unwrap(),
            id: DocumentId::from_value(&Value::String(id.into())).unwrap(),
            condition: Condition::Always,
            action,
        };
        Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() }
    }

    #[test]
    fn tombstones_that_cannot_be_dropped_now_are_dropped_later() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = StoreOptions {
            segment_bytes: 64 * 1024,
            retention_bytes: Some(0),
            tombstone_retention_ms: Some(0),
            ..StoreOptions::default()
        };
        let clock = TrustedClock::without_note(Arc::new(Ticks::default()));
        let name = AppName::new("shop").unwrap();
        // Nobody observes it, so its own thread leaves all to this one.
        let app = App::open(dir.path(), name, &options, clock, || *b"0123456789abcdef").unwrap();
        let commit = |id: &str, action| runtime.block_on(app.commit(operation(id, action))).map(drop).unwrap();
        for id in ["a", "b", "c"] {
            commit(id, Action::upsert(Map::new()));
            commit(id, Action::Remove);
        }
        for n in 0..3 {
            let filler = format!(r#"{{"filler":"{}"}}"#, "x".repeat(40_000));
            let Ok(Value::Map(filler)) = Value::from_json(filler.as_bytes()) else { panic!("{filler} is no object") };
            commit(&format!("filler{n}"), Action::upsert(filler));
        }
        trim(&app.shared, &NoObserver).unwrap();
        let log_start = app.shared.journal.start().first_offset;
        assert!(log_start >= 6, "{log_start}");
        let mut tombstones = OldTombstones::new(app.shared.engine.tombstone_floor().0);
        for _ in 0..3 {
            let full = |_| Err(EngineError("the disk is full".into()));
            tombstones.drop_old(&app.shared, &NoObserver, &full).unwrap_err();
        }
        let drop = |dropped| drop_tombstones(&app.pipeline, dropped);
        assert_eq!(tombstones.drop_old(&app.shared, &NoObserver, &drop).unwrap(), 3);
        assert_eq!(tombstones.drop_old(&app.shared, &NoObserver, &drop).unwrap(), 0);
    }
}
