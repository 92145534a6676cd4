//! `store/find`, `findbyid`, `count`.

use crate::server::{TestServer, ids};

fn people() -> TestServer {
    let server = TestServer::start();
    for (id, value) in [
        ("a", r#"{"name":"Susan","age":31}"#),
        ("b", r#"{"name":"Frank","age":31,"city":{"name":"Graz"}}"#),
        ("c", r#"{"name":"Ada"}"#),
        ("d", r#"{"name":"Gone","age":1}"#),
    ] {
        server.upsert("people", id, value);
    }
    server.write(r#"{"method":"remove","collection":"people","id":"d"}"#);
    server
}

#[test]
fn a_finds_reply() {
    let server = people();
    let txn = server.app().newest_txn().0;
    let expected = format!(
        r#"{{"documents":[{{"id":"b","fields":{{"age":31,"city":{{"name":"Graz"}},"name":"Frank"}}}}],"txnId":{txn}}}"#
    );
    let body = r#"{"collection":"people","query":"name == $args.n","args":{"n":"Frank"}}"#;
    assert_eq!(server.post("/api/v4/store/find", body).pair(), (200, expected.as_str()));
    let body = r#"{"collection":"people","query":"_id == 'b' && city.name == \"Graz\"","describe":false,"formatAttachment":true}"#;
    assert_eq!(server.post("/api/v4/store/find", body).pair(), (200, expected.as_str()));
    let nothing = format!(r#"{{"documents":[],"txnId":{txn}}}"#);
    for body in [
        r#"{"collection":"nowhere"}"#,
        r#"{"collection":"people","query":"age == 1"}"#,
        r#"{"collection":"people","limit":0}"#,
    ] {
        assert_eq!(server.post("/api/v4/store/find", body).pair(), (200, nothing.as_str()), "{body}");
    }
}

#[test]
fn which_documents_and_in_which_order() {
    let server = people();
    for (body, expected) in [
        (r#"{"collection":"people"}"#, "abc"),
        (r#"{"collection":"people","query":"true"}"#, "abc"),
        (r#"{"collection":"people","query":"_id == 'd'"}"#, ""),
        (r#"{"collection":"people","query":"_id == 'c' || _id == 'a' || _id == 'c'"}"#, "ac"),
        (r#"{"collection":"people","query":"age == null"}"#, "c"),
        (r#"{"collection":"people","limit":2}"#, "ab"),
        (r#"{"collection":"people","offset":1,"limit":1}"#, "b"),
        (r#"{"collection":"people","offset":5}"#, ""),
        (r#"{"collection":"people","sort":[{"property":"name","direction":"asc"}]}"#, "cba"),
        (r#"{"collection":"people","sort":[{"property":"age","direction":"desc"},{"property":"name"}]}"#, "bac"),
        (r#"{"collection":"people","sort":[{"property":"age"}]}"#, "cab"),
        (r#"{"collection":"people","sort":[{"property":"_id","direction":"desc"}],"limit":2}"#, "cb"),
        (r#"{"collection":"people","sort":[{"property":"_id","direction":"desc"}],"limit":1,"offset":1}"#, "b"),
        (r#"{"collection":"people","sort":[{"property":"name"}],"limit":0}"#, ""),
        (r#"{"collection":"people","sort":[{"property":"city.name","direction":"desc"}],"limit":1}"#, "b"),
    ] {
        let found: String = ids(&server.find(body)).iter().map(|id| id.trim_matches('"')).collect();
        assert_eq!(found, expected, "{body}");
    }
}

#[test]
fn pages_of_a_sorted_find_do_not_overlap() {
    let server = TestServer::start();
    let commands: Vec<_> = (0..50)
        .map(|n| format!(r#"{{"method":"upsert","collection":"c","id":{n},"value":{{"k":{}}}}}"#, n % 3))
        .collect();
    server.write(&commands.join(","));
    let mut seen = Vec::new();
    for page in 0..5 {
        let body = format!(r#"{{"collection":"c","sort":[{{"property":"k"}}],"limit":10,"offset":{}}}"#, page * 10);
        seen.extend(ids(&server.find(&body)));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 50);
}

#[test]
fn the_default_limit_is_a_thousand() {
    let server = TestServer::start();
    let commands: Vec<_> =
        (0..1001).map(|n| format!(r#"{{"method":"upsert","collection":"c","id":{n},"value":{{}}}}"#)).collect();
    server.write(&commands.join(","));
    assert_eq!(ids(&server.find(r#"{"collection":"c"}"#)).len(), 1000);
    assert_eq!(ids(&server.find(r#"{"collection":"c","limit":2000}"#)).len(), 1001);
}

#[test]
fn find_by_id() {
    let server = people();
    let txn = server.app().newest_txn().0;
    let find = |id: &str| server.post("/api/v4/store/findbyid", format!(r#"{{"collection":"people","id":{id}}}"#));
    assert_eq!(
        find(r#""a""#).pair(),
        (200, format!(r#"{{"id":"a","fields":{{"age":31,"name":"Susan"}},"txnId":{txn}}}"#).as_str())
    );
    for id in [r#""d""#, r#""nobody""#, "1"] {
        let reply = find(id);
        assert_eq!(reply.status, 404);
        assert_eq!(reply.message(), format!(r#"there is no document {id} in the collection "people""#));
    }
}

#[test]
fn count() {
    let server = people();
    let txn = server.app().newest_txn().0;
    for (body, expected) in [
        (r#"{"collection":"people"}"#, 3),
        (r#"{"collection":"people","query":"age > $args.n","args":{"n":30}}"#, 2),
        (r#"{"collection":"people","query":"_id == 'a' || _id == 'd'"}"#, 1),
        (r#"{"collection":"nowhere"}"#, 0),
    ] {
        let reply = server.post("/api/v4/store/count", body);
        assert_eq!(reply.pair(), (200, format!(r#"{{"count":{expected},"txnId":{txn}}}"#).as_str()), "{body}");
    }
}

#[test]
fn numbers_keep_their_kind() {
    let server = TestServer::start();
    let value = r#"{"a":9223372036854775807,"b":18446744073709551615,"c":1.0,"d":-0.5,"e":1e+300}"#;
    server.upsert("c", "a", value);
    assert_eq!(server.fields("c", "a"), value);
}

#[test]
fn a_reply_that_would_be_too_long_is_refused() {
    let server = TestServer::start();
    let text = "x".repeat(1_900_000);
    for n in 0..36 {
        server.upsert("big", &n.to_string(), &format!(r#"{{"text":"{text}"}}"#));
    }
    let reply = server.post("/api/v4/store/find", r#"{"collection":"big"}"#);
    assert_eq!(reply.status, 400);
    assert!(reply.message().contains("ask for fewer documents"), "{}", reply.body);
    let reply = server.post("/api/v4/store/find", r#"{"collection":"big","limit":30}"#);
    assert_eq!((reply.status, ids(&reply.body).len()), (200, 30));
    let reply = server.post("/api/v4/store/find", r#"{"collection":"big","sort":[{"property":"text"}]}"#);
    assert_eq!(reply.status, 400);
    assert!(reply.message().starts_with("sorting would have to keep more than"), "{}", reply.body);
}
