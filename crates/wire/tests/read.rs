//! `store/find`, `findbyid`, `count`, `requery`, `/admin/v1`: what is taken, what is refused, and the exact bytes of
//! replies.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use document::{CollectionName, DocumentId, Value};
use expect_test::{Expect, expect};
use wire::{
    RequestError,
    admin::{NewApp, NewKey, NewUser},
    find::{
        CountRequest, DocumentsReply, FindByIdRequest, FindRequest, LIMIT_DEFAULT, SerializedAs, write_count,
        write_document,
    },
    requery::RequeryRequest,
};

fn refused<T: std::fmt::Debug>(parsed: Result<T, RequestError>, expected: Expect) {
    expected.assert_eq(&parsed.unwrap_err().to_string());
}

fn id(json: &str) -> DocumentId {
    DocumentId::from_value(&Value::from_json(json.as_bytes()).unwrap()).unwrap()
}

fn fields(json: &str) -> document::Map {
    let Value::Map(map) = Value::from_json(json.as_bytes()).unwrap() else { panic!() };
    map
}

#[test]
fn find_has_defaults() {
    for body in [
        r#"{"collection":"people"}"#,
        r#"{"collection":"people","query":null,"args":null,"limit":null,"offset":null,"sort":null,"after":null,"describe":null,"serializedAs":null}"#,
        r#"{"collection":"people","query":"true","args":{},"limit":1000,"offset":0,"sort":[],"describe":false,"serializedAs":"latestValues"}"#,
    ] {
        let request = FindRequest::parse(body.as_bytes()).unwrap();
        assert_eq!(request.query.query, "true");
        assert_eq!((request.limit, request.offset, request.sort.len()), (LIMIT_DEFAULT, 0, 0));
        assert_eq!((request.serialized_as, request.after), (SerializedAs::LatestValues, None));
    }
}

#[test]
fn find_sorts_by_several_properties() {
    let body = r#"{"collection":"c","sort":[{"property":"a.b","direction":"desc"},{"property":"_id"}]}"#;
    let request = FindRequest::parse(body.as_bytes()).unwrap();
    let directions: Vec<_> = request.sort.iter().map(|sort| sort.descending).collect();
    assert_eq!(directions, [true, false]);
}

