//! Damage is never served: what is missing, foreign or left over is refused by name, or harmless.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::support::*;
use files::{
    Act,
    faults::{Fault, Plan, inject},
};
use store::{AppName, DataDir, NoObserver, StoreOptions};

/// A directory as a clean stop leaves it, with several segments.
fn filled(dir: &Path) -> Vec<Event> {
    let (_data, app) = open_app(dir);
    runtime().block_on(async {
        for n in 0..400 {
            app.commit(changeset([upsert(&format!("d{}", n % 50), &format!(r#"{{"x":"{}"}}"#, "x".repeat(600)))]))
                .await
                .unwrap();
        }
        events(&app).await
    })
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        std::fs::read_dir(dir.join("apps/shop/journal")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths
}

fn findings(dir: &Path) -> Vec<String> {
    let report = store::verify(dir, &mut |_| ()).unwrap();
    report.apps.into_iter().flat_map(|app| app.findings).collect()
}

/// The directory neither opens nor passes for whole, and both say why in these words.
#[track_caller]
fn check_refused(dir: &Path, expect: &str) {
    let found = findings(dir);
    assert!(found.iter().any(|finding| finding.contains(expect)), "verify: {found:?}");
    let error = try_open(dir).map(drop).expect_err("it must not open").to_string();
    assert!(error.contains(expect), "open: {error}");
}

#[test]
fn a_missing_segment_is_damage_wherever_it_was() {
    let whole = tempfile::tempdir().unwrap();
    filled(whole.path());
    let count = segments(whole.path()).len();
    assert!(count > 3, "several segments");
    for missing in 0..count {
        let dir = tempfile::tempdir().unwrap();
        copy_dir(whole.path(), dir.path());
        std::fs::remove_file(&segments(dir.path())[missing]).unwrap();
        let expect = match missing {
            0 => "segments are missing",
            last if last + 1 == count => "the documents know",
            _ => "does not follow on",
        };
        check_refused(dir.path(), expect);
    }
}

#[test]
fn a_missing_journal_is_damage() {
    for remove_folder in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path());
        std::fs::remove_dir_all(dir.path().join("apps/shop/journal")).unwrap();
        if !remove_folder {
            std::fs::create_dir(dir.path().join("apps/shop/journal")).unwrap();
        }
        check_refused(dir.path(), "journal");
    }
}

#[test]
fn a_sealed_segment_that_was_cut_or_swapped_is_damage() {
    let whole = tempfile::tempdir().unwrap();
    filled(whole.path());
    for cut in [1, 44, 45, 1000] {
        let dir = tempfile::tempdir().unwrap();
        copy_dir(whole.path(), dir.path());
        let second = std::fs::File::options().write(true).open(&segments(dir.path())[1]).unwrap();
        second.set_len(second.metadata().unwrap().len() - cut).unwrap();
        drop(second);
        check_refused(dir.path(), "does not end as a sealed segment does");
    }
    let dir = tempfile::tempdir().unwrap();
    copy_dir(whole.path(), dir.path());
    let paths = segments(dir.path());
    std::fs::copy(&paths[1], &paths[2]).unwrap();
    check_refused(dir.path(), "does not follow on");
}

#[test]
fn documents_of_another_app_are_refused() {
    let (ours, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(ours.path());
    let random = || *b"fedcba9876543210";
    let data = DataDir::open(other.path(), options(), HandClock::at(START_MS), random).unwrap();
    drop(data.create_app(&AppName::new("shop").unwrap()).unwrap());
    drop(data);
    let documents = ours.path().join("apps/shop/documents");
    std::fs::remove_dir_all(&documents).unwrap();
    copy_dir(&other.path().join("apps/shop/documents"), &documents);
    // As after a clean stop, and as after a kill.
    check_refused(ours.path(), "documents/");
    std::fs::remove_file(documents.with_extension("inventory")).unwrap();
    check_refused(ours.path(), "of another app's journal");
}

#[test]
fn segments_that_a_trim_could_not_remove_are_removed_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let events = filled(dir.path());
    let before = segments(dir.path());
    let trimmed = {
        let options = StoreOptions { retention_bytes: Some(0), ..options() };
        let data = open_with(dir.path(), options, HandClock::at(START_MS)).unwrap();
        let app = data.app("shop").unwrap();
        // The second of them stays: without more it would be a hole in the middle.
        let injected = inject(&dir.path().join("apps/shop/journal"), Plan::new(Fault::Io, 2).only(&[Act::Remove]));
        app.observe_trims(Box::new(NoObserver));
        wait_until(|| injected.has_come() && app.events().log_start() > 0);
        data.stop();
        app.events().log_start()
    };
    let left = segments(dir.path());
    assert!(left.contains(&before[1]) && !left.contains(&before[0]), "{left:?}");
    assert_eq!(findings(dir.path()), [""; 0], "nothing is lost");

    let (_data, app) = open_app(dir.path());
    assert!(!segments(dir.path()).contains(&before[1]));
    assert_eq!(app.events().log_start(), trimmed);
    let served = runtime().block_on(crate::support::events(&app));
    assert_eq!(served, events[trimmed as usize..]);
}

fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Documents that somebody removed are made anew, whether a clean stop had noted what they were or
/// not.
#[test]
fn documents_that_are_gone_are_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let events = filled(dir.path());
    let before = documents(&open_app(dir.path()).1);
    for _ in 0..2 {
        std::fs::remove_dir_all(dir.path().join("apps/shop/documents")).unwrap();
        assert_eq!(findings(dir.path()), [""; 0]);
        let (_data, app) = open_app(dir.path());
        assert_eq!(
            (documents(&app), runtime().block_on(crate::support::events(&app))),
            (before.clone(), events.clone())
        );
    }
}
