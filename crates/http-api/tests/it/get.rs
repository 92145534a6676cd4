//! What a `GET` may ask, and what keeps browsers from asking, storing and showing it
//! (docs/reference/http-api.md, docs/reference/access.md).

use credentials::Permission::Read;

use crate::server::{Connection, TestServer, ids};

fn people() -> TestServer {
    let server = TestServer::start();
    for (id, age) in [("a", 17), ("b", 18), ("c", 40)] {
        server.upsert("people", id, &format!(r#"{{"age":{age}}}"#));
    }
    server.write(r#"{"method":"upsert","collection":"people","id":42,"value":{"age":1}}"#);
    server
}

#[test]
fn reads_by_query_string() {
    let server = people();
    let get = |target: &str| server.get(&format!("/api/v4/store/{target}"));
    let reply = get("find?collection=people&query=age+%3E=+$args.least&args=%7B%22least%22:18%7D&limit=5");
    assert_eq!(ids(&reply.body), [r#""b""#, r#""c""#]);
    let sort = "%5B%7B%22property%22:%22age%22,%22direction%22:%22desc%22%7D%5D";
    let reply = get(&format!("find?collection=people&sort={sort}&limit=2&offset=1"));
    assert_eq!(ids(&reply.body), [r#""b""#, r#""a""#]);
    assert!(get("findbyid?collection=people&id=a").body.contains(r#""fields":{"age":17}"#));
    assert!(get("findbyid?collection=people&id=42").body.contains(r#""fields":{"age":1}"#));
    assert_eq!(get("findbyid?collection=people&id=%2242%22").status, 404, "a text is no number");
    assert!(get("count?collection=people&query=age%20==%2040").body.starts_with(r#"{"count":1,"#));
    assert_eq!(ids(&get("requery?documentId=c&collectionName=people").body), [r#""c""#]);
    assert_eq!(server.get("/default/api/v5/store/count?collection=people").status, 200);
    assert_eq!(server.request("HEAD", "/api/v4/store/count?collection=people").send_head(), 200);
}

#[test]
fn reads_by_body() {
    let server = people();
    let reply = server.request("GET", "/api/v4/store/find").body(r#"{"collection":"people","limit":1}"#).send();
    assert_eq!(ids(&reply.body), [r#""a""#]);
    let both = server.request("GET", "/api/v4/store/find?limit=2").body(r#"{"collection":"people"}"#).send();
    let expected = "a GET asks in its query string or in its body, not in both";
    assert_eq!((both.status, both.message().as_str()), (400, expected));
}

#[test]
fn faults_name_the_parameter() {
    let server = people();
    for (target, message) in [
        ("find", "the field \"collection\" is missing"),
        ("find?collection=people&limit=many", "limit: cannot be read as JSON: "),
        ("find?collection=people&limit=-1", "limit: must be a whole number from 0"),
        ("find?collection=people&page=2", "unknown field \"page\"; known are collection, "),
        ("count?collection=people&collection=pets", "collection: is given more than once"),
        ("findbyid?collection=people", "the field \"id\" is missing"),
    ] {
        let reply = server.get(&format!("/api/v4/store/{target}"));
        assert_eq!(reply.status, 400, "{target}: {}", reply.body);
        assert!(reply.message().starts_with(message), "{target}: {}", reply.body);
    }
}

#[test]
fn a_get_changes_nothing() {
    let server = people();
    let newest = server.app().newest_txn();
    let write = r#"{"commands":[{"method":"remove","collection":"people","query":"true"}]}"#;
    for path in ["/api/v4/store/write", "/default/api/v1/store/write", "/admin/v1/sign-in-links"] {
        for method in ["GET", "HEAD"] {
            let mut connection = Connection::open(server.address);
            let request = server.request(method, path).key(server.credentials.admin_key()).body(write);
            connection.send(&request.to_bytes());
            let reply = connection.head();
            assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{method} {path}");
        }
    }
    assert_eq!(server.app().newest_txn(), newest);
}

#[test]
fn without_a_key_a_browser_asks_for_our_own_pages_only() {
    let server = people();
    let key = || server.credentials.admin_key();
    for (site, status) in [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("", 403)] {
        let count = || server.request("GET", "/api/v4/store/count?collection=people").header("Sec-Fetch-Site", site);
        assert_eq!(count().send().status, status, "{site}");
        assert_eq!(count().key(key()).send().status, 200, "{site}, with a key");
        let post = server.request("POST", "/api/v4/store/count").header("Sec-Fetch-Site", site);
        assert_eq!(post.body(r#"{"collection":"people"}"#).send().status, status, "{site}");
    }
}

#[test]
fn replies_are_neither_stored_nor_taken_for_something_else() {
    let server = people();
    let reader = server.key("reader", &[("default", None, &[Read])]);
    for key in [None, Some(reader)] {
        for target in ["find?collection=people", "find", "findbyid?collection=people&id=a", "nothing"] {
            let request = server.request("GET", &format!("/api/v4/store/{target}"));
            let request = match &key {
                Some(key) => request.key(key),
                None => request,
            };
            let reply = request.send();
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{target}");
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{target}");
            let policy = reply.header("cross-origin-resource-policy");
            assert_eq!(policy, key.is_none().then_some("same-origin"), "{target}");
        }
    }
}

#[test]
fn messages_do_not_repeat_query_strings() {
    let server = people();
    for (target, status) in [("/nothing?secret=1", 404), ("/api/v4/store/write?secret=1", 405)] {
        let reply = server.get(target);
        assert!(reply.status == status && !reply.body.contains("secret"), "{}", reply.body);
    }
}
