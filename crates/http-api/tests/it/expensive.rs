//! What would keep others waiting is refused, cut into turns, or ends when nobody waits for it
//! (docs/reference/http-api.md, "Limits").

use query::Query;

use crate::server::{Connection, TestServer, number_after};

const COUNT: &str = "/api/v4/store/count";

/// Takes a regular expression long.
pub(crate) fn letters(count: usize) -> String {
    let mut seed = 1u64;
    let next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if seed >> 63 == 0 { 'a' } else { 'c' }
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn with_big_document() -> TestServer {
    let server = TestServer::start();
    server.upsert("c", "big", &format!(r#"{{"t":"{}"}}"#, letters(100_000)));
    server.upsert("c", "small", r#"{"t":"x","n":1}"#);
    server
}

fn refused(server: &TestServer, path: &str, body: &str) -> String {
    let reply = server.post(path, body);
    assert_eq!(reply.status, 400, "{body}: {}", reply.body);
    reply.message()
}

#[test]
fn reads_that_are_too_expensive_are_refused() {
    let server = with_big_document();
    for path in ["/api/v4/store/find", COUNT] {
        for query in ["regex(t, 'a{0,500}.{200}b')", "_id == 'big' && !(regex(t, 'a{0,500}.{200}b'))"] {
            let message = refused(&server, path, &format!(r#"{{"collection":"c","query":"{query}"}}"#));
            let expected = "too expensive: the query and one document would take more than 33554432 steps";
            assert!(message.starts_with(expected) && message.contains("_id"), "{message}");
        }
    }
    let sixteen = ["regex(t, '[ac]*a[ac]{10}b')"; 16].join(" || ");
    assert!(refused(&server, COUNT, &format!(r#"{{"collection":"c","query":"{sixteen}"}}"#)).contains("too expensive"));
    let classes = r"[\\\\w]".repeat(10_000);
    let message = refused(&server, COUNT, &format!(r#"{{"collection":"c","query":"regex(t, '{classes}')"}}"#));
    assert!(message.contains("too many classes"), "{message}");
}

#[test]
fn writes_that_are_too_expensive_are_refused_and_write_nothing() {
    let server = with_big_document();
    let before = server.app().newest_txn();
    let update = |query: &str| {
        let change = r#"{"method":"set","path":"seen","value":true}"#;
        format!(r#"{{"method":"update","collection":"c","query":"{query}","commands":[{change}]}}"#)
    };
    let refused = |commands: &str| refused(&server, "/api/v4/store/write", &format!(r#"{{"commands":[{commands}]}}"#));
    let message = refused(&update("_id == 'big' && !(regex(t, 'a{0,900}.{900}b'))"));
    assert!(message.contains("too large") && message.contains("at column 28"), "{message}");
    let message = refused(&update("_id == 'big' && !(regex(t, 'a{0,500}.{200}b'))"));
    assert!(message.starts_with("too expensive") && message.contains("nothing was written"), "{message}");
    assert!(refused(&update("!regex(t, 'a{0,500}.{200}b')")).starts_with("too expensive"));
    // Each command's expressions are compiled.
    let many: Vec<_> = (0..2000).map(|n| update(&format!(r"_id == 'small' && regex(t, '\\\\w{{3}}{n}')"))).collect();
    assert!(refused(&many.join(",")).starts_with("too expensive"));
    assert_eq!(server.app().newest_txn(), before);
    let cheap = server.write(&update("_id == 'big' && !regex(t, '^b')"));
    assert!(cheap.contains(r#""updated":1"#), "{cheap}");
}

/// Of a million documents.
#[test]
fn a_plain_scan_is_far_from_too_expensive() {
    let filter = Query::parse("age >= 18").unwrap().bind(&document::Map::new()).unwrap();
    assert!(filter.steps_max().unwrap() * 1_000_000 < http_api::limits::REQUEST_STEPS_MAX / 100);
}

fn with_many_big_documents() -> TestServer {
    let server = TestServer::start();
    let text = letters(100_000);
    for tens in 0..20 {
        let commands: Vec<_> = (0..10)
            .map(|n| {
                format!(r#"{{"method":"upsert","collection":"c","id":{},"value":{{"t":"{text}"}}}}"#, tens * 10 + n)
            })
            .collect();
        server.write(&commands.join(","));
    }
    server.upsert("people", "susan", r#"{"age":31}"#);
    server
}

/// Each takes seconds; what does not come back within the patience of [`Connection`] fails the
/// test.
fn expensive_reads(server: &TestServer, count: usize) -> Vec<Connection> {
    let body = r#"{"collection":"c","query":"regex(t, '[ac]*a[ac]{30}b')"}"#;
    let open = |path: &str| {
        let mut connection = server.connect();
        connection.send(&server.request("POST", path).body(body).to_bytes());
        connection
    };
    (0..count).map(|n| open(if n % 2 == 0 { COUNT } else { "/api/v4/store/find" })).collect()
}

fn innocent_calls_are_answered(server: &TestServer) {
    for path in [COUNT, "/api/v4/store/find"] {
        for query in ["age >= 18", "_id == 'susan'"] {
            let reply = server.post(path, format!(r#"{{"collection":"people","query":"{query}"}}"#));
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
    }
    server.upsert("people", "susan", r#"{"age":32}"#);
}

#[test]
fn others_are_answered_while_expensive_reads_run() {
    let server = with_many_big_documents();
    let mut hostile = expensive_reads(&server, 8);
    innocent_calls_are_answered(&server);
    let none_is_done = hostile.iter_mut().all(|connection| {
        connection.stream.set_nonblocking(true).unwrap();
        connection.stream.peek(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    });
    assert!(none_is_done, "the reads were not expensive");
}

#[test]
fn reads_whose_clients_left_hold_nobody_up() {
    let server = with_many_big_documents();
    drop(expensive_reads(&server, http_api::limits::SCANS_ADMITTED_MAX + 6));
    innocent_calls_are_answered(&server);
}

#[test]
fn a_bare_name_selects_nothing_for_a_change() {
    let server = TestServer::start();
    for (id, status) in [("a", "open"), ("b", "done")] {
        server.upsert("tasks", id, &format!(r#"{{"status":"{status}","other":"{status}"}}"#));
    }
    let update = r#"{"method":"update","collection":"tasks","query":"status != done","commands":[{"method":"set","path":"x","value":1}]}"#;
    let remove = r#"{"method":"remove","collection":"tasks","query":"status != done"}"#;
    for command in [remove, update] {
        let message = refused(&server, "/api/v4/store/write", &format!(r#"{{"commands":[{command}]}}"#));
        assert!(message.starts_with("commands[0].query: found `done` without quotes"), "{message}");
        assert!(message.contains("forgotten quotes?") && message.ends_with("at column 11"), "{message}");
    }
    let count = |query: &str| {
        number_after(&server.post(COUNT, format!(r#"{{"collection":"tasks","query":"{query}"}}"#)).body, r#"{"count":"#)
    };
    assert_eq!((count("true"), count("status == other"), count("status != done")), (2, 2, 2));
    let removed =
        server.write(r#"{"method":"remove","collection":"tasks","query":"status == `other` && status != 'done'"}"#);
    assert!(removed.contains(r#""deleted":1"#), "{removed}");
}

#[test]
fn a_field_alone() {
    let server = TestServer::start();
    for (id, value) in [("a", r#"{"on":true}"#), ("b", r#"{"on":1}"#), ("c", "{}"), ("d", r#"{"on":null}"#)] {
        server.upsert("c", id, value);
    }
    let removed = server.write(r#"{"method":"remove","collection":"c","query":"!on"}"#);
    assert!(removed.contains(r#""deleted":3"#), "{removed}");
    let removed = server.write(r#"{"method":"remove","collection":"c","query":"on"}"#);
    assert!(removed.contains(r#""deleted":1"#), "{removed}");
}

#[test]
fn an_increment_beyond_64_bits_is_an_error() {
    let server = TestServer::start();
    server.upsert("c", "a", r#"{"n":18446744073709551615}"#);
    let increment = r#"{"method":"increment","path":"n","value":1}"#;
    let reply = server
        .write(&format!(r#"{{"method":"update","collection":"c","query":"_id == 'a'","commands":[{increment}]}}"#));
    assert!(reply.contains(r#""updated":0,"error":1"#), "{reply}");
    assert_eq!(server.fields("c", "a"), r#"{"n":18446744073709551615}"#);
}
