//! Retention: what is trimmed can be named exactly, whatever was written meanwhile, and the
//! directory stays provably whole.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::{Duration, Instant},
};

use crate::support::{HandClock, START_MS, changeset, copy_dir, options, remove, runtime, upsert};
use document::{Condition, Stamp};
use proptest::prelude::*;
use store::{App, AppName, CommittedOffset, DataDir, NoObserver, Outcome, StoreOptions};

fn trimming(retention_bytes: u64) -> StoreOptions {
    StoreOptions { retention_bytes: Some(retention_bytes), ..options() }
}

fn open_unobserved(dir: &Path, options: StoreOptions, clock: Arc<HandClock>) -> (Arc<DataDir>, Arc<App>) {
    let data = crate::support::open_with(dir, options, clock).unwrap();
    let app = data.app("shop").unwrap_or_else(|_| data.create_app(&AppName::new("shop").unwrap()).unwrap());
    (data, app)
}

fn open(dir: &Path, options: StoreOptions, clock: Arc<HandClock>) -> (Arc<DataDir>, Arc<App>) {
    let (data, app) = open_unobserved(dir, options, clock);
    app.observe_trims(Box::new(NoObserver));
    (data, app)
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The trimmed changes as the app tells them: offset and id.
fn told(app: &App, from: u64) -> Vec<(u64, String)> {
    let snapshot = app.snapshot().unwrap();
    snapshot.trimmed_changes(from).map(|change| change.unwrap()).map(|change| (change.offset, change.id_json)).collect()
}

/// The same from a model of each document's last event.
fn expected(last: &BTreeMap<String, u64>, from: u64, log_start: u64) -> Vec<(u64, String)> {
    let trimmed = last.iter().filter(|(_, offset)| (from..log_start).contains(offset));
    let mut trimmed: Vec<_> = trimmed.map(|(id, &offset)| (offset, format!("{id:?}"))).collect();
    trimmed.sort();
    trimmed
}

/// Retention may be at work: a copy of a moving directory is not what a kill leaves.
fn copy_while_nothing_is_written(from: &Path, to: &Path) {
    fn sizes(dir: &Path) -> Vec<(std::path::PathBuf, u64)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => found.extend(sizes(&entry.path())),
                Ok(metadata) => found.push((entry.path(), metadata.len())),
                Err(_) => {}
            }
        }
        found.sort();
        found
    }
    wait_until("nothing is written", || {
        let _ = std::fs::remove_dir_all(to);
        let before = sizes(from);
        let copied = std::panic::catch_unwind(|| copy_dir(from, to)).is_ok();
        copied && sizes(from) == before
    });
}

fn assert_whole(dir: &Path) {
    let report = store::verify(dir, &mut |_| {}).unwrap();
    assert!(report.is_whole(), "{:#?}", report.apps);
}

