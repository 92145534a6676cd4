//! A small peer that says what a test wants, over a WebSocket of the real server: it keeps nothing,
//! and obeys no rule by itself.
//!
//! Invariant: every wait has a bound.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use document::{CollectionName, Document, DocumentId, Map, SiteId, Stamp, Value, WriteRules};
use socket2::{Domain, Socket, Type};
use sync_protocol::{
    Codec, Hello, ItemKind, Language, Message, Push, PushOperation, Rest, Seq, Sub, SubId, Subscription, TxnId,
    Welcome, decode_frame, encode_frame,
    limits::FRAME_BYTES_MAX,
    websocket::{Decoder, Incoming, Outgoing, Role, encode},
};

use super::{PATIENCE, TestServer};

pub(crate) struct RawPeer {
    stream: TcpStream,
    buffer: bytes::BytesMut,
    decoder: Decoder,
}

#[derive(Debug)]
struct NothingCame;

/// The request that begins a session.
pub(crate) const UPGRADE: &str = "GET /sync/v1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: \
     websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: \
     headwater.sync.1\r\n\r\n";

impl RawPeer {
    /// Connects, with the upgrade done.
    pub(crate) fn connect(server: &TestServer) -> Self {
        let (head, peer) = Self::connect_from(server, Ipv4Addr::LOCALHOST);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        peer
    }

    /// Connects from an address of loopback; what the server answered to the upgrade.
    pub(crate) fn connect_from(server: &TestServer, from: Ipv4Addr) -> (String, Self) {
        let mut stream = tcp(server, from);
        stream.write_all(UPGRADE.as_bytes()).unwrap();
        let head = read_head(&mut stream);
        (head, Self { stream, buffer: bytes::BytesMut::new(), decoder: Decoder::new(Role::Client) })
    }

    /// A session of the site, which is welcomed.
    pub(crate) fn welcomed(server: &TestServer, hello: Hello) -> (Welcome, Self) {
        let mut peer = Self::connect(server);
        peer.send(hello);
        match peer.receive() {
            Some(Message::Welcome(welcome)) => (welcome, peer),
            other => panic!("no welcome: {other:?}"),
        }
    }

    pub(crate) fn send(&mut self, message: impl Into<Message>) {
        let frame = encode_frame(&message.into(), Codec::Plain).0;
        self.send_raw(&websocket(&frame));
    }

    /// A server that has closed takes nothing; what it said last tells why.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next message; `None` once the server has closed.
    pub(crate) fn receive(&mut self) -> Option<Message> {
        self.receive_in_time().expect("something comes")
    }

    /// Answers pings as long as `is_wanted`, and says what came else.
    pub(crate) fn answer_pings(&mut self, is_wanted: impl Fn() -> bool) -> Option<Message> {
        self.stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut came = None;
        while is_wanted() && came.is_none() {
            came = self.receive_in_time().ok().flatten();
        }
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        came
    }

    fn receive_in_time(&mut self) -> Result<Option<Message>, NothingCame> {
        loop {
            match self.decoder.decode(&mut self.buffer, FRAME_BYTES_MAX).unwrap() {
                Some(Incoming::Binary(frame)) => {
                    return Ok(Some(decode_frame(&frame, FRAME_BYTES_MAX).unwrap().message));
                }
                Some(Incoming::Ping(bytes)) => {
                    let mut pong = Vec::new();
                    encode(&mut pong, Outgoing::Pong(&bytes), Some([5, 6, 7, 8]));
                    self.send_raw(&pong);
                }
                Some(Incoming::Pong) => {}
                Some(Incoming::Close) => return Ok(None),
                None => {
                    let mut bytes = [0; 16 * 1024];
                    match self.stream.read(&mut bytes) {
                        Ok(length @ 1..) => self.buffer.extend_from_slice(&bytes[..length]),
                        Ok(0) => return Ok(None),
                        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Err(NothingCame),
                        Err(_) => return Ok(None), // it closed while something was under way to it
                    }
                }
            }
        }
    }

