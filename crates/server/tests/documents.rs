//! Documents of a running server, by the commands.

use serde_json::{Value, json};

use crate::support::{Finished, TestServer, only_line, wait_until};

/// A server with three people.
fn with_people() -> TestServer {
    let server = TestServer::start();
    let upsert =
        |id: Value, value: Value| json!({"method": "upsert", "collection": "people", "id": id, "value": value});
    let commands = [
        upsert(json!("abc123"), json!({"name": "Susan", "age": 31})),
        upsert(json!(17), json!({"name": "Bob", "age": 40, "score": 1.0})),
        upsert(json!({"shop": "a", "nr": 4}), json!({"name": "Zoë", "age": 50})),
    ];
    assert_eq!(server.post("/api/v4/store/write", &json!({"commands": commands})).0, 200);
    server
}

pub(crate) fn count(server: &TestServer, collection: &str) -> u64 {
    let (status, reply) = server.post("/api/v4/store/count", &json!({"collection": collection}));
    assert_eq!(status, 200, "{reply}");
    reply["count"].as_u64().unwrap()
}

/// `n` documents of 300 bytes, one a line, as `headwater import` takes them.
pub(crate) fn lines(n: usize) -> String {
    (1..=n).map(|nr| format!("{{\"_id\":{nr},\"nr\":{nr},\"text\":\"{}\"}}\n", "x".repeat(270))).collect()
}

#[track_caller]
pub(crate) fn done(finished: &Finished) -> &str {
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    &finished.stdout
}

#[track_caller]
fn fails(finished: &Finished, code: i32, says: &[&str]) {
    assert_eq!(finished.code(), Some(code), "{finished:?}");
    for words in says {
        assert!(only_line(&finished.stderr).contains(words), "{words:?} is not in {finished:?}");
    }
}

#[test]
fn found_documents_are_lines_with_their_id_first() {
    let server = with_people();
    let found = |arguments: &[&str]| done(&server.run(&[&["find", "people"], arguments].concat())).to_owned();
    let susan = "{\"_id\":\"abc123\",\"age\":31,\"name\":\"Susan\"}\n";
    let bob = "{\"_id\":17,\"age\":40,\"name\":\"Bob\",\"score\":1.0}\n";
    let zoe = "{\"_id\":{\"nr\":4,\"shop\":\"a\"},\"age\":50,\"name\":\"Zoë\"}\n";
    assert_eq!(found(&[]).lines().count(), 3);
    assert_eq!(found(&["age < 40"]), susan);
    assert_eq!(found(&["name == $args.n && age > $args.min", "--arg", "n=Bob", "--arg", "min=39.5"]), bob);
    assert_eq!(found(&["--sort", "age:desc", "--limit", "2"]), format!("{zoe}{bob}"));
    assert_eq!(found(&["--sort", "age", "--offset", "1", "--ndjson"]), format!("{bob}{zoe}"));
    assert_eq!(found(&["--describe"]), "{\"_id\":\"query_details\",\"full_scan\":{}}\n");
    let reply: Value = serde_json::from_str(&found(&["age < 40", "--json"])).unwrap();
    assert_eq!(reply["documents"], json!([{"id": "abc123", "fields": {"age": 31, "name": "Susan"}}]));
    assert_eq!(done(&server.run(&["find", "nothing"])), "");
    fails(&server.run(&["find", "people", "age >"]), 1, &["query: expected", "at column 6"]);
    fails(&server.run(&["find", "people", "--app", "nowhere"]), 1, &["nowhere"]);
}

#[test]
fn one_document_is_named_by_json_or_a_word() {
    let server = with_people();
    for (id, name) in
        [("abc123", "Susan"), ("\"abc123\"", "Susan"), ("17", "Bob"), ("{\"shop\":\"a\",\"nr\":4}", "Zoë")]
    {
        let document: Value = serde_json::from_str(done(&server.run(&["get", "people", id]))).unwrap();
        assert_eq!(document["name"], name, "{id}");
    }
    fails(&server.run(&["get", "people", "\"17\""]), 1, &["there is no document \"17\" in the collection \"people\""]);
    assert!(done(&server.run(&["get", "people", "17", "--json"])).contains("\"txnId\":1"));
}

