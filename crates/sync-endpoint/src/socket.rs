//! A WebSocket over a connection.
//!
//! Invariants: reading may be given up and taken up again at any place; a peer that takes nothing
//! for [`SEND_TIMEOUT`] ends its connection.
//! Not here: frames (`sync_protocol::websocket`).

use std::io;

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use sync_protocol::websocket::{self, Decoder, Incoming, Outgoing, Role, WebSocketError};

use crate::limits::{CLOSE_TIMEOUT, SEND_TIMEOUT, SOCKET_BYTES};

/// The server's end.
pub(crate) struct Socket<S> {
    stream: S,
    decoder: Decoder,
    buffer: BytesMut,
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
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, decoder: Decoder::new(Role::Server), buffer: BytesMut::new() }
    }

    /// What comes next, a message being of at most `bytes_max`. Safe to cancel.
    pub(crate) async fn receive(&mut self, bytes_max: usize) -> Result<Incoming, SocketError> {
        loop {
            if let Some(incoming) = self.decoder.decode(&mut self.buffer, bytes_max)? {
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
