//! Golden bytes of the stored forms. They open for ever: never change an expectation here, add a version.

use document::{
    Action, Changeset, CollectionName, Condition, Document, DocumentId, Map, Operation, Origin, Path, SiteId, Stamp,
    UpdateCommand, UpdateKind, Value,
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

fn check_document(document: &Document, expected: Expect) {
    let mut bytes = Vec::new();
    document.encode(&mut bytes);
    expected.assert_eq(&hex(&bytes));
    assert_eq!(Document::decode(&bytes).as_ref(), Ok(document));
    assert_eq!(Document::decode_value(&bytes), Ok(document.value()));
}

fn check_changeset(changeset: &Changeset, expected: Expect) {
    let mut bytes = Vec::new();
    changeset.encode(&mut bytes);
    expected.assert_eq(&hex(&bytes));
    assert_eq!(Changeset::decode(&bytes).as_ref(), Ok(changeset));
}

/// 2022-02-21T19:36:41.000Z, a counter of 3.
const TIME: u64 = (1_645_472_201_000 << 16) + 3;

#[test]
fn document_v1_new() {
    check_document(
        &Document::new(),
        expect![[r#"
        01 00 00 00 00
    "#]],
    );
}

#[test]
fn document_v1_of_one_write() {
    let mut document = Document::new();
    document.upsert(&map(r#"{"name":"Susan","age":31}"#), &[], at(TIME, 0xa1));
    check_document(
        &document,
        expect![[r#"
        01 01 00 00 00 00 00 00 00 a1 01 83 80 a0 c9 93 b9 c7 bf 01 00 11 00 01 02 03 61 67 65 04 01 3e
        04 6e 61 6d 65 07 01 05 53 75 73 61 6e
    "#]],
    );
}

#[test]
fn document_v1_of_every_kind() {
    let mut document = Document::new();
    let fields = r#"{"array":[1,{"k":null}],"big":18446744073709551615,"count":5,"float":-0.5,"no":false,"null":null,"object":{"in":{}},"yes":true,"é":-9223372036854775808}"#;
    document.upsert(&map(fields), &[path("count")], at(TIME, 0xa1));
    let commands = [
        UpdateCommand { path: path("object"), kind: UpdateKind::Set(value(r#"{"x":1.0}"#)) },
        UpdateCommand { path: path("count"), kind: UpdateKind::Increment(value("0.25")) },
    ];
    document.update(&commands, at(TIME + 70_000, 0xb2)).unwrap();
    check_document(
        &document,
        expect![[r#"
        01 03 00 00 00 00 00 00 00 a1 00 00 00 00 00 00 00 b2 ff ff ff ff ff ff ff ff 03 83 80 a0 c9 93
        b9 c7 bf 01 00 ef a2 04 02 01 01 11 00 03 09 05 61 72 72 61 79 08 01 02 04 02 09 01 01 6b 01 03
        62 69 67 05 01 ff ff ff ff ff ff ff ff ff 01 05 63 6f 75 6e 74 10 01 02 01 04 0a 03 06 00 00 00
        00 00 00 d0 3f 05 66 6c 6f 61 74 06 01 00 00 00 00 00 00 e0 bf 02 6e 6f 02 01 04 6e 75 6c 6c 01
        01 06 6f 62 6a 65 63 74 11 02 03 01 01 78 06 03 00 00 00 00 00 00 f0 3f 03 79 65 73 03 01 02 c3
        a9 04 01 ff ff ff ff ff ff ff ff ff 01
    "#]],
    );
}

#[test]
fn document_v1_removed() {
    let mut document = Document::new();
    document.remove(at(TIME, 0xa1));
    check_document(
        &document,
        expect![[r#"
        01 01 00 00 00 00 00 00 00 a1 01 83 80 a0 c9 93 b9 c7 bf 01 00 00 01
    "#]],
    );
}

#[test]
fn document_v1_back_after_a_remove() {
    let mut document = Document::new();
    document.remove(at(TIME, 0xa1));
    document.upsert(&map(r#"{"a":"b"}"#), &[], at(TIME + 1, 0xa1));
    check_document(
        &document,
        expect![[r#"
        01 01 00 00 00 00 00 00 00 a1 02 83 80 a0 c9 93 b9 c7 bf 01 00 01 00 11 01 02 01 01 61 07 02 01
        62
    "#]],
    );
}

#[test]
fn changeset_v1_with_everything() {
    let operation = |id: &str, condition, action| Operation {
        collection: CollectionName::new("people").unwrap(),
        id: DocumentId::from_value(&value(id)).unwrap(),
        condition,
        action,
    };
    let command = |text, kind| UpdateCommand { path: path(text), kind };
    let changeset = Changeset {
        operations: vec![
            operation(
                r#""abc123""#,
                Condition::Always,
                Action::Upsert { value: map(r#"{"name":"Susan","n":1}"#), counters: vec![path("n")] },
            ),
            operation(
                "42",
                Condition::Matches { query: "age > $args.a".into(), args: map(r#"{"a":18}"#) },
                Action::Update(vec![
                    command("a['b-c'][300]", UpdateKind::Set(value("[1.5]"))),
                    command("n", UpdateKind::Increment(value("-1"))),
                    command("m", UpdateKind::ReplaceWithCounter(value("null"))),
                ]),
            ),
            operation(r#"{"b":2,"a":1}"#, Condition::Exists, Action::Remove),
        ],
        origin: Origin { peer: "http".into(), traceparent: Some("00-ab-cd-01".into()), cause: None },
    };
    check_changeset(
        &changeset,
        expect![[r#"
        01 04 68 74 74 70 01 0b 30 30 2d 61 62 2d 63 64 2d 30 31 03 06 70 65 6f 70 6c 65 08 22 61 62 63
        31 32 33 22 00 00 02 01 6e 04 02 04 6e 61 6d 65 07 05 53 75 73 61 6e 01 01 00 01 6e 06 70 65 6f
        70 6c 65 02 34 32 02 0d 61 67 65 20 3e 20 24 61 72 67 73 2e 61 01 01 61 04 24 01 03 03 00 01 61
        00 03 62 2d 63 01 ac 02 00 08 01 06 00 00 00 00 00 00 f8 3f 01 00 01 6e 01 04 01 01 00 01 6d 02
        01 06 70 65 6f 70 6c 65 0d 7b 22 61 22 3a 31 2c 22 62 22 3a 32 7d 01 02
    "#]],
    );
}

#[test]
fn changeset_v1_plain() {
    let operation = Operation {
        collection: CollectionName::new("c").unwrap(),
        id: DocumentId::from_value(&value("1")).unwrap(),
        condition: Condition::Always,
        action: Action::Remove,
    };
    let changeset = Changeset { operations: vec![operation], origin: Origin::default() };
    check_changeset(
        &changeset,
        expect![[r#"
        01 00 00 01 01 63 01 31 00 02
    "#]],
    );
}

#[test]
fn changeset_v1_on_condition_that_nobody_wrote_since() {
    let operation = Operation {
        collection: CollectionName::new("c").unwrap(),
        id: DocumentId::from_value(&value("1")).unwrap(),
        condition: Condition::Unchanged { since: at(TIME, 0xa1) },
        action: Action::Remove,
    };
    let changeset = Changeset { operations: vec![operation], origin: Origin::default() };
    check_changeset(
        &changeset,
        expect![[r#"
        01 00 00 01 01 63 01 31 03 83 80 a0 c9 93 b9 c7 bf 01 a1 01 02
    "#]],
    );
}

#[test]
fn changeset_v1_on_condition_that_it_is_new() {
    let operation = Operation {
        collection: CollectionName::new("c").unwrap(),
        id: DocumentId::from_value(&value("1")).unwrap(),
        condition: Condition::Absent,
        action: Action::Remove,
    };
    let changeset = Changeset { operations: vec![operation], origin: Origin::default() };
    check_changeset(
        &changeset,
        expect![[r#"
        01 00 00 01 01 63 01 31 04 02
    "#]],
    );
}

/// Stored ids, journaled events and record keys hold these bytes, so no new version of a library may write them otherwise.
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
    check_refused(b"\x02", "a document cannot be read: format version 2 is unknown, this program knows 1 at byte 0");
    check_refused(
        &[1, 0xff, 0xff, 0xff, 0xff, 0x0f],
        "a document cannot be read: 4294967295 elements announced, 0 bytes left at byte 6",
    );
    check_refused(&[1, 0, 0, 0, 0, 9], "a document cannot be read: trailing bytes at byte 5");
    check_refused(&[1, 0, 0, 1, 0], "a document cannot be read: the root is no object at byte 4");
}
