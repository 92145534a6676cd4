//! Stored formats open for ever: what an earlier version wrote gives the same events and documents
//! today.
//!
//! `testdata/formats/v1` holds every kind of operation, condition and value that there was. It was
//! written when the format was made, and is never written again; later formats are whole
//! directories (test `formats` of the crate `topics`).

use std::path::{Path, PathBuf};

use crate::support::*;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats/v1")
}

#[test]
fn format_v1_opens() {
    let dir = tempfile::tempdir().unwrap();
    copy_dir(&fixture().join("journal"), &dir.path().join("apps/shop/journal"));
    assert!(store::verify(dir.path(), &mut |_| ()).unwrap().is_whole());
    let (_data, app) = open_app(dir.path());
    let expected = |name: &str| std::fs::read_to_string(fixture().join(name)).unwrap();
    assert_eq!(events_text(&app), expected("events.txt"));
    assert_eq!(documents(&app).join("\n"), expected("documents.jsonl").trim_end());
    assert_eq!(app.committed_offsets("g")[0].2.offset, 3);
    assert_eq!(app.instance(), *b"0123456789abcdef");
}

/// The version of each segment's format.
fn versions(journal: &Path) -> Vec<u8> {
    let mut paths: Vec<_> = std::fs::read_dir(journal).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()[8]).collect()
}

/// What a replay writes can only be read by this version: an older program has to say so.
#[test]
fn a_replay_of_an_older_version_leaves_a_directory_of_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("apps/shop/journal");
    copy_dir(&fixture().join("journal"), &journal);
    let old = versions(&journal);
    let with_newest = [&old[..], &[3]].concat();
    for _ in 0..2 {
        let (data, app) = open_app(dir.path());
        assert_eq!(versions(&journal), with_newest);
        drop(app);
        data.stop();
        drop(data);
        assert_eq!(versions(&journal), with_newest, "nothing was written, and it stays");
        assert!(store::verify(dir.path(), &mut |_| ()).unwrap().is_whole());
    }
    for _ in 0..2 {
        let (_data, app) = open_app(dir.path());
        runtime().block_on(app.commit(changeset([upsert("new", "{}")]))).unwrap();
    }
    assert_eq!(versions(&journal), with_newest);
    let before = documents(&open_app(dir.path()).1);
    std::fs::remove_dir_all(dir.path().join("apps/shop/documents")).unwrap();
    assert_eq!(documents(&open_app(dir.path()).1), before);
}

#[test]
fn an_older_version_is_left_whatever_fails_on_the_way() {
    for at in (1..400).step_by(7) {
        let dir = tempfile::tempdir().unwrap();
        let app_dir = dir.path().join("apps/shop");
        copy_dir(&fixture().join("journal"), &app_dir.join("journal"));
        let injected = files::faults::inject(&app_dir, files::faults::Plan::new(files::faults::Fault::Crash, at));
        if let Ok(data) = open_with(dir.path(), options(), HandClock::at(START_MS)) {
            drop(data.app("shop"));
        }
        let has_come = injected.has_come();
        drop(injected);
        let (data, app) = open_app(dir.path());
        let expected = std::fs::read_to_string(fixture().join("documents.jsonl")).unwrap();
        assert_eq!(documents(&app).join("\n"), expected.trim_end(), "a crash at {at}");
        assert_eq!(versions(&app_dir.join("journal")).last(), Some(&3), "a crash at {at}");
        drop(app);
        data.stop();
        drop(data);
        assert!(store::verify(dir.path(), &mut |_| ()).unwrap().is_whole(), "a crash at {at}");
        if !has_come {
            assert!(at > 10, "there must be something to fail");
            return;
        }
    }
    panic!("the fault comes however late it is planned");
}

fn events_text(app: &store::App) -> String {
    let events = runtime().block_on(events(app));
    events.iter().map(|(offset, key, value, headers)| format!("{offset} {key} {value}\n  {headers}\n")).collect()
}
