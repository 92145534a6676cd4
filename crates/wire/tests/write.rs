//! `store/write`: what is taken, what is refused and with which words, and the exact bytes of
//! replies.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use document::{DocumentId, PathSegment, UpdateKind, Value};
use expect_test::{Expect, expect};
use wire::{
    RequestError,
    write::{Selection, WriteCommand, WriteRequest, WriteResult, write_results},
};

fn parse(body: &str) -> Vec<WriteCommand> {
    WriteRequest::parse(body.as_bytes()).unwrap().commands
}

fn parse_one(command: &str) -> WriteCommand {
    parse(&format!(r#"{{"commands":[{command}]}}"#)).remove(0)
}

fn refused(body: impl AsRef<[u8]>, expected: Expect) {
    expected.assert_eq(&WriteRequest::parse(body.as_ref()).unwrap_err().to_string());
}

fn refused_one(command: &str, expected: Expect) {
    refused(format!(r#"{{"commands":[{command}]}}"#), expected);
}

#[test]
fn the_pages_upsert() {
    let command = parse_one(
        r#"{
        "method": "upsert",
        "collection": "people",
        "id": "abc123",
        "value": {
          "name": "Susan", "age": 31
        }
      }"#,
    );
    let WriteCommand::Upsert { collection, id, value, types } = command else { panic!() };
    assert_eq!(collection.as_str(), "people");
    assert_eq!(id.unwrap().as_json(), r#""abc123""#);
    let mut json = Vec::new();
    value.write_json(&mut json);
    assert_eq!(json, br#"{"age":31,"name":"Susan"}"#);
    assert_eq!(types, []);
}

#[test]
fn the_id_may_stand_in_the_value() {
    for command in [
        r#"{"method":"upsert","collection":"c","value":{"_id":"a","x":1}}"#,
        r#"{"method":"upsert","collection":"c","id":"a","value":{"_id":"a","x":1}}"#,
        r#"{"method":"upsert","collection":"c","id":"a","value":{"x":1}}"#,
    ] {
        let WriteCommand::Upsert { id, value, .. } = parse_one(command) else { panic!() };
        assert_eq!(id.unwrap().as_json(), r#""a""#);
        assert_eq!(value.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["x"], "{command}");
    }
    let WriteCommand::Upsert { id: None, .. } = parse_one(r#"{"method":"upsert","collection":"c","value":{}}"#) else {
        panic!("an id to be generated")
    };
    refused_one(
        r#"{"method":"upsert","collection":"c","id":"a","value":{"_id":"b"}}"#,
        expect![[r#"commands[0].value._id: is "b", but "id" is "a""#]],
    );
}

#[test]
fn object_ids_are_equal_whatever_the_order_of_their_keys() {
    parse_one(r#"{"method":"upsert","collection":"c","id":{"a":1,"b":2},"value":{"_id":{"b":2,"a":1}}}"#);
}

#[test]
fn value_type_overrides_name_numbers() {
    let command = parse_one(
        r#"{"method":"upsert","collection":"c","value":{"n":1,"m":{"k":2.5},"r":3},
            "valueTypeOverrides":{"n":"counter","m.k":"counter","r":"register"}}"#,
    );
    let WriteCommand::Upsert { types, .. } = command else { panic!() };
    let shown: Vec<_> = types.iter().map(|(path, _)| path.segments.len()).collect();
    assert_eq!(shown, [2, 1], "sorted by name: m.k, n");
    refused_one(
        r#"{"method":"upsert","collection":"c","value":{"n":"1"},"valueTypeOverrides":{"n":"counter"}}"#,
        expect![[r#"commands[0].valueTypeOverrides.n: a counter needs a number at this path of "value""#]],
    );
    refused_one(
        r#"{"method":"upsert","collection":"c","value":{},"valueTypeOverrides":{"n":"counter"}}"#,
        expect![[r#"commands[0].valueTypeOverrides.n: a counter needs a number at this path of "value""#]],
    );
    refused_one(
        r#"{"method":"upsert","collection":"c","value":{"n":1},"valueTypeOverrides":{"n":"set"}}"#,
        expect![[r#"commands[0].valueTypeOverrides.n: unknown type "set"; known are counter, register, attachment"#]],
    );
    refused_one(
        r#"{"method":"upsert","collection":"c","value":{"a":[1]},"valueTypeOverrides":{"a[0]":"counter"}}"#,
        expect!["commands[0].valueTypeOverrides.a[0]: an array is one register: there is no counter inside it"],
    );
}

#[test]
fn value_type_overrides_name_objects_that_are_one_value() {
    let command = parse_one(
        r#"{"method":"upsert","collection":"c","value":{"o":{"x":1},"m":{"n":1},"s":"x"},
            "valueTypeOverrides":{"o":"register","m.n":"counter","s":"register","none":"register"}}"#,
    );
    let WriteCommand::Upsert { types, .. } = command else { panic!() };
    let shown: Vec<_> = types.iter().map(|(path, kind)| format!("{path} {}", kind.as_str())).collect();
    assert_eq!(shown, ["m.n counter", "o register"], "anything but an object is a register anyway");
    refused_one(
        r#"{"method":"upsert","collection":"c","value":{"o":{"n":1}},
            "valueTypeOverrides":{"o":"register","o.n":"counter"}}"#,
        expect!["commands[0].valueTypeOverrides.o.n: is inside an object that is one value"],
    );
}

#[test]
fn updates_and_removes() {
    let WriteCommand::Update { selection, changes, .. } = parse_one(
        r#"{"method":"update","collection":"c","query":"name == $args.n","args":{"n":"Susan"},"commands":[
            {"method":"set","path":"a['b-c']","value":32},
            {"method":"increment","path":"n","value":1},
            {"method":"replaceWithCounter","path":"n","value":null},
            {"method":"replaceWithCounter","path":"n"}]}"#,
    ) else {
        panic!()
    };
    let Selection::Query { query, args } = selection else { panic!() };
    assert_eq!((query.as_str(), args.len()), ("name == $args.n", 1));
    assert_eq!(changes[0].path.segments[1], PathSegment::Field("b-c".into()));
    let kinds: Vec<_> = changes.into_iter().map(|change| change.kind).collect();
    let expected = [
        UpdateKind::Set(Value::Int(32)),
        UpdateKind::Increment(Value::Int(1)),
        UpdateKind::ReplaceWithCounter(Value::Null),
        UpdateKind::ReplaceWithCounter(Value::Null),
    ];
    assert_eq!(kinds, expected);

    let WriteCommand::Remove { selection: Selection::Id(id), .. } =
        parse_one(r#"{"method":"remove","collection":"c","id":7}"#)
    else {
        panic!()
    };
    assert_eq!(id.as_json(), "7");
}

#[test]
fn malformed_bodies() {
    refused("", expect!["the body cannot be read as JSON: EOF while parsing a value at line 1 column 0"]);
    refused("{\"commands\":\n [}", expect!["commands[0]: cannot be read as JSON: expected value at line 2 column 3"]);
    refused("{} {}", expect!["the body cannot be read as JSON: trailing characters at line 1 column 4"]);
    refused(
        b"{\"commands\":[\"\xff\"]}",
        expect!["commands[0]: cannot be read as JSON: invalid unicode code point at line 1 column 15"],
    );
    refused(
        r#"{"a":"\ud800"}"#,
        expect!["a: cannot be read as JSON: unexpected end of hex escape at line 1 column 13"],
    );
    refused(
        r#"{"n":18446744073709551616}"#,
        expect!["n: cannot be read as JSON: an integer beyond 64 bits at line 1 column 6"],
    );
    refused(r#"{"n":1e309}"#, expect!["n: cannot be read as JSON: number out of range at line 1 column 10"]);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    refused(
        deep,
        expect![
            "a[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]…: cannot be read as JSON: arrays and objects nest deeper than 64 at line 1 column 69"
        ],
    );
}

#[test]
fn bodies_of_another_shape() {
    refused("[]", expect!["must be an object, not an array"]);
    refused("null", expect!["must be an object, not null"]);
    refused("{}", expect![[r#"the field "commands" is missing"#]]);
    refused(r#"{"commands":{}}"#, expect!["commands: must be an array, not an object"]);
    refused(r#"{"commands":[],"more":1}"#, expect![[r#"unknown field "more"; known are commands, args"#]]);
    refused(r#"{"commands":[1]}"#, expect!["commands[0]: must be an object, not an integer"]);
    assert_eq!(parse(r#"{"commands":[]}"#), []);
}

#[test]
fn commands_of_another_shape() {
    refused_one(r#"{}"#, expect![[r#"commands[0]: the field "method" is missing"#]]);
    refused_one(
        r#"{"method":"upsrt"}"#,
        expect![[r#"commands[0].method: unknown method "upsrt"; known are upsert, update, remove"#]],
    );
    refused_one(r#"{"method":1}"#, expect!["commands[0].method: must be a string, not an integer"]);
    refused_one(r#"{"method":"upsert"}"#, expect![[r#"commands[0]: the field "collection" is missing"#]]);
    refused_one(r#"{"method":"upsert","collection":"c"}"#, expect![[r#"commands[0]: the field "value" is missing"#]]);
    refused_one(
        r#"{"method":"upsert","collection":"c","value":"x"}"#,
        expect!["commands[0].value: must be an object, not a string"],
    );
    refused_one(
        r#"{"method":"upsert","collection":"c","value":{},"vlaue":{}}"#,
        expect![[r#"commands[0]: unknown field "vlaue"; known are method, collection, id, value, valueTypeOverrides"#]],
    );
    refused_one(
        r#"{"method":"upsert","collection":"c","value":{},"query":"true"}"#,
        expect![[r#"commands[0]: unknown field "query"; known are method, collection, id, value, valueTypeOverrides"#]],
    );
    for id in ["null", "1.5", "true", "[]", "1e3"] {
        let command = format!(r#"{{"method":"upsert","collection":"c","id":{id},"value":{{}}}}"#);
        let error = WriteRequest::parse(format!(r#"{{"commands":[{command}]}}"#).as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("commands[0].id: an id must be"), "{error}");
    }
    let second = r#"{"method":"remove","collection":"c","id":"a"},{"method":"upsert","collection":"","value":{}}"#;
    let error = WriteRequest::parse(format!(r#"{{"commands":[{second}]}}"#).as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("commands[1].collection: "), "{error}");
}

#[test]
fn selections_of_another_shape() {
    refused_one(r#"{"method":"remove","collection":"c"}"#, expect![[r#"commands[0]: needs a "query" or an "id""#]]);
    refused_one(
        r#"{"method":"remove","collection":"c","id":"a","query":"true"}"#,
        expect![[r#"commands[0]: takes "id" or "query", not both"#]],
    );
    refused_one(
        r#"{"method":"remove","collection":"c","id":"a","args":{}}"#,
        expect!["commands[0].args: belongs to a query; there is none"],
    );
    refused_one(
        r#"{"method":"remove","collection":"c","query":"true","args":[]}"#,
        expect!["commands[0].args: must be an object, not an array"],
    );
    refused_one(
        r#"{"method":"update","collection":"c","id":"a"}"#,
        expect![[r#"commands[0]: the field "commands" is missing"#]],
    );
    refused_one(
        r#"{"method":"update","collection":"c","id":"a","commands":[]}"#,
        expect!["commands[0].commands: must hold at least one command"],
    );
}

#[test]
fn changes_of_another_shape() {
    let change = |change: &str, expected: Expect| {
        refused_one(&format!(r#"{{"method":"update","collection":"c","id":"a","commands":[{change}]}}"#), expected);
    };
    change(
        r#"{"method":"set","path":"_id","value":1}"#,
        expect!["commands[0].commands[0].path: a document's _id never changes"],
    );
    change(
        r#"{"method":"set","path":"_id.x","value":1}"#,
        expect!["commands[0].commands[0].path: a document's _id never changes"],
    );
    change(r#"{"method":"set","path":"a"}"#, expect![[r#"commands[0].commands[0]: the field "value" is missing"#]]);
    change(r#"{"method":"set","value":1}"#, expect![[r#"commands[0].commands[0]: the field "path" is missing"#]]);
    change(
        r#"{"method":"increment","path":"a","value":"1"}"#,
        expect!["commands[0].commands[0].value: increment takes a number"],
    );
    change(
        r#"{"method":"replaceWithCounter","path":"a","value":"1"}"#,
        expect!["commands[0].commands[0].value: replaceWithCounter takes a number or null"],
    );
    change(
        r#"{"method":"setAttachment","path":"a","value":{}}"#,
        expect![[r#"commands[0].commands[0].value: is no attachment's token: its "id" must be a text"#]],
    );
    change(
        r#"{"method":"setAttachment","path":"a","value":5}"#,
        expect!["commands[0].commands[0].value: must be an object, not an integer"],
    );
    change(
        r#"{"method":"unset","path":"a"}"#,
        expect![[
            r#"commands[0].commands[0].method: unknown method "unset"; known are set, increment, replaceWithCounter, setAttachment"#
        ]],
    );
    change(
        r#"{"method":"set","path":"a","value":1,"x":1}"#,
        expect![[r#"commands[0].commands[0]: unknown field "x"; known are method, path, value"#]],
    );
    let error = WriteRequest::parse(
        br#"{"commands":[{"method":"update","collection":"c","id":"a","commands":[{"method":"set","path":"a..b","value":1}]}]}"#,
    );
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("commands[0].commands[0].path: ") && error.contains("at column"), "{error}");
}

#[test]
fn the_systems_collections_cannot_be_written() {
    for command in [
        r#"{"method":"upsert","collection":"__presence","value":{}}"#,
        r#"{"method":"remove","collection":"__presence","id":"a"}"#,
        r#"{"method":"update","collection":"__presence","id":"a","commands":[{"method":"set","path":"a","value":1}]}"#,
    ] {
        let error = WriteRequest::parse(format!(r#"{{"commands":[{command}]}}"#).as_bytes()).unwrap_err();
        assert!(matches!(&error, RequestError::SystemCollection { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            r#"commands[0].collection: the collection "__presence" is the system's and cannot be written"#
        );
    }
}

#[test]
fn results_have_the_contracts_bytes() {
    let id = DocumentId::from_value(&Value::String("abc123".into())).unwrap();
    let results = [
        WriteResult::Upsert { id: &id },
        WriteResult::Update { updated: 1, error: 0, denied: 0 },
        WriteResult::Remove { deleted: 1, denied: 2 },
    ];
    let mut out = Vec::new();
    write_results(&mut out, 62, results);
    let expected = concat!(
        r#"{"results":[{"method":"upsert","transactionId":62,"id":"abc123"},"#,
        r#"{"method":"update","transactionId":62,"updated":1,"error":0,"internalError":0,"permissionDenied":0},"#,
        r#"{"method":"remove","transactionId":62,"deleted":1,"internalError":0,"permissionDenied":2}]}"#,
    );
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}