#[derive(Debug, Clone)]
enum Step {
    Write {
        document: u8,
        filler: usize,
    },
    Remove {
        document: u8,
    },
    Together {
        documents: Vec<u8>,
    },
    /// In one transaction: it leaves no event.
    MakeAndRemove {
        document: u8,
    },
    Restart,
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    let document = 0..20u8;
    prop_oneof![
        20 => (document.clone(), 100..6000usize).prop_map(|(document, filler)| Step::Write { document, filler }),
        5 => document.clone().prop_map(|document| Step::Remove { document }),
        3 => prop::collection::vec(document.clone(), 2..12).prop_map(|documents| Step::Together { documents }),
        1 => document.prop_map(|document| Step::MakeAndRemove { document }),
        1 => Just(Step::Restart),
        1 => Just(Step::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn exactly_what_was_trimmed_and_has_not_changed_since_is_told(
        steps in prop::collection::vec(step(), 60..160),
        retention_bytes in 0..100_000u64,
    ) {
        let runtime = runtime();
        let root = tempfile::tempdir().unwrap();
        let mut dir = root.path().join("0");
        let clock = HandClock::at(START_MS);
        let (mut data, mut app) = open(&dir, trimming(retention_bytes), clock.clone());
        let (mut last, mut alive) = (BTreeMap::new(), BTreeMap::new());
        for (n, step) in steps.into_iter().enumerate() {
            let name = |document: u8| format!("d{document}");
            match step {
                Step::Write { document, filler } => {
                    let json = format!(r#"{{"n":{n},"filler":"{}"}}"#, "x".repeat(filler));
                    last.insert(name(document), app.events().high_watermark());
                    alive.insert(name(document), true);
                    runtime.block_on(app.commit(changeset([upsert(&name(document), &json)]))).unwrap();
                }
                Step::Remove { document } => {
                    if alive.insert(name(document), false) == Some(true) {
                        last.insert(name(document), app.events().high_watermark());
                    }
                    runtime.block_on(app.commit(changeset([remove(&name(document))]))).unwrap();
                }
                Step::Together { mut documents } => {
                    documents.sort_unstable();
                    documents.dedup();
                    let operations: Vec<_> = documents.iter().map(|&d| upsert(&name(d), r#"{"together":true}"#)).collect();
                    for (offset, &document) in (app.events().high_watermark()..).zip(&documents) {
                        last.insert(name(document), offset);
                        alive.insert(name(document), true);
                    }
                    runtime.block_on(app.commit(changeset(operations))).unwrap();
                }
                Step::MakeAndRemove { document } => {
                    let before = alive.insert(name(document), false);
                    if before == Some(true) {
                        last.insert(name(document), app.events().high_watermark());
                    }
                    let both = [upsert(&name(document), "{}"), remove(&name(document))];
                    runtime.block_on(app.commit(changeset(both))).unwrap();
                }
                Step::Restart => {
                    drop((data, app));
                    assert_whole(&dir);
                    (data, app) = open(&dir, trimming(retention_bytes), clock.clone());
                }
                Step::Kill => {
                    let copy = root.path().join((n + 1).to_string());
                    copy_while_nothing_is_written(&dir, &copy);
                    drop((data, app));
                    dir = copy;
                    (data, app) = open(&dir, trimming(retention_bytes), clock.clone());
                }
            }
            let snapshot = app.snapshot().unwrap();
            for from in [0, snapshot.log_start() / 2, snapshot.log_start().saturating_sub(1)] {
                let found: Vec<_> = snapshot.trimmed_changes(from).map(|c| c.unwrap()).map(|c| (c.offset, c.id_json)).collect();
                prop_assert_eq!(found, expected(&last, from, snapshot.log_start()));
            }
        }
        drop((data, app));
        assert_whole(&dir);
    }
}

#[test]
fn disk_use_stays_bounded_while_nobody_reads() {
    let runtime = runtime();
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open(dir.path(), trimming(200_000), HandClock::at(START_MS));
    let filler = "x".repeat(3000);
    for n in 0..400 {
        let json = format!(r#"{{"n":{n},"filler":"{filler}"}}"#);
        runtime.block_on(app.commit(changeset([upsert(&format!("d{}", n % 7), &json)]))).unwrap();
    }
    // What is kept, a segment that is not worth trimming yet, and the active one.
    wait_until("the journal is trimmed", || app.stats().journal_bytes <= 200_000 + 2 * 64 * 1024);
    let stats = app.stats();
    assert!(stats.log_start > 300 && stats.trimmed_bytes > 1_000_000, "{stats:?}");
    // It may be trimmed once more between two looks.
    wait_until("reading from what was trimmed begins with the oldest that is left", || {
        let first = runtime.block_on(app.events().read(0, 1)).unwrap();
        let header = kafka_wire::record_batch::decode_header(&first[0]).unwrap();
        header.base_offset as u64 == app.stats().log_start
    });
    assert_eq!(told(&app, 0), [], "all seven documents were written again since");
}

#[test]
fn nothing_goes_until_somebody_observes_it() {
    let runtime = runtime();
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_unobserved(dir.path(), trimming(0), HandClock::at(START_MS));
    let filler = "x".repeat(3000);
    for n in 0..400 {
        // The retention looks whenever a segment begins.
        let json = format!(r#"{{"n":{n},"filler":"{filler}"}}"#);
        runtime.block_on(app.commit(changeset([upsert("only", &json)]))).unwrap();
    }
    let stats = app.stats();
    assert!(stats.log_start == 0 && stats.journal_segments > 5, "{stats:?}");
    app.observe_trims(Box::new(NoObserver));
    wait_until("the journal is trimmed", || app.stats().log_start > 0);
}

#[test]
fn old_events_go_and_a_clock_set_back_trims_nothing_more() {
    let runtime = runtime();
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::at(START_MS);
    let options = StoreOptions { retention_ms: Some(60_000), ..options() };
    let (_data, app) = open(dir.path(), options, clock.clone());
    let write = |n: u64, bytes: usize| {
        let json = format!(r#"{{"filler":"{}"}}"#, "x".repeat(bytes));
        runtime.block_on(app.commit(changeset([upsert(&format!("d{n}"), &json)]))).unwrap();
    };
    (0..40).for_each(|n| write(n, 3000));
    clock.0.store(START_MS - 3_600_000, SeqCst);
    (40..80).for_each(|n| write(n, 3000));
    assert_eq!(app.stats().log_start, 0);
    clock.0.store(START_MS + 61_000, SeqCst);
    // Each new segment has it look.
    let mut n = 80;
    wait_until("the first segments are trimmed", || {
        write(n, 3000);
        n += 1;
        app.stats().log_start >= 40
    });
    assert_eq!(told(&app, 0).len() as u64, app.stats().log_start, "each document was written once");
}

#[test]
fn old_tombstones_are_dropped_and_what_came_back_stays() {
    let runtime = runtime();
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::at(START_MS);
    let options = StoreOptions { tombstone_retention_ms: Some(60_000), ..trimming(0) };
    let (data, app) = open(dir.path(), options, clock.clone());
    let commit = |operation| runtime.block_on(app.commit(changeset([operation]))).unwrap();
    let fill = || drop(commit(upsert("filler", &format!(r#"{{"text":"{}"}}"#, "x".repeat(3000)))));
    for id in ["gone", "back", "young"] {
        commit(upsert(id, "{}"));
    }
    commit(remove("gone"));
    commit(remove("back"));
    (0..60).for_each(|_| fill());
    wait_until("the removals are trimmed", || app.stats().log_start > 4);
    assert_eq!(told(&app, 0).len(), 3, "nothing is old yet");
    clock.0.store(START_MS + 50_000, SeqCst);
    commit(upsert("back", "{}"));
    commit(remove("young"));
    clock.0.store(START_MS + 61_000, SeqCst);
    wait_until("old tombstones are dropped", || {
        fill();
        app.stats().tombstones_dropped > 0
    });
    wait_until("the young one is trimmed too", || {
        fill();
        app.stats().log_start > told(&app, 0).last().map_or(u64::MAX, |(offset, _)| offset + 30)
    });
    let left: Vec<String> = told(&app, 0).into_iter().map(|(_, id)| id).collect();
    assert_eq!(left, [r#""back""#, r#""young""#]);
    assert_eq!((app.stats().tombstones_dropped, app.tombstone_floor()), (1, 4), "the removal of `gone` was event 3");
    // What was dropped is as if it had never been: for whoever writes now, and when that is
    // replayed.
    let mut anew = upsert("gone", r#"{"again":true}"#);
    anew.condition = Condition::Unchanged { since: Stamp::ZERO };
    assert_eq!(commit(anew).outcomes, [Outcome::Applied]);
    let killed = dir.path().join("killed");
    copy_while_nothing_is_written(&dir.path().join("apps"), &killed.join("apps"));
    assert_whole(&killed);
    drop((data, app));
    let (_data, app) = open(dir.path(), trimming(0), clock);
    assert_eq!(app.tombstone_floor(), 4, "it is kept");
}

/// A segment need not hold an event: offsets of groups, definitions and dropped tombstones are
/// frames too.
#[test]
fn all_events_may_go() {
    let runtime = runtime();
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::at(START_MS);
    let (data, app) = open(dir.path(), trimming(0), clock.clone());
    for id in ["a", "b"] {
        runtime.block_on(app.commit(changeset([upsert(id, "{}")]))).unwrap();
    }
    let offset = || CommittedOffset { offset: 1, leader_epoch: 0, metadata: "m".repeat(4000) };
    wait_until("all events are trimmed", || {
        runtime.block_on(app.commit_offsets("g", vec![("t".into(), 0, offset())])).unwrap();
        app.events().log_start() == 2
    });
    let check = |app: &App| {
        assert_eq!((app.events().log_start(), app.events().high_watermark()), (2, 2));
        for from in 0..3 {
            assert!(app.events().read_blocking(from, 1 << 20).unwrap().is_empty());
            assert!(runtime.block_on(app.events().read(from, 1 << 20)).unwrap().is_empty());
        }
        assert_eq!((app.damage(), told(app, 0).len()), (None, 2));
    };
    check(&app);
    drop((data, app));
    assert_whole(dir.path());
    let (_data, app) = open(dir.path(), trimming(0), clock);
    check(&app);
    runtime.block_on(app.commit(changeset([upsert("c", "{}")]))).unwrap();
    assert_eq!(app.events().read_blocking(0, 1 << 20).unwrap().len(), 1);
}

#[test]
fn documents_that_lack_what_was_trimmed_are_refused() {
    let runtime = runtime();
    let dir = tempfile::tempdir().unwrap();
    let (data, app) = open(dir.path(), trimming(0), HandClock::at(START_MS));
    let filler = "x".repeat(3000);
    for n in 0..60 {
        let json = format!(r#"{{"filler":"{filler}"}}"#);
        runtime.block_on(app.commit(changeset([upsert(&format!("d{n}"), &json)]))).unwrap();
    }
    wait_until("something is trimmed", || app.stats().log_start > 0);
    drop((data, app));
    std::fs::remove_dir_all(dir.path().join("apps/shop/documents")).unwrap();
    let error = crate::support::try_open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("restore a backup"), "{error}");
    assert!(!store::verify(dir.path(), &mut |_| {}).unwrap().is_whole());
}