#[test]
fn documents_are_counted_and_written() {
    let server = with_people();
    assert_eq!(done(&server.run(&["count", "people"])), "3\n");
    assert_eq!(done(&server.run(&["count", "people", "age >= $args.a", "--arg", "a=40"])), "2\n");
    assert_eq!(done(&server.run(&["count", "people", "--json"])), "{\"count\":3,\"txnId\":1}\n");

    let body = br#"{"commands":[{"method":"remove","collection":"people","query":"age >= 40"}]}"#;
    let write = ["write", "--request-id", "spring-cleaning"];
    let written = server.run_with_input(&write, body);
    let reply: Value = serde_json::from_str(done(&written)).unwrap();
    assert_eq!((&reply["results"][0]["deleted"], &reply["results"][0]["transactionId"]), (&json!(2), &json!(2)));
    assert_eq!(done(&server.run_with_input(&write, body)), written.stdout, "under its name it is done once");

    std::fs::write(server.directory().path().join("bad.json"), r#"{"commands":[{"method":"fly"}]}"#).unwrap();
    fails(&server.run(&["write", "bad.json"]), 1, &["commands[0].method: unknown method"]);
    fails(&server.run(&["write", "absent.json"]), 1, &["cannot read absent.json", "No such file"]);
    assert_eq!(count(&server, "people"), 1);
}

#[test]
fn statements_are_run() {
    let server = with_people();
    let run = |arguments: &[&str]| done(&server.run(&[&["execute"], arguments].concat())).to_owned();
    let adults = "SELECT name, age FROM people WHERE age > :min ORDER BY age";
    assert_eq!(
        run(&[adults, "--args", r#"{"min":35}"#]),
        "{\"name\":\"Bob\",\"age\":40}\n{\"name\":\"Zoë\",\"age\":50}\n"
    );
    assert_eq!(run(&[adults, "--arg", "min=45"]), "{\"name\":\"Zoë\",\"age\":50}\n");
    assert_eq!(run(&[adults, "--arg", "min=35", "--table"]), "name  age\nBob   40\nZoë   50\n");
    assert_eq!(run(&["SELECT * FROM nothing"]), "");
    let reply: Value = serde_json::from_str(&run(&["SELECT COUNT(*) AS n FROM people", "--json"])).unwrap();
    assert_eq!((&reply["items"], &reply["transactionId"]), (&json!([{"n": 3}]), &json!(1)));
    let explained = run(&["--explain", "SELECT * FROM people WHERE _id = 'abc123'"]);
    assert!(explained.contains(r##""#operator":"idScan""##), "{explained}");

    let update = "UPDATE people SET age = age + 1 WHERE _id = 'abc123'";
    let once = ["execute", update, "--request-id", "birthday"];
    assert_eq!(done(&server.run(&once)), "1 document written, transaction 2\n");
    assert_eq!(done(&server.run(&once)), "1 document written, transaction 2\n", "under its name it is done once");
    let removed = server.run_with_input(&["execute", "-"], b"DELETE FROM people WHERE age > 45 RETURNING name\n;");
    assert_eq!(done(&removed), "{\"name\":\"Zoë\"}\n");
    assert!(removed.stderr.contains("1 document written, transaction 3"), "{removed:?}");
    let object = |api: &str, object: &str| {
        let insert = format!("INSERT INTO people DOCUMENTS ({{'_id':'{api}','o':{object}}}) ON ID CONFLICT DO UPDATE");
        run(&[&insert, "--api", api]);
    };
    for api in ["v4", "v5"] {
        object(api, "{'x':1}");
        object(api, "{'y':2}");
    }
    let shown = run(&["SELECT o FROM people USE IDS 'v4', 'v5'"]);
    assert_eq!(shown, "{\"o\":{\"y\":2}}\n{\"o\":{\"x\":1,\"y\":2}}\n");

    assert_eq!(run(&["CREATE INDEX by_age ON people (age)"]), "done\n");
    let wrong = server.run(&["execute", "SELECT *\nFORM people"]);
    assert_eq!(wrong.code(), Some(1));
    assert!(wrong.stderr.starts_with("FORM people\n^\nheadwater: "), "{wrong:?}");
    assert!(wrong.stderr.ends_with(" at line 2, column 1\n"), "{wrong:?}");
    let bare = run(&["--", "-- of everybody\nSELECT COUNT(*) AS n FROM people WHERE age < 45"]);
    assert_eq!(bare, "{\"n\":2}\n");
    let marked = server.run_with_input(&["execute", "-"], "\u{feff}SELECT MAX(age) AS age FROM people".as_bytes());
    assert_eq!(done(&marked), "{\"age\":40}\n");
    let inserted = run(&["INSERT INTO notes DOCUMENTS ({'_id':'mine'}), ({'a':1}), (:two)", "--arg", "two={\"b\":2}"]);
    let lines: Vec<&str> = inserted.lines().collect();
    assert!(lines[0].starts_with("3 documents written"), "{inserted}");
    assert!(lines.len() == 4 && lines[1] == "\"mine\"" && lines[2..].iter().all(|id| id.len() == 26), "{inserted}");
    let many = ["({})"; 12].join(", ");
    let inserted = run(&[&format!("INSERT INTO notes DOCUMENTS {many}")]);
    assert!(
        inserted.lines().count() == 12 && inserted.ends_with("\nand 2 more ids (--json shows all)\n"),
        "{inserted}"
    );
    fails(&server.run(&["execute", adults]), 1, &["Parameter min was not provided"]);
    fails(&server.run(&["execute", adults, "--args", "[1]"]), 2, &["--args takes a JSON object"]);
}

#[test]
fn a_server_with_keys_is_asked_with_the_admin_key() {
    let server = with_people();
    assert!(server.run(&["key", "create", "till"]).status.success());
    assert_eq!(server.post("/api/v4/store/count", &json!({"collection": "people"})).0, 401);
    assert_eq!(done(&server.run(&["count", "people"])), "3\n");
}

#[test]
fn what_is_exported_is_imported_as_it_was() {
    let server = TestServer::start();
    let mut input = lines(12_001);
    input.push_str("{\"_id\":{\"b\":[1],\"a\":\"ä\"},\"i\":18446744073709551615,\"f\":1.0,\"m\":{\"n\":null,\"e\":{}},\"a\":[{},[]]}\n");
    done(&server.run_with_input(&["import", "people", "--progress", "never"], input.as_bytes()));
    let exported = server.run(&["export", "people"]);
    assert_eq!(done(&exported).lines().count(), 12_002);
    assert!(exported.stderr.starts_with("headwater: 12002 documents, "), "{}", exported.stderr);

    for (format, file, copy) in [("ndjson", "p.ndjson", "copy1"), ("json-array", "p.json", "copy2")] {
        let made = server.run(&["export", "people", "--out", file, "--format", format]);
        assert!(done(&made).starts_with(&format!("exported people to {file}: 12002 documents, ")), "{made:?}");
        assert!(!server.directory().path().join(format!("{file}.part")).exists());
        done(&server.run(&["import", copy, file]));
        assert_eq!(done(&server.run(&["export", copy])), exported.stdout, "{format}");
    }
    let some = server.run(&["export", "people", "nr > $args.n && nr <= 6", "--arg", "n=3", "--format", "json-array"]);
    let some: Vec<Value> = serde_json::from_str(done(&some)).unwrap();
    assert_eq!(some.iter().map(|document| document["nr"].as_u64().unwrap()).collect::<Vec<_>>(), [4, 5, 6]);
    let to_pipe = server.run(&["export", "people", "--out", "/dev/fd/1"]);
    assert!(done(&to_pipe).starts_with(&exported.stdout), "a pipe is written to, not replaced");
    fails(&server.run(&["export", "people", "--out", "."]), 1, &["cannot write .: Is a directory"]);
    fails(&server.run(&["export", "people", "--out", "no/such.ndjson"]), 1, &["cannot write no/such.ndjson.part"]);
    assert_eq!(done(&server.run(&["export", "nothing", "--format", "json-array"])), "[\n]\n");
}

#[test]
fn documents_of_any_size_are_exported() {
    let server = TestServer::start();
    let large = "x".repeat(1_500_000);
    let input: String = (0..50).map(|nr| format!("{{\"_id\":{nr},\"large\":\"{large}\"}}\n")).collect();
    done(&server.run_with_input(&["import", "large"], input.as_bytes()));
    let exported = server.run(&["export", "large"]);
    assert_eq!(done(&exported).lines().count(), 50, "a reply may have 64 MiB, and this is more");
}

#[test]
fn collections_are_listed_and_removed() {
    let server = with_people();
    assert_eq!(done(&server.run(&["collection", "list"])), "COLLECTION  DOCUMENTS\npeople      3\n");
    assert_eq!(
        done(&server.run(&["collection", "list", "--json"])),
        "{\"collections\":[{\"name\":\"people\",\"documents\":3}]}\n"
    );
    fails(&server.run(&["collection", "drop", "people"]), 2, &["3 documents of people", "--yes"]);
    assert!(done(&server.run(&["collection", "drop", "people", "--yes"])).starts_with("removed 3 documents of people"));
    assert!(done(&server.run(&["collection", "list"])).starts_with("no collections"));
    assert!(done(&server.run(&["collection", "drop", "people", "--yes"])).starts_with("removed 0 documents"));
}

#[test]
fn a_drop_that_is_killed_is_finished_by_the_next() {
    const DOCUMENTS: usize = 20_000;
    let server = TestServer::start();
    done(&server.run_with_input(&["import", "people"], lines(DOCUMENTS).as_bytes()));
    let drop = ["collection", "drop", "people", "--yes"];
    let started = server.start_command(&drop);
    wait_until("some documents are removed", || count(&server, "people") < DOCUMENTS as u64);
    started.kill();
    let left = count(&server, "people");
    assert!(left > 0, "it was killed before its end");
    done(&server.run(&drop));
    assert_eq!(count(&server, "people"), 0);
    assert_eq!(events_after_stop(server), 2 * DOCUMENTS as u64, "each document was removed once");
}

/// How many events there are, by `headwater verify`.
pub(crate) fn events_after_stop(server: TestServer) -> u64 {
    let directory = server.directory();
    server.terminate();
    let verified = crate::support::run(directory.path(), &["verify", "--json"]);
    let report: Value = serde_json::from_str(done(&verified)).unwrap();
    report["apps"][0]["events"].as_u64().unwrap()
}
