//! Stored formats open for ever: a whole data directory of an earlier version gives the same
//! events, documents, offsets, answers and gaps today.
//!
//! `testdata/formats/v2` was written by `write` below when the format was made, and is never
//! written again; a new format gets a directory of its own, which `HEADWATER_WRITE_FORMAT_FIXTURE`
//! names (`docs/internals/changing-a-stored-format.md`). Version 1 is a journal alone (test
//! `formats` of the crate `store`).

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on says so by failing")]
#![allow(clippy::print_stdout, reason = "it tells what was tried")]

mod flips;
#[path = "../folder/mod.rs"]
mod folder;
mod shown;
mod write;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use files::{
    Act,
    faults::{Fault, Plan, inject},
};
use folder::copy_dir;
use shown::Shown;
use store::{CommitError, DataDir, Request, StoreOptions, WallClock};
use tokio::runtime::Runtime;
use topics::{ChangeError, TopicRegistry};

/// The fixtures that are whole directories.
const FIXTURES: [&str; 3] = ["v2", "v3", "v4"];

/// `shop` was trimmed and stopped; `till` is as a kill leaves it, with documents that lack frames,
/// and a torn one at the journal's end.
const APPS: [&str; 2] = ["shop", "till"];

const START_MS: u64 = 1_645_472_201_000;

/// Requests that were written, the last two by names that the server gave: those are known only
/// where they were replayed.
const REQUESTS: [&str; 4] = ["early", "late", "server-early", "server-late"];

/// What makes documents large, and is not shown.
const FILLER_BYTES: usize = 3000;

#[derive(Debug)]
struct HandClock(AtomicU64);

