//! Golden bytes of the stored forms. They open for ever: never change an expectation here, add a
//! version.

use document::{
    Action, Changeset, CollectionName, Condition, ConditionQuery, Dialect, Document, DocumentId, FieldType, Map,
    Operation, Origin, Path, Pushed, SiteId, Stamp, UpdateCommand, UpdateKind, Value, WriteRules,
};
use expect_test::{Expect, expect};

fn value(json: &str) -> Value {
    Value::from_json(json.as_bytes()).expect("the test's JSON is good")
}

fn map(json: &str) -> Map {
    let Value::Map(map) = value(json) else { panic!("{json} is no object") };
    map
}

fn path(text: &str) -> Path {
    Path::parse(text).expect("the test's path is good")
}

fn at(time: u64, site: u64) -> Stamp {
    Stamp { time, site: SiteId(site) }
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.chunks(32).map(|line| line.join(" ") + "\n").collect()
}

fn from_hex(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("the test's hex is good");
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn check_document(document: &Document, expected: Expect) {
    let mut bytes = Vec::new();
    document.encode(&mut bytes);
    expected.assert_eq(&hex(&bytes));
    assert_eq!(Document::decode(&bytes).as_ref(), Ok(document));
    assert_eq!(Document::decode_value(&bytes), Ok(document.value()));
}

/// `bytes` of version 1 mean `document`, which is then stored in the newest version.
#[track_caller]
fn check_old_document(bytes: &str, document: &Document) {
    let bytes = from_hex(bytes);
    assert_eq!(Document::decode(&bytes).as_ref(), Ok(document));
    assert_eq!(Document::decode_value(&bytes), Ok(document.value()));
    let mut newest = Vec::new();
    document.encode(&mut newest);
    assert_eq!(Document::decode(&newest).as_ref(), Ok(document));
}

fn check_changeset(changeset: &Changeset, expected: Expect) {
    let mut bytes = Vec::new();
    changeset.encode(&mut bytes);
    expected.assert_eq(&hex(&bytes));
    assert_eq!(Changeset::decode(&bytes).as_ref(), Ok(changeset));
}

#[track_caller]
fn check_old_changeset(bytes: &str, changeset: &Changeset) {
    assert_eq!(Changeset::decode(&from_hex(bytes)).as_ref(), Ok(changeset));
}

/// 2022-02-21T19:36:41.000Z, a counter of 3.
const TIME: u64 = (1_645_472_201_000 << 16) + 3;

fn written(fields: &str, counters: &[&str], rules: WriteRules) -> Document {
    let mut document = Document::new();
    let types: Vec<_> = counters.iter().map(|counter| (path(counter), FieldType::Counter)).collect();
    document.upsert(&map(fields), &types, at(TIME, 0xa1), rules);
    document
}

fn command(text: &str, kind: UpdateKind) -> UpdateCommand {
    UpdateCommand { path: path(text), kind }
}

fn of_every_kind(rules: WriteRules) -> Document {
    let fields = r#"{"array":[1,{"k":null}],"big":18446744073709551615,"count":5,"float":-0.5,"no":false,"null":null,"object":{"in":{}},"yes":true,"é":-9223372036854775808}"#;
    let mut document = written(fields, &["count"], rules);
    let commands = [
        command("object", UpdateKind::Set(value(r#"{"x":1.0}"#))),
        command("count", UpdateKind::Increment(value("0.25"))),
    ];
    document.update(&commands, at(TIME + 70_000, 0xb2), rules).expect("the test's commands are good");
    document
}

fn back_after_a_remove() -> Document {
    let mut document = Document::new();
    document.remove(at(TIME, 0xa1));
    document.upsert(&map(r#"{"a":"b"}"#), &[], at(TIME + 1, 0xa1), WriteRules::NEWEST);
    document
}

fn removed() -> Document {
    let mut document = Document::new();
    document.remove(at(TIME, 0xa1));
    document
}

/// Of version 1, which is only read: what was written before there was another.
#[test]
fn documents_v1() {
    check_old_document("01 00 00 00 00", &Document::new());
    let susan = written(r#"{"name":"Susan","age":31}"#, &[], WriteRules::V1);
    check_old_document(
        "01 01 00 00 00 00 00 00 00 a1 01 83 80 a0 c9 93 b9 c7 bf 01 00 11 00 01 02 03 61 67 65 04 01 3e
        04 6e 61 6d 65 07 01 05 53 75 73 61 6e",
        &susan,
    );
    check_old_document("01 01 00 00 00 00 00 00 00 a1 01 83 80 a0 c9 93 b9 c7 bf 01 00 00 01", &removed());
    check_old_document(
        "01 01 00 00 00 00 00 00 00 a1 02 83 80 a0 c9 93 b9 c7 bf 01 00 01 00 11 01 02 01 01 61 07 02 01
        62",
        &back_after_a_remove(),
    );
}

/// Two sites wrote it, which no server of version 1 ever saw.
#[test]
fn document_v1_of_every_kind() {
    let bytes = from_hex(
        "01 03 00 00 00 00 00 00 00 a1 00 00 00 00 00 00 00 b2 ff ff ff ff ff ff ff ff 03 83 80 a0 c9 93
        b9 c7 bf 01 00 ef a2 04 02 01 01 11 00 03 09 05 61 72 72 61 79 08 01 02 04 02 09 01 01 6b 01 03
        62 69 67 05 01 ff ff ff ff ff ff ff ff ff 01 05 63 6f 75 6e 74 10 01 02 01 04 0a 03 06 00 00 00
        00 00 00 d0 3f 05 66 6c 6f 61 74 06 01 00 00 00 00 00 00 e0 bf 02 6e 6f 02 01 04 6e 75 6c 6c 01
        01 06 6f 62 6a 65 63 74 11 02 03 01 01 78 06 03 00 00 00 00 00 00 f0 3f 03 79 65 73 03 01 02 c3
        a9 04 01 ff ff ff ff ff ff ff ff ff 01",
    );
    let document = Document::decode(&bytes).expect("it opens for ever");
    assert_eq!(Document::decode_value(&bytes), Ok(document.value()));
    assert_eq!(document.value(), of_every_kind(WriteRules::V1).value());
}

#[test]
fn document_v2_new() {
    check_document(
        &Document::new(),
        expect![[r#"
        02 00 00 00 00
    "#]],
    );
}

#[test]
fn document_v2_of_one_write() {
    check_document(
        &written(r#"{"name":"Susan","age":31}"#, &[], WriteRules::NEWEST),
        expect![[r#"
        02 01 00 00 00 00 00 00 00 a1 01 83 80 a0 c9 93 b9 c7 bf 01 00 11 00 01 02 03 61 67 65 04 01 3e
        04 6e 61 6d 65 07 01 05 53 75 73 61 6e
    "#]],
    );
}

#[test]
fn document_v2_of_every_kind() {
    check_document(
        &of_every_kind(WriteRules::NEWEST),
        expect![[r#"
        02 02 00 00 00 00 00 00 00 a1 00 00 00 00 00 00 00 b2 02 83 80 a0 c9 93 b9 c7 bf 01 00 f0 a2 04
        01 11 00 02 09 05 61 72 72 61 79 08 01 02 04 02 09 01 01 6b 01 03 62 69 67 05 01 ff ff ff ff ff
        ff ff ff ff 01 05 63 6f 75 6e 74 10 01 04 0a 01 02 06 00 00 00 00 00 00 d0 3f 05 66 6c 6f 61 74
        06 01 00 00 00 00 00 00 e0 bf 02 6e 6f 02 01 04 6e 75 6c 6c 01 01 06 6f 62 6a 65 63 74 11 02 02
        01 01 78 06 02 00 00 00 00 00 00 f0 3f 03 79 65 73 03 01 02 c3 a9 04 01 ff ff ff ff ff ff ff ff
        ff 01
    "#]],
    );
}

#[test]
fn document_v2_of_every_type() {
    let fields =
        r#"{"first":{},"number":5,"object":{"x":1},"over":7,"token":{"id":"a","len":3,"metadata":{"name":"b"}}}"#;
    let types = [
        (path("object"), FieldType::Register),
        (path("token"), FieldType::Attachment),
        (path("over"), FieldType::Counter),
    ];
    let mut document = Document::new();
    document.upsert(&map(fields), &types, at(TIME, 0xa1), WriteRules::NEWEST);
    let increment = |text| command(text, UpdateKind::Increment(value("1")));
    let commands = [increment("first.n"), increment("number"), increment("over")];
    document.update(&commands, at(TIME + 1, 0xb2), WriteRules::NEWEST).unwrap();
    document.upsert(&map(r#"{"over":{"x":1}}"#), &[], at(TIME + 2, 0xb2), WriteRules::NEWEST);
    check_document(
        &document,
        expect![[r#"
        02 02 00 00 00 00 00 00 00 a1 00 00 00 00 00 00 00 b2 03 83 80 a0 c9 93 b9 c7 bf 01 00 01 01 01
        01 11 00 03 05 05 66 69 72 73 74 11 00 02 01 01 6e 10 00 00 01 02 04 02 06 6e 75 6d 62 65 72 10
        01 04 0a 01 02 04 02 06 6f 62 6a 65 63 74 09 01 01 01 78 04 02 04 6f 76 65 72 13 01 03 04 0e 01
        02 04 02 01 01 78 04 03 02 05 74 6f 6b 65 6e 12 01 03 02 69 64 07 01 61 03 6c 65 6e 04 06 08 6d
        65 74 61 64 61 74 61 09 01 04 6e 61 6d 65 07 01 62
    "#]],
    );
}

#[test]
fn document_v2_removed() {
    check_document(
        &removed(),
        expect![[r#"
        02 01 00 00 00 00 00 00 00 a1 01 83 80 a0 c9 93 b9 c7 bf 01 00 00 01
    "#]],
    );
}

#[test]
fn document_v2_back_after_a_remove() {
    check_document(
        &back_after_a_remove(),
        expect![[r#"
        02 01 00 00 00 00 00 00 00 a1 02 83 80 a0 c9 93 b9 c7 bf 01 00 01 00 11 01 02 01 01 61 07 02 01
        62
    "#]],
    );
}

/// What one site wrote under version 1 (`tests/data/histories-v1.txt`, made by that version): the
/// rules of version 1 make the very same state and values of it again, as a replay must.
#[test]
fn histories_v1_are_replayed() {
    let mut document = Document::new();
    let mut writes = 0;
    let mut failed = false;
    for line in include_str!("data/histories-v1.txt").lines() {
        let (kind, rest) = line.split_once(' ').expect("every line has a kind");
        match kind {
            "history" => document = Document::new(),
            "write" => {
                let (time, bytes) = rest.split_once(' ').expect("a write has a time");
                let stamp = at(time.parse().expect("a time is a number"), 0xa1);
                let changeset = Changeset::decode(&from_hex(bytes)).expect("it opens for ever");
                failed = !apply_old(&mut document, &changeset.operations[0].action, stamp);
                writes += 1;
            }
            "failed" => assert!(std::mem::take(&mut failed), "{rest}"),
            "document" => {
                assert!(!failed, "a write that did not fail in version 1");
                check_old_document(rest, &document);
            }
            "value" => {
                let mut json = Vec::new();
                document.value().map_or(Value::Null, Value::Map).write_json(&mut json);
                assert_eq!(String::from_utf8(json).unwrap(), rest);
            }
            other => panic!("a line of no known kind: {other}"),
        }
    }
    assert_eq!(writes, 355);
}

fn apply_old(document: &mut Document, action: &Action, stamp: Stamp) -> bool {
    match action {
        Action::Upsert { value, types } => document.upsert(value, types, stamp, WriteRules::V1),
        Action::Update(commands) => return document.update(commands, stamp, WriteRules::V1).is_ok(),
        Action::Remove => document.remove(stamp),
        _ => panic!("version 1 had none"),
    }
    true
}

fn operation(id: &str, condition: Condition, action: Action) -> Operation {
    Operation {
        collection: CollectionName::new("people").expect("the test's name is good"),
        id: DocumentId::from_value(&value(id)).expect("the test's id is good"),
        condition,
        action,
    }
}

fn everything() -> Changeset {
    let upsert =
        Action::Upsert { value: map(r#"{"name":"Susan","n":1}"#), types: vec![(path("n"), FieldType::Counter)] };
    let update = Action::Update(vec![
        command("a['b-c'][300]", UpdateKind::Set(value("[1.5]"))),
        command("n", UpdateKind::Increment(value("-1"))),
        command("m", UpdateKind::ReplaceWithCounter(value("null"))),
    ]);
    let query = ConditionQuery { dialect: Dialect::Legacy, text: "age > $args.a".into(), args: map(r#"{"a":18}"#) };
    Changeset {
        operations: vec![
            operation(r#""abc123""#, Condition::Always, upsert),
            operation("42", Condition::Matches { query: 0 }, update),
            operation(r#"{"b":2,"a":1}"#, Condition::Exists, Action::Remove),
        ],
        queries: vec![query],
        origin: Origin { peer: "http".into(), traceparent: Some("00-ab-cd-01".into()), ..Origin::default() },
    }
}

fn removal(condition: Condition) -> Changeset {
    let mut operation = operation("1", condition, Action::Remove);
    operation.collection = CollectionName::new("c").expect("the test's name is good");
    Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() }
}

#[test]
fn changesets_v1() {
    check_old_changeset(
        "01 04 68 74 74 70 01 0b 30 30 2d 61 62 2d 63 64 2d 30 31 03 06 70 65 6f 70 6c 65 08 22 61 62 63
        31 32 33 22 00 00 02 01 6e 04 02 04 6e 61 6d 65 07 05 53 75 73 61 6e 01 01 00 01 6e 06 70 65 6f
        70 6c 65 02 34 32 02 0d 61 67 65 20 3e 20 24 61 72 67 73 2e 61 01 01 61 04 24 01 03 03 00 01 61
        00 03 62 2d 63 01 ac 02 00 08 01 06 00 00 00 00 00 00 f8 3f 01 00 01 6e 01 04 01 01 00 01 6d 02
        01 06 70 65 6f 70 6c 65 0d 7b 22 61 22 3a 31 2c 22 62 22 3a 32 7d 01 02",
        &everything(),
    );
    check_old_changeset("01 00 00 01 01 63 01 31 00 02", &removal(Condition::Always));
    let unchanged = Condition::Unchanged { since: at(TIME, 0xa1) };
    check_old_changeset("01 00 00 01 01 63 01 31 03 83 80 a0 c9 93 b9 c7 bf 01 a1 01 02", &removal(unchanged));
    check_old_changeset("01 00 00 01 01 63 01 31 04 02", &removal(Condition::Absent));
}

/// Equal queries of operations that follow each other become one.
#[test]
fn changeset_v1_repeats_its_query() {
    let operations = ["61", "61", "62"].map(|text| format!("01 63 01 31 02 01 {text} 00 02")).join(" ");
    let changeset = Changeset::decode(&from_hex(&format!("01 00 00 03 {operations}"))).unwrap();
    let asked: Vec<_> = changeset.operations.iter().map(|operation| operation.condition.clone()).collect();
    assert_eq!(asked, [0, 0, 1].map(|query| Condition::Matches { query }));
    let texts: Vec<_> = changeset.queries.iter().map(|query| query.text.as_str()).collect();
    assert_eq!(texts, ["a", "b"]);
}

#[test]
fn changeset_v2_with_everything() {
    check_changeset(
        &everything(),
        expect![[r#"
        02 04 68 74 74 70 01 0b 30 30 2d 61 62 2d 63 64 2d 30 31 01 01 0d 61 67 65 20 3e 20 24 61 72 67
        73 2e 61 01 01 61 04 24 03 06 70 65 6f 70 6c 65 08 22 61 62 63 31 32 33 22 00 00 02 01 6e 04 02
        04 6e 61 6d 65 07 05 53 75 73 61 6e 01 01 00 01 6e 02 06 70 65 6f 70 6c 65 02 34 32 02 00 01 03
        03 00 01 61 00 03 62 2d 63 01 ac 02 00 08 01 06 00 00 00 00 00 00 f8 3f 01 00 01 6e 01 04 01 01
        00 01 6d 02 01 06 70 65 6f 70 6c 65 0d 7b 22 61 22 3a 31 2c 22 62 22 3a 32 7d 01 02
    "#]],
    );
}

#[test]
fn changeset_v2_of_a_peer() {
    let mut delta = Document::new();
    delta.upsert(&map(r#"{"a":1}"#), &[], at(TIME, 0xb2), WriteRules::NEWEST);
    let token = map(r#"{"id":"a","len":3,"metadata":{}}"#);
    let changeset = Changeset {
        operations: vec![
            operation("1", Condition::Always, Action::Merge { delta, removed: true, base: 300 }),
            operation("2", Condition::Always, Action::Update(vec![command("t", UpdateKind::SetAttachment(token))])),
            operation(
                "3",
                Condition::Always,
                Action::Upsert {
                    value: map(r#"{"o":{}}"#),
                    types: vec![
                        (path("o"), FieldType::Register),
                        (path("p"), FieldType::Attachment),
                        (path("q"), FieldType::Map),
                    ],
                },
            ),
        ],
        queries: Vec::new(),
        origin: Origin {
            peer: "till".into(),
            traceparent: None,
            cause: Some(7),
            site: Some(SiteId(0xb2)),
            pushed: None,
        },
    };
    check_changeset(
        &changeset,
        expect![[r#"
        02 04 74 69 6c 6c 06 07 00 00 00 00 00 00 00 b2 00 03 06 70 65 6f 70 6c 65 01 31 00 03 01 ac 02
        1e 02 01 00 00 00 00 00 00 00 b2 01 83 80 a0 c9 93 b9 c7 bf 01 00 11 00 01 01 01 61 04 01 02 06
        70 65 6f 70 6c 65 01 32 00 01 01 01 00 01 74 03 03 02 69 64 07 01 61 03 6c 65 6e 04 06 08 6d 65
        74 61 64 61 74 61 09 00 06 70 65 6f 70 6c 65 01 33 00 00 01 01 6f 09 00 03 01 00 01 6f 01 01 00
        01 70 04 01 00 01 71 03
    "#]],
    );
}

#[test]
fn changeset_v2_on_conditions() {
    check_changeset(
        &removal(Condition::Always),
        expect![[r#"
        02 00 00 00 01 01 63 01 31 00 02
    "#]],
    );
    check_changeset(
        &removal(Condition::Unchanged { since: at(TIME, 0xa1) }),
        expect![[r#"
        02 00 00 00 01 01 63 01 31 03 83 80 a0 c9 93 b9 c7 bf 01 a1 01 02
    "#]],
    );
    check_changeset(
        &removal(Condition::Absent),
        expect![[r#"
        02 00 00 00 01 01 63 01 31 04 02
    "#]],
    );
}

/// What only DQL asks for.
fn statement() -> Changeset {
    let n_is_a_counter = || vec![(path("n"), FieldType::Counter)];
    let update = Action::Update(vec![
        command("r", UpdateKind::SetRegister(value(r#"{"x":1}"#))),
        command("o", UpdateKind::Merge { value: map(r#"{"n":2}"#), types: n_is_a_counter() }),
        command("gone.now", UpdateKind::Unset),
    ]);
    let initial = Action::UpsertInitial { value: map(r#"{"n":3}"#), types: n_is_a_counter() };
    let difference = Action::UpsertDifference { value: map(r#"{"n":4}"#), types: n_is_a_counter() };
    Changeset {
        operations: vec![
            operation("1", Condition::Vacant, update),
            operation("2", Condition::Unchanged { since: Stamp::ZERO }, initial),
            operation("3", Condition::Always, difference),
            operation("4", Condition::Matches { query: 0 }, Action::Computed { query: 0 }),
        ],
        queries: vec![ConditionQuery {
            dialect: Dialect::Dql,
            text: "UPDATE people SET n = n - :by".into(),
            args: map(r#"{"by":1}"#),
        }],
        origin: Origin { peer: "http".into(), ..Origin::default() },
    }
}

#[test]
fn changeset_v3_of_a_statement() {
    check_changeset(
        &statement(),
        expect![[r#"
            03 04 68 74 74 70 00 01 02 1d 55 50 44 41 54 45 20 70 65 6f 70 6c 65 20 53 45 54 20 6e 20 3d 20
            6e 20 2d 20 3a 62 79 01 02 62 79 04 02 04 06 70 65 6f 70 6c 65 01 31 05 01 03 01 00 01 72 04 09
            01 01 78 04 02 01 00 01 6f 05 01 01 6e 04 04 01 01 00 01 6e 02 02 00 04 67 6f 6e 65 00 03 6e 6f
            77 06 06 70 65 6f 70 6c 65 01 32 03 00 00 04 01 01 6e 04 06 01 01 00 01 6e 02 06 70 65 6f 70 6c
            65 01 33 00 05 01 01 6e 04 08 01 01 00 01 6e 02 06 70 65 6f 70 6c 65 01 34 02 00 06 00
        "#]],
    );
}

#[test]
fn changeset_v3_of_a_push() {
    let mut pushed = removal(Condition::Always);
    pushed.origin.site = Some(SiteId(0xb2));
    pushed.origin.pushed = Some(Pushed { seq: 300, hash: [7; 16], subject: "till/5".into() });
    check_changeset(
        &pushed,
        expect![[r#"
        03 00 0c 00 00 00 00 00 00 00 b2 ac 02 07 07 07 07 07 07 07 07 07 07 07 07 07 07 07 07 06 74 69
        6c 6c 2f 35 00 01 01 63 01 31 00 02
    "#]],
    );
}

/// A changeset is of version 3 only if something in it is: each alone makes it so.
#[test]
fn changesets_without_anything_new_stay_in_version_2() {
    let version = |changeset: &Changeset| {
        let mut bytes = Vec::new();
        changeset.encode(&mut bytes);
        bytes[0]
    };
    assert_eq!((version(&everything()), version(&statement())), (2, 3));
    assert_eq!(version(&removal(Condition::Vacant)), 3);
    let Changeset { operations, queries, .. } = statement();
    assert_eq!(version(&Changeset { queries, ..removal(Condition::Always) }), 3);
    for operation in operations {
        let commands = match operation.action {
            Action::Update(commands) => commands,
            action => {
                let operation = Operation { condition: Condition::Always, action, ..operation };
                assert_eq!(version(&Changeset { operations: vec![operation], ..removal(Condition::Always) }), 3);
                continue;
            }
        };
        for command in commands {
            let mut changeset = removal(Condition::Always);
            changeset.operations[0].action = Action::Update(vec![command]);
            assert_eq!(version(&changeset), 3);
        }
    }
}

/// New tags are none in the versions before, and version 3 is not for what needs no such tag.
#[test]
fn versions_of_changesets_are_not_mixed() {
    let mut bytes = Vec::new();
    for changeset in [statement(), removal(Condition::Vacant)] {
        bytes.clear();
        changeset.encode(&mut bytes);
        for older in [1, 2] {
            bytes[0] = older;
            assert!(Changeset::decode(&bytes).is_err());
        }
    }
    bytes.clear();
    removal(Condition::Always).encode(&mut bytes);
    bytes[0] = 3;
    let refused = Changeset::decode(&bytes).map_err(|error| error.to_string());
    assert_eq!(refused, Err("a changeset cannot be read: nothing in it is of version 3 at byte 11".to_owned()));
    bytes[0] = 4;
    let newer = "a changeset cannot be read: format version 4 is unknown, this program knows 3 and older at byte 0";
    assert_eq!(Changeset::decode(&bytes).map_err(|error| error.to_string()), Err(newer.to_owned()));
}

/// What is decided anew takes the place of what was asked.
#[test]
fn a_decided_statement_is_plain_operations() {
    let asked = statement();
    let upsert = Action::Upsert { value: map(r#"{"n":4}"#), types: Vec::new() };
    let update = Action::Update(vec![command("n", UpdateKind::Set(value("7")))]);
    let mut bytes = Vec::new();
    asked.encode_decided(|at| [None, None, Some(&upsert), Some(&update)][at], &mut bytes);
    expect![[r#"
        02 04 68 74 74 70 00 00 02 06 70 65 6f 70 6c 65 01 33 00 00 01 01 6e 04 08 00 06 70 65 6f 70 6c
        65 01 34 00 01 01 01 00 01 6e 00 04 0e
    "#]]
    .assert_eq(&hex(&bytes));
    let decided = Changeset::decode(&bytes).expect("it was encoded");
    assert!(decided.queries.is_empty());
    let actions: Vec<_> = decided.operations.into_iter().map(|operation| operation.action).collect();
    assert_eq!(actions, [upsert, update]);
    bytes.clear();
    let done = |at: usize| (at < 2).then(|| &asked.operations[at].action);
    asked.encode_decided(done, &mut bytes);
    expect![[r#"
        03 04 68 74 74 70 00 00 02 06 70 65 6f 70 6c 65 01 31 00 01 03 01 00 01 72 04 09 01 01 78 04 02
        01 00 01 6f 05 01 01 6e 04 04 01 01 00 01 6e 02 02 00 04 67 6f 6e 65 00 03 6e 6f 77 06 06 70 65
        6f 70 6c 65 01 32 00 04 01 01 6e 04 06 01 01 00 01 6e 02
    "#]]
    .assert_eq(&hex(&bytes));
    assert_eq!(Changeset::decode(&bytes).map(|decided| decided.operations.len()), Ok(2));
}

/// What was decided holds no query and no condition, and only what was applied.
#[test]
fn a_decided_changeset_is_what_was_applied() {
    let asked = everything();
    for applied in [vec![0, 1, 2], vec![1], vec![0, 2]] {
        let mut bytes = Vec::new();
        let done = |at: usize| applied.contains(&at).then(|| &asked.operations[at].action);
        asked.encode_decided(done, &mut bytes);
        let operations =
            applied.iter().map(|&at| Operation { condition: Condition::Always, ..asked.operations[at].clone() });
        let decided = Changeset { operations: operations.collect(), queries: Vec::new(), origin: asked.origin.clone() };
        assert_eq!(Changeset::decode(&bytes), Ok(decided));
    }
}

/// Stored ids, journaled events and record keys hold these bytes, so no new version of a library
/// may write them otherwise.
#[test]
fn canonical_floats() {
    let floats = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        0.1,
        1e-4,
        1e-5,
        1e-6,
        1e-7,
        1.5e-7,
        123456789012345.0,
        1e15,
        1e16,
        1.2345678901234567e17,
        1e20,
        1e21,
        1e22,
        1e100,
        1.7976931348623157e308,
        5e-324,
        2.2250738585072014e-308,
    ];
    let mut text = String::new();
    for float in floats {
        let mut json = Vec::new();
        Value::Float(float).write_json(&mut json);
        text += std::str::from_utf8(&json).unwrap();
        text += "\n";
        assert_eq!(Value::from_json(&json), Ok(Value::Float(float)));
    }
    expect![[r#"
        0.0
        -0.0
        1.0
        -1.5
        0.1
        0.0001
        0.00001
        1e-6
        1e-7
        1.5e-7
        123456789012345.0
        1000000000000000.0
        1e+16
        1.2345678901234566e+17
        1e+20
        1e+21
        1e+22
        1e+100
        1.7976931348623157e+308
        5e-324
        2.2250738585072014e-308
    "#]]
    .assert_eq(&text);
}

fn check_refused(bytes: &[u8], expected: &str) {
    assert_eq!(Document::decode(bytes).map_err(|error| error.to_string()), Err(expected.to_owned()));
}

#[test]
fn bytes_that_are_no_document_are_refused_with_the_reason() {
    check_refused(b"", "a document cannot be read: no bytes at all at byte 0");
    check_refused(
        b"\x03",
        "a document cannot be read: format version 3 is unknown, this program knows 2 and older at byte 0",
    );
    check_refused(&[2, 1, 0, 0, 0, 0, 0, 0, 0, 0], "a document cannot be read: 0 is no site at byte 10");
    check_refused(
        &[1, 0xff, 0xff, 0xff, 0xff, 0x0f],
        "a document cannot be read: 4294967295 elements announced, 0 bytes left at byte 6",
    );
    check_refused(&[1, 0, 0, 0, 0, 9], "a document cannot be read: trailing bytes at byte 5");
    check_refused(&[1, 0, 0, 1, 0], "a document cannot be read: the root is no object at byte 4");
}
