//! Apps of a data directory: the register, one app's damage, and what a failed or interrupted creation leaves.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use crate::support::{HandClock, START_MS, changeset, documents, open, open_with, options, runtime, upsert};
use files::faults::{Fault, Plan, inject};
use store::{App, AppName, AppUnavailable, CommitError, CreateAppError, DataDir, DeleteAppError, OpenError, verify};

fn name(name: &str) -> AppName {
    AppName::new(name).unwrap()
}

fn write(app: &App, document: &str) {
    runtime().block_on(app.commit(changeset([upsert(document, "{}")]))).unwrap();
}

fn names(data: &DataDir) -> Vec<String> {
    data.app_names().iter().map(|name| name.as_str().to_owned()).collect()
}

fn folders(path: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(path.join("apps")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn reason(data: &DataDir, app: &str) -> String {
    match data.app(app).unwrap_err() {
        AppUnavailable::Damaged { app: named, reason } if named == app => reason,
        other => panic!("{other}"),
    }
}

/// A directory with two apps that have a document each.
fn two_apps() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let data = open(dir.path());
    for app in ["kept", "lost"] {
        write(&data.create_app(&name(app)).unwrap(), app);
    }
    dir
}

#[test]
fn a_registered_app_without_its_folder_is_damaged_and_the_others_are_not() {
    let dir = two_apps();
    std::fs::rename(dir.path().join("apps/lost"), dir.path().join("elsewhere")).unwrap();
    let data = open(dir.path());
    assert_eq!(names(&data), ["kept", "lost"]);
    assert_eq!(documents(&data.app("kept").unwrap()).len(), 1);
    assert!(reason(&data, "lost").contains("is missing"));
    assert!(matches!(&data.damaged_apps()[..], [(lost, _)] if lost.as_str() == "lost"));
    assert!(data.create_app(&name("lost")).is_err(), "there is one of that name");
    assert_eq!(folders(dir.path()), ["kept".to_owned()].into(), "no fresh start");
    // The volume is mounted again.
    std::fs::rename(dir.path().join("elsewhere"), dir.path().join("apps/lost")).unwrap();
    assert_eq!(documents(&data.app("lost").unwrap()).len(), 1);
    assert_eq!(data.damaged_apps(), []);
}

#[test]
fn an_app_whose_files_are_gone_or_anothers_is_damaged() {
    let dir = two_apps();
    let journal = |app: &str| dir.path().join("apps").join(app).join("journal");
    std::fs::rename(journal("lost"), dir.path().join("lost-journal")).unwrap();
    assert!(reason(&open(dir.path()), "lost").contains("has no journal"));
    // Another directory's app of the same name.
    let other = tempfile::tempdir().unwrap();
    let random = || *b"fedcba9876543210";
    let data = DataDir::open(other.path(), options(), HandClock::at(1), random).unwrap();
    write(&data.create_app(&name("lost")).unwrap(), "foreign");
    drop(data);
    crate::support::copy_dir(&other.path().join("apps/lost/journal"), &journal("lost"));
    let data = open(dir.path());
    assert!(reason(&data, "lost").contains("is of another app"));
    assert_eq!(documents(&data.app("kept").unwrap()).len(), 1);
}

#[test]
fn a_directory_without_a_register_gets_one_of_its_folders() {
    let dir = two_apps();
    std::fs::remove_file(dir.path().join("apps.json")).unwrap();
    // As version 1 left it where the disk was full.
    std::fs::create_dir_all(dir.path().join("apps/half/journal")).unwrap();
    let data = open(dir.path());
    assert_eq!(names(&data), ["half", "kept", "lost"]);
    write(&data.app("half").unwrap(), "first");
    drop(data);
    std::fs::remove_dir_all(dir.path().join("apps/half/journal")).unwrap();
    assert!(reason(&open(dir.path()), "half").contains("has no journal"), "it had one once");
}

#[test]
fn a_damaged_register_is_refused_by_name() {
    let dir = two_apps();
    let path = dir.path().join("apps.json");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(4).position(|window| window == b"kept").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = open_with(dir.path(), options(), HandClock::at(START_MS)).unwrap_err();
    assert!(matches!(error, OpenError::Register { .. }) && error.to_string().contains("apps.json is damaged"));
    let report = verify(dir.path(), &mut |_| {}).unwrap();
    assert!(!report.is_whole() && report.findings[0].contains("apps.json is damaged"), "{report:?}");
}

#[test]
fn a_whole_folder_that_is_not_registered_is_taken_in_and_another_is_left_alone() {
    let dir = two_apps();
    let data = open(dir.path());
    let before = std::fs::read(dir.path().join("apps.json")).unwrap();
    write(&data.create_app(&name("third")).unwrap(), "third");
    drop(data);
    std::fs::write(dir.path().join("apps.json"), before).unwrap();
    std::fs::create_dir(dir.path().join("apps/stranger")).unwrap();
    std::fs::create_dir(dir.path().join("apps/.new-fourth")).unwrap();
    let report = verify(dir.path(), &mut |_| {}).unwrap();
    assert!(report.findings[0].contains("stranger is not in the register"), "{report:?}");
    assert_eq!(report.notes.len(), 2, "{report:?}");
    let data = open(dir.path());
    assert_eq!(names(&data), ["kept", "lost", "third"]);
    assert_eq!(documents(&data.app("third").unwrap()).len(), 1);
    assert!(folders(dir.path()).contains("stranger") && !folders(dir.path()).contains(".new-fourth"));
    assert!(data.create_app(&name("stranger")).is_err(), "nobody knows what is in that folder");
}

#[test]
fn verify_reports_a_missing_folder_and_takes_a_new_app_for_whole() {
    let dir = two_apps();
    open(dir.path()).make_app(&name("new")).unwrap();
    let report = verify(dir.path(), &mut |_| {}).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(std::fs::read_dir(dir.path().join("apps/new")).unwrap().count(), 1, "verify makes no documents");
    std::fs::remove_dir_all(dir.path().join("apps/lost")).unwrap();
    let report = verify(dir.path(), &mut |_| {}).unwrap();
    let lost = report.apps.iter().find(|app| app.app == "lost").unwrap();
    assert!(lost.findings[0].contains("is missing"), "{report:?}");
}

#[test]
fn whatever_fails_while_an_app_is_made_it_is_there_whole_or_not_at_all() {
    let before = two_apps();
    for fault in [Fault::Io, Fault::Full, Fault::Torn, Fault::Crash] {
        let mut at = 1;
        loop {
            let dir = tempfile::tempdir().unwrap();
            crate::support::copy_dir(before.path(), dir.path());
            let data = open(dir.path());
            let injected = inject(dir.path(), Plan::new(fault, at));
            let made = data.make_app(&name("shop"));
            let has_come = injected.has_come();
            drop(injected);
            if !has_come {
                made.unwrap();
                assert!(at > 10, "only {at} operations: not all of them go through the shim");
                break;
            }
            let context = format!("{fault:?} at {at}");
            if fault != Fault::Crash && made.is_err() {
                // Whoever tries again gets it.
                data.make_app(&name("shop")).unwrap_or_else(|error| panic!("{context}: {error}"));
            }
            drop(data);
            let data = open(dir.path());
            assert!(data.has_app("kept") && data.has_app("lost"), "{context}");
            assert!(!folders(dir.path()).iter().any(|name| name.starts_with('.')), "{context}");
            assert_eq!(data.damaged_apps(), [], "{context}");
            if !data.has_app("shop") {
                data.make_app(&name("shop")).unwrap_or_else(|error| panic!("{context}: {error}"));
            }
            if fault == Fault::Crash {
                write(&data.app("shop").unwrap(), "first");
            }
            at += 1;
        }
    }
}

#[test]
fn an_app_that_is_being_made_holds_nobody_up() {
    let dir = two_apps();
    let data = open(dir.path());
    // The register waits for its turn; a look-up does not.
    let making: Vec<_> = (0..4)
        .map(|n| {
            let data = data.clone();
            std::thread::spawn(move || data.make_app(&name(&format!("new-{n}"))).unwrap())
        })
        .collect();
    for _ in 0..100 {
        assert!(data.has_app("kept") && data.app("kept").is_ok());
    }
    making.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(names(&data).len(), 6);
}

#[test]
fn an_app_is_opened_once_by_many_and_again_after_it_was_closed() {
    let dir = two_apps();
    let data = open(dir.path());
    assert_eq!(data.open_apps().len(), 0, "none is opened before it is used");
    let openers: Vec<_> = (0..8)
        .map(|_| {
            let data = data.clone();
            std::thread::spawn(move || data.app("kept").unwrap())
        })
        .collect();
    let opened: Vec<Arc<App>> = openers.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(opened.iter().all(|app| Arc::ptr_eq(app, &opened[0])));
    let snapshot = opened[0].snapshot().unwrap();
    let app = data.opened("kept").unwrap();
    drop(opened);
    assert_eq!(app.holders(), 2, "the data directory and a snapshot");
    drop(snapshot);
    assert_eq!(app.holders(), 1);
    write(&app, "second");
    data.close_app(app, || {});
    assert_eq!(data.open_apps().len(), 0);
    assert_eq!(documents(&data.app("kept").unwrap()).len(), 2);
}

#[test]
fn an_app_that_was_not_opened_since_a_kill_recovers_on_its_first_use() {
    let dir = tempfile::tempdir().unwrap();
    let data = open(&dir.path().join("killed"));
    for app in ["a", "b"] {
        write(&data.create_app(&name(app)).unwrap(), app);
    }
    for round in ["one", "two"] {
        crate::support::copy_dir(&dir.path().join("killed"), &dir.path().join(round));
    }
    let data = open(&dir.path().join("one"));
    assert_eq!(documents(&data.app("a").unwrap()).len(), 1);
    drop(data);
    let data = open(&dir.path().join("one"));
    assert_eq!(documents(&data.app("b").unwrap()).len(), 1, "two starts after the kill");
}

#[test]
fn a_new_app_takes_little_room() {
    use std::os::unix::fs::MetadataExt as _;
    fn used_bytes(path: &Path) -> u64 {
        let own = std::fs::symlink_metadata(path).unwrap();
        let inside: u64 = if own.is_dir() {
            std::fs::read_dir(path).unwrap().map(|entry| used_bytes(&entry.unwrap().path())).sum()
        } else {
            0
        };
        own.blocks() * 512 + inside
    }
    let dir = tempfile::tempdir().unwrap();
    let open = || open_with(dir.path(), store::StoreOptions::default(), HandClock::at(START_MS)).unwrap();
    for round in ["made", "opened again"] {
        let data = open();
        for n in 0..10 {
            let name = name(&format!("app-{n}"));
            data.app(name.as_str()).unwrap_or_else(|_| data.create_app(&name).unwrap());
        }
        let each = used_bytes(dir.path()) / 10;
        assert!(each <= 1 << 20, "{each} bytes an app: {round}");
    }
}

/// Deletes the app as a server does: at once, or where a crash broke it off.
fn delete(data: &DataDir, app: &str) -> Result<(), Box<dyn std::error::Error>> {
    if data.has_app(app) {
        data.begin_deletion(app)?;
    }
    for name in data.unfinished_deletions() {
        assert!(data.is_let_go(&name));
        data.finish_deletion(&name)?;
    }
    Ok(())
}

#[test]
fn a_deleted_app_is_gone_and_another_of_its_name_is_empty() {
    let dir = two_apps();
    let data = open(dir.path());
    let app = data.app("lost").unwrap();
    let gone = data.begin_deletion("lost").unwrap();
    assert!(!data.has_app("lost") && data.opened("lost").is_none());
    assert!(matches!(data.app("lost"), Err(AppUnavailable::NotFound { .. })));
    assert!(matches!(data.begin_deletion("lost"), Err(DeleteAppError::NotFound { .. })), "once");
    let refused = runtime().block_on(app.commit(changeset([upsert("late", "{}")])));
    assert!(matches!(refused, Err(CommitError::Stopping)), "{refused:?}");
    assert!(!data.is_let_go(&gone), "this test holds it");
    assert!(matches!(data.make_app(&gone), Err(CreateAppError::BeingDeleted(_))));
    let report = || verify(dir.path(), &mut |_| {}).unwrap();
    drop(app);
    assert!(data.is_let_go(&gone));
    drop(data);
    let noted = report();
    assert!(noted.is_whole() && noted.notes[0].contains("app lost is deleted"), "{noted:?}");

    let data = open(dir.path());
    assert_eq!((names(&data), data.unfinished_deletions()), (vec!["kept".to_owned()], vec![gone.clone()]));
    data.finish_deletion(&gone).unwrap();
    assert_eq!((folders(dir.path()), data.unfinished_deletions()), (["kept".to_owned()].into(), vec![]));
    let again = data.create_app(&gone).unwrap();
    assert!(documents(&again).is_empty() && again.newest_txn().0 == 0);
    assert_eq!(documents(&data.app("kept").unwrap()).len(), 1);
    drop((again, data));
    assert!(report().is_whole() && report().notes.is_empty(), "{:?}", report());
}

#[test]
fn a_damaged_app_can_be_deleted_and_so_can_one_that_is_not_there() {
    for missing in ["apps/lost", "apps/lost/journal"] {
        let dir = two_apps();
        std::fs::rename(dir.path().join(missing), dir.path().join("elsewhere")).unwrap();
        let data = open(dir.path());
        assert_eq!(data.damaged_apps().len(), 1);
        delete(&data, "lost").unwrap();
        assert_eq!((names(&data), data.damaged_apps()), (vec!["kept".to_owned()], vec![]));
        assert_eq!(folders(dir.path()), ["kept".to_owned()].into());
    }
}

#[test]
fn whatever_fails_while_an_app_is_deleted_it_is_there_whole_or_not_at_all() {
    let before = two_apps();
    for fault in [Fault::Io, Fault::Full, Fault::Torn, Fault::Crash] {
        let (mut at, mut stayed, mut went) = (1, 0, 0);
        loop {
            let dir = tempfile::tempdir().unwrap();
            crate::support::copy_dir(before.path(), dir.path());
            let data = open(dir.path());
            let injected = inject(dir.path(), Plan::new(fault, at));
            let deleted = delete(&data, "lost");
            let has_come = injected.has_come();
            drop(injected);
            if !has_come {
                deleted.unwrap();
                assert!(at > 6, "only {at} operations: not all of them go through the shim");
                break;
            }
            let context = format!("{fault:?} at {at}");
            let is_there = data.has_app("lost");
            drop(data);
            let data = open(dir.path());
            if fault != Fault::Crash {
                assert_eq!(data.has_app("lost"), is_there, "what was said holds after a restart: {context}");
            }
            if data.has_app("lost") {
                assert_eq!(documents(&data.app("lost").unwrap()).len(), 1, "{context}");
                stayed += 1;
            } else {
                went += 1;
            }
            delete(&data, "lost").unwrap_or_else(|error| panic!("{context}: {error}"));
            assert_eq!((folders(dir.path()), names(&data)), (["kept".to_owned()].into(), vec!["kept".to_owned()]));
            assert!(documents(&data.create_app(&name("lost")).unwrap()).is_empty(), "{context}");
            assert_eq!(documents(&data.app("kept").unwrap()).len(), 1, "{context}");
            at += 1;
        }
        assert!(stayed > 0 && went > 0, "{fault:?}: {stayed} times it stayed, {went} times it went");
    }
}
