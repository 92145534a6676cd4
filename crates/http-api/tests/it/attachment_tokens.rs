//! Tokens in documents: every way to write one, how it is shown, and how long its file stays.

use std::sync::Arc;

use credentials::{Grant, NewKey, Permission};

use crate::{
    attachments::{HELLO, upload},
    server::{NOW_MS, TestServer},
};

const ABSENT: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

fn token(id: &str, len: u64) -> String {
    format!(r#"{{"id":"{id}","len":{len},"metadata":{{"name":"a.txt"}}}}"#)
}

fn upsert(id: &str, token: &str) -> String {
    format!(
        r#"{{"method":"upsert","collection":"people","id":"{id}","value":{{"o":{{"photo":{token}}}}},"valueTypeOverrides":{{"o.photo":"attachment"}}}}"#
    )
}

fn set(path: &str, token: &str) -> String {
    format!(
        r#"{{"method":"update","collection":"people","id":"a","commands":[{{"method":"setAttachment","path":"{path}","value":{token}}}]}}"#
    )
}

fn write(server: &TestServer, command: &str) -> (u16, String) {
    let reply = server.post("/api/v4/store/write", format!(r#"{{"commands":[{command}]}}"#));
    (reply.status, reply.body)
}

fn execute(server: &TestServer, statement: &str, token: &str) -> (u16, String) {
    let body = format!(r#"{{"statement":"{statement}","args":{{"t":{token}}}}}"#);
    let reply = server.post("/api/v4/store/execute", body);
    (reply.status, reply.body)
}

/// Looks what is held, as often as it takes for what is not to go.
fn sweep(server: &TestServer) -> u64 {
    let app = server.app();
    (0..2).map(|_| app.sweep_attachments(0, &mut || true).unwrap().removed).sum()
}

#[test]
fn every_way_to_write_a_token_and_to_see_it() {
    let server = TestServer::start();
    assert_eq!(upload(&server, "hello").status, 200);
    let hello = token(HELLO, 5);
    assert_eq!(write(&server, &upsert("a", &hello)).0, 200);
    assert_eq!(server.fields("people", "a"), format!(r#"{{"o":{{"photo":{hello}}}}}"#));
    let typed = r#"{"collection":"people","id":"a","serializedAs":"latestValuesAndTypes","formatAttachment":true}"#;
    let typed = server.post("/api/v4/store/findbyid", typed).body;
    assert!(typed.contains(&format!(r#""photo":{{"attachment":{{"value":{hello}}}}}"#)), "{typed}");
    assert_eq!(write(&server, &set("letter", &hello)).0, 200);
    assert_eq!(server.fields("people", "a"), format!(r#"{{"letter":{hello},"o":{{"photo":{hello}}}}}"#));
    let insert = "INSERT INTO COLLECTION people (f ATTACHMENT) DOCUMENTS ({'_id': 'b', 'f': :t})";
    assert_eq!(execute(&server, insert, &hello).0, 200);
    let other = hello.replace("a.txt", "b.txt");
    let update = "UPDATE COLLECTION people (f ATTACHMENT) SET f = :t WHERE _id = 'b'";
    assert_eq!(execute(&server, update, &other).0, 200);
    let select = "SELECT * FROM COLLECTION people (f ATTACHMENT) WHERE f.len = 5 AND f = :t";
    let (status, selected) = execute(&server, select, &other);
    assert!(status == 200 && selected.contains(&format!(r#"{{"_id":"b","f":{other}}}"#)), "{selected}");
}

#[test]
fn a_token_needs_its_file_and_its_length() {
    let server = TestServer::start();
    assert_eq!(upload(&server, "hello").status, 200);
    server.upsert("people", "a", "{}");
    let newest = server.app().newest_txn();
    let missing = format!("there is no attachment \\\"{ABSENT}\\\": upload it before its token is written");
    let length = format!("the len of the attachment \\\"{HELLO}\\\" is wrong: it has 5 bytes");
    let insert = "INSERT INTO COLLECTION people (f ATTACHMENT) DOCUMENTS ({'_id': 'b', 'f': :t})";
    let update = "UPDATE COLLECTION people (f ATTACHMENT) SET f = :t WHERE _id = 'a'";
    for (token, message) in [
        (token(ABSENT, 0), &missing),
        (token(HELLO, 6), &length),
        (token("no hash", 5), &missing.replace(ABSENT, "no hash")),
    ] {
        for (status, body) in [
            write(&server, &upsert("a", &token)),
            write(&server, &set("f", &token)),
            execute(&server, insert, &token),
            execute(&server, update, &token),
        ] {
            assert!(status == 400 && body.contains(message), "{status} {body}");
        }
    }
    let (status, body) = write(&server, &set("f", r#"{"id":"x"}"#));
    assert!(status == 400 && body.contains("is no attachment's token: its \\\"len\\\" must be"), "{body}");
    let (status, body) = write(&server, &upsert("a", "5"));
    assert!(status == 400 && body.contains("an attachment needs a token at this path"), "{body}");
    assert_eq!(server.app().newest_txn(), newest, "nothing was written");
    assert_eq!(write(&server, &upsert("a", &token(HELLO, 5))).0, 200);
}

#[test]
fn what_a_statement_makes_is_a_token_of_its_document() {
    let server = TestServer::start();
    assert_eq!((upload(&server, "hello").status, upload(&server, "").status), (200, 200));
    let hello = token(HELLO, 5);
    let fields = format!(r#"{{"f":{hello},"claimed":{}}}"#, token(ABSENT, 7));
    let upsert = format!(
        r#"{{"method":"upsert","collection":"people","id":"a","value":{fields},"valueTypeOverrides":{{"f":"attachment"}}}}"#
    );
    assert_eq!(write(&server, &upsert).0, 200);
    let update = |set: &str| {
        let statement = format!("UPDATE COLLECTION people (f ATTACHMENT, g ATTACHMENT) SET {set} WHERE _id = 'a'");
        execute(&server, &statement, &token(ABSENT, 7))
    };
    assert_eq!(update("g = f").0, 200, "the document holds it");
    let renamed = "f = {'id': f.id, 'len': f.len, 'metadata': {'name': 'b.txt'}}";
    assert_eq!(update(renamed).0, 200);
    for claimed in ["g = claimed", "g = {'id': f.id, 'len': f.len + 1}"] {
        let (status, body) = update(claimed);
        assert!(status == 400 && body.contains("an attachment that the document does not hold"), "{status} {body}");
    }
    // A token that is named is looked at, also where it may not be taken.
    let (status, body) = update("g = CASE WHEN claimed.len > 9 THEN :t ELSE f END");
    assert!(status == 400 && body.contains("the len of the attachment"), "{status} {body}");
    let found = server.post("/api/v4/store/findbyid", r#"{"collection":"people","id":"a"}"#);
    let expected = format!(r#""f":{},"g":{hello}"#, hello.replace("a.txt", "b.txt"));
    assert!(found.body.contains(&expected), "{}", found.body);
}

#[test]
fn metadata_may_be_left_out() {
    let server = TestServer::start();
    assert_eq!(upload(&server, "hello").status, 200);
    let short = format!(r#"{{"id":"{HELLO}","len":5}}"#);
    assert_eq!(write(&server, &upsert("a", &short)).0, 200);
    assert_eq!(write(&server, &set("g", &short)).0, 200);
    let update = "UPDATE COLLECTION people (h ATTACHMENT) SET h = :t WHERE _id = 'a'";
    assert_eq!(execute(&server, update, &short).0, 200);
    let insert = "INSERT INTO COLLECTION people (h ATTACHMENT) DOCUMENTS ({'_id': 'b', 'h': :t})";
    assert_eq!(execute(&server, insert, &short).0, 200);
    let whole = format!(r#"{{"id":"{HELLO}","len":5,"metadata":{{}}}}"#);
    for (id, fields) in
        [("a", format!(r#""g":{whole},"h":{whole},"o":{{"photo":{whole}}}"#)), ("b", format!(r#""h":{whole}"#))]
    {
        let found = server.post("/api/v4/store/findbyid", format!(r#"{{"collection":"people","id":"{id}"}}"#));
        assert!(found.body.contains(&fields), "{}", found.body);
    }
    assert_eq!((sweep(&server), server.get(&format!("/api/v4/attachments/{HELLO}")).status), (0, 200), "they hold it");
}

#[test]
fn who_does_not_see_everything_needs_a_document_that_holds_it() {
    let server = TestServer::start();
    let (read, write) = (Permission::Read, Permission::Write);
    let people = server.key("people", &[("default", Some("people"), &[read, write])]);
    let all = server.key("all", &[("default", None, &[read, write])]);
    let only_a = r#"{"read":{"queriesByCollection":{"people":["_id == 'a'"]}},"write":{"everything":true}}"#;
    let grants = vec![Grant { app: "default".into(), collection: None, permissions: vec![read, write] }];
    let permission = Some(Arc::new(serde_json::from_str(only_a).unwrap()));
    let restricted = NewKey { name: "restricted".into(), grants, permission };
    let restricted = server.credentials.create_key(restricted, NOW_MS).unwrap().1;
    let form =
        |content: &str| format!("--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n{content}\r\n--b--");
    let upload = |key: &str, content: &str| {
        let request = server.request("POST", "/api/v4/attachments/upload").key(key);
        request.header("Content-Type", "multipart/form-data; boundary=b").body(form(content)).send().status
    };
    let written_by = |key: &str, query: &str, command: &str| {
        let request = server.request("POST", &format!("/api/v4/store/write{query}")).key(key);
        request.body(format!(r#"{{"commands":[{command}]}}"#)).send().status
    };
    let written = |key: &str, command: &str| written_by(key, "", command);
    let fetched = |key: &str, query: &str| {
        server.request("GET", &format!("/api/v4/attachments/{HELLO}{query}")).key(key).send().status
    };
    assert_eq!(upload(&all, "hello"), 200);
    let hello = upsert("a", &token(HELLO, 5));
    assert_eq!((written(&people, &hello), written(&restricted, &hello)), (400, 400), "they have not uploaded it");
    assert_eq!(written(&all, &hello), 200);
    for key in [&people, &restricted] {
        let with = |query: &str| fetched(key, query);
        assert_eq!(with(""), 403);
        assert_eq!(with("?collection=people&documentId=a"), 200);
        assert_eq!(with("?collection=people&documentId=b"), 404);
        assert_eq!(with("?collection=people"), 400);
    }
    assert_eq!(fetched(&people, "?collection=ships&documentId=a"), 403);
    // A write names such a document too, or is one itself.
    let elsewhere = upsert("c", &token(HELLO, 5));
    assert_eq!(written(&people, &elsewhere), 400);
    for (query, status) in [("?collection=people&documentId=b", 400), ("?collection=ships&documentId=a", 403)] {
        assert_eq!(written_by(&people, query, &elsewhere), status, "{query}");
    }
    assert_eq!(written_by(&people, "?collection=people&documentId=a", &elsewhere), 200);
    assert_eq!((written(&people, &hello), written(&restricted, &hello)), (200, 200), "it holds it already");
    let insert = format!(
        r#"{{"statement":"INSERT INTO COLLECTION people (f ATTACHMENT) DOCUMENTS ({{'_id': 'd', 'f': :t}})","args":{{"t":{}}}}}"#,
        token(HELLO, 5)
    );
    let executed = |query: &str| {
        let request = server.request("POST", &format!("/api/v4/store/execute{query}")).key(&people);
        request.body(&insert).send().status
    };
    assert_eq!((executed(""), executed("?collection=people&documentId=c")), (400, 200));
    assert_eq!(written(&all, &upsert("b", &token(HELLO, 5))), 200);
    assert_eq!(fetched(&people, "?collection=people&documentId=b"), 200);
    assert_eq!(fetched(&restricted, "?collection=people&documentId=b"), 404, "a document that it does not see");
    assert_eq!((fetched(&all, ""), upload(&people, "hello")), (200, 200));
    assert_eq!(written(&people, &hello), 200, "by now it has");
}

#[test]
fn a_file_stays_while_a_document_holds_it() {
    let server = TestServer::start();
    let held = format!("/api/v4/attachments/{HELLO}");
    assert_eq!((upload(&server, "hello").status, upload(&server, "").status), (200, 200));
    assert_eq!(write(&server, &upsert("a", &token(HELLO, 5))).0, 200);
    assert_eq!((sweep(&server), server.get(&held).status), (1, 200), "the empty one was never held");
    assert_eq!(server.get(&format!("/api/v4/attachments/{ABSENT}")).status, 404);
    // An older value holds nothing, nor does a plain object that looks like a token.
    server.write(&format!(
        r#"{{"method":"update","collection":"people","id":"a","commands":[{{"method":"set","path":"o.photo","value":{}}}]}}"#,
        token(HELLO, 5)
    ));
    let server = server.restarted();
    assert_eq!((sweep(&server), server.get(&held).status), (1, 404));
    // A removed document neither.
    assert_eq!(upload(&server, "hello").status, 200);
    assert_eq!(write(&server, &upsert("b", &token(HELLO, 5))).0, 200);
    assert_eq!(sweep(&server), 0);
    server.write(r#"{"method":"remove","collection":"people","id":"b"}"#);
    assert_eq!((sweep(&server), server.app().blobs().stats().count), (1, 0));
}
