//! What the HTTP API asks of the endpoint of small peers, which it does not know: to take over
//! connections that were upgraded.

use std::{fmt, future::Future, io, net::IpAddr, pin::Pin};

use tokio::io::{AsyncRead, AsyncWrite};

/// Takes connections over that were upgraded to `headwater.sync.1`.
pub trait PeerSessions: Send + Sync + fmt::Debug {
    /// Takes a connection over; `false` if there is no room, or the server stops. Must not wait.
    fn take_over(&self, connection: PeerConnection) -> bool;
}

/// A connection that becomes a WebSocket once its request is answered.
pub struct PeerConnection {
    /// The app's name as the path says it. Whether it exists is not looked at.
    pub app: String,
    /// Who is at the other end.
    pub address: IpAddr,
    /// Whether its listener takes requests without keys, while none was made. If so, and there is
    /// none, the request's Host and Origin were looked at.
    pub is_open: bool,
    /// The connection, once the answer is out.
    pub stream: Upgrading,
}

/// Ends with the connection, or with why it was not upgraded.
pub type Upgrading = Pin<Box<dyn Future<Output = io::Result<Box<dyn PeerStream>>> + Send>>;

/// Bytes to and from a peer.
pub trait PeerStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> PeerStream for S {}

impl fmt::Debug for PeerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, address, is_open, .. } = self;
        f.debug_struct("PeerConnection")
            .field("app", app)
            .field("address", address)
            .field("is_open", is_open)
            .finish_non_exhaustive()
    }
}
