//! A WebSocket over a connection.
//!
//! Invariants: reading may be given up and taken up again at any place; a peer that takes nothing
//! for [`SEND_TIMEOUT`], or brings a message that is not whole after [`MESSAGE_TIMEOUT`], ends its
//! connection.
//! Not here: frames (`sync_protocol::websocket`).

use std::io;

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, timeout},
};

use sync_protocol::websocket::{self, Decoder, Incoming, Outgoing, Role, WebSocketError};

use crate::limits::{CLOSE_TIMEOUT, MESSAGE_TIMEOUT, SEND_TIMEOUT, SOCKET_BYTES};

/// The server's end.
pub(crate) struct Socket<S> {
    stream: S,
    decoder: Decoder,
    buffer: BytesMut,
    /// Since when a message is not whole.
    part_since: Option<Instant>,
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    WebSocket(#[from] WebSocketError),
    #[error("the peer has closed")]
    Closed,
    #[error("the peer takes nothing of what is sent")]
    Late,
    #[error("a message takes too long to come")]
    Slow,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, decoder: Decoder::new(Role::Server), buffer: BytesMut::new(), part_since: None }
    }

    /// What comes next, a message being of at most `bytes_max`. Safe to cancel.
    pub(crate) async fn receive(&mut self, bytes_max: usize) -> Result<Incoming, SocketError> {
        loop {
            let incoming = self.decoder.decode(&mut self.buffer, bytes_max)?;
            let has_part = self.decoder.has_part() || (incoming.is_none() && !self.buffer.is_empty());
            if has_part {
                // What comes between two pieces of a message says nothing of that.
                if self.part_since.get_or_insert_with(Instant::now).elapsed() > MESSAGE_TIMEOUT {
                    return Err(SocketError::Slow);
                }
            } else {
                self.part_since = None;
            }
            if let Some(incoming) = incoming {
                if self.buffer.is_empty() {
                    // Its capacity says nothing of what was taken off its front, which it still holds.
                    self.buffer = BytesMut::new();
                }
                return Ok(incoming);
            }
            self.buffer.reserve(SOCKET_BYTES);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(SocketError::Closed);
            }
        }
    }

    pub(crate) async fn send(&mut self, frame: Outgoing<'_>) -> Result<(), SocketError> {
        let mut bytes = Vec::new();
        websocket::encode(&mut bytes, frame, None);
        let sent = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        timeout(SEND_TIMEOUT, sent).await.map_err(|_| SocketError::Late)?.map_err(SocketError::from)
    }

    /// Says that it is over, and waits a little until the other side has taken that.
    pub(crate) async fn close(mut self, status: u16) {
        let ended = async {
            self.send(Outgoing::Close(status)).await.ok()?;
            self.stream.shutdown().await.ok()?;
            while self.receive(0).await.is_ok_and(|incoming| incoming != Incoming::Close) {}
            Some(())
        };
        let _ = timeout(CLOSE_TIMEOUT, ended).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part of eight megabytes could otherwise be held for ever by pings.
    #[tokio::test(start_paused = true)]
    async fn a_message_that_never_ends_ends_the_connection_whatever_comes_between() {
        let (mut peer, stream) = tokio::io::duplex(1 << 16);
        let mut socket = Socket::new(stream);
        peer.write_all(&[0x02, 0x81, 0, 0, 0, 0, b'a']).await.unwrap(); // the first part of a message
        let ping = [0x89, 0x80, 0, 0, 0, 0];
        let mut pings = 0;
        let ended = loop {
            peer.write_all(&ping).await.unwrap();
            match socket.receive(100).await {
                Ok(incoming) => assert_eq!(incoming, Incoming::Ping(Vec::new())),
                Err(error) => break error,
            }
            pings += 1;
            let waited = timeout(MESSAGE_TIMEOUT / 10, socket.receive(100)).await;
            if let Ok(Err(error)) = waited {
                break error;
            }
        };
        assert!(matches!(ended, SocketError::Slow), "{ended}");
        assert!((9..=12).contains(&pings), "{pings}");
    }

    /// What thousands of sessions that only wait would hold.
    #[tokio::test]
    async fn a_large_message_leaves_no_large_buffer() {
        let (mut peer, stream) = tokio::io::duplex(1 << 16);
        let large = vec![7; 1 << 20];
        let sent = tokio::spawn(async move {
            let mut bytes = Vec::new();
            websocket::encode(&mut bytes, Outgoing::Binary(&large), Some([1, 2, 3, 4]));
            websocket::encode(&mut bytes, Outgoing::Binary(b"small"), Some([1, 2, 3, 4]));
            peer.write_all(&bytes).await.unwrap();
            peer
        });
        let mut socket = Socket::new(stream);
        assert_eq!(socket.receive(1 << 20).await.unwrap(), Incoming::Binary(vec![7; 1 << 20]));
        assert_eq!(socket.receive(1 << 20).await.unwrap(), Incoming::Binary(b"small".to_vec()));
        assert!(socket.buffer.capacity() <= SOCKET_BYTES, "{} bytes", socket.buffer.capacity());
        drop(sent.await.unwrap());
    }
}
