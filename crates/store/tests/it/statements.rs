//! What a statement comes to is decided when it is applied, journaled as plain operations, and
//! handed back.

use std::{collections::BTreeMap, path::Path as FilePath};

use crate::support::*;
use document::{
    Action, Changeset, Condition, ConditionQuery, Dialect, FieldType, Map, Operation, Path, Stamp, UpdateCommand,
    UpdateKind, Value,
};
use query::dql::{Bound, Constants, Statement};
use store::{App, CommitError, Committed, Outcome, Refusal, Request, Returning, TxnId, Write, Written};

fn difference(document: &str, json: &str) -> Operation {
    let types = vec![(Path::parse("n").unwrap(), FieldType::Counter)];
    operation(document, Action::UpsertDifference { value: map(json), types })
}

fn initial(document: &str, json: &str) -> Operation {
    let condition = Condition::Unchanged { since: Stamp::ZERO };
    Operation { condition, ..operation(document, Action::UpsertInitial { value: map(json), types: Vec::new() }) }
}

fn commands(document: &str, commands: impl IntoIterator<Item = (&'static str, UpdateKind)>) -> Operation {
    let command = |(path, kind)| UpdateCommand { path: Path::parse(path).unwrap(), kind };
    operation(document, Action::Update(commands.into_iter().map(command).collect()))
}

fn request(id: &str) -> Request {
    Request { caller: "till".into(), id: id.into(), body: [1; 16], given: true }
}

/// What the journal's files hold.
fn journal(dir: &FilePath) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(dir.join("apps/shop/journal")).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
}

fn position(app: &App) -> (TxnId, u64) {
    (app.newest_txn(), app.events().high_watermark())
}

