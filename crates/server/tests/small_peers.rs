//! Small peers over a WebSocket of the real server: what one pushes is an event, who is let in, and
//! how a stop ends its session.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use document::{CollectionName, Document, DocumentId, Map, SiteId, Stamp, Value, WriteRules};
use headwater_sdk::{Config, Headwater, compat::Ditto};
use sync_protocol::websocket::{Decoder, Incoming, Outgoing, Role, encode};
use sync_protocol::{
    ByeCode, Codec, Hello, ItemKind, Message, Push, PushOperation, Rest, Seq, TxnId, decode_frame, encode_frame,
    limits::FRAME_BYTES_MAX,
};

use crate::support::{PATIENCE, TestServer};

const SITE: SiteId = SiteId(42);

struct Socket {
    stream: TcpStream,
    buffer: bytes::BytesMut,
    decoder: Decoder,
}

/// Asks for the upgrade; the answer's head, and the connection if it was upgraded.
fn upgrade(server: &TestServer, path: &str, headers: &[&str]) -> (String, Option<Socket>) {
    let address = server.run["http"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let host =
        if headers.iter().any(|it| it.starts_with("Host:")) { String::new() } else { format!("Host: {address}\r\n") };
    let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let request = format!(
        "GET {path} HTTP/1.1\r\n{host}{more}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: headwater.sync.1\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let is_upgraded = head.starts_with("HTTP/1.1 101 ");
    let socket = Socket { stream, buffer: bytes::BytesMut::new(), decoder: Decoder::new(Role::Client) };
    (head, is_upgraded.then_some(socket))
}

impl Socket {
    fn send(&mut self, message: impl Into<Message>) {
        let (frame, _) = encode_frame(&message.into(), Codec::Plain);
        let mut bytes = Vec::new();
        encode(&mut bytes, Outgoing::Binary(&frame), Some([9, 8, 7, 6]));
        self.stream.write_all(&bytes).unwrap();
    }

    fn receive(&mut self) -> Message {
        loop {
            match self.decoder.decode(&mut self.buffer, FRAME_BYTES_MAX).unwrap() {
                Some(Incoming::Binary(frame)) => return decode_frame(&frame, FRAME_BYTES_MAX).unwrap().message,
                Some(other) => panic!("{other:?}"),
                None => {
                    let mut bytes = [0; 4096];
                    let length = self.stream.read(&mut bytes).unwrap();
                    assert!(length > 0, "the server closed without a word");
                    self.buffer.extend_from_slice(&bytes[..length]);
                }
            }
        }
    }

    fn bye(&mut self) -> ByeCode {
        loop {
            if let Message::Bye(bye) = self.receive() {
                return bye.code;
            }
        }
    }
}

fn hello(token: Option<&str>) -> Hello {
    Hello {
        proto: 1,
        site: SITE,
        instance: [1; 16],
        token: token.map(str::to_owned),
        wall_ms: 0,
        sdk: "test".into(),
        codecs: Vec::new(),
        cursor: None,
        subs: Vec::new(),
        last_seq: Seq(1),
        settled: Seq(0),
        lineage: None,
        former: None,
        rest: Rest::default(),
    }
}

fn push() -> Push {
    let mut document = Document::new();
    let Ok(Value::Map(value)) = Value::from_json(br#"{"name":"Susan"}"#) else { panic!("an object") };
    let value: Map = value;
    document.upsert(&value, &[], Stamp { time: 1_645_472_201_000 << 16, site: SITE }, WriteRules::NEWEST);
    let mut delta = Vec::new();
    document.encode(&mut delta);
    let operation = PushOperation {
        collection: CollectionName::new("people").unwrap(),
        id: DocumentId::from_json("\"abc123\"").unwrap(),
        kind: ItemKind::Delta,
        base: TxnId(0),
        delta,
        rest: Rest::default(),
    };
    Push { seq: Seq(1), operations: vec![operation], traceparent: None, needs: Vec::new(), rest: Rest::default() }
}

#[test]
fn what_a_peer_pushes_is_an_event_and_a_stop_says_bye() {
    let server = TestServer::start();
    for path in ["/sync/v1", "/default/sync/v1"] {
        let (head, socket) = upgrade(&server, path, &[]);
        let mut socket = socket.expect(&head);
        assert!(head.to_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
        socket.send(hello(None));
        socket.send(push());
        let Message::Welcome(welcome) = socket.receive() else { panic!("a welcome comes first") };
        assert_eq!(welcome.site_seq, Seq(u64::from(path != "/sync/v1")));
        let taken = loop {
            if let Message::Ack(ack) = socket.receive() {
                break ack.taken;
            }
        };
        assert_eq!((taken[0].seq, taken[0].txn), (Seq(1), TxnId(1)), "taken once");
    }
    let found = server.get("/api/v4/store/findbyid?collection=people&id=abc123");
    assert!(found.1.to_string().contains("Susan"), "{}", found.1);
    let (head, socket) = upgrade(&server, "/sync/v1", &[]);
    let mut socket = socket.expect(&head);
    socket.send(hello(None));
    assert!(matches!(socket.receive(), Message::Welcome(_)));
    let waiting = std::thread::spawn(move || socket.bye());
    assert_eq!(server.terminate().code(), Some(0));
    assert_eq!(waiting.join().unwrap(), ByeCode::Draining);
}

#[test]
fn other_sites_are_kept_out_where_no_key_is_needed() {
    let server = TestServer::start();
    for header in ["Host: evil.example", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site"] {
        let (head, socket) = upgrade(&server, "/sync/v1", &[header]);
        assert!(head.starts_with("HTTP/1.1 403 ") && socket.is_none(), "{header}: {head}");
    }
    let key = server.run(&["key", "create", "till"]).stdout;
    // A key in a URL is none; a token of a message counts from any origin.
    let path = format!("/sync/v1?token={}", key.trim());
    let (head, socket) = upgrade(&server, &path, &["Origin: https://evil.example"]);
    let mut socket = socket.expect(&head);
    socket.send(hello(None));
    assert_eq!(socket.bye(), ByeCode::Denied);
    let (head, socket) = upgrade(&server, "/sync/v1", &["Origin: https://evil.example"]);
    let mut socket = socket.expect(&head);
    socket.send(hello(Some(key.trim())));
    assert!(matches!(socket.receive(), Message::Welcome(_)));
    let (head, socket) = upgrade(&server, "/nothing/sync/v1", &[]);
    let mut socket = socket.expect(&head);
    socket.send(hello(Some(key.trim())));
    assert_eq!(socket.bye(), ByeCode::Denied);
}

#[test]
fn what_the_rust_sdk_wrote_before_there_was_a_server_is_there_once_it_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let ditto = Ditto::open_sync(Config::new(dir.path())).unwrap();
    let susan = serde_json::json!({"name": "Susan", "age": 31});
    let id = ditto.store().collection("people").unwrap().upsert(susan).unwrap();
    drop(ditto);
    let server = TestServer::start();
    let url = server.run["http"].as_str().unwrap();
    let peer = Headwater::open(Config::new(dir.path()).server(url).app("default")).unwrap();
    peer.start_sync().unwrap();
    assert_eq!(peer.sync().flushed(PATIENCE).unwrap(), Some(1));
    let found = server.get(&format!("/api/v4/store/findbyid?collection=people&id={id}"));
    assert!(found.1.to_string().contains("Susan"), "{}", found.1);
}

#[test]
fn the_rust_sdk_knows_a_server_by_its_own_ca() {
    let server = TestServer::start();
    let dir = tempfile::tempdir().unwrap();
    let ca = std::fs::read_to_string(server.data_dir().join("credentials/default/ca.pem")).unwrap();
    let url = format!("https://{}", server.run["kafka"].as_str().unwrap());
    let peer = Headwater::open(Config::new(dir.path()).server(&url).app("default").ca_certificate(&ca)).unwrap();
    peer.start_sync().unwrap();
    let written = peer.store().collection("people").unwrap().upsert(serde_json::json!({"name": "Susan"})).unwrap();
    assert_eq!(written.committed(PATIENCE).unwrap(), Some(1));
}
