//! Frames in, pieces out, over one TLS stream.
//!
//! Invariant: what is read ahead never goes beyond [`limits::READ_AHEAD_BYTES_MAX`], unless a single announced frame does, and then
//! the user's share is charged for it.

use std::{io::IoSlice, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::server::TlsStream;

use crate::{
    admission::{HeldBytes, UserPlace},
    limits,
    refusal::Reason,
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
        Self { stream, inbox: BytesMut::new(), ended: false }
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
        Ok(Frame { bytes: self.inbox.split_to(len).freeze(), held })
    }

    async fn must_fill(&mut self, len_max: usize) -> Result<(), Reason> {
        let filled = timeout(limits::REQUEST_STALL_TIMEOUT, self.fill(len_max));
        if filled.await.map_err(|_| Reason::RequestStalled)?? {
            return Ok(());
        }
        Err(Reason::Broken { message: "the client left in the middle of a request".into() })
    }

    /// Reads what is there, until the inbox holds `len_max`; false at the end. Safe to cancel.
    async fn fill(&mut self, len_max: usize) -> Result<bool, Reason> {
        if self.ended {
            return Ok(false);
        }
        let room = len_max.saturating_sub(self.inbox.len()).max(1);
        self.inbox.reserve(room.min(limits::READ_AHEAD_BYTES_MAX));
        let read = (&mut self.stream).take(room as u64).read_buf(&mut self.inbox).await;
        match read {
            Ok(0) => self.ended = true,
            Ok(_) => {}
            // Many clients close without TLS's close_notify; between requests that loses nothing.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => self.ended = true,
            Err(error) => return Err(Reason::Broken { message: error.to_string() }),
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

    /// Writes `pieces`, in order. The client must take some of them within [`limits::WRITE_TIMEOUT`], again and again, and on average not less
    /// than [`limits::WRITE_BYTES_PER_SECOND_MIN`].
    pub(super) async fn write(&mut self, pieces: Vec<Bytes>) -> Result<(), Reason> {
        let bytes: usize = pieces.iter().map(Bytes::len).sum();
        let seconds = (bytes / limits::WRITE_BYTES_PER_SECOND_MIN) as u64;
        let patience = limits::WRITE_TIMEOUT + Duration::from_secs(seconds);
        timeout(patience, self.write_all(pieces)).await.map_err(|_| Reason::WriteSlow)?
    }

    async fn write_all(&mut self, pieces: Vec<Bytes>) -> Result<(), Reason> {
        let broken = |error: std::io::Error| Reason::Broken { message: error.to_string() };
        let mut pieces = std::collections::VecDeque::from(pieces);
        while !pieces.is_empty() {
            let slices: Vec<IoSlice<'_>> = pieces.iter().take(SLICES_MAX).map(|piece| IoSlice::new(piece)).collect();
            let write = timeout(limits::WRITE_TIMEOUT, self.stream.write_vectored(&slices));
            let mut written = write.await.map_err(|_| Reason::WriteTimeout)?.map_err(broken)?;
            if written == 0 {
                return Err(broken(std::io::ErrorKind::WriteZero.into()));
            }
            while let Some(front) = pieces.front_mut() {
                let taken = written.min(front.len());
                front.advance(taken);
                written -= taken;
                if !front.is_empty() {
                    break;
                }
                pieces.pop_front();
            }
        }
        timeout(limits::WRITE_TIMEOUT, self.stream.flush()).await.map_err(|_| Reason::WriteTimeout)?.map_err(broken)
    }

    /// Says goodbye as TLS wants it.
    pub(super) async fn close(mut self) {
        let _ = timeout(limits::DRAIN_TIMEOUT, self.stream.shutdown()).await;
    }
}
