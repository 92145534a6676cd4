//! What older and newer clients of the vendor's API send (docs/reference/http-api.md).

use crate::server::{TestServer, ids};

#[test]
fn every_version_has_the_stores_calls() {
    let server = TestServer::start();
    server.data_dir.create_app(&store::AppName::new("shop").unwrap()).unwrap();
    for base in ["", "/shop"] {
        for version in ["v1", "v2", "v3", "v4", "v5"] {
            let post = |call: &str, body: &str| server.post(&format!("{base}/api/{version}/store/{call}"), body);
            let upsert =
                format!(r#"{{"commands":[{{"method":"upsert","collection":"c","id":"{version}","value":{{}}}}]}}"#);
            assert_eq!(post("write", &upsert).status, 200);
            assert_eq!(
                ids(&post("find", &format!(r#"{{"collection":"c","query":"_id == '{version}'"}}"#)).body).len(),
                1
            );
            assert_eq!(post("findbyid", &format!(r#"{{"collection":"c","id":"{version}"}}"#)).status, 200);
            assert_eq!(post("count", r#"{"collection":"c"}"#).status, 200);
            assert_eq!(ids(&post("requery", &format!(r#"{{"documentId":"{version}"}}"#)).body).len(), 1);
        }
    }
}

#[test]
fn what_is_elsewhere_is_named() {
    let server = TestServer::start();
    for (path, hint) in [
        ("/api/v6/store/find", "it is at /api/v4/store/find; there are the versions v1 to v5"),
        ("/shop/api/v2/find", "it is at /shop/api/v2/store/find; there are the versions v1 to v5"),
        ("/api/v3/store/execute", "it is at /api/v5/store/execute; execute belongs to v4 and v5"),
        ("/shop/api/v5/execute", "it is at /shop/api/v5/store/execute; execute belongs to v4 and v5"),
        (
            "/api/v1/attachments/upload",
            "attachments are at /api/v4/attachments/upload and /api/v4/attachments/<id>; they belong to v2 to v5",
        ),
    ] {
        let reply = server.post(path, "{}");
        assert_eq!((reply.status, reply.message()), (404, format!("there is nothing at {path}: {hint}")));
    }
}

#[test]
fn findbyid_shows_types_where_they_are_asked_for() {
    let server = TestServer::start();
    server.write(
        r#"{"method":"upsert","collection":"c","id":"a","value":{"n":5,"r":7},"valueTypeOverrides":{"n":"counter"}}"#,
    );
    let find =
        |more: &str| server.post("/api/v4/store/findbyid", format!(r#"{{"collection":"c","id":"a"{more}}}"#)).body;
    let typed = find(r#","serializedAs":"latestValuesAndTypes""#);
    assert!(typed.contains(r#""fields":{"n":{"counter":{"value":5}},"r":{"register":{"value":7}}}"#), "{typed}");
    for plain in [r#","serializedAs":"latestValues""#, r#","formatAttachment":true"#, ""] {
        assert!(find(plain).contains(r#""fields":{"n":5,"r":7}"#), "{plain}");
    }
}

#[test]
fn describe_says_how_documents_would_be_looked_for() {
    let server = TestServer::start();
    let txn = server.upsert("c", "a", "{}");
    for (query, way) in [
        ("_id == 'a' || _id == 'b'", r#"{"index_scan":{"path":["_id"]}}"#),
        ("true", r#"{"full_scan":{}}"#),
        ("starts_with(_id, 'a')", r#"{"index_scan":{"path":["_id"]}}"#),
        ("ends_with(_id, 'a')", r#"{"full_scan":{}}"#),
    ] {
        let reply = server.find(&format!(r#"{{"collection":"c","query":"{query}","describe":true}}"#));
        assert_eq!(
            reply,
            format!(r#"{{"documents":[{{"id":"query_details","fields":{way}}}],"txnId":{txn}}}"#),
            "{query}"
        );
    }
}

#[test]
fn an_upsert_that_must_be_an_insert() {
    let server = TestServer::start();
    let send = |flag: &str, ids: &[&str]| {
        let upserts: Vec<_> = ids
            .iter()
            .map(|id| format!(r#"{{"method":"upsert","collection":"c","id":"{id}","value":{{"by":"{flag}"}}}}"#))
            .collect();
        let body = format!(r#"{{"commands":[{}]}}"#, upserts.join(","));
        server.request("POST", "/api/v4/store/write").header("X-DITTO-ENSURE-INSERT", flag).body(body).send()
    };
    assert_eq!(send("true", &["a"]).status, 200);
    for ids in [&["a"][..], &["b", "a"], &["b", "b"]] {
        let reply = send("true", ids);
        assert_eq!(reply.status, 400, "{ids:?}: {}", reply.body);
        assert!(reply.message().ends_with("exists already; nothing was written"), "{}", reply.body);
    }
    assert_eq!((server.fields("c", "a"), server.fields("c", "b")), (r#"{"by":"true"}"#.into(), "none".into()));
    assert_eq!(send("false", &["a"]).status, 200);
    server.write(r#"{"method":"remove","collection":"c","id":"a"}"#);
    assert_eq!(send("TRUE", &["a"]).status, 200, "what was removed is not there");
    let reply = send("yes", &["d"]);
    let expected = r#"X-DITTO-ENSURE-INSERT must be true or false, not "yes""#;
    assert_eq!((reply.status, reply.message().as_str()), (400, expected));
    assert_eq!(server.fields("c", "d"), "none");
}

#[test]
fn args_beside_the_commands_serve_those_that_have_none() {
    let server = TestServer::start();
    for (id, age) in [("a", 17), ("b", 18), ("c", 40)] {
        server.upsert("people", id, &format!(r#"{{"age":{age}}}"#));
    }
    let update = |more: &str| {
        format!(
            r#"{{"method":"update","collection":"people","query":"age == $args.age"{more},"commands":[{{"method":"set","path":"seen","value":true}}]}}"#
        )
    };
    let body = format!(r#"{{"args":{{"age":17}},"commands":[{},{}]}}"#, update(""), update(r#","args":{"age":40}"#));
    assert_eq!(server.post("/api/v4/store/write", body).status, 200);
    let shown = ["a", "b", "c"].map(|id| server.fields("people", id));
    assert_eq!(shown, [r#"{"age":17,"seen":true}"#, r#"{"age":18}"#, r#"{"age":40,"seen":true}"#]);

    let long = format!(r#"{{"age":"{}"}}"#, "x".repeat(1_000_000));
    let body = format!(r#"{{"args":{long},"commands":[{}]}}"#, vec![update(""); 9].join(","));
    let reply = server.post("/api/v4/store/write", body);
    assert_eq!(reply.status, 400);
    assert!(reply.message().starts_with("args: too long to serve so many commands"), "{}", reply.body);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let server = TestServer::start();
    let body = "\u{feff}{\"commands\":[{\"method\":\"upsert\",\"collection\":\"c\",\"id\":\"a\",\"value\":{}}]}";
    assert_eq!(server.post("/api/v4/store/write", body).status, 200);
    assert_eq!(server.post("/api/v4/store/count", "\u{feff}{\"collection\":\"c\"}").status, 200);
}