#[test]
fn finds_of_another_shape() {
    let find = |body: &str, expected: Expect| refused(FindRequest::parse(body.as_bytes()), expected);
    find("{}", expect![[r#"the field "collection" is missing"#]]);
    find(
        r#"{"collection":"c","qeury":"true"}"#,
        expect![[
            r#"unknown field "qeury"; known are collection, query, args, limit, offset, sort, after, describe, serializedAs, formatAttachment"#
        ]],
    );
    find(r#"{"collection":"c","limit":-1}"#, expect!["limit: must be a whole number from 0"]);
    find(r#"{"collection":"c","limit":1.0}"#, expect!["limit: must be a whole number from 0"]);
    find(r#"{"collection":"c","offset":"1"}"#, expect!["offset: must be a whole number from 0"]);
    find(r#"{"collection":"c","query":1}"#, expect!["query: must be a string, not an integer"]);
    find(r#"{"collection":"c","describe":1}"#, expect!["describe: must be true or false, not an integer"]);
    find(r#"{"collection":"c","sort":{}}"#, expect!["sort: must be an array, not an object"]);
    find(r#"{"collection":"c","sort":[{}]}"#, expect![[r#"sort[0]: the field "property" is missing"#]]);
    find(
        r#"{"collection":"c","sort":[{"property":"a","direction":"up"}]}"#,
        expect![[r#"sort[0].direction: unknown direction "up"; known are asc, desc"#]],
    );
    find(
        r#"{"collection":"c","serializedAs":"cbor"}"#,
        expect![[r#"serializedAs: unknown form "cbor"; known are latestValues, latestValuesAndTypes"#]],
    );
    let many = format!(r#"{{"collection":"c","sort":[{}]}}"#, vec![r#"{"property":"a"}"#; 17].join(","));
    find(&many, expect!["sort: at most 16 properties can be sorted by"]);
}

#[test]
fn other_reads_of_another_shape() {
    refused(FindByIdRequest::parse(br#"{"collection":"c"}"#), expect![[r#"the field "id" is missing"#]]);
    refused(
        FindByIdRequest::parse(br#"{"collection":"c","id":"a","query":"true"}"#),
        expect![[r#"unknown field "query"; known are collection, id, serializedAs, formatAttachment"#]],
    );
    refused(
        CountRequest::parse(br#"{"collection":"c","limit":1}"#),
        expect![[r#"unknown field "limit"; known are collection, query, args"#]],
    );
    refused(RequeryRequest::parse(b"{}"), expect![[r#"the field "documentId" is missing"#]]);
    refused(
        RequeryRequest::parse(br#"{"documentId":"a","collection":"c","collectionName":"d"}"#),
        expect![[r#"collectionName: says another collection than "collection""#]],
    );
}

#[test]
fn a_requery_takes_an_entry_of_the_event() {
    let body = br#"{"appId":"abc","collectionName":"people","documentId":{"b":1,"a":2}}"#;
    let request = RequeryRequest::parse(body).unwrap();
    assert_eq!(request.id.as_json(), r#"{"a":2,"b":1}"#);
    assert_eq!(request.collection.unwrap().as_str(), "people");
    assert_eq!(request.app.as_deref(), Some("abc"));
}

#[test]
fn replies_have_the_contracts_bytes() {
    let mut reply = DocumentsReply::default();
    assert!(reply.is_empty());
    assert_eq!(reply.finish(9000, None), br#"{"documents":[],"txnId":9000}"#);

    reply = DocumentsReply::default();
    reply.push(&id(r#""abc123""#), &fields(r#"{"name":"Susan","age":31}"#));
    reply.push(&id("7"), &fields("{}"));
    let expected =
        r#"{"documents":[{"id":"abc123","fields":{"age":31,"name":"Susan"}},{"id":7,"fields":{}}],"txnId":9000}"#;
    assert_eq!(String::from_utf8(reply.finish(9000, None)).unwrap(), expected);

    reply = DocumentsReply::default();
    reply.push_of_collection(&id(r#"{"k":1}"#), &fields(r#"{"a":null}"#), &CollectionName::new("people").unwrap());
    let expected =
        r#"{"documents":[{"id":{"k":1},"fields":{"a":null},"collection":"people"}],"txnId":1,"next":"AQ-_"}"#;
    assert_eq!(String::from_utf8(reply.finish(1, Some("AQ-_"))).unwrap(), expected);

    let mut out = Vec::new();
    write_document(&mut out, &id(r#""a""#), &fields(r#"{"x":1.0}"#), 5);
    assert_eq!(out, br#"{"id":"a","fields":{"x":1.0},"txnId":5}"#);
    out.clear();
    write_count(&mut out, 100, 9000);
    assert_eq!(out, br#"{"count":100,"txnId":9000}"#);
    out.clear();
    wire::write_error("a \"b\"\n", &mut out);
    assert_eq!(out, br#"{"message":"a \"b\"\n"}"#);
}

#[test]
fn administration() {
    assert_eq!(NewApp::parse(br#"{"name":"shop"}"#).unwrap().name, "shop");
    refused(NewApp::parse(br#"{"nmae":"shop"}"#), expect![[r#"the field "name" is missing"#]]);

    let key = NewKey::parse(
        br#"{"name":"ci","grants":[{"app":"shop","collection":"orders","permissions":["read","write"]}]}"#,
    );
    assert_eq!(key.unwrap().grants[0].collection.as_deref(), Some("orders"));
    refused(NewKey::parse(br#"{"name":"ci","grants":[]}"#), expect!["grants: must not be empty"]);
    refused(
        NewKey::parse(br#"{"name":"ci","grants":[{"app":"shop","permissions":["reed"]}]}"#),
        expect![[r#"grants[0].permissions[0]: unknown permission "reed"; known are read, write, admin"#]],
    );

    assert_eq!(NewUser::parse(br#"{"user":"alice"}"#).unwrap().directory, None);
    assert!(NewUser::parse(br#"{"user":"alice","directory":"/srv/alice"}"#).is_ok());
    refused(NewUser::parse(br#"{"user":"alice","directory":"a"}"#), expect!["directory: must be an absolute path"]);
    assert_eq!(NewUser::parse(r#"{"user":".ä"}"#.as_bytes()).unwrap().user, ".ä", "names are checked elsewhere");
}
