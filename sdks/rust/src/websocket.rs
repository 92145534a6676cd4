//! The client's end of a WebSocket, by tungstenite: the upgrade, and messages over a stream that does
//! not block.
//!
//! Invariants: what comes is at most as large as a frame of the protocol, and is looked at before
//! room is made for it; pings are answered.
//! Not here: threads and connections (`connection`).

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use rustls::{ClientConnection, StreamOwned};
use sync_protocol::limits::FRAME_BYTES_MAX;
use tungstenite::{
    Error, HandshakeError, Message, WebSocket, handshake::client::generate_key, http::Request,
    protocol::WebSocketConfig,
};

use crate::{
    config::Endpoint,
    limits::{READ_BYTES, WRITE_BYTES},
};

/// Bytes to and from a server.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    pub(crate) fn tcp(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => &mut tls.sock,
        }
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(into),
            Self::Tls(tls) => tls.read(into),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Frame(Vec<u8>),
    /// A ping, which is answered, or a pong.
    Heard,
    /// The server closes.
    Close,
}

/// A WebSocket that was taken up.
pub(crate) struct Socket<S> {
    socket: WebSocket<S>,
    /// Whether all that was sent is with the system.
    is_flushed: bool,
}

impl<S: Read + Write> Socket<S> {
    /// Asks for the protocol, and reads that the server takes it up. The stream blocks here.
    pub(crate) fn upgrade(stream: S, endpoint: &Endpoint) -> io::Result<Self> {
        let Endpoint { is_tls, authority, path } = endpoint;
        let scheme = if *is_tls { "wss" } else { "ws" };
        let request = Request::get(format!("{scheme}://{authority}{path}"))
            .header("Host", authority)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key())
            .header("Sec-WebSocket-Protocol", "headwater.sync.1")
            .body(())
            .map_err(io::Error::other)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(WRITE_BYTES)
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        match tungstenite::client::client_with_config(request, stream, Some(config)) {
            Ok((socket, _)) => Ok(Self { socket, is_flushed: true }),
            Err(HandshakeError::Interrupted(_)) => Err(io::ErrorKind::TimedOut.into()),
            Err(HandshakeError::Failure(error)) => Err(broken(error)),
        }
    }

    pub(crate) fn stream(&mut self) -> &mut S {
        self.socket.get_mut()
    }

    /// The next message; `None` if it is not there yet.
    pub(crate) fn receive(&mut self) -> io::Result<Option<Incoming>> {
        match self.socket.read() {
            Ok(Message::Binary(frame)) => Ok(Some(Incoming::Frame(frame.into()))),
            Ok(Message::Ping(_)) => {
                self.is_flushed = false; // its answer
                Ok(Some(Incoming::Heard))
            }
            Ok(Message::Pong(_)) => Ok(Some(Incoming::Heard)),
            Ok(Message::Close(_)) | Err(Error::ConnectionClosed) => Ok(Some(Incoming::Close)),
            Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "a text message")),
            Err(error) if would_block(&error) => Ok(None),
            Err(error) => Err(broken(error)),
        }
    }

    /// Sends as much of what is to be sent as the system takes: whether that was all of it.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        if !self.is_flushed {
            self.is_flushed = taken(self.socket.flush())?;
        }
        Ok(self.is_flushed)
    }

    /// To be called when all before it was flushed, so that no more than one waits here.
    pub(crate) fn send(&mut self, frame: Vec<u8>) -> io::Result<()> {
        self.write(Message::binary(frame))
    }

    pub(crate) fn ping(&mut self) -> io::Result<()> {
        self.write(Message::Ping(Default::default()))
    }

    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.is_flushed = false;
        taken(self.socket.close(None)).map(drop)
    }

    fn write(&mut self, message: Message) -> io::Result<()> {
        self.is_flushed = false;
        taken(self.socket.write(message)).map(drop)
    }
}

/// Whether the system took all of it.
fn taken(done: Result<(), Error>) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if would_block(&error) => Ok(false),
        Err(error) => Err(broken(error)),
    }
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn broken(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}
