//! One connection: a thread that makes it, and reads and writes as the socket can.
//!
//! Invariants: the peer's thread never waits for it; what a connection that was given up still says
//! is known by its number, and ignored. One thread does both directions, since a TLS stream is one
//! state: it sleeps until the socket can go on or a frame is to be sent.
//! Not here: when to connect (`peer-core`), messages of a WebSocket (`websocket`).

use std::{
    io,
    net::{Shutdown, TcpStream, ToSocketAddrs as _},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
    thread,
    time::Instant,
};

use mio::{Events, Interest, Poll, Token, Waker};
use rustls::StreamOwned;

use crate::{
    config::Endpoint,
    limits::{FRAMES_MAX, PING_AFTER, READ_TURN, SOCKET_TIMEOUT},
    mailbox::{Mailbox, Message},
    tls::Tls,
    websocket::{Incoming, Socket, Wire},
};

const SOCKET: Token = Token(0);
const FRAMES: Token = Token(1);

/// How many kinds of events there are.
const EVENTS: usize = 2;

/// Where a server is, and how it is spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) endpoint: Endpoint,
    pub(crate) tls: Tls,
}

/// The way to the connection's thread. Once it is dropped, what was sent goes out and the connection
/// is closed.
#[derive(Debug)]
pub(crate) struct Link {
    frames: Option<SyncSender<Vec<u8>>>,
    waker: Arc<Waker>,
}

impl Link {
    /// Whether there was room.
    pub(crate) fn send(&self, frame: Vec<u8>) -> bool {
        self.frames.as_ref().is_some_and(|frames| frames.try_send(frame).is_ok()) && self.waker.wake().is_ok()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.frames = None;
        let _ = self.waker.wake(); // it finds out with its next ping otherwise
    }
}

/// Makes connection `number`, on a thread of its own.
pub(crate) fn start(server: Server, number: u64, mailbox: Mailbox) -> io::Result<()> {
    let run = move || {
        let why = run(&server, number, &mailbox).err().map(|error| error.to_string());
        mailbox.tell(Message::Lost { number, why });
    };
    thread::Builder::new().name("headwater-sync".to_owned()).spawn(run).map(drop)
}

fn run(server: &Server, number: u64, mailbox: &Mailbox) -> io::Result<()> {
    let stream = connect(&server.endpoint.authority)?;
    let control = stream.try_clone()?;
    let tcp = mio::net::TcpStream::from_std(stream);
    let wire = match server.endpoint.is_tls {
        true => Wire::Tls(Box::new(StreamOwned::new(server.tls.connection(server.endpoint.host())?, tcp))),
        false => Wire::Plain(tcp),
    };
    let mut socket = Socket::upgrade(wire, &server.endpoint)?;
    control.set_nonblocking(true)?;
    let poll = Poll::new()?;
    poll.registry().register(socket.stream().tcp(), SOCKET, Interest::READABLE | Interest::WRITABLE)?;
    let waker = Arc::new(Waker::new(poll.registry(), FRAMES)?);
    let _kept = waker.clone(); // with it would go that it woke, if nobody has seen that yet
    let (sender, frames) = sync_channel(FRAMES_MAX);
    mailbox.tell(Message::Connected { number, link: Link { frames: Some(sender), waker } });
    let done = exchange(&mut socket, poll, &frames, number, mailbox);
    let _ = control.shutdown(Shutdown::Both);
    done
}

/// A connection that is waited for, at most so long at each step.
pub(crate) fn connect(authority: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the server's name has no address");
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, SOCKET_TIMEOUT) {
            Ok(stream) => {
                // For the greetings; from then on the peer's clock ends a connection that says nothing.
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

/// Until either side closes. An event of the socket comes once, so each turn goes on until the socket
/// has nothing and takes nothing more.
fn exchange(
    socket: &mut Socket<Wire>,
    mut poll: Poll,
    frames: &Receiver<Vec<u8>>,
    number: u64,
    mailbox: &Mailbox,
) -> io::Result<()> {
    let mut events = Events::with_capacity(EVENTS);
    let mut sent = Instant::now();
    // When what is left to be sent is given up, once nothing more is to come.
    let mut ends: Option<Instant> = None;
    loop {
        let is_drained = receive(socket, number, mailbox)?;
        while socket.flush()? && ends.is_none() {
            match frames.try_recv() {
                Ok(frame) => socket.send(frame)?,
                Err(TryRecvError::Empty) if sent.elapsed() >= PING_AFTER => socket.ping()?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    socket.close()?;
                    ends = Some(Instant::now() + SOCKET_TIMEOUT);
                }
            }
            sent = Instant::now();
        }
        let wait = match ends {
            Some(ends) if socket.flush()? || ends <= Instant::now() => return Ok(()),
            Some(ends) => ends.saturating_duration_since(Instant::now()),
            None if !socket.flush()? => PING_AFTER, // the socket says when it takes more
            None => PING_AFTER.saturating_sub(sent.elapsed()),
        };
        let wait = if is_drained { wait } else { Default::default() };
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            polled => polled?,
        }
    }
}

/// Hands over what came, for one turn: whether nothing more is there.
fn receive(socket: &mut Socket<Wire>, number: u64, mailbox: &Mailbox) -> io::Result<bool> {
    for _ in 0..READ_TURN {
        mailbox.tell(match socket.receive()? {
            Some(Incoming::Frame(frame)) => Message::Received { number, frame },
            Some(Incoming::Heard) => Message::Heard { number },
            Some(Incoming::Close) => return Err(io::ErrorKind::ConnectionAborted.into()),
            None => return Ok(true),
        });
    }
    Ok(false)
}
