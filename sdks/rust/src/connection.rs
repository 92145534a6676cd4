//! One connection: a thread that makes it and reads, and one that writes.
//!
//! Invariants: the peer's thread waits for neither; what a connection that was given up still says
//! is known by its number, and ignored.
//! Not here: when to connect (`peer-core`), frames of a WebSocket (`websocket`).

use std::{
    io::{self, Write as _},
    net::{Shutdown, TcpStream, ToSocketAddrs as _},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
};

use sync_protocol::websocket::{Incoming, Outgoing};

use crate::{
    config::Endpoint,
    limits::{FRAMES_MAX, PING_AFTER, SOCKET_TIMEOUT},
    mailbox::{Mailbox, Message},
    websocket::{self, Reader},
};

/// RFC 6455, section 7.4.1.
const CLOSE_DONE: u16 = 1000;

/// The way to the writing thread. Once it is dropped, what was sent goes out and the connection is
/// closed.
#[derive(Debug)]
pub(crate) struct Link {
    frames: SyncSender<Vec<u8>>,
}

impl Link {
    /// Whether there was room.
    pub(crate) fn send(&self, frame: Outgoing<'_>) -> bool {
        self.frames.try_send(websocket::encoded(frame)).is_ok()
    }
}

/// Makes connection `number`, on a thread of its own.
pub(crate) fn start(endpoint: Endpoint, number: u64, mailbox: Mailbox) -> io::Result<()> {
    let run = move || {
        // Why it ended makes no difference: the peer tries again after a while.
        let _ = run(&endpoint, number, &mailbox);
        mailbox.tell(Message::Lost { number });
    };
    thread::Builder::new().name("headwater-read".to_owned()).spawn(run).map(drop)
}

fn run(endpoint: &Endpoint, number: u64, mailbox: &Mailbox) -> io::Result<()> {
    let mut stream = connect(&endpoint.authority)?;
    websocket::upgrade(&mut stream, endpoint)?;
    stream.set_read_timeout(None)?; // the peer's clock ends a connection that says nothing
    let writing = stream.try_clone()?;
    let (sender, receiver) = sync_channel(FRAMES_MAX);
    thread::Builder::new().name("headwater-write".to_owned()).spawn(move || write(writing, &receiver))?;
    mailbox.tell(Message::Connected { number, link: Link { frames: sender } });
    let mut reader = Reader::new(stream);
    loop {
        mailbox.tell(match reader.read()? {
            Incoming::Binary(frame) => Message::Received { number, frame },
            Incoming::Ping(bytes) => Message::Heard { number, ping: Some(bytes) },
            Incoming::Pong => Message::Heard { number, ping: None },
            Incoming::Close => return Ok(()),
        });
    }
}

fn connect(authority: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the server's name has no address");
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, SOCKET_TIMEOUT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(SOCKET_TIMEOUT))?;
                stream.set_write_timeout(Some(SOCKET_TIMEOUT))?;
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Ends the stream when it ends, so that the reading thread ends too.
fn write(mut stream: TcpStream, frames: &Receiver<Vec<u8>>) {
    loop {
        let (frame, is_last) = match frames.recv_timeout(PING_AFTER) {
            Ok(frame) => (frame, false),
            Err(RecvTimeoutError::Timeout) => (websocket::encoded(Outgoing::Ping), false),
            Err(RecvTimeoutError::Disconnected) => (websocket::encoded(Outgoing::Close(CLOSE_DONE)), true),
        };
        if stream.write_all(&frame).is_err() || is_last {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}
