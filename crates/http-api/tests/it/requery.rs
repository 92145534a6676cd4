//! `store/requery`: what a consumer asks after a `requeryRequired`.

use credentials::Permission;

use crate::server::TestServer;

fn server() -> TestServer {
    let server = TestServer::start();
    server.upsert("people", "a", r#"{"n":1}"#);
    server.upsert("pets", "a", r#"{"n":2}"#);
    server.upsert("pets", "b", "{}");
    server.write(r#"{"method":"remove","collection":"pets","id":"b"}"#);
    server
}

#[test]
fn the_pages_body() {
    let server = server();
    let txn = server.app().newest_txn().0;
    let reply = server
        .request("POST", "/api/v4/store/requery")
        .header("X-DITTO-TXN-ID", &txn.to_string())
        .body(r#"{ "documentId": "a" }"#)
        .send();
    let expected = format!(
        concat!(
            r#"{{"documents":[{{"id":"a","fields":{{"n":1}},"collection":"people"}},"#,
            r#"{{"id":"a","fields":{{"n":2}},"collection":"pets"}}],"txnId":{}}}"#
        ),
        txn
    );
    assert_eq!(reply.pair(), (200, expected.as_str()));
}

#[test]
fn one_collection_under_both_names() {
    let server = server();
    let txn = server.app().newest_txn().0;
    let expected = format!(r#"{{"documents":[{{"id":"a","fields":{{"n":2}},"collection":"pets"}}],"txnId":{txn}}}"#);
    for body in [
        r#"{"documentId":"a","collection":"pets"}"#,
        r#"{"documentId":"a","collectionName":"pets"}"#,
        r#"{"appId":"default","collectionName":"pets","documentId":"a"}"#,
    ] {
        assert_eq!(server.post("/api/v4/store/requery", body).pair(), (200, expected.as_str()), "{body}");
    }
    let reply = server.post("/api/v4/store/requery", r#"{"appId":"shop","documentId":"a"}"#);
    assert_eq!(
        (reply.status, reply.message().as_str()),
        (400, r#"the request is for app "default", but appId says "shop""#)
    );
}

#[test]
fn nothing_is_an_empty_list() {
    let server = server();
    let expected = format!(r#"{{"documents":[],"txnId":{}}}"#, server.app().newest_txn().0);
    for body in [r#"{"documentId":"b"}"#, r#"{"documentId":{"k":1}}"#, r#"{"documentId":1,"collection":"nowhere"}"#] {
        assert_eq!(server.post("/api/v4/store/requery", body).pair(), (200, expected.as_str()), "{body}");
    }
}

#[test]
fn only_collections_that_may_be_read_answer() {
    let server = server();
    let key = server.key("pets", &[("default", Some("pets"), &[Permission::Read])]);
    let ask = |body: &str| server.request("POST", "/api/v4/store/requery").key(&key).body(body).send();
    let reply = ask(r#"{"documentId":"a"}"#);
    assert!(reply.body.contains(r#""collection":"pets""#) && !reply.body.contains("people"), "{}", reply.body);
    assert_eq!(ask(r#"{"documentId":"a","collection":"people"}"#).status, 403);
}
