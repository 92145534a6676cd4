//! `POST store/execute`: statements, and the one envelope that everything is answered in.

use std::time::Duration;

use credentials::Permission::{self, Admin, Read, Write};
use files::{
    Act,
    faults::{Fault, Plan, inject},
};
use serde_json::{Value, json};

use crate::server::{Reply, TestServer};

const PATH: &str = "/api/v5/store/execute";

fn body(statement: &str, args: Value) -> String {
    json!({ "statement": statement, "args": args }).to_string()
}

fn send(server: &TestServer, statement: &str) -> Reply {
    server.post(PATH, body(statement, json!({})))
}

/// Must work.
#[track_caller]
fn run_with(server: &TestServer, statement: &str, args: Value) -> Value {
    let reply = server.post(PATH, body(statement, args));
    assert_eq!(reply.status, 200, "{statement}: {}", reply.body);
    serde_json::from_str(&reply.body).unwrap()
}

#[track_caller]
fn run(server: &TestServer, statement: &str) -> Value {
    run_with(server, statement, json!({}))
}

#[track_caller]
fn items(server: &TestServer, statement: &str) -> Value {
    run(server, statement)["items"].clone()
}

#[track_caller]
fn mutated(server: &TestServer, statement: &str) -> Value {
    run(server, statement)["mutatedDocumentIds"].clone()
}

/// What is wrong, of a reply that has nothing but that.
#[track_caller]
fn description(reply: &Reply) -> String {
    let json: Value = serde_json::from_str(&reply.body).unwrap();
    let names = ["queryType", "items", "mutatedDocumentIds", "error", "warnings", "totalWarningsCount"];
    let object = json.as_object().unwrap();
    assert!(object.len() == names.len() && names.iter().all(|name| object.contains_key(*name)), "{}", reply.body);
    assert_eq!((&json["items"], &json["mutatedDocumentIds"], &json["warnings"]), (&json!([]), &json!([]), &json!([])));
    json["error"]["description"].as_str().unwrap().to_owned()
}

#[track_caller]
fn refused(server: &TestServer, statement: &str, status: u16, told: &str) {
    let reply = send(server, statement);
    assert_eq!(reply.status, status, "{statement}: {}", reply.body);
    let description = description(&reply);
    assert!(description.contains(told), "{statement}: {description}");
}