    /// The first message that is wanted; those before it are passed over.
    #[track_caller]
    pub(crate) fn until<T>(&mut self, mut wanted: impl FnMut(Message) -> Option<T>) -> T {
        loop {
            let message = self.receive().expect("the server has closed");
            if let Some(found) = wanted(message) {
                return found;
            }
        }
    }

    /// How the server ends the session: the code of its bye, if it says one.
    pub(crate) fn end(&mut self) -> Option<String> {
        let mut code = None;
        while let Some(message) = self.receive() {
            if let Message::Bye(bye) = message {
                code = Some(bye.code.as_str().to_owned());
            }
        }
        code
    }

    /// As which transaction the server took the push.
    pub(crate) fn taken(&mut self, seq: u64) -> u64 {
        self.until(|message| match message {
            Message::Ack(ack) => ack.taken.into_iter().find(|it| it.seq == Seq(seq)).map(|it| it.txn.0),
            Message::Nack(nack) => panic!("{nack:?}"),
            Message::Bye(bye) => panic!("{bye:?}"),
            _ => None,
        })
    }

    /// Why the server refused the push: the code of its first fault.
    pub(crate) fn refused(&mut self, seq: u64) -> String {
        self.until(|message| match message {
            Message::Nack(nack) if nack.seq == Seq(seq) => Some(nack.faults[0].code.as_str().to_owned()),
            Message::Ack(ack) => panic!("{ack:?}"),
            Message::Bye(bye) => panic!("{bye:?}"),
            _ => None,
        })
    }
}

/// A connection from an address of loopback.
pub(crate) fn tcp(server: &TestServer, from: Ipv4Addr) -> TcpStream {
    let address: SocketAddr = server.run["http"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(IpAddr::V4(from), 0).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// The head of an answer, byte by byte: what follows it belongs to the session.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A masked binary message.
pub(crate) fn websocket(frame: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, Outgoing::Binary(frame), Some([9, 8, 7, 6]));
    bytes
}

pub(crate) fn hello(site: u64, last_seq: u64) -> Hello {
    Hello {
        proto: 1,
        site: SiteId(site),
        instance: [1; 16],
        token: None,
        wall_ms: 0,
        sdk: "test".into(),
        codecs: Vec::new(),
        cursor: None,
        subs: Vec::new(),
        last_seq: Seq(last_seq),
        settled: Seq(0),
        lineage: None,
        former: None,
        rest: Rest::default(),
    }
}

/// A legacy condition over `people`, or a SELECT.
pub(crate) fn sub(number: u64, query: &str) -> Sub {
    let subscription = Subscription {
        sub: SubId(number),
        collection: CollectionName::new("people").unwrap(),
        language: if query.starts_with("SELECT") { Language::Dql } else { Language::Legacy },
        query: query.to_owned(),
        args: "{}".to_owned(),
        hash: None,
        page: None,
        rest: Rest::default(),
    };
    Sub { subscription, rest: Rest::default() }
}

/// One document of `people`, upserted at `time_ms` by the site.
pub(crate) fn push(seq: u64, site: u64, time_ms: u64, id: &str, json: &str) -> Push {
    let mut document = Document::new();
    let Ok(Value::Map(value)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
    let value: Map = value;
    let stamp = Stamp { time: (time_ms << 16) + seq, site: SiteId(site) };
    document.upsert(&value, &[], stamp, WriteRules::NEWEST);
    let mut delta = Vec::new();
    document.encode(&mut delta);
    let operation = PushOperation {
        collection: CollectionName::new("people").unwrap(),
        id: DocumentId::from_value(&Value::String(id.to_owned())).unwrap(),
        kind: ItemKind::Delta,
        base: TxnId(0),
        delta,
        rest: Rest::default(),
    };
    Push { seq: Seq(seq), operations: vec![operation], traceparent: None, needs: Vec::new(), rest: Rest::default() }
}
