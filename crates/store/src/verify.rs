//! Proof that a data directory is whole: every frame and batch, and that the documents and the
//! index equal a replay.
//!
//! The journal is replayed from its first frame into a scratch engine beside the documents, which
//! is removed afterwards. Nothing else is written: a torn tail is reported, not cut. Where
//! retention has trimmed the first frames, the events that are left stand in for the replay
//! (`trimmed`).
//! Not here: mending anything.

mod trimmed;

use std::path::{Path, PathBuf};

use kafka_wire::record_batch;
use key_values::{DiskOptions, FjallDisk, KeyValue};

use crate::{
    app_name::AppName,
    consumer_offsets::{ConsumerOffsets, OffsetsChange},
    data_dir::{APPS, Folders, folder_damage, lock, register_missing},
    differences::Differences,
    engine::{Engine, EngineError, EngineSnapshot, decode_stored, requests::RequestsKept, spaces, stored_parts},
    examined::Examined,
    held_blobs, index_check,
    journal::{
        Journal,
        frame::{FrameError, FrameHeader},
        recovery::Known,
        segment::{Segment, SegmentError, SegmentHeader},
    },
    open_error::OpenError,
    position::Position,
    register::Register,
    replay::{FrameToReplay, ReplayError},
    snapshot::SnapshotError,
    trusted_clock::note_damage,
};

/// How far [`verify`] has come with an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress<'a> {
    /// The app.
    pub app: &'a str,
    /// Bytes of the journal that were checked.
    pub checked_bytes: u64,
    /// Bytes of the journal.
    pub total_bytes: u64,
}

/// What [`verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// One for each app, sorted by name.
    pub apps: Vec<AppReport>,
    /// What is wrong and belongs to no app that could be looked at.
    pub findings: Vec<String>,
    /// What the next start does by itself; no damage.
    pub notes: Vec<String>,
}

/// What [`verify`] found of one app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppReport {
    /// The app.
    pub app: String,
    /// Segments of its journal.
    pub segments: u64,
    /// Frames in them.
    pub frames: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Events in them.
    pub events: u64,
    /// Documents, tombstones included.
    pub documents: u64,
    /// Bytes of a torn frame at the end that the next start will cut. No damage: it was never
    /// acknowledged.
    pub torn_bytes: u64,
    /// Frames that the documents lack and the next start will replay. No damage either.
    pub frames_to_replay: u64,
    /// What is wrong and where; empty if the app is whole.
    pub findings: Vec<String>,
}

impl VerifyReport {
    /// Whether everything is whole.
    pub fn is_whole(&self) -> bool {
        self.findings_count() == 0
    }

    /// How many things are wrong.
    pub fn findings_count(&self) -> usize {
        self.findings.len() + self.apps.iter().map(|app| app.findings.len()).sum::<usize>()
    }
}

