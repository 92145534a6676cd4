//! Damage that is met while events are read: what lies before it is given, then an error that names
//! the place; never anything wrong.

use std::{
    collections::BTreeSet,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use crate::support::*;
use store::{App, ReadError};

/// What every byte of a segment is flipped with, in turns.
const FLIPS: [u8; 4] = [0x01, 0x80, 0x10, 0xff];

/// An app of several segments whose events are no longer in memory.
struct Journal {
    dir: tempfile::TempDir,
    whole: Vec<Vec<u8>>,
}

impl Journal {
    fn write() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (data, app) = open_app(dir.path());
        let filler = "x".repeat(900);
        let whole = runtime().block_on(async {
            for n in 0..60 {
                let operations: Vec<_> = (0..4)
                    .map(|m| upsert(&format!("{n}-{m}"), &format!(r#"{{"n":{n},"filler":"{filler}"}}"#)))
                    .collect();
                app.commit(changeset(operations)).await.unwrap();
            }
            read(&app, 0).0
        });
        drop(app);
        data.stop();
        assert_eq!(whole.len(), 240);
        Self { dir, whole }
    }

    fn segments(&self) -> Vec<PathBuf> {
        segments(self.dir.path())
    }
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(dir.join("apps/shop/journal")).unwrap().map(|entry| entry.unwrap().path());
    let segments: BTreeSet<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "segment")).collect();
    segments.into_iter().collect()
}

/// Every record from `from` on, as its bytes say it, until there are no more or an error.
fn read(app: &App, from: u64) -> (Vec<Vec<u8>>, Option<ReadError>) {
    let (mut all, mut offset) = (Vec::new(), from);
    while offset < app.events().high_watermark() {
        let pieces = match app.events().read_blocking(offset, 10_000) {
            Ok(pieces) => pieces,
            Err(error) => return (all, Some(error)),
        };
        let before = offset;
        for piece in pieces {
            let mut rest = &piece[..];
            while !rest.is_empty() {
                let header = kafka_wire::record_batch::verify(rest).unwrap();
                assert_eq!(header.leader_epoch, 0);
                for record in kafka_wire::record_batch::decode_records(rest).unwrap() {
                    if record.offset as u64 >= offset {
                        all.push(format!("{record:?}").into_bytes());
                    }
                }
                offset = header.last_offset as u64 + 1;
                rest = &rest[header.len_bytes..];
            }
        }
        assert!(offset > before, "it stands still at {offset} without an error");
    }
    (all, None)
}

/// Flips the byte, runs `act`, and flips it back.
fn with_flip<T>(path: &Path, at: u64, flip: u8, act: impl FnOnce() -> T) -> T {
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    let mut turn = || {
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ flip], at).unwrap();
    };
    turn();
    let result = act();
    turn();
    result
}

/// Where the frames of a sealed segment stand, and how long they are.
fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    const FOOTER_BYTES: usize = 44;
    let (mut at, mut frames) = (96, Vec::new());
    while at < bytes.len() - FOOTER_BYTES {
        let len = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        frames.push((at, len));
        at += len;
    }
    frames
}

/// Every byte of a frame's head, and of its first batch's, and some of all others.
fn places(bytes: &[u8]) -> Vec<usize> {
    let mut places = BTreeSet::new();
    let frames = frames(bytes);
    for &(at, len) in [&frames[0], &frames[frames.len() / 2], &frames[frames.len() - 1]] {
        let changes = u32::from_le_bytes(bytes[at + 60..at + 64].try_into().unwrap()) as usize;
        places.extend(at..at + 72);
        places.extend(at + 72 + changes..at + 72 + changes + 70);
        places.extend((at..at + len).step_by(97));
    }
    places.into_iter().collect()
}

#[test]
fn one_flipped_bit_is_never_served_and_nothing_before_it_is_held_back() {
    let journal = Journal::write();
    let (data, app) = open_app(journal.dir.path());
    let segment = &journal.segments()[2];
    let first: u64 = segment.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let bytes = std::fs::read(segment).unwrap();
    let frames = frames(&bytes);
    assert_eq!(app.damage(), None);
    let (mut refused, mut cases) = (0, 0);
    for (n, at) in places(&bytes).into_iter().enumerate() {
        let frame = frames.iter().rposition(|(begins, _)| *begins <= at).unwrap();
        let flip = FLIPS[n % FLIPS.len()];
        let (events, error) = with_flip(segment, at as u64, flip, || read(&app, 0));
        assert_eq!(events, journal.whole[..events.len()], "byte {at}");
        cases += 1;
        if let Some(error) = error {
            refused += 1;
            assert!(events.len() >= 4 * (first as usize + frame), "byte {at}: {} events only", events.len());
            assert!(error.message.contains(segment.to_str().unwrap()), "{error}");
            assert!(error.message.contains("at byte"), "{error}");
            assert!(app.damage().is_some());
        } else {
            assert_eq!(events.len(), journal.whole.len(), "byte {at}");
        }
    }
    assert!(refused > cases / 3, "{refused} of {cases}: what lies in the changesets is harmless here");
    assert_eq!(read(&app, 0).0, journal.whole, "it was only flipped for a time");
    drop(app);
    data.stop();
}

