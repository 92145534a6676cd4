//! `/admin/v1/apps/{app}/indexes`: made, shown, dropped.

use serde_json::{Value, json};

use crate::server::{Reply, TestServer};

const ALL: &str = "/admin/v1/apps/default/indexes";

fn admin(server: &TestServer, method: &str, path: &str, body: &str) -> Reply {
    server.request(method, path).key(server.credentials.admin_key()).body(body).send()
}

fn json(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap()
}

#[test]
fn an_index_is_made_shown_and_dropped() {
    let server = TestServer::start();
    server.upsert("people", "a", r#"{"age":31}"#);
    let body =
        r#"{"name":"by-age","collection":"people","keys":["age",{"property":"address.city","direction":"desc"}]}"#;
    let made = admin(&server, "POST", ALL, body);
    let expected = r#"{"name":"by-age","collection":"people","keys":[{"property":"age","direction":"asc"},{"property":"address.city","direction":"desc"}],"state":"ready","entries":1,"documents":1}"#;
    assert_eq!((made.status, made.body.as_str()), (201, expected));
    assert_eq!(admin(&server, "POST", ALL, body).pair(), (201, expected), "the same again");
    assert_eq!(admin(&server, "GET", &format!("{ALL}/people/by-age"), "").pair(), (200, expected));
    assert_eq!(json(&admin(&server, "GET", ALL, ""))["indexes"].as_array().unwrap().len(), 1);

    let metrics = server.request("GET", "/metrics").key(server.credentials.admin_key()).send().body;
    for line in ["headwater_indexes_ready{app=\"default\"} 1", "headwater_index_entries{app=\"default\"} 1"] {
        assert!(metrics.contains(line), "{metrics}");
    }

    let other = admin(&server, "POST", ALL, r#"{"name":"by-age","collection":"people","keys":["name"]}"#);
    assert_eq!(other.status, 409);
    assert!(other.message().contains("by-age on people (age, address.city desc)"), "{}", other.body);

    let dropped = admin(&server, "DELETE", &format!("{ALL}/people/by-age"), "");
    assert_eq!(dropped.pair(), (200, r#"{"dropped":"by-age","collection":"people"}"#));
    assert_eq!(admin(&server, "DELETE", &format!("{ALL}/people/by-age"), "").status, 404);
    assert_eq!(json(&admin(&server, "GET", ALL, ""))["indexes"], json!([]));
}

#[test]
fn what_can_be_no_index_is_refused() {
    let server = TestServer::start();
    for (body, told) in [
        (r#"{"name":"a b","collection":"c","keys":["x"]}"#, "name"),
        (r#"{"name":"a","collection":"c","keys":[]}"#, "1 to 8 keys"),
        (r#"{"name":"a","collection":"c","keys":["_id"]}"#, "_id"),
        (r#"{"name":"a","collection":"c","keys":["x[0]"]}"#, "array"),
        (r#"{"name":"a","collection":"c","keys":["x","x"]}"#, "twice"),
        (r#"{"name":"a","collection":"__c","keys":["x"]}"#, "system"),
        (r#"{"name":"a","keys":["x"]}"#, "collection"),
        (r#"{"name":"a","collection":"c","keys":["x"],"unique":true}"#, "unique"),
    ] {
        let refused = admin(&server, "POST", ALL, body);
        assert_eq!(refused.status, 400, "{body}");
        assert!(refused.message().contains(told), "{}", refused.body);
    }
    assert_eq!(admin(&server, "GET", &format!("{ALL}/people/none"), "").status, 404);
    assert_eq!(server.request("GET", ALL).send().status, 401);
}

#[test]
fn indexes_are_there_after_a_restart() {
    let server = TestServer::start();
    server.upsert("people", "a", r#"{"age":31}"#);
    admin(&server, "POST", ALL, r#"{"name":"by-age","collection":"people","keys":["age"]}"#);
    let server = server.restarted();
    server.upsert("people", "b", r#"{"age":32}"#);
    let shown = json(&admin(&server, "GET", &format!("{ALL}/people/by-age"), ""));
    assert_eq!((&shown["state"], &shown["entries"]), (&json!("ready"), &json!(2)));
}
