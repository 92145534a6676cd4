//! Servers that are none, and servers that say what they like.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use headwater::{Config, Headwater};
use serde_json::json;
use sha1::{Digest as _, Sha1};

use crate::server::wait_for;

/// Answers each connection with the next of these; `{accept}` is what an upgrade is answered with. A
/// number comes for each connection that the client has ended or is to end.
fn serve(answers: Vec<Vec<u8>>) -> (String, Receiver<usize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, ended) = sync_channel(100);
    thread::spawn(move || {
        for (number, answer) in answers.into_iter().enumerate() {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
            let accept = STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
            let upgrade = format!(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-accept: {accept}\r\nsec-websocket-protocol: headwater.sync.1\r\n\r\n"
            );
            let answer = match answer.strip_prefix(b"{upgrade}") {
                Some(rest) => [upgrade.as_bytes(), rest].concat(),
                None => answer,
            };
            let _ = stream.write_all(&answer);
            let _ = stream.read_to_end(&mut Vec::new()); // until the client has had enough
            sender.send(number).unwrap();
        }
    });
    (url, ended)
}

#[test]
fn a_server_that_says_garbage_is_left_and_local_work_goes_on() {
    let after_upgrade = |bytes: &[u8]| [b"{upgrade}", bytes].concat();
    let answers = vec![
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(),
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n".to_vec(),
        [b"HTTP/1.1 101 X\r\nx: ".to_vec(), vec![b'y'; 1 << 20]].concat(), // a head without an end
        after_upgrade(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]), // a frame without an end
        after_upgrade(&[0x82, 5, 0, 1, 2, 3, 4]),                          // no message
        after_upgrade(&[0x82, 0]),                                         // an empty one
        after_upgrade(&[0x81, 2, b'h', b'i']),                             // a text
        after_upgrade(&[0x82, 0x81, 1, 2, 3, 4, 5]),                       // masked
        after_upgrade(&[0xf2, 0]),                                         // reserved bits
        after_upgrade(&[0x88, 0]),                                         // a close
    ];
    let count = answers.len();
    let (url, ended) = serve(answers);
    let dir = tempfile::tempdir().unwrap();
    let peer = Headwater::open(Config::new(dir.path()).server(&url)).unwrap();
    let documents = peer.store().collection("t").unwrap();
    for number in 0..count {
        documents.upsert(json!({"_id": "a", "n": number})).unwrap();
        let mut has_ended = || {
            peer.start_sync().unwrap(); // ends the wait before the next attempt
            ended.recv_timeout(Duration::from_millis(50)).is_ok_and(|it| it == number)
        };
        wait_for("the client to leave", &mut has_ended);
    }
    assert_eq!(documents.find_by_id("a").unwrap().unwrap()["n"], json!(count - 1));
    assert!(peer.sync().flushed(Duration::from_millis(1)).is_err(), "nobody took it");
}
