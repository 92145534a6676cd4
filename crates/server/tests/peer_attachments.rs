//! Attachments of small peers: a file is at the server before its token is, and comes to whoever needs it, over
//! connections that break.

use std::sync::Arc;

use headwater_sdk::{Attachment, AttachmentToken, Change, Config, Error, FieldType, Headwater, compat};
use serde_json::{Value, json};

use crate::support::{PATIENCE, TestServer, wait_until, wire::Wire};

fn open(dir: &tempfile::TempDir, url: &str) -> Headwater {
    let peer = Headwater::open(Config::new(dir.path()).server(url).app("default")).unwrap();
    peer.sync().register_subscription("SELECT * FROM people", ()).unwrap();
    peer.start_sync().unwrap();
    peer
}

/// Bytes that no two places have the same of.
fn bytes(len: usize, seed: u64) -> Vec<u8> {
    (0..len as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(seed << 32) >> 32) as u8).collect()
}

fn attach(peer: &Headwater, id: &str, content: &[u8]) -> (Attachment, headwater_sdk::Written) {
    let photo = peer.store().new_attachment(content, [("name", "photo.jpg")]).unwrap();
    let people = peer.store().collection("people").unwrap();
    let value = json!({"_id": id, "photo": photo.token()});
    let written = people.upsert_typed(value, [("photo", FieldType::Attachment)]).unwrap();
    (photo, written)
}

fn person(peer: &Headwater, id: &str) -> Value {
    let people = peer.store().collection("people").unwrap();
    let mut found = None;
    wait_until("the document comes", || {
        found = people.find_by_id(id).unwrap();
        found.is_some()
    });
    found.unwrap()
}

fn token(person: &Value) -> AttachmentToken {
    AttachmentToken::from_value(&person["photo"]).unwrap()
}

#[test]
fn a_file_goes_before_its_token_and_is_fetched_from_where_it_broke_off() {
    let server = TestServer::start();
    let wire = Wire::cut_off();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [writer, reader] = dirs.each_ref().map(|dir| open(dir, &wire.http()));
    let content = bytes(5 << 20, 1);
    let (photo, written) = attach(&writer, "susan", &content);
    let after = writer.store().collection("people").unwrap().upsert(json!({"_id": "ann"})).unwrap();
    // Offline it is there at once.
    assert_eq!(writer.store().fetch_attachment(photo.token(), |_| ()).unwrap().bytes().unwrap(), content);
    wire.lead_to(server.run["http"].as_str().unwrap());
    assert_eq!(written.committed(PATIENCE).unwrap(), Some(1));
    assert_eq!(after.committed(PATIENCE).unwrap(), Some(2));

    let token = token(&person(&reader, "susan"));
    assert_eq!(&token, photo.token());
    let (mut cuts, mut here) = (0, 0);
    let progress = |now| {
        assert!(now >= here, "nothing is fetched twice: {now} after {here}");
        here = now;
        if now > 1 << 20 && cuts < 1 || now > 3 << 20 && cuts < 2 {
            cuts += 1;
            wire.drop_connections();
        }
    };
    let fetched = reader.store().fetch_attachment(&token, progress).unwrap();
    assert_eq!((fetched.bytes().unwrap() == content, cuts), (true, 2));
    assert_eq!(fetched.token().metadata["name"], "photo.jpg");
    let copy = dirs[1].path().join("copy.jpg");
    fetched.copy_to(&copy).unwrap();
    assert_eq!(std::fs::read(copy).unwrap(), content);
    let (_, empty) = attach(&writer, "nobody", b"");
    empty.committed(PATIENCE).unwrap();
    let nothing = reader.store().fetch_attachment(&self::token(&person(&reader, "nobody")), |_| ()).unwrap();
    assert_eq!(nothing.bytes().unwrap(), b"");
    // Another document has the same file: nothing is to be fetched.
    wire.cut();
    reader.store().fetch_attachment(&token, |_| panic!("it is here")).unwrap();
    let unknown = AttachmentToken { id: "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ".to_owned(), ..token };
    assert!(matches!(reader.store().fetch_attachment(&unknown, |_| ()), Err(Error::AttachmentFetch { .. })));
    wire.mend();
    assert!(matches!(reader.store().fetch_attachment(&unknown, |_| ()), Err(Error::AttachmentNotFound { .. })));
}

#[test]
fn a_file_goes_over_connections_that_each_end_before_its_end() {
    let server = TestServer::start();
    let wire = Wire::cut_off();
    wire.end_connections_after(2 << 20);
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let peer = open(&dirs[0], &wire.http());
    let content = bytes(9 << 20, 7);
    let (photo, written) = attach(&peer, "susan", &content);
    wire.lead_to(server.run["http"].as_str().unwrap());
    written.committed(PATIENCE).unwrap();
    let carried = wire.carried();
    assert!(carried < 15 << 20, "what came is not sent again: {carried} bytes for {}", content.len());
    let reader = open(&dirs[1], server.run["http"].as_str().unwrap());
    let fetched = reader.store().fetch_attachment(photo.token(), |_| ()).unwrap();
    assert!(fetched.bytes().unwrap() == content);
    let names = std::fs::read_dir(server.data_dir().join("apps/default/attachments")).unwrap();
    let hidden = names.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0, "no part is left");
}

