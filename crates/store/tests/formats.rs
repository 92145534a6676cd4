//! Stored formats open for ever: what an earlier version wrote gives the same events and documents today.
//!
//! `testdata/formats/v1` holds every kind of operation, condition and value that there was. It was written when the format was made, and is
//! never written again; later formats are whole directories (test `formats` of the crate `topics`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

mod support;

use std::path::{Path, PathBuf};

use support::*;

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

fn events_text(app: &store::App) -> String {
    let events = runtime().block_on(events(app));
    events.iter().map(|(offset, key, value, headers)| format!("{offset} {key} {value}\n  {headers}\n")).collect()
}
