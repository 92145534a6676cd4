//! How the fixture was written: every kind of operation, condition and value, and all else that an
//! app keeps.

use std::{
    fs,
    path::Path as FilePath,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use document::{
    Action, Changeset, CollectionName, Condition, ConditionQuery, Dialect, DocumentId, FieldType, Map, Operation,
    Origin, Path, Stamp, UpdateCommand, UpdateKind, Value,
};
use store::{App, AppName, CommittedOffset, DefinitionKind, GroupGeneration, IndexDefinition, IndexKey, StoreOptions};
use topics::{AppTopics, LiveQuery, MAIN, OnGap, TopicRegistry};

use super::{APPS, FILLER_BYTES, HandClock, START_MS, copy_dir, open, options, request, runtime, shown};

/// Writes a fixture where none is.
pub(crate) fn write_fixture(fixture: &FilePath) {
    assert!(!fixture.exists(), "{} is there, and is never written again", fixture.display());
    let written = tempfile::tempdir().unwrap();
    let clock = write_directory(written.path());
    copy_dir(written.path(), &fixture.join("data"));
    fs::remove_file(fixture.join("data/lock")).unwrap();
    let mut empty = String::new();
    list_empty_folders(written.path(), written.path(), &mut empty);
    fs::write(fixture.join("empty-folders.txt"), empty).unwrap();

    let data = open(written.path(), options(), &clock);
    let topics = TopicRegistry::new(data.clone());
    for app in APPS {
        fs::create_dir_all(fixture.join(app)).unwrap();
        for shown in runtime().block_on(shown::shown(&topics, app)).unwrap() {
            fs::write(fixture.join(app).join(shown.name), shown.text).unwrap();
        }
    }
}

/// Writes a whole directory with both apps; gives the time that it was written at.
pub(crate) fn write_directory(path: &FilePath) -> Arc<HandClock> {
    let killed = tempfile::tempdir().unwrap();
    let clock = Arc::new(HandClock(AtomicU64::new(START_MS)));
    write_shop(path, &clock);
    clock.0.fetch_add(5_000, SeqCst);
    write_till(path, killed.path(), &clock);
    fs::remove_dir_all(path.join("apps/till")).unwrap();
    copy_dir(&killed.path().join("apps/till"), &path.join("apps/till"));
    files::DirectoryFormat::mark(path).unwrap();
    clock
}

/// Trimmed, with tombstones that were dropped, and stopped.
fn write_shop(path: &FilePath, clock: &Arc<HandClock>) {
    let options = StoreOptions { retention_bytes: Some(100_000), tombstone_retention_ms: Some(60_000), ..options() };
    let data = open(path, options, clock);
    data.create_app(&AppName::new("shop").unwrap()).unwrap();
    let topics = TopicRegistry::new(data.clone());
    runtime().block_on(async {
        let shop = topics.app("shop").await.unwrap();
        let adults = live_query("adults", Some("people"), Some("age >= 18"), 2, OnGap::Requery);
        shop.create(adults).await.unwrap();
        shop.create(live_query("everything", None, None, 1, OnGap::Snapshot)).await.unwrap();
        shop.create(live_query("gone", Some("people"), None, 1, OnGap::Requery)).await.unwrap();
        let app = shop.app();
        app.define(DefinitionKind::Sink, "warehouse", "1".into()).await.unwrap();
        // One that is ready, one that is dropped, and one of a version that is to come.
        for (name, path) in [("by-age", "age"), ("by-name", "name")] {
            app.create_index(&index(name, path)).await.unwrap();
        }
        app.drop_index(&CollectionName::new("people").unwrap(), "by-name").await.unwrap();
        app.define(DefinitionKind::Index, "newer.people", "{\"version\":1000}".into()).await.unwrap();
        write_everything(app, "early").await;
        let person = |n: u32, age: u32| upsert("people", &format!("p{n}"), &format!(r#"{{"age":{age}}}"#));
        for n in 0..20 {
            app.commit(changeset([person(n, 20 + n)])).await.unwrap();
        }
        // They leave `adults`, in one transaction.
        app.commit(changeset((0..5).map(|n| person(n, 10 + n)).collect::<Vec<_>>())).await.unwrap();
        for n in 5..9 {
            app.commit(changeset([remove("people", &format!("p{n}"))])).await.unwrap();
        }
        commit_offsets(&shop, "early").await;
        shop.delete("gone").await.unwrap();
        fill_until(app, "what was written is trimmed", || app.events().log_start() > 70).await;
        // One of the removed comes back, and another is removed later: neither tombstone is
        // dropped.
        app.commit(changeset([person(7, 77)])).await.unwrap();
        clock.0.fetch_add(50_000, SeqCst);
        app.commit(changeset([remove("people", "p10")])).await.unwrap();
        let removed = app.events().high_watermark();
        clock.0.fetch_add(11_000, SeqCst);
        fill_until(app, "old tombstones are dropped", || app.stats().tombstones_dropped > 0).await;
        fill_until(app, "the young one is trimmed", || app.events().log_start() > removed).await;
        write_everything(app, "late").await;
        commit_offsets(&shop, "late").await;
        topics.stop().await;
    });
    data.clock().note().unwrap();
    data.stop();
}

fn index(name: &str, path: &str) -> IndexDefinition {
    let keys = vec![IndexKey { path: Path::parse(path).unwrap(), descending: false }];
    IndexDefinition::new(name, CollectionName::new("people").unwrap(), keys).unwrap()
}

/// The files of `till` in the middle of its life, in `killed`: documents of an earlier moment than
/// the journal, whose last frame is torn.
fn write_till(path: &FilePath, killed: &FilePath, clock: &Arc<HandClock>) {
    let data = open(path, options(), clock);
    data.create_app(&AppName::new("till").unwrap()).unwrap();
    let topics = TopicRegistry::new(data.clone());
    let dir = path.join("apps/till");
    runtime().block_on(async {
        let till = topics.app("till").await.unwrap();
        till.set_on_gap(MAIN, OnGap::Snapshot).await.unwrap();
        let named = live_query("named", Some("people"), Some("starts_with(name, 'S') || n > 3"), 3, OnGap::Snapshot);
        till.create(named).await.unwrap();
        let app = till.app();
        write_everything(app, "early").await;
        commit_offsets(&till, "early").await;
        fill(app, 14).await;
        let documents = killed.join("apps/till/documents");
        copy_dir(&dir.join("documents"), &documents);
        write_everything(app, "late").await;
        commit_offsets(&till, "late").await;
        // Several transactions in a frame.
        let at_once = (0..20).map(|n| {
            let app = app.clone();
            tokio::spawn(async move { app.commit(changeset([increment("at-once", Value::Int(n))])).await.unwrap() })
        });
        for commit in at_once.collect::<Vec<_>>() {
            commit.await.unwrap();
        }
        fill(app, 14).await;
        app.commit(changeset([upsert("people", "torn", r#"{"name":"it was never acknowledged"}"#)])).await.unwrap();
        copy_dir(&dir.join("journal"), &killed.join("apps/till/journal"));
        tear_last_frame(&killed.join("apps/till/journal"));
        topics.stop().await;
    });
    data.clock().note().unwrap();
    data.stop();
}

/// Every kind of operation, condition and value, on documents of which some are there from the last
/// time.
async fn write_everything(app: &Arc<App>, when: &str) {
    let kinds = r#"{"null":null,"yes":true,"no":false,"min":-9223372036854775808,"max":18446744073709551615,
        "float":1.0,"tiny":5e-324,"sum":0.30000000000000004,"text":"ü\n\u0000\"","list":[1,[2,{"a":null}],"x"],
        "map":{"deep":{"x":1},"empty":{}},"":0}"#;
    app.commit(changeset([upsert("kinds", when, kinds)])).await.unwrap();
    for id in ["7", "-7", "18446744073709551615", r#"{"till":1,"shop":"a"}"#, r#""ü /""#] {
        let id = DocumentId::from_value(&Value::from_json(id.as_bytes()).unwrap()).unwrap();
        let operation = Operation { id, ..upsert("ids", "any", &format!(r#"{{"when":"{when}"}}"#)) };
        app.commit(changeset([operation])).await.unwrap();
    }
    write_counters(app, when).await;
    write_objects(app, when).await;
    write_conditions(app, when).await;
    write_requests(app, when).await;

    // There neither before nor after: it has no event, and a tombstone that never had one.
    let brief = format!("brief-{when}");
    let both = [upsert("people", &brief, "{}"), remove("people", &brief), upsert("people", "seen", "{}")];
    app.commit(changeset(both)).await.unwrap();
    // Larger than an event may be.
    let large = format!(r#"{{"filler":"{}"}}"#, "x".repeat(3 * FILLER_BYTES));
    app.commit(changeset([upsert("large", when, &large)])).await.unwrap();
}

async fn write_counters(app: &Arc<App>, when: &str) {
    let mut start = upsert("people", "counter", r#"{"n":5,"m":{"k":-1}}"#);
    let Action::Upsert { types, .. } = &mut start.action else { unreachable!() };
    types.extend(["n", "m.k", "nothing"].map(|path| (Path::parse(path).unwrap(), FieldType::Counter)));
    app.commit(changeset([start])).await.unwrap();
    let numbers = ["2", "-3", "0.1", "0.2", "9007199254740993", "-0.30000000000000004"];
    for number in numbers {
        app.commit(changeset([increment("counter", number_of(number))])).await.unwrap();
    }
    for (id, numbers) in [
        ("signed", ["9223372036854775800", "7", "-9223372036854775808"]),
        ("unsigned", ["18446744073709551600", "15", "-1"]),
        ("floats", ["0.1", "0.2", "1e300"]),
    ] {
        let id = format!("{id}-{when}");
        for number in numbers {
            app.commit(changeset([increment(&id, number_of(number))])).await.unwrap();
        }
    }
    // It cannot be done, and takes a stamp all the same.
    let too_much = increment(&format!("unsigned-{when}"), number_of("18446744073709551615"));
    app.commit(changeset([too_much.clone()])).await.unwrap();
    app.commit(changeset([too_much, increment("counter", number_of("1"))])).await.unwrap();
    let commands = vec![
        command("n", UpdateKind::ReplaceWithCounter(Value::Null)),
        command("m", UpdateKind::ReplaceWithCounter(number_of("4"))),
        command("fresh", UpdateKind::ReplaceWithCounter(Value::Null)),
        command("n", UpdateKind::Increment(number_of("0.5"))),
    ];
    app.commit(changeset([update("counter", commands)])).await.unwrap();
}

/// Objects that are replaced as a whole, documents that go and come back, updates that fail.
async fn write_objects(app: &Arc<App>, when: &str) {
    app.commit(changeset([upsert("people", "object", r#"{"m":{"a":1,"b":{"c":2}},"list":[1,2]}"#)])).await.unwrap();
    let set = |path: &str, value: &str| command(path, UpdateKind::Set(Value::from_json(value.as_bytes()).unwrap()));
    for commands in [
        vec![set("m", r#"{"b":{"d":3},"e":4}"#)],
        vec![set("m.b", r#"{"c":5}"#), set("m.b.f", "6")],
        vec![set("m", "7"), set("m", r#"{"again":{}}"#)],
        vec![set("a['b-c'].d", "[0]"), set("list[0]", r#"{"x":1}"#), set("list[2]", "3")],
        // The second fails, so the first is not done either.
        vec![set("m", "null"), set("list.name", "1")],
    ] {
        app.commit(changeset([update("object", commands)])).await.unwrap();
    }
    app.commit(changeset([upsert("people", "object", r#"{"m":{"a":8}}"#)])).await.unwrap();

    let back = format!(r#"{{"back":"{when}","m":{{"x":1}}}}"#);
    app.commit(changeset([upsert("people", "phoenix", r#"{"first":true,"m":{"y":1}}"#)])).await.unwrap();
    app.commit(changeset([remove("people", "phoenix")])).await.unwrap();
    app.commit(changeset([upsert("people", "phoenix", &back)])).await.unwrap();
    let within = [remove("people", "phoenix"), upsert("people", "phoenix", &back), remove("people", "never there")];
    app.commit(changeset(within)).await.unwrap();
    app.commit(changeset([upsert("people", "removed", "{}")])).await.unwrap();
    app.commit(changeset([remove("people", "removed")])).await.unwrap();
}

async fn write_conditions(app: &Arc<App>, when: &str) {
    let many = (0..6).map(|n| upsert("people", &format!("m{n}"), &format!(r#"{{"n":{n},"name":"Susan {n}"}}"#)));
    app.commit(changeset(many.collect::<Vec<_>>())).await.unwrap();
    // As the edge sends an update by a query: what the query found, each with the query as its
    // condition.
    let query = ConditionQuery {
        dialect: Dialect::Legacy,
        text: "n >= $args.least && starts_with(name, $args.name)".into(),
        args: map(r#"{"least":2,"name":"Su","unused":[1,{"x":null}]}"#),
    };
    let condition = Condition::Matches { query: 0 };
    let updates = (0..6).map(|n| Operation {
        condition: condition.clone(),
        ..update(&format!("m{n}"), vec![command("seen", UpdateKind::Set(Value::String(when.into())))])
    });
    let mut updates = changeset(updates.collect::<Vec<_>>());
    updates.queries.push(query);
    updates.origin = Origin {
        peer: "till".into(),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        cause: Some(7),
        site: None,
        pushed: None,
    };
    app.commit(updates).await.unwrap();

    let since = stamp_of(app, "m0");
    let unchanged =
        |since| Operation { condition: Condition::Unchanged { since }, ..upsert("people", "m0", r#"{"u":1}"#) };
    app.commit(changeset([unchanged(since)])).await.unwrap();
    app.commit(changeset([unchanged(since)])).await.unwrap();
    let never = Operation { id: id(&format!("new-{when}")), ..unchanged(Stamp::ZERO) };
    let absent = Operation { condition: Condition::Absent, ..upsert("people", &format!("absent-{when}"), "{}") };
    app.commit(changeset([never, absent.clone()])).await.unwrap();
    app.commit(changeset([absent, upsert("people", "m1", "{}")])).await.unwrap_err();
    let exists = |document: &str| Operation { condition: Condition::Exists, ..remove("people", document) };
    app.commit(changeset([exists("m5"), exists("never there")])).await.unwrap();
    // Nothing is touched: it takes no transaction.
    app.commit(changeset([exists("never there")])).await.unwrap();
}

async fn write_requests(app: &Arc<App>, when: &str) {
    let changes = |n: &str| changeset([increment("by-request", number_of(n)), remove("people", "never there")]);
    for time in ["first", "second"] {
        let reply = format!(r#"{{"when":"{when}","time":"{time}"}}"#);
        app.commit_request(changes("1"), request(when), Box::new(|_| reply.into_bytes())).await.unwrap();
    }
    app.commit_unasked(changes("2"), request(&format!("server-{when}"))).await.unwrap();
    let long = request(&format!("long-{when}"));
    app.commit_request(changes("3"), long, Box::new(|_| vec![b'x'; 5000])).await.unwrap();
}

async fn commit_offsets(topics: &AppTopics, when: &str) {
    let app = topics.app();
    let main = topics.main().name().to_owned();
    let offset = |offset: i64| CommittedOffset { offset, leader_epoch: 0, metadata: format!("m {when}") };
    app.commit_offsets(when, vec![(main.clone(), 0, offset(3)), (format!("{main}.adults"), 1, offset(5))])
        .await
        .unwrap();
    app.commit_offsets("both", vec![(main.clone(), 0, offset(app.events().high_watermark() as i64))]).await.unwrap();
    app.commit_offsets("forgotten", vec![(main, 0, offset(1))]).await.unwrap();
    app.delete_offsets("forgotten", None).await.unwrap();
    let generation = GroupGeneration { number: 7, members: format!("member-{when}") };
    app.note_group_generation(when, Some(generation.clone())).await.unwrap();
    app.note_group_generation("forgotten", Some(generation)).await.unwrap();
    app.note_group_generation("forgotten", None).await.unwrap();
}

async fn fill(app: &Arc<App>, times: u32) {
    for n in 0..times {
        let json = format!(r#"{{"n":{n},"filler":"{}"}}"#, "x".repeat(FILLER_BYTES));
        app.commit(changeset([upsert("bulk", &format!("b{}", n % 3), &json)])).await.unwrap();
    }
}

/// Each new segment has retention look.
async fn fill_until(app: &Arc<App>, what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        fill(app, 11).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The journal's last frame as a power failure may leave it: its end did not reach the disk.
fn tear_last_frame(journal: &FilePath) {
    let last = fs::read_dir(journal).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let mut bytes = fs::read(&last).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes[end - 40..end].fill(0);
    fs::write(last, bytes).unwrap();
}

fn list_empty_folders(root: &FilePath, folder: &FilePath, out: &mut String) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    if entries.is_empty() {
        out.push_str(folder.strip_prefix(root).unwrap().to_str().unwrap());
        out.push('\n');
    }
    entries.iter().filter(|entry| entry.is_dir()).for_each(|entry| list_empty_folders(root, entry, out));
}

fn live_query(name: &str, collection: Option<&str>, query: Option<&str>, partitions: u16, on_gap: OnGap) -> LiveQuery {
    LiveQuery {
        name: name.into(),
        collection: collection.map(Into::into),
        query: query.map(Into::into),
        query_language: topics::QueryLanguage::Legacy,
        partitions,
        on_gap,
        compression: topics::Compression::None,
        permission: None,
        created_ms: START_MS,
    }
}

fn stamp_of(app: &App, document: &str) -> Stamp {
    let people = CollectionName::new("people").unwrap();
    app.snapshot().unwrap().document(&people, &id(document)).unwrap().unwrap().document.stamp_max()
}

fn id(text: &str) -> DocumentId {
    DocumentId::from_value(&Value::String(text.to_owned())).unwrap()
}

fn map(json: &str) -> Map {
    match Value::from_json(json.as_bytes()).unwrap() {
        Value::Map(map) => map,
        other => panic!("not an object: {other:?}"),
    }
}

fn number_of(json: &str) -> Value {
    Value::from_json(json.as_bytes()).unwrap()
}

fn operation(collection: &str, document: &str, action: Action) -> Operation {
    let collection = CollectionName::new(collection).unwrap();
    Operation { collection, id: id(document), condition: Condition::Always, action }
}

fn upsert(collection: &str, document: &str, json: &str) -> Operation {
    operation(collection, document, Action::upsert(map(json)))
}

fn remove(collection: &str, document: &str) -> Operation {
    operation(collection, document, Action::Remove)
}

fn command(path: &str, kind: UpdateKind) -> UpdateCommand {
    UpdateCommand { path: Path::parse(path).unwrap(), kind }
}

fn update(document: &str, commands: Vec<UpdateCommand>) -> Operation {
    operation("people", document, Action::Update(commands))
}

fn increment(document: &str, by: Value) -> Operation {
    update(document, vec![command("n", UpdateKind::Increment(by))])
}

fn changeset(operations: impl Into<Vec<Operation>>) -> Changeset {
    let origin = Origin { peer: "http".into(), ..Origin::default() };
    Changeset { operations: operations.into(), queries: Vec::new(), origin }
}
