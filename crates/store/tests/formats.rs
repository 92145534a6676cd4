//! Stored formats open for ever: what an earlier version wrote gives the same events and documents today.
//!
//! `testdata/formats/v1` was written by `write_format_fixture` below when the format was made, and is never written again; a new
//! format gets a directory of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

mod support;

use std::path::{Path, PathBuf};

use document::{Action, Condition, FieldType, Origin, UpdateCommand, UpdateKind, Value};
use store::CommittedOffset;
use support::*;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats/v1")
}

#[test]
fn format_v1_opens() {
    if std::env::var_os("HEADWATER_WRITE_FORMAT_FIXTURE").is_some() {
        write_format_fixture();
    }
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

/// Every kind of operation, condition and value once, over two segments.
fn write_format_fixture() {
    let dir = tempfile::tempdir().unwrap();
    let (data, app) = open_app(dir.path());
    runtime().block_on(async {
        let kinds = r#"{"null":null,"yes":true,"int":-9223372036854775808,"uint":18446744073709551615,"float":1.0,"text":"ü\n","list":[1,{"a":2}],"map":{"deep":{"x":1}}}"#;
        app.commit(changeset([upsert("kinds", kinds)])).await.unwrap();
        let mut counter = upsert("counter", r#"{"n":5}"#);
        let Action::Upsert { types, .. } = &mut counter.action else { unreachable!() };
        types.push((document::Path::parse("n").unwrap(), FieldType::Counter));
        app.commit(changeset([counter, upsert("gone", "{}")])).await.unwrap();
        let command = |path: &str, kind| UpdateCommand { path: document::Path::parse(path).unwrap(), kind };
        let mut update = operation(
            "counter",
            Action::Update(vec![
                command("n", UpdateKind::Increment(Value::Int(2))),
                command("m", UpdateKind::ReplaceWithCounter(Value::Null)),
                command("a['b-c']", UpdateKind::Set(map(r#"{"d":[0]}"#).into_fields().remove(0).1)),
            ]),
        );
        update.condition = Condition::Matches { query: 0 };
        let mut gone = remove("gone");
        gone.condition = Condition::Exists;
        let mut both = asking(&["n == $args.n"], [update, gone]);
        both.queries[0].args = map(r#"{"n":5}"#);
        both.origin = Origin { peer: "till".into(), traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()), ..Origin::default() };
        app.commit(both).await.unwrap();
        let offset = CommittedOffset { offset: 3, leader_epoch: 0, metadata: "m".into() };
        app.commit_offsets("g", vec![("user-consumable-shop".into(), 0, offset)]).await.unwrap();
        for n in 0..30 {
            app.commit(changeset([upsert("bulk", &format!(r#"{{"n":{n},"x":"{}"}}"#, "x".repeat(1000)))])).await.unwrap();
        }
    });
    data.stop();
    std::fs::create_dir_all(fixture()).unwrap();
    std::fs::write(fixture().join("events.txt"), events_text(&app)).unwrap();
    std::fs::write(fixture().join("documents.jsonl"), documents(&app).join("\n") + "\n").unwrap();
    copy_dir(&dir.path().join("apps/shop/journal"), &fixture().join("journal"));
}
