//! Requests that are refused before their body came.

use credentials::Permission::Read;

use crate::server::TestServer;

const BODY: &str = r#"{"commands":[{"method":"upsert","collection":"c","id":"a","value":{}}]}"#;

fn head(method: &str, path: &str, headers: &str, length: usize) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n")
}

#[test]
fn after_a_small_body_the_connection_goes_on() {
    let server = TestServer::start();
    let small = TestServer::start_with(|options| options.request_bytes_max = 60);
    let key = server.key("reader", &[("default", None, &[Read])]);
    let key = format!("Authorization: Bearer {key}\r\n");
    let no_app = format!("Authorization: Bearer {}\r\n", server.credentials.admin_key());
    for (method, path, headers, status) in [
        ("POST", "/api/v4/store/write", "", 401),
        ("POST", "/admin/v1/keys", key.as_str(), 403),
        ("POST", "/shop/api/v4/store/write", key.as_str(), 403),
        ("POST", "/shop/api/v4/store/write", no_app.as_str(), 404),
        ("POST", "/api/v4/store/nothing", "", 404),
        ("PUT", "/api/v4/store/write", "", 405),
        ("POST", "/api/v4/store/find", &format!("{key}X-DITTO-TXN-ID: x\r\n"), 400),
        ("POST", "/api/v4/store/find", &format!("{key}Content-Encoding: gzip\r\n"), 400),
        ("GET", "/health/live", "", 200),
    ] {
        check(&server, method, path, headers, status);
    }
    check(&small, "POST", "/api/v4/store/find", "", 413);
}

/// Sends the head alone, and the body once the reply is there; then the next request, on the same connection.
fn check(server: &TestServer, method: &str, path: &str, headers: &str, status: u16) {
    let mut connection = server.connect();
    for _ in 0..10 {
        connection.send(head(method, path, headers, BODY.len()).as_bytes());
        let reply = connection.reply();
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.body);
        assert_eq!(reply.header("connection"), None);
        connection.send(BODY.as_bytes());
        connection.send(&server.request("GET", "/health/live").to_bytes());
        assert_eq!(connection.reply().status, 200, "after {method} {path}");
    }
}

#[test]
fn before_a_large_body_the_connection_ends_cleanly() {
    let server = TestServer::start();
    server.key("any", &[("default", None, &[Read])]);
    for (headers, length) in [("", 300_000), ("", 100_000_000), ("Expect: 100-continue\r\n", 5)] {
        let mut connection = server.connect();
        connection.send(head("POST", "/api/v4/store/write", headers, length).as_bytes());
        let reply = connection.reply();
        assert_eq!((reply.status, reply.header("connection")), (401, Some("close")), "{headers}{length}");
        let _ = connection.try_send(&vec![b' '; length.min(1_000_000)]);
        assert!(connection.is_closed());
    }
    let mut connection = server.connect();
    connection.send(b"POST /api/v4/store/write HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n");
    let reply = connection.reply();
    assert_eq!((reply.status, reply.header("connection")), (401, Some("close")), "nobody knows how much comes");
    assert!(connection.is_closed());
}

#[test]
fn a_client_that_waits_for_100_gets_it_where_its_body_is_read() {
    let server = TestServer::start();
    let mut connection = server.connect();
    connection.send(head("POST", "/api/v4/store/write", "Expect: 100-continue\r\n", BODY.len()).as_bytes());
    assert_eq!(connection.reply().status, 100);
    connection.send(BODY.as_bytes());
    assert_eq!(connection.reply().status, 200);
}