/// Cars of four colours.
fn with_cars() -> TestServer {
    let server = TestServer::start();
    for (id, colour, price) in [("a", "red", 10), ("b", "blue", 20), ("c", "red", 30), ("d", "grey", 40)] {
        server.upsert("cars", id, &format!(r#"{{"colour":"{colour}","price":{price}}}"#));
    }
    server
}

#[test]
fn each_kind_of_reply_byte_for_byte() {
    let server = TestServer::start();
    let check = |statement: &str, expected: &str| {
        let reply = send(&server, statement);
        assert_eq!(reply.pair(), (200, expected), "{statement}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    };
    check(
        "INSERT INTO cars DOCUMENTS ({'_id':'a','colour':'red'}), ({'_id':2,'colour':'blue'})",
        r#"{"transactionId":1,"queryType":"mutation","items":[],"mutatedDocumentIds":["a",2],"error":{},"warnings":[],"totalWarningsCount":0}"#,
    );
    check(
        "SELECT * FROM cars",
        r#"{"transactionId":1,"queryType":"select","items":[{"_id":"a","colour":"red"},{"_id":2,"colour":"blue"}],"mutatedDocumentIds":[],"error":{},"warnings":[],"totalWarningsCount":0}"#,
    );
    check(
        "SELECT COUNT(*) AS n FROM cars",
        r#"{"transactionId":1,"queryType":"select","items":[{"n":2}],"mutatedDocumentIds":[],"error":{},"warnings":[],"totalWarningsCount":0}"#,
    );
    check(
        "UPDATE cars SET colour = 'green' WHERE _id = 'a'",
        r#"{"transactionId":2,"queryType":"mutation","items":[],"mutatedDocumentIds":["a"],"error":{},"warnings":[],"totalWarningsCount":0}"#,
    );
    check(
        "DELETE FROM cars WHERE colour = 'green' RETURNING *",
        r#"{"transactionId":3,"queryType":"mutation","items":[{"_id":"a","colour":"green"}],"mutatedDocumentIds":["a"],"error":{},"warnings":[],"totalWarningsCount":0}"#,
    );
    check(
        "DELETE FROM cars WHERE colour = 'green'",
        r#"{"transactionId":3,"queryType":"mutation","items":[],"mutatedDocumentIds":[],"error":{},"warnings":[],"totalWarningsCount":0}"#,
    );
    check(
        "EXPLAIN SELECT * FROM cars WHERE _id = 'a'",
        r##"{"transactionId":3,"queryType":"select","items":[{"plan":{"#operator":"sequence","children":[{"#operator":"idScan","ids":1},{"#operator":"filter"},{"#operator":"projection"}]}}],"mutatedDocumentIds":[],"error":{},"warnings":[],"totalWarningsCount":0}"##,
    );
    check(
        "CREATE INDEX by_colour ON cars (colour)",
        r#"{"transactionId":3,"queryType":"mutation","items":[],"mutatedDocumentIds":[],"error":{},"warnings":[],"totalWarningsCount":0}"#,
    );
    check(
        "SHOW statement_depth_max",
        r#"{"transactionId":3,"queryType":"select","items":[{"statement_depth_max":64}],"mutatedDocumentIds":[],"error":{},"warnings":[],"totalWarningsCount":0}"#,
    );
}

#[test]
fn failures_come_in_the_envelope_with_the_type_that_is_known() {
    let server = TestServer::start_with(|options| options.request_timeout = Duration::from_millis(50));
    server.upsert("c", "a", "{}");
    let query_type = |reply: &Reply| serde_json::from_str::<Value>(&reply.body).unwrap()["queryType"].clone();
    let syntax = send(&server, "SELECT *\nFORM c");
    assert_eq!((syntax.status, query_type(&syntax)), (400, json!("unknown")));
    assert!(description(&syntax).ends_with(" at line 2, column 1"), "{}", syntax.body);
    let missing = send(&server, "SELECT * FROM c WHERE n = :n");
    assert_eq!((missing.status, query_type(&missing)), (400, json!("select")));
    assert!(description(&missing).contains("Parameter n was not provided"), "{}", missing.body);
    let conflict = send(&server, "INSERT INTO c DOCUMENTS ({'_id':'a'})");
    assert_eq!((conflict.status, query_type(&conflict)), (400, json!("mutation")));
    assert_eq!(description(&conflict), r#"Identifier conflict on document "a": using FAIL conflict policy"#);

    let request = |path: &str| server.request("POST", path).body(body("SELECT * FROM c", json!({})));
    let late = request(PATH).header("X-DITTO-TXN-ID", "99").send();
    assert_eq!((late.status, query_type(&late)), (404, json!("select")));
    assert!(description(&late).starts_with("transaction 99 was not applied"), "{}", late.body);
    assert_eq!(request(PATH).header("X-DITTO-TXN-ID", "1").send().status, 200);
    let nowhere = request("/nowhere/api/v5/store/execute").send();
    assert_eq!(nowhere.status, 404);
    assert!(description(&nowhere).contains("nowhere"));
    let malformed = request(PATH).header("X-DITTO-TXN-ID", "x").send();
    assert_eq!((malformed.status, query_type(&malformed)), (400, json!("unknown")));
    description(&malformed);
    let got = server.get(PATH);
    assert_eq!(got.status, 405);
    assert_eq!(description(&got), "/api/v5/store/execute does not take GET");
    let key = server.key("till", &[("default", Some("other"), &[Read])]);
    let without = request(PATH).send();
    assert_eq!((without.status, without.header("www-authenticate")), (401, Some("Bearer")));
    description(&without);
    let denied = request(PATH).key(&key).send();
    assert_eq!(denied.status, 403);
    assert_eq!(description(&denied), r#"the key "till" may not read the collection "c" in app "default""#);
}

#[test]
fn bad_input_is_a_400() {
    let server = TestServer::start();
    let status = |bytes: &[u8]| {
        let reply = server.post(PATH, bytes);
        description(&reply);
        reply.status
    };
    assert_eq!(status(b""), 400);
    assert_eq!(status(b"[]"), 400);
    assert_eq!(status(br#"{"statement":1}"#), 400);
    assert_eq!(status(br#"{"statement":"SELECT * FROM c","more":1}"#), 400);
    assert_eq!(status(br#"{"statement":"SELECT * FROM c","args":[]}"#), 400);
    assert_eq!(status(b"{\"statement\":\"SELECT '\xff' FROM c\"}"), 400);
    assert_eq!(status(br#"{"statement":"SELECT '\ud800' FROM c"}"#), 400);
    let utf16: Vec<u8> = body("SELECT * FROM c", json!({})).encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(status(&utf16), 400);
    for statement in [
        String::new(),
        "\0".to_owned(),
        "SELECT * FROM c \0".to_owned(),
        "SELECT * FROM c /* never".to_owned(),
        "SELECT * FROM c WHERE a = 'never".to_owned(),
        format!("SELECT * FROM c -- {}", "x".repeat(64 * 1024)),
        format!("SELECT * FROM c WHERE {}a{}", "(".repeat(70), ")".repeat(70)),
        format!("SELECT * FROM c WHERE {}", vec!["a = 1"; 3000].join(" OR ")),
        format!("SELECT * FROM c WHERE a IN ({})", vec!["1"; 10_001].join(",")),
        "SELECT no_such_function(a) FROM c".to_owned(),
        "SELECT a, b AS a FROM c".to_owned(),
        "SELECT * FROM c LIMIT -1".to_owned(),
        "SELECT * FROM c LIMIT 'x'".to_owned(),
        "SELECT * FROM c; SELECT * FROM c".to_owned(),
        "SELECT * FROM a, b".to_owned(),
        "SELECT * FROM c WHERE COUNT(*) > 1".to_owned(),
        "SELECT * FROM system:nothing".to_owned(),
        format!("SELECT * FROM `{}`", "c".repeat(300)),
        "INSERT INTO c DOCUMENTS ({'_id':1.5})".to_owned(),
        "INSERT INTO c DOCUMENTS ({'_id':'a'}), ({'_id':'a'})".to_owned(),
        "INSERT INTO c DOCUMENTS (1)".to_owned(),
        "UPDATE c SET _id = 1".to_owned(),
        "UPDATE c SET a = 1, a = 2".to_owned(),
        "EVICT FROM c".to_owned(),
        "DROP INDEX nothing ON c".to_owned(),
        "SHOW nothing".to_owned(),
        "ALTER SYSTEM SET a = 1".to_owned(),
    ] {
        let reply = send(&server, &statement);
        assert_eq!(reply.status, 400, "{:.100}: {:.300}", statement, reply.body);
        description(&reply);
    }
    refused(
        &server,
        "INSERT INTO c DOCUMENTS ({'_id':'a'}), ({'_id':'a'})",
        400,
        "Expected unique document identifiers",
    );
    refused(&server, "SELECT * FROM system:nothing", 400, "system:indexes");
    for (args, statement) in [
        (json!({"n": {}}), "SELECT * FROM c LIMIT :n"),
        (json!({"n": -1}), "SELECT * FROM c OFFSET :n"),
        (json!({"d": 1}), "INSERT INTO c DOCUMENTS (:d)"),
        (json!({"p": "("}), "SELECT * FROM c WHERE regexp_like(a, :p)"),
    ] {
        let reply = server.post(PATH, body(statement, args));
        assert_eq!(reply.status, 400, "{statement}: {}", reply.body);
        description(&reply);
    }
    assert_eq!(server.app().newest_txn().0, 0, "nothing was written");
}

#[test]
fn selects() {
    let server = with_cars();
    assert_eq!(
        items(&server, "SELECT * FROM cars WHERE price > 15 LIMIT 1"),
        json!([{"_id": "b", "colour": "blue", "price": 20}])
    );
    assert_eq!(items(&server, "SELECT _id FROM cars"), json!([{"_id": "a"}, {"_id": "b"}, {"_id": "c"}, {"_id": "d"}]));
    let sorted = "SELECT _id, price * 2 AS twice FROM cars ORDER BY price DESC LIMIT 2 OFFSET 1";
    assert_eq!(items(&server, sorted), json!([{"_id": "c", "twice": 60}, {"_id": "b", "twice": 40}]));
    let computed = "SELECT _id FROM cars ORDER BY 0 - price LIMIT 1";
    assert_eq!(items(&server, computed), json!([{"_id": "d"}]));
    let grouped =
        "SELECT colour, COUNT(*) AS n, SUM(price) AS total FROM cars GROUP BY colour ORDER BY n DESC, colour LIMIT 2";
    assert_eq!(
        items(&server, grouped),
        json!([{"colour": "red", "n": 2, "total": 40}, {"colour": "blue", "n": 1, "total": 20}])
    );
    assert_eq!(items(&server, "SELECT DISTINCT colour FROM cars ORDER BY colour").as_array().unwrap().len(), 3);
    assert_eq!(items(&server, "SELECT COUNT(*) FROM cars WHERE colour = 'red'"), json!([{"($1)": 2}]));
    assert_eq!(items(&server, "SELECT COUNT(*) FROM cars OFFSET 1"), json!([]));
    assert_eq!(items(&server, "SELECT COUNT(*) FROM cars LIMIT 0"), json!([]));
    assert_eq!(items(&server, "SELECT MAX(price) AS m FROM cars WHERE colour = 'none'"), json!([{}]));
    assert_eq!(items(&server, "SELECT * FROM nothing"), json!([]));
    assert_eq!(items(&server, "SELECT colour FROM cars USE IDS 'b', 'zzz'"), json!([{"colour": "blue"}]));
    let by_args = run_with(
        &server,
        "SELECT _id FROM cars WHERE colour IN :c LIMIT :n",
        json!({"c": ["red"], "n": 1, "unused": 1}),
    );
    assert_eq!(by_args["items"], json!([{"_id": "a"}]));
    server.upsert("cars", "e", "{}");
    assert_eq!(items(&server, "SELECT * FROM cars USE IDS 'e'"), json!([{"_id": "e"}]), "a document without fields");
}

#[test]
fn the_time_is_told_by_the_servers_clock_and_in_zones_to_a_select_alone() {
    let server = TestServer::start();
    let told = items(&server, "SELECT clock() AS utc, clock('%d %H:%M', 'Asia/Kathmandu') AS there FROM system:dual");
    assert_eq!(told, json!([{"utc": "2023-11-14T22:13:20.000Z", "there": "15 03:58"}]));
    refused(&server, "UPDATE c SET t = clock('%H', 'Asia/Kathmandu')", 400, "zone");
    mutated(&server, "INSERT INTO c DOCUMENTS ({'_id':'a'})");
    assert_eq!(mutated(&server, "UPDATE c SET t = clock()"), json!(["a"]));
}

#[test]
fn versions_differ_in_what_an_object_is() {
    let server = TestServer::start();
    for (version, merged) in [("v4", json!({"y": 2})), ("v5", json!({"x": 1, "y": 2}))] {
        let path = format!("/api/{version}/store/execute");
        let id = format!("'{version}'");
        for statement in [
            format!("INSERT INTO c DOCUMENTS ({{'_id':{id},'o':{{'x':1}}}})"),
            format!("INSERT INTO c DOCUMENTS ({{'_id':{id},'o':{{'y':2}}}}) ON ID CONFLICT DO UPDATE"),
        ] {
            let reply = server.post(&path, body(&statement, json!({})));
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
        assert_eq!(items(&server, &format!("SELECT o FROM c WHERE _id = {id}")), json!([{ "o": merged }]), "{version}");
    }
}

#[test]
fn conflict_policies() {
    let server = TestServer::start();
    let insert = |id: &str, more: &str, policy: &str| {
        format!("INSERT INTO c DOCUMENTS ({{'_id':'{id}',{more}}}) ON ID CONFLICT {policy}")
    };
    assert_eq!(mutated(&server, &insert("a", "'n':1", "DO FAIL")), json!(["a"]));
    refused(&server, &insert("a", "'n':2", "FAIL"), 400, r#"conflict on document "a""#);
    assert_eq!(mutated(&server, &insert("a", "'n':2", "DO NOTHING")), json!([]));
    assert_eq!(server.fields("c", "a"), r#"{"n":1}"#);
    assert_eq!(mutated(&server, &insert("a", "'m':2", "DO UPDATE")), json!(["a"]));
    assert_eq!(server.fields("c", "a"), r#"{"m":2,"n":1}"#);
    assert_eq!(mutated(&server, &insert("a", "'m':3", "DO MERGE")), json!(["a"]));
    let newest = server.app().newest_txn();
    let events = server.app().snapshot().unwrap().next_offset();
    let same = run(&server, &insert("a", "'m':3", "DO UPDATE_LOCAL_DIFF"));
    assert_eq!((&same["mutatedDocumentIds"], &same["transactionId"]), (&json!([]), &json!(newest.0)));
    assert_eq!(server.app().snapshot().unwrap().next_offset(), events, "no event");
    assert_eq!(mutated(&server, &insert("a", "'m':4", "DO UPDATE_LOCAL_DIFF")), json!(["a"]));
    assert_eq!(server.app().snapshot().unwrap().next_offset(), events + 1);
    assert_eq!(
        mutated(&server, "INSERT INTO c INITIAL DOCUMENTS ({'_id':'a','m':0}), ({'_id':'i','m':0})"),
        json!(["i"])
    );
    mutated(&server, "DELETE FROM c WHERE _id = 'i'");
    assert_eq!(mutated(&server, "INSERT INTO c INITIAL DOCUMENTS ({'_id':'i','m':0})"), json!([]), "it was removed");
    assert_eq!(mutated(&server, &insert("i", "'m':1", "DO FAIL")), json!(["i"]), "what was removed is not there");
    // Some are there, some are not; in the statement's order.
    let several = "INSERT INTO c DOCUMENTS ({'_id':'z'}), ({'_id':'a'}), ({'_id':'b'}) ON ID CONFLICT DO NOTHING";
    assert_eq!(mutated(&server, several), json!(["z", "b"]));
    let before = server.app().newest_txn();
    refused(&server, "INSERT INTO c DOCUMENTS ({'_id':'new'}), ({'_id':'a'})", 400, "Identifier conflict");
    assert_eq!((server.fields("c", "new"), server.app().newest_txn()), ("none".to_owned(), before), "all or nothing");
}

#[test]
fn ids_are_generated_and_objects_of_an_array_are_documents() {
    let server = TestServer::start();
    let made = mutated(&server, "INSERT INTO c DOCUMENTS ({'n':1}), ({'n':2})");
    let ids: Vec<&str> = made.as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert!(ids.len() == 2 && ids[0] != ids[1] && ids.iter().all(|id| id.len() == 24), "{ids:?}");
    assert_eq!(server.fields("c", ids[1]), r#"{"n":2}"#);
    let many = run_with(&server, "INSERT INTO c DOCUMENTS (:d)", json!({"d": [{"_id": 7}, {"_id": {"b": 1, "a": 2}}]}));
    assert_eq!(many["mutatedDocumentIds"], json!([7, {"a": 2, "b": 1}]));
    let copied = run(&server, "INSERT INTO copy SELECT _id, n FROM c WHERE n IS NOT MISSING");
    assert_eq!(copied["mutatedDocumentIds"].as_array().unwrap().len(), 2);
    assert_eq!(items(&server, "SELECT COUNT(*) AS n FROM copy"), json!([{"n": 2}]));
}

#[test]
fn updates_and_deletes() {
    let server = with_cars();
    assert_eq!(
        mutated(&server, "UPDATE cars SET price = price + 1, seen = true WHERE colour = 'red'"),
        json!(["a", "c"])
    );
    assert_eq!(server.fields("cars", "a"), r#"{"colour":"red","price":11,"seen":true}"#);
    assert_eq!(mutated(&server, "UPDATE cars UNSET seen WHERE _id = 'a'"), json!(["a"]));
    assert_eq!(server.fields("cars", "a"), r#"{"colour":"red","price":11}"#);
    assert_eq!(mutated(&server, "UPDATE cars APPLY n INCREMENT BY 2 WHERE _id IN ('b','x','a')"), json!(["a", "b"]));
    assert_eq!(server.fields("cars", "b"), r#"{"colour":"blue","n":2,"price":20}"#);
    refused(&server, "UPDATE cars SET price = nothing WHERE _id = 'a'", 400, "price");
    let returned = run(&server, "UPDATE cars SET price = 0 WHERE colour = 'red' RETURNING _id, price, colour AS c");
    assert_eq!(returned["items"], json!([{"_id": "a", "price": 0, "c": "red"}, {"_id": "c", "price": 0, "c": "red"}]));
    assert_eq!(mutated(&server, "UPDATE cars SET last = true ORDER BY price DESC LIMIT 1"), json!(["d"]));
    assert_eq!(mutated(&server, "DELETE FROM cars ORDER BY colour LIMIT 2 OFFSET 1"), json!(["a", "d"]));
    assert_eq!(items(&server, "DELETE FROM cars USE IDS 'b' RETURNING colour"), json!([{"colour": "blue"}]));
    assert_eq!(mutated(&server, "DELETE FROM cars LIMIT 5"), json!(["c"]));
    assert_eq!(mutated(&server, "TOMBSTONE FROM cars"), json!([]));
    let inserted = "INSERT INTO cars DOCUMENTS ({'_id':'a','n':1}) ON ID CONFLICT DO UPDATE RETURNING *";
    assert_eq!(items(&server, inserted), json!([{"_id": "a", "n": 1}]));
}

#[test]
fn eight_writers_lose_no_decrement() {
    let server = TestServer::start();
    server.upsert("stock", "pens", r#"{"n":400}"#);
    std::thread::scope(|scope| {
        for statement in ["UPDATE stock SET n = n - 1 WHERE _id = 'pens'", "UPDATE stock SET n = n - 1 WHERE n > 0"] {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|_| assert_eq!(mutated(&server, statement), json!(["pens"]))));
            }
        }
    });
    assert_eq!(server.fields("stock", "pens"), r#"{"n":0}"#);
    assert_eq!(mutated(&server, "UPDATE stock SET n = n - 1 WHERE n > 0"), json!([]));
}

#[test]
fn explain_tells_what_happens() {
    let server = TestServer::start();
    let insert: Vec<String> = (0..2000).map(|n| format!("({{'_id':{n},'n':{},'m':{n}}})", n % 500)).collect();
    for part in insert.chunks(500) {
        mutated(&server, &format!("INSERT INTO c DOCUMENTS {}", part.join(",")));
    }
    mutated(&server, "CREATE INDEX by_n ON c (n)");
    let explain =
        |statement: &str| -> Value { items(&server, &format!("EXPLAIN {statement}"))[0]["plan"]["children"].clone() };
    let operators = |statement: &str| -> Vec<String> {
        let children = explain(statement);
        children.as_array().unwrap().iter().map(|child| child["#operator"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(operators("SELECT * FROM c WHERE m = 1"), ["scan", "filter", "projection"]);
    assert_eq!(operators("SELECT * FROM c WHERE _id IN (1, 2)"), ["idScan", "filter", "projection"]);
    assert_eq!(operators("SELECT * FROM c WHERE n = 1"), ["indexScan", "fetch", "filter", "projection"]);
    assert_eq!(operators("SELECT * FROM c USE INDEX '' WHERE n = 1"), ["scan", "filter", "projection"]);
    assert_eq!(operators("SELECT COUNT(*) FROM c"), ["countScan", "projection"]);
    assert_eq!(operators("SELECT COUNT(*) FROM c WHERE n = 1"), ["indexScan", "count", "projection"]);
    let union = operators("SELECT * FROM c WHERE n IN (1, 3)");
    assert_eq!(union, ["indexScan", "unionScan", "fetch", "filter", "projection"]);
    assert_eq!(operators("SELECT * FROM c ORDER BY n LIMIT 3"), ["indexScan", "fetch", "limit", "projection"]);
    let sorted = operators("SELECT * FROM c ORDER BY m LIMIT 3");
    assert_eq!(sorted, ["scan", "sort", "limit", "projection"]);
    let grouped = operators("SELECT n, COUNT(*) FROM c GROUP BY n ORDER BY n LIMIT 1");
    assert_eq!(grouped, ["scan", "group", "sort", "limit", "projection"]);
    assert_eq!(operators("SELECT DISTINCT m FROM c"), ["scan", "distinct", "projection"]);
    let ids = explain("SELECT _id FROM c WHERE n = 1");
    assert_eq!(
        (&ids[0]["#operator"], &ids[0]["index"], &ids[0]["covering"]),
        (&json!("indexScan"), &json!("by_n"), &json!(true))
    );
    assert_eq!(operators("UPDATE c SET m = 1 WHERE m = 1 LIMIT 5").last().unwrap(), "update");
    assert_eq!(operators("DELETE FROM c WHERE _id = 1 RETURNING *"), ["idScan", "filter", "delete", "projection"]);
    assert_eq!(operators("INSERT INTO c DOCUMENTS ({})"), ["insert"]);
    assert_eq!(operators("SELECT * FROM system:indexes WHERE a"), ["scan", "filter", "projection"]);
    for statement in ["SELECT _id FROM c WHERE n = 7", "SELECT _id FROM c USE INDEX '' WHERE n = 7"] {
        assert_eq!(items(&server, statement), json!([{"_id": 1007}, {"_id": 1507}, {"_id": 507}, {"_id": 7}]));
    }
    let newest = server.app().newest_txn();
    explain("DELETE FROM c");
    assert_eq!(server.app().newest_txn(), newest, "it is not run");
}

#[test]
fn indexes_are_made_and_dropped() {
    let server = with_cars();
    run(&server, "CREATE INDEX by_colour ON cars (colour, price DESC)");
    refused(&server, "CREATE INDEX by_colour ON cars (colour, price DESC)", 400, "IF NOT EXISTS");
    run(&server, "CREATE INDEX IF NOT EXISTS by_colour ON cars (other)");
    refused(&server, "CREATE INDEX other ON cars (_id)", 400, "_id");
    let shown = items(&server, "SELECT * FROM system:indexes");
    let fields = json!([{"key": ["colour"], "direction": "asc"}, {"key": ["price"], "direction": "desc"}]);
    let expected = json!({"_id": "cars.by_colour", "collection": "cars", "name": "by_colour", "fields": fields, "state": "ready", "entries": 4});
    assert_eq!(shown, json!([expected]));
    run(&server, "DROP INDEX by_colour ON cars");
    refused(&server, "DROP INDEX by_colour ON cars", 400, "IF EXISTS");
    run(&server, "DROP INDEX IF EXISTS by_colour ON cars");
    assert_eq!(items(&server, "SELECT * FROM system:indexes"), json!([]));
}

#[test]
fn system_collections() {
    let server = with_cars();
    server.upsert("people", "a", "{}");
    let collections =
        json!([{"_id": "cars", "name": "cars", "documents": 4}, {"_id": "people", "name": "people", "documents": 1}]);
    assert_eq!(items(&server, "SELECT * FROM system:collections"), collections);
    assert_eq!(items(&server, "SELECT name FROM __collections WHERE documents > 1"), json!([{"name": "cars"}]));
    assert_eq!(items(&server, "SELECT 1 + 1 AS two FROM system:dual"), json!([{"two": 2}]));
    assert_eq!(items(&server, "SELECT * FROM system:data_sync_info"), json!([]));
    let version = items(&server, "SELECT `value` FROM system:system_info WHERE `key` = 'version'");
    assert_eq!(version, json!([{"value": env!("CARGO_PKG_VERSION")}]));
    let asked = body("SELECT request_info() AS info FROM system:dual", json!({}));
    let reply = server.request("POST", PATH).header("X-Headwater-Request-Id", "mine").body(asked).send();
    let reply: Value = serde_json::from_str(&reply.body).unwrap();
    let mut info = reply["items"][0]["info"].clone();
    let start_time = info.as_object_mut().unwrap().remove("start_time").unwrap();
    assert!(start_time.as_str().is_some_and(|text| text.len() == 24 && text.ends_with('Z')), "{start_time}");
    assert_eq!(info["app_id"], "default");
    assert_eq!(info["request_id"], "mine");
    assert!(info["peer"].is_string(), "{info}");
    assert_eq!(items(&server, "SELECT tz_offset('Asia/Tokyo', 'TZN') AS m FROM system:dual"), json!([{"m": 540}]));
    let active = items(&server, "SELECT statement FROM system:active_requests");
    assert_eq!(active, json!([{"statement": "SELECT statement FROM system:active_requests"}]));
    assert_eq!(items(&server, "SELECT COUNT(*) AS n FROM system:collections"), json!([{"n": 2}]));
    for statement in [
        "INSERT INTO system:collections DOCUMENTS ({})",
        "UPDATE __collections SET a = 1",
        "DELETE FROM system:dual",
        "INSERT INTO __own DOCUMENTS ({})",
        "CREATE INDEX a ON __own (a)",
    ] {
        refused(&server, statement, 403, "is the system's and cannot be written");
    }
    let shown = items(&server, "SHOW ALL");
    assert!(shown[0].as_object().unwrap().len() > 5, "{shown}");
    let some = items(&server, "SHOW ALL LIKE 'transaction_%'");
    assert_eq!(some, json!([{"transaction_bytes_max": 64 << 20, "transaction_documents_max": 30_000}]));
}

#[test]
fn what_each_key_may_do() {
    let server = with_cars();
    let key = |name: &str, may: &[Permission]| server.key(name, &[("default", Some("cars"), may)]);
    let (reader, writer, both) = (key("reader", &[Read]), key("writer", &[Write]), key("both", &[Read, Write]));
    let admin = server.key("chief", &[("default", None, &[Read, Write, Admin])]);
    let status = |key: &str, statement: &str| {
        let reply = server.request("POST", PATH).key(key).body(body(statement, json!({}))).send();
        reply.status
    };
    for (statement, expected) in [
        ("SELECT * FROM cars", [200, 403, 200]),
        ("EXPLAIN SELECT * FROM cars", [200, 403, 200]),
        ("SELECT * FROM people", [403, 403, 403]),
        ("SELECT * FROM system:collections", [200, 200, 200]),
        ("INSERT INTO cars DOCUMENTS ({'_id':'n'}) ON ID CONFLICT DO UPDATE", [403, 200, 200]),
        ("INSERT INTO cars DOCUMENTS ({'_id':'n'}) ON ID CONFLICT DO NOTHING", [403, 200, 200]),
        ("INSERT INTO cars DOCUMENTS ({'_id':'n'}) ON ID CONFLICT DO UPDATE_LOCAL_DIFF", [403, 403, 200]),
        ("INSERT INTO cars DOCUMENTS ({'_id':'n'}) ON ID CONFLICT DO UPDATE RETURNING *", [403, 403, 200]),
        ("INSERT INTO cars SELECT * FROM people", [403, 403, 403]),
        ("UPDATE cars SET price = 1 WHERE _id = 'a'", [403, 200, 200]),
        ("UPDATE cars SET price = price WHERE _id = 'a'", [403, 403, 200]),
        ("UPDATE cars SET price = 1 WHERE colour = 'red'", [403, 403, 200]),
        ("UPDATE cars SET price = 1", [403, 403, 200]),
        ("EXPLAIN UPDATE cars SET price = 1", [403, 403, 200]),
        ("UPDATE cars SET price = 1 WHERE _id = 'a' RETURNING *", [403, 403, 200]),
        ("DELETE FROM cars WHERE _id IN ('a','b') ORDER BY price LIMIT 1", [403, 403, 200]),
        ("DELETE FROM cars WHERE _id = 'a'", [403, 200, 200]),
        ("DELETE FROM people WHERE _id = 'a'", [403, 403, 403]),
        ("CREATE INDEX by_price ON cars (price)", [403, 403, 403]),
        ("DROP INDEX by_price ON cars", [403, 403, 403]),
    ] {
        let got = [&reader, &writer, &both].map(|key| status(key, statement));
        assert_eq!(got, expected, "{statement}");
    }
    let denied = server.request("POST", PATH).key(&both).body(body("DROP INDEX by_price ON cars", json!({}))).send();
    let told = r#"the key "both" may not make or drop indexes (that takes `admin` of the app) in app "default""#;
    assert_eq!(description(&denied), told);
    assert_eq!(status(&admin, "CREATE INDEX by_price ON cars (price)"), 200);
    let seen = |key: &str, statement: &str| -> Value {
        let reply = server.request("POST", PATH).key(key).body(body(statement, json!({}))).send();
        serde_json::from_str::<Value>(&reply.body).unwrap()["items"].clone()
    };
    let write = |collection: &str| {
        let statement = format!("INSERT INTO {collection} DOCUMENTS ({{'_id':'x'}})");
        assert_eq!(status(&admin, &statement), 200);
    };
    write("people");
    assert_eq!(seen(&reader, "SELECT name FROM system:collections"), json!([{"name": "cars"}]));
    assert_eq!(seen(&writer, "SELECT name FROM system:collections"), json!([]));
    assert_eq!(seen(&reader, "SELECT name FROM system:indexes"), json!([{"name": "by_price"}]));
    assert_eq!(seen(&writer, "SELECT name FROM system:indexes"), json!([]));
}

#[test]
fn a_statement_that_is_sent_again_under_its_id_is_done_once() {
    let server = TestServer::start();
    server.upsert("c", "n", r#"{"n":0}"#);
    let send = |id: &str, statement: &str| {
        server.request("POST", PATH).header("X-Headwater-Request-Id", id).body(body(statement, json!({}))).send()
    };
    let first = send("one", "UPDATE c SET n = n + 1 RETURNING n");
    assert_eq!((first.status, first.header("x-headwater-request-id")), (200, Some("one")));
    assert!(first.body.contains(r#""items":[{"n":1}]"#), "{}", first.body);
    assert_eq!(send("one", "UPDATE c SET n = n + 1 RETURNING n"), first);
    assert_eq!(server.fields("c", "n"), r#"{"n":1}"#);
    let other = send("one", "UPDATE c SET n = n + 2");
    assert_eq!(other.status, 409);
    assert!(description(&other).contains("another body"));
    let made = send("made", "INSERT INTO c DOCUMENTS ({})");
    assert_eq!(send("made", "INSERT INTO c DOCUMENTS ({})").body, made.body);
    let gone = send("gone", "DELETE FROM c WHERE n = 1");
    assert_eq!(send("gone", "DELETE FROM c WHERE n = 1").body, gone.body);
    let documents: Vec<Value> = (0..500).map(|n| json!({"_id": format!("a-long-id-{n}")})).collect();
    let many = || {
        let body = body("INSERT INTO c DOCUMENTS (:d)", json!({"d": documents}));
        server.request("POST", PATH).header("X-Headwater-Request-Id", "many").body(body).send()
    };
    let first: Value = serde_json::from_str(&many().body).unwrap();
    let again: Value = serde_json::from_str(&many().body).unwrap();
    assert_eq!((&first["transactionId"], &again["mutatedDocumentIds"]), (&again["transactionId"], &json!([])));
    let warning = again["warnings"][0]["description"].as_str().unwrap();
    assert!(warning.starts_with("repeated: ") && warning.contains("500 documents"), "{warning}");
    assert_eq!(again["totalWarningsCount"], 1);
    assert_eq!((&again["repeated"], &again["mutatedDocuments"]), (&json!(true), &json!(500)));
    let at_v4 = server.request("POST", "/api/v4/store/execute").header("X-Headwater-Request-Id", "one");
    let at_v4 = at_v4.body(body("UPDATE c SET n = n + 1 RETURNING n", json!({}))).send();
    assert_eq!(at_v4.status, 409, "at another version it means something else: {}", at_v4.body);
    let index = "CREATE INDEX by_n ON c (n DESC)";
    assert_eq!(send("index", index).status, 200);
    assert_eq!((send("index", index).status, send("index-2", "CREATE INDEX by_n ON c (n)").status), (200, 400));
    let bad = send("not visible", "SELECT * FROM c");
    assert_eq!(bad.status, 400);
    description(&bad);
}

#[test]
fn an_unknown_outcome_says_so_in_the_envelope() {
    let server = TestServer::start();
    server.upsert("c", "n", r#"{"n":0}"#);
    let app = server.data_dir.path().join("apps/default");
    let injected = inject(&app, Plan::new(Fault::Io, 1).only(&[Act::Sync]));
    let unknown = send(&server, "UPDATE c SET n = n + 1");
    assert!(injected.has_come());
    assert_eq!(unknown.status, 500, "{}", unknown.body);
    let json: Value = serde_json::from_str(&unknown.body).unwrap();
    assert_eq!((&json["queryType"], &json["error"]["outcome"]), (&json!("mutation"), &json!("unknown")));
    let id = json["error"]["requestId"].as_str().unwrap().to_owned();
    assert_eq!(unknown.header("x-headwater-request-id"), Some(&*id));
    let stopped = send(&server, "UPDATE c SET n = n + 1");
    assert_eq!((stopped.status, stopped.header("retry-after")), (503, Some("1")));
    description(&stopped);
    drop(injected);
    let server = server.restarted();
    for _ in 0..2 {
        let request = server.request("POST", PATH).header("X-Headwater-Request-Id", &id);
        assert_eq!(request.body(body("UPDATE c SET n = n + 1", json!({}))).send().status, 200);
    }
    assert_eq!(server.fields("c", "n"), r#"{"n":1}"#);
}

#[test]
fn a_literal_may_be_as_large_as_a_document() {
    let server = TestServer::start();
    let args = json!({"a": "a".repeat(900_000), "b": "b".repeat(900_000)});
    run_with(&server, "INSERT INTO c DOCUMENTS ({'_id': 'large', 'a': :a, 'b': {'c': :b}})", args);
    assert_eq!(items(&server, "SELECT byte_length(b.c) AS bytes FROM c"), json!([{"bytes": 900_000}]));
    let wide = (0..200).map(|n| format!("repeat('x', 1000000) c{n}")).collect::<Vec<_>>().join(", ");
    refused(&server, &format!("SELECT {wide} FROM c"), 400, "a row would take more than 16 MiB");
    let returned = run(&server, &format!("UPDATE c SET n = 1 RETURNING {wide}"));
    assert_eq!((&returned["items"], &returned["totalWarningsCount"]), (&json!([]), &json!(1)));
}

#[test]
fn too_much_is_refused_and_says_how_to_go_on() {
    let server = TestServer::start();
    let documents = |from: usize, count: usize| -> Vec<Value> {
        (from..from + count).map(|n| json!({"_id": n, "t": "x".repeat(20)})).collect()
    };
    for from in (0..30_001).step_by(10_000) {
        let count = 10_000.min(30_001 - from);
        run_with(&server, "INSERT INTO c DOCUMENTS (:d)", json!({"d": documents(from, count)}));
    }
    refused(&server, "DELETE FROM c", 413, "LIMIT");
    refused(&server, "UPDATE c SET t = 'y' WHERE t != 'y'", 413, "30000 documents");
    let done = run(&server, "DELETE FROM c LIMIT 30000");
    assert_eq!(done["mutatedDocumentIds"].as_array().unwrap().len(), 30_000);
    assert_eq!(mutated(&server, "DELETE FROM c LIMIT 30000"), json!([9999]));

    for id in 0..7 {
        let large = json!({"d": {"_id": format!("l{id}"), "t": "x".repeat(1_000_000)}});
        run_with(&server, "INSERT INTO large DOCUMENTS (:d)", large);
    }
    let many = (0..10).map(|n| format!("t AS t{n}")).collect::<Vec<_>>().join(",");
    refused(&server, &format!("SELECT {many} FROM large"), 400, "add LIMIT");
    let unique = "SELECT DISTINCT concat(substr(t, 9), _id) AS u FROM large";
    assert_eq!(items(&server, unique).as_array().unwrap().len(), 7);
}

#[test]
fn an_index_and_a_scan_answer_alike() {
    let server = TestServer::start();
    let values = ["1", "1.0", "2.5", "-3", "'x'", "'y'", "''", "true", "false", "null", "[1,'x']", "{'k':1}"];
    let documents = (0..300).map(|n: usize| {
        let n_field = if n % 13 == 12 { String::new() } else { format!(",'n':{}", values[n % 12]) };
        format!("({{'_id':{n},'m':{}{n_field},'o':{{'p':{}}}}})", n % 7, values[(n * 5) % 12])
    });
    let documents: Vec<String> = documents.collect();
    mutated(&server, &format!("INSERT INTO c DOCUMENTS {}", documents.join(",")));
    for index in ["n ON c (n)", "down ON c (n DESC, m)", "m ON c (m, n)", "p ON c (o.p)"] {
        run(&server, &format!("CREATE INDEX {index}"));
    }
    for rest in [
        "WHERE n = 1",
        "WHERE n = null",
        "WHERE n IS NULL",
        "WHERE n IS MISSING",
        "WHERE n > 1 ORDER BY n, m",
        "WHERE n >= 'x' ORDER BY n DESC, m LIMIT 20 OFFSET 3",
        "WHERE n BETWEEN -3 AND 1",
        "WHERE n IN (1, 'x', true, null)",
        "WHERE n != 1 AND m = 3",
        "WHERE NOT n = 1",
        "WHERE m = 2 AND n < 2.5",
        "WHERE m = 2 OR n = 'y'",
        "WHERE o.p = 'x' ORDER BY m DESC LIMIT 5",
        "WHERE n LIKE 'x%'",
        "ORDER BY n LIMIT 40",
        "ORDER BY n DESC, m LIMIT 40 OFFSET 250",
        "ORDER BY o.p, n DESC",
        "WHERE n = [1,'x']",
        "WHERE o = {'p':1}",
    ] {
        for projection in ["*", "_id", "n, m", "COUNT(*)", "DISTINCT m", "_id, o.p AS p"] {
            if ["DISTINCT m", "COUNT(*)"].contains(&projection) && rest.contains("ORDER") {
                continue;
            }
            let by_any = items(&server, &format!("SELECT {projection} FROM c {rest}"));
            let by_scan = items(&server, &format!("SELECT {projection} FROM c USE INDEX '' {rest}"));
            assert_eq!(by_any, by_scan, "SELECT {projection} FROM c {rest}");
        }
    }
}
