//! Who may call what.

use credentials::Permission::{Admin, Read, Write};

use crate::server::TestServer;

const FIND: &str = r#"{"collection":"people"}"#;
const UPSERT: &str = r#"{"commands":[{"method":"upsert","collection":"people","id":"a","value":{"n":1}}]}"#;
const UPDATE_BY_ID: &str = r#"{"commands":[{"method":"update","collection":"people","query":"_id == 'a'","commands":[{"method":"set","path":"n","value":2}]}]}"#;
const UPDATE_BY_FIELD: &str = r#"{"commands":[{"method":"update","collection":"people","query":"n == 1","commands":[{"method":"set","path":"n","value":2}]}]}"#;

#[test]
fn a_loopback_server_without_keys_is_open() {
    let server = TestServer::start();
    assert!(server.api.is_open(server.address));
    assert!(!server.api.is_open("192.0.2.1:80".parse().unwrap()));
    assert_eq!(server.post("/api/v4/store/write", UPSERT).status, 200);
}

#[test]
fn once_a_key_exists_every_request_needs_one() {
    let server = TestServer::start();
    let key = server.key("all", &[("*", None, &[Read, Write])]);
    assert!(!server.api.is_open(server.address));
    let reply = server.post("/api/v4/store/write", UPSERT);
    assert_eq!(reply.status, 401);
    assert_eq!(reply.message(), "this server needs a key: send it as \"Authorization: Bearer <key>\"");
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    for authorization in [format!("Bearer {key}"), format!("bearer {key}"), key.clone()] {
        let request = server.request("POST", "/api/v4/store/write").header("Authorization", &authorization);
        assert_eq!(request.body(UPSERT).send().status, 200, "{authorization}");
    }
    server.key("other", &[("*", None, &[Read])]);
    server.credentials.revoke_key("all").unwrap();
    let request = server.request("POST", "/api/v4/store/write").key(&key).body(UPSERT);
    let reply = request.send();
    assert_eq!(
        (reply.status, reply.message().as_str()),
        (401, "the key in Authorization is not known; it may have been revoked")
    );
}

#[test]
fn a_wrong_key_is_refused_even_where_none_is_needed() {
    let server = TestServer::start();
    let reply = server.request("POST", "/api/v4/store/find").key("guess").body(FIND).send();
    assert_eq!(reply.status, 401);
    let expected = "no key exists on this server: send none in Authorization, or make one with `headwater key create`";
    assert_eq!(reply.message(), expected);
    let request = server.request("POST", "/api/v4/store/find").header("X-DITTO-CLIENT-ID", "whatever");
    assert_eq!(request.body(FIND).send().status, 200, "the client id is ignored");
}

#[test]
fn what_each_key_may_do() {
    let server = TestServer::start();
    server.data_dir.create_app(&store::AppName::new("shop").unwrap()).unwrap();
    let admin_key = server.credentials.admin_key().to_owned();
    let reader = server.key("reader", &[("default", None, &[Read])]);
    let writer = server.key("writer", &[("default", None, &[Write])]);
    let people = server.key("people", &[("default", Some("people"), &[Read, Write])]);
    let pets = server.key("pets", &[("default", Some("pets"), &[Read, Write])]);
    let shop = server.key("shop", &[("shop", None, &[Admin])]);
    let all = server.key("all", &[("*", None, &[Admin])]);
    let find = ("/api/v4/store/find", FIND);
    let count = ("/api/v4/store/count", FIND);
    let upsert = ("/api/v4/store/write", UPSERT);
    let by_id = ("/api/v4/store/write", UPDATE_BY_ID);
    let by_field = ("/api/v4/store/write", UPDATE_BY_FIELD);
    let in_shop = ("/shop/api/v4/store/find", FIND);
    let in_none = ("/none/api/v4/store/find", FIND);
    let calls = [find, count, upsert, by_id, by_field, in_shop, in_none];
    for (name, key, expected) in [
        ("admin", &admin_key, [200, 200, 200, 200, 200, 200, 404]),
        ("all", &all, [200, 200, 200, 200, 200, 200, 404]),
        ("reader", &reader, [200, 200, 403, 403, 403, 403, 403]),
        ("writer", &writer, [403, 403, 200, 200, 403, 403, 403]),
        ("people", &people, [200, 200, 200, 200, 200, 403, 403]),
        ("pets", &pets, [403, 403, 403, 403, 403, 403, 403]),
        ("shop", &shop, [403, 403, 403, 403, 403, 200, 403]),
    ] {
        let statuses = calls.map(|(path, body)| server.request("POST", path).key(key).body(body).send().status);
        assert_eq!(statuses, expected, "{name}");
    }
    let reply = server.request("POST", "/api/v4/store/find").key(&pets).body(FIND).send();
    assert_eq!(reply.message(), r#"the key "pets" may not read the collection "people" in app "default""#);
}

#[test]
fn one_forbidden_command_refuses_the_batch() {
    let server = TestServer::start();
    let people = server.key("people", &[("default", Some("people"), &[Read, Write])]);
    let body = r#"{"commands":[{"method":"upsert","collection":"people","id":"a","value":{}},
                               {"method":"upsert","collection":"pets","id":"a","value":{}}]}"#;
    assert_eq!(server.request("POST", "/api/v4/store/write").key(&people).body(body).send().status, 403);
    assert_eq!(server.app().newest_txn().0, 0);
}