/// Before anything of the segment was read there is no index of it, and a damaged head must not
/// hide what stands before.
#[test]
fn damage_is_told_by_a_store_that_has_just_been_opened_and_what_lies_in_other_segments_is_read() {
    let journal = Journal::write();
    let segment = &journal.segments()[2];
    let bytes = std::fs::read(segment).unwrap();
    let frames = frames(&bytes);
    let frame = frames.len() / 2;
    for at in [0, 4, 8, 24, 27, 52, 56, 60, 64] {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(journal.dir.path(), copy.path());
        let damaged = segments(copy.path())[2].clone();
        with_flip(&damaged, (frames[frame].0 + at) as u64, 0x04, || {
            let (data, app) = open_app(copy.path());
            let (events, error) = read(&app, 0);
            assert_eq!(events, journal.whole[..events.len()], "byte {at} of the head");
            if let Some(error) = error {
                let first: usize = damaged.file_stem().unwrap().to_str().unwrap().parse().unwrap();
                assert!(events.len() >= 4 * (first + frame), "all before the frame: {}", events.len());
                assert!(app.damage().unwrap().contains(damaged.to_str().unwrap()), "{error}");
            } else {
                assert_eq!(events.len(), journal.whole.len());
            }
            let next: usize = segments(copy.path())[3].file_stem().unwrap().to_str().unwrap().parse().unwrap();
            assert_eq!(read(&app, 4 * next as u64).0, journal.whole[4 * next..], "behind the segment all is well");
            drop(app);
            data.stop();
        });
    }
}

#[test]
fn zeros_where_frames_were_are_no_end() {
    let journal = Journal::write();
    let segment = &journal.segments()[1];
    let bytes = std::fs::read(segment).unwrap();
    let (at, _) = frames(&bytes)[1];
    // Up to what the seal says follows, which is looked at when a journal is opened.
    let zeros = vec![0; bytes.len() - 44 - at];
    std::fs::File::options().write(true).open(segment).unwrap().write_all_at(&zeros, at as u64).unwrap();
    let (data, app) = open_app(journal.dir.path());
    let (events, error) = read(&app, 0);
    assert_eq!(events, journal.whole[..events.len()]);
    assert!(error.is_some() && app.damage().is_some());
    drop(app);
    data.stop();
}

#[test]
fn an_offset_by_time_is_not_looked_up_in_damage() {
    let journal = Journal::write();
    let (data, app) = open_app(journal.dir.path());
    let runtime = runtime();
    let find = |ms: u64| runtime.block_on(app.events().offset_for_timestamp(ms));
    let whole = find(START_MS).unwrap();
    assert_eq!(whole.unwrap().offset, 0, "all are of one moment");
    let first = &journal.segments()[0];
    let (at, _) = frames(&std::fs::read(first).unwrap())[0];
    for byte in 0..8 {
        let found = with_flip(first, (at + 32 + byte) as u64, 0x01, || find(START_MS));
        assert!(found.is_err(), "byte {byte} of the time: {found:?}");
    }
    assert!(app.damage().is_some());
    drop(app);
    data.stop();
}

#[test]
fn the_newest_events_time_is_the_same_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::at(START_MS);
    let newest = |app: &App| runtime().block_on(app.events().max_timestamp()).unwrap();
    let data = open_with(dir.path(), options(), clock.clone()).unwrap();
    let app = data.create_app(&store::AppName::new("shop").unwrap()).unwrap();
    assert_eq!(newest(&app), None);
    runtime().block_on(app.commit(changeset([upsert("a", "{}")]))).unwrap();
    let before = newest(&app);
    clock.0.store(START_MS + 60_000, std::sync::atomic::Ordering::SeqCst);
    // A frame without events, later.
    let offset = store::CommittedOffset { offset: 1, leader_epoch: 0, metadata: String::new() };
    runtime().block_on(app.commit_offsets("g", vec![("t".into(), 0, offset)])).unwrap();
    assert_eq!(newest(&app), before);
    drop(app);
    data.stop();
    drop(data);
    let data = open_with(dir.path(), options(), clock).unwrap();
    let app = data.app("shop").unwrap();
    assert_eq!((before.unwrap().timestamp_ms, newest(&app)), (START_MS, before));
    let later = runtime().block_on(app.events().offset_for_timestamp(START_MS + 1)).unwrap();
    assert_eq!(later, None, "there is no event of that time");
}
