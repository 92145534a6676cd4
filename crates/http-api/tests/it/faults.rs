//! Bad input: each a 4xx whose message says what and where.

use std::time::Duration;

use crate::server::TestServer;

#[test]
fn malformed_input() {
    let server = TestServer::start();
    let deep = format!("{{\"commands\":{}{}}}", "[".repeat(90_000), "]".repeat(90_000));
    let write = "/api/v4/store/write";
    let find = "/api/v4/store/find";
    let cases: &[(&str, &[u8], u16, &str)] = &[
        (write, b"", 400, "the body cannot be read as JSON: EOF while parsing a value at line 1 column 0"),
        (write, b"{", 400, "the body cannot be read as JSON: EOF while parsing an object at line 1 column 1"),
        (write, b"\xff\xfe", 400, "the body cannot be read as JSON: expected value at line 1 column 1"),
        (
            write,
            b"{\"commands\":[{\"method\":\"\xff\"}]}",
            400,
            "commands[0].method: cannot be read as JSON: invalid unicode code point",
        ),
        (write, br#"{"commands":[{"method":"\ud800"}]}"#, 400, "commands[0].method: cannot be read as JSON: "),
        (
            write,
            br#"{"commands":[{"id":99999999999999999999}]}"#,
            400,
            "commands[0].id: cannot be read as JSON: an integer beyond 64 bits at line 1 column 20",
        ),
        (write, deep.as_bytes(), 400, "commands[0][0]"),
        (write, br#"{"commands":[{"method":"drop"}]}"#, 400, "commands[0].method: unknown method \"drop\""),
        (write, br#"{"commands":[{"method":"remove","collection":"__x","id":"a"}]}"#, 403, "commands[0].collection: "),
        (write, br#"{"commands":[{"method":"remove","collection":"c","query":""}]}"#, 400, "commands[0].query: "),
        (find, br#"{"collection":"c","query":""}"#, 400, "query: "),
        (find, br#"{"collection":"c","query":"age >"}"#, 400, "query: "),
        (find, br#"{"collection":"c","query":"a == $args.x"}"#, 400, "args: "),
        (find, br#"{"collection":"c","limit":-1}"#, 400, "limit: must be a whole number from 0"),
        (find, br#"{"collection":"c","sort":[{"property":"a..b"}]}"#, 400, "sort[0].property: "),
        ("/api/v4/store/nothing", b"{}", 404, "there is nothing at /api/v4/store/nothing"),
        ("/", b"{}", 404, "there is nothing at /"),
        ("/api/v4/attachments/upload", b"", 400, "an attachment is uploaded as multipart/form-data with a boundary"),
        ("/nobody/api/v4/store/find", br#"{"collection":"c"}"#, 404, "there is no app \"nobody\""),
        (
            "/%ff/api/v4/store/find",
            br#"{"collection":"c"}"#,
            404,
            "there is nothing at /%ff/api/v4/store/find: the path is not UTF-8",
        ),
        ("/No%20body/api/v4/store/find", br#"{"collection":"c"}"#, 404, "there is no app \"No body\""),
    ];
    for (path, body, status, message) in cases {
        let reply = server.post(path, body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
        assert_eq!(reply.status, *status, "{path} {shown}: {}", reply.body);
        assert!(reply.message().starts_with(message), "{path} {shown}: {}", reply.body);
    }
    assert_eq!(server.app().newest_txn().0, 0, "nothing was written");
}

#[test]
fn a_query_error_shows_its_position() {
    let server = TestServer::start();
    let reply = server.post("/api/v4/store/find", r#"{"collection":"c","query":"naïve =="}"#);
    assert_eq!(reply.status, 400);
    assert!(reply.message().contains("at column 9"), "{}", reply.body);
}

#[test]
fn wrong_methods() {
    let server = TestServer::start();
    for (method, path, allow) in [
        ("GET", "/api/v4/store/write", "POST"),
        ("PUT", "/default/api/v4/store/find", "GET,HEAD,POST"),
        ("DELETE", "/admin/v1/keys", "GET,HEAD,POST"),
        ("POST", "/health/live", "GET,HEAD"),
        ("OPTIONS", "/api/v4/store/write", "POST"),
    ] {
        let reply = server.request(method, path).send();
        assert_eq!(reply.status, 405, "{method} {path}");
        assert_eq!(reply.message(), format!("{path} does not take {method}"));
        let mut allowed: Vec<_> = reply.header("allow").unwrap_or_default().split(',').map(str::trim).collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), allow, "{method} {path}");
    }
}

#[test]
fn bodies_that_are_announced_too_long_are_refused_unread() {
    let server = TestServer::start();
    let mut connection = server.connect();
    let length = 100 * 1024 * 1024;
    connection.send(
        format!("POST /api/v4/store/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n").as_bytes(),
    );
    let reply = connection.reply();
    assert_eq!((reply.status, reply.message().as_str()), (413, "the body is longer than 2097152 bytes"));
    assert!(connection.is_closed());
}

#[test]
fn bodies_that_turn_out_too_long_are_refused() {
    let server = TestServer::start_with(|options| options.request_bytes_max = 1000);
    let chunked = |bytes: usize| {
        let mut connection = server.connect();
        let body = format!(r#"{{"collection":"c","query":"true || a == '{}'"}}"#, "x".repeat(bytes));
        let (first, second) = body.as_bytes().split_at(body.len() / 2);
        connection.send(b"POST /api/v4/store/find HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
        for part in [first, second] {
            connection.send(format!("{:x}\r\n", part.len()).as_bytes());
            connection.send(part);
            connection.send(b"\r\n");
        }
        connection.send(b"0\r\n\r\n");
        connection.reply()
    };
    assert_eq!(chunked(100).status, 200);
    assert_eq!(chunked(1000).status, 413);
    assert_eq!(server.post("/api/v4/store/find", "x".repeat(1001)).status, 413);
}

#[test]
fn a_client_that_sends_all_of_a_hundred_megabytes_still_reads_its_413() {
    let server = TestServer::start();
    let mut connection = server.connect();
    let length = 6 * 1024 * 1024;
    connection.send(
        format!("POST /api/v4/store/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n").as_bytes(),
    );
    connection.send(&vec![b' '; length]);
    assert_eq!(connection.reply().status, 413);
}

#[test]
fn a_body_that_does_not_come_is_a_408() {
    let server = TestServer::start_with(|options| options.body_timeout = Duration::from_millis(100));
    let mut connection = server.connect();
    connection.send(b"POST /api/v4/store/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{");
    let reply = connection.reply();
    assert_eq!((reply.status, reply.message().as_str()), (408, "the body did not arrive within 0.1 s"));
    assert!(connection.is_closed());
}

#[test]
fn encoded_bodies_are_refused() {
    let server = TestServer::start();
    let reply = server.request("POST", "/api/v4/store/find").header("Content-Encoding", "gzip").body("x").send();
    let expected = r#"Content-Encoding "gzip" is not supported: send the body as it is"#;
    assert_eq!((reply.status, reply.message().as_str()), (400, expected));
}

#[test]
fn a_query_that_takes_too_long_is_given_up() {
    let server = TestServer::start_with(|options| options.scan_timeout = Duration::from_millis(1));
    // So many that the timer rings before they are looked at, on a busy machine too.
    for page in 0..10 {
        let upsert =
            |n| format!(r#"{{"method":"upsert","collection":"c","id":{n},"value":{{"text":"{}"}}}}"#, "ab".repeat(300));
        let commands: Vec<_> = (page * 2000..(page + 1) * 2000).map(upsert).collect();
        server.write(&commands.join(","));
    }
    let body = r#"{"collection":"c","query":"regex(text, '(a|b|ab){0,200}c')"}"#;
    let reply = server.post("/api/v4/store/count", body);
    assert_eq!((reply.status, reply.message().as_str()), (408, "the query was not answered within 0.001 s"));
}

#[test]
fn nothing_a_client_sends_stops_the_server() {
    let server = TestServer::start();
    let mut seed = 1u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    let good = br#"{"commands":[{"method":"update","collection":"c","query":"a == $args.x","args":{"x":[1,null]},"commands":[{"method":"set","path":"a['b'][0]","value":{"k":1.5e3}}]}]}"#;
    let mut connection = server.connect();
    for _ in 0..2000 {
        let mut body = good.to_vec();
        for _ in 0..=random() % 4 {
            let at = random() as usize % body.len();
            match random() % 3 {
                0 => body[at] = random() as u8,
                1 => drop(body.remove(at)),
                _ => body.insert(at, b"{}[]\":,.0-e\\u"[random() as usize % 13]),
            }
        }
        let path = ["write", "find", "count", "findbyid", "requery"][random() as usize % 5];
        connection.send(&server.request("POST", &format!("/api/v4/store/{path}")).body(body).to_bytes());
        let reply = connection.reply();
        assert!([200, 400, 403].contains(&reply.status), "{}", reply.body);
    }
    assert_eq!(server.get("/health/ready").status, 200);
}
