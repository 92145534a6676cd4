//! `attachments/*`: what is kept, what is not, and how it is handed out.

use std::{
    io::{Read as _, Write as _},
    path::PathBuf,
    time::Duration,
};

use credentials::Permission;
use serde_json::Value;

use crate::server::{Connection, Reply, Request, TestServer, wait_until};

const UPLOAD: &str = "/api/v4/attachments/upload";
/// The SHA-256 of `hello`, by `sha256sum`.
pub(crate) const HELLO: &str = "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ";

fn form(content: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.html\"\r\n\r\n{content}\r\n--b--\r\n")
}

fn request(server: &TestServer, path: &str, form: &str) -> Request {
    server.request("POST", path).header("Content-Type", "multipart/form-data; boundary=b").body(form)
}

pub(crate) fn upload(server: &TestServer, content: &str) -> Reply {
    request(server, UPLOAD, &form(content)).send()
}

/// Names in the folder of the app's blobs.
fn files(server: &TestServer) -> Vec<String> {
    let entries = std::fs::read_dir(folder(server)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "unheld");
    names.sort();
    names
}

fn folder(server: &TestServer) -> PathBuf {
    server.data_dir.path().join("apps/default/attachments")
}

#[test]
fn a_damaged_file_does_not_come_to_its_end() {
    let server = TestServer::start();
    let content = "x".repeat(1 << 20);
    let stored: Value = serde_json::from_str(&upload(&server, &content).body).unwrap();
    let id = stored["id"].as_str().unwrap();
    let get = server.request("GET", &format!("/api/v4/attachments/{id}")).header("Connection", "close").to_bytes();
    let fetched = || {
        let (mut connection, mut all) = (server.connect(), Vec::new());
        connection.send(&get);
        // Where the end does not come, the connection is closed or reset.
        let _ = connection.stream.read_to_end(&mut all);
        all
    };
    let mut turned = content.clone().into_bytes();
    turned[7] ^= 1;
    for damaged in [&turned[..], &content.as_bytes()[..300_000], b""] {
        std::fs::write(folder(&server).join(id), damaged).unwrap();
        let came = fetched();
        assert!(came.len() < damaged.len().max(1_000), "{} of {}", came.len(), damaged.len());
    }
    assert_eq!(upload(&server, &content).status, 200);
    let mut connection = server.connect();
    connection.send(&get);
    assert!(connection.reply().body == content, "uploading it again mends it");
}

