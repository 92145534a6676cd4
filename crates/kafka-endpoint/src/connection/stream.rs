//! Frames in, pieces out, over one TLS stream.
//!
//! Invariant: what is read ahead never goes beyond [`limits::READ_AHEAD_BYTES_MAX`], unless a single announced frame
//! does, and then the user's share is charged for it.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    io::{self, IoSlice},
    task::Poll,
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use socket2::SockRef;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::server::TlsStream;

use crate::{
    admission::{HeldBytes, UserPlace},
    limits,
    reason::Reason,
    reply::Reply,
};

/// Bytes of a frame's length.
const LENGTH_BYTES: usize = 4;

/// Pieces handed to TLS at once.
const SLICES_MAX: usize = 64;

pub(super) struct FrameStream {
    stream: TlsStream<TcpStream>,
    inbox: BytesMut,
    /// The client sends no more.
    ended: bool,
    /// The client has shown that it takes what it gets.
    takes_all: bool,
}

/// One request's bytes, without their length.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Bytes,
    /// What a large one holds of the user's share.
    pub(super) held: Option<HeldBytes>,
}

/// What reading ahead came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReadAhead {
    /// The client sends no more.
    End,
}

impl FrameStream {
    pub(super) fn new(stream: TlsStream<TcpStream>) -> Self {
        bound_unsent(stream.get_ref().0, false);
        Self { stream, inbox: BytesMut::new(), ended: false, takes_all: false }
    }

    /// The next request; `None` when the client has closed between two.
    pub(super) async fn next_frame(&mut self, place: &UserPlace) -> Result<Option<Frame>, Reason> {
        if self.inbox.is_empty() && !self.fill_one(limits::IDLE_TIMEOUT, Reason::Idle).await? {
            return Ok(None);
        }
        timeout(limits::REQUEST_TIMEOUT, self.rest_of_frame(place)).await.map_err(|_| Reason::RequestTimeout)?.map(Some)
    }

    async fn fill_one(&mut self, patience: std::time::Duration, reason: Reason) -> Result<bool, Reason> {
        timeout(patience, self.fill(limits::READ_AHEAD_BYTES_MAX)).await.map_err(|_| reason)?
    }

    async fn rest_of_frame(&mut self, place: &UserPlace) -> Result<Frame, Reason> {
        while self.inbox.len() < LENGTH_BYTES {
            self.must_fill(limits::READ_AHEAD_BYTES_MAX).await?;
        }
        let announced = i32::from_be_bytes([self.inbox[0], self.inbox[1], self.inbox[2], self.inbox[3]]);
        let len = usize::try_from(announced).unwrap_or(0);
        if !(limits::REQUEST_BYTES_MIN..=limits::REQUEST_BYTES_MAX).contains(&len) {
            return Err(Reason::FrameSize { bytes: announced });
        }
        let whole = LENGTH_BYTES + len;
        // What was announced only takes no room from others.
        while self.inbox.len() < whole.min(limits::READ_AHEAD_BYTES_MAX) {
            self.must_fill(limits::READ_AHEAD_BYTES_MAX).await?;
        }
        let held = if whole > limits::READ_AHEAD_BYTES_MAX { Some(place.hold_request(whole).await) } else { None };
        while self.inbox.len() < whole {
            self.must_fill(whole).await?;
        }
        self.inbox.advance(LENGTH_BYTES);
        let bytes = self.inbox.split_to(len).freeze();
        if self.inbox.is_empty() {
            // The buffer goes with the request, so that none is kept while nothing comes.
            self.inbox = BytesMut::new();
        }
        Ok(Frame { bytes, held })
    }

    async fn must_fill(&mut self, len_max: usize) -> Result<(), Reason> {
        let filled = timeout(limits::REQUEST_STALL_TIMEOUT, self.fill(len_max));
        if filled.await.map_err(|_| Reason::RequestStalled)?? {
            return Ok(());
        }
        Err(Reason::Broken { message: "the client left in the middle of a request".into() })
    }

    /// Reads what is there, until the inbox holds `len_max`; false at the end. While nothing comes,
    /// no buffer waits for it. Safe to cancel.
    async fn fill(&mut self, len_max: usize) -> Result<bool, Reason> {
        if self.ended {
            return Ok(false);
        }
        let room = len_max.saturating_sub(self.inbox.len()).max(1);
        match self.stream.fill_buf().await {
            Ok([]) => self.ended = true,
            Ok(bytes) => {
                let bytes = &bytes[..bytes.len().min(room)];
                self.inbox.extend_from_slice(bytes);
                let read = bytes.len();
                self.stream.consume(read);
            }
            // Many clients close without TLS's close_notify; between requests that loses nothing.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.ended = true,
            Err(error) => return Err(broken(error)),
        }
        Ok(!self.ended)
    }