#[test]
fn administration_needs_the_admin_key_on_loopback_too() {
    let server = TestServer::start();
    let calls = [
        ("GET", "/admin/v1/apps"),
        ("POST", "/admin/v1/apps"),
        ("GET", "/admin/v1/keys"),
        ("POST", "/admin/v1/keys"),
        ("DELETE", "/admin/v1/keys/x"),
        ("GET", "/admin/v1/apps/default/credentials"),
        ("POST", "/admin/v1/apps/default/credentials"),
        ("DELETE", "/admin/v1/apps/default/credentials/x"),
    ];
    for (method, path) in calls {
        assert_eq!(server.request(method, path).send().status, 401, "{method} {path}");
        assert_eq!(server.request(method, path).key("guess").send().status, 401, "{method} {path}");
    }
    let all = server.key("all", &[("*", None, &[Admin])]);
    for (method, path) in calls.into_iter().filter(|(_, path)| !path.starts_with("/admin/v1/apps/")) {
        let reply = server.request(method, path).key(&all).send();
        assert_eq!((reply.status, reply.message().as_str()), (403, "this needs the admin key"), "{method} {path}");
    }
}

#[test]
fn a_key_with_admin_on_an_app_administers_that_app() {
    let server = TestServer::start();
    let shop = server.key("shop", &[("default", None, &[Admin])]);
    let reader = server.key("reader", &[("default", None, &[Read, Write])]);
    let part = server.key("part", &[("default", Some("people"), &[Admin])]);
    let status = |key: &str, path: &str| server.request("GET", path).key(key).send().status;
    for path in ["/admin/v1/apps/default/credentials", "/admin/v1/apps/default/live-queries"] {
        assert_eq!([&shop, &reader, &part].map(|key| status(key, path)), [200, 403, 403], "{path}");
    }
    assert_eq!(status(&shop, "/admin/v1/apps/other/credentials"), 403);
}

#[test]
fn what_an_address_that_is_not_loopback_needs() {
    let server = TestServer::start_with(|options| options.insecure_open = true);
    assert!(server.api.is_open("192.0.2.1:80".parse().unwrap()));
    server.key("any", &[("*", None, &[Read])]);
    assert!(!server.api.is_open("192.0.2.1:80".parse().unwrap()), "a key closes what was open");
}

#[test]
fn health_and_the_description_are_public() {
    let server = TestServer::start();
    server.key("any", &[("default", None, &[Read])]);
    for path in ["/health/live", "/health/ready", "/openapi.json"] {
        assert_eq!(server.request("GET", path).header("Host", "10.0.0.1:8080").send().status, 200, "{path}");
    }
    assert_eq!(server.get("/metrics").status, 401);
}

#[test]
fn who_wrote_is_in_the_event() {
    let server = TestServer::start();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    server.upsert("people", "a", "{}");
    let key = server.key("billing", &[("*", None, &[Write])]);
    let request = server.request("POST", "/api/v4/store/write").key(&key).header("traceparent", trace);
    assert_eq!(request.body(UPSERT).send().status, 200);
    let app = server.app();
    let batches = server.runtime.block_on(app.events().read(0, 1 << 20)).unwrap();
    let bytes: Vec<u8> = batches.concat();
    let contains = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains("http") && contains("billing") && contains(trace));
}