impl WallClock for HandClock {
    fn now_ms(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn options() -> StoreOptions {
    StoreOptions { segment_bytes: 64 * 1024, event_bytes_max: 8 * 1024, ..StoreOptions::default() }
}

fn open(path: &Path, options: StoreOptions, clock: &Arc<HandClock>) -> Arc<DataDir> {
    DataDir::open(path, options, clock.clone(), random).unwrap()
}

/// Each call gives another number, so that the apps have instances of their own.
fn random() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    u128::from(NEXT.fetch_add(1, SeqCst)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes()
}

fn request(id: &str) -> Request {
    Request { caller: "key:till".into(), id: id.into(), body: *b"0123456789abcdef", given: true }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats").join(name)
}

/// A copy of the fixture's directory, with its empty folders: git keeps none, so their names are in
/// a file.
fn copy_fixture(name: &str, to: &Path) {
    copy_dir(&fixture(name).join("data"), to);
    for folder in fs::read_to_string(fixture(name).join("empty-folders.txt")).unwrap().lines() {
        fs::create_dir_all(to.join(folder)).unwrap();
    }
}

#[test]
fn every_format_opens() {
    if let Ok(name) = std::env::var("HEADWATER_WRITE_FORMAT_FIXTURE") {
        write::write_fixture(&fixture(&name));
    }
    FIXTURES.into_iter().for_each(opens);
}

fn opens(fixture_name: &str) {
    let dir = tempfile::tempdir().unwrap();
    copy_fixture(fixture_name, dir.path());
    let report = topics::verify(dir.path(), &mut |_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
    let clock = Arc::new(HandClock(AtomicU64::new(START_MS)));
    // As it is, and as it is left.
    for time in ["first", "second"] {
        let data = open(dir.path(), options(), &clock);
        let names: Vec<_> = data.app_names().iter().map(|name| name.as_str().to_owned()).collect();
        assert_eq!(names, APPS);
        let runtime = runtime();
        let topics = TopicRegistry::new(data.clone());
        for app in APPS {
            for Shown { name, text, error } in runtime.block_on(shown::shown(&topics, app)).unwrap() {
                assert_eq!(error, None, "{name} of {app}, the {time} time");
                let expected = fs::read_to_string(fixture(fixture_name).join(app).join(name)).unwrap();
                let differs = text.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
                assert!(text == expected, "{fixture_name}: {name} of {app}, the {time} time, at {differs:#?}");
            }
        }
        runtime.block_on(topics.stop());
        drop(topics);
        data.stop();
        drop(data);
        assert!(topics::verify(dir.path(), &mut |_| ()).unwrap().is_whole(), "the {time} time");
    }
}

/// The live queries that the app of a copy of version 2 has.
fn live_queries(path: &Path) -> Result<Vec<String>, store::AppUnavailable> {
    let data = open(path, options(), &Arc::new(HandClock(AtomicU64::new(START_MS))));
    let topics = TopicRegistry::new(data.clone());
    let runtime = runtime();
    let names = runtime.block_on(topics.app("shop")).map(|shop| {
        shop.live_queries().iter().map(|one| format!("{} {:?} {:?}", one.name, one.query, one.on_gap)).collect()
    });
    runtime.block_on(topics.stop());
    drop(topics);
    data.stop();
    names
}

fn copy_of_v2() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy_fixture("v2", dir.path());
    dir
}

const TAKEN_OVER: [&str; 3] = ["main None Requery", "adults Some(\"age >= 18\") Requery", "everything None Snapshot"];

#[test]
fn live_queries_of_version_2_are_taken_over_whatever_fails_on_the_way() {
    // An opening does hundreds of things to files, most of them before this.
    for at in (1..2000).step_by(11) {
        let dir = copy_of_v2();
        let file = dir.path().join("apps/shop/live-queries.json");
        let injected = inject(&dir.path().join("apps/shop"), Plan::new(Fault::Crash, at));
        let found = live_queries(dir.path());
        let has_come = injected.has_come();
        drop(injected);
        if let Ok(found) = &found {
            assert_eq!(found, &TAKEN_OVER);
        }
        // What the crash left is opened again, and is the same from then on.
        for _ in 0..2 {
            assert_eq!(live_queries(dir.path()).unwrap(), TAKEN_OVER, "a crash at {at}");
            assert!(!file.exists());
        }
        assert!(topics::verify(dir.path(), &mut |_| ()).unwrap().is_whole());
        if !has_come {
            assert!(at > 10, "there must be something to fail");
            return;
        }
    }
    panic!("the fault comes however late it is planned");
}

#[test]
fn live_queries_of_version_2_are_in_force_while_there_is_no_room_to_take_them_over() {
    let dir = copy_of_v2();
    let file = dir.path().join("apps/shop/live-queries.json");
    let full = || {
        let plan = Plan::new(Fault::Full, 1).only(&[Act::Rename]).lasting();
        inject(&dir.path().join("apps/shop/journal"), plan)
    };
    let injected = full();
    for _ in 0..2 {
        assert_eq!(live_queries(dir.path()).unwrap(), TAKEN_OVER);
        assert!(file.exists());
    }
    drop(injected);
    let data = open(dir.path(), options(), &Arc::new(HandClock(AtomicU64::new(START_MS))));
    let topics = TopicRegistry::new(data.clone());
    runtime().block_on(async {
        let injected = full();
        let shop = topics.app("shop").await.unwrap();
        let refused = shop.delete("adults").await.unwrap_err();
        assert!(matches!(refused, ChangeError::Commit(CommitError::DiskFull { .. })), "{refused}");
        drop(injected);
        // A change that is made once there is room is not undone by the next start.
        shop.delete("adults").await.unwrap();
        assert!(!file.exists());
        topics.stop().await;
    });
    drop(topics);
    data.stop();
    drop(data);
    assert_eq!(live_queries(dir.path()).unwrap(), [TAKEN_OVER[0], TAKEN_OVER[2]]);
    assert!(topics::verify(dir.path(), &mut |_| ()).unwrap().is_whole());
}

#[test]
fn live_queries_of_version_2_that_are_missing_or_older_ones_are_damage() {
    type Harm = fn(&Path);
    let harms: [(Harm, &str); 2] = [
        (|file| fs::remove_file(file).unwrap(), "is missing"),
        (|file| fs::write(file, files::seal(2, r#"{"version":1,"liveQueries":[]}"#)).unwrap(), "is not the one"),
    ];
    for (harm, expect) in harms {
        let dir = copy_of_v2();
        harm(&dir.path().join("apps/shop/live-queries.json"));
        let error = live_queries(dir.path()).unwrap_err().to_string();
        assert!(error.contains("live-queries.json") && error.contains(expect), "{error}");
    }
}
