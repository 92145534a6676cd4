//! `store/write`: the calls, atomicity, what queries select, what is counted.

use crate::server::{NOW_MS, TestServer, number_after};

#[test]
fn the_pages_curl() {
    let server = TestServer::start();
    let body = r#"{
      "commands": [{
        "method": "upsert",
        "collection": "people",
        "id": "abc123",
        "value": {
          "name": "Susan", "age": 31
        }
      }]
  }"#;
    let request = server.request("POST", "/api/v4/store/write").header("Content-Type", "application/json");
    let reply = request.body(body).send();
    let txn = number_after(&reply.body, r#""transactionId":"#);
    assert_eq!(
        reply.pair(),
        (200, format!(r#"{{"results":[{{"method":"upsert","transactionId":{txn},"id":"abc123"}}]}}"#).as_str())
    );
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(
        reply.header_names(),
        [
            "content-type",
            "cache-control",
            "x-content-type-options",
            "x-headwater-request-id",
            "content-length",
            "cross-origin-resource-policy",
            "date"
        ]
    );
    assert_eq!(server.fields("people", "abc123"), r#"{"age":31,"name":"Susan"}"#);
}

#[test]
fn both_base_paths_and_other_apps() {
    let server = TestServer::start();
    server.data_dir.create_app(&store::AppName::new("shop").unwrap()).unwrap();
    server.data_dir.create_app(&store::AppName::new("api").unwrap()).unwrap();
    let command = r#"{"commands":[{"method":"upsert","collection":"c","id":"a","value":{"n":1}}]}"#;
    let count = |path: &str| number_after(&server.post(path, r#"{"collection":"c"}"#).body, r#""count":"#);
    assert_eq!(server.post("/shop/api/v4/store/write", command).status, 200);
    assert_eq!((count("/api/v4/store/count"), count("/shop/api/v4/store/count")), (0, 1));
    assert_eq!(server.post("/default/api/v4/store/write", command).status, 200);
    assert_eq!(server.post("/api/api/v4/store/write", command).status, 200);
    assert_eq!(count("/api/v4/store/count"), 1);
}

#[test]
fn one_transaction_for_all_commands() {
    let server = TestServer::start();
    let reply = server.write(
        r#"{"method":"upsert","collection":"people","id":"a","value":{"n":1}},
           {"method":"update","collection":"people","query":"_id == 'a'","commands":[{"method":"set","path":"n","value":2}]},
           {"method":"upsert","collection":"pets","id":"b","value":{}},
           {"method":"remove","collection":"pets","query":"_id == 'b'"}"#,
    );
    let txn = number_after(&reply, r#""transactionId":"#);
    let expected = format!(
        concat!(
            r#"{{"results":[{{"method":"upsert","transactionId":{0},"id":"a"}},"#,
            r#"{{"method":"update","transactionId":{0},"updated":1,"error":0,"internalError":0,"permissionDenied":0}},"#,
            r#"{{"method":"upsert","transactionId":{0},"id":"b"}},"#,
            r#"{{"method":"remove","transactionId":{0},"deleted":1,"internalError":0,"permissionDenied":0}}]}}"#
        ),
        txn
    );
    assert_eq!(reply, expected);
    assert_eq!(server.app().newest_txn().0, txn);
    assert_eq!(server.fields("people", "a"), r#"{"n":2}"#);
    assert_eq!(server.fields("pets", "b"), "none");
}

#[test]
fn a_batch_is_all_or_nothing() {
    let server = TestServer::start();
    let good = r#"{"method":"upsert","collection":"people","id":"a","value":{"n":1}}"#;
    for (bad, status) in [
        (r#"{"method":"upsert","collection":"people","id":"b"}"#, 400),
        (r#"{"method":"upsert","collection":"__system","id":"b","value":{}}"#, 403),
        (r#"{"method":"remove","collection":"people","query":"name =="}"#, 400),
        (r#"{"method":"remove","collection":"people","query":"name == $args.n"}"#, 400),
        (
            r#"{"method":"update","collection":"people","id":"a","commands":[{"method":"set","path":"_id","value":1}]}"#,
            400,
        ),
    ] {
        let reply = server.post("/api/v4/store/write", format!(r#"{{"commands":[{good},{bad}]}}"#));
        assert_eq!(reply.status, status, "{}", reply.body);
        assert!(reply.message().starts_with("commands[1]"), "{}", reply.body);
    }
    let newest = server.app().newest_txn();
    let huge =
        format!(r#"{{"method":"upsert","collection":"people","id":"big","value":{{"x":"{}"}}}}"#, "x".repeat(1 << 20));
    server.write(&huge);
    assert!(server.app().newest_txn() > newest);
    assert_eq!(server.fields("people", "a"), "none");
}

#[test]
fn a_document_that_would_grow_too_large_refuses_the_batch() {
    let server = TestServer::start();
    let part = "x".repeat(2_000_000);
    for field in ["a", "b"] {
        server.upsert("big", "one", &format!(r#"{{"{field}":"{part}"}}"#));
    }
    let commands = format!(
        r#"{{"method":"upsert","collection":"big","id":"other","value":{{}}}},
           {{"method":"upsert","collection":"big","id":"one","value":{{"c":"{part}"}}}}"#
    );
    let reply = server.post("/api/v4/store/write", format!(r#"{{"commands":[{commands}]}}"#));
    assert_eq!(reply.status, 413, "{}", reply.body);
    assert!(reply.message().contains("\"one\""), "{}", reply.body);
    assert_eq!(server.fields("big", "other"), "none");
}

#[test]
fn ids_are_generated() {
    let server = TestServer::start();
    let command = r#"{"method":"upsert","collection":"c","value":{"n":1}}"#;
    let reply = server.write(&format!("{command},{command}"));
    let json: serde_json::Value = serde_json::from_str(&reply).unwrap();
    let ids: Vec<&str> = (0..2).map(|n| json["results"][n]["id"].as_str().unwrap()).collect();
    assert_ne!(ids[0], ids[1]);
    for id in ids {
        assert_eq!(id.len(), 24);
        assert!(id.starts_with(&format!("{:08x}", NOW_MS / 1000)), "{id}");
        assert_eq!(server.fields("c", id), r#"{"n":1}"#);
    }
}

#[test]
fn updates_change_what_matches_and_count_it() {
    let server = TestServer::start();
    for (id, age) in [("a", 17), ("b", 18), ("c", 40)] {
        server.upsert("people", id, &format!(r#"{{"age":{age},"name":"{id}"}}"#));
    }
    let reply = server.write(
        r#"{"method":"update","collection":"people","query":"age >= $args.least","args":{"least":18},
            "commands":[{"method":"set","path":"adult","value":true},{"method":"increment","path":"visits","value":2}]}"#,
    );
    assert!(reply.contains(r#""updated":2,"error":0"#), "{reply}");
    assert_eq!(server.fields("people", "b"), r#"{"adult":true,"age":18,"name":"b","visits":2}"#);
    assert_eq!(server.fields("people", "a"), r#"{"age":17,"name":"a"}"#);

    let reply = server.write(
        r#"{"method":"update","collection":"people","query":"true","commands":[{"method":"increment","path":"name","value":1}]}"#,
    );
    assert!(reply.contains(r#""updated":0,"error":3"#), "a string cannot be incremented: {reply}");
    let reply = server.write(r#"{"method":"remove","collection":"people","query":"age < 40"}"#);
    assert!(reply.contains(r#""deleted":2"#), "{reply}");
    assert_eq!(server.fields("people", "c"), r#"{"adult":true,"age":40,"name":"c","visits":2}"#);
}

#[test]
fn counters() {
    let server = TestServer::start();
    server.write(
        r#"{"method":"upsert","collection":"c","id":"a","value":{"n":5,"r":7},"valueTypeOverrides":{"n":"counter"}}"#,
    );
    server.write(
        r#"{"method":"update","collection":"c","id":"a","commands":[
            {"method":"increment","path":"n","value":1},
            {"method":"replaceWithCounter","path":"r","value":null},
            {"method":"increment","path":"r","value":-2}]}"#,
    );
    assert_eq!(server.fields("c", "a"), r#"{"n":6,"r":5}"#);
    let typed = server.find(r#"{"collection":"c","serializedAs":"latestValuesAndTypes"}"#);
    assert!(typed.contains(r#""fields":{"n":{"counter":{"value":6}},"r":{"counter":{"value":5}}}"#), "{typed}");
}

#[test]
fn later_commands_see_what_earlier_ones_did() {
    let server = TestServer::start();
    server.upsert("c", "old", r#"{"age":1}"#);
    let reply = server.write(
        r#"{"method":"upsert","collection":"c","id":"new","value":{"age":2}},
           {"method":"update","collection":"c","query":"age > 0","commands":[{"method":"set","path":"age","value":50}]},
           {"method":"update","collection":"c","query":"age == 50","commands":[{"method":"increment","path":"seen","value":1}]},
           {"method":"remove","collection":"c","query":"_id == 'new' || starts_with(_id, 'no')"},
           {"method":"remove","collection":"c","query":"age < 50"}"#,
    );
    let json: serde_json::Value = serde_json::from_str(&reply).unwrap();
    assert_eq!((&json["results"][1]["updated"], &json["results"][2]["updated"]), (&2.into(), &2.into()), "{reply}");
    assert_eq!((&json["results"][3]["deleted"], &json["results"][4]["deleted"]), (&1.into(), &0.into()), "{reply}");
    assert_eq!(server.fields("c", "old"), r#"{"age":50,"seen":1}"#);
    assert_eq!(server.fields("c", "new"), "none");
}

#[test]
fn a_write_that_touches_nothing_answers_the_newest_transaction() {
    let server = TestServer::start();
    let txn = server.upsert("c", "a", "{}");
    let events = server.app().events().high_watermark();
    for command in [
        r#"{"method":"remove","collection":"c","id":"nobody"}"#,
        r#"{"method":"remove","collection":"c","query":"age > 3"}"#,
        r#"{"method":"update","collection":"nowhere","query":"true","commands":[{"method":"set","path":"a","value":1}]}"#,
    ] {
        assert_eq!(number_after(&server.write(command), r#""transactionId":"#), txn, "{command}");
    }
    assert_eq!(server.write(""), r#"{"results":[]}"#);
    assert_eq!(server.app().events().high_watermark(), events);
}

#[test]
fn ids_of_every_kind() {
    let server = TestServer::start();
    for id in [r#""text""#, "42", "-9223372036854775808", "18446744073709551615", r#"{"b":1,"a":"x"}"#] {
        server.write(&format!(r#"{{"method":"upsert","collection":"c","id":{id},"value":{{"n":1}}}}"#));
        let reply = server.post("/api/v4/store/findbyid", format!(r#"{{"collection":"c","id":{id}}}"#));
        assert_eq!(reply.status, 200, "{id}: {}", reply.body);
    }
    let reply = server.find(r#"{"collection":"c","query":"_id.a == 'x'"}"#);
    assert!(reply.contains(r#"{"id":{"a":"x","b":1},"fields":{"n":1}}"#), "{reply}");
}

#[test]
fn too_large_a_transaction_is_refused() {
    let server = TestServer::start();
    for n in 0..40 {
        server.upsert("c", &n.to_string(), "{}");
    }
    // Two megabytes for each of forty documents.
    let value = "x".repeat(2_000_000);
    let command = format!(
        r#"{{"method":"update","collection":"c","query":"true","commands":[{{"method":"set","path":"x","value":"{value}"}}]}}"#
    );
    let reply = server.post("/api/v4/store/write", format!(r#"{{"commands":[{command}]}}"#));
    assert_eq!(reply.status, 413, "{}", reply.body);
    assert_eq!(server.fields("c", "0"), "{}");
}

#[test]
fn queries_that_scan_are_bounded_in_number() {
    let server = TestServer::start();
    let command = r#"{"method":"remove","collection":"c","query":"age > 3"}"#;
    assert!(server.write(&vec![command; 100].join(",")).starts_with(r#"{"results":["#));
    let by_id = r#"{"method":"remove","collection":"c","query":"_id == 'a'"}"#;
    server.write(&vec![by_id; 1000].join(","));
    let body = format!(r#"{{"commands":[{}]}}"#, vec![command; 101].join(","));
    let reply = server.post("/api/v4/store/write", body);
    let expected = "commands[100].query: a request may have at most 100 queries that name no ids";
    assert_eq!((reply.status, reply.message().as_str()), (400, expected));
}

#[test]
fn writers_at_once_lose_nothing() {
    let server = TestServer::start();
    server.upsert("c", "n", r#"{"n":0}"#);
    let command = r#"{"commands":[{"method":"update","collection":"c","query":"n >= 0","commands":[{"method":"increment","path":"n","value":1}]}]}"#;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut connection = server.connect();
                for _ in 0..25 {
                    connection.send(&server.request("POST", "/api/v4/store/write").body(command).to_bytes());
                    assert_eq!(connection.reply().status, 200);
                }
            });
        }
    });
    assert_eq!(server.fields("c", "n"), r#"{"n":200}"#);
}
