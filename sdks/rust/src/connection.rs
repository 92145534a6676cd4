//! One connection: a thread that makes it and reads, and one that writes.
//!
//! Invariants: the peer's thread waits for neither; what a connection that was given up still says
//! is known by its number, and ignored.
//! Not here: when to connect (`peer-core`), frames of a WebSocket (`websocket`).

use std::{
    io::{self, BufReader},
    net::{Shutdown, TcpStream, ToSocketAddrs as _},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
};

use crate::{
    config::Endpoint,
    limits::{FRAMES_MAX, PING_AFTER, SOCKET_TIMEOUT},
    mailbox::{Mailbox, Message},
    websocket::{self, Incoming, Outgoing, Reader},
};

/// The way to the writing thread. Once it is dropped, what was sent goes out and the connection is
/// closed.
#[derive(Debug)]
pub(crate) struct Link {
    messages: SyncSender<Outgoing>,
}

impl Link {
    /// Whether there was room.
    pub(crate) fn send(&self, message: Outgoing) -> bool {
        self.messages.try_send(message).is_ok()
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
    mailbox.tell(Message::Connected { number, link: Link { messages: sender } });
    let mut stream = BufReader::new(stream);
    let mut reader = Reader::default();
    loop {
        mailbox.tell(match reader.read(&mut stream)? {
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
fn write(mut stream: TcpStream, messages: &Receiver<Outgoing>) {
    loop {
        let (message, is_last) = match messages.recv_timeout(PING_AFTER) {
            Ok(message) => (message, false),
            Err(RecvTimeoutError::Timeout) => (Outgoing::Ping, false),
            Err(RecvTimeoutError::Disconnected) => (Outgoing::Close, true),
        };
        if websocket::write(&mut stream, &message).is_err() || is_last {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}
