//! A browser is not a way in (docs/reference/access.md, "Browsers").

use credentials::Permission::Read;

use crate::server::TestServer;

const FIND: &str = r#"{"collection":"people"}"#;

#[test]
fn without_a_key_the_host_is_ours() {
    let server = TestServer::start();
    for (host, status) in [
        ("localhost", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:80", 200),
        ("rebound.example", 403),
        ("rebound.example:8080", 403),
        ("192.0.2.1", 403),
        ("", 403),
    ] {
        let reply = server.request("POST", "/api/v4/store/find").header("Host", host).body(FIND).send();
        assert_eq!(reply.status, status, "{host}");
    }
    let mut connection = server.connect();
    connection.send(b"POST /api/v4/store/find HTTP/1.0\r\nContent-Length: 23\r\n\r\n{\"collection\":\"people\"}");
    assert_eq!(connection.reply().status, 403, "no Host at all");
    let mut connection = server.connect();
    connection.send(
        b"POST http://rebound.example/api/v4/store/find HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(connection.reply().status, 403, "the absolute form counts");
    let advertised = TestServer::start_with(|options| options.host_names = vec!["db.example".to_owned()]);
    let reply = advertised.request("POST", "/api/v4/store/find").header("Host", "DB.example:443").body(FIND).send();
    assert_eq!(reply.status, 200);
}

#[test]
fn without_a_key_the_page_is_of_the_same_site() {
    let server = TestServer::start();
    let post = |origin: &str| server.request("POST", "/api/v4/store/find").header("Origin", origin).body(FIND).send();
    let reply = post("http://evil.example");
    assert_eq!(reply.status, 403);
    assert_eq!(reply.message(), "without a key, a page of another site (http://evil.example) may not call this server");
    assert_eq!(reply.header("access-control-allow-origin"), None);
    assert_eq!(post("null").status, 403);
    let reply = post("http://localhost:3000");
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some("*")));
}

#[test]
fn with_a_key_any_page_may_call_under_any_name() {
    let server = TestServer::start();
    let key = server.key("page", &[("default", None, &[Read])]);
    let request = || {
        let request = server.request("POST", "/api/v4/store/find");
        request.header("Origin", "https://app.example").header("Host", "db.example").body(FIND)
    };
    let reply = request().key(&key).send();
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some("*")));
    let exposed = "X-Headwater-Request-Id, ETag, Content-Range, Accept-Ranges";
    assert_eq!(reply.header("access-control-expose-headers"), Some(exposed));
    let fetched = request().key(&key).header("Sec-Fetch-Site", "cross-site").send();
    assert_eq!((fetched.status, fetched.header("cross-origin-resource-policy")), (200, None));
    let reply = request().key("wrong").send();
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (401, Some("*")), "a page can read why");
    assert_eq!(request().send().status, 401);
}

#[test]
fn preflights() {
    let server = TestServer::start();
    let preflight = |origin: &str, headers: &str| {
        let request = server.request("OPTIONS", "/api/v4/store/find").header("Origin", origin);
        let request = request.header("Access-Control-Request-Method", "POST");
        request.header("Access-Control-Request-Headers", headers).send()
    };
    let reply = preflight("https://app.example", "authorization, content-type, x-ditto-txn-id");
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    let methods: Vec<&str> = reply.header("access-control-allow-methods").unwrap().split(", ").collect();
    // PUT: parts of attachments.
    assert!(methods.contains(&"POST") && methods.contains(&"PUT"), "{methods:?}");
    let allowed = reply.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
    for header in ["authorization", "content-type", "content-range", "x-ditto-txn-id"] {
        assert!(allowed.contains(header), "{header}");
    }
    let asked = "authorization, X-Headwater-Anything, x-hydra-other, x-ditto-new, traceparent, x-foreign, cookie";
    let allowed =
        preflight("https://app.example", asked).header("access-control-allow-headers").unwrap().to_ascii_lowercase();
    let allowed: Vec<&str> = allowed.split(", ").collect();
    for header in ["x-headwater-anything", "x-hydra-other", "x-ditto-new", "traceparent", "x-headwater-request-id"] {
        assert!(allowed.contains(&header), "{header} in {allowed:?}");
    }
    assert!(!allowed.contains(&"x-foreign") && !allowed.contains(&"cookie"), "{allowed:?}");
    let reply = preflight("https://app.example", "content-type");
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (403, None));
    assert_eq!(preflight("http://localhost:3000", "content-type").status, 204);
}