/// Checks the data directory at `path`, which no server may have open. `progress` is called now and
/// then.
///
/// # Errors
/// Only what keeps it from looking, such as a directory in use or a file that cannot be read.
/// Damage is in the report.
pub fn verify(path: &Path, progress: &mut dyn FnMut(VerifyProgress<'_>)) -> Result<VerifyReport, OpenError> {
    verify_with(path, progress, &mut |_| Ok(Vec::new()))
}

/// Looks at what belongs to an app and is no document; gives what is wrong.
pub(crate) type Examine<'a> = &'a mut dyn FnMut(&Examined<'_>) -> Result<Vec<String>, SnapshotError>;

/// As [`verify`]; every app whose journal and documents are whole is shown to `examine`, whose
/// findings are the app's.
pub fn verify_with(
    path: &Path,
    progress: &mut dyn FnMut(VerifyProgress<'_>),
    examine: &mut dyn FnMut(&Examined<'_>) -> Result<Vec<String>, SnapshotError>,
) -> Result<VerifyReport, OpenError> {
    let _lock = lock(path)?;
    let apps_dir = path.join(APPS);
    let io = |source| OpenError::Io { act: "cannot list", path: apps_dir.clone(), source };
    let folders = Folders::of(path).map_err(io)?;
    let mut report = VerifyReport::default();
    let registered = match Register::read(path) {
        Ok(Some(register)) => register,
        // The next start makes one of the folders that are there.
        Ok(None) => {
            let missing = register_missing(path);
            report.findings.extend(missing.unwrap_or_else(Some).map(|error| error.to_string()));
            folders.as_register()
        }
        Err(error @ OpenError::Register { .. }) => {
            report.findings.push(error.to_string());
            folders.as_register()
        }
        Err(error) => return Err(error),
    };
    report.findings.extend(note_damage(path)?);
    for dir in &folders.half_made {
        report
            .notes
            .push(format!("{} is left of an app that was being made: the next start removes it", dir.display()));
    }
    for name in &folders.deleted {
        report.notes.push(format!("app {} is deleted: the next start removes what is left of it", name.as_str()));
    }
    for name in folders.apps.iter().filter(|name| !registered.apps.contains_key(name)) {
        let dir = apps_dir.join(name.as_str());
        match folders.identity(name) {
            Ok(Some(_)) => {
                report.notes.push(format!("{} is not in the register: the next start takes it in", dir.display()));
                report.apps.push(verify_app(name.clone(), &dir, progress, examine)?);
            }
            _ => report.findings.push(format!("{} is not in the register, and is no whole app", dir.display())),
        }
    }
    for (name, instance) in registered.apps.into_iter().filter(|(name, _)| !folders.deleted.contains(name)) {
        let dir = apps_dir.join(name.as_str());
        report.apps.push(match folder_damage(&dir, instance) {
            Some(damage) => AppReport { app: name.as_str().to_owned(), findings: vec![damage], ..AppReport::default() },
            None => verify_app(name, &dir, progress, examine)?,
        });
    }
    report.apps.sort_by(|a, b| a.app.cmp(&b.app));
    Ok(report)
}

fn verify_app(
    name: AppName,
    dir: &Path,
    progress: &mut dyn FnMut(VerifyProgress<'_>),
    examine: Examine<'_>,
) -> Result<AppReport, OpenError> {
    let mut report = AppReport { app: name.as_str().to_owned(), ..AppReport::default() };
    let documents = dir.join("documents");
    let engine_error = |e: EngineError| OpenError::Engine { path: documents.clone(), message: e.0 };
    // Where there are none, a start makes them anew from the journal: that is looked at, and
    // nothing is made here.
    let none =
        if documents.is_dir() { None } else { Some(Scratch::open(dir, "verify-none.tmp").map_err(engine_error)?) };
    let opened = match &none {
        Some(_) => Ok(None),
        None => open_engine(&documents).map(Some),
    };
    let own = match opened {
        Ok(own) => own,
        Err(error) => {
            report.findings.push(engine_error(error).to_string());
            return Ok(report);
        }
    };
    let engine = own.as_ref().or(none.as_ref().map(Scratch::engine)).expect("one of them is there");
    match verify_documents(&name, dir, engine, &mut report, progress, examine) {
        Ok(()) => Ok(report),
        Err(ReplayError::Segment(error)) => finding(report, error),
        Err(ReplayError::Engine(error)) => {
            report.findings.push(error.0);
            Ok(report)
        }
    }
}

/// Checks the journal, and the documents against it.
fn verify_documents(
    name: &AppName,
    dir: &Path,
    engine: &Engine,
    report: &mut AppReport,
    progress: &mut dyn FnMut(VerifyProgress<'_>),
    examine: Examine<'_>,
) -> Result<(), ReplayError> {
    report.findings.extend(crate::settings::findings(dir, &engine.settings()?));
    let applied = engine.position()?;
    let applied_frames = applied.map_or(0, |p| p.next_frame);
    let note = engine.journal()?;
    let known = Known { applied_frames, start: note.map(|note| note.start) };
    let Some(opened) = Journal::open(&dir.join("journal"), 0, known, false, || [0; 16])? else {
        report.findings.push(format!("{} has no journal", dir.display()));
        return Ok(());
    };
    report.torn_bytes = opened.torn_bytes;
    report.segments = opened.journal.segments().len() as u64;
    if note.is_some_and(|note| note.instance != opened.journal.identity().0) {
        report.findings.push("the documents are of another app's journal, or of another life of this one".to_owned());
        return Ok(());
    }
    let start = opened.journal.start();
    if start.first_frame > applied_frames {
        let first = start.first_frame;
        report
            .findings
            .push(format!("the journal begins with frame {first}, the documents only know {applied_frames} frames"));
        return Ok(());
    }
    let scratch = Scratch::open(dir, "verify.tmp")?;
    if start.first_frame == 0 {
        let position = replay_all(name, &opened.journal, scratch.engine(), applied_frames, report, progress)?;
        compare(engine, scratch.engine(), applied, position, report)?;
    } else {
        let gathered = gather_all(name, &opened.journal, scratch.engine(), applied_frames, report, progress)?;
        gathered.compare(engine, start.first_offset, report)?;
        check_applied(applied, start, report);
    }
    check_index(engine, start.first_offset, report)?;
    index_check::check(engine, &mut report.findings)?;
    read_the_rest(engine)?;
    report.findings.extend(held_blobs::findings(dir, &engine.snapshot())?);
    if report.findings.is_empty() {
        let examined = Examined { engine, journal: &opened.journal, applied_frames };
        report.findings.extend(examine(&examined).map_err(|error| EngineError(error.message))?);
    }
    Ok(())
}

const ENGINE: DiskOptions = DiskOptions { cache_bytes: 16 << 20, threads: 2, spaces: spaces::SPACES };

fn open_engine(dir: &Path) -> Result<Engine, EngineError> {
    Engine::open(Box::new(FjallDisk::open(dir, &ENGINE)?))
}

/// Damage goes into the report, anything else is an error.
fn finding(mut report: AppReport, error: SegmentError) -> Result<AppReport, OpenError> {
    match error {
        SegmentError::Damaged { .. } => {
            report.findings.push(error.to_string());
            Ok(report)
        }
        other => Err(other.into()),
    }
}

/// An engine that is removed when it goes out of scope.
struct Scratch {
    dir: PathBuf,
    /// `None` only while it goes: the engine must have closed its files before they are removed.
    engine: Option<Engine>,
}

impl Scratch {
    fn open(app_dir: &Path, name: &str) -> Result<Self, EngineError> {
        let dir = app_dir.join(name);
        let _ = std::fs::remove_dir_all(&dir); // of a run that was killed
        let engine = Some(open_engine(&dir)?);
        Ok(Self { dir, engine })
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("there until it is dropped")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.engine.take());
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Checks every frame; replays those that the documents have seen. Gives the position behind those.
fn replay_all(
    name: &AppName,
    journal: &Journal,
    scratch: &Engine,
    applied_frames: u64,
    report: &mut AppReport,
    progress: &mut dyn FnMut(VerifyProgress<'_>),
) -> Result<Position, ReplayError> {
    let mut position = Position::first();
    let mut requests_kept = RequestsKept::default();
    check_frames(name, journal, applied_frames, report, progress, |segment, at, header, frame| {
        let writes = FrameToReplay { segment, at, header, frame }.replay(scratch, name, &position)?;
        position = writes.position;
        Ok(scratch.write_group(&writes, &mut requests_kept)?)
    })?;
    Ok(position)
}

/// Checks every frame; gathers what those say that the documents have seen.
fn gather_all<'a>(
    name: &AppName,
    journal: &Journal,
    scratch: &'a Engine,
    applied_frames: u64,
    report: &mut AppReport,
    progress: &mut dyn FnMut(VerifyProgress<'_>),
) -> Result<trimmed::Gatherer<'a>, ReplayError> {
    let mut gatherer = trimmed::Gatherer::new(scratch);
    let start = journal.start();
    let mut due = Position {
        next_frame: start.first_frame,
        next_txn: start.first_txn,
        next_offset: start.first_offset,
        ..Position::first()
    };
    check_frames(name, journal, applied_frames, report, progress, |segment, at, header, frame| {
        FrameToReplay { segment, at, header, frame }.follow(&due)?;
        (due.next_frame, due.next_txn, due.next_offset) =
            (header.frame_number + 1, header.next_txn(), header.next_offset());
        gatherer.take(segment, at, header, frame)
    })?;
    Ok(gatherer)
}

/// Checks the batches of every frame, counts, and calls `each` with those that the documents have
/// seen.
fn check_frames(
    name: &AppName,
    journal: &Journal,
    applied_frames: u64,
    report: &mut AppReport,
    progress: &mut dyn FnMut(VerifyProgress<'_>),
    mut each: impl FnMut(&Segment, u64, &FrameHeader, &[u8]) -> Result<(), ReplayError>,
) -> Result<(), ReplayError> {
    let total_bytes = journal.len_bytes();
    let mut checked_bytes = 0;
    journal.for_each_frame(0, |segment, at, header, frame| {
        check_batches(segment, at, header, frame)?;
        report.transactions += u64::from(header.transactions);
        report.events += u64::from(header.events);
        report.frames += 1;
        checked_bytes += header.len_bytes as u64;
        if report.frames.is_multiple_of(1024) {
            progress(VerifyProgress { app: name.as_str(), checked_bytes, total_bytes });
        }
        if header.frame_number >= applied_frames {
            report.frames_to_replay += 1;
            return Ok(());
        }
        each(segment, at, header, frame)
    })?;
    progress(VerifyProgress { app: name.as_str(), checked_bytes: total_bytes, total_bytes });
    Ok(())
}

/// The documents of a trimmed journal must at least know what was trimmed.
fn check_applied(applied: Option<Position>, start: SegmentHeader, report: &mut AppReport) {
    if applied.is_none_or(|applied| applied.next_txn < start.first_txn || applied.next_offset < start.first_offset) {
        report.findings.push(format!("the documents stand at {applied:?}, before the journal's first frame"));
    }
}

/// The last-change index names exactly the documents whose last event was trimmed. What it has
/// beyond is left from a trim that came to no end, and the next one makes it anew.
fn check_index(engine: &Engine, log_start: u64, report: &mut AppReport) -> Result<(), EngineError> {
    let snapshot = engine.snapshot();
    let mut differences = Differences::new("last-change entry of", &mut report.findings);
    let mut indexed = 0;
    for entry in snapshot.last_changes(0) {
        let (offset, key) = entry?;
        if offset >= log_start {
            break;
        }
        indexed += 1;
        if engine.last_event(&key)? != Some(offset) {
            differences.note(&key, "is of an event that is not the document's last");
        }
    }
    let mut trimmed = 0;
    for entry in snapshot.documents(&[]) {
        let (key, value) = entry?;
        trimmed += u64::from(stored_parts(&key, &value)?.last_event.is_some_and(|offset| offset < log_start));
    }
    differences.finish();
    if indexed != trimmed {
        report.findings.push(format!(
            "the last events of {trimmed} documents were trimmed, the last-change index names {indexed}"
        ));
    }
    Ok(())
}

/// Reads what nothing else here does, so that damage in it shows: a block has a checksum, which is
/// looked at when it is read.
fn read_the_rest(engine: &Engine) -> Result<(), EngineError> {
    for entry in engine.all_remembered() {
        entry?;
    }
    engine.requests_kept()?;
    for site in engine.all_sites() {
        site?;
    }
    engine.definitions()?;
    engine.check_views()
}

/// The record batches of a frame: checksums, and dense offsets that are the frame's.
fn check_batches(segment: &Segment, at: u64, header: &FrameHeader, frame: &[u8]) -> Result<(), SegmentError> {
    let damaged = |message: String| segment.damaged(at, FrameError(message));
    let mut batches = &frame[header.batches()];
    let mut offset = header.first_offset;
    while !batches.is_empty() {
        let batch = record_batch::verify(batches).map_err(|e| damaged(e.to_string()))?;
        let dense = batch.last_offset - batch.base_offset + 1 == i64::from(batch.records);
        if batch.base_offset as u64 != offset || !dense {
            return Err(damaged(format!("a record batch has offset {}, {offset} is due", batch.base_offset)));
        }
        offset = batch.last_offset as u64 + 1;
        batches = &batches[batch.len_bytes..];
    }
    if offset != header.next_offset() {
        return Err(damaged(format!("its events end at offset {offset}, its header says {}", header.next_offset())));
    }
    Ok(())
}

fn compare(
    engine: &Engine,
    replayed: &Engine,
    applied: Option<Position>,
    position: Position,
    report: &mut AppReport,
) -> Result<(), EngineError> {
    if applied.is_some_and(|applied| applied != position) {
        report.findings.push(format!("the documents stand at {applied:?}, a replay at {position:?}"));
    }
    let (found, expected) = (engine.snapshot(), replayed.snapshot());
    let documents = |snapshot: &EngineSnapshot| snapshot.documents(&[]);
    report.documents = compare_sorted("document", documents(&found), documents(&expected), &mut report.findings)?;
    // Those that the server named itself are remembered by a replay only, and those that were
    // forgotten are in it too.
    let mut differences = Differences::new("request", &mut report.findings);
    for entry in engine.all_remembered() {
        let (key, remembered) = entry?;
        if replayed.remembered(&key)?.as_ref() != Some(&remembered) {
            differences.note(key.1.as_bytes(), "is not remembered as the journal says");
        }
    }
    differences.finish();
    let mut differences = Differences::new("site", &mut report.findings);
    let (mut found, mut expected) = (engine.all_sites(), replayed.all_sites());
    loop {
        match (found.next().transpose()?, expected.next().transpose()?) {
            (None, None) => break,
            (found, expected) if found == expected => {}
            (found, expected) => {
                let key = found.or(expected).map(|(key, _)| key).unwrap_or_default();
                differences.note(&key, "has not taken what the journal says");
                break;
            }
        }
    }
    differences.finish();
    if engine.definitions()? != replayed.definitions()? {
        report.findings.push("the definitions are not those of a replay".into());
    }
    if engine.seams()? != replayed.seams()? {
        report.findings.push("what is noted of restores is not what the journal says".into());
    }
    if all_offsets(engine)?.ne(&all_offsets(replayed)?) {
        report.findings.push("the consumer groups' committed offsets are not those of a replay".into());
    }
    Ok(())
}

fn all_offsets(engine: &Engine) -> Result<ConsumerOffsets, EngineError> {
    let mut offsets = ConsumerOffsets::default();
    for (group, topic, partition, offset) in engine.consumer_offsets()? {
        offsets.apply(&OffsetsChange { group, offsets: vec![(topic, partition, Some(offset))] });
    }
    Ok(offsets)
}

/// Walks two sorted sequences side by side; gives how many entries the first has.
fn compare_sorted(
    what: &str,
    mut found: impl Iterator<Item = Result<KeyValue, EngineError>>,
    mut expected: impl Iterator<Item = Result<KeyValue, EngineError>>,
    findings: &mut Vec<String>,
) -> Result<u64, EngineError> {
    let (mut count, mut differences) = (0, Differences::new(what, findings));
    let (mut left, mut right) = (found.next().transpose()?, expected.next().transpose()?);
    while left.is_some() || right.is_some() {
        let order = match (&left, &right) {
            (Some((l, _)), Some((r, _))) => l.cmp(r),
            (Some(_), None) => std::cmp::Ordering::Less,
            _ => std::cmp::Ordering::Greater,
        };
        let difference = match (order, &left, &right) {
            (std::cmp::Ordering::Less, Some((key, _)), _) => {
                Some((key, "is not what the journal says: it should not be there"))
            }
            (std::cmp::Ordering::Greater, _, Some((key, _))) => Some((key, "is missing")),
            (_, Some((key, l)), Some((_, r))) if !is_same(key, l, r)? => Some((key, "is not what the journal says")),
            _ => None,
        };
        if let Some((key, problem)) = difference {
            differences.note(key, problem);
        }
        if order.is_le() {
            count += 1;
            left = found.next().transpose()?;
        }
        if order.is_ge() {
            right = expected.next().transpose()?;
        }
    }
    differences.finish();
    Ok(count)
}

/// Whether two stored documents say the same. One of an older format is compared by what it means.
fn is_same(key: &[u8], found: &[u8], expected: &[u8]) -> Result<bool, EngineError> {
    Ok(found == expected || decode_stored(key, found)? == decode_stored(key, expected)?)
}
