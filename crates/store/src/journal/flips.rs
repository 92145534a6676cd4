//! The law of damage, over the bits of whole journals: of `testdata/formats/v1` and `v2`, and of
//! one that is written here, with the newest segments.
//!
//! Whatever bit is flipped, the journal is refused by an error that names the segment, or what is
//! read of it is what was read before. There is no third, but for the journal's end. A frame that
//! was being written when the power failed looks as one with a flipped bit does, and so does a
//! frame that the documents have not seen and behind which there is none: it was never shown to
//! anybody, or its documents were lost with it. Therefore:
//!
//! - a flip in the last frame of the last segment may cut that frame, no other, and only if the
//!   documents do not know it; `verify` says how many bytes go;
//! - a flip behind the last frame is cut, and nothing with it.
//!
//! Two loops. The first flips every bit of every frame in memory: its own checks must notice. The
//! second flips bits in files, and opens and reads the journal: all bits of what decides where
//! frames are (the heads of segments, their footers, the heads of frames and of the first batches),
//! and a sample of the rest, for so many seconds. `FLIPS_SECONDS=all` tries all bits there too.
//! Not here: the documents, and what stands beside them (test `formats` of the crate `topics`).

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use document::{
    Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, UpdateCommand, UpdateKind, Value,
};

use super::{
    Journal,
    frame::{FrameHeader, HEADER_BYTES as FRAME_HEADER_BYTES},
    recovery::Known,
    segment::{FOOTER_BYTES, Segment, SegmentError},
};
use crate::{
    AppName, CommittedOffset, DefinitionKind, Request, StoreOptions, WallClock, app::App, trusted_clock::TrustedClock,
};

/// How long bits are flipped in the files of each journal, where nothing else is asked for.
const SAMPLE: Duration = Duration::from_secs(3);

/// Every bit of the first, the middle and the last frame's head in a segment; of the others one in
/// so many.
const OTHER_HEADS_ONE_IN: usize = 9;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats").join(path)
}

#[test]
fn format_v1() {
    check("v1/journal", &fixture("v1/journal"));
}

#[test]
fn format_v2_after_a_stop() {
    check("v2/data/apps/shop/journal", &fixture("v2/data/apps/shop/journal"));
}

#[test]
fn format_v2_after_a_kill() {
    check("v2/data/apps/till/journal", &fixture("v2/data/apps/till/journal"));
}

#[test]
fn the_newest_format() {
    let dir = tempfile::tempdir().unwrap();
    write_newest(dir.path());
    check("a journal of today", &dir.path().join("journal"));
}

/// How many flips came to what.
#[derive(Debug, Default)]
struct Counts {
    tried: u64,
    refused: u64,
    harmless: u64,
    /// The last frame was cut, and said so.
    cut: u64,
}

