//! A server that is killed between an attachment and its token, and in the middle of an upload: what was answered is there, what was not
//! leaves nothing.

use std::{
    io::Write as _,
    net::TcpStream,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::support::{TestServer, run, wait_until};

fn folder(server: &TestServer) -> PathBuf {
    server.data_dir().join("apps/default/attachments")
}

/// The names of files in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.metadata().is_ok_and(|it| it.is_file()));
    let mut names: Vec<_> = files.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn write_token(server: &TestServer, stored: &Value) -> (u16, Value) {
    let token = json!({ "id": stored["id"], "len": stored["len"], "metadata": {} });
    let command = json!({ "method": "upsert", "collection": "people", "id": "a", "value": { "photo": token },
        "valueTypeOverrides": { "photo": "attachment" } });
    server.post("/api/v4/store/write", &json!({ "commands": [command] }))
}

/// Begins an upload of `len` bytes, and sends half of it.
fn half_an_upload(server: &TestServer, len: usize) -> TcpStream {
    let address = server.run["http"].as_str().unwrap().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let begin = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n";
    let (form_len, half) = (begin.len() + len + "\r\n--b--\r\n".len(), vec![7; len / 2]);
    write!(
        stream,
        "POST /api/v4/attachments/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n\
         Content-Length: {form_len}\r\n\r\n{begin}"
    )
    .unwrap();
    stream.write_all(&half).unwrap();
    stream
}

#[test]
fn what_was_answered_outlives_a_kill_and_what_was_not_leaves_nothing() {
    let server = TestServer::start();
    let content: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let (status, stored) = server.upload(&content);
    assert_eq!(status, 200, "{stored}");
    let id = stored["id"].as_str().unwrap().to_owned();
    let directory = server.directory();
    server.kill();

    // Between the file and its token.
    let server = TestServer::start_in(directory.clone(), &[]);
    assert_eq!(write_token(&server, &stored).0, 200, "it is there");
    let fetched = server.fetch(&format!("/api/v4/attachments/{id}"));
    assert!(fetched == (200, content.clone()), "whole, and the same");

    // In the middle of an upload, of which some is on the disk.
    let _half = half_an_upload(&server, 4 << 20);
    let on_its_way = |name: &String| name.starts_with('.');
    wait_until("a piece is written", || {
        let found = names(&folder(&server));
        let len = |name: &String| std::fs::metadata(folder(&server).join(name)).map_or(0, |it| it.len());
        found.iter().any(|name| on_its_way(name) && len(name) > 0)
    });
    server.kill();
    let server = TestServer::start_in(directory.clone(), &[]);
    assert_eq!(
        server.fetch(&format!("/api/v4/attachments/{id}")),
        (200, content.clone()),
        "that of the token is there"
    );
    assert_eq!(names(&folder(&server)).join(" "), id, "and nothing else");
    let (_, metrics) = server.get("/metrics");
    assert!(metrics.as_str().unwrap().contains("headwater_attachments{app=\"default\"} 1\n"), "{metrics}");
    let whole = server.upload(&vec![7; 4 << 20]);
    assert_eq!((whole.0, &whole.1["len"]), (200, &json!(4 << 20)), "the same upload, once more");
    server.terminate();
    let verified = run(directory.path(), &["verify"]);
    assert_eq!(verified.code(), Some(0), "{verified:?}");
}
