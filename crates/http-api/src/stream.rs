//! A connection's stream with two manners that HTTP over TCP needs and hyper leaves to its user.
//!
//! **Stalls.** A client that takes none of its reply would keep the reply in memory for ever; after a while the write fails.
//!
//! **Endings.** A request can be answered before its body was read (413). Closing then, with bytes of the body unread, makes the kernel send
//! a reset, and the client may lose the reply to it. So the writing half is closed first, and what still comes is thrown away for a while
//! (as nginx does with `lingering_close`; RFC 9112 section 9.6).

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use crate::{
    guests::Guest,
    limits::{LINGER_BYTES_MAX, LINGER_TIMEOUT, WRITE_TIMEOUT},
};

/// The stream of a connection that a peer may neither stall nor lose the end of.
pub(crate) struct ClientStream<S> {
    stream: S,
    guest: Arc<Guest>,
    /// Runs while a write makes no progress.
    stall: Option<Pin<Box<Sleep>>>,
    write_closed: bool,
    thrown_away: usize,
    /// Runs while the peer's last bytes are thrown away.
    linger: Option<Pin<Box<Sleep>>>,
}

impl<S> ClientStream<S> {
    pub(crate) fn new(stream: S, guest: Arc<Guest>) -> Self {
        Self { stream, guest, stall: None, write_closed: false, thrown_away: 0, linger: None }
    }

    fn wrote(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.guest.reply_goes_on();
        }
        self.bound(context, written)
    }

    /// Passes progress on; what makes none for too long fails.
    fn bound<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        self.guest.reply_rests();
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT)));
        ready!(stall.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing of its reply")))
    }
}

impl<S: AsyncRead + Unpin> ClientStream<S> {
    fn poll_throw_away(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let linger = self.linger.get_or_insert_with(|| Box::pin(sleep(LINGER_TIMEOUT)));
        if linger.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let mut scratch = [0; 8 * 1024];
        while self.thrown_away < LINGER_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => self.thrown_away += buffer.filled().len(),
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.guest.reply_rests();
        }
        self.bound(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.write_closed {
            let closed = Pin::new(&mut self.stream).poll_shutdown(context);
            ready!(self.bound(context, closed))?;
            self.write_closed = true;
        }
        self.poll_throw_away(context).map(Ok)
    }
}
