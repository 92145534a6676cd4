//! What a committed changeset becomes: documents, events, transactions (docs/reference/events.md,
//! docs/reference/documents.md).

use std::{ops::Bound, sync::atomic::Ordering, time::Duration};

use crate::support::*;
use document::{Action, Condition, Path, Stamp, UpdateCommand, UpdateKind, Value};
use store::{CommitError, CommittedOffset, Outcome, Refusal, TxnId};

#[test]
fn the_pages_events() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        let susan = upsert("6213", r#"{"name":"Susan","date":1645472201,"age":31}"#);
        assert_eq!(app.commit(changeset([susan])).await.unwrap().txn_id, TxnId(1));
        let frank = upsert("6213", r#"{"ownedCars":0,"friends":[],"name":"Frank"}"#);
        app.commit(changeset([frank])).await.unwrap();
        app.commit(changeset([remove("6213")])).await.unwrap();
        app.commit(changeset([upsert("6213", "{}")])).await.unwrap();
        let old = r#"{"_id":"6213","age":31,"date":1645472201,"name":"Susan"}"#;
        let new = r#"{"_id":"6213","age":31,"date":1645472201,"friends":[],"name":"Frank","ownedCars":0}"#;
        let upserted = |txn, old: &str, new: &str| {
            format!(
                r#"{{"txnId":{txn},"type":"documentChanged","collection":"people","change":{{"method":"upsert","oldValue":{old},"newValue":{new}}}}}"#
            )
        };
        let removed = format!(
            r#"{{"txnId":3,"type":"documentChanged","collection":"people","change":{{"method":"remove","value":{new}}}}}"#
        );
        let expected = [upserted(1, "null", old), upserted(2, old, new), removed, upserted(4, "null", r#"{"_id":"6213"}"#)];
        assert_eq!(values(&app).await, expected);
        let (_, key, _, headers) = events(&app).await.swap_remove(1);
        assert_eq!(key, r#"["people","6213"]"#);
        assert_eq!(headers, "app=shop collection=people op=update txnId=2 commitTime=1645472201000 peer=http");
    });
}

#[test]
fn a_write_on_condition_that_it_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        let if_new = |mut operation: document::Operation| {
            operation.condition = Condition::Absent;
            operation
        };
        let committed = app.commit(changeset([if_new(upsert("a", r#"{"n":1}"#))])).await.unwrap();
        assert_eq!(committed.outcomes, [Outcome::Applied]);
        let twice = [if_new(upsert("b", "{}")), if_new(upsert("b", "{}"))];
        for refused in [changeset([upsert("c", "{}"), if_new(upsert("a", "{}"))]), changeset(twice)] {
            let refused = app.commit(refused).await;
            assert!(matches!(refused, Err(CommitError::Refused(Refusal::DocumentExists { .. }))), "{refused:?}");
        }
        assert_eq!(app.newest_txn(), committed.txn_id, "what is refused leaves no trace");
        app.commit(changeset([remove("a")])).await.unwrap();
        let again = app.commit(changeset([if_new(upsert("a", "{}"))])).await.unwrap();
        assert_eq!(again.outcomes, [Outcome::Applied], "a tombstone is not there");
    });
}

#[test]
fn a_write_on_condition_that_nobody_wrote_since() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        let stamp = || app.snapshot().unwrap().document(&people(), &id("a")).unwrap().unwrap().document.stamp_max();
        let unless_written_since = |since, mut operation: document::Operation| {
            operation.condition = Condition::Unchanged { since };
            changeset([operation])
        };
        let new = unless_written_since(Stamp::ZERO, upsert("a", r#"{"n":1}"#));
        assert_eq!(app.commit(new.clone()).await.unwrap().outcomes, [Outcome::Applied]);
        assert_eq!(app.commit(new).await.unwrap().outcomes, [Outcome::Skipped], "it is there already");
        let seen = stamp();
        app.commit(changeset([upsert("a", r#"{"n":1}"#)])).await.unwrap();
        let late = unless_written_since(seen, remove("a"));
        assert_eq!(
            app.commit(late).await.unwrap().outcomes,
            [Outcome::Skipped],
            "a write of the same value is a write"
        );
        let in_time = unless_written_since(stamp(), remove("a"));
        assert_eq!(app.commit(in_time).await.unwrap().outcomes, [Outcome::Applied]);
        let again = unless_written_since(stamp(), upsert("a", "{}"));
        assert_eq!(app.commit(again).await.unwrap().outcomes, [Outcome::Applied], "a tombstone has a stamp");
    });
}

#[test]
fn one_event_for_each_document_of_a_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        app.commit(changeset([upsert("there", r#"{"n":0}"#)])).await.unwrap();
        let operations = [
            upsert("twice", r#"{"n":1}"#),
            upsert("twice", r#"{"n":2}"#),
            remove("there"),
            upsert("there", r#"{"n":3}"#),
            upsert("never", "{}"),
            remove("never"),
        ];
        let committed = app.commit(changeset(operations)).await.unwrap();
        assert_eq!(committed.outcomes, vec![Outcome::Applied; 6]);
        let values = values(&app).await;
        assert_eq!(values.len(), 3, "{values:#?}");
        assert!(values[1].contains(r#""oldValue":null,"newValue":{"_id":"twice","n":2}"#), "{}", values[1]);
        assert!(
            values[2].contains(r#""oldValue":{"_id":"there","n":0},"newValue":{"_id":"there","n":3}"#),
            "{}",
            values[2]
        );
        assert_eq!(documents(&app), [r#"null"#, r#"{"_id":"there","n":3}"#, r#"{"_id":"twice","n":2}"#]);
    });
}

#[test]
fn what_touches_nothing_takes_no_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        app.commit(changeset([upsert("a", r#"{"n":"text"}"#)])).await.unwrap();
        let increment = UpdateCommand { path: Path::parse("n").unwrap(), kind: UpdateKind::Increment(Value::Int(1)) };
        let mut failing = operation("a", Action::Update(vec![increment]));
        failing.condition = Condition::Exists;
        let mut unmatched = upsert("a", r#"{"n":2}"#);
        unmatched.condition = Condition::Matches { query: 0 };
        let committed = app.commit(asking(&["n == 1"], [remove("b"), failing, unmatched])).await.unwrap();
        assert_eq!(committed.txn_id, TxnId(1));
        assert!(matches!(&committed.outcomes[..], [Outcome::Skipped, Outcome::Failed(_), Outcome::Skipped]));
        assert_eq!(app.events().high_watermark(), 1);
    });
}

#[test]
fn a_document_that_grows_too_large_refuses_the_whole_changeset() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(store::limits::DOCUMENT_BYTES_MAX));
        let refused = app.commit(changeset([upsert("small", "{}"), upsert("large", &large)])).await;
        assert!(matches!(refused, Err(CommitError::Refused(Refusal::DocumentTooLarge { .. }))), "{refused:?}");
        assert_eq!((app.newest_txn(), documents(&app).len()), (TxnId(0), 0));
    });
}

#[test]
fn an_oversized_event_names_the_document_instead() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(2 << 20));
        app.commit(changeset([upsert("large", &large)])).await.unwrap();
        let (_, key, value, headers) = events(&app).await.swap_remove(0);
        assert_eq!(
            value,
            r#"{"txnID":1,"txnId":1,"type":"requeryRequired","documents":[{"appId":"shop","collectionName":"people","documentId":"large"}]}"#
        );
        assert_eq!(key, r#"["people","large"]"#);
        assert!(headers.contains("op=requery"), "{headers}");
    });
}

#[test]
fn time_never_runs_backwards() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::at(START_MS);
    let data = open_with(dir.path(), options(), clock.clone()).unwrap();
    let app = data.create_app(&store::AppName::new("shop").unwrap()).unwrap();
    runtime().block_on(async {
        app.commit(changeset([upsert("a", r#"{"n":1}"#)])).await.unwrap();
        clock.0.store(START_MS - 3_600_000, Ordering::SeqCst);
        app.commit(changeset([upsert("a", r#"{"n":2}"#)])).await.unwrap();
        assert_eq!(documents(&app), [r#"{"_id":"a","n":2}"#], "the later write wins");
        assert_eq!(app.events().max_timestamp().await.unwrap().unwrap().timestamp_ms, START_MS);
        clock.0.store(START_MS + 5, Ordering::SeqCst);
        app.commit(changeset([upsert("a", r#"{"n":3}"#)])).await.unwrap();
        let found = app.events().offset_for_timestamp(START_MS + 1).await.unwrap().unwrap();
        assert_eq!((found.offset, found.timestamp_ms), (2, START_MS + 5));
        assert_eq!(app.events().offset_for_timestamp(0).await.unwrap().unwrap().offset, 0);
        assert_eq!(app.events().offset_for_timestamp(START_MS + 6).await.unwrap(), None);
    });
}

#[test]
fn waiting_for_a_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        let waiting = app.wait_for(TxnId(1), Duration::from_secs(20));
        let writing = app.commit(changeset([upsert("a", "{}")]));
        let (waited, written) = tokio::join!(waiting, writing);
        waited.unwrap();
        written.unwrap();
        let error = app.wait_for(TxnId(2), Duration::from_millis(1)).await.unwrap_err();
        assert_eq!((error.wanted, error.newest), (2, 1));
    });
}

#[test]
fn committed_offsets_survive_a_restart_and_can_be_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let offset = |offset| CommittedOffset { offset, leader_epoch: 0, metadata: "why".into() };
    {
        let (data, app) = open_app(dir.path());
        runtime().block_on(async {
            app.commit_offsets("g", vec![("t".into(), 0, offset(5)), ("t".into(), 1, offset(6))]).await.unwrap();
            app.commit_offsets("g", vec![("t".into(), 0, offset(7))]).await.unwrap();
            app.commit_offsets("h", vec![("t".into(), 0, offset(1))]).await.unwrap();
            app.delete_offsets("h", None).await.unwrap();
        });
        assert_eq!(app.events().high_watermark(), 0);
        data.stop();
    }
    let (_data, app) = open_app(dir.path());
    assert_eq!(app.committed_offsets("g"), [("t".into(), 0, offset(7)), ("t".into(), 1, offset(6))]);
    assert_eq!(app.groups_with_offsets(), ["g"]);
}

#[test]
fn a_stopped_app_refuses_writes() {
    let dir = tempfile::tempdir().unwrap();
    let (data, app) = open_app(dir.path());
    data.stop();
    let refused = runtime().block_on(app.commit(changeset([upsert("a", "{}")])));
    assert!(matches!(refused, Err(CommitError::Stopping)), "{refused:?}");
}

#[test]
fn a_second_opening_names_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let _data = open(dir.path());
    let error = try_open(dir.path()).unwrap_err().to_string();
    assert!(error.ends_with(&format!("is in use by another process (pid {})", std::process::id())), "{error}");
}

#[test]
fn a_scan_goes_on_behind_a_document() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        app.commit(changeset(["a", "b", "c"].map(|id| upsert(id, "{}")))).await.unwrap();
        let mut elsewhere = upsert("z", "{}");
        elsewhere.collection = document::CollectionName::new("people2").unwrap();
        app.commit(changeset([elsewhere])).await.unwrap();
        let snapshot = app.snapshot().unwrap();
        let after = |document: &str| -> Vec<String> {
            let behind = Bound::Excluded(id(document).as_json().to_owned());
            let found = snapshot.raw_documents(&people(), behind, Bound::Unbounded);
            found.map(|one| one.unwrap().id_json().unwrap().to_owned()).collect()
        };
        assert_eq!(after("a"), [r#""b""#, r#""c""#]);
        assert_eq!(after("b0"), [r#""c""#], "the document itself need not be there");
        assert_eq!(after("c"), Vec::<String>::new(), "not into the next collection");
        let collections: Vec<String> = snapshot.collections().map(|name| name.unwrap().as_str().to_owned()).collect();
        assert_eq!(collections, ["people", "people2"]);
    });
}

fn many(count: usize, bytes: usize) -> document::Changeset {
    let value = format!(r#"{{"x":"{}"}}"#, "x".repeat(bytes));
    changeset((0..count).map(|n| upsert(&format!("d{n:05}"), &value)).collect::<Vec<_>>())
}

#[test]
fn a_transaction_is_bounded_and_one_at_the_bound_is_served() {
    use store::limits::{TRANSACTION_BYTES_MAX, TRANSACTION_DOCUMENTS_MAX};
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        for (count, bytes) in [(TRANSACTION_DOCUMENTS_MAX + 1, 1), (1 + TRANSACTION_BYTES_MAX / 4_000_000, 4_000_000)] {
            let error = app.commit(many(count, bytes)).await.unwrap_err();
            assert!(matches!(error, CommitError::Refused(Refusal::TransactionTooLarge { .. })), "{error}");
        }
        assert_eq!((app.newest_txn().0, app.events().high_watermark()), (0, 0), "a refused one leaves no trace");
        app.commit(many(TRANSACTION_DOCUMENTS_MAX, 100)).await.unwrap();
        // Written again, each event has both: larger than what is kept in memory, and than a
        // segment.
        app.commit(many(TRANSACTION_BYTES_MAX / 20_100, 20_000)).await.unwrap();
        app.commit(many(TRANSACTION_BYTES_MAX / 20_100, 20_001)).await.unwrap();
        app.commit(changeset([upsert("last", "{}")])).await.unwrap();
        let found = events(&app).await;
        assert_eq!(found.len() as u64, app.events().high_watermark());
        assert!(found.iter().zip(0..).all(|((offset, ..), expected)| *offset == expected));
    });
    assert!(app.snapshot().unwrap().scan(&people()).count() > TRANSACTION_DOCUMENTS_MAX);
}

/// A document that is written, left, and written again in one transaction makes one event, from
/// before the transaction to after it.
#[test]
fn documents_that_are_mentioned_again_and_again_make_one_event_each() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        app.commit(changeset([upsert("a", r#"{"n":0}"#)])).await.unwrap();
        let operations = [
            upsert("a", r#"{"n":1}"#),
            upsert("b", r#"{"n":1}"#),
            upsert("a", r#"{"m":2}"#),
            remove("b"),
            upsert("c", r#"{"n":1}"#),
            remove("c"),
            upsert("c", r#"{"n":2}"#),
            remove("missing"),
            upsert("a", r#"{"n":3}"#),
        ];
        app.commit(changeset(operations)).await.unwrap();
        let changes: Vec<String> = values(&app).await.split_off(1);
        assert_eq!(changes, [
            r#"{"txnId":2,"type":"documentChanged","collection":"people","change":{"method":"upsert","oldValue":{"_id":"a","n":0},"newValue":{"_id":"a","m":2,"n":3}}}"#,
            r#"{"txnId":2,"type":"documentChanged","collection":"people","change":{"method":"upsert","oldValue":null,"newValue":{"_id":"c","n":2}}}"#,
        ]);
    });
    assert!(store::verify(dir.path(), &mut |_| ()).is_err(), "it is in use");
}
