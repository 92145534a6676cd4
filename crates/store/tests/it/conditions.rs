//! Conditions of a write are decided within a budget (docs/reference/query-language.md, "What a
//! query may cost").

use crate::support::*;
use document::{Action, Condition, Operation, Path, UpdateCommand, UpdateKind, Value};
use store::{CommitError, Outcome, Refusal, TxnId, limits::CHANGESET_STEPS_MAX};

/// Sets `seen` where the document matches the changeset's query.
fn mark(document: &str, query: usize) -> Operation {
    let command = UpdateCommand { path: Path::parse("seen").unwrap(), kind: UpdateKind::Set(Value::Bool(true)) };
    let mut operation = operation(document, Action::Update(vec![command]));
    operation.condition = Condition::Matches { query };
    operation
}

fn text(letters: usize) -> String {
    format!(r#"{{"t":"{}"}}"#, "a".repeat(letters))
}

#[track_caller]
fn check_refused(refused: Result<store::Committed, CommitError>) {
    let Err(CommitError::Refused(Refusal::TooExpensive { steps_max })) = refused else { panic!("{refused:?}") };
    assert!(steps_max <= CHANGESET_STEPS_MAX);
}

#[test]
fn what_is_too_expensive_to_decide_is_refused_and_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let (data, app) = open_app(dir.path());
    runtime().block_on(async {
        app.commit(changeset([upsert("big", &text(100_000))])).await.unwrap();
        let hostile = "_id == 'big' && !(regex(t, 'a{0,500}.{200}b'))";
        check_refused(app.commit(asking(&[hostile], [upsert("other", "{}"), mark("big", 0)])).await);
        assert_eq!((app.newest_txn(), app.events().high_watermark(), documents(&app).len()), (TxnId(1), 1, 1));
        let cheap = app.commit(asking(&["!(regex(t, 'b$'))"], [mark("big", 0)])).await.unwrap();
        assert_eq!((cheap.txn_id, &cheap.outcomes[..]), (TxnId(2), &[Outcome::Applied][..]));
    });
    drop(app);
    drop(data);
    let (_data, app) = open_app(dir.path());
    assert_eq!(app.newest_txn(), TxnId(2));
}

#[test]
fn documents_and_patterns_of_one_write_count_together() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        let names: Vec<String> = (0..20).map(|n| format!("d{n}")).collect();
        let documents: Vec<_> = names.iter().map(|name| upsert(name, &text(100_000))).collect();
        app.commit(changeset(documents)).await.unwrap();
        let patterns: Vec<_> = (0..12).map(|n| format!("regex(t, '[a-z]{{{n}}}b')")).collect();
        let query = patterns.join(" || ");
        let all: Vec<_> = names.iter().map(|name| mark(name, 0)).collect();
        check_refused(app.commit(asking(&[&query], all.clone())).await);
        let one = app.commit(asking(&[&query], [all[0].clone()])).await.unwrap();
        assert_eq!(one.outcomes, [Outcome::Skipped]);
    });
}

/// Reading a condition again for every operation is work too.
#[test]
fn compiling_many_expressions_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        app.commit(changeset([upsert("a", r#"{"t":"x"}"#)])).await.unwrap();
        let queries: Vec<_> = (0..2000).map(|n| format!(r"regex(t, '\\w\\w{n}')")).collect();
        let each_its_own: Vec<_> = (0..2000).map(|query| mark("a", query)).collect();
        check_refused(app.commit(asking(&queries, each_its_own)).await);
        app.commit(asking(&queries[1..2], vec![mark("a", 0); 2000])).await.unwrap();
    });
}

#[test]
fn changing_a_large_document_again_and_again_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        let count = |document: &str| {
            let kind = UpdateKind::Increment(Value::Int(1));
            operation(document, Action::Update(vec![UpdateCommand { path: Path::parse("n").unwrap(), kind }]))
        };
        let large = upsert("large", &text(1_000_000));
        let mut operations = vec![large];
        operations.resize_with(100, || count("large"));
        check_refused(app.commit(changeset(operations.clone())).await);
        operations.truncate(20);
        app.commit(changeset(operations)).await.unwrap();
        let mut operations = vec![upsert("small", r#"{"n":0}"#)];
        operations.resize_with(10_000, || count("small"));
        app.commit(changeset(operations)).await.unwrap();
        assert_eq!(documents(&app)[1], r#"{"_id":"small","n":9999}"#);
    });
}