#[test]
fn a_server_that_is_killed_meanwhile_has_the_file_and_the_token_in_the_end() {
    let server = TestServer::start();
    let wire = Wire::to(server.run["http"].as_str().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let peer = open(&dir, &wire.http());
    let directory = server.directory();
    let files: Vec<Vec<u8>> = (0..4).map(|n| bytes(3 << 20, n)).collect();
    let written: Vec<_> = files.iter().enumerate().map(|(n, it)| attach(&peer, &n.to_string(), it).1).collect();
    written[0].committed(PATIENCE).unwrap();
    server.kill();
    peer.close();
    let peer = open(&dir, &wire.http());
    let server = TestServer::start_in(directory, &[]);
    wire.lead_to(server.run["http"].as_str().unwrap());
    peer.sync().flushed(PATIENCE).unwrap();
    assert_eq!(peer.sync().rejected().unwrap(), []);
    let other_dir = tempfile::tempdir().unwrap();
    let other = open(&other_dir, server.run["http"].as_str().unwrap());
    for (n, file) in files.iter().enumerate() {
        let token = token(&person(&other, &n.to_string()));
        assert!(other.store().fetch_attachment(&token, |_| ()).unwrap().bytes().unwrap() == *file);
    }
}

#[test]
fn a_file_that_is_too_large_has_its_write_set_aside_and_others_go_on() {
    let server = TestServer::start_in(Arc::new(tempfile::tempdir().unwrap()), &["--max-attachment-bytes", "1000"]);
    let dir = tempfile::tempdir().unwrap();
    let peer = open(&dir, server.run["http"].as_str().unwrap());
    let (_, large) = attach(&peer, "susan", &bytes(2000, 1));
    let (small, taken) = attach(&peer, "ann", &bytes(1000, 2));
    let change = Change::attach("copy", small.token());
    let changed = peer.store().collection("people").unwrap().update("ann", [change]).unwrap();
    taken.committed(PATIENCE).unwrap();
    changed.committed(PATIENCE).unwrap();
    assert!(matches!(large.committed(PATIENCE), Err(Error::Rejected { .. })));
    let rejected = peer.sync().rejected().unwrap();
    assert!(rejected[0].why.starts_with("too_large: the server does not take the attachment"), "{rejected:?}");
    assert_eq!(person(&peer, "ann")["copy"]["len"], 1000);
}

#[test]
fn who_sees_some_documents_fetches_by_one_that_they_see() {
    let server = TestServer::start();
    let all = server.run(&["key", "create", "all"]).stdout;
    let own = json!({"everything": false, "queriesByCollection": {"people": ["_id == 'ann'"]}});
    let document = server.directory().path().join("ann.json");
    std::fs::write(&document, json!({"read": own, "write": own}).to_string()).unwrap();
    let ann = server.run(&["key", "create", "ann", "--permission", document.to_str().unwrap()]).stdout;
    let url = server.run["http"].as_str().unwrap();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let peer = |dir: &tempfile::TempDir, key: &str| {
        let config = Config::new(dir.path()).server(url).app("default").token(key.trim());
        let ditto = compat::Ditto::open_sync(config).unwrap();
        ditto.sync().register_subscription("SELECT * FROM people").unwrap();
        ditto.start_sync().unwrap();
        ditto
    };
    let (all, ann) = (peer(&dirs[0], &all), peer(&dirs[1], &ann));
    let (hers, hidden) = (bytes(100_000, 1), bytes(100_000, 2));
    let (_, written) = attach(all.headwater(), "ann", &hers);
    let (photo, other) = attach(all.headwater(), "bob", &hidden);
    written.committed(PATIENCE).unwrap();
    other.committed(PATIENCE).unwrap();
    let token = token(&person(ann.headwater(), "ann"));
    let (sender, events) = std::sync::mpsc::sync_channel(1_000);
    let tell = sender.clone();
    let _fetch = ann.store().fetch_attachment(&token, move |event| tell.send(event).unwrap()).unwrap();
    let attachment = loop {
        match events.recv_timeout(PATIENCE).unwrap() {
            compat::DittoAttachmentFetchEvent::Completed { attachment } => break attachment,
            compat::DittoAttachmentFetchEvent::Progress { total_bytes: 100_000, .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(attachment.bytes().unwrap(), hers);
    let _none = ann.store().fetch_attachment(photo.token(), move |event| sender.send(event).unwrap()).unwrap();
    let event = events.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(event, compat::DittoAttachmentFetchEvent::Deleted), "{event:?}");
    // A token of what she did not upload is none of hers to write; her own upload is.
    let people = ann.headwater().store().collection("people").unwrap();
    let stolen = people.update("ann", [Change::attach("photo", photo.token())]).unwrap();
    assert!(matches!(stolen.committed(PATIENCE), Err(Error::Rejected { .. })));
    let (_, own) = attach(ann.headwater(), "ann", &bytes(50_000, 3));
    own.committed(PATIENCE).unwrap();
}