#[test]
fn a_file_is_kept_by_its_hash_and_comes_back_whole_or_in_part() {
    let server = TestServer::start();
    let stored = (200, format!(r#"{{"id":"{HELLO}","len":5}}"#));
    for base in ["/api/v2", "/api/v3", "/api/v4", "/api/v5", "/default/api/v4"] {
        let reply = request(&server, &format!("{base}/attachments/upload"), &form("hello")).send();
        assert_eq!((reply.status, reply.body), stored);
    }
    assert_eq!(files(&server), [HELLO], "once, and nothing beside it");
    let path = format!("/default/api/v3/attachments/{HELLO}");
    let whole = server.get(&path);
    assert_eq!(whole.pair(), (200, "hello"));
    let etag = format!("\"{HELLO}\"");
    for (name, expected) in [
        ("ETag", etag.as_str()),
        ("Content-Length", "5"),
        ("Content-Type", "application/octet-stream"),
        ("Content-Disposition", "attachment"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "private, no-cache"),
        ("Accept-Ranges", "bytes"),
        ("Content-Security-Policy", "default-src 'none'; sandbox"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ] {
        assert_eq!(whole.header(name), Some(expected), "{name}");
    }
    assert_eq!(server.request("HEAD", &path).send_head(), 200);
    let ranged = |range| server.request("GET", &path).header("Range", range).send();
    let part = ranged("bytes=1-2");
    assert_eq!((part.pair(), part.header("Content-Range")), ((206, "el"), Some("bytes 1-2/5")));
    assert_eq!(ranged("bytes=-2").pair(), (206, "lo"));
    assert_eq!(ranged("bytes=0-0,2-2").pair(), (200, "hello"), "several at once are the whole");
    let beyond = ranged("bytes=5-");
    assert_eq!((beyond.pair(), beyond.header("Content-Range")), ((416, ""), Some("bytes */5")));
    let known = server.request("GET", &path).header("If-None-Match", &etag).send();
    assert_eq!((known.pair(), known.header("ETag")), ((304, ""), Some(etag.as_str())));
    let unknown = server.get("/api/v4/attachments/47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
    assert_eq!(unknown.status, 404);
    assert_eq!(server.get("/api/v4/attachments/..%2f..%2fapps.json").status, 404);
    assert_eq!(server.get(UPLOAD).status, 405);
    assert_eq!(upload(&server, "").body, r#"{"id":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU","len":0}"#);
    let server = server.restarted();
    assert_eq!(server.get(&path).pair(), (200, "hello"));
    let stats = server.app().blobs().stats();
    assert_eq!((stats.count, stats.bytes, stats.unheld), (2, 5, 2));
}

#[test]
fn what_is_not_one_whole_file_leaves_nothing() {
    let server = TestServer::start_with(|options| {
        options.attachment_bytes_max = 100_000;
        options.body_timeout = Duration::from_millis(300);
    });
    let (hello, long) = (form("hello"), form(&"x".repeat(100_001)));
    let second = hello.replace("--b--", &hello);
    for (body, status, message) in [
        (second.as_str(), 400, "the form has more than one part: an upload is one file"),
        (&hello.replace("\"file\"", "\"photo\""), 400, "name=\"photo\""),
        (&hello.replace("--b--", ""), 400, "the form is cut off: its last boundary is missing"),
        (&long, 413, "the attachment is longer than 100000 bytes"),
        (&form(&"x".repeat(200_000)), 413, "the attachment is longer than 100000 bytes"),
    ] {
        let reply = request(&server, UPLOAD, body).send();
        assert_eq!(reply.status, status, "{}", reply.body);
        assert!(reply.message().ends_with(message) || reply.message().contains(message), "{}", reply.body);
    }
    assert_eq!(server.post(UPLOAD, "hello").status, 400);
    // One that ends too early, one whose length is wrong, one that sends a byte now and then.
    let head = request(&server, UPLOAD, &hello).to_bytes();
    let mut left = Connection::open(server.address);
    left.send(&head[..head.len() - 20]);
    wait_until(|| !files(&server).is_empty());
    drop(left);
    wait_until(|| files(&server).is_empty());
    let mut slow = Connection::open(server.address);
    slow.send(&head[..head.len() - hello.len()]);
    slow.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let answer = hello.as_bytes().iter().find_map(|byte| {
        slow.stream.write_all(&[*byte]).unwrap();
        let mut answer = [0; 12];
        // A byte every 50 ms, until there is an answer.
        slow.stream.read(&mut answer).is_ok().then_some(answer)
    });
    assert_eq!(answer.as_ref(), Some(b"HTTP/1.1 408"));
    wait_until(|| files(&server).is_empty());
    assert_eq!(upload(&server, &"x".repeat(100_000)).status, 200);
    assert_eq!(files(&server).len(), 1);
}

#[test]
fn what_goes_anyway_keeps_nobody_from_uploading() {
    let server = TestServer::start();
    assert_eq!(upload(&server, "hello").status, 200);
    // As if it were as long as all that may be that no document holds.
    let file = std::fs::File::options().write(true).open(folder(&server).join(HELLO)).unwrap();
    file.set_len(attachments::limits::UNHELD_BYTES_MAX).unwrap();
    let server = server.restarted();
    let refused = upload(&server, "more");
    assert!(refused.status == 429 && refused.message().contains("that no document holds"), "{}", refused.body);
    // Its time is over by now, though nobody has looked yet.
    let server = server.restarted_with(|options| options.attachment_grace = Duration::ZERO);
    assert_eq!(upload(&server, "more").status, 200);
    assert_eq!((files(&server).len(), server.app().blobs().stats().collected), (1, 1));
}

#[test]
fn a_hundred_at_once() {
    let server = TestServer::start();
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let server = &server;
        let one = |n: usize| scope.spawn(move || upload(server, &format!("{}-", n % 50).repeat(20_000)));
        let all: Vec<_> = (0..100).map(one).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(files(&server).len(), 50, "two of each");
    assert_eq!(server.app().blobs().stats().count, 50);
    for reply in replies {
        let json: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        let fetched = server.get(&format!("/api/v4/attachments/{}", json["id"].as_str().unwrap()));
        assert_eq!(fetched.body.len() as u64, json["len"].as_u64().unwrap());
    }
}

#[test]
fn who_may() {
    let server = TestServer::start();
    let reader = server.key("reader", &[("default", None, &[Permission::Read])]);
    let writer = server.key("writer", &[("default", Some("people"), &[Permission::Write])]);
    let other = server.key("other", &[("shop", None, &[Permission::Read, Permission::Write])]);
    let hello = form("hello");
    let by = |key: &str| request(&server, UPLOAD, &hello).key(key).send().status;
    assert_eq!((by(&writer), by(&reader), by(&other)), (200, 403, 403));
    assert_eq!(request(&server, UPLOAD, &hello).send().status, 401);
    let path = format!("/api/v4/attachments/{HELLO}");
    let fetched = |key: &str| server.request("GET", &path).key(key).send().status;
    assert_eq!((fetched(&reader), fetched(&writer), fetched(&other)), (200, 403, 403));
    assert_eq!(server.get(&path).status, 401);
}

fn put(server: &TestServer, content_range: &str, body: &str) -> Request {
    let request = server.request("PUT", &format!("/api/v4/attachments/{HELLO}")).body(body);
    if content_range.is_empty() { request } else { request.header("Content-Range", content_range) }
}

#[test]
fn a_file_comes_in_parts() {
    let server = TestServer::start();
    let put = |range: &str, body: &str| {
        let reply = put(&server, range, body).send();
        (reply.status, reply.body)
    };
    let (came, kept) = (
        |received| (202, format!(r#"{{"id":"{HELLO}","len":5,"received":{received}}}"#)),
        (200, format!(r#"{{"id":"{HELLO}","len":5}}"#)),
    );
    assert_eq!(put("bytes */5", ""), came(0));
    assert_eq!(put("bytes 0-1/5", "he"), came(2));
    assert_eq!(put("bytes */5", ""), came(2));
    let ahead = put("bytes 3-4/5", "lo");
    assert!(ahead.0 == 409 && ahead.1.contains("2 bytes of the attachment are here: go on from there"), "{}", ahead.1);
    assert_eq!(server.get(&format!("/api/v4/attachments/{HELLO}")).status, 404, "it is not whole");
    assert_eq!(put("bytes 1-2/5", "el"), came(3), "what is sent twice is taken");
    let server_files = files(&server);
    assert!(server_files.len() == 1 && server_files[0].starts_with(".part-"), "{server_files:?}");
    assert_eq!(put("bytes 3-4/5", "lo"), kept);
    assert_eq!((put("bytes */5", ""), files(&server)), (kept.clone(), vec![HELLO.to_owned()]));
    assert_eq!(server.get(&format!("/api/v4/attachments/{HELLO}")).pair(), (200, "hello"));
    assert_eq!(put("bytes 3-4/5", "lo"), kept, "whoever did not get the answer sends it again");
    assert_eq!(put("", "hello"), kept, "whole, as curl -T has it");
    let other = put("", "other");
    assert!(other.0 == 400 && other.1.contains("not what the id says"), "{}", other.1);
    assert_eq!(server.get(&format!("/api/v4/attachments/{HELLO}")).pair(), (200, "hello"));
}

#[test]
fn a_part_that_breaks_off_stays_as_far_as_it_came() {
    let server = TestServer::start_with(|options| {
        options.attachment_bytes_max = 5;
        options.body_timeout = Duration::from_millis(300);
    });
    let received = |count: u64| {
        let asked = put(&server, "bytes */5", "").send();
        (asked.status, asked.body.ends_with(&format!("\"received\":{count}}}"))) == (202, true)
    };
    let bytes = put(&server, "", "hello").to_bytes();
    let mut left = Connection::open(server.address);
    left.send(&bytes[..bytes.len() - 3]);
    drop(left);
    wait_until(|| received(2));
    let mut slow = Connection::open(server.address);
    let bytes = put(&server, "bytes 2-4/5", "llo").to_bytes();
    slow.send(&bytes[..bytes.len() - 2]);
    assert_eq!(slow.reply().status, 408);
    wait_until(|| received(3));
    // One that hangs, and the same client over another connection.
    let mut hangs = Connection::open(server.address);
    let bytes = put(&server, "bytes 3-4/5", "lo").to_bytes();
    hangs.send(&bytes[..bytes.len() - 1]);
    // Whoever begins later has it, so it may take another try.
    wait_until(|| put(&server, "bytes 3-4/5", "lo").send().status == 200);
    // It began before and is late or too late, or after and finds the file kept.
    assert!(matches!(hangs.reply().status, 200 | 408 | 409));
    assert_eq!(files(&server), [HELLO]);
    for (range, body, status) in [
        ("bytes 0-5/6", "hello!", 413),
        ("bytes */6", "", 413),
        ("bytes 0-1/5", "hello", 400),
        ("bytes */5", "hello", 400),
        ("bytes 4-0/5", "", 400),
        ("bites 0-4/5", "hello", 400),
    ] {
        let reply = put(&server, range, body).send();
        assert_eq!(reply.status, status, "{range}: {}", reply.body);
    }
    let chunked = format!(
        "PUT /api/v4/attachments/{HELLO} HTTP/1.1\r\nHost: {}\r\nContent-Range: bytes 0-1/5\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nhel\r\n0\r\n\r\n",
        server.address
    );
    let mut more = Connection::open(server.address);
    more.send(chunked.as_bytes());
    assert_eq!(more.reply().status, 400, "more than it says");
    let more = chunked.replace("0-1/5", "*/5");
    let mut asks = Connection::open(server.address);
    asks.send(more.as_bytes());
    assert_eq!(asks.reply().status, 400, "who asks sends nothing");
    let no_id = server.request("PUT", "/api/v4/attachments/hello").body("hello").send();
    assert!(no_id.status == 400 && no_id.message().starts_with("\"hello\" is no attachment's id"), "{}", no_id.body);
}

#[test]
fn what_came_whole_is_kept_though_its_sender_left() {
    let server = TestServer::start();
    let head = format!("PUT /api/v4/attachments/{HELLO} HTTP/1.1\r\nHost: {}\r\n", server.address);
    let mut left = Connection::open(server.address);
    left.send(
        format!("{head}Content-Range: bytes 0-4/5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").as_bytes(),
    );
    drop(left);
    wait_until(|| put(&server, "bytes */5", "").send().status == 200);
    assert_eq!(files(&server), [HELLO]);
    assert_eq!(server.get(&format!("/api/v4/attachments/{HELLO}")).pair(), (200, "hello"));
}

#[test]
fn nobody_learns_from_parts_what_others_have() {
    let server = TestServer::start();
    let keys = ["a", "b"].map(|name| server.key(name, &[("default", Some("people"), &[Permission::Write])]));
    let reader = server.key("reader", &[("default", None, &[Permission::Read])]);
    let sent = |key: &str, range: &str, body: &str| put(&server, range, body).key(key).send().status;
    assert_eq!(sent(&keys[0], "bytes 0-1/5", "he"), 202);
    let asked = put(&server, "bytes */5", "").key(&keys[1]).send();
    assert!(asked.body.ends_with(r#""received":0}"#), "{}", asked.body);
    assert_eq!(sent(&keys[0], "bytes 2-4/5", "llo"), 200);
    let asked = put(&server, "bytes */5", "").key(&keys[1]).send();
    assert!(asked.status == 202 && asked.body.ends_with(r#""received":0}"#), "{}", asked.body);
    assert_eq!((sent(&reader, "", "hello"), sent(&reader, "bytes */5", "")), (403, 403));
    assert_eq!(put(&server, "", "hello").send().status, 401);
}