fn check(name: &str, journal: &Path) {
    let dir = tempfile::tempdir().unwrap();
    for path in segments(journal) {
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    let (frames, bits) = check_frames(dir.path());
    println!("{name}: each of the {bits} bits of {frames} frames is noticed in memory");
    let paths = segments(dir.path());
    for (n, path) in paths.iter().enumerate() {
        // A segment is held against those beside it only: a journal of three.
        let few = tempfile::tempdir().unwrap();
        for path in &paths[n.saturating_sub(1)..(n + 2).min(paths.len())] {
            fs::copy(path, few.path().join(path.file_name().unwrap())).unwrap();
        }
        let flipped = few.path().join(path.file_name().unwrap());
        let budget = SAMPLE / u32::try_from(paths.len()).unwrap();
        for documents_know_all in [true, false] {
            if documents_know_all || n + 1 == paths.len() {
                let counts = check_file(few.path(), &flipped, documents_know_all, budget);
                let file = flipped.file_name().unwrap().to_str().unwrap();
                let known = if documents_know_all { "" } else { ", whose last frame the documents do not know" };
                println!("{name}/{file}{known}: {counts:?}");
            }
        }
    }
}

fn segments(journal: &Path) -> Vec<PathBuf> {
    let paths: BTreeSet<_> = fs::read_dir(journal).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.into_iter().collect()
}

fn open(dir: &Path, known: Known) -> Result<Journal, SegmentError> {
    Ok(open_telling(dir, known)?.0)
}

/// The journal, and how many bytes would be cut.
fn open_telling(dir: &Path, known: Known) -> Result<(Journal, u64), SegmentError> {
    let opened = Journal::open(dir, 0, known, false, || [0; 16])?.expect("there is a journal");
    Ok((opened.journal, opened.torn_bytes))
}

/// Where each frame of the journal stands: in which segment, from where, and its header.
fn frames(journal: &Journal) -> Vec<(PathBuf, u64, FrameHeader)> {
    let mut frames = Vec::new();
    let each = |segment: &Segment, at, header: &FrameHeader, _: &[u8]| {
        frames.push((segment.path.clone(), at, *header));
        Ok::<_, SegmentError>(())
    };
    journal.for_each_frame(0, each).unwrap();
    frames
}

/// Flips every bit of every frame in memory; gives how many frames and bits there are.
fn check_frames(dir: &Path) -> (usize, usize) {
    let journal = open(dir, Known::default()).unwrap();
    let frames = frames(&journal);
    for (path, at, header) in &frames {
        let salt = journal.segments().iter().find(|segment| segment.path == *path).unwrap().header.salt;
        let mut bytes = fs::read(path).unwrap().split_off(usize::try_from(*at).unwrap());
        for bit in 0..header.len_bytes * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let is_noticed = match FrameHeader::decode(&bytes) {
                Ok(Some(found)) => bytes.get(..found.len_bytes).is_none_or(|frame| found.check(frame, salt).is_err()),
                Ok(None) | Err(_) => true,
            };
            assert!(is_noticed, "bit {bit} of the frame at {at} of {}", path.display());
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
    (frames.len(), frames.iter().map(|(.., header)| header.len_bytes * 8).sum())
}

/// Everything that can be read of a journal, up to an error.
#[derive(Debug, PartialEq)]
struct Read {
    frames: Vec<Vec<u8>>,
    batches: Vec<u8>,
    torn_bytes: u64,
    errors: Vec<String>,
}

impl Read {
    fn of(dir: &Path, known: Known) -> Result<Self, SegmentError> {
        let (journal, torn_bytes) = open_telling(dir, known)?;
        let (mut frames, mut errors) = (Vec::new(), Vec::new());
        let each = |_: &Segment, _, _: &FrameHeader, frame: &[u8]| {
            frames.push(frame.to_vec());
            Ok::<_, SegmentError>(())
        };
        errors.extend(journal.for_each_frame(0, each).err().map(|error| error.to_string()));
        let mut batches = Vec::new();
        let mut offset = journal.start().first_offset;
        loop {
            match journal.read_batches(offset, 1 << 20) {
                Ok(found) if found.is_empty() => break,
                Ok(found) => {
                    let before = offset;
                    for one in found {
                        offset = after(&one);
                        batches.extend_from_slice(&one);
                    }
                    assert!(offset > before, "it stands still at {offset} without an error");
                }
                Err(error) => {
                    errors.push(error.to_string());
                    break;
                }
            }
        }
        errors.extend(journal.damage().map(str::to_owned));
        Ok(Self { frames, batches, torn_bytes, errors })
    }
}

/// The offset after whole batches.
fn after(mut batches: &[u8]) -> u64 {
    let mut offset = 0;
    while !batches.is_empty() {
        let header = kafka_wire::record_batch::verify(batches).expect("what is served is whole");
        offset = header.last_offset as u64 + 1;
        batches = &batches[header.len_bytes..];
    }
    offset
}

fn check_file(dir: &Path, path: &Path, documents_know_all: bool, budget: Duration) -> Counts {
    let journal = open(dir, Known::default()).unwrap();
    let all = frames(&journal);
    let frames: Vec<_> = all.iter().filter(|(of, ..)| of == path).map(|(_, at, header)| (*at, *header)).collect();
    let applied = all.last().map_or(0, |(.., header)| header.frame_number + u64::from(documents_know_all));
    let known = Known { applied_frames: applied, start: Some(journal.start().start()) };
    drop(journal);
    let whole = Read::of(dir, known).unwrap();
    assert_eq!(whole.errors, [""; 0]);

    let bits = fs::metadata(path).unwrap().len() * 8;
    let name = path.file_name().unwrap().to_str().unwrap();
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut counts = Counts::default();
    let mut flip = |bit: u64| {
        let mut byte = [0];
        file.read_exact_at(&mut byte, bit / 8).unwrap();
        file.write_all_at(&[byte[0] ^ (1 << (bit % 8))], bit / 8).unwrap();
        let found = Read::of(dir, known);
        file.write_all_at(&byte, bit / 8).unwrap();
        counts.tried += 1;
        let case = format!("bit {} of byte {} of {name}", bit % 8, bit / 8);
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                assert!(error.to_string().contains(name), "{case}: {error}");
                counts.refused += 1;
                return;
            }
        };
        // What is served before an error is what was served before.
        assert!(whole.frames.starts_with(&found.frames), "{case}: another frame");
        assert!(whole.batches.starts_with(&found.batches), "{case}: another batch");
        if !found.errors.is_empty() {
            assert!(found.errors.iter().all(|error| error.contains(name)), "{case}: {:?}", found.errors);
            counts.refused += 1;
        } else if found.frames.len() == whole.frames.len() {
            assert!(found.batches.len() == whole.batches.len(), "{case}: batches are missing");
            counts.harmless += 1;
        } else {
            assert!(!documents_know_all, "{case}: a frame that the documents know was cut");
            assert_eq!(found.frames.len() + 1, whole.frames.len(), "{case}: more than the last frame was cut");
            assert!(found.torn_bytes > 0, "{case}: a frame was cut without a word");
            counts.cut += 1;
        }
    };
    if std::env::var("FLIPS_SECONDS").is_ok_and(|text| text == "all") {
        (0..bits).for_each(flip);
        return counts;
    }
    deciding_bits(path, &frames).into_iter().filter(|bit| *bit < bits).for_each(&mut flip);
    let (began, mut random) = (Instant::now(), bits | 1);
    while began.elapsed() < budget {
        // Marsaglia's xorshift: the same bits every time, as far as the time reaches.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        flip(random % bits);
    }
    counts
}

