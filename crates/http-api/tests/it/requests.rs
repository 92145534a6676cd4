//! A write that is sent again under its id is done once, and one of which nobody knows whether it
//! was done says so.

use credentials::Permission;
use files::{
    Act,
    faults::{Fault, Plan, inject},
};

use crate::server::{NOW_MS, Reply, TestServer, between};

const INCREMENT: &str = r#"{"commands":[{"method":"update","collection":"c","id":"n","commands":[{"method":"increment","path":"n","value":1}]}]}"#;

fn with_counter() -> TestServer {
    let server = TestServer::start();
    server.upsert("c", "n", r#"{"n":0}"#);
    server
}

fn send(server: &TestServer, id: &str, body: &str) -> Reply {
    server.request("POST", "/api/v4/store/write").header("X-Headwater-Request-Id", id).body(body).send()
}

fn counter(server: &TestServer) -> String {
    server.fields("c", "n")
}

#[test]
fn a_repetition_is_answered_as_the_first_time_and_writes_nothing() {
    let server = with_counter();
    let first = send(&server, "order-1", INCREMENT);
    assert_eq!((first.status, first.header("x-headwater-request-id")), (200, Some("order-1")));
    let again = send(&server, "order-1", INCREMENT);
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.header("x-headwater-request-id"), Some("order-1"));
    assert_eq!(counter(&server), r#"{"n":1}"#);
    let server = server.restarted();
    assert_eq!(send(&server, "order-1", INCREMENT).body, first.body);
    assert_eq!(counter(&server), r#"{"n":1}"#);
}

#[test]
fn generated_ids_and_queries_that_match_nothing_any_more_are_answered_as_the_first_time() {
    let server = with_counter();
    let upsert = r#"{"commands":[{"method":"upsert","collection":"c","value":{"a":1}}]}"#;
    assert_eq!(send(&server, "made", upsert).body, send(&server, "made", upsert).body);
    let remove = r#"{"commands":[{"method":"remove","collection":"c","query":"a == 1"}]}"#;
    let first = send(&server, "gone", remove);
    assert!(first.body.contains(r#""deleted":1"#), "{}", first.body);
    assert_eq!(send(&server, "gone", remove).body, first.body);
}

#[test]
fn a_long_answer_is_remembered_by_what_was_done() {
    let server = with_counter();
    let upsert =
        |n: usize| format!(r#"{{"method":"upsert","collection":"c","id":"long-id-of-a-document-{n}","value":{{}}}}"#);
    let body = format!(r#"{{"commands":[{}]}}"#, (0..100).map(upsert).collect::<Vec<_>>().join(","));
    assert!(send(&server, "many", &body).body.len() > 4096);
    let again = send(&server, "many", &body).body;
    assert_eq!(again, r#"{"transactionId":2,"upserted":100,"updated":0,"deleted":0,"error":0,"repeated":true}"#);
}

#[test]
fn an_id_belongs_to_its_key_and_to_one_body() {
    let server = with_counter();
    send(&server, "a", INCREMENT);
    let other = send(&server, "a", &INCREMENT.replace(r#""value":1"#, r#""value":2"#));
    assert_eq!(other.status, 409, "{}", other.body);
    assert!(other.body.contains("was used for a request with another body"), "{}", other.body);
    let key = server.key("till", &[("default", None, &[Permission::Read, Permission::Write])]);
    let request = server.request("POST", "/api/v4/store/write").key(&key).header("X-Headwater-Request-Id", "a");
    assert_eq!(request.body(INCREMENT).send().status, 200);
    let request = server.request("POST", "/api/v4/store/findbyid").key(&key).body(r#"{"collection":"c","id":"n"}"#);
    assert!(request.send().body.contains(r#""n":2"#));
}

#[test]
fn a_key_that_is_made_anew_under_an_old_name_has_ids_of_its_own() {
    let server = with_counter();
    let grants = || {
        let permissions = vec![Permission::Read, Permission::Write];
        vec![credentials::Grant { app: "default".to_owned(), collection: None, permissions }]
    };
    for (made_ms, n) in [(NOW_MS, 1), (NOW_MS + 1, 2)] {
        let new = credentials::NewKey { name: "till".to_owned(), grants: grants(), permission: None };
        let (_, key) = server.credentials.create_key(new, made_ms).unwrap();
        let write = || server.request("POST", "/api/v4/store/write").key(&key).header("X-Headwater-Request-Id", "a");
        let first = write().body(INCREMENT).send();
        assert_eq!((first.status, write().body(INCREMENT).send().body), (200, first.body));
        let request = server.request("POST", "/api/v4/store/findbyid").key(&key).body(r#"{"collection":"c","id":"n"}"#);
        assert!(request.send().body.contains(&format!(r#""n":{n}"#)), "{n}");
        server.credentials.revoke_key("till").unwrap();
    }
}

#[test]
fn every_write_has_an_id_and_a_malformed_one_is_refused() {
    let server = with_counter();
    let reply = server.post("/api/v4/store/write", INCREMENT);
    assert_eq!(reply.header("x-headwater-request-id").map(str::len), Some(32));
    let refused = server.post("/api/v4/store/write", "{}");
    assert!(refused.status == 400 && refused.header("x-headwater-request-id").is_some());
    let reply = send(&server, "not visible", INCREMENT);
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert!(reply.body.contains("X-Headwater-Request-Id must be 1 to 64 visible characters"), "{}", reply.body);
}

#[test]
fn repetitions_at_once_are_one_write() {
    let server = with_counter();
    let bodies: Vec<String> = std::thread::scope(|scope| {
        let sends: Vec<_> = (0..8).map(|_| scope.spawn(|| send(&server, "once", INCREMENT).body)).collect();
        sends.into_iter().map(|send| send.join().unwrap()).collect()
    });
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    assert_eq!(counter(&server), r#"{"n":1}"#);
}

/// A failed sync, or documents that cannot be written: 500 and "unknown" for the write that met it,
/// 503 for later ones. Sent again under its id after a restart it is done exactly once.
#[test]
fn an_unknown_outcome_says_so_and_can_be_sent_again() {
    for act in [Act::Write, Act::Sync, Act::Engine] {
        let server = with_counter();
        let app = server.data_dir.path().join("apps/default");
        let injected = inject(&app, Plan::new(Fault::Io, 1).only(&[act]));
        let unknown = server.post("/api/v4/store/write", INCREMENT);
        assert!(injected.has_come());
        assert_eq!(unknown.status, 500, "{act:?}: {}", unknown.body);
        let id = between(&unknown.body, r#","outcome":"unknown","requestId":""#, r#""}"#).to_owned();
        assert_eq!(unknown.header("x-headwater-request-id"), Some(&*id));
        let refused = server.post("/api/v4/store/write", INCREMENT);
        assert_eq!(refused.status, 503, "{act:?}: {}", refused.body);
        drop(injected);
        let server = server.restarted();
        for _ in 0..2 {
            let again = send(&server, &id, INCREMENT);
            assert_eq!(again.status, 200, "{act:?}: {}", again.body);
        }
        assert_eq!(counter(&server), r#"{"n":1}"#, "{act:?}");
    }
}

#[test]
fn a_write_of_too_many_documents_is_refused_with_the_limit() {
    let server = TestServer::start();
    for start in (0..30_001).step_by(5_000) {
        let upsert = |n: usize| format!(r#"{{"method":"upsert","collection":"c","id":"{n}","value":{{}}}}"#);
        server.write(&(start..(start + 5_000).min(30_001)).map(upsert).collect::<Vec<_>>().join(","));
    }
    let all = r#"{"commands":[{"method":"remove","collection":"c","query":"true"}]}"#;
    let reply = server.post("/api/v4/store/write", all);
    assert_eq!(reply.status, 413, "{}", reply.body);
    assert!(reply.body.contains("more than 30000 documents"), "{}", reply.body);
    server.write(r#"{"method":"remove","collection":"c","id":"0"}"#);
    let reply = server.post("/api/v4/store/write", all);
    assert!(reply.body.contains(r#""deleted":30000"#), "{}", reply.body);
}
