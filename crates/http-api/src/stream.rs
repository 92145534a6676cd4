//! A connection's stream with two manners that HTTP over TCP needs and hyper leaves to its user.
//!
//! **Stalls.** A client that takes none of its reply would keep the reply in memory for ever, and one that takes a
//! byte now and then for as good as ever; after a while the write fails.
//!
//! **Endings.** A request can be answered before its body was read (413). Closing then, with bytes of the body
//! unread, makes the kernel send a reset, and the client may lose the reply to it. So the writing half is closed
//! first, and what still comes is thrown away for a while (as nginx does with `lingering_close`; RFC 9112 section
//! 9.6).

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep, sleep_until},
};

use crate::{
    guests::Guest,
    limits::{LINGER_BYTES_MAX, LINGER_TIMEOUT, WRITE_BYTES_PER_SECOND_MIN, WRITE_REST_MAX, WRITE_TIMEOUT},
};

/// The stream of a connection that a peer may neither stall nor lose the end of.
pub(crate) struct ClientStream<S> {
    stream: S,
    guest: Arc<Guest>,
    pace: Pace,
    /// Runs while a write makes no progress.
    stall: Option<Pin<Box<Sleep>>>,
    write_closed: bool,
    thrown_away: usize,
    /// Runs while the peer's last bytes are thrown away.
    linger: Option<Pin<Box<Sleep>>>,
}

/// How a client takes what it is sent.
#[derive(Debug, Default)]
struct Pace {
    /// Whether the kernel waits for the client.
    waits: bool,
    /// Up to when it has taken enough.
    earned: Option<Instant>,
}

impl Pace {
    /// By when a client that takes nothing at `now` has to take more.
    fn due(&mut self, now: Instant) -> Instant {
        let earned = self.earned_at(now);
        self.waits = true;
        self.earned = Some(earned);
        earned + WRITE_TIMEOUT
    }

    /// It took so many bytes at `now`: of what it takes at once it may rest later, up to a bound.
    fn took(&mut self, bytes: usize, now: Instant) {
        let more = Duration::from_millis(bytes as u64 * 1000 / WRITE_BYTES_PER_SECOND_MIN);
        self.earned = Some((self.earned_at(now) + more).min(now + WRITE_REST_MAX));
    }

    fn took_all(&mut self) {
        self.waits = false;
    }

    /// While nothing waits for the client, time is not held against it.
    fn earned_at(&self, now: Instant) -> Instant {
        match self.earned {
            Some(earned) if self.waits => earned,
            earned => earned.map_or(now, |earned| earned.max(now)),
        }
    }
}

impl<S> ClientStream<S> {
    pub(crate) fn new(stream: S, guest: Arc<Guest>) -> Self {
        Self { stream, guest, pace: Pace::default(), stall: None, write_closed: false, thrown_away: 0, linger: None }
    }

    fn wrote(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.pace.took(bytes, Instant::now());
            self.guest.reply_goes_on(bytes as u64);
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
        let pace = &mut self.pace;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep_until(pace.due(Instant::now()))));
        ready!(stall.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client takes nothing of its reply, or hardly any",
        )))
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
            self.pace.took_all();
            self.guest.reply_is_out();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a client is waited for that takes `bytes` every `pause`; at most a day.
    fn waited_for(bytes: usize, pause: Duration) -> Duration {
        let start = Instant::now();
        let mut pace = Pace::default();
        let mut now = start;
        while now - start < Duration::from_secs(24 * 3600) {
            let due = pace.due(now);
            if due < now + pause {
                return due.max(now) - start;
            }
            now += pause;
            pace.took(bytes, now);
        }
        now - start
    }

    #[test]
    fn who_takes_too_little_is_not_waited_for() {
        let second = Duration::from_secs(1);
        let least = WRITE_BYTES_PER_SECOND_MIN as usize;
        assert_eq!(waited_for(0, second), WRITE_TIMEOUT);
        assert_eq!(waited_for(1, 29 * second), WRITE_TIMEOUT);
        assert_eq!(waited_for(least / 2, second).as_secs(), 2 * WRITE_TIMEOUT.as_secs() - 1);
        assert!(waited_for(least, second) >= 24 * 3600 * second);
        assert_eq!(waited_for(1 << 30, 31 * second), WRITE_TIMEOUT);
    }

    /// `curl --limit-rate` takes what the kernel has room for, and rests until its average is right.
    #[test]
    fn who_took_much_may_rest_for_a_while() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        pace.took(2 << 20, start);
        pace.took_all();
        assert_eq!(pace.due(start), start + Duration::from_secs(128) + WRITE_TIMEOUT);
        pace.took(1 << 30, start + Duration::from_secs(100));
        let most = Duration::from_secs(100) + WRITE_REST_MAX + WRITE_TIMEOUT;
        assert_eq!(pace.due(start + Duration::from_secs(100)), start + most);
        pace.took_all();
        // What was earned is gone by a later reply.
        let later = start + 2 * most;
        assert_eq!(pace.due(later), later + WRITE_TIMEOUT);
    }
}