    /// Reads while a request is being answered; comes back only when the client sends no more. Safe to cancel.
    pub(super) async fn read_ahead(&mut self) -> ReadAhead {
        while !self.ended && self.inbox.len() < limits::READ_AHEAD_BYTES_MAX {
            if !matches!(self.fill(limits::READ_AHEAD_BYTES_MAX).await, Ok(true)) {
                self.ended = true;
                return ReadAhead::End;
            }
        }
        std::future::pending().await
    }

    /// Writes a reply, and gives back what it holds as the client takes it. The client must take some
    /// of it within [`limits::WRITE_TIMEOUT`], again and again, and on average not less than
    /// [`limits::WRITE_BYTES_PER_SECOND_MIN`]; while others wait for room, it may have to go after
    /// [`limits::STALL_MIN`].
    pub(super) async fn write(&mut self, reply: Reply, place: &UserPlace) -> Result<(), Reason> {
        let bytes = reply.len_bytes();
        let seconds = (bytes / limits::WRITE_BYTES_PER_SECOND_MIN) as u64;
        let patience = limits::WRITE_TIMEOUT + Duration::from_secs(seconds);
        let is_charged = reply.held.is_some();
        let longest = timeout(patience, self.write_all(reply, bytes, place)).await.map_err(|_| Reason::WriteSlow)??;
        if is_charged {
            self.note_taken(bytes, longest, place);
        }
        Ok(())
    }

    /// Gives the longest time in which the client took nothing.
    async fn write_all(&mut self, reply: Reply, bytes: usize, place: &UserPlace) -> Result<Duration, Reason> {
        let Reply { pieces, mut held } = reply;
        let mut pieces = VecDeque::from(pieces);
        // A piece is in memory as long as any of it is to be handed over.
        let (mut left, mut of_front) = (bytes, 0);
        let mut longest = Duration::ZERO;
        while !pieces.is_empty() {
            let slices: Vec<IoSlice<'_>> = pieces.iter().take(SLICES_MAX).map(|piece| IoSlice::new(piece)).collect();
            let (mut written, waited) = taken(self.stream.write_vectored(&slices), held.as_ref(), place).await?;
            if written == 0 {
                return Err(broken(io::ErrorKind::WriteZero.into()));
            }
            longest = longest.max(waited);
            if waited >= limits::STALL_MIN {
                self.allow_unsent(false);
            }
            while let Some(front) = pieces.front_mut() {
                let taken = written.min(front.len());
                front.advance(taken);
                (written, of_front) = (written - taken, of_front + taken);
                if !front.is_empty() {
                    break;
                }
                pieces.pop_front();
                left -= std::mem::take(&mut of_front);
            }
            if let Some(held) = &mut held {
                held.shrink_to(left + limits::TLS_BYTES_MAX);
            }
        }
        let ((), waited) = taken(self.stream.flush(), held.as_ref(), place).await?;
        Ok(longest.max(waited))
    }

    /// A client that takes what it gets may have more of it under way.
    fn note_taken(&mut self, bytes: usize, longest: Duration, place: &UserPlace) {
        let takes_all = place.note_taken(bytes, longest >= limits::STALL_MIN);
        self.allow_unsent(takes_all);
    }

    fn allow_unsent(&mut self, takes_all: bool) {
        if takes_all != self.takes_all {
            self.takes_all = takes_all;
            bound_unsent(self.stream.get_ref().0, takes_all);
        }
    }

    /// Says goodbye as TLS wants it.
    pub(super) async fn close(mut self) {
        let _ = timeout(limits::DRAIN_TIMEOUT, self.stream.shutdown()).await;
    }
}

/// Waits until the client takes something; also gives how long that was. Meanwhile it counts as
/// stalled if it holds something that others may wait for.
async fn taken<T>(
    writing: impl Future<Output = io::Result<T>>,
    held: Option<&HeldBytes>,
    place: &UserPlace,
) -> Result<(T, Duration), Reason> {
    let mut writing = std::pin::pin!(writing);
    if let Poll::Ready(done) = poll_fn(|context| Poll::Ready(writing.as_mut().poll(context))).await {
        return Ok((done.map_err(broken)?, Duration::ZERO));
    }
    let since = Instant::now();
    let stall = held.filter(|held| held.bytes() > 0).map(|_| place.stall());
    let cut = async {
        match &stall {
            Some(stall) => stall.cut().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        done = timeout(limits::WRITE_TIMEOUT, writing) => {
            Ok((done.map_err(|_| Reason::WriteTimeout)?.map_err(broken)?, since.elapsed()))
        }
        () = cut => Err(Reason::Stalled),
    }
}

/// Bounds what the system holds of what the client does not take. It is a matter of speed and of
/// seeing progress, so one that cannot be set is none.
fn bound_unsent(socket: &TcpStream, takes_all: bool) {
    let bytes = if takes_all { limits::UNSENT_BYTES_MAX } else { limits::FIRST_UNSENT_BYTES_MAX };
    if let Err(error) = SockRef::from(socket).set_tcp_notsent_lowat(bytes) {
        tracing::debug!(%error, "what a socket holds unsent cannot be bounded");
    }
}

fn broken(error: io::Error) -> Reason {
    Reason::Broken { message: error.to_string() }
}