/// Bits of what says where things are.
fn deciding_bits(path: &Path, frames: &[(u64, FrameHeader)]) -> BTreeSet<u64> {
    let header = Segment::open(path, false).unwrap().header;
    let len = fs::metadata(path).unwrap().len();
    let mut bits: BTreeSet<u64> = (0..header.len_bytes() * 8).collect();
    bits.extend((len - FOOTER_BYTES) * 8..len * 8);
    for (n, (at, frame)) in frames.iter().enumerate() {
        let step = if n == 0 || n == frames.len() / 2 || n + 1 == frames.len() { 1 } else { OTHER_HEADS_ONE_IN };
        let batch = *at + (FRAME_HEADER_BYTES + frame.changes_bytes) as u64;
        let batch_head = 61.min(frame.batches_bytes as u64);
        bits.extend((*at * 8..(*at + FRAME_HEADER_BYTES as u64) * 8).skip(n % step).step_by(step));
        bits.extend((batch * 8..(batch + batch_head) * 8).skip(n % step).step_by(step));
    }
    // Where the next frame would begin.
    let end = frames.last().map_or(header.len_bytes(), |(at, frame)| at + frame.len_bytes as u64);
    bits.extend(end * 8..(end + FRAME_HEADER_BYTES as u64) * 8);
    bits
}

/// A millisecond goes by with every look.
#[derive(Debug)]
struct Clock(AtomicU64);

impl WallClock for Clock {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1, SeqCst)
    }
}

/// A journal with an entry of each kind, over several segments.
fn write_newest(dir: &Path) {
    let options = StoreOptions { segment_bytes: 64 * 1024, tombstone_retention_ms: Some(0), ..StoreOptions::default() };
    let clock = TrustedClock::without_note(Arc::new(Clock(AtomicU64::new(1_645_472_201_000))));
    let trimming = StoreOptions { retention_bytes: Some(100_000), ..options.clone() };
    let open = |options: &StoreOptions| {
        App::open(dir, AppName::new("shop").unwrap(), options, clock.clone(), || *b"0123456789abcdef").unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let app = open(&trimming);
    app.observe_trims(Box::new(crate::NoObserver));
    runtime.block_on(async {
        app.commit(changeset("gone", 1)).await.unwrap();
        app.commit(changeset("gone", 0)).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while app.stats().tombstones_dropped == 0 {
            assert!(Instant::now() < deadline, "waited in vain until a tombstone is dropped");
            app.commit(changeset("filler", 2000)).await.unwrap();
        }
        app.define(DefinitionKind::LiveQuery, "adults", "a body".into()).await.unwrap();
        app.define(DefinitionKind::LiveQuery, "gone", "a body".into()).await.unwrap();
        app.forget_definition(DefinitionKind::LiveQuery, "gone").await.unwrap();
        let offset = CommittedOffset { offset: 3, leader_epoch: 0, metadata: "m".into() };
        app.commit_offsets("g", vec![("user-consumable-shop".into(), 0, offset)]).await.unwrap();
        for n in 0..30 {
            let request = Request { caller: "c".into(), id: n.to_string(), body: [1; 16], given: true };
            let write = changeset(&format!("d{}", n % 5), n * 40);
            app.commit_request(write, request, Box::new(|_| b"{}".to_vec())).await.unwrap();
        }
        app.commit(of_version_3()).await.unwrap();
    });
    app.stop(Instant::now() + Duration::from_secs(10));
}

/// What older servers cannot read.
fn of_version_3() -> Changeset {
    let command = |(path, kind)| UpdateCommand { path: document::Path::parse(path).unwrap(), kind };
    let commands = [("r", UpdateKind::SetRegister(Value::Map(Map::new()))), ("filler", UpdateKind::Unset)];
    let mut update = changeset("d1", 1);
    update.operations[0].action = Action::Update(commands.map(command).into());
    let mut initial = changeset("initial", 1).operations;
    initial[0].action = Action::UpsertInitial { value: Map::new(), types: Vec::new() };
    update.operations.append(&mut initial);
    update
}

/// Writes a document of so many bytes; removes it if they are none.
fn changeset(id: &str, bytes: usize) -> Changeset {
    let mut map = Map::new();
    map.insert("filler".into(), Value::String("x".repeat(bytes)));
    let operation = Operation {
        collection: CollectionName::new("people").unwrap(),
        id: DocumentId::from_value(&Value::String(id.into())).unwrap(),
        condition: Condition::Always,
        action: if bytes == 0 { Action::Remove } else { Action::upsert(map) },
    };
    Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() }
}
