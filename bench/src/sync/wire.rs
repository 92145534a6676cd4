//! A small peer that is as little as can be: frames over a WebSocket, no store.
//!
//! Invariants: what comes is counted as applied at once. It shares the machine with what it
//! measures, so it must cost little: frames are masked with zeros, which leaves them as they are.
//! Not here: what a peer does with what it gets (the SDK).

use std::{net::SocketAddr, time::SystemTime};

use anyhow::{Context, Result, bail};
use document::{CollectionName, Document, DocumentId, Map, SiteId, StampClock, Value, WriteRules};
use sync_protocol::{
    Applied, Codec, Hello, ItemKind, Language, Message, Push, PushOperation, Rest, Seq, SubId, Subscription, TxnId,
    decode_frame, encode_frame, limits::FRAME_BYTES_MAX,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const FINAL: u8 = 0x80;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const MASKED: u8 = 0x80;

/// One connection.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    site: SiteId,
    clock: StampClock,
    last_seq: u64,
    /// Of snapshots and changes, as the protocol counts them.
    applied: u64,
    /// Bytes that came, with the heads of their frames.
    pub(crate) received: u64,
}

/// What is subscribed to: all documents of a collection that a legacy condition matches.
pub(crate) fn subscription(collection: &str, query: &str) -> Result<Subscription> {
    Ok(Subscription {
        sub: SubId(1),
        collection: CollectionName::new(collection)?,
        language: Language::Legacy,
        query: query.to_owned(),
        args: "{}".to_owned(),
        hash: None,
        page: None,
        rest: Rest::default(),
    })
}

impl Wire {
    /// Connects and says hello; the welcome is here.
    pub(crate) async fn open(address: SocketAddr, subs: Vec<Subscription>) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await.context("cannot connect to the server")?;
        stream.set_nodelay(true)?;
        let request = "GET /sync/v1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                       Sec-WebSocket-Protocol: headwater.sync.1\r\n\r\n";
        stream.write_all(request.as_bytes()).await?;
        let mut buffer = Vec::new();
        let head = loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                bail!("the server closed the connection at the upgrade");
            }
            if let Some(end) = buffer.windows(4).position(|it| it == b"\r\n\r\n") {
                break buffer.drain(..end + 4).collect::<Vec<u8>>();
            }
        };
        if !head.starts_with(b"HTTP/1.1 101 ") {
            bail!("no upgrade: {}", String::from_utf8_lossy(&head));
        }
        let site = SiteId(rand::random_range(2..u64::MAX));
        let clock = StampClock { site, last: 0 };
        let mut wire = Self { stream, buffer, site, clock, last_seq: 0, applied: 0, received: 0 };
        wire.send(&wire.hello(subs)).await?;
        match wire.receive().await? {
            Message::Welcome(_) => Ok(wire),
            other => bail!("{other:?} comes first"),
        }
    }

    fn hello(&self, subs: Vec<Subscription>) -> Message {
        Message::Hello(Hello {
            proto: 1,
            site: self.site,
            instance: rand::random(),
            token: None,
            wall_ms: wall_ms(),
            sdk: "bench".to_owned(),
            codecs: Codec::offered(),
            cursor: None,
            subs,
            last_seq: Seq(0),
            settled: Seq(0),
            lineage: None,
            former: None,
            rest: Rest::default(),
        })
    }

    /// Sends one message.
    pub(crate) async fn send(&mut self, message: &Message) -> Result<()> {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, BINARY, &encode_frame(message, Codec::Plain).0);
        Ok(self.stream.write_all(&bytes).await?)
    }

    /// Waits for the next message; pings are answered, and snapshots and changes are applied at
    /// once.
    pub(crate) async fn receive(&mut self) -> Result<Message> {
        loop {
            let (opcode, payload) = self.frame().await?;
            match opcode {
                BINARY => {
                    let frame = decode_frame(&payload, FRAME_BYTES_MAX)?;
                    let through = match &frame.message {
                        Message::Changes(changes) => changes.through,
                        Message::Snapshot(_) => TxnId(0),
                        Message::Bye(bye) => bail!("the server says bye: {} {}", bye.code.as_str(), bye.message),
                        _ => return Ok(frame.message),
                    };
                    self.applied += frame.message_bytes;
                    let applied = Applied { through, bytes: self.applied, rest: Rest::default() };
                    self.send(&Message::Applied(applied)).await?;
                    return Ok(frame.message);
                }
                PING => {
                    let mut bytes = Vec::new();
                    put_frame(&mut bytes, PONG, &payload);
                    self.stream.write_all(&bytes).await?;
                }
                CLOSE => bail!("the server closed the connection"),
                _ => {}
            }
        }
    }

    /// Waits until the peer has everything.
    pub(crate) async fn caught_up(&mut self) -> Result<()> {
        loop {
            if let Message::Changes(changes) = self.receive().await?
                && changes.caught_up
            {
                return Ok(());
            }
        }
    }

    /// A frame of the server's: never masked, never in parts.
    async fn frame(&mut self) -> Result<(u8, Vec<u8>)> {
        loop {
            if let Some((opcode, head, length)) = frame_head(&self.buffer)
                && self.buffer.len() >= head + length
            {
                let payload = self.buffer[head..head + length].to_vec();
                self.buffer.drain(..head + length);
                self.received += (head + length) as u64;
                return Ok((opcode, payload));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection");
            }
        }
    }

    /// A transaction that upserts these documents, whose ids are texts.
    pub(crate) fn push(&mut self, collection: &CollectionName, documents: &[(String, Map)]) -> Result<Message> {
        self.last_seq += 1;
        let mut operations = Vec::with_capacity(documents.len());
        for (id, value) in documents {
            let mut document = Document::new();
            document.upsert(value, &[], self.clock.next(wall_ms()), WriteRules::NEWEST);
            let mut delta = Vec::new();
            document.encode(&mut delta);
            operations.push(PushOperation {
                collection: collection.clone(),
                id: DocumentId::from_value(&Value::String(id.clone()))?,
                kind: ItemKind::Delta,
                base: TxnId(0),
                delta,
                rest: Rest::default(),
            });
        }
        Ok(Message::Push(Push {
            seq: Seq(self.last_seq),
            operations,
            traceparent: None,
            needs: Vec::new(),
            rest: Rest::default(),
        }))
    }
}

/// What stands before a payload: its opcode, the head's length, the payload's.
fn frame_head(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let opcode = bytes.first()? & 0x0f;
    Some(match *bytes.get(1)? {
        126 => (opcode, 4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (opcode, 10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        length => (opcode, 2, usize::from(length)),
    })
}

fn put_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(FINAL | opcode);
    match payload.len() {
        length @ 0..126 => out.push(MASKED | length.to_le_bytes()[0]),
        length => match u16::try_from(length) {
            Ok(length) => {
                out.push(MASKED | 126);
                out.extend_from_slice(&length.to_be_bytes());
            }
            Err(_) => {
                out.push(MASKED | 127);
                out.extend_from_slice(&(length as u64).to_be_bytes());
            }
        },
    }
    out.extend_from_slice(&[0; 4]); // the mask
    out.extend_from_slice(payload);
}

#[expect(clippy::disallowed_methods, reason = "a peer stamps by the machine's clock")]
fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