#[test]
fn where_nothing_differs_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        app.commit(changeset([difference("a", r#"{"n":1,"o":{"x":[1]}}"#)])).await.unwrap();
        app.commit(changeset([initial("b", r#"{"n":1}"#)])).await.unwrap();
        let before = (position(&app), journal(dir.path()));
        assert_eq!(before.0, (TxnId(2), 2));
        let same = [difference("a", r#"{"o":{"x":[1]},"n":1}"#), initial("b", r#"{"n":2}"#), difference("a", "{}")];
        let committed = app.commit(changeset(same.clone())).await.unwrap();
        assert_eq!((committed.txn_id, committed.outcomes), (TxnId(2), vec![Outcome::Skipped; 3]));
        let render = Box::new(|_: &Committed| unreachable!("it is kept by no transaction"));
        let written = app.commit_request(changeset(same), request("r"), render).await.unwrap();
        assert!(matches!(written, Written::New(committed) if committed.txn_id == TxnId(2)));
        assert!(app.repeated(&request("r")).unwrap().is_none());
        assert!(before == (position(&app), journal(dir.path())), "not a byte");
        app.commit(changeset([difference("a", r#"{"n":2}"#)])).await.unwrap();
        assert_eq!(position(&app), (TxnId(3), 3));
    });
    assert_eq!(documents(&app), [r#"{"_id":"a","n":2,"o":{"x":[1]}}"#, r#"{"_id":"b","n":1}"#]);
}

#[test]
fn what_is_written_is_handed_back_on_every_way() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    let returning = |operations: Vec<Operation>, before: bool| {
        let returning = Some(Returning { before, bytes_max: 9999 });
        Write { returning, ..Write::from(changeset(operations)) }
    };
    let shown = |committed: &Committed| -> Vec<(usize, Map)> {
        committed.returned.iter().map(|one| (one.operation, one.fields.clone())).collect()
    };
    runtime().block_on(async {
        let first = app.commit(returning(vec![upsert("a", r#"{"x":1}"#), upsert("b", "{}")], false)).await.unwrap();
        assert_eq!(shown(&first), [(0, map(r#"{"x":1}"#)), (1, Map::new())]);
        let render = move |committed: &Committed| {
            let texts = shown(committed).into_iter().map(|(at, fields)| format!("{at} {fields:?}"));
            texts.collect::<Vec<_>>().join("\n").into_bytes()
        };
        let update = || returning(vec![commands("a", [("x", UpdateKind::Unset)])], false);
        let Written::New(updated) = app.commit_request(update(), request("r"), Box::new(render)).await.unwrap() else {
            panic!("it is new");
        };
        assert_eq!(shown(&updated), [(0, Map::new())]);
        let remembered = app.repeated(&request("r")).unwrap().unwrap();
        assert_eq!(remembered.reply, Some(format!("0 {:?}", Map::new()).into_bytes()));
        assert_eq!(remembered.counts.updated, 1);
        let unasked = Request { given: false, ..request("u") };
        let removed = app.commit_unasked(returning(vec![remove("a"), remove("c")], true), unasked).await.unwrap();
        assert_eq!(shown(&removed), [(0, Map::new())]);
        let too_much = Write { returning: Some(Returning { before: true, bytes_max: 0 }), ..returning(vec![], true) };
        let too_much = Write { changeset: changeset([upsert("b", r#"{"y":1}"#), upsert("b", "{}")]), ..too_much };
        let refused = app.commit(too_much).await;
        assert!(matches!(refused, Err(CommitError::Refused(Refusal::ReturnedTooMuch { bytes_max: 0 }))));
    });
    assert_eq!(
        (documents(&app), position(&app)),
        (vec!["null".to_owned(), r#"{"_id":"b"}"#.to_owned()], (TxnId(3), 4))
    );
}

#[test]
fn what_statements_write_is_replayed_to_the_same_documents() {
    let (dir, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_data, app) = open_app(dir.path());
    let (events_before, documents_before) = runtime().block_on(async {
        app.commit(changeset([initial("a", r#"{"n":1,"o":{"x":1}}"#), initial("b", "{}")])).await.unwrap();
        let register = UpdateKind::SetRegister(Value::Map(map(r#"{"k":{"l":1}}"#)));
        let merge = UpdateKind::Merge { value: map(r#"{"y":2}"#), types: Vec::new() };
        let first = commands("a", [("r", register), ("o", merge), ("n", UpdateKind::Unset)]);
        app.commit(changeset([first, difference("b", r#"{"n":3}"#)])).await.unwrap();
        let vacant = Operation { condition: Condition::Vacant, ..upsert("c", "{}") };
        let second = commands("a", [("r.k.l", UpdateKind::Unset), ("gone.path", UpdateKind::Unset)]);
        app.commit(changeset([vacant.clone(), vacant, second])).await.unwrap();
        (events(&app).await, documents(&app))
    });
    let expected = [r#"{"_id":"a","o":{"x":1,"y":2},"r":{"k":{}}}"#, r#"{"_id":"b","n":3}"#, r#"{"_id":"c"}"#];
    assert_eq!(documents_before, expected);
    copy_dir(dir.path(), killed.path());
    assert!(store::verify(killed.path(), &mut |_| ()).unwrap().is_whole());
    std::fs::remove_dir_all(killed.path().join("apps/shop/documents")).unwrap();
    let (data, app) = open_app(killed.path());
    assert_eq!((documents(&app), runtime().block_on(events(&app))), (documents_before, events_before));
    data.stop();
    drop((data, app));
    assert!(store::verify(killed.path(), &mut |_| ()).unwrap().is_whole());
}

/// The UPDATE on each of the documents, where it still selects them.
fn computed(text: &str, documents: &[&str]) -> Changeset {
    let mut args = map(r#"{"by":1}"#);
    Constants { now_ms: START_MS, strict: false, request_info: Map::new(), zone_offset: None }.put_into(&mut args);
    let operations: Vec<_> = documents
        .iter()
        .map(|document| Operation {
            condition: Condition::Matches { query: 0 },
            ..operation(document, Action::Computed { query: 0 })
        })
        .collect();
    let query = ConditionQuery { dialect: Dialect::Dql, text: text.to_owned(), args };
    Changeset { queries: vec![query], ..changeset(operations) }
}

/// The same, with what its sender has made of it already.
fn bound(changeset: Changeset) -> Write {
    let query = &changeset.queries[0];
    let constants = Constants::of_args(&query.args).unwrap();
    let Bound::Update(update) = Statement::parse(&query.text).unwrap().bind(&query.args, &constants).unwrap() else {
        panic!("it is an UPDATE")
    };
    let filters = vec![std::sync::Arc::new(update.selection().filter().clone())];
    Write { filters, update: Some(update), ..Write::from(changeset) }
}

#[test]
fn of_writers_that_come_at_once_none_loses_what_another_computed() {
    const WRITERS: usize = 8;
    const WRITES: usize = 100;
    let (dir, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_data, app) = open_app(dir.path());
    let start = format!(r#"{{"n":{}}}"#, WRITERS * WRITES);
    runtime().block_on(app.commit(changeset([upsert("stock", &start), upsert("sold", r#"{"n":0}"#)]))).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let app = &app;
            scope.spawn(move || {
                let runtime = runtime();
                for _ in 0..WRITES {
                    let take = computed("UPDATE people SET n = n - :by WHERE _id = 'stock' AND n > 0", &["stock"]);
                    let add = computed("UPDATE people SET n = n + :by", &["sold"]);
                    let [take, add] =
                        [take, add].map(|one| if writer % 2 == 0 { Write::from(one) } else { bound(one) });
                    for write in [take, add] {
                        assert_eq!(runtime.block_on(app.commit(write)).unwrap().outcomes, [Outcome::Applied]);
                    }
                }
            });
        }
    });
    let documents_before = documents(&app);
    assert_eq!(documents_before, [r#"{"_id":"sold","n":800}"#, r#"{"_id":"stock","n":0}"#]);
    let none_left = runtime().block_on(app.commit(computed("UPDATE people SET n = n - :by WHERE n > 0", &["stock"])));
    assert_eq!(none_left.unwrap().outcomes, [Outcome::Skipped]);
    let events_before = runtime().block_on(events(&app));
    copy_dir(dir.path(), killed.path());
    assert!(store::verify(killed.path(), &mut |_| ()).unwrap().is_whole());
    std::fs::remove_dir_all(killed.path().join("apps/shop/documents")).unwrap();
    let (_data, app) = open_app(killed.path());
    assert_eq!((documents(&app), runtime().block_on(events(&app))), (documents_before, events_before));
}

#[test]
fn a_statement_that_cannot_be_done_writes_to_none_of_its_documents() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        app.commit(changeset([upsert("a", r#"{"n":1}"#), upsert("b", r#"{"n":"x"}"#)])).await.unwrap();
        let refused = app.commit(computed("UPDATE people SET n = n + :by", &["a", "b"])).await.unwrap_err();
        let CommitError::Refused(Refusal::Statement { collection, id, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!((collection.as_str(), id.as_str()), ("people", r#""b""#));
        assert_eq!(position(&app), (TxnId(1), 2));
        let done = app.commit_unasked(computed("UPDATE people SET n = n + :by", &["a"]), request("u")).await.unwrap();
        assert_eq!(done.outcomes, [Outcome::Applied]);
    });
    assert_eq!(documents(&app), [r#"{"_id":"a","n":2}"#, r#"{"_id":"b","n":"x"}"#]);
}
