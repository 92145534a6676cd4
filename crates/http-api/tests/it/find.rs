//! `store/find`, `findbyid`, `count`.

use std::{io::Read as _, time::Duration};

use document::{CollectionName, Path};
use store::{IndexDefinition, IndexKey};

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

fn next(reply: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(reply).unwrap();
    json["next"].as_str().map(str::to_owned)
}

/// An index by `key` of the collection `c`, ready.
fn index(server: &TestServer, key: &str) {
    let keys = vec![IndexKey { path: Path::parse(key).unwrap(), descending: false }];
    let index = IndexDefinition::new("by-key", CollectionName::new("c").unwrap(), keys).unwrap();
    server.runtime.block_on(async {
        server.app().create_index(&index).await.unwrap();
        let ready = server.app().index_when_ready(&index.collection, "by-key", Duration::from_secs(20)).await;
        assert!(ready.unwrap().is_ready);
    });
}

fn numbers(count: usize) -> TestServer {
    let server = TestServer::start();
    let upsert = |n| format!(r#"{{"method":"upsert","collection":"c","id":{n},"value":{{"k":{},"n":{n}}}}}"#, n % 7);
    server.write(&(100..100 + count).map(upsert).collect::<Vec<_>>().join(","));
    server
}

#[test]
fn pages_go_on_where_the_one_before_ended() {
    let server = numbers(60);
    for has_index in [false, true] {
        if has_index {
            index(&server, "k");
        }
        for (asked, expected) in [
            (r#""collection":"c""#, 60),
            (r#""collection":"c","query":"k > 2","sort":[{"property":"k","direction":"desc"}]"#, 35),
            (r#""collection":"c","query":"k == 3 || n < 110","offset":1"#, 16),
        ] {
            let all = ids(&server.find(&format!("{{{asked}}}")));
            assert_eq!(all.len(), expected, "{asked}");
            let (mut found, mut after) = (Vec::new(), String::new());
            loop {
                let reply = server.find(&format!(r#"{{{asked},"limit":8{after}}}"#));
                assert!(reply.contains(r#","txnId":"#));
                found.extend(ids(&reply));
                let Some(next) = next(&reply) else { break };
                after = format!(r#","after":"{next}""#);
            }
            assert_eq!(found, all, "{asked}");
        }
    }
}

#[test]
fn a_page_of_another_find_is_refused() {
    let server = numbers(5);
    let reply = server.find(r#"{"collection":"c","limit":5}"#);
    let after = next(&reply).unwrap();
    let find = |rest: &str| server.post("/api/v4/store/find", format!(r#"{{"collection":"c","limit":5{rest}}}"#));
    assert_eq!(next(&find(&format!(r#","after":"{after}""#)).body), None, "nothing is left");
    assert_eq!(find(&format!(r#","query":"true","after":"{after}""#)).status, 200, "that is the same");
    for rest in [r#","query":"k > 1""#, r#","sort":[{"property":"k"}]"#, r#","query":"true","args":{"a":1}"#] {
        let reply = find(&format!(r#"{rest},"after":"{after}""#));
        assert_eq!(reply.status, 400, "{rest}");
        assert!(reply.message().contains("belongs to a find with another collection"), "{}", reply.body);
    }
    assert_eq!(find(r#","after":"nonsense""#).status, 400);
    assert_eq!(next(&find(r#","limit":0"#).body), None);
    assert_eq!(next(&server.find(r#"{"collection":"c","limit":6}"#)), None);
    let got = server.get(&format!("/api/v4/store/find?collection=c&limit=5&after={after}"));
    assert_eq!((got.status, ids(&got.body).len()), (200, 0));
}

#[test]
fn describe_names_the_index() {
    let server = numbers(60);
    index(&server, "k");
    let describe = |rest: &str| server.find(&format!(r#"{{"collection":"c","describe":true,{rest}}}"#));
    let reply = describe(r#""query":"k == 3""#);
    let expected = r#""fields":{"index_scan":{"exact":true,"index":"by-key","ordered":true,"part":"3","path":["k"]}}"#;
    assert!(reply.contains(expected), "{reply}");
    let reply = describe(r#""query":"k == 3 && n > 1","sort":[{"property":"n"}]"#);
    assert!(reply.contains(r#""index_scan":{"exact":false,"index":"by-key","ordered":false"#), "{reply}");
    assert!(describe(r#""query":"n == 3""#).contains(r#"{"full_scan":{}}"#));
    assert_eq!(ids(&server.find(r#"{"collection":"c","query":"k == 3 && n > 120"}"#)).len(), 6);
    let count = server.post("/api/v4/store/count", r#"{"collection":"c","query":"k == 3"}"#);
    assert!(count.body.starts_with(r#"{"count":9,"#), "{}", count.body);
    let changed = server.write(
        r#"{"method":"update","collection":"c","query":"k == 3","commands":[{"method":"set","path":"k","value":4}]},
           {"method":"remove","collection":"c","query":"k == 4"}"#,
    );
    assert!(changed.contains(r#""updated":9"#) && changed.contains(r#""deleted":18"#), "{changed}");
}

#[test]
fn long_replies_are_compressed_for_who_takes_it() {
    let server = numbers(200);
    let find = |limit: usize, accepted: &str| {
        let request = server.request("POST", "/api/v4/store/find").header("Accept-Encoding", accepted);
        let mut connection = server.connect();
        connection.send(&request.body(format!(r#"{{"collection":"c","limit":{limit}}}"#)).to_bytes());
        connection
    };
    let plain = find(200, "identity").reply();
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("Accept-Encoding")));
    let small = find(2, "gzip").reply();
    assert_eq!((small.status, small.header("content-encoding")), (200, None));
    let mut connection = find(200, "br, gzip");
    let head = connection.head();
    assert_eq!((head.header("content-encoding"), head.header("vary")), (Some("gzip"), Some("Accept-Encoding")));
    let length = head.header("content-length").unwrap().parse().unwrap();
    let compressed = connection.bytes(length);
    assert!(compressed.len() * 4 < plain.body.len(), "{} of {}", compressed.len(), plain.body.len());
    let mut body = String::new();
    flate2::read::GzDecoder::new(&compressed[..]).read_to_string(&mut body).unwrap();
    assert_eq!(body, plain.body);
}
